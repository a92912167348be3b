"""What every rival can do: start on a folder, be asked over HTTP for the same work, show what it stored, stop."""

import json
from pathlib import Path
from typing import Any, ClassVar

from tests.bench import sending
from tests.bench.load import ask_once, build_request
from tests.bench.rivals.programs import REQUIREMENTS, Programs, find_program, package_versions, program_version

STEPS = ("UNREAD", "RECEIVED", "STARTED", "COMPLETE")


class Rival:
    """A service of somebody else's. The calls have prjobs's names and bodies where a rival does not say otherwise."""

    name: ClassVar[str]
    calls: ClassVar[str]
    """Which of its calls stand for submit, take and report."""
    packages: ClassVar[tuple[str, ...]] = ()
    """What it needs of `requirements.txt`."""
    debian: ClassVar[dict[str, str]] = {}
    """Programs, and Debian's package of each."""
    keeps: ClassVar[tuple[str, ...]] = STEPS
    """The statuses of a job that its store tells afterwards."""
    durable: ClassVar[bool] = True

    def __init__(self) -> None:
        self.programs = Programs()
        self.port = 0

    def missing(self) -> str | None:
        """Return what to install, or None."""
        packages = [package for program, package in self.debian.items() if not find_program(program)]
        if packages:
            return f"apt install {' '.join(packages)}"
        lacks = set(self.packages) - set(package_versions(self.packages))
        if lacks:
            return f"{', '.join(sorted(lacks))}: pip install -r {REQUIREMENTS}, see its first lines"
        return None

    def versions(self) -> dict[str, str]:
        """Return the versions of all parts."""
        return package_versions(self.packages) | {name: program_version(name) for name in self.debian}

    def start(self, folder: Path) -> None:
        """Start all its programs on a folder that may hold its store already."""
        raise NotImplementedError

    def submit(self, site: str) -> bytes:
        """Return the request that submits a job."""
        return post("/newjob", {**sending.JOB, "site": site})

    def take(self, site: str) -> bytes:
        """Return the request that takes what waits for the site."""
        return post("/getnewjobs", {"site": site})

    def taken(self, answer: Any) -> dict[str, Any]:
        """Return the jobs in the answer to `take`, by their ids."""
        return {job["ulid"]: job for job in answer}

    def report(self, job: Any, status: str) -> bytes:
        """Return the request that reports a status of a job."""
        body = {"site": job["site"], "ulid": job["ulid"], "newStatus": status, "secondsUntilComplete": 10}
        return post("/updatejobstatus", body)

    def stored(self) -> dict[str, list[str]]:
        """Return the statuses of each job, from its store."""
        return json.loads(ask_once(self.port, build_request("/stored", b"", method="GET"))[1])

    def stop(self) -> None:
        """End all its programs."""
        self.programs.stop()

    def kill(self) -> None:
        """End all its programs with `kill -9`."""
        self.programs.kill()


class Refused(RuntimeError):
    """A service refused work, or lost or doubled a job."""

    def __init__(self, rival: Rival, what: str) -> None:
        super().__init__(f"{rival.name} {what}")
        self.rival = rival


def post(path: str, document: dict[str, Any], *headers: str) -> bytes:
    """Return the bytes of a request with a JSON body."""
    body = json.dumps(document).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body


def check(rival: Rival, done: set[str]) -> str | None:
    """Return what is wrong with the store, or None: each job was submitted, taken once and reported on twice."""
    stored = rival.stored()
    lost = [job for job in done if stored.get(job) != list(rival.keeps)]
    if lost:
        return f"{len(lost)} of {len(done)} jobs are not stored as {', '.join(rival.keeps)}: {stored.get(lost[0])}"
    if len(stored) != len(done):
        return f"{len(stored)} jobs are stored, {len(done)} were done"
    return None
