"""The empty poll against the bare echo."""

from tests.bench.load import Load, build_request
from tests.bench.processes import appliance, echo
from tests.bench.rounds import Compared, Line, Plan, compare

POLL = b'{"site": "saf"}'
GOALS = {1: (0.85, "≥ 0.85"), 8: (1.0, "≥ 1.00")}


def measure(plan: Plan) -> list[Line]:
    """Rates with 1 and with 8 connections."""
    with appliance() as ours, echo(len(b"[]")) as bare:
        return [_line(compare_polls(plan, ours.port, bare.port, count), count) for count in GOALS]


def compare_polls(plan: Plan, ours: int, bare: int, connections: int) -> Compared:
    """Polls a second against echoes a second."""
    polls = Load(ours, [build_request("/getnewjobs", POLL)], connections)
    echoes = Load(bare, [build_request("/echo", POLL)], connections)
    try:
        return compare(plan, lambda: polls.run(plan.round_s).rate, lambda: echoes.run(plan.round_s).rate)
    finally:
        polls.close()
        echoes.close()


def _line(found: Compared, connections: int) -> Line:
    return Line(
        f"empty poll / echo, {connections} connection{'s' * (connections > 1)}",
        f"{found.ours:,.0f}/s",
        f"{found.reference:,.0f}/s",
        f"{found.ratio:.2f}",
        GOALS[connections][1],
    )
