"""The story that is recorded: a site at work, a checkpoint, a clean stop, a kill, the restore of a backup.

Each question and each answer is a mark in the recording: a cut between any two steps has its own list of promises.
"""

import hashlib
import itertools
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.power.disks import State, rebuild
from tests.power.recording import Recording
from tests.program import JOB, Program

DATA = "data"
BACKUP = "backups/by-hand.sqlite3"
SITES = ("saf", "mrc", "eco", "big")
# A reconstructed disk may be looked at long after its recording.
FLAGS = ("--newjob-rate", "100000", "--expire-exposure-s", "0", "--min-free-mb", "0")
STOP = {"device": "sequencer", "instance": "sequencer1", "action": "cancel_all_commands"}
FILL_BYTES = 40_000


def digest_of(params: Any) -> str:
    """Return a short sum of a job's parameters."""
    return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:16]


class Client:
    """The users and the observatories. A question without an answer raises: the story itself has no faults."""

    def __init__(self, recording: Recording, launcher: tuple[str, ...] = ("-m", "prjobs"), asked: int = 0) -> None:
        self.recording = recording
        self.launcher = launcher
        self.program = Program(recording.root / DATA, launcher)
        self.token = ""
        self._numbers = itertools.count(asked + 1)

    @contextmanager
    def asking(self, what: str, **about: Any) -> Iterator[dict[str, Any]]:
        """Mark a question, and the answer once the block is through."""
        number, answer = next(self._numbers), dict[str, Any]()
        self.recording.mark({"ask": number, "what": what, **about})
        yield answer
        self.recording.mark({"answer": number, **answer})

    # ---- the program

    def serve(self) -> None:
        """Start the program, recorded."""
        self.program.serve(*FLAGS, env=self.recording.environment)

    def run(self, *arguments: str) -> str:
        """Run a command, recorded; return what it printed."""
        done = self.program.run(*arguments, launcher=self.launcher, env=self.recording.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    # ---- questions

    def make_token(self, name: str) -> str:
        """Make a token of the one user by the command."""
        with self.asking("make_token") as answer:
            answer["token"] = self.run("token", "create", "--user", JOB["user_id"], "--name", name)
        return str(answer["token"])

    def revoke(self, token: str, name: str) -> None:
        """Revoke a token by the command."""
        listed = json.loads(self.run("token", "list", "--json"))
        number = next(one["id"] for one in listed if one["user_name"] == name)
        with self.asking("revoke", token=token):
            self.run("token", "revoke", str(number))

    def reserve(self) -> None:
        """Reserve a site by the command."""
        with self.asking("reserve") as answer:
            words = ("--user", JOB["user_id"], "--start", "now", "--end", "+48h", "--force")
            answer["id"] = self.run("reserve", "add", "eco", *words).split()[-1]

    def back_up(self) -> None:
        """Make a backup by the command."""
        with self.asking("back_up", name=BACKUP):
            self.run("backup", str(self.program.data / BACKUP))

    def restore(self) -> None:
        """Restore the backup by the command."""
        with self.asking("restore", name=BACKUP):
            self.run("restore", str(self.program.data / BACKUP))

    def new_job(self, site: str, fill: int = 0, stop: bool = False) -> str:
        """Send a job; return its ulid."""
        params = {"time": "1", "image_type": "light", "fill": "x" * fill}
        body = {**JOB, "site": site, "required_params": params, **(STOP if stop else {})}
        with self.asking("new_job", site=site, digest=digest_of(params), is_stop=stop) as answer:
            answer["ulid"] = self._post("newjob", body)["ulid"]
        return str(answer["ulid"])

    def poll(self, site: str, session: requests.Session | None = None) -> list[str]:
        """Fetch the jobs of a site."""
        with self.asking("poll", site=site) as answer:
            jobs = self._post("getnewjobs", {"site": site}, session)
            answer["ulids"] = [job["ulid"] for job in jobs]
            answer["digests"] = [digest_of(job["required_params"]) for job in jobs]
        return list(answer["ulids"])

    def report(self, ulid: str, status: str, site: str = "saf", session: requests.Session | None = None) -> None:
        """Report a status."""
        with self.asking("report", ulid=ulid, status=status):
            self._post("updatejobstatus", {"ulid": ulid, "site": site, "newStatus": status}, session)

    def cancel(self, ulid: str) -> None:
        """Cancel a waiting job, as the user who sent it."""
        with self.asking("report", ulid=ulid, status="CANCELLED"):
            self._post(f"api/jobs/{ulid}/cancel", {})

    def _post(self, path: str, body: dict[str, Any], session: requests.Session | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if session is None else {}
        send = session.post if session else requests.post
        answer = send(f"{self.program.url}/{path}", data=json.dumps(body), headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass(frozen=True)
class Length:
    """The length of a story: jobs of each sender in the crowd, and large jobs for a checkpoint.

    With a reader, another program reads the store during the restore, so that the write-ahead log cannot be emptied.
    """

    crowd: int
    large: int
    reader: bool = False


SHORT, WHOLE, READ = Length(crowd=3, large=0), Length(crowd=12, large=45), Length(crowd=3, large=1, reader=True)


def record(scratch: Path, length: Length = WHOLE, launcher: tuple[str, ...] = ("-m", "prjobs")) -> Recording:
    """Record the story. Without large jobs it ends before the clean stop."""
    recording = Recording(scratch).begin()
    client = Client(recording, launcher)
    try:
        _begin(client)
        _crowd(client, length.crowd)
        for _ in range(length.large):
            client.new_job("big", FILL_BYTES)
        if length.large:
            _end(client, length.reader)
    finally:
        client.program.kill()
    return recording


@contextmanager
def open_reader(data: Path) -> Iterator[None]:
    """Read the store as another program does, which looks and changes nothing."""
    with closing(sqlite3.connect(f"{(data / 'prjobs.sqlite3').as_uri()}?mode=ro", uri=True)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM job").fetchall()
        yield


def record_again(scratch: Path, earlier: Recording, state: State) -> Recording:
    """Record the start on the disk that an earlier recording's cut left, and a little work there: for a second cut."""
    recording = Recording(scratch)
    recording.scratch.mkdir(parents=True)
    rebuild(earlier, state, recording.root)
    marks = earlier.marks(state.cut)
    recording.begin(marks)
    client = Client(recording, asked=max(mark.get("ask", 0) for mark in marks))
    client.token = next(mark["token"] for mark in marks if "token" in mark)
    try:
        client.serve()
        for _ in range(3):
            client.new_job("saf")
        with requests.Session() as session:
            for ulid in client.poll("saf", session)[::2]:
                client.report(ulid, "COMPLETE", session=session)
        client.new_job("mrc")
        client.program.stop()
    finally:
        client.program.kill()
    return recording


def _begin(client: Client) -> None:
    client.token = client.make_token("first")
    client.serve()
    for _ in range(4):
        client.new_job("saf")
    with requests.Session() as session:
        first, second, *_ = client.poll("saf", session)
        client.report(first, "STARTED", session=session)
        client.report(first, "COMPLETE", session=session)
        client.report(second, "FAILED", session=session)
    client.new_job("mrc")
    client.cancel(client.new_job("mrc"))
    client.revoke(client.make_token("gone"), "gone")
    client.reserve()
    client.new_job("eco")
    client.new_job("eco", stop=True)
    client.poll("eco")
    client.new_job("saf")
    client.back_up()


def _crowd(client: Client, jobs: int) -> None:
    """Three senders at once, and an observatory that polls and reports meanwhile."""

    def send() -> None:
        for _ in range(jobs):
            client.new_job("saf")

    def observe() -> None:
        with requests.Session() as session:
            while any(sender.is_alive() for sender in senders):
                for ulid in client.poll("saf", session)[::2]:
                    client.report(ulid, "COMPLETE", session=session)

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    observe()
    for sender in senders:
        sender.join()


def _end(client: Client, reader: bool) -> None:
    client.new_job("saf")
    client.program.stop()
    client.serve()
    client.make_token("later")
    client.new_job("saf")
    client.poll("saf")
    client.program.kill()
    with open_reader(client.program.data) if reader else nullcontext():
        client.restore()
    client.serve()
    client.new_job("saf")
    client.poll("saf")
    client.program.stop()
