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
    """`3.1 s`, `45 s`, `2m 39s`, `1h 05m`; a dash when it is not known. Halves are rounded up, as in the monitor."""
    if seconds is None:
        return "—"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = floor(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    minutes = floor(seconds / 60 + 0.5)
    return f"{minutes // 60}h {minutes % 60:02}m"


def status(job: NightJob) -> str:
    """A known word in our own words, an observatory's as it is; the alternate queue's when it says more."""
    said = {"UNREAD": "waiting", "RECEIVED": "picked up"}.get(job.status, job.status)
    if job.phase == "waiting" and job.alternate_phase not in ("waiting", "gone"):
        return f"{said} (alternate queue: {job.alternate_status})"
    return said


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 job`, `2 jobs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
