"""What PostgreSQL says about the statements of the package, and the rules for what it would not say."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import pytest

from prjobs.store.dialect import Untranslatable, translate
from tests import postgres, stores
from tests.statements import NOTED, ONE_ENGINE, PACKAGE, VERB, Statement, as_json, take

# The types of the parameters as the driver sends them; a text without a type takes that of its place.
_OIDS = {"int": 20, "bool": 16, "float": 701, "bytes": 17, "str": 0, "NoneType": 0}
_UNWANTED = {16: "a truth value, which SQLite gives as 0 or 1", 1700: "a NUMERIC, as of a sum"}
# Functions that mean the same on both. A sum is NUMERIC on PostgreSQL; `max` of two values is SQLite's alone.
FUNCTIONS = {
    "cast",
    "coalesce",
    "count",
    "instr",
    "length",
    "lower",
    "max",
    "min",
    "nullif",
    "row_number",
    "substr",
    "upper",
}


class Preparing:
    """A connection to a database with the schema, on which statements are prepared and described."""

    def __init__(self, url: str) -> None:
        import psycopg

        from prjobs.store.hub import open_hub

        open_hub(url, "test")
        self._connection = psycopg.connect(url, autocommit=True)
        self._well = psycopg.pq.ExecStatus.COMMAND_OK
        sql = """SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attnotnull"""
        self._nullable = self._connection.execute(sql).fetchall()

    def close(self) -> None:
        self._connection.close()

    def faults(self, statement: Statement) -> list[str]:
        """Return what PostgreSQL and the rules say against a statement, a sentence each."""
        found = [*_kinds_against(statement), *rules_against(statement.sql, self._nullable)]
        try:
            sql, names = translate(statement.sql)
        except Untranslatable as error:
            return [*found, str(error)]
        keys = names or tuple(map(str, range(len(statement.kinds))))
        if said := self._prepare(sql, [_oid_of(statement.kinds.get(key, set())) for key in keys]):
            return [*found, said]
        described = self._connection.pgconn.describe_prepared(b"")
        types = {described.ftype(place) for place in range(described.nfields)}
        return [*found, *(f"a column of the result is {_UNWANTED[oid]}" for oid in sorted(types & _UNWANTED.keys()))]

    def _prepare(self, sql: str, oids: Sequence[int]) -> str:
        done = self._connection.pgconn.prepare(b"", sql.encode(), oids)
        return "" if done.status == self._well else done.error_message.decode().strip().replace("\n", " ")


def _oid_of(kinds: set[str]) -> int:
    return max((_OIDS.get(kind, 0) for kind in kinds), default=0)


def _kinds_against(statement: Statement) -> Iterator[str]:
    for name, kinds in statement.kinds.items():
        if "a text with NUL" in kinds:
            yield f"parameter {name} was a text with NUL, which PostgreSQL cannot store"
        if "bool" in kinds:
            yield f"parameter {name} is a bool: a flag is written as an int"
        if len(kinds - {"NoneType"}) > 1:
            yield f"parameter {name} has more than one type: {', '.join(sorted(kinds))}"


# ---- what would mean different things to the engines, though both accept the statement

_LITERAL = re.compile(r"'(?:[^']|'')*'")
_CALLED = re.compile(r"\b([a-z_]+)\(", re.IGNORECASE)
_ORDER = re.compile(r"\bORDER BY ([\w.]+(?: \w+)*(?:, [\w.]+(?: \w+)*)*)", re.IGNORECASE)
# PostgreSQL looks at conditions in any order: the row with another text would be an error.
# A parameter has the order of the database: there `lower` may know more letters than those of ASCII.
_FOLDED = re.compile(r"\b(lower|upper)\(\s*[?:]", re.IGNORECASE)
_CAST = re.compile(r"(\b(WHERE|AND|OR|ON|NOT)\s|[=<>(]\s*)\(*CAST\([^()]+ AS BIGINT\)", re.IGNORECASE)


def rules_against(sql: str, nullable: Iterable[tuple[str, str]] = ()) -> Iterator[str]:
    """Yield the rules that a statement breaks; `nullable` are the columns, with their tables, that may hold NULL."""
    bare = _LITERAL.sub("''", sql)
    if not VERB.match(bare):
        yield "a statement for one engine alone"
    if other := {word.lower() for word in _CALLED.findall(bare)} - FUNCTIONS:
        yield f"functions that do not mean the same: {', '.join(sorted(other))}"
    if _CAST.search(bare):
        yield "a CAST of a text among conditions may meet any row: compare texts, or use CASE"
    if _FOLDED.search(bare):
        yield "lower or upper of a parameter: change the letters of ASCII before"
    for column in _orders_by_null(bare, nullable):
        yield f"ORDER BY {column}: NULL is first on SQLite and last on PostgreSQL, so leave it out or say NULLS FIRST"


def _orders_by_null(bare: str, nullable: Iterable[tuple[str, str]]) -> Iterator[str]:
    words = set(re.findall(r"\w+", bare))
    columns = {column for table, column in nullable if table in words}
    for order in _ORDER.findall(bare):
        for part in order.split(", "):
            column = part.split()[0].rpartition(".")[2]
            is_filtered = re.search(rf"\b{column} (IS NOT NULL|[<>=])", bare)
            if column in columns and not is_filtered and " NULLS " not in part.upper():
                yield column


# ---- whether all are noted


def never_noted(noted: Iterable[str]) -> list[str]:
    """Return the statements in the source of the package that no noted one came from, with file and line."""
    known = "\0".join(noted)
    return [place for place, pattern in _written() if not pattern.search(known)]


@cache
def _written() -> list[tuple[str, re.Pattern[str]]]:
    return list(_found_in_source())


def _found_in_source() -> Iterator[tuple[str, re.Pattern[str]]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(ONE_ENGINE):
            continue
        for line, text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
            if re.match(r"(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH) ", text):
                # `{}` is filled in later; a text in braces within quotes is JSON.
                parts = re.split(r"\0|(?<!')\{\w*\}|%[sd]", text)
                yield f"{name}:{line}", re.compile("[^\0]*?".join(map(re.escape, parts)))


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each text with its line; what an f-string computes is a NUL."""
    if isinstance(tree, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "\0" for part in tree.values)
        yield tree.lineno, "".join(map(str, parts))
    elif isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        yield tree.lineno, tree.value
    else:
        for child in ast.iter_child_nodes(tree):
            yield from _texts(child)


