"""How long after a command was sent a held poll has it."""

import selectors
import time

from tests.bench import sending
from tests.bench.load import Connection
from tests.bench.processes import appliance
from tests.bench.rounds import Line, Plan, percentile

TIMES, QUICK_TIMES = 200, 40
SETTLE_S = 0.02
GOAL = "median ≤ 5 ms"


def measure(plan: Plan) -> list[Line]:
    """Milliseconds from the sending of newjob, and from its answer, to the held poll's answer."""
    with appliance() as ours:
        token = ours.token()
        poller, sender = Connection(ours.port), Connection(ours.port)
        times = QUICK_TIMES if plan.quick else TIMES
        woken = [_once(poller, sender, token) for _ in range(times + 5)][5:]
        poller.close()
        sender.close()
    return [
        _line("held poll answered, after newjob was sent", [at for at, _ in woken], GOAL),
        _line("held poll answered, after newjob was answered", [max(0.0, at - sent) for at, sent in woken]),
    ]


def _once(poller: Connection, sender: Connection, token: str) -> tuple[float, float]:
    """Seconds until the poll's answer and until newjob's, from the sending of newjob."""
    poller.send(sending.poll(wait=20))
    time.sleep(SETTLE_S)
    began_s = time.perf_counter()
    sender.send(sending.new_job(token))
    at: dict[Connection, float] = {}
    with selectors.DefaultSelector() as selector:
        for connection in (poller, sender):
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        while len(at) < 2:
            for key, _ in selector.select(30):
                if key.data.receive():
                    at[key.data] = time.perf_counter() - began_s
                    selector.unregister(key.fileobj)
    return at[poller], at[sender]


def _line(name: str, times_s: list[float], goal: str = "") -> Line:
    median, late = (percentile(times_s, share) * 1000 for share in (0.5, 0.99))
    return Line(name, f"median {median:.1f} ms", f"p99 {late:.1f} ms", "", goal)
