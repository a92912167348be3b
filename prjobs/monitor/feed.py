"""The rows of a table as a feed: a page asks for what changed since the mark of its last answer."""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

# The most removed rows that a page may learn about; a page that missed more gets all rows.
GONE_LIMIT = 1000


def scope_mark(process: str, scope: Iterable[str]) -> str:
    """Return the beginning of a mark: the process that counts, and the sites of the caller, none for every site."""
    return f"{process}.{crc32(' '.join(sorted(scope)).encode()):x}."


class Rows(NamedTuple):
    """The rows for a page, each as JSON: all of them if `is_whole`, else those changed since, and the names removed."""

    mark: str
    is_whole: bool
    rows: list[msgspec.Raw]
    gone: list[str]


class _Row(NamedTuple):
    number: int
    value: Any
    text: msgspec.Raw


class Feed:
    """The present rows by name, each with the number of its last change. Any thread may call any method."""

    def __init__(self, process: str) -> None:
        self._lock = threading.Lock()
        # Another process counts other changes: a mark begins with the name of its own.
        self._process = process
        self._number = 0
        self._rows: dict[str, _Row] = {}
        self._gone: dict[str, int] = {}
        # Pages with an older number than this get all rows.
        self._floor = 0

    def take(self, rows: Mapping[str, Any]) -> None:
        """Replace all rows; a row that is equal to the one before keeps its number."""
        with self._lock:
            number = self._number + 1
            gone = self._rows.keys() - rows.keys()
            kept = {name: self._kept(name, row, number) for name, row in rows.items()}
            if gone or any(row.number == number for row in kept.values()):
                self._number = number
            self._rows = kept
            self._gone = {name: at for name, at in self._gone.items() if name not in kept}
            self._gone.update(dict.fromkeys(gone, number))
            while len(self._gone) > GONE_LIMIT:
                self._floor = self._gone.pop(next(iter(self._gone)))

    def _kept(self, name: str, row: Any, number: int) -> _Row:
        before = self._rows.get(name)
        return before if before and before.value == row else _Row(number, row, msgspec.Raw(msgspec.json.encode(row)))

    def since(self, mark: str, reaches: Callable[[str], bool], scope: Iterable[str]) -> Rows:
        """Return the rows of the names that `reaches`, changed since the mark; all for a mark of another `scope`."""
        own = scope_mark(self._process, scope)
        with self._lock:
            rows, gone, newest, floor = self._rows, dict(self._gone), self._number, self._floor
        since = _number_of(mark.removeprefix(own)) if mark.startswith(own) else None
        if since is None or not floor <= since <= newest:
            return Rows(f"{own}{newest}", True, [row.text for name, row in rows.items() if reaches(name)], [])
        changed = [row.text for name, row in rows.items() if row.number > since and reaches(name)]
        lost = [name for name, number in gone.items() if number > since and reaches(name)]
        return Rows(f"{own}{newest}", False, changed, lost)


def _number_of(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
