"""Real appliances with the link to the cloud, against a hub of two processes behind a balancer."""

from pathlib import Path

import pytest

from tests.hub.network import Network, run

FLAWS = ("lost", "twice", "wrong_site", "unknown", "unfinished")


@pytest.mark.long
def test_jobs_reach_their_sites_while_the_active_process_changes(tmp_path: Path, postgres_url: str) -> None:
    network = Network(tmp_path, postgres_url, 3)
    try:
        found = run(network, 4, 1, kill=False)
    finally:
        network.end()
    assert found == {"jobs": 12, **dict.fromkeys(FLAWS, 0)}
