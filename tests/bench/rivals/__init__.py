"""What a user might pick instead, on the same work: submit one durable job, take it, report on it twice.

Each rival is a module with WHAT, INSTALL, `missing()` and a context manager `cycle()` that gives a function doing
the work once. One client, on this machine.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.bench import sending
from tests.bench.load import Connection
from tests.bench.processes import appliance
from tests.bench.rivals import beanstalkd, dynamodb, huey_sqlite, postgresql
from tests.bench.rounds import Line, Plan, compare, rate_line

RIVALS = (dynamodb, huey_sqlite, beanstalkd, postgresql)
Cycle = Callable[[], object]


def measure(plan: Plan) -> list[Line]:
    """Whole cycles a second of ours and of each rival; above 1 ours is faster."""
    with our_cycle() as ours:
        return [_against(plan, ours, rival) for rival in RIVALS]


def _against(plan: Plan, ours: Cycle, rival) -> Line:
    name = f"submit + take + 2 reports / {rival.WHAT}"
    if missing := rival.missing():
        return Line(name, "", f"{missing} is not installed: {rival.INSTALL}", "")
    with rival.cycle() as theirs:
        found = compare(plan, lambda: rate(ours, plan.round_s), lambda: rate(theirs, plan.round_s))
    return rate_line(name, found)


def rate(cycle: Cycle, seconds: float) -> float:
    """How often a second."""
    count = 0
    began_s = time.perf_counter()
    while (elapsed_s := time.perf_counter() - began_s) < seconds:
        cycle()
        count += 1
    return count / elapsed_s


@contextmanager
def our_cycle() -> Iterator[Cycle]:
    """The same by HTTP on prjobs."""
    with appliance() as ours:
        connection = Connection(ours.port)
        submit, take = sending.new_job(ours.token()), sending.poll()

        def cycle() -> None:
            connection.ask(submit)
            for job in json.loads(connection.ask(take)[1]):
                for status in ("STARTED", "COMPLETE"):
                    connection.ask(sending.report(job["ulid"], status))

        yield cycle
        connection.close()
