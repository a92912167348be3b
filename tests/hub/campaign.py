"""A hub under load while its processes are killed and its database restarts and fails over.

    python -m tests.hub.campaign --kills 1000 --restarts 100 --failovers 20

prints the jobs, and how many of them were lost, handed out twice, missed by a cursor or numbered out of order.
"""

import argparse
import os
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import requests

from prjobs.store.postgres import PostgresConnection, connect
from tests.postgres import PostgresServer
from tests.program import JOB, Program

PROCESSES = 3
SITES = ("saf", "sro")
# A hub that is up again answers long before.
PATIENCE_S = 60.0


@dataclass
class Account:
    """What the clients of the hub were told."""

    answered: dict[str, str] = field(default_factory=dict)
    received: Counter[str] = field(default_factory=Counter)
    seen: set[int] = field(default_factory=set)
    # The faults, each with the time of its begin and end, to be read beside the times of the log.
    acts: list[str] = field(default_factory=list)


class Hub:
    """Two servers of PostgreSQL, one the standby of the other, and three processes of prjobs."""

    def __init__(self, folder: Path) -> None:
        self.primary = PostgresServer()
        self.standby = PostgresServer(self.primary)
        self._wait_for_standby()
        ports = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        self.store_url = f"postgresql://prjobs@{ports}/postgres?target_session_attrs=read-write"
        self.environment = {**os.environ, "PRJOBS_STORE_URL": self.store_url, "PRJOBS_NEWJOB_RATE": "100000"}
        self.programs = [Program(folder / str(number)) for number in range(PROCESSES)]
        for number, program in enumerate(self.programs):
            if number:
                program.data.mkdir(mode=0o700)
                shutil.copy(self.programs[0].data / "secret", program.data / "secret")
            program.serve(env=self.environment)
        self.token = self._make_token()

    def _make_token(self) -> str:
        made = self.programs[0].run("token", "create", "--user", JOB["user_id"], env=self.environment)
        return made.stdout.split()[-1]

    def _wait_for_standby(self) -> None:
        self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        self.primary.execute("SELECT pg_reload_conf()")
        end_s = time.monotonic() + PATIENCE_S
        sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            while connection.execute(sql).fetchone() != (1,):
                assert time.monotonic() < end_s, "the standby does not follow"
                time.sleep(0.05)

    def active(self) -> int:
        """Return the number of the active process."""
        end_s = time.monotonic() + PATIENCE_S
        while True:
            for number, program in enumerate(self.programs):
                with suppress(requests.RequestException):
                    if requests.get(f"{program.url}/healthz", timeout=2).json()["hub"]["role"] == "active":
                        return number
            assert time.monotonic() < end_s, "no process becomes active"
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill the active process, and start it again."""
        number = self.active()
        self.programs[number].kill()
        self.programs[number].serve(env=self.environment)

    def restart(self) -> None:
        """Restart the database as after a crash."""
        self.primary.restart("immediate")

    def fail_over(self) -> None:
        """Lose the primary, promote the standby, and make a new standby in the old one's place."""
        port = self.primary.port
        self.primary.halt("immediate")
        self.standby.promote()
        self.primary.stop()
        self.primary = self.standby
        self.standby = PostgresServer(self.primary, at=port)
        self._wait_for_standby()

    def stop(self) -> None:
        for program in self.programs:
            program.kill()
        self.standby.stop()
        self.primary.stop()


