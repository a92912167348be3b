"""Several processes of a hub, as its users have them, on a database of their own."""

import os
import shutil
from pathlib import Path
from typing import Any

import requests

from tests.program import Program
from tests.waiting import wait_for


class Hub:
    """The processes on one database. The first one's secret is copied to the others."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.programs: list[Program] = []

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PRJOBS_STORE_URL": self.url}

    def add(self, *flags: str, **environment: str) -> Program:
        """Start one more process, and wait for its first line."""
        program = Program(self.folder / f"data{len(self.programs)}")
        if self.programs:
            program.data.mkdir(mode=0o700)
            shutil.copy(self.programs[0].data / "secret", program.data / "secret")
        self.programs.append(program)
        self.serve(program, *flags, **environment)
        return program

    def serve(self, program: Program, *flags: str, **environment: str) -> None:
        """Start a process on its folder; its messages go to a file, since nobody reads a pipe."""
        with (program.data.parent / f"{program.data.name}.err").open("ab") as messages:
            program.serve(*flags, env=self.environment | environment, stderr=messages)

    def run(self, program: Program, *words: str) -> tuple[int, str, str]:
        """Run a command on a process's folder."""
        done = program.run(*words, env=self.environment)
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    def token(self, program: Program, user_id: str = "auth0|alice") -> str:
        code, token, errors = self.run(program, "token", "create", "--user", user_id)
        assert code == 0, errors
        return token

    def active(self, among: list[Program] | None = None) -> Program:
        """Return the process that is active, once there is one."""
        return wait_for(lambda: next(filter(is_active, among or self.living()), None))

    def living(self) -> list[Program]:
        return [one for one in self.programs if one.process]

    def end(self) -> None:
        for program in self.living():
            program.kill()


def is_active(program: Program) -> bool:
    """Return True if the process answers as the active one."""
    return bool(health_of(program)["hub"]["role"] == "active")


def is_relaying(program: Program) -> bool:
    """Return True if the process is a standby that passes requests on to the active one."""
    said = health_of(program)
    return bool(said["ok"] and said["hub"]["role"] == "standby")


def health_of(program: Program) -> dict[str, Any]:
    """Return what the process says of its health."""
    said: dict[str, Any] = requests.get(f"{program.url}/healthz", timeout=30).json()
    return said
