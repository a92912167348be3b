"""`prjobs audit verify`, `prjobs audit export`."""

import argparse
import json
import re
import sqlite3
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain as joined
from pathlib import Path
from typing import Any, BinaryIO

from prjobs.access import anchor, audit
from prjobs.access.audit import Fetch
from prjobs.access.chain import Anchor, Chain, Verdict, examine, line_of
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.marks import marked
from prjobs.base.progress import Counter, shown_on, step
from prjobs.base.settings_sources import load_settings
from prjobs.cli.reading import reading_database
from prjobs.cli.terminal import Namespace, Parser, add_actions, add_data, folder_of, print_json, stderr, utc
from prjobs.store.models import AuditRow
from prjobs.store.sqlite import trouble_of
from prjobs.upkeep.inspection import has_log, older_migrations, open_read_only, require_ours

NO_ANCHOR = (
    "This folder has no anchor of its own yet: the first process here that becomes the active one writes the anchor. "
    "Rows that were cut off at the end show in the folders of the other processes, or against --anchor."
)


def add_audit(words: Parser) -> None:
    """Declare `audit verify` and `audit export`."""
    actions = add_actions(words)
    verify = add_data(actions.add_parser("verify", help="find the first row that was changed or removed"))
    verify.add_argument("--file", type=Path, metavar="EXPORT", help="check an export instead of the store")
    verify.add_argument(
        "--anchor",
        type=_anchor,
        action="append",
        default=[],
        metavar="ROW:HASH",
        help="the newest row of an earlier verify",
    )
    verify.add_argument("--json", action="store_true", help="one JSON object")
    verify.set_defaults(run=run_verify)
    export = add_data(actions.add_parser("export", help="write all rows as JSON lines"))
    export.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a new file; default: the output")
    export.set_defaults(run=run_export)


def _anchor(text: str) -> Anchor:
    match = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text)
    if match is None:
        raise argparse.ArgumentTypeError("write it as ROW:HASH, 64 hexadecimal digits")
    return Anchor(int(match[1]), match[2])


def run_verify(asked: Namespace) -> int:
    """Print how far the chain is unbroken; return 1 if the chain is broken."""
    with shown_on(sys.stderr):
        verdict, behind = _verify(asked)
    if asked.json:
        print_json(_as_json(verdict, behind))
    elif verdict.seq is None:
        print(_sentence(verdict, behind))
    else:
        stderr(marked(f"prjobs: {verdict.finding} {_count(verdict.rows)} before it, unbroken."))
    return 0 if verdict.seq is None else 1


def _verify(asked: Namespace) -> tuple[Verdict, int | None]:
    if asked.file:
        with step("Checking the export"):
            return _verify_file(asked.file, asked.anchor), 0
    folder, counted = folder_of(asked), Counter()
    with _store(folder) as fetch, step("Checking the audit", counted.share):
        counted.total = audit.highest_given(fetch)

        def counting(sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
            rows = fetch(sql, parameters)
            counted.done += len(rows)
            return rows

        joins = _has_hub(folder) and not folder.identity()
        return anchor.verify(counting, folder.path, asked.anchor, joins)


def _as_json(verdict: Verdict, behind: int | None) -> dict[str, object]:
    return {
        "ok": verdict.seq is None,
        "rows": verdict.rows,
        "first_ms": verdict.first_ms,
        "last_ms": verdict.last_ms,
        "newest": str(verdict.newest),
        "anchor_behind": behind,
        "seq": verdict.seq,
        "finding": verdict.finding or None,
    }


def _sentence(verdict: Verdict, behind: int | None) -> str:
    if not verdict.rows:
        return "0 rows: nothing was recorded yet."
    said = f"{_count(verdict.rows)}, unbroken, from {utc(verdict.first_ms)} to {utc(verdict.last_ms)} UTC"
    return f"{said}; newest {verdict.newest}{_of_anchor(behind)}"


def _of_anchor(behind: int | None) -> str:
    if behind is None:
        return f"\n{NO_ANCHOR}"
    if behind <= 0:
        return ""
    return f"\n{_count(behind)} newer than the anchor: just added, or the last stop was not clean."


def _count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def run_export(asked: Namespace) -> None:
    """Write the rows; the count goes to stderr."""
    folder = folder_of(asked)
    with _store(folder) as fetch:
        if asked.file:
            with shown_on(sys.stderr), step("Writing the rows"):
                count = _write_file(fetch, asked.file)
        else:
            count = _write_lines(fetch, sys.stdout.buffer)
    stderr(f"{_count(count)} exported")


def _write_file(fetch: Fetch, path: Path) -> int:
    try:
        file = path.open("xb")
    except OSError as error:
        raise Unusable(f"{path} cannot be made: {error.strerror}.") from None
    try:
        with file:
            return _write_lines(fetch, file)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Unusable(f"{path} cannot be written: {error.strerror}.") from None


def _write_lines(fetch: Fetch, file: BinaryIO) -> int:
    store, count = audit.identity_of(fetch), 0
    for row in audit.list_rows(fetch):
        line = json.dumps(line_of(store, row), ensure_ascii=False, default=repr)
        file.write(f"{line}\n".encode(errors="replace"))
        count += 1
    file.flush()
    return count


def _has_hub(folder: Folder) -> bool:
    settings, _ = load_settings(folder.path)
    return bool(settings.store_url)


@contextmanager
def _store(folder: Folder) -> Iterator[Fetch]:
    """Yield a reader of the store, with or without a running server."""
    if _has_hub(folder):
        yield reading_database(folder).fetch
        return
    path = folder.database
    if not path.is_file():
        raise Unusable(f"{folder.path} holds no appliance yet. Start one there with `prjobs serve`.")
    try:
        with closing(open_read_only(path, still=not folder.is_served() and not has_log(path))) as connection:
            connection.text_factory = lambda stored: stored.decode(errors="surrogateescape")
            require_ours(connection, path)
            if older_migrations(connection):
                raise Unusable(f"{path} is of an older version; the next start brings it up to date.")
            yield lambda sql, parameters: connection.execute(sql, parameters).fetchall()
    except sqlite3.Error as error:
        raise Unusable(f"{path} cannot be read: {trouble_of(error, path).sentence}") from None


# ---- an export


def _verify_file(path: Path, anchors: list[Anchor]) -> Verdict:
    try:
        with closing(_read_lines(path)) as lines:
            first = next(lines, None)
            if first is None:
                return examine([], Chain("", anchors))
            store = first[0]
            # A row of another store is not of this chain.
            rows = (row if named == store else row._replace(hash="") for named, row in joined([first], lines))
            return examine(rows, Chain(store, anchors))
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}.") from None


def _read_lines(path: Path) -> Generator[tuple[str, AuditRow], None, None]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                values = json.loads(line)
                yield str(values.pop("store")), AuditRow(**values)
            except (ValueError, TypeError, KeyError, AttributeError):
                raise Unusable(f"{path}: line {number} is no row of an audit.") from None
