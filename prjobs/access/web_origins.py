"""The web origins whose pages were refused: one of them may be missing from the settings."""

import re
import threading

from prjobs.access.desk import Desk
from prjobs.base.clock import moment
from prjobs.base.notices import Code

SHOWN_S = 3600.0
# Any page of the web may ask, under any name: a notice of all would fill the page.
NAMED = 3
_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]{1,100}\Z")
_noting = threading.Lock()


def note_refused(desk: Desk, origin: str) -> None:
    """Raise the notice of refused origins, with the newest ones. Text that is no origin is left out."""
    origin = origin.lower()
    if not _ORIGIN.match(origin):
        return
    with _noting:
        known = desk.refused_origins
        known.pop(origin, None)
        known[origin] = desk.clock.elapsed_s()
        while len(known) > NAMED:
            del known[next(iter(known))]
        desk.notices.say(Code.WEB_ORIGIN, _sentence(list(known), desk.clock.now_ms()))


def end_old_once(desk: Desk) -> None:
    """End the notice when no page was refused for an hour."""
    with _noting:
        if desk.refused_origins and desk.clock.elapsed_s() - max(desk.refused_origins.values()) > SHOWN_S:
            desk.refused_origins.clear()
            desk.notices.end(Code.WEB_ORIGIN)


def _sentence(origins: list[str], last_ms: int) -> str:
    return (
        f"Web pages of {' and '.join(origins)} asked for jobs or data and were refused, last at "
        f"{moment(last_ms):%H:%M:%S} UTC. If a page is the observatory's own, add its origin to the setting "
        "allowed_origins."
    )
