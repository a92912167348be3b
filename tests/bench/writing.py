"""newjob and updatejobstatus against what they cannot do without: a durable commit, and an echo of the same size.

One client: the reference does both in turn, 1 / (1 / commits + 1 / echoes). Eight clients: against the echo alone, as
if the disk took no time; a newjob also against commits one by one, the most that a store without group commit can do.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from tests.bench import sending
from tests.bench.commits import REPORTED, Commits, rate
from tests.bench.load import Load, ask_once, build_request
from tests.bench.processes import Appliance, Process, appliance, echo, scratch
from tests.bench.rounds import Compared, Line, Plan, compare, rate_line

ONE_GOALS = {"newjob": "≥ 0.60", "updatejobstatus": "≥ 0.75"}
ECHO_GOALS = {"newjob": "≥ 0.45"}
COMMITS_GOAL = "> 1.00"


@dataclass(frozen=True)
class Work:
    """One kind of write: the requests that a load cycles through, the size of an answer, and the commit beside it."""

    name: str
    requests: list[bytes]
    answer_bytes: int
    commit: Callable[[Commits], None]


def measure(plan: Plan) -> list[Line]:
    """newjob and updatejobstatus, with 1 and 8 clients."""
    lines = []
    with appliance() as ours:
        for work in (new_jobs(ours), updates(ours)):
            with echo(work.answer_bytes) as bare, commits() as raw:
                lines += [_one(plan, work, ours, bare, raw), *_eight(plan, work, ours, bare, raw)]
    return lines


@contextmanager
def commits() -> Iterator[Commits]:
    """Raw commits in a scratch folder."""
    with scratch() as folder:
        raw = Commits(folder / "raw.sqlite3")
        for _ in range(REPORTED):
            raw.add()
        yield raw
        raw.close()


def new_jobs(ours: Appliance) -> Work:
    """Sending commands to a site with a program that polls."""
    ask_once(ours.port, sending.poll())
    request = sending.new_job(ours.token())
    return Work("newjob", [request], len(ask_once(ours.port, request)[1]), Commits.add)


def updates(ours: Appliance) -> Work:
    """Reports on a hundred jobs that were handed out, in turn STARTED and COMPLETE."""
    ulids = sending.send_jobs(ours, 100)
    while json.loads(ask_once(ours.port, sending.poll())[1]):
        pass
    requests = [sending.report(ulid, status) for status in ("STARTED", "COMPLETE") for ulid in ulids]
    return Work("updatejobstatus", requests, len(ask_once(ours.port, requests[0])[1]), Commits.report)


def _one(plan: Plan, work: Work, ours: Process, bare: Process, raw: Commits) -> Line:
    echoes = _echoes(work, bare, 1)
    half_s = plan.round_s / 2

    def reference() -> float:
        return 1 / (1 / rate(partial(work.commit, raw), half_s) + 1 / echoes.run(half_s).rate)

    found = _compare(plan, ours, work, 1, reference)
    echoes.close()
    return rate_line(f"{work.name} / commit + echo, 1 client", found, ONE_GOALS[work.name])


def _eight(plan: Plan, work: Work, ours: Process, bare: Process, raw: Commits) -> list[Line]:
    echoes = _echoes(work, bare, 8)
    beside = _compare(plan, ours, work, 8, lambda: echoes.run(plan.round_s).rate)
    echoes.close()
    found = _compare(plan, ours, work, 8, lambda: rate(partial(work.commit, raw), plan.round_s))
    return [
        rate_line(f"{work.name} / echo, 8 clients", beside, ECHO_GOALS.get(work.name, "")),
        rate_line(f"{work.name} / commits one by one, 8 clients", found, COMMITS_GOAL),
    ]


def _echoes(work: Work, bare: Process, clients: int) -> Load:
    """A load of the same requests for the echo."""
    bodies = [request.partition(b"\r\n\r\n")[2] for request in work.requests]
    return Load(bare.port, [build_request("/echo", body) for body in bodies], clients)


def _compare(plan: Plan, ours: Process, work: Work, clients: int, reference: Callable[[], float]) -> Compared:
    load = Load(ours.port, work.requests, clients)
    try:
        return compare(plan, lambda: load.run(plan.round_s).rate, reference)
    finally:
        load.close()
