"""The chain of the audit: how a row is hashed, and the pass over all rows that finds the first one that is wrong.

A row's hash is the SHA-256 of its JSON (keys sorted, no spaces, UTF-8) with the store's identity and the hash of
the row before it. Who changes, removes, moves or adds a row breaks what comes after it; what was cut off at the end
shows against an anchor, the number and hash of a row that is known from elsewhere.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from prjobs.store.models import AuditRow

ZEROS = "0" * 64
RESTORE = "restore"


class Anchor(NamedTuple):
    """A row's number and hash: says that the chain went so far, and what stood there."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


START = Anchor(0, ZEROS)


def anchor_of(row: AuditRow) -> Anchor:
    """The row as an anchor."""
    return Anchor(row.seq, row.hash)


def ending(row: AuditRow) -> str:
    """The anchor, as a text, of the chain that the restore recorded in this row has ended; empty for other rows."""
    return row.detail.removeprefix("after ") if row.what == RESTORE and isinstance(row.detail, str) else ""


def line_of(store: str, row: AuditRow) -> dict[str, Any]:
    """The row as it is exported: everything that is hashed, and the hash."""
    return {**row._asdict(), "store": store}


def digest(store: str, row: AuditRow) -> str:
    """The hash that the row must have in the store of this identity."""
    hashed = {name: value for name, value in line_of(store, row).items() if name != "hash"}
    # What only a stranger can have written, a blob or half a letter, must give another hash and never an error.
    text = json.dumps(
        hashed, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=lambda odd: [repr(odd)]
    )
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Verdict:
    """What a pass found. `seq` is the first row that is wrong or missing, None when all is well; `finding` says it.

    `rows` are those before it. Times are Unix milliseconds; of an empty audit they are 0.
    """

    rows: int
    first_ms: int
    last_ms: int
    newest: Anchor
    seq: int | None = None
    finding: str = ""


class Broken(Exception):
    """The first row that is wrong or missing, and a sentence."""

    def __init__(self, seq: int, sentence: str) -> None:
        super().__init__(sentence)
        self.seq = seq


class Chain:
    """One pass: `add` each row, oldest first, then `end`. Both raise Broken."""

    def __init__(self, store: str, anchors: Iterable[Anchor] = ()) -> None:
        self._store = store
        self._wanted = {str(anchor): anchor for anchor in anchors if anchor != START}
        self.rows = 0
        self.first_ms = 0
        self.last: AuditRow | None = None

    @property
    def newest(self) -> Anchor:
        """The last row that was added."""
        return anchor_of(self.last) if self.last else START

    def add(self, row: AuditRow) -> None:
        """The next row."""
        self._require_place(row)
        if row.hash != digest(self._store, row):
            raise Broken(row.seq, f"Row {row.seq} was changed.")
        self._require_link(row)
        for met in (str(anchor_of(row)), ending(row)):
            self._wanted.pop(met, None)
        self.first_ms = self.first_ms if self.rows else row.time_ms
        self.rows += 1
        self.last = row

    def _require_place(self, row: AuditRow) -> None:
        """Numbers have no gaps. After a restore they go on above every number ever given."""
        due = self.newest.seq + 1
        if row.seq < due:
            raise Broken(row.seq, f"Row {row.seq} was added by somebody else: no row has this number.")
        if row.seq > due and row.what != RESTORE:
            raise Broken(due, f"{_rows(due, row.seq - 1)} removed.")

    def _require_link(self, row: AuditRow) -> None:
        if row.previous == self.newest.hash:
            return
        if self.last is None:
            raise Broken(row.seq, f"Row {row.seq} was changed: the first row, it names one before it.")
        raise Broken(
            self.last.seq,
            f"Row {self.last.seq} was changed, its hash too: row {row.seq} was written after another one.",
        )

    def end(self, given: int = 0) -> None:
        """After the last row; `given` is the highest number that was ever given to a row, when that is known."""
        last = self.newest.seq
        due = max([given, *(anchor.seq for anchor in self._wanted.values())])
        if due > last:
            raise Broken(last + 1, f"{_rows(last + 1, due)} removed: the newest ones.")
        for anchor in sorted(self._wanted.values()):
            raise Broken(anchor.seq, f"Row {anchor.seq} is not the one that stood there: all was written anew.")


def _rows(first: int, last: int) -> str:
    return f"Row {first} was" if first == last else f"Rows {first} to {last} were"


def examine(rows: Iterable[AuditRow], chain: Chain, given: int = 0) -> Verdict:
    """Pass over the rows."""
    seq, finding = None, ""
    try:
        for row in rows:
            chain.add(row)
        chain.end(given)
    except Broken as broken:
        seq, finding = broken.seq, str(broken)
    last_ms = chain.last.time_ms if chain.last else 0
    return Verdict(chain.rows, chain.first_ms, last_ms, chain.newest, seq=seq, finding=finding)
