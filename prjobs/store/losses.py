"""A change-over of the database to a server without all answered writes: noticed before the next write, and made good.

Each process remembers the highest number of a change. A database with a lower number has lost changes, and would give
the numbers a second time: all numbers are raised, as after a restore.
"""

import json
import logging

from prjobs.store.engine import Connection
from prjobs.store.numbers import KEYS, last_number, raise_numbers
from prjobs.store.transaction import Transaction

SKIP = 1_000_000
# The fact with both numbers and the time.
FACT = "lost changes"
_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"

logger = logging.getLogger(__name__)


class Seen:
    """The highest number of a change stored or read by the process."""

    def __init__(self) -> None:
        self.seq = 0

    def note(self, seq: int) -> None:
        """Remember the number if higher."""
        self.seq = max(self.seq, seq)


def make_good(connection: Connection, seen: Seen) -> bool:
    """Raise all numbers if changes are lost, in the transaction that has begun; return True then."""
    found = last_number(connection.fetch, "change")
    if found >= seen.seq:
        return False
    logger.error("the database has changes up to number %d, and number %d was stored: writes are lost", found, seen.seq)
    above = {table: last_number(connection.fetch, table) + SKIP for table in KEYS}
    raise_numbers(Transaction(connection, set(KEYS)), {**above, "change": seen.seq + SKIP})
    connection.execute("UPDATE door SET epoch = epoch + 1 WHERE id = 1")
    lost = {"found": found, "seen": seen.seq, "time_ms": connection.fetch(_NOW)[0][0]}
    connection.execute("DELETE FROM fact WHERE name = ?", (FACT,))
    connection.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (FACT, json.dumps(lost)))
    return True
