"""The empty poll against the bare echo."""

from tests.bench import sending
from tests.bench.load import Load, build_request
from tests.bench.processes import appliance, echo
from tests.bench.rounds import Compared, Line, Plan, compare, rate_line

GOALS = {1: "≥ 0.90", 8: "≥ 0.85"}


def measure(plan: Plan) -> list[Line]:
    """Rates with 1 and with 8 connections; the echo runs at waitress's defaults."""
    with appliance() as ours, echo(len(b"[]")) as bare:
        return [_line(plan, ours.port, bare.port, count) for count in GOALS]


def compare_polls(plan: Plan, ours: int, bare: int, connections: int) -> Compared:
    """Polls a second against echoes a second."""
    polls = Load(ours, [sending.poll()], connections)
    echoes = Load(bare, [build_request("/echo", b'{"site": "saf"}')], connections)
    try:
        return compare(plan, lambda: polls.run(plan.round_s).rate, lambda: echoes.run(plan.round_s).rate)
    finally:
        polls.close()
        echoes.close()


def _line(plan: Plan, ours: int, bare: int, connections: int) -> Line:
    found = compare_polls(plan, ours, bare, connections)
    name = f"empty poll / echo, {connections} connection{'s' * (connections > 1)}"
    return rate_line(name, found, GOALS[connections])
