"""A thousand simulated sites at a real hub, faster than time.

    python -m tests.hub.motion --sites 1000 --hours 8 [--jobs 6] [--kills 2] [--relayed 0.2]

Half of the sites have a program that polls each five seconds of simulated time; the other half are linked: such a site
asks for the recent jobs as often, as the link of an appliance does. Users send jobs to any site, and stop a site now
and then; a person has the table of sites open; a cursor follows all changes. One table says what became of all.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from prjobs.store.postgres import connect
from tests.bench.load import Connection, build_request
from tests.bench.processes import cpu_us, rss_mb
from tests.bench.rounds import percentile
from tests.hub.fast_time import FastTime, Steps
from tests.hub.participants import QUIET_S, USERS, Account, Plan, Site, Users
from tests.hub.processes import Hub
from tests.program import JOB, Program

PROCESSES = 2
TELL_S = 900.0
ENVIRONMENT = {
    "PRJOBS_CONNECTIONS": "4000",
    "PRJOBS_NEWJOB_RATE": "10000000",
    "PRJOBS_OBSERVATORY_ACCESS": "token",
}


class Meter:
    """The CPU time of the processes of a hub, also of those that were killed."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._ended_us = hub, 0.0

    def now_us(self) -> float:
        """Return the CPU time of all processes so far."""
        return self._ended_us + sum(_cpu_us(program) for program in self._hub.living())

    def ends(self, program: Program) -> None:
        """Keep the time of a process that is about to be killed."""
        self._ended_us += _cpu_us(program)


def _cpu_us(program: Program) -> float:
    assert program.process is not None
    return cpu_us(program.process.pid)


class Motion:
    """A run: the hub, the participants, and the account of what they were told."""

    def __init__(self, hub: Hub, plan: Plan) -> None:
        self.hub, self.plan = hub, plan
        self.account = Account(sites=plan.sites)
        self.time = FastTime(self._ports)
        self.meter = Meter(hub)
        self.names = [f"site{number:04d}" for number in range(plan.sites)]
        # The CPU time and the counted requests at the ends of the two quiet times.
        self.quiet: list[tuple[float, int, int]] = []
        self.real_s = self.driver_us = self.hub_us = 0.0

    def run(self) -> None:
        """Play until every job is complete."""
        tokens = _make_tokens(self.hub, self.names)
        self._add_all(tokens)
        hub_us, driver_us, began_s = self.meter.now_us(), time.process_time(), time.monotonic()
        try:
            self.time.run()
        finally:
            self.time.close()
        self.real_s = time.monotonic() - began_s
        self.hub_us, self.driver_us = self.meter.now_us() - hub_us, (time.process_time() - driver_us) * 1e6

    def _ports(self) -> list[int]:
        return [int(program.url.rpartition(":")[2]) for program in self.hub.living()]

    def _add_all(self, tokens: dict[str, str]) -> None:
        chance, plan = random.Random(f"{self.plan.seed} sites"), self.plan
        for number, name in enumerate(self.names):
            site = Site(self.account, self.time, name, tokens[name], random.Random(f"{plan.seed} {name}"))
            is_linked = number % 2
            at_s = chance.uniform(0, 5) + (QUIET_S[0] if is_linked else 0)
            steps = site.linked(plan.end_s) if is_linked else site.polling(plan.end_s)
            self.time.add(steps, at_s, process=chance.random() < plan.relayed)
        others = Users(self.account, self.time, plan)
        for number in range(USERS):
            self.time.add(others.sending(tokens["user"], self.names, number), QUIET_S[1])
        self.time.add(others.watching(tokens["viewer"]), QUIET_S[1])
        self.time.add(others.following(tokens["viewer"], self._is_over), QUIET_S[1])
        self.time.add(self._measuring(), 10)
        self.time.add(self._telling(), 0)
        for number in range(plan.kills):
            self.time.add(self._killing(), QUIET_S[1] + (number + 1) * plan.hours * 3600 / (plan.kills + 1))

    def _is_over(self) -> bool:
        """Return True once nobody sends, and every received job is complete."""
        return not (self.account.users or self.account.sites)

    def _measuring(self) -> Steps:
        for until_s in (10.0, QUIET_S[0], QUIET_S[0] + 10, QUIET_S[1]):
            yield until_s
            counts = self.account.requests
            self.quiet.append((self.meter.now_us(), counts["getnewjobs"], counts["getrecentjobs"]))

    def _telling(self) -> Steps:
        began_s = time.monotonic()
        while self.account.users:
            yield self.time.now_s + TELL_S
            took_s = time.monotonic() - began_s
            said = f"{self.time.now_s / 3600:.2f} h simulated in {took_s:.0f} s, {self.time.requests / took_s:.0f}/s"
            print(said, len(self.account.answered), "jobs", file=sys.stderr, flush=True)

    def _killing(self) -> Steps:
        """Kill the active process; start it again once another one is active."""
        thread = threading.Thread(target=self._replace_active)
        thread.start()
        while thread.is_alive():
            yield self.time.now_s + 1
        thread.join()

    def _replace_active(self) -> None:
        active = self.hub.active()
        self.meter.ends(active)
        active.kill()
        self.hub.active()
        self.hub.serve(active, **ENVIRONMENT)


def _make_tokens(hub: Hub, names: list[str]) -> dict[str, str]:
    """Return a token for each site, one for users and one for who looks."""
    first = hub.active()
    code, admin, errors = hub.run(first, "token", "create", "--user", "admin", "--role", "admin")
    assert code == 0, errors
    wanted = {name: {"user_id": name, "roles": ["observatory"], "sites": [name]} for name in names}
    wanted |= {"user": {"user_id": JOB["user_id"]}, "viewer": {"user_id": "viewer", "roles": ["viewer"]}}
    made = {}
    with closing(Connection(int(first.url.rpartition(":")[2]))) as connection:
        for name, asked in wanted.items():
            status, body = connection.ask(build_request("/api/tokens", json.dumps(asked).encode(), admin))
            assert status == 200, body
            made[name] = json.loads(body)["token"]
    return made


