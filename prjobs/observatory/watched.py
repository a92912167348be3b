"""Watched functions of a program: called as before, with a look before and after."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from prjobs.observatory.reporter import Followed

logger = logging.getLogger(__name__)


def safely(act: Callable[..., Any], *values: Any) -> Any:
    """Call a function of this package; an exception is logged, and the observatory goes on."""
    try:
        return act(*values)
    except Exception:
        logger.exception("the reporter failed; the observatory goes on, with a report less")
        return None


def wrap(watcher: object, holder: Any, name: str, around: Callable[..., Any]) -> bool:
    """Have `around(original, args, named)` called for a function of the holder; False where impossible."""
    original = getattr(holder, name, None)
    if getattr(original, "watcher", None) is watcher:
        return True
    if not callable(original):
        return False

    def wrapped(*args: Any, **named: Any) -> Any:
        return around(original, args, named)

    try:
        wrapped = wraps(original)(wrapped)
        wrapped.watcher = watcher  # type: ignore[attr-defined]
        setattr(holder, name, wrapped)
    except Exception as error:
        logger.warning("%s of %s cannot be watched: %s", name, type(holder).__name__, error)
        return False
    return True


@dataclass
class Scan:
    """A reading of new jobs: the jobs, and the order of the program's acts and words to the user."""

    jobs: list[Followed] = field(default_factory=list)
    # (a text for the user, False), or (the id of a job that was put into the queue or stopped, True).
    events: list[tuple[str, bool]] = field(default_factory=list)
    has_stopped: bool = False

    def dealt_with(self, job: Followed) -> None:
        """Note an act of the program on a job."""
        self.events.append((job.ulid, True))

    def said_of(self, job: Followed) -> str:
        """Return the program's words between the jobs before and after; a sentence may stand for several jobs."""
        at = {ulid: index for index, (ulid, is_job) in enumerate(self.events) if is_job}
        place = self.jobs.index(job)
        begin = max((at[one.ulid] for one in self.jobs[:place] if one.ulid in at), default=-1)
        end = min((at[one.ulid] for one in self.jobs[place:] if one.ulid in at), default=len(self.events))
        return "; ".join(text for text, is_job in self.events[begin + 1 : end] if not is_job)


class Here(threading.local):
    """The place of a thread in the program: reading new jobs, or at work on a job; the last job from the queue."""

    scan: Scan | None = None
    job: Followed | None = None
    leaving: Followed | None = None
