"""Finding and running programs that are not ours."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_S = 30.0


def find_program(name: str) -> str | None:
    """Its path: on the search path, or where Debian keeps servers."""
    elsewhere = [*Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), Path("/usr/sbin") / name, Path("/usr/bin") / name]
    return shutil.which(name) or next((str(path) for path in elsewhere if path.exists()), None)


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], port: int, **named: Any) -> Iterator[None]:
    """The program as a process, from when it answers on its port."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **named)
    try:
        _wait_for(port, process)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[Any]) -> None:
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing answers on port {port}")


def own_account(folder: Path, name: str) -> dict[str, Any]:
    """Programs that refuse to run as root get the folder and run under this account."""
    if os.name != "posix" or os.geteuid() != 0:
        return {}
    shutil.chown(folder, name)
    folder.chmod(0o700)
    for parent in list(folder.parents)[:2]:
        if "prjobs-bench-" in parent.name:
            parent.chmod(0o711)
    return {"user": name, "group": name, "extra_groups": []}