@dataclass(frozen=True)
class Verdict:
    """The result of a run: all but the first four must be 0."""

    jobs: int
    reports: int
    stops: int
    withdrawn: int
    lost: int
    twice: int
    out_of_order: int
    missed: int
    after_stop: int
    refused: int

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.twice or self.out_of_order or self.missed or self.after_stop or self.refused)


def judge(hub: Hub, account: Account) -> Verdict:
    """Compare what the participants were told with what is stored."""
    with closing(connect(hub.url)) as connection:
        stored = dict(connection.fetch("SELECT ulid, status FROM job ORDER BY seq"))
        changes = {seq for (seq,) in connection.fetch("SELECT seq FROM change")}
    newest_stop = {site: max(ulid for _, ulid in stops) for site, stops in account.stops.items() if stops}
    lost = account.answered.keys() - stored.keys()
    for ulid, site in account.answered.items():
        was_stopped = stored.get(ulid) == "CANCELLED" and ulid < newest_stop.get(site, "")
        if ulid not in account.received and not was_stopped:
            lost.add(ulid)
    lost |= {ulid for ulid in account.received if ulid not in account.complete or stored.get(ulid) != "COMPLETE"}
    return Verdict(
        jobs=len(account.answered),
        reports=account.requests["updatejobstatus"],
        stops=sum(map(len, account.stops.values())),
        withdrawn=sum(status == "CANCELLED" for status in stored.values()),
        lost=len(lost),
        # A job without an answer was stored by a request that was sent again, and stored once more.
        twice=sum(count > 1 for count in account.received.values()) + len(stored.keys() - account.answered.keys()),
        out_of_order=account.out_of_order + sum(later < earlier for earlier, later in pairwise(stored)),
        missed=len(changes - account.seen),
        after_stop=account.after_stop,
        refused=account.refused.total(),
    )


@contextmanager
def motion(folder: Path, url: str, plan: Plan) -> Iterator[Motion]:
    """Start the processes of a hub for a run; they end with the block."""
    hub = Hub(folder, url)
    try:
        for _ in range(PROCESSES):
            hub.add(**ENVIRONMENT)
        yield Motion(hub, plan)
    finally:
        hub.end()


def describe(one: Motion, verdict: Verdict) -> str:
    """Return the table of a run."""
    plan, account, requests = one.plan, one.account, one.time.requests
    lines = [
        f"sites                      {plan.sites}, {plan.relayed:.0%} of them by way of a standby",
        f"simulated                  {one.time.now_s / 3600:.2f} h in {one.real_s / 60:.1f} min",
        f"faster than time           {one.time.now_s / one.real_s:.1f} times",
        *(f"{name.replace('_', ' '):<26} {count}" for name, count in vars(verdict).items()),
        f"kills of the active one    {plan.kills}; requests sent again: {dict(one.time.again) or 0}",
        f"requests                   {requests}, {requests / one.real_s:.0f}/s",
        f"CPU of the hub             {one.hub_us / requests:.0f} µs a request, {one.hub_us / one.real_s / 1e4:.0f} %",
        f"CPU of the driver          {one.driver_us / requests:.0f} µs a request",
        *_quiet_lines(one),
        f"memory of the hub          {', '.join(f'{rss:.0f} MB' for rss in _memory(one.hub))}",
        f"alarms seen                {dict(Counter(key.partition('/')[0] for key in account.alarms)) or 0}",
        *(f"refused: {count} times {why}" for why, count in account.refused.items()),
        f"{'kind':<26} {'count':>9} {'per s':>7} {'median':>9} {'p99':>9} {'longest':>9}",
    ]
    for kind, took_s in sorted(account.took_s.items()):
        figures = " ".join(f"{value * 1000:>6.1f} ms" for value in (*_shares(list(took_s)), max(took_s)))
        lines.append(f"{kind:<26} {len(took_s):>9} {len(took_s) / one.real_s:>7.1f} {figures}")
    return "\n".join(lines)


def _shares(took_s: list[float]) -> tuple[float, float]:
    return percentile(took_s, 0.5), percentile(took_s, 0.99)


def _quiet_lines(one: Motion) -> list[str]:
    """Return the CPU time of the hub for an empty poll and an empty list, of the times without jobs."""
    (began_us, polls, _), (ended_us, more, _), *linked = one.quiet
    poll_us = (ended_us - began_us) / (more - polls)
    (began_us, polls, lists), (ended_us, more, others) = linked
    list_us = (ended_us - began_us - (more - polls) * poll_us) / (others - lists)
    return [
        f"CPU of an empty poll       {poll_us:.0f} µs",
        f"CPU of an empty list       {list_us:.0f} µs",
    ]


def _memory(hub: Hub) -> list[float]:
    return [rss_mb(program.process.pid) or 0.0 for program in hub.living() if program.process]


def main() -> int:
    """Run, print the table, and return 1 if anything was lost, twice, out of order, missed or refused."""
    from tests.postgres import PostgresServer

    parser = argparse.ArgumentParser(prog="python -m tests.hub.motion")
    for name, value in vars(Plan()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    plan = Plan(**vars(parser.parse_args()))
    server = PostgresServer()
    with tempfile.TemporaryDirectory(prefix="prjobs-motion-", ignore_cleanup_errors=True) as folder:
        try:
            with motion(Path(folder), server.url, plan) as one:
                one.run()
                verdict = judge(one.hub, one.account)
                print(describe(one, verdict))
        finally:
            server.stop()
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
