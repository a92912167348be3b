"""newjob and updatejobstatus against what they cannot do without: a durable commit, and an echo of the same size.

One client: the reference does both in turn, 1 / (1 / commits + 1 / echoes). Eight clients: jobs a second against
raw commits one by one, which is what a store without group commit could do at most.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.commits import Commits
from tests.bench.load import Load, ask_once, build_request
from tests.bench.processes import Appliance, Process, appliance, echo, scratch
from tests.bench.rounds import Compared, Line, Plan, compare

JOB = {
    "site": "saf",
    "device": "camera",
    "instance": "camera1",
    "action": "expose",
    "user_name": "A. Bench",
    "user_id": "auth0|bench",
    "required_params": {"time": "1", "image_type": "light"},
    "optional_params": {"bin": "1,1", "count": 1, "filter": "rp", "hint": "no hint"},
}
ONE_GOAL, EIGHT_GOAL = "≥ 0.70", "> 1.00"


@dataclass(frozen=True)
class Work:
    """One kind of write: the requests that a load cycles through, and the answer's size."""

    name: str
    requests: list[bytes]
    body: str
    answer_bytes: int


def measure(plan: Plan) -> list[Line]:
    """newjob and updatejobstatus, with 1 and 8 clients."""
    lines = []
    with appliance() as ours:
        for work in (new_jobs(ours), updates(ours)):
            with echo(work.answer_bytes) as bare, commits() as raw:
                lines.append(_one(plan, work, ours, bare, raw))
                lines.append(_eight(plan, work, ours, raw))
    return lines


@contextmanager
def commits() -> Iterator[Commits]:
    """Raw commits in a scratch folder."""
    with scratch() as folder:
        raw = Commits(folder / "raw.sqlite3")
        yield raw
        raw.close()


def new_jobs(ours: Appliance) -> Work:
    """Sending commands."""
    body = json.dumps(JOB)
    request = build_request("/newjob", body.encode(), ours.token())
    return Work("newjob", [request], body, len(ask_once(ours.port, request)[1]))


def updates(ours: Appliance) -> Work:
    """Reports on a hundred jobs, in turn STARTED and COMPLETE."""
    request = build_request("/newjob", json.dumps(JOB).encode(), ours.token())
    ulids = [json.loads(ask_once(ours.port, request)[1])["ulid"] for _ in range(100)]
    bodies = [_report(ulid, status) for status in ("STARTED", "COMPLETE") for ulid in ulids]
    requests = [build_request("/updatejobstatus", body.encode()) for body in bodies]
    return Work("updatejobstatus", requests, bodies[0], len(ask_once(ours.port, requests[0])[1]))


def _report(ulid: str, status: str) -> str:
    return json.dumps({"site": "saf", "ulid": ulid, "newStatus": status, "secondsUntilComplete": 10})


def _one(plan: Plan, work: Work, ours: Process, bare: Process, raw: Commits) -> Line:
    echoes = Load(bare.port, [build_request("/echo", work.body.encode())])
    half = plan.round_s / 2

    def reference() -> float:
        return 1 / (1 / raw.rate(work.body, half) + 1 / echoes.run(half).rate)

    found = _compare_load(plan, ours, work.requests, 1, reference)
    echoes.close()
    return _line(f"{work.name} / commit + echo, 1 client", found, ONE_GOAL)


def _eight(plan: Plan, work: Work, ours: Process, raw: Commits) -> Line:
    found = _compare_load(plan, ours, work.requests, 8, lambda: raw.rate(work.body, plan.round_s))
    return _line(f"{work.name} / raw commits one by one, 8 clients", found, EIGHT_GOAL)


def _compare_load(plan: Plan, ours: Process, requests: Iterable[bytes], clients: int, reference) -> Compared:
    load = Load(ours.port, requests, clients)
    try:
        return compare(plan, lambda: load.run(plan.round_s).rate, reference)
    finally:
        load.close()


def _line(name: str, found: Compared, goal: str) -> Line:
    return Line(name, f"{found.ours:,.0f}/s", f"{found.reference:,.0f}/s", f"{found.ratio:.2f}", goal)
