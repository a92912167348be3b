"""Imports point down only, and importing does no work."""

import ast
import subprocess
import sys
from pathlib import Path

import prjobs

ROOT = Path(prjobs.__file__).parent
# From the bottom up; a module may import from its own row and from rows before it.
ROWS = [
    {"errors", "version", "clock", "contact", "states", "client", "catalogue", "theme", "reserved", "console"},
    {"ulids", "decoding", "failpoints", "places", "trouble"},
    {"settings", "models", "deadlines", "bell", "folder", "identity", "quota", "logs", "work"},
    {"wire", "database", "presence", "open_alarms", "open_handouts", "oidc", "limits", "glance", "chain", "sky"},
    {"appliance", "schema"},
    {"feed", "access", "audit", "health", "alarms", "reservations"},
    {"lookup", "withdrawals", "jobs", "expiry", "redelivery", "leaving", "handouts"},
    {"views", "sites", "rights", "watching"},
    {"night"},
    {"opening", "cloud"},
    {"web", "upkeep", "outside"},
    {"server"},
    {"demo"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, row in enumerate(ROWS) for name in row}


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "prjobs":
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("prjobs.")]


def modules():
    return [path for path in ROOT.rglob("*.py") if "migrations" not in path.parts and path.name != "__init__.py"]


def test_imports_point_down():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        for name in imported(path)
        if RANK[name] > RANK[room(path)]
    ]
    assert wrong == []


def test_the_client_stands_alone():
    assert list(imported(ROOT / "client.py")) == []


def test_only_the_clock_reads_the_time_or_chance():
    allowed = {"clock.py", "listener.py"}  # the listener cuts idle connections, below any appliance
    reading = {"time.time", "time.monotonic", "time.time_ns", "datetime.now", "secrets.", "uuid.", "random.random("}
    for path in modules():
        if path.name in allowed or room(path) in ("cli", "demo"):
            continue
        text = path.read_text(encoding="utf-8")
        assert not [word for word in reading if word in text], path


def test_importing_does_no_work(tmp_path):
    code = "import prjobs.server, prjobs.cli, threading, pathlib; assert threading.active_count() == 1"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr, list(tmp_path.iterdir())) == (0, "", "", [])


def test_only_wire_knows_the_contracts_names():
    for path in modules():
        if path.name in ("wire.py", "client.py") or room(path) == "demo":
            continue
        text = path.read_text(encoding="utf-8")
        assert not [word for word in ("deviceType", "statusId", "secondsUntilComplete", "newStatus") if word in text], (
            path
        )


def test_times_become_dates_in_one_way():
    """On Windows datetime.fromtimestamp raises for years that the wire allows: clock.moment stands in for it."""
    named = [path.name for path in modules() if ".fromtimestamp(" in path.read_text(encoding="utf-8")]
    assert named == []
