"""newjob and updatejobstatus against what they cannot do without: a durable commit, and an echo of the same size.

One client: the reference does both in turn, 1 / (1 / commits + 1 / echoes). Eight clients: jobs a second against
raw commits one by one, which is what a store without group commit could do at most.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench import sending
from tests.bench.commits import Commits
from tests.bench.load import Load, ask_once, build_request
from tests.bench.processes import Appliance, Process, appliance, echo, scratch
from tests.bench.rounds import Compared, Line, Plan, compare, rate_line

ONE_GOAL, EIGHT_GOAL = "≥ 0.70", "> 1.00"
BODY = json.dumps(sending.JOB)


@dataclass(frozen=True)
class Work:
    """One kind of write: the requests that a load cycles through, and the size of an answer."""

    name: str
    requests: list[bytes]
    answer_bytes: int


def measure(plan: Plan) -> list[Line]:
    """newjob and updatejobstatus, with 1 and 8 clients."""
    lines = []
    with appliance() as ours:
        for work in (new_jobs(ours), updates(ours)):
            with echo(work.answer_bytes) as bare, commits() as raw:
                lines += [_one(plan, work, ours, bare, raw), _eight(plan, work, ours, raw)]
    return lines


@contextmanager
def commits() -> Iterator[Commits]:
    """Raw commits in a scratch folder."""
    with scratch() as folder:
        raw = Commits(folder / "raw.sqlite3")
        yield raw
        raw.close()


def new_jobs(ours: Appliance) -> Work:
    """Sending commands to a site with a program that polls."""
    ask_once(ours.port, sending.poll())
    request = sending.new_job(ours.token())
    return Work("newjob", [request], len(ask_once(ours.port, request)[1]))


def updates(ours: Appliance) -> Work:
    """Reports on a hundred jobs that were handed out, in turn STARTED and COMPLETE."""
    ulids = sending.send_jobs(ours, 100)
    while json.loads(ask_once(ours.port, sending.poll())[1]):
        pass
    requests = [sending.report(ulid, status) for status in ("STARTED", "COMPLETE") for ulid in ulids]
    return Work("updatejobstatus", requests, len(ask_once(ours.port, requests[0])[1]))


def _one(plan: Plan, work: Work, ours: Process, bare: Process, raw: Commits) -> Line:
    echoes = Load(bare.port, [build_request("/echo", BODY.encode())])
    half_s = plan.round_s / 2

    def reference() -> float:
        return 1 / (1 / raw.rate(BODY, half_s) + 1 / echoes.run(half_s).rate)

    found = _compare(plan, ours, work, 1, reference)
    echoes.close()
    return rate_line(f"{work.name} / commit + echo, 1 client", found, ONE_GOAL)


def _eight(plan: Plan, work: Work, ours: Process, raw: Commits) -> Line:
    found = _compare(plan, ours, work, 8, lambda: raw.rate(BODY, plan.round_s))
    return rate_line(f"{work.name} / raw commits one by one, 8 clients", found, EIGHT_GOAL)


def _compare(plan: Plan, ours: Process, work: Work, clients: int, reference: Callable[[], float]) -> Compared:
    load = Load(ours.port, work.requests, clients)
    try:
        return compare(plan, lambda: load.run(plan.round_s).rate, reference)
    finally:
        load.close()
