"""The outbox: the alarms known to each address, and so the news for each address. Kept in the store.

A single thread uses an outbox. Changes are in memory first, as alarms are: a failing store holds no message back.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from prjobs.base.clock import Clock
from prjobs.base.errors import Unavailable
from prjobs.monitor.alarms import SILENT, find_alarm
from prjobs.monitor.board import Alarm
from prjobs.monitor.told import AGAIN, BOTH, OVER, RAISED
from prjobs.notify.news import News
from prjobs.store.source import Store
from prjobs.store.transaction import Transaction

# Alarms within this time of the first become one message.
GATHER_S = 5.0
# An alarm that is raised and over again and again within that time would never be told: news waits no longer than this.
MOST_GATHER_S = 30.0
# A notice without a sound, such as a token that ends within days, is repeated no oftener.
QUIET_AGAIN_S = 86_400.0
# The alarms kept for an address. In a long outage of the Internet the oldest that are over are dropped.
LIMIT = 1000
SAVE_PATIENCE_S = 0.5
_KEEP = (
    "INSERT INTO notification (address, subject, key, raised_ms, told_ms, times) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (address, subject) DO UPDATE SET key = excluded.key, raised_ms = excluded.raised_ms, "
    "told_ms = excluded.told_ms, times = excluded.times"
)
_FORGET = "DELETE FROM notification WHERE address = ? AND subject = ?"
_LOG = "INSERT INTO told (time_ms, address, news, key, raised_ms) VALUES (?, ?, ?, ?, ?)"


@dataclass
class Note:
    """An alarm as known to an address: told at `told_ms` and not over, or not told.

    `changed_s` is the elapsed time of the last change of the alarm, `waits_s` of the first change that is not told, and
    `told_s` of the last message.
    """

    alarm: Alarm
    changed_s: float
    told_ms: int | None = None
    told_s: float = 0.0
    times: int = 1
    waits_s: float = 0.0

    @property
    def news(self) -> str:
        """Return the news about the alarm: RAISED, OVER, BOTH, or an empty text."""
        if self.alarm.cleared_ms is not None:
            return BOTH if self.told_ms is None else OVER
        return RAISED if self.told_ms is None and self.alarm.seen_by is None else ""

    @property
    def is_repeated(self) -> bool:
        """Return True if the address knows the alarm, without an acknowledgement."""
        return self.told_ms is not None and self.alarm.cleared_ms is None and self.alarm.seen_by is None


def subject_of(alarm: Alarm) -> str:
    """Return the lasting name of an alarm that is raised again and again: each silence of a site has another key."""
    name = alarm.key.split("/", 1)[0]
    return f"{name}/{alarm.site}" if alarm.kind == SILENT else alarm.key


class Outbox:
    """The notes of an address, with a name without secrets and a key for the store."""

    def __init__(self, database: Store, clock: Clock, key: str, name: str) -> None:
        self._database, self._clock = database, clock
        self.key, self.name = key, name
        self._notes: dict[str, Note] = {}
        self._unsaved: set[str] = set()
        self._sent: list[tuple[int, str, str, str, int]] = []

    def load(self) -> None:
        """Read the notes of the last process. Raise Unavailable."""
        now_ms, now_s = self._clock.now_ms(), self._clock.elapsed_s()
        sql = "SELECT subject, key, raised_ms, told_ms, times FROM notification WHERE address = ? ORDER BY subject"
        for subject, key, raised_ms, told_ms, times in self._database.fetch(sql, (self.key,)):
            alarm = find_alarm(self._database, key, raised_ms)
            if alarm is None:
                self._unsaved.add(subject)
            else:
                told_s = now_s - max(0, now_ms - (told_ms or 0)) / 1000
                self._notes[subject] = Note(alarm, now_s, told_ms, told_s, times, waits_s=now_s)

    def note(self, alarm: Alarm) -> None:
        """Note a raised, acknowledged or cleared alarm."""
        subject = subject_of(alarm)
        known, now_s = self._notes.get(subject), self._clock.elapsed_s()
        if known is None:
            if alarm.cleared_ms is None:
                self._notes[subject] = Note(alarm, now_s, waits_s=now_s)
        elif alarm.raised_ms < known.alarm.raised_ms:
            return
        else:
            if not known.news:
                known.waits_s = now_s
            if alarm.cleared_ms is not None or known.alarm.cleared_ms is not None:
                known.changed_s = now_s
            known.times += alarm.raised_ms != known.alarm.raised_ms
            known.alarm = alarm
            if alarm.cleared_ms is not None and alarm.seen_by is not None and known.told_ms is None:
                # Somebody saw the alarm before a message could leave.
                del self._notes[subject]
        self._unsaved.add(subject)
        self._drop_old()

    def _drop_old(self) -> None:
        if len(self._notes) > LIMIT:
            over = [key for key, one in self._notes.items() if one.alarm.cleared_ms is not None]
            for key in over[: len(self._notes) - LIMIT]:
                del self._notes[key]
                self._unsaved.add(key)

    # ---- messages

    def is_due(self, again_s: float) -> bool:
        """Return True if a message is due; with `again_s` of 0 no message is repeated."""
        now_s = self._clock.elapsed_s()
        return any(_is_ripe(one, now_s) or _is_due_again(one, now_s, again_s) for one in self._notes.values())

    def news(self, again_s: float) -> list[News]:
        """Return all news; alarms without an acknowledgement are repeated together once a repetition is due."""
        now_s = self._clock.elapsed_s()
        repeats = any(_is_due_again(one, now_s, again_s) for one in self._notes.values())
        found = []
        for one in self._notes.values():
            is_again = one.is_repeated and ((one.alarm.loud and repeats) or _is_due_again(one, now_s, again_s))
            if what := one.news or (AGAIN if is_again else ""):
                found.append(News(what, one.alarm, one.times))
        return found

    def told(self, sent: Iterable[News], listed: Iterable[News]) -> None:
        """Note the news as sent; the listed news are logged."""
        now_ms, now_s = self._clock.now_ms(), self._clock.elapsed_s()
        for one in sent:
            subject = subject_of(one.alarm)
            note = self._notes.get(subject)
            if note is None:
                continue
            self._unsaved.add(subject)
            note.waits_s = now_s
            if one.alarm.cleared_ms is None:
                note.told_ms, note.told_s, note.times = now_ms, now_s, 1
            elif note.alarm.raised_ms == one.alarm.raised_ms:
                del self._notes[subject]
            else:
                # The alarm was raised again while the message was under way.
                note.told_ms, note.times = None, 1
        self._sent += [(now_ms, self.name, one.what, one.alarm.key, one.alarm.raised_ms) for one in listed]

    # ---- the store

    @property
    def is_unsaved(self) -> bool:
        """Return True if a change is not yet in the file."""
        return bool(self._unsaved or self._sent)

    def write(self, transaction: Transaction) -> None:
        """Write the changes."""
        subjects, sent = set(self._unsaved), list(self._sent)
        for subject in sorted(subjects):
            if one := self._notes.get(subject):
                alarm = one.alarm
                kept = (self.key, subject, alarm.key, alarm.raised_ms, one.told_ms, one.times)
                transaction.execute(_KEEP, kept)
            else:
                transaction.execute(_FORGET, (self.key, subject))
        transaction.executemany(_LOG, sent)
        transaction.after_commit(self._saved, subjects, len(sent))

    def _saved(self, subjects: set[str], count: int) -> None:
        self._unsaved -= subjects
        del self._sent[:count]


def save(database: Store, outboxes: Sequence[Outbox]) -> None:
    """Write the changes of all outboxes; when the store refuses, the next call tries again."""
    if changed := [one for one in outboxes if one.is_unsaved]:
        with suppress(Unavailable):
            database.write(_write, changed, patience_s=SAVE_PATIENCE_S)


def _write(transaction: Transaction, outboxes: Sequence[Outbox]) -> None:
    for one in outboxes:
        one.write(transaction)


def forget_others(database: Store, outboxes: Sequence[Outbox]) -> None:
    """Remove the notes of addresses no longer set."""
    with suppress(Unavailable):
        kept = {one.key for one in outboxes}
        stored = {key for (key,) in database.fetch("SELECT DISTINCT address FROM notification")}
        if gone := sorted(stored - kept):
            database.write(_remove, gone, patience_s=SAVE_PATIENCE_S)


def _remove(transaction: Transaction, keys: Sequence[str]) -> None:
    transaction.executemany("DELETE FROM notification WHERE address = ?", [(key,) for key in keys])


def _is_ripe(note: Note, now_s: float) -> bool:
    return bool(note.news) and (now_s - note.changed_s >= GATHER_S or now_s - note.waits_s >= MOST_GATHER_S)


def _is_due_again(note: Note, now_s: float, again_s: float) -> bool:
    wait_s = again_s if note.alarm.loud else max(again_s, QUIET_AGAIN_S)
    return again_s > 0 and note.is_repeated and now_s - note.told_s >= wait_s
