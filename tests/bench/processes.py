"""Servers as processes of their own: started, asked for their address, stopped."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


class Process:
    """A server process whose first line ends with its URL."""

    def __init__(self, *arguments: str, tree: Path = CHECKOUT, python: str = sys.executable) -> None:
        self.tree, self.python = tree, python
        self.process = subprocess.Popen(
            [python, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.strip():
            raise RuntimeError(f"{' '.join(arguments)} did not start")
        self.port = int(line.split()[-1].rstrip("/").rsplit(":", 1)[1])

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)

    def stop(self) -> None:
        """Ask it to stop; killed when it does not within 15 s."""
        self._end(signal.SIGTERM)

    def _end(self, how: int) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


class Appliance(Process):
    """`prjobs serve` on a data folder; `tree` is the checkout whose code runs, `python` the interpreter."""

    def __init__(self, folder: Path, *flags: str, tree: Path = CHECKOUT, python: str = sys.executable) -> None:
        words = ["-m", "prjobs", "serve", "--port", "0", "--data", str(folder), *flags]
        super().__init__(*words, tree=tree, python=python)
        self.folder = folder

    def token(self, *flags: str, user: str = "auth0|bench") -> str:
        """A token of the appliance's own for a user."""
        command = [self.python, "-m", "prjobs", "token", "create", "--user", user, *flags]
        command += ["--data", str(self.folder)]
        env = {**os.environ, "PYTHONPATH": str(self.tree)}
        made = subprocess.run(command, capture_output=True, text=True, check=True, cwd=self.tree, env=env)
        return made.stdout.strip()

    def rss_mb(self) -> float | None:
        """Its memory in use in MB; None where the system does not tell by /proc."""
        return rss_mb(self.pid)

    def spent(self) -> tuple[float, int] | None:
        """Its CPU seconds and the wake-ups of its threads so far; None where the system does not tell by /proc."""
        return spent(self.pid)


def spent(pid: int) -> tuple[float, int] | None:
    """The CPU seconds of a process, and how often its present threads fell asleep by themselves."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        tasks = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    except OSError:
        return None
    sleeps = sum(int(line.split()[1]) for task in tasks for line in task.splitlines() if line.startswith("voluntary"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), sleeps


def cpu_us(pid: int) -> float:
    """The CPU microseconds of all threads of a process so far, by its clock (Linux, clock_getcpuclockid)."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1000


def rss_mb(pid: int) -> float | None:
    """The resident memory of a process in MB; None where the system does not tell by /proc."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@contextmanager
def echo(size: int) -> Iterator[Process]:
    """A running echo that answers `size` bytes."""
    process = Process("-m", "tests.bench.echo", str(size))
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def appliance(*flags: str, tree: Path = CHECKOUT, python: str = sys.executable) -> Iterator[Appliance]:
    """A running appliance on a fresh folder."""
    with scratch() as folder:
        process = Appliance(folder / "data", *flags, tree=tree, python=python)
        try:
            yield process
        finally:
            process.stop()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards, on the disk that the temporary folder is on."""
    with tempfile.TemporaryDirectory(prefix="prjobs-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)
