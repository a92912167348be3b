"""The nights whose sums are due, by a cursor in the log. One transaction writes the marks and the cursor."""

from collections.abc import Sequence
from typing import NamedTuple

from prjobs.base.ulids import is_ulid, ulid_ms
from prjobs.jobs import log
from prjobs.jobs.queue import Queue
from prjobs.night.nights import Night, night_at
from prjobs.store.source import Store
from prjobs.store.transaction import Transaction

# So many changes are looked at in a step; the time of jobs is told apart by 2^15 ms, the last letters of a ULID's time.
LOOKED = 5000
_SPAN_LETTERS = 7
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# A night is summed up again after an hour at the earliest: the present night changes all the time.
AGAIN_MS = HOUR_MS
CURSOR, ZONES = "night sums until", "night sums zones"
_CHANGED = (
    f"SELECT DISTINCT c.site, substr(j.ulid, 1, {_SPAN_LETTERS}) FROM change c JOIN job j ON j.seq = c.job_seq "
    "WHERE c.seq > ? AND c.seq <= ?"
)
_DUE = "SELECT site, date, due FROM night_sum WHERE due > 0 AND made_ms {} ORDER BY made_ms DESC, date DESC LIMIT 1"


class Due(NamedTuple):
    """A night to sum up; `due` is the number of the newest change that marked the night."""

    site: str
    date: str
    due: int


# ---- which nights are due


def mark_once(queue: Queue) -> bool:
    """Mark the nights of the next changes as due and move the cursor; return False when there is no change."""
    database, zones = queue.database, "\n".join(sorted(queue.settings.site_zones))
    facts: dict[str, str] = dict(database.fetch("SELECT name, value FROM fact WHERE name IN (?, ?)", (CURSOR, ZONES)))
    if CURSOR in facts and facts.get(ZONES) != zones:
        database.write(_begin_anew, zones)
        return True
    since, newest = int(facts.get(CURSOR, "0")), log.last_seq(database)
    if since >= newest:
        return False
    first = database.fetch("SELECT min(seq) FROM change WHERE seq > ?", (since,))[0][0]
    until = min(newest, (first or newest) + LOOKED)
    spans = database.fetch(_CHANGED, (since, until))
    nights = {(site, night) for site, span in spans for night in nights_of(queue, site, span)}
    database.write(mark_nights, sorted(nights, key=str), until, {CURSOR: str(until), ZONES: zones})
    return True


def nights_of(queue: Queue, site: str, span: str) -> set[Night]:
    """Return the night of a ULID, by the first letters; two nights where they leave that open."""
    ends = [span[:_SPAN_LETTERS].ljust(10, letter) + "0" * 16 for letter in "0Z"]
    # A damaged row may have no id, and belongs to no night then.
    return {night_at(queue.settings, site, ulid_ms(end)) for end in ends} if all(map(is_ulid, ends)) else set()


def mark_nights(transaction: Transaction, nights: Sequence[tuple[str, Night]], due: int, facts: dict[str, str]) -> None:
    """Mark nights as due, but for closed ones, and store facts."""
    for site, night in nights:
        sql = "UPDATE night_sum SET due = ? WHERE site = ? AND date = ? AND is_closed = 0"
        if transaction.execute(sql, (due, site, night.date)).rowcount:
            continue
        if not transaction.fetch("SELECT 1 FROM night_sum WHERE site = ? AND date = ?", (site, night.date)):
            _insert(transaction, site, night, due)
    for name, value in facts.items():
        transaction.execute("DELETE FROM fact WHERE name = ?", (name,))
        transaction.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (name, value))


def _insert(transaction: Transaction, site: str, night: Night, due: int) -> None:
    sql = "INSERT INTO night_sum (site, date, since_ms, until_ms, made_ms, due, is_closed, sums) "
    transaction.execute(f"{sql} VALUES (?, ?, ?, ?, 0, ?, 0, '')", (site, night.date, *night[2:], due))


def _begin_anew(transaction: Transaction, zones: str) -> None:
    """Forget the sums when the nights begin at other noons, but for those that cannot be made again."""
    transaction.execute("DELETE FROM night_sum WHERE is_closed = 0")
    mark_nights(transaction, (), 0, {CURSOR: "0", ZONES: zones})


def next_due(queue: Queue) -> Due | None:
    """Return the next night to sum up; None while none is due."""
    now_ms = queue.clock.now_ms()
    for condition, bound in (("<= ?", now_ms - AGAIN_MS), ("> ?", now_ms)):
        # The second one is for a clock that was set back.
        if found := queue.database.fetch(_DUE.format(condition), (bound,)):
            return Due(*found[0])
    return None


def count_due(database: Store, site: str | None = None) -> int:
    """Return the number of nights that were never summed up yet."""
    where, values = ("AND site = ?", [site]) if site else ("", [])
    found = database.fetch(f"SELECT count(*) FROM night_sum WHERE due > 0 AND made_ms = 0 {where}", values)
    return int(found[0][0])
