"""`python -m tests.bench kill`: kill -9 under load, again and again, and count what became of every job.

5 senders and 8 pollers, of which every other holds its polls, work on three sites; at a random moment the server is
killed and started again on the same folder. In the end every job that was answered with 200 must be there, delivered
once or in an unconfirmed hand-out, and none delivered twice.
"""

import argparse
import json
import random
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import sending
from tests.bench.crowd import Answer, Crowd, Steps
from tests.bench.processes import Appliance, scratch

SENDERS, POLLERS = 5, 8
SITES = ("saf", "eco", "mrc")
HOLD_S = 20
SHORTEST_S, LONGEST_S = 0.05, 1.0
DRAIN_S = 2.0
QUICK_ROUNDS = 5


@dataclass
class Tally:
    """What the participants saw."""

    accepted: set[str] = field(default_factory=set)
    delivered: Counter[str] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True)
class Verdict:
    """What became of the accepted jobs."""

    jobs: int
    missing: int
    twice: int
    unconfirmed: int
    undelivered: int

    @property
    def good(self) -> bool:
        """Nothing lost, nothing twice."""
        return not (self.missing or self.twice or self.undelivered)


def main(asked: argparse.Namespace) -> bool:
    """Run the rounds and print the verdict; whether it is good."""
    rounds = QUICK_ROUNDS if asked.quick else asked.rounds
    with scratch() as folder:
        tally = run(folder / "data", rounds, random.Random(asked.seed))
        verdict = judge(folder / "data" / "prjobs.sqlite3", tally)
    print(
        f"rounds {rounds}, jobs {verdict.jobs}, lost {verdict.missing + verdict.undelivered}, twice {verdict.twice}, "
        f"unconfirmed {verdict.unconfirmed}{f', refused {dict(tally.refused)}' if tally.refused else ''}"
    )
    return verdict.good


def run(data: Path, rounds: int, chance: random.Random) -> Tally:
    """All rounds, and a last start that hands out what still waits."""
    tally = Tally()
    server = Appliance(data)
    token = server.token()
    for _ in range(rounds):
        crowd = _crowd(server, token, tally)
        crowd.run(chance.uniform(SHORTEST_S, LONGEST_S))
        server.kill()
        # What the dead server had sent is still read.
        crowd.run(0.1)
        crowd.close()
        server = Appliance(data)
    _drain(server, tally)
    server.stop()
    return tally


def _crowd(server: Appliance, token: str, tally: Tally) -> Crowd:
    crowd = Crowd(server.port)
    for number in range(SENDERS):
        crowd.add(sender(token, SITES[number % len(SITES)], tally))
    for number in range(POLLERS):
        crowd.add(poller(SITES[number % len(SITES)], tally, HOLD_S * (number % 2)))
    return crowd


def _drain(server: Appliance, tally: Tally) -> None:
    crowd = Crowd(server.port)
    for site in SITES:
        crowd.add(poller(site, tally))
    crowd.run(DRAIN_S)
    crowd.close()


def sender(token: str, site: str, tally: Tally) -> Steps:
    """Sends commands until the server is gone."""
    while True:
        answer = yield sending.new_job(token, site)
        if not _came(answer, tally):
            return
        if answer.status == 200:
            tally.accepted.add(json.loads(answer.body)["ulid"])


def poller(site: str, tally: Tally, hold_s: int = 0) -> Steps:
    """Polls until the server is gone; reports on every other job."""
    while True:
        answer = yield sending.poll(site, wait=hold_s) if hold_s else sending.poll(site)
        if not _came(answer, tally):
            return
        ulids = [job["ulid"] for job in json.loads(answer.body)]
        tally.delivered.update(ulids)
        for ulid in ulids[::2]:
            if not _came((yield sending.report(ulid, "COMPLETE", site)), tally):
                return
        yield 0.005


def _came(answer: Answer | None, tally: Tally) -> bool:
    assert answer is not None
    if answer.status not in (0, 200):
        tally.refused[answer.status] += 1
    return answer.status != 0


def judge(database: Path, tally: Tally) -> Verdict:
    """Hold what the participants saw against the store."""
    connection = sqlite3.connect(database)
    stored = {ulid for (ulid,) in connection.execute("SELECT ulid FROM job")}
    doubtful = {
        ulid
        for (ulid,) in connection.execute(
            "SELECT j.ulid FROM change c JOIN job j ON j.seq = c.job_seq JOIN handout h ON h.id = c.handout_id "
            "WHERE h.state = 'UNCONFIRMED'"
        )
    }
    connection.close()
    never = tally.accepted - set(tally.delivered)
    return Verdict(
        jobs=len(tally.accepted),
        missing=len(tally.accepted - stored),
        twice=sum(times > 1 for times in tally.delivered.values()),
        unconfirmed=len(never & doubtful),
        undelivered=len((never & stored) - doubtful),
    )
