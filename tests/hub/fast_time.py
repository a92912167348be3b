"""Participants with a simulated clock, in one loop: the clock goes on as soon as the answers have come.

Each participant is a generator with a keep-alive connection of its own. A yielded `bytes` is a request, and comes back
as an Answer; a yielded number is the simulated time until which the participant pauses. A request without an answer, or
refused by a process that is not the active one, is sent again, to each process in turn.
"""

import heapq
import selectors
import time
from collections import Counter, deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import count

from tests.bench.load import Connection, Lost

Steps = Generator[bytes | float, "Answer | None", None]
# The requests that wait for an answer, at most: enough for the group commit, few enough that the clock is the same for
# all participants.
AT_ONCE = 64
# So far the clock goes on while a request waits for its answer.
SLACK_S = 1.0
AGAIN_S = 0.05
# The hub is up again long before.
PATIENCE_S = 120.0
MARK_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `sent` is the number of the request in the order of all requests, and answers that came before."""

    status: int
    body: bytes
    took_s: float
    sent: int


@dataclass(eq=False, slots=True)
class _Member:
    steps: Steps
    connection: Connection | None = None
    process: int = 0
    request: bytes = b""
    sent: int = 0
    at_s: float = 0.0
    began_s: float = 0.0


class FastTime:
    """The loop. `ports` returns the ports of the processes of the hub; the simulated clock begins at 0."""

    def __init__(self, ports: Callable[[], list[int]]) -> None:
        self.now_s = 0.0
        # Counts requests and answers: which came first is asked of the hub, not of two clocks.
        self.moment = 0
        self.requests = 0
        self.again: Counter[str] = Counter()
        self._ports = ports
        self._latest_s = self._heard_s = 0.0
        self._selector = selectors.DefaultSelector()
        self._order = count()
        self._due: list[tuple[float, int, _Member]] = []
        self._retries: list[tuple[float, int, _Member]] = []
        self._asking: set[_Member] = set()
        self._marks: deque[tuple[float, float]] = deque([(0.0, time.monotonic())], maxlen=1000)

    def add(self, steps: Steps, at_s: float, process: int = 0) -> None:
        """Let a participant begin at a simulated time, with requests to this process of the hub."""
        heapq.heappush(self._due, (at_s, next(self._order), _Member(steps, process=process)))

    def real_s_since(self, simulated_s: float) -> float:
        """Return the real time since a simulated time or a little more, at most since the oldest mark."""
        began_s = next((real_s for at_s, real_s in reversed(self._marks) if at_s <= simulated_s), self._marks[0][1])
        return time.monotonic() - began_s

    def run(self) -> None:
        """Go on until all participants have ended."""
        self._heard_s = time.monotonic()
        while self._due or self._retries or self._asking:
            now_s = time.monotonic()
            while self._retries and self._retries[0][0] <= now_s:
                self._send(heapq.heappop(self._retries)[2])
            while self._due and self._may_begin(self._due[0][0]):
                self._begin_next()
            for key, _ in self._selector.select(AGAIN_S):
                self._receive(key.data)
            assert now_s - self._heard_s < PATIENCE_S, f"no answer for {PATIENCE_S:g} s; sent again: {self.again}"

    def close(self) -> None:
        """Close all connections."""
        for key in list(self._selector.get_map().values()):
            key.data.connection.close()
        self._selector.close()

    def _may_begin(self, at_s: float) -> bool:
        """Return True if few enough requests wait for an answer, and none for too long before that time."""
        if len(self._asking) + len(self._retries) >= AT_ONCE:
            return False
        if at_s > self._latest_s:
            waiting = [*self._asking, *(member for *_, member in self._retries)]
            self._latest_s = min((member.at_s for member in waiting), default=at_s) + SLACK_S
        return at_s <= self._latest_s

    def _begin_next(self) -> None:
        at_s, _, member = heapq.heappop(self._due)
        if at_s > self.now_s:
            self.now_s = at_s
            if at_s - self._marks[-1][0] >= MARK_S:
                self._marks.append((at_s, time.monotonic()))
        self._go_on(member, None)

    def _go_on(self, member: _Member, answer: Answer | None) -> None:
        try:
            step = member.steps.send(answer)
        except StopIteration:
            self._drop(member)
            return
        if isinstance(step, bytes):
            member.request, member.at_s, member.began_s = step, self.now_s, time.perf_counter()
            self.requests += 1
            self._send(member)
        else:
            heapq.heappush(self._due, (step, next(self._order), member))

    def _send(self, member: _Member) -> None:
        self.moment += 1
        member.sent = self.moment
        self._asking.add(member)
        try:
            if member.connection is None:
                self._connect(member)
            assert member.connection is not None
            member.connection.send(member.request)
        except (Lost, OSError):
            self._repeat(member, "no answer")

    def _connect(self, member: _Member) -> None:
        ports = self._ports()
        member.connection = Connection(ports[member.process % len(ports)])
        self._selector.register(member.connection.socket, selectors.EVENT_READ, member)

    def _receive(self, member: _Member) -> None:
        assert member.connection is not None
        try:
            found = member.connection.receive()
        except Lost:
            if member in self._asking:
                self._repeat(member, "no answer")
            else:
                self._drop(member)
            return
        if found is None:
            return
        self.moment += 1
        status, body = found
        if status in (429, 502, 503, 504):
            self._repeat(member, str(status))
            return
        self._asking.discard(member)
        self._heard_s = time.monotonic()
        self._go_on(member, Answer(status, body, time.perf_counter() - member.began_s, member.sent))

    def _repeat(self, member: _Member, why: str) -> None:
        """Send the request again in a moment, to the next process."""
        self.again[why] += 1
        self._asking.discard(member)
        member.process += 1
        self._drop(member)
        heapq.heappush(self._retries, (time.monotonic() + AGAIN_S, next(self._order), member))

    def _drop(self, member: _Member) -> None:
        if member.connection is not None:
            self._selector.unregister(member.connection.socket)
            member.connection.close()
            member.connection = None
