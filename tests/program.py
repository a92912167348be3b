"""The program as its users have it: a process that is started, used, stopped and killed."""

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import requests

from prjobs.cli import main
from tests.waiting import wait_for

JOB = {
    "site": "saf",
    "device": "camera",
    "instance": "camera1",
    "action": "expose",
    "user_name": "Alice A.",
    "user_id": "auth0|alice",
    "required_params": {"time": "1", "image_type": "light"},
    "optional_params": {"bin": "1,1", "count": 1},
}
# The exit code of a process that a failpoint killed.
KILLED = -signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM
# The stored document of a job as the contract has it: names and types.
DOCUMENT = {
    "site": str,
    "ulid": str,
    "statusId": str,
    "replicaStatusId": str,
    "user_name": str,
    "user_id": str,
    "user_roles": list,
    "timestamp_ms": int,
    "deviceType": str,
    "deviceInstance": str,
    "action": str,
    "required_params": dict,
    "optional_params": dict,
}


def _first_line(file: int) -> str:
    """Read no byte more: `communicate` loses what a buffered reader holds of the next lines."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(file, 1)):
        line += byte
    return line.decode()


# On Windows a Ctrl-C reaches the processes of a console, and each served program gets a console of its own.
CTRL_C = (
    "import ctypes, sys; kernel = ctypes.WinDLL('kernel32'); kernel.FreeConsole();"
    "kernel.AttachConsole(int(sys.argv[1])) and kernel.SetConsoleCtrlHandler(None, True)"
    " and kernel.GenerateConsoleCtrlEvent(0, 0)"
)


def ask_to_stop(process: subprocess.Popen[str]) -> None:
    """Ask a served program to stop: as a service manager does, or by Ctrl-C on Windows, where `terminate` kills."""
    if os.name == "nt":
        subprocess.run([sys.executable, "-c", CTRL_C, str(process.pid)], check=True, timeout=60)
    else:
        process.terminate()


class Program:
    """`prjobs` on one data folder. Commands run to their end; `serve` starts a process.

    `launcher` are the words after `python` that start it.
    """

    def __init__(self, data: Path, launcher: tuple[str, ...] = ("-m", "prjobs")) -> None:
        self.data = data
        self.launcher = launcher
        self.url = ""
        self.first_lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    def run(
        self, *arguments: str, data: bool = True, launcher: tuple[str, ...] = ("-m", "prjobs"), **named: Any
    ) -> subprocess.CompletedProcess[str]:
        """One command; its exit code and output."""
        where = ["--data", str(self.data)] if data else []
        command = [sys.executable, *launcher, *arguments, *where]
        named = {"encoding": "utf-8", "timeout": 60, **named}
        return subprocess.run(command, capture_output=True, check=False, **named)

    def serve(self, *flags: str, **named: Any) -> str:
        """Start serving on a free port; returns the URL once it is ready."""
        command = [sys.executable, *self.launcher, "serve", "--port", "0", "--data", str(self.data), *flags]
        named.setdefault("stderr", subprocess.PIPE)
        if os.name == "nt":
            named.setdefault("creationflags", subprocess.CREATE_NO_WINDOW)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", **named)
        assert self.process.stdout is not None
        line = _first_line(self.process.stdout.fileno())
        if not line:
            _, errors = self.process.communicate(timeout=60)
            raise AssertionError(f"serve ended with {self.process.returncode}: {errors}")
        self.first_lines.append(line.rstrip())
        self.url = line.split()[-1].rstrip("/")
        return self.url

    def kill(self) -> None:
        """kill -9, as a power cut does to a process."""
        if self.process and self.process.poll() is None:
            self.process.kill()
        self._wait()

    def stop(self) -> tuple[int, str, str]:
        """Ask it to stop, as a service manager does; (exit code, rest of its stdout, its stderr)."""
        assert self.process is not None
        ask_to_stop(self.process)
        return self._wait()

    def _wait(self) -> tuple[int, str, str]:
        if self.process is None:
            return 0, "", ""
        out, errors = self.process.communicate(timeout=60)
        code, self.process = self.process.returncode, None
        return code, out or "", errors or ""

    def token(self, user_id: str = "auth0|alice", *flags: str) -> str:
        """A new token of the appliance's own. The command runs in this process: a process takes longer to start."""
        with redirect_stdout(io.StringIO()) as printed:
            code = main(["token", "create", "--user", user_id, *flags, "--data", str(self.data)])
        assert code == 0
        return printed.getvalue().strip()

    def post(self, name: str, body: dict[str, Any], token: str | None = None, **named: Any) -> requests.Response:
        """One request as a site's program sends it: no content type, the body as JSON text."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.post(f"{self.url}/{name}", data=json.dumps(body), headers=headers, timeout=30, **named)

    def fetch(self, count: int = 1, site: str = "saf") -> list[str]:
        """Poll until so many jobs came; their ids. On a slow disk a poll may come away empty before."""
        taken: list[str] = []

        def poll() -> bool:
            taken.extend(job["ulid"] for job in self.post("getnewjobs", {"site": site}).json())
            return len(taken) >= count

        wait_for(poll)
        return taken

    def new_job(self, token: str, **changes: Any) -> dict[str, Any]:
        """Send a job; the stored document."""
        answer = self.post("newjob", {**JOB, **changes}, token)
        assert answer.status_code == 200, answer.text
        return answer.json()
