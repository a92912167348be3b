"""CPU microseconds a request, of all threads of the server: what else runs on the machine matters little.

The reference is the bare echo; with `--against DIR` the same requests to the code of another checkout, and with
`--python FILE` to another Python, in turns.
"""

import json
import statistics
import sys
from contextlib import AbstractContextManager, ExitStack

from tests.bench import sending
from tests.bench.commits import WORDS
from tests.bench.load import Connection, build_request
from tests.bench.processes import CHECKOUT, Appliance, Process, appliance, cpu_us, echo
from tests.bench.rounds import Line, Plan

# Requests in a round: short rounds in turns, since the speed of a processor changes with its warmth.
REQUESTS, QUICK_REQUESTS = 300, 100
GOAL = "≤ 0.50"
ECHO = build_request("/echo", json.dumps(sending.JOB).encode())


class Measured:
    """A server and a connection to it: the CPU time of each kind of request, round after round."""

    def __init__(self, server: Process) -> None:
        self._server, self._connection = server, Connection(server.port)
        self.rounds: dict[str, list[float]] = {}

    def ask(self, name: str, requests: list[bytes]) -> list[bytes]:
        """Send the requests one by one; note the CPU time of each on average, and return the answers."""
        before_us = cpu_us(self._server.pid)
        answers = [self._connection.ask(request) for request in requests]
        self.rounds.setdefault(name, []).append((cpu_us(self._server.pid) - before_us) / len(requests))
        assert all(status == 200 for status, _ in answers), (name, answers[-1])
        return [body for _, body in answers]


class Ours(Measured):
    """An appliance with a program that polls, a sender, and a page that looks for changes."""

    def __init__(self, server: Appliance) -> None:
        super().__init__(server)
        self._token = server.token()

    def run(self, number: int) -> None:
        """Do one round of each kind."""
        self.ask("poll", [sending.poll()] * number)
        ulids = [json.loads(body)["ulid"] for body in self.ask("newjob", [sending.new_job(self._token)] * number)]
        while self.ask("a poll that gets jobs", [sending.poll()]) != [b"[]"]:
            pass
        self.ask("update", [sending.report(ulid, word) for word in WORDS for ulid in ulids])
        newest = json.loads(self.ask("/api/now", [_get("/api/now")] * number)[0])["seq"]
        self.ask("/api/changes", [_get(f"/api/changes?since={newest}")] * number)


def _get(path: str) -> bytes:
    return build_request(path, b"", method="GET")


def _other(plan: Plan) -> AbstractContextManager[Appliance]:
    return appliance(tree=(plan.against or CHECKOUT).resolve(), python=plan.python or sys.executable)


def measure(plan: Plan) -> list[Line]:
    """A line for each kind of request: the medians of the rounds, and of the ratios of two rounds side by side."""
    if not sys.platform.startswith("linux"):
        return [Line("CPU a request", "not measured on this system", "", "")]
    number = QUICK_REQUESTS if plan.quick else REQUESTS
    with ExitStack() as stack:
        ours = Ours(stack.enter_context(appliance()))
        other = Ours(stack.enter_context(_other(plan))) if plan.against or plan.python else None
        bare = Measured(stack.enter_context(echo(len(b"[]"))))
        for turn in range(plan.rounds + 1):
            for side in (ours, other) if turn % 2 else (other, ours):
                if side:
                    side.run(number)
            bare.ask("echo", [ECHO] * number)
    has_goal = plan.against is not None
    return [_line(name, ours, (other.rounds[name] if other else bare.rounds["echo"]), has_goal) for name in KINDS]


KINDS = ("poll", "newjob", "update", "/api/changes", "/api/now")


def _line(name: str, ours: Measured, reference: list[float], has_goal: bool) -> Line:
    # The first round warms up.
    pairs = list(zip(ours.rounds[name], reference, strict=True))[1:]
    mine_us, its_us = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    goal = GOAL if has_goal else ""
    return Line(f"CPU a request: {name}", f"{mine_us:,.0f} µs", f"{its_us:,.0f} µs", f"{ratio:.2f}", goal)
