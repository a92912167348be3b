"""Two services measured in turns, with 1 and with 8 clients."""

import statistics
from dataclasses import dataclass, field

from tests.bench.rivals.clients import Clients
from tests.bench.rivals.rival import Rival
from tests.bench.rounds import Plan

COUNTS = (1, 8)


@dataclass
class Side:
    """What the rounds of one service with so many clients gave."""

    rates: list[float] = field(default_factory=list)
    answered: int = 0
    failed: int = 0
    cpu_s: float = 0.0

    @property
    def rate(self) -> float:
        """The median of the requests a second."""
        return statistics.median(self.rates)

    @property
    def cpu_us(self) -> float:
        """CPU microseconds a request of all processes together."""
        return self.cpu_s / self.answered * 1e6

    def add(self, other: "Side") -> None:
        """Add the rounds of another pairing."""
        self.rates += other.rates
        self.answered += other.answered
        self.failed += other.failed
        self.cpu_s += other.cpu_s


@dataclass(frozen=True)
class Pair:
    """The same number of clients on prjobs and on a rival."""

    ours: Side
    theirs: Side

    @property
    def faster(self) -> float:
        """The median of the rounds' ratios of requests a second; above 1 prjobs is ahead."""
        return statistics.median(one / other for one, other in zip(self.ours.rates, self.theirs.rates, strict=True))

    @property
    def cheaper(self) -> float:
        """The ratio of the CPU time; above 1 prjobs is ahead."""
        return self.theirs.cpu_us / self.ours.cpu_us


class Service:
    """A started rival with its clients."""

    def __init__(self, rival: Rival) -> None:
        self.rival = rival
        self._clients = {count: Clients(rival, count) for count in COUNTS}

    def run(self, count: int, seconds: float, side: Side) -> None:
        """Run one round."""
        before_s = self.rival.programs.cpu_s()
        found = self._clients[count].run(seconds)
        side.cpu_s += self.rival.programs.cpu_s() - before_s
        side.answered += found.answered
        side.failed += found.failed
        side.rates.append(found.rate)

    def done(self) -> set[str]:
        """Return the ids of the jobs that were taken and reported on."""
        return set().union(*(clients.done for clients in self._clients.values()))

    def close(self) -> None:
        """Close the connections."""
        for clients in self._clients.values():
            clients.close()


def compare(plan: Plan, ours: Service, theirs: Service) -> dict[int, Pair]:
    """Return the figures for each number of clients, after a warm-up of both."""
    return {count: _pair(plan, ours, theirs, count) for count in COUNTS}


def _pair(plan: Plan, ours: Service, theirs: Service, count: int) -> Pair:
    pair = Pair(Side(), Side())
    sides = [(ours, pair.ours), (theirs, pair.theirs)]
    for service, _ in sides:
        service.run(count, plan.round_s, Side())
    for _ in range(plan.rounds):
        for service, side in sides:
            service.run(count, plan.round_s, side)
        sides.reverse()
    return pair
