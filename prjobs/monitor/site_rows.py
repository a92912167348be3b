"""The rows of the table of many sites: a few fields a site, with the rank that puts the worst site first."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from prjobs.base.groups import groups_of
from prjobs.jobs.polls import SILENT_AFTER_MS
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import PRIMARY
from prjobs.monitor.alarms import KINDS, NOTICE, PROBLEM, SAFETY, SILENT, STOP, STUCK
from prjobs.monitor.board import Alarm, Board
from prjobs.monitor.feed import Feed
from prjobs.monitor.open_work import OpenWork, Work

STATES = ("locked", "silent", "stopping", "busy", "idle")
_SEEN = "seen "
# The states and the kinds of alarms, the worst first. An acknowledged alarm stands behind all that nobody has seen.
RANKS = (
    *(STOP, SAFETY, "locked", SILENT, PROBLEM, STUCK),
    *(_SEEN + kind for kind in (STOP, SAFETY, SILENT, PROBLEM, STUCK)),
    *("site silent", "stopping", NOTICE, "busy", _SEEN + NOTICE, "idle"),
)
_PLACE = {name: place for place, name in enumerate(RANKS)}
_KIND_PLACE = {kind: place for place, kind in enumerate(KINDS)}


class SiteRow(msgspec.Struct, frozen=True, kw_only=True):
    """A site in the table of many sites. The lowest `rank` is the worst; `under` is the state under a lock, or empty.

    `last_poll_ms` is there for a silent site alone, null for one that never polled. `alarm` is the kind of the worst
    raised alarm, or empty; of the `alarms` so many are `unseen`. Picked-up jobs without a report count for half an
    hour, other open jobs for a day.
    """

    site: str
    rank: int
    state: str
    under: str
    last_poll_ms: int | None
    alarm: str
    alarms: int
    unseen: int
    running: int
    picked_up: int
    waiting: int
    groups: tuple[str, ...]


class _Alarms:
    """The raised alarms of a site in numbers."""

    def __init__(self) -> None:
        self.worst, self.count, self.unseen = "", 0, 0
        self.place = len(RANKS)

    def note(self, alarm: Alarm) -> None:
        self.count += 1
        self.unseen += alarm.seen_by is None
        if not self.worst or _KIND_PLACE[alarm.kind] < _KIND_PLACE[self.worst]:
            self.worst = alarm.kind
        self.place = min(self.place, _PLACE[alarm.kind if alarm.seen_by is None else _SEEN + alarm.kind])


_NONE = _Alarms()


class _Table(NamedTuple):
    """The rows, and the open jobs that they come from."""

    feed: Feed
    open_work: OpenWork


def refreshed(board: Board) -> Feed:
    """Return the rows as of the last second: one caller makes them for all."""
    table: _Table = board.table.get(lambda: _refresh(board))
    return table.feed


def _refresh(board: Board) -> _Table:
    queue = board.queue
    table = board.table.last or _Table(Feed(queue.clock.random_bytes(4).hex()), OpenWork())
    sites = queue.polls.sites()
    table.open_work.follow(queue)
    table.open_work.keep(sites)
    alarms = _by_site(board.alarms.raised())
    now_ms = queue.clock.now_ms()
    work = {site: table.open_work.of(site, now_ms) for site in sorted(sites)}
    table.feed.take({site: _row(queue, site, work[site], alarms.get(site, _NONE)) for site in work})
    return table


def _by_site(raised: Iterable[Alarm]) -> dict[str, _Alarms]:
    found: dict[str, _Alarms] = {}
    for alarm in raised:
        found.setdefault(alarm.site, _Alarms()).note(alarm)
    return found


def _row(queue: Queue, site: str, work: Work, alarms: _Alarms) -> SiteRow:
    is_silent, last_poll_ms = _silence(queue, site)
    state = "silent" if is_silent else "stopping" if work.is_stopping else "busy" if work.is_busy else "idle"
    is_locked = site in queue.lockouts.held
    shown = "locked" if is_locked else state
    return SiteRow(
        site=site,
        rank=min(alarms.place, _PLACE["site silent" if shown == "silent" else shown]),
        state=shown,
        under=state if is_locked and state in ("silent", "stopping") else "",
        last_poll_ms=last_poll_ms,
        alarm=alarms.worst,
        alarms=alarms.count,
        unseen=alarms.unseen,
        running=work.running,
        picked_up=work.picked_up,
        waiting=work.waiting,
        groups=groups_of(queue.settings.groups, site),
    )


def _silence(queue: Queue, site: str) -> tuple[bool, int | None]:
    """Return True for a silent site, with the time of the last poll; a poll alone must not change the row."""
    poller = queue.polls.of(site, PRIMARY)
    if poller is None:
        return True, None
    silence_ms = queue.polls.silence_ms(poller)
    # The usual gap of a thousand sites would take milliseconds.
    is_silent = silence_ms > SILENT_AFTER_MS and silence_ms > poller.silent_after_ms
    return is_silent, poller.last_ms if is_silent else None
