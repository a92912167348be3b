"""From nothing to a FITS file with the README alone: its commands run as written."""

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.observing.headers import header_of
from tests.observing.indi import require_indi
from tests.readme import README, ROOT, blocks
from tests.waiting import wait_for

# What a clone has for an install.
CLONED = ("prjobs", "static", "pyproject.toml", "setup.cfg", "README.md", "LICENSE")


def commands(port: int) -> list[str]:
    """The README's commands for a first image, with a port of this test for the devices."""
    (block,) = [one for one in blocks(README.read_text(encoding="utf-8"), "sh") if "observe --indi" in one]
    block = block.replace("--indi localhost", f"--indi localhost:{port}")
    return block.replace("indiserver ", f"indiserver -p {port} -u $HOME/socket ").splitlines()


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Newcomer:
    """A clone of the project in a folder of its own, and terminals there."""

    def __init__(self, home: Path) -> None:
        self.home, self.clone = home, home / "clone"
        self.clone.mkdir()
        for name in CLONED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.clone / name)
        self._terminals = 0
        # The port of the README may be taken here.
        self._environment = {**os.environ, "PRJOBS_DATA": str(home / "data"), "PRJOBS_PORT": "0", "HOME": str(home)}
        self._environment["PIP_CACHE_DIR"] = str(Path("~/.cache/pip").expanduser())

    def run(self, command: str) -> str:
        """Run a command to its end; the output."""
        done = subprocess.run(
            command, shell=True, cwd=self.clone, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    @contextmanager
    def terminal(self, command: str, is_ready: Callable[[str], bool]) -> Iterator[None]:
        """Let a command go on, once it is ready by its output."""
        self._terminals += 1
        log = self.home / f"terminal{self._terminals}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                shell=True,
                cwd=self.clone,
                env=self._environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            wait_for(lambda: is_ready(log.read_text(encoding="utf-8")) or process.poll() is not None)
            assert process.poll() is None, log.read_text(encoding="utf-8")
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


@pytest.mark.long
def test_the_readme_leads_to_a_fits_file(tmp_path: Path):
    require_indi()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    serve, devices, place, found, observe, send = commands(port)
    install, _, serve = serve.rpartition(" && ")
    newcomer = Newcomer(tmp_path)
    # The install alone may take longer than any wait.
    newcomer.run(install)
    with ExitStack() as terminals:
        terminals.enter_context(newcomer.terminal(serve, lambda said: "http://" in said))
        terminals.enter_context(newcomer.terminal(devices, lambda _said: answers(port)))
        newcomer.run(place)
        newcomer.run(found)
        terminals.enter_context(newcomer.terminal(observe, lambda said: "observing saf" in said))
        ulid = re.search(r"\b[0-9A-Z]{26}\b", newcomer.run(send))[0]
        image = newcomer.clone / "images" / f"{ulid}-001.fits"
        wait_for(image.exists)
    header = header_of(image)
    assert (header["JOBID"], header["OBJECT"], header["SITEID"]) == (ulid, "M31", "saf")
    assert header["USERID"]
