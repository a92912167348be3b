"""The rivals of the bench do the work: 20 jobs each, in the store after `kill -9` and a new start."""

import pytest

from tests.bench.processes import scratch
from tests.bench.rivals.all_rivals import RIVALS
from tests.bench.rivals.clients import Clients
from tests.bench.rivals.prjobs_itself import Itself
from tests.bench.rivals.rival import check

pytestmark = pytest.mark.long


@pytest.mark.parametrize("kind", [Itself, *RIVALS])
def test_it_does_the_work(kind):
    rival = kind()
    if missing := rival.missing():
        pytest.skip(f"{rival.name} is not installed: {missing}")
    with scratch() as folder:
        done = work(rival, folder)
        try:
            if not rival.durable:
                assert check(rival, done) is None
            else:
                rival.kill()
                rival.start(folder)
                assert check(rival, done) is None
        finally:
            rival.stop()


def work(rival, folder) -> set[str]:
    rival.start(folder)
    clients = Clients(rival, 4)
    clients.run(cycles=5)
    clients.close()
    assert len(clients.done) == 20
    return clients.done