# ---- at the end of a run


# The engine of the store will take these over.
_LEFT = (("store/numbers.py", "sqlite_sequence"),)


def is_left(statement: Statement) -> bool:
    """Return True for a statement that is known to be for SQLite alone, and is to move to SQLite's engine."""
    return any(statement.place.startswith(place) and word in statement.sql for place, word in _LEFT)


def check_noted(is_whole: bool) -> list[str]:
    """Return the faults of all noted statements; of a whole run also the statements that were never noted."""
    statements = [one for one in NOTED.values() if one.is_for_both and not is_left(one)]
    with postgres.shared_server().database() as url:
        preparing = Preparing(url)
        found = [f"{one.place}: {fault}\n    {one.sql}" for one in statements for fault in preparing.faults(one)]
        preparing.close()
    if is_whole:
        found += [f"{place}: no test runs the statement" for place in never_noted(NOTED)]
    return sorted(found)


def is_checked(config: pytest.Config) -> bool:
    """Return True for a run of all files, or with `--statements`, where there is a server, or must be one."""
    asked = not config.option.file_or_dir or config.option.statements
    return bool(NOTED) and asked and (postgres.REQUIRED or postgres.reason_for_none() is None)


def _is_whole(config: pytest.Config) -> bool:
    """Whether the default run was asked for: every file, the usual marks, and SQLite, on which statements are noted."""
    option = config.option
    is_default = not option.file_or_dir and not option.keyword and option.markexpr in config.getini("addopts")
    return is_default and not stores.on_postgresql()


class AtTheEnd:
    """The plugin that collects the statements of all processes of a run, and fails the run for what it finds."""

    def __init__(self) -> None:
        self._found: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error) -> None:
        """Take what a worker noted."""
        take(getattr(node, "workeroutput", {}).get("statements", ()))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand the statements to the controller; there, or without workers, check them all."""
        config = session.config
        if hasattr(config, "workeroutput"):
            config.workeroutput["statements"] = as_json()
        elif is_checked(config):
            self._found = check_noted(_is_whole(config) and not session.testsfailed)
            postgres.stop_shared()
            if self._found:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter) -> None:
        """Print each fault with the statement."""
        if self._found:
            terminalreporter.section("statements that PostgreSQL refuses, or takes for something else")
            for one in self._found:
                terminalreporter.write_line(one)
