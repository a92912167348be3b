"""Surplus: jobs sent above the pace of a user. Of those that nobody needs any more the newest of each minute stay.

Otherwise a user whose stops are picked up at once would fill the disk, or have to be refused.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import NamedTuple


class Kind(NamedTuple):
    """A group of one user's jobs; `site` and `command_class` are empty for unused sites, whose jobs count together."""

    user_id: str
    site: str = ""
    command_class: str = ""


class Surplus:
    """The numbers of the newest surplus jobs of each kind, with the times. Any thread may call any method."""

    KEPT = 20
    # So many of a kind are looked at again with each new job; the jobs before those stay in the store.
    LOOKED_AT = 100
    WINDOW_S = 60.0
    KINDS = 1000

    def __init__(self) -> None:
        self._jobs: OrderedDict[Kind, deque[tuple[int, float]]] = OrderedDict()
        self._lock = threading.Lock()

    def beyond(self, kind: Kind, now_s: float, kept: int = KEPT) -> list[int]:
        """Return the numbers of the last minute's jobs that are over `kept` with a new job, the oldest first."""
        with self._lock:
            young = [seq for seq, at_s in self._jobs.get(kind, ()) if now_s - at_s < self.WINDOW_S]
        return young[: max(0, len(young) + 1 - kept)]

    def add(self, kind: Kind, seq: int, removed: Sequence[int], now_s: float) -> None:
        """Add a job in the place of the removed ones."""
        with self._lock:
            before = self._jobs.pop(kind, ())
            stays = (one for one in before if one[0] not in removed and now_s - one[1] < self.WINDOW_S)
            self._jobs[kind] = deque([*stays, (seq, now_s)], maxlen=self.LOOKED_AT)
            if len(self._jobs) > self.KINDS:
                self._jobs.popitem(last=False)
