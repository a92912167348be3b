"""Real appliances with the link to the cloud, against a hub of three processes behind a balancer."""

from pathlib import Path

import pytest

from tests.hub.network import End, Network, run

FLAWS = ("lost", "twice", "wrong_site", "unknown", "unfinished")


@pytest.mark.long
def test_jobs_reach_their_sites_while_processes_of_the_hub_end(tmp_path: Path, postgres_url: str) -> None:
    network = Network(tmp_path, postgres_url, 3)
    try:
        found = run(network, 4, [End(is_active=True, is_kill=False), End(is_active=False, is_kill=True)])
    finally:
        network.end()
    assert found == {"jobs": 12, **dict.fromkeys(FLAWS, 0)}
