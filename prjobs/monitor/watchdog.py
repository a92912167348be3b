"""The reasons for which a watchdog outside the appliance should call somebody."""

from collections.abc import Callable

import msgspec

from prjobs.monitor.alarms import KINDS, NOTICE, PROBLEM, SILENT, STOP
from prjobs.monitor.board import Alarm, Board

# The search for faults runs once a second.
SEARCH_LATE_S = 30.0
SEARCH = "search"
# These count until the fault is over: an acknowledgement wakes no site and carries out no stop.
LASTING = frozenset({STOP, SILENT})


class Reason(msgspec.Struct, frozen=True):
    """A raised alarm, or the search for faults itself; `site` is empty for the server."""

    kind: str
    site: str
    sentence: str
    since_ms: int


def list_reasons(board: Board, reaches: Callable[[str], bool]) -> list[Reason]:
    """Return the silent sites, the late stops, and the loud alarms that nobody has acknowledged.

    A caller that does not reach the site gets general words instead of the alarm's sentence.
    """
    raised = sorted(board.alarms.raised(), key=lambda alarm: (alarm.since_ms, alarm.key))
    return [*_search(board), *(_reason(alarm, reaches) for alarm in raised if _counts(alarm))]


def _counts(alarm: Alarm) -> bool:
    return alarm.kind in LASTING or (alarm.loud and alarm.seen_by is None)


def _reason(alarm: Alarm, reaches: Callable[[str], bool]) -> Reason:
    # /healthz tells problems and notices to everybody.
    is_open = alarm.kind in (PROBLEM, NOTICE) or reaches(alarm.site)
    return Reason(alarm.kind, alarm.site, alarm.sentence if is_open else KINDS[alarm.kind], alarm.since_ms)


def stands_still(board: Board) -> bool:
    """Return True if the search for faults stands still: no alarm would be raised or ended."""
    return _late_s(board) > SEARCH_LATE_S


def _late_s(board: Board) -> float:
    searched_s = board.alarms.searched_s
    return 0.0 if searched_s is None else board.queue.clock.elapsed_s() - searched_s


def _search(board: Board) -> list[Reason]:
    if not stands_still(board):
        return []
    late_s = round(_late_s(board))
    sentence = f"The search for faults has not run for {late_s} s: restart the server."
    return [Reason(SEARCH, "", sentence, board.queue.clock.now_ms() - late_s * 1000)]
