"""Many simulated participants in one loop: each is a generator that yields a request or a pause.

A yielded `bytes` is sent on the participant's own keep-alive connection and comes back as an Answer; a yielded
number is a pause in seconds. A connection that is lost gives an Answer with status 0, and is opened again.
"""

import heapq
import selectors
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import count

from tests.bench.load import Connection, Lost

Steps = Generator[bytes | float, "Answer | None", None]


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 when nothing did."""

    status: int
    body: bytes
    took_s: float


@dataclass(eq=False)
class _Member:
    steps: Steps
    connection: Connection | None = None
    sent_s: float = field(default=0.0)


class Crowd:
    """Runs its members against one server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, _Member]] = []
        self._order = count()
        self._asking: set[_Member] = set()

    def add(self, steps: Steps, after_s: float = 0.0) -> None:
        """A participant, who begins after a while."""
        self._pause(_Member(steps), after_s)

    def run(self, seconds: float) -> None:
        """Let them all go on for so long."""
        end_s = time.perf_counter() + seconds
        while (now_s := time.perf_counter()) < end_s and (self._due or self._asking):
            next_s = min(self._due[0][0], end_s) if self._due else end_s
            for key, _ in self._selector.select(max(0.0, next_s - now_s)):
                self._receive(key.data)
            self._wake()

    def close(self) -> None:
        """Close all connections; what was asked and not answered is given up."""
        members = self._asking | {member for _, _, member in self._due}
        for member in members:
            member.steps.close()
            if member.connection:
                member.connection.close()
        self._selector.close()

    def _pause(self, member: _Member, seconds: float) -> None:
        heapq.heappush(self._due, (time.perf_counter() + seconds, next(self._order), member))

    def _wake(self) -> None:
        now_s = time.perf_counter()
        while self._due and self._due[0][0] <= now_s:
            self._go_on(heapq.heappop(self._due)[2], None)

    def _go_on(self, member: _Member, answer: Answer | None) -> None:
        try:
            step = member.steps.send(answer)
        except StopIteration:
            self._drop(member)
            return
        if isinstance(step, bytes):
            self._ask(member, step)
        else:
            self._pause(member, step)

    def _ask(self, member: _Member, request: bytes) -> None:
        member.sent_s = time.perf_counter()
        self._asking.add(member)
        try:
            if member.connection is None:
                member.connection = Connection(self._port)
                self._selector.register(member.connection.socket, selectors.EVENT_READ, member)
            member.connection.send(request)
        except (Lost, OSError):
            self._lost(member)

    def _receive(self, member: _Member) -> None:
        assert member.connection is not None
        try:
            found = member.connection.receive()
        except Lost:
            self._lost(member)
            return
        if found:
            self._asking.discard(member)
            self._go_on(member, Answer(*found, time.perf_counter() - member.sent_s))

    def _lost(self, member: _Member) -> None:
        asked = member in self._asking
        self._drop(member)
        if asked:
            self._go_on(member, Answer(0, b"", time.perf_counter() - member.sent_s))

    def _drop(self, member: _Member) -> None:
        self._asking.discard(member)
        if member.connection is not None:
            self._selector.unregister(member.connection.socket)
            member.connection.close()
            member.connection = None
