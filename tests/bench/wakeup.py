"""How long after a command was sent a held poll has it."""

import selectors
import time

from tests.bench import sending
from tests.bench.load import Connection
from tests.bench.processes import Appliance, appliance
from tests.bench.rounds import Line, Plan, percentile

TIMES, QUICK_TIMES = 200, 40
SETTLE_S = 0.02
HELD, THREADS = 400, 8
# The polls without `wait` of one round; rounds with and without held polls beside them take turns.
POLLS, QUICK_POLLS, ROUNDS = 400, 100, 3
GOAL = "median ≤ 5 ms"
CROWD_GOAL = "median ≤ 5 ms, p99 ≤ 25 ms"
BESIDE_GOAL = "≤ 1.2"


def measure(plan: Plan) -> list[Line]:
    """Milliseconds from the sending of newjob, and from its answer, to the held poll's answer."""
    with appliance() as ours:
        woken = _woken(ours, plan.quick)
    return [
        _line("held poll answered, after newjob was sent", [at for at, _ in woken], GOAL),
        _line("held poll answered, after newjob was answered", [max(0.0, at - sent) for at, sent in woken]),
        *_measure_crowd(plan),
    ]


def wake_often(ours: Appliance, quick: bool) -> list[float]:
    """Seconds from the sending of newjob to the held poll's answer, many times."""
    return [at for at, _ in _woken(ours, quick)]


def _woken(ours: Appliance, quick: bool) -> list[tuple[float, float]]:
    token = ours.token()
    poller, sender = Connection(ours.port), Connection(ours.port)
    times = QUICK_TIMES if quick else TIMES
    woken = [_once(poller, sender, token) for _ in range(times + 5)][5:]
    poller.close()
    sender.close()
    return woken


def _measure_crowd(plan: Plan) -> list[Line]:
    """The same with one of many held polls at a time, and the time of a poll without `wait` beside them."""
    polls, times = (QUICK_POLLS, QUICK_TIMES) if plan.quick else (POLLS, TIMES)
    alone: list[float] = []
    beside: list[float] = []
    woken: list[tuple[float, float]] = []
    with appliance("--threads", str(THREADS)) as ours:
        token, asker = ours.token(), Connection(ours.port)
        _ask(asker, QUICK_POLLS)
        for _ in range(ROUNDS):
            alone += _ask(asker, polls)
            held = [Connection(ours.port) for _ in range(HELD)]
            for number, connection in enumerate(held):
                connection.send(sending.poll(f"held{number}", wait=25))
            beside += _ask(asker, polls)
            for number in range(0, HELD, HELD * ROUNDS // times):
                woken.append(_wake(held[number], asker, token, f"held{number}"))
                time.sleep(SETTLE_S)
            for connection in held:
                connection.close()
        asker.close()
    ratio = percentile(beside, 0.5) / percentile(alone, 0.5)
    return [
        _line(f"one of {HELD} held polls answered, {THREADS} threads", [at for at, _ in woken], CROWD_GOAL),
        _line("a poll without `wait`", alone),
        _line(f"the same beside {HELD} held polls", beside),
        Line("the third by the second", "", "", f"{ratio:.2f}", BESIDE_GOAL),
    ]


def _ask(connection: Connection, count: int) -> list[float]:
    """Seconds that each of `count` polls of a site without jobs took."""
    request, took_s = sending.poll("quiet"), []
    for _ in range(count):
        began_s = time.perf_counter()
        connection.ask(request)
        took_s.append(time.perf_counter() - began_s)
    return took_s


def _once(poller: Connection, sender: Connection, token: str) -> tuple[float, float]:
    """Hold a poll, then wake it."""
    poller.send(sending.poll(wait=20))
    time.sleep(SETTLE_S)
    return _wake(poller, sender, token, "saf")


def _wake(poller: Connection, sender: Connection, token: str, site: str) -> tuple[float, float]:
    """Seconds until the held poll's answer and until newjob's, from the sending of newjob."""
    began_s = time.perf_counter()
    sender.send(sending.new_job(token, site))
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
