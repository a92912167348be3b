"""Clients of a rival: each sends a job to a site of its own, takes it, and reports on it twice, over and over."""

import json
import selectors
import time
from collections.abc import Generator
from dataclasses import dataclass

from tests.bench.load import TIMEOUT_S, Connection, Lost, Round
from tests.bench.rivals.rival import STEPS, Refused, Rival

MOST_REFUSALS = 10
Cycle = Generator[bytes, bytes, None]


@dataclass
class Client:
    """One keep-alive connection, the cycles that it works on, and the request that is not answered yet."""

    connection: Connection
    work: Cycle
    request: bytes = b""
    refusals: int = 0

    def send(self, request: bytes) -> None:
        """Send a request."""
        self.request = request
        self.connection.send(request)


class Clients:
    """So many keep-alive connections. `done` are the jobs that were taken and reported on."""

    def __init__(self, rival: Rival, count: int) -> None:
        self._rival = rival
        self._sites = {Connection(rival.port): f"site{number}" for number in range(count)}
        self.done: set[str] = set()

    def run(self, seconds: float = 0.0, cycles: int = 0) -> Round:
        """Start cycles for so long, or so many for each client, and end them all."""
        result = Round()
        began_s = time.perf_counter()
        with selectors.DefaultSelector() as selector:
            for connection, site in self._sites.items():
                client = Client(connection, self._work(site, began_s + seconds, cycles))
                client.send(next(client.work))
                selector.register(connection.socket, selectors.EVENT_READ, client)
            while selector.get_map():
                self._turn(selector, result)
        result.elapsed_s = time.perf_counter() - began_s
        return result

    def _turn(self, selector: selectors.BaseSelector, result: Round) -> None:
        ready = selector.select(TIMEOUT_S)
        if not ready:
            raise Refused(self._rival, "does not answer")
        for key, _ in ready:
            client: Client = key.data
            try:
                if answer := client.connection.receive():
                    client.send(self._next(client, *answer, result))
            except StopIteration:
                selector.unregister(client.connection.socket)
            except Lost as error:
                raise Refused(self._rival, f"does not answer: {error}") from error

    def _next(self, client: Client, status: int, body: bytes, result: Round) -> bytes:
        """Return the next request: the same once more after a 503, as a site's program asks again."""
        if status == 200:
            result.answered += 1
            client.refusals = 0
            return client.work.send(body)
        result.failed += 1
        client.refusals += 1
        if status != 503 or client.refusals > MOST_REFUSALS:
            raise Refused(self._rival, f"answered {status}: {body[:200]!r}")
        return client.request

    def _work(self, site: str, end_s: float, cycles: int) -> Cycle:
        while True:
            yield from self._cycle(site)
            cycles -= 1
            if cycles <= 0 and time.perf_counter() >= end_s:
                return

    def _cycle(self, site: str) -> Cycle:
        yield self._rival.submit(site)
        jobs = self._rival.taken(json.loads((yield self._rival.take(site))))
        if len(jobs) != 1 or jobs.keys() & self.done:
            raise Refused(self._rival, f"gave {len(jobs)} jobs for one, or one of them twice")
        self.done |= jobs.keys()
        for job in jobs.values():
            for status in STEPS[2:]:
                yield self._rival.report(job, status)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._sites:
            connection.close()
