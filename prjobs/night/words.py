"""How a night's numbers are said to people: the same words in the page, the terminal and the charts."""

from math import floor

from prjobs.night.shapes import NightJob

PHASE_WORDS = {
    "waiting": "waiting",
    "picked_up": "picked up",
    "running": "running",
    "done": "done",
    "failed": "failed",
    "gone": "cancelled or expired",
}


def duration(seconds: float | None) -> str:
    """As in the monitor: `3.1 s`, `45 s`, `2:39`, `1:04:10`, `3 d 04 h`; a dash when it is not known."""
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


def status(job: NightJob) -> str:
    """A known word in our own words, an observatory's as it is; the alternate queue's when it says more."""
    word: str = job.status
    said = {"UNREAD": "waiting", "RECEIVED": "picked up"}.get(word, word)
    if job.phase == "waiting" and job.alternate_phase not in ("waiting", "gone"):
        return f"{said} (alternate queue: {job.alternate_status})"
    return said


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 job`, `2 jobs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
