"""Finding, running and measuring programs that are not ours."""

import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.processes import CHECKOUT

START_S = 60.0
PYTHON_VARIABLE = "RIVALS_PYTHON"
ASK_VERSIONS = """import importlib.metadata, sys
for name in sys.argv[1:]:
    try:
        print(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        pass
"""
REQUIREMENTS = "tests/bench/rivals/requirements.txt"


def find_program(name: str) -> str | None:
    """Return its path: on the search path, or where Debian keeps servers."""
    elsewhere = [*Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), Path("/usr/sbin") / name, Path("/usr/bin") / name]
    return shutil.which(name) or next((str(path) for path in elsewhere if path.exists()), None)


def rivals_python() -> Path:
    """Return the Python of the rivals' own environment; the variable RIVALS_PYTHON names another one."""
    where = Path("Scripts", "python.exe") if os.name == "nt" else Path("bin", "python")
    return Path(os.environ.get(PYTHON_VARIABLE) or CHECKOUT / ".rivals" / where)


def package_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of the packages that the rivals' environment has."""
    if not rivals_python().exists():
        return {}
    said = subprocess.run(
        [rivals_python(), "-c", ASK_VERSIONS, *names], capture_output=True, text=True, check=True
    ).stdout
    return dict(line.split(" ", 1) for line in said.splitlines())


def program_version(name: str) -> str:
    """Return the first word with a digit of what `NAME --version` or `NAME -v` says."""
    program = find_program(name)
    assert program is not None
    how = "-v" if name == "beanstalkd" else "--version"
    said = subprocess.run([program, how], capture_output=True, text=True, check=False)
    words = (said.stdout + said.stderr).replace("v=", "").split()
    return next((word for word in words if word[0].isdigit()), "?")


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class NotStarted(RuntimeError):
    """A program does not answer on its port."""


class Programs:
    """The processes that one rival needs, with their children."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[Any]] = []

    def start(self, command: list[str], port: int, **named: Any) -> None:
        """Start a program and wait until it answers on its port."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, **{**quiet, "cwd": CHECKOUT, **named})
        self._started.append(process)
        _wait_for(port, process)

    def adopt(self, process: subprocess.Popen[Any]) -> None:
        """Take over a process that answers already."""
        self._started.append(process)

    def start_app(self, name: str, port: int, *more: object) -> None:
        """Start a module of `apps` with the rivals' Python."""
        module = f"tests.bench.rivals.apps.{name}"
        self.start([str(rivals_python()), "-m", module, str(port), *map(str, more)], port)

    def cpu_s(self) -> float:
        """Return the CPU seconds of all processes, ended children included; not a number where there is no /proc."""
        if not Path("/proc/self/stat").exists():
            return math.nan
        return sum(_cpu_s(pid) for pid in self.pids())

    def pids(self) -> list[int]:
        """Return the ids of the started processes and all that descend from them."""
        return descendants([process.pid for process in self._started])

    def stop(self) -> None:
        """Ask them to end, the last one first."""
        for process in reversed(self._started):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._started.clear()

    def kill(self) -> None:
        """End them all at once, as `kill -9` does."""
        pids = self.pids()
        for pid in pids:
            _kill(pid)
        for process in self._started:
            process.wait()
        self._started.clear()
        end_s = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < end_s:
            time.sleep(0.05)


def descendants(pids: list[int]) -> list[int]:
    """Return the processes and all that descend from them, as /proc tells; only themselves where there is none."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found = list(pids)
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _cpu_s(pid: int) -> float:
    """User and system time of a process and of its ended children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    except OSError:
        return


def _wait_for(port: int, process: subprocess.Popen[Any]) -> None:
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise NotStarted(f"nothing answers on port {port}: {process.args!r}")


def own_account(folder: Path, name: str) -> dict[str, Any]:
    """Return the account for a program that refuses to run as root, and give it the folder."""
    if os.name != "posix" or os.geteuid() != 0:
        return {}
    shutil.chown(folder, name)
    folder.chmod(0o700)
    for parent in list(folder.parents)[:2]:
        if "prjobs-bench-" in parent.name:
            parent.chmod(0o711)
    return {"user": name, "group": name, "extra_groups": []}
