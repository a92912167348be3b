"""Imports point down only, and importing does no work."""

import ast
import itertools
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import prjobs

ROOT = Path(prjobs.__file__).parent
# From the bottom up, a line a row. A package or module imports from rows before its own, and from itself.
ROWS = [
    {"version", "client"},
    {"base"},
    {"observatory"},
    {"store", "service", "observing"},
    {"access"},
    {"jobs"},
    {"monitor"},
    {"cloud", "night", "notify"},
    {"appliance"},
    {"opening"},
    {"web", "upkeep", "demo"},
    {"serving"},
    {"server"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, row in enumerate(ROWS) for name in row}


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    return ".".join(("prjobs", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


def imported(path: Path):
    """The modules of the package that a file imports, by their full names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "prjobs":
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from [alias.name for alias in node.names if alias.name.startswith("prjobs.")]


def modules():
    return [path for path in ROOT.rglob("*.py") if "migrations" not in path.parts]


MODULES = {module_of(path): path for path in modules()}


def test_imports_point_down():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        if path.parent != ROOT or path.name != "__init__.py"
        for name in imported(path)
        if (to := name.split(".")[1]) != room(path) and RANK[to] >= RANK[room(path)]
    ]
    assert wrong == []


ENGINES = {
    f"prjobs.store.{name}" for name in ("hub", "postgres", "postgres_engine", "postgres_session", "sqlite", "sqlstates")
}
# Besides the tools for files and databases: what opens a store, and commands that read or write a store themselves.
MAY_KNOW_ENGINES = (
    "store",
    "upkeep",
    "opening.py",
    "serving/hub.py",
    "cli/acting.py",
    "cli/audit.py",
    "cli/reading.py",
)


def test_verbs_know_no_engine():
    assert MODULES.keys() >= ENGINES
    knowing = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        if not path.relative_to(ROOT).as_posix().startswith(MAY_KNOW_ENGINES)
        for name in imported(path)
        if name in ENGINES
    ]
    assert knowing == []


def test_one_module_imports_the_library_of_postgresql():
    importing = {
        path.relative_to(ROOT).as_posix()
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
        if name.split(".")[0] == "psycopg"
    }
    assert importing == {"store/postgres_session.py"}


def test_no_module_imports_itself_by_a_detour():
    assert tuple(TopologicalSorter({name: set(imported(path)) for name, path in MODULES.items()}).static_order())


def test_no_chain_of_imports_is_longer_than_twelve_modules():
    graph = {name: set(imported(path)) & MODULES.keys() for name, path in MODULES.items()}
    length: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        length[name] = 1 + max((length[other] for other in graph.get(name, ())), default=0)
    longest = max(length, key=length.__getitem__)
    assert length[longest] <= 12, longest


def test_no_call_has_more_than_five_positional_arguments():
    wide = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and sum(not isinstance(given, ast.Starred) for given in node.args) > 5
    ]
    assert wide == []


def named_in_class(statement: ast.stmt) -> set[str]:
    """Return the names that a statement of a class gives a meaning in the class."""
    if isinstance(statement, ast.AnnAssign | ast.Assign):
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else statement.targets
        return {target.id for target in targets if isinstance(target, ast.Name)}
    return {statement.name} if isinstance(statement, ast.FunctionDef | ast.ClassDef) else set()


def annotations(statement: ast.stmt) -> list[ast.expr | None]:
    """Return the annotations of a field or of a function."""
    if isinstance(statement, ast.AnnAssign):
        return [statement.annotation]
    if isinstance(statement, ast.FunctionDef):
        return [statement.returns, *(one.annotation for one in ast.walk(statement.args) if isinstance(one, ast.arg))]
    return []


def shadowed(text: str) -> Iterator[str]:
    """Yield the names in annotations of classes that mean something else in the class."""
    for made in ast.walk(ast.parse(text)):
        if not isinstance(made, ast.ClassDef):
            continue
        own = set().union(*map(named_in_class, made.body))
        parts = itertools.chain.from_iterable(map(annotations, made.body))
        names = (name for part in parts if part for name in ast.walk(part) if isinstance(name, ast.Name))
        yield from (f"line {name.lineno}: {name.id}" for name in names if name.id in own)


def test_no_annotation_has_the_name_of_a_field_beside_it():
    """Python 3.14 looks annotations up late: by then the field `health: health.Health` of a class hides the module."""
    fields = "class Now:\n    health: health.Health\n    more: list[health.Health]"
    functions = "class Names:\n    def list(self) -> int: ...\n    def all(self) -> list[int]: ..."
    assert list(shadowed(fields)) == ["line 2: health", "line 3: health"]
    assert list(shadowed(functions)) == ["line 3: list"]
    found = {path.relative_to(ROOT).as_posix(): list(shadowed(path.read_text(encoding="utf-8"))) for path in modules()}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_client_stands_alone():
    assert list(imported(ROOT / "client.py")) == []


def test_only_the_clock_reads_the_time_or_chance():
    # The listener cuts idle connections and ends waits, below any appliance.
    allowed = {"clock.py", "listener.py", "channel.py", "ending.py", "holding.py"}
    reading = {"time.time", "time.monotonic", "time.time_ns", "datetime.now", "secrets.", "uuid.", "random.random("}
    for path in modules():
        if path.name in allowed or room(path) in ("cli", "demo", "observatory", "observing"):
            continue
        text = path.read_text(encoding="utf-8")
        assert not [word for word in reading if word in text], path


def test_importing_does_no_work(tmp_path):
    code = "import threading, prjobs.cli.commands as one; one.build_parser(); assert threading.active_count() == 1"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr, list(tmp_path.iterdir())) == (0, "", "", [])


def test_only_wire_knows_the_contracts_names():
    for path in modules():
        if path.name in ("wire.py", "wire_fields.py", "client.py") or room(path) in ("demo", "observatory"):
            continue
        text = path.read_text(encoding="utf-8")
        assert not [word for word in ("deviceType", "statusId", "secondsUntilComplete", "newStatus") if word in text], (
            path
        )


def test_times_become_dates_in_one_way():
    """On Windows datetime.fromtimestamp raises for years that the wire allows: clock.moment stands in for it."""
    named = [path.name for path in modules() if ".fromtimestamp(" in path.read_text(encoding="utf-8")]
    assert named == []
