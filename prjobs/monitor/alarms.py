"""Alarms: raised at a fault, cleared at the fault's end, acknowledged for all users, kept for the night log.

Alarms live in memory first, so that a failing store neither hides an alarm nor blocks an acknowledgement. Changes are
written as soon as the store works.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast

import msgspec

from prjobs.access.audit import Actor
from prjobs.base.errors import NotFound, Unavailable
from prjobs.base.manual import section_of
from prjobs.base.notices import Code
from prjobs.monitor.board import Alarm, Board
from prjobs.monitor.feed import scope_mark
from prjobs.store.source import Store
from prjobs.store.transaction import Transaction

STOP, SAFETY, SILENT, PROBLEM, STUCK, NOTICE = "stop", "safety", "silent", "problem", "stuck", "notice"
# The kinds, the worst first, in words for a caller that does not reach the site.
KINDS = {
    STOP: "a stop is late or in doubt",
    SAFETY: "a closing or parking is late or in doubt",
    SILENT: "the site does not poll",
    PROBLEM: "the server has a problem",
    STUCK: "a job is stuck",
    NOTICE: "the server has a notice",
}
_RANK = {kind: rank for rank, kind in enumerate(KINDS)}
# A class of commands and one of these make the name of an alarm, such as stop-doubt.
DOUBT, LOOK, REPORTED = "doubt", "look", "reported"
# The name of the alarm for a site that never polled.
NEVER = "never-polled"
# The name of the alarm for commands that wait at many such sites.
UNREACHED = "unreached"
# What stands before the names of sites in its sentence.
EXAMPLES = ", such as "
LIMIT = 500
OVER = "This alarm is not raised any more."
SAVE_PATIENCE_S = 0.5
WHAT_TO_DO = {
    STOP: "Use the hardware stop.",
    "close": "Close the roof by hand.",
    "close-doubt": "Look whether the roof closed. If not, close the roof by hand.",
    "close-look": "Look whether the roof closed. Acknowledge when you have looked.",
    "park": "Park the mount by hand.",
    "park-doubt": "Look whether the mount parked. If not, park the mount by hand.",
    "park-look": "Look whether the mount parked. Acknowledge when you have looked.",
    "close-reported": "Look whether the roof closed. If not, close the roof by hand.",
    "park-reported": "Look whether the mount parked. If not, park the mount by hand.",
    "stop-reported": "See whether the telescope stopped. If not, use the hardware stop.",
    "stop-missed": "Use the hardware stop for the devices of this program.",
    "stop-doubt": "See whether the telescope stopped. If not, use the hardware stop.",
    SILENT: "See whether the observatory program runs and its network is up. "
    "Until the program polls again, no stop reaches the site.",
    NEVER: "Check the name of the site. Until a program polls for the site, no job and no stop arrives. "
    "After a typing error cancel the jobs, then remove the site with “prjobs sites remove”.",
    UNREACHED: "Check the names of the sites, and find who sends these commands. "
    "A telescope at a site that no program polls stops by its hardware stop alone.",
    Code.POLL_REFUSED: "Correct the address, the site or the token in that program: "
    "until then no job and no stop reaches it.",
    STUCK: "Look at the device. If the job is over, close the job.",
}
_COLUMNS = ", ".join(Alarm.__struct_fields__)
_SAVE = (
    f"INSERT INTO alarm ({_COLUMNS}) VALUES ({', '.join('?' * len(Alarm.__struct_fields__))}) "
    "ON CONFLICT (key, raised_ms) DO UPDATE SET cleared_ms = excluded.cleared_ms, sentence = excluded.sentence, "
    "seen_by = excluded.seen_by, seen_ms = excluded.seen_ms"
)


class Wrong(NamedTuple):
    """A present fault. `words()` returns the sentence, and is called when the alarm is raised; again if `changes`."""

    key: str
    kind: str
    since_ms: int
    words: Callable[[], str]
    site: str = ""
    ulid: str = ""
    loud: bool = True
    changes: bool = False


class Ack(msgspec.Struct, frozen=True):
    """The user who acknowledged an alarm, and the time."""

    who: str
    time_ms: int


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """A raised alarm in the appliance's own API; `todo` is the advice and `manual` the manual's section, or empty."""

    key: str
    kind: str
    site: str
    ulid: str
    sentence: str
    todo: str
    manual: str
    since_ms: int
    raised_ms: int
    loud: bool
    ack: Ack | None


# ---- raise and clear


def settle(board: Board, found: Sequence[Wrong]) -> None:
    """Raise new faults, up to 500 alarms in all, the worst first; clear alarms of ended faults; save changes.

    Faults without a sound give way to all others. Faults of sites that a program polls come before those of other
    names, which a caller may have invented.
    """
    now_ms, is_reached = board.queue.clock.now_ms(), board.queue.polls.is_reached
    ranked = sorted(found, key=lambda one: (not one.loud, _RANK[one.kind], bool(one.site) and not is_reached(one.site)))
    worst = {one.key: one for one in ranked[:LIMIT]}
    for alarm in board.alarms.raised():
        if alarm.key not in worst:
            board.alarms.clear(alarm.key, now_ms)
    for key, wrong in worst.items():
        if key not in board.alarms:
            board.alarms.add(_raised(wrong, now_ms))
        elif wrong.changes:
            board.alarms.reword(key, wrong.words())
    board.alarms.searched_s = board.queue.clock.elapsed_s()
    save(board)


def _raised(wrong: Wrong, now_ms: int) -> Alarm:
    return Alarm(
        key=wrong.key,
        kind=wrong.kind,
        site=wrong.site,
        ulid=wrong.ulid,
        sentence=wrong.words(),
        since_ms=wrong.since_ms,
        raised_ms=now_ms,
        loud=wrong.loud,
    )


def save(board: Board) -> None:
    """Write the changed alarms; when the store refuses, the next call tries again."""
    if not board.alarms.unsaved():
        return
    with suppress(Unavailable):
        board.queue.database.write(_save, board, patience_s=SAVE_PATIENCE_S)


def _save(transaction: Transaction, board: Board) -> None:
    # Read the alarms inside the transaction: an older state must not overwrite a newer one.
    alarms = board.alarms.unsaved()
    rows = [msgspec.structs.astuple(alarm) for alarm in alarms]
    transaction.executemany(_SAVE, [(*others, int(loud)) for *others, loud in rows])
    transaction.after_commit(board.alarms.saved, alarms)


def adopt(board: Board) -> None:
    """Take over the raised alarms of the last process, with acknowledgements, until their faults end."""
    for row in board.queue.database.fetch(f"SELECT {_COLUMNS} FROM alarm WHERE cleared_ms IS NULL ORDER BY id"):
        board.alarms.adopt(_alarm(row))


def find_alarm(database: Store, key: str, raised_ms: int) -> Alarm | None:
    """Return an alarm of the file, raised or cleared; None for an alarm that was never saved."""
    found = database.fetch(f"SELECT {_COLUMNS} FROM alarm WHERE key = ? AND raised_ms = ?", (key, raised_ms))
    return _alarm(found[0]) if found else None


def _alarm(row: tuple[Any, ...]) -> Alarm:
    return Alarm(**{**dict(zip(Alarm.__struct_fields__, row, strict=True)), "loud": bool(row[-1])})


# ---- acknowledge


def acknowledge(board: Board, keys: Sequence[str], actor: Actor) -> None:
    """Acknowledge the alarms for all users. Raise NotFound when none of the alarms is raised."""
    _see(board, keys, actor.who, board.queue.clock.now_ms())


def forget(board: Board, keys: Sequence[str]) -> None:
    """Take the acknowledgements back, so that the alarms sound again. Raise NotFound when none is raised."""
    _see(board, keys, None, None)


def _see(board: Board, keys: Sequence[str], who: str | None, time_ms: int | None) -> None:
    if not any([board.alarms.see(key, who, time_ms) for key in keys]):  # noqa: C419  # each is seen
        raise NotFound(OVER)
    save(board)


# ---- list


def list_alarms(board: Board, reaches: Callable[[str], bool] = lambda _site: True) -> list[AlarmView]:
    """Return the raised alarms of the server and of the sites that `reaches`: unseen before seen, the worst first."""
    shown = (lambda alarm: alarm) if reaches("") else _for_some
    found = [alarm for alarm in board.alarms.raised() if not alarm.site or reaches(alarm.site)]
    return [_view(shown(alarm)) for alarm in sorted(found, key=_rank)]


def list_texts(board: Board, reaches: Callable[[str], bool]) -> list[AlarmView]:
    """Return the alarms of `list_alarms`, each as JSON already: made anew after a change only."""
    which = 0 if reaches("") else 1
    made = board.alarm_texts.get(board.alarms.number, lambda: _texts(board))
    return cast(list[AlarmView], [texts[which] for site, texts in made if not site or reaches(site)])


def mark_of(board: Board, scope: Iterable[str]) -> str:
    """Return a text that changes with every change of an alarm, for a caller of these sites; empty for all sites."""
    return f"{scope_mark(board.alarm_texts.process, scope)}{board.alarms.number}"


def _texts(board: Board) -> list[tuple[str, tuple[msgspec.Raw, msgspec.Raw]]]:
    found = sorted(board.alarms.raised(), key=_rank)
    return [(alarm.site, (_text(alarm), _text(_for_some(alarm)))) for alarm in found]


def _text(alarm: Alarm) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(_view(alarm)))


def _for_some(alarm: Alarm) -> Alarm:
    """Return the alarm for a caller of some sites: an alarm about many names no site of others."""
    is_about_many = code_of(alarm) == UNREACHED
    return msgspec.structs.replace(alarm, sentence=alarm.sentence.partition(EXAMPLES)[0]) if is_about_many else alarm


def _rank(alarm: Alarm) -> tuple[bool, int, int, str]:
    return alarm.seen_by is not None, _RANK[alarm.kind], alarm.since_ms, alarm.key


def _view(alarm: Alarm) -> AlarmView:
    seen = alarm.seen_by is not None and alarm.seen_ms is not None
    code = code_of(alarm)
    return AlarmView(
        key=alarm.key,
        kind=alarm.kind,
        site=alarm.site,
        ulid=alarm.ulid,
        sentence=alarm.sentence,
        todo=WHAT_TO_DO.get(code, ""),
        manual=section_of(code),
        since_ms=alarm.since_ms,
        raised_ms=alarm.raised_ms,
        loud=alarm.loud,
        ack=Ack(alarm.seen_by, alarm.seen_ms) if seen else None,  # type: ignore[arg-type]
    )


def code_of(alarm: Alarm) -> str:
    """Return the name of the alarm, such as stop-doubt, or the code of the notice, such as disk_low."""
    name, rest = alarm.key.split("/", 1)
    # The key of a notice has its code after the kind.
    return rest.partition("/")[0] if alarm.kind in (PROBLEM, NOTICE) else name


def list_past(database: Store, since_ms: int, until_ms: int, site: str | None = None) -> list[Alarm]:
    """Return the alarms raised or still open between two moments, oldest first; alarms without a site are included."""
    where, parameters = ("AND site IN (?, '')", [site]) if site else ("", [])
    found = database.fetch(
        f"SELECT {_COLUMNS} FROM alarm WHERE raised_ms < ? AND (cleared_ms IS NULL OR cleared_ms >= ?) {where} "
        "ORDER BY raised_ms, id",
        (until_ms, since_ms, *parameters),
    )
    return [_alarm(row) for row in found]
