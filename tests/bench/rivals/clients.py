"""Clients of a rival: each sends a job to a site of its own, takes it, and reports on it twice, over and over."""

import json
import selectors
import time
from collections.abc import Generator

from tests.bench.load import TIMEOUT_S, Connection, Lost, Round
from tests.bench.rivals.rival import STEPS, Rival

Cycle = Generator[bytes, bytes, None]


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
                work = self._work(site, began_s + seconds, cycles)
                connection.send(next(work))
                selector.register(connection.socket, selectors.EVENT_READ, (connection, work))
            while selector.get_map():
                self._turn(selector, result)
        result.elapsed_s = time.perf_counter() - began_s
        return result

    def _turn(self, selector: selectors.BaseSelector, result: Round) -> None:
        ready = selector.select(TIMEOUT_S)
        if not ready:
            raise Lost(f"no answer came from {self._rival.name}")
        for key, _ in ready:
            connection, work = key.data
            answer = connection.receive()
            if answer is None:
                continue
            if answer[0] != 200:
                raise RuntimeError(f"{self._rival.name} answered {answer[0]}: {answer[1][:200]!r}")
            result.answered += 1
            try:
                connection.send(work.send(answer[1]))
            except StopIteration:
                selector.unregister(connection.socket)

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
            raise RuntimeError(f"{self._rival.name} gave {len(jobs)} jobs for one, or one of them twice")
        self.done |= jobs.keys()
        for job in jobs.values():
            for status in STEPS[2:]:
                yield self._rival.report(job, status)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._sites:
            connection.close()
