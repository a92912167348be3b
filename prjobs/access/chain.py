"""The chain of the audit: the hash of a row, and the check of all rows that finds the first wrong row.

A row's hash is the SHA-256 of its JSON (keys sorted, no spaces, UTF-8) with the store's identity and the hash of
the previous row. A row that was changed, removed, moved or added breaks the chain after that row. Rows that were cut
off at the end show against an anchor: the number and hash of a row, kept outside the store.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from prjobs.store.models import AuditRow

ZEROS = "0" * 64
RESTORE = "restore"


class Anchor(NamedTuple):
    """A row's number and hash: proof that the chain reached this row, with this content."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


START = Anchor(0, ZEROS)


def anchor_of(row: AuditRow) -> Anchor:
    """Return the row as an anchor."""
    return Anchor(row.seq, row.hash)


def ending(row: AuditRow) -> str:
    """Return the anchor, as a text, of the chain that ended with the restore in this row; empty for other rows."""
    return row.detail.removeprefix("after ") if row.what == RESTORE and isinstance(row.detail, str) else ""


def line_of(store: str, row: AuditRow) -> dict[str, Any]:
    """Return the row in its exported form: every hashed field, and the hash."""
    return {**row._asdict(), "store": store}


def digest(store: str, row: AuditRow) -> str:
    """Return the hash that the row must have in the store of this identity."""
    hashed = {name: value for name, value in line_of(store, row).items() if name != "hash"}
    # A forged row may hold a blob or half a letter: the check must find another hash, and must not fail with an error.
    text = json.dumps(
        hashed, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=lambda odd: [repr(odd)]
    )
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


class Verdict(msgspec.Struct, frozen=True):
    """The result of a check. `seq` is the first wrong or missing row, or None; `finding` is the sentence about the row.

    `rows` counts the good rows before `seq`. Times are Unix milliseconds, and 0 for an empty audit.
    """

    rows: int
    first_ms: int
    last_ms: int
    newest: Anchor
    seq: int | None = None
    finding: str = ""


class Broken(Exception):
    """The first wrong or missing row, and a sentence."""

    def __init__(self, seq: int, sentence: str) -> None:
        super().__init__(sentence)
        self.seq = seq


class Chain:
    """A check of all rows: `add` each row, oldest first, then `end`. Both methods raise Broken."""

    def __init__(self, store: str, anchors: Iterable[Anchor] = ()) -> None:
        self._store = store
        self._wanted = {str(anchor): anchor for anchor in anchors if anchor != START}
        # The rows with which a restore started a new chain.
        self._restores: list[int] = []
        self.rows = 0
        self.first_ms = 0
        self.last: AuditRow | None = None

    @property
    def newest(self) -> Anchor:
        """Return the anchor of the last row added."""
        return anchor_of(self.last) if self.last else START

    def add(self, row: AuditRow) -> None:
        """Check the next row."""
        self._require_place(row)
        if row.hash != digest(self._store, row):
            raise Broken(row.seq, f"Row {row.seq} was changed.")
        self._require_link(row)
        for met in (str(anchor_of(row)), ending(row)):
            self._wanted.pop(met, None)
        if row.what == RESTORE:
            self._restores.append(row.seq)
        self.first_ms = self.first_ms if self.rows else row.time_ms
        self.rows += 1
        self.last = row

    def _require_place(self, row: AuditRow) -> None:
        """Raise Broken unless the number follows the last one. After a restore numbers go on above all given before."""
        due = self.newest.seq + 1
        if row.seq < due:
            raise Broken(row.seq, f"Row {row.seq} was added from outside prjobs: its number is not due.")
        if row.seq > due and row.what != RESTORE:
            raise Broken(due, f"{_rows(due, row.seq - 1)} removed.")

    def _require_link(self, row: AuditRow) -> None:
        if row.previous == self.newest.hash:
            return
        if self.last is None:
            raise Broken(row.seq, f"Row {row.seq} was changed: the first row names one before it.")
        raise Broken(
            self.last.seq,
            f"Row {self.last.seq} was changed together with its hash: row {row.seq} names a different hash.",
        )

    def end(self, given: int = 0) -> None:
        """Check the end of the chain; `given` is the highest number ever given to a row, or 0 when unknown."""
        last = self.newest.seq
        due = max([given, *(anchor.seq for anchor in self._wanted.values())])
        if due > last:
            raise Broken(last + 1, f"{_rows(last + 1, due)} removed: the newest ones.")
        for anchor in sorted(self._wanted.values()):
            restored = next((seq for seq in self._restores if seq > anchor.seq), None)
            why = f"row {restored} says that a backup was restored" if restored else "all was written anew"
            raise Broken(anchor.seq, f"Row {anchor.seq} does not match its anchor: {why}.")


def _rows(first: int, last: int) -> str:
    return f"Row {first} was" if first == last else f"Rows {first} to {last} were"


def examine(rows: Iterable[AuditRow], chain: Chain, given: int = 0) -> Verdict:
    """Check the rows with the chain and return the verdict."""
    seq, finding = None, ""
    try:
        for row in rows:
            chain.add(row)
        chain.end(given)
    except Broken as broken:
        seq, finding = broken.seq, str(broken)
    last_ms = chain.last.time_ms if chain.last else 0
    return Verdict(chain.rows, chain.first_ms, last_ms, chain.newest, seq=seq, finding=finding)