class Clients:
    """Senders, observatories and a cursor, which go on through every fault."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self.account = hub, Account()
        self._stop, self._drained, self._seen = threading.Event(), threading.Event(), threading.Event()
        self.senders = [threading.Thread(target=self._send, args=(site,)) for site in SITES]
        self.pollers = [threading.Thread(target=self._poll, args=(site,)) for site in SITES]
        self.cursor = threading.Thread(target=self._follow)
        for thread in (*self.senders, *self.pollers, self.cursor):
            thread.start()

    def _ask(self, session: requests.Session, path: str, body: dict[str, Any], **headers: str) -> Any:
        """Ask the processes in any order until one answers 200; None after the end. Standbys pass requests on."""
        while not self._drained.is_set():
            for program in random.sample(self.hub.programs, PROCESSES):
                with suppress(requests.RequestException):
                    answer = session.post(f"{program.url}/{path}", json=body, headers=headers, timeout=10)
                    if answer.status_code == 200:
                        return answer.json()
            time.sleep(0.02)
        return None

    def _send(self, site: str) -> None:
        session, number = requests.Session(), 0
        while not self._stop.is_set():
            number += 1
            headers = {"Authorization": f"Bearer {self.hub.token}", "Idempotency-Key": f"{site} {number}"}
            if job := self._ask(session, "newjob", {**JOB, "site": site}, **headers):
                self.account.answered[job["ulid"]] = site

    def _poll(self, site: str) -> None:
        session = requests.Session()
        while not self._drained.is_set():
            jobs = self._ask(session, "getnewjobs", {"site": site})
            self.account.received.update(job["ulid"] for job in jobs or ())
            for job in jobs or ():
                self._ask(session, "updatejobstatus", {"site": site, "ulid": job["ulid"], "newStatus": "COMPLETE"})
            if not jobs:
                time.sleep(0.02)

    def _follow(self) -> None:
        last = 0
        while not self._seen.is_set():
            with suppress(psycopg.Error), closing(connect(self.hub.store_url)) as connection:
                while not self._seen.is_set():
                    found = connection.fetch("SELECT seq FROM change WHERE seq > ? ORDER BY seq LIMIT 500", (last,))
                    self.account.seen.update(seq for (seq,) in found)
                    last = found[-1][0] if found else last
                    time.sleep(0.005)

    def end(self) -> None:
        """Stop sending, wait until nothing waits and the cursor has seen all, and end."""
        self._stop.set()
        for thread in self.senders:
            thread.join()
        self._wait("SELECT count(*) FROM job WHERE status = 'UNREAD'", lambda count: not count)
        self._drained.set()
        for thread in self.pollers:
            thread.join()
        self._wait("SELECT max(seq) FROM change", self.account.seen.__contains__)
        self._seen.set()
        self.cursor.join()

    def _wait(self, sql: str, is_enough: Callable[[int], bool]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            with closing(connect(self.hub.store_url)) as connection:
                if is_enough(connection.fetch(sql)[0][0]):
                    return
            time.sleep(0.1)


@dataclass(frozen=True)
class Verdict:
    """The result: all but the jobs and the unconfirmed ones must be 0. `records` tells of each job with a flaw."""

    jobs: int
    unconfirmed: int
    lost: int
    twice: int
    missed: int
    out_of_order: int
    records: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.twice or self.missed or self.out_of_order)


def judge(hub: Hub, account: Account) -> Verdict:
    """Compare what the clients were told with what is stored."""
    with closing(connect(hub.store_url)) as connection:
        stored = dict(connection.fetch("SELECT ulid, status FROM job ORDER BY seq"))
        changes = {seq for (seq,) in connection.fetch("SELECT seq FROM change")}
        doubted = {
            ulid
            for (ulid,) in connection.fetch(
                "SELECT j.ulid FROM job j JOIN change c ON c.job_seq = j.seq JOIN handout h ON h.id = c.handout_id "
                "WHERE h.state = 'UNCONFIRMED'"
            )
        }
        ulids = list(stored)
        unseen = {ulid for ulid in stored if ulid not in account.received}
        gone = account.answered.keys() - stored.keys()
        twice = {ulid for ulid, count in account.received.items() if count > 1}
        missed = changes - account.seen
        wrong = {later for earlier, later in pairwise(ulids) if later < earlier}
        records = [f"lost: {ulid}, which was answered, is not stored" for ulid in gone]
        records += [f"missed: change {seq}" for seq in sorted(missed)]
        records += [
            line for ulid in sorted((unseen - doubted) | twice | wrong) for line in _story(connection, account, ulid)
        ]
    return Verdict(
        jobs=len(account.answered),
        unconfirmed=len(unseen & doubted),
        # A hand-out in doubt is shown to staff: its job is not lost.
        lost=len(gone) + len(unseen - doubted),
        twice=len(twice),
        missed=len(missed),
        out_of_order=len(wrong),
        records=tuple([*records, *account.acts] if records else ()),
    )


def _story(connection: PostgresConnection, account: Account, ulid: str) -> Iterator[str]:
    """Yield what the log has of a job, and how often a client received the job."""
    yield f"{ulid}, received {account.received[ulid]} times:"
    for row in connection.fetch(
        "SELECT c.seq, c.time_ms, c.status, c.who, c.note, h.id, h.state, h.peer, h.maybe_flushed "
        "FROM change c JOIN job j ON j.seq = c.job_seq LEFT JOIN handout h ON h.id = c.handout_id "
        "WHERE j.ulid = ? ORDER BY c.seq",
        (ulid,),
    ):
        yield "  ".join(map(str, row))


@contextmanager
def hub_and_clients() -> Iterator[tuple[Hub, Clients]]:
    """Run a hub under load in a temporary folder; all processes end with the block."""
    with tempfile.TemporaryDirectory(prefix="prjobs-campaign-") as folder:
        hub = Hub(Path(folder))
        try:
            clients = Clients(hub)
            try:
                yield hub, clients
            finally:
                clients.end()
        finally:
            hub.stop()


def run(kills: int, restarts: int, failovers: int, seed: int = 1) -> Verdict:
    """Run a campaign and return the verdict."""
    acts = ["kill"] * kills + ["restart"] * restarts + ["fail_over"] * failovers
    random.Random(seed).shuffle(acts)
    with hub_and_clients() as (hub, clients):
        for act in acts:
            before, end_s = len(clients.account.answered), time.monotonic() + PATIENCE_S
            began_ms = time.time_ns() // 1_000_000
            getattr(hub, act)()
            clients.account.acts.append(f"{act} from {began_ms} to {time.time_ns() // 1_000_000}")
            while len(clients.account.answered) < before + 5:
                assert time.monotonic() < end_s, f"nothing is answered after {act}"
                time.sleep(0.02)
        clients.end()
        return judge(hub, clients.account)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("kills", "restarts", "failovers"):
        parser.add_argument(f"--{name}", type=int, default=1)
    given = parser.parse_args()
    print(run(given.kills, given.restarts, given.failovers))
