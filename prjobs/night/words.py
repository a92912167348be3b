"""Words for the numbers of a night, the same in the page, the terminal and the charts."""

from math import floor

PHASE_WORDS = {
    "waiting": "waiting",
    "picked_up": "picked up",
    "running": "running",
    "done": "done",
    "failed": "failed",
    "gone": "cancelled or expired",
}


def duration(seconds: float | None) -> str:
    """Return a duration as in the monitor: `3.1 s`, `45 s`, `2:39`, `1:04:10`, `3 d 04 h`; a dash for None."""
    if seconds is None:
        return "—"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = floor(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if not hours:
        return f"{minutes}:{whole % 60:02}"
    return f"{days} d {hours % 24:02} h" if days else f"{hours}:{minutes % 60:02}:{whole % 60:02}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a number with a noun: `1 job`, `2 jobs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
