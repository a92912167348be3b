"""The simulators and the program of a site with them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prjobs.server import Server
from tests import verbs
from tests.observing.indi import IndiServer, Witness, require_indi
from tests.observing.station import Site


@pytest.fixture
def indi(tmp_path: Path) -> Iterator[IndiServer]:
    require_indi()
    home = tmp_path / "home"
    home.mkdir()
    server = IndiServer(home)
    yield server
    server.kill()


@pytest.fixture
def witness(indi: IndiServer) -> Iterator[Witness]:
    witness = Witness(indi.port)
    yield witness
    witness.close()


@pytest.fixture
def make_site(server: Server, indi: IndiServer, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    made: list[Site] = []

    def make(**changes: Any) -> Site:
        token = verbs.make_token(server.appliance, "auth0|alice", "admin")
        made.append(Site(server.url, token, indi.port, tmp_path / "images", **changes))
        return made[-1].__enter__()

    yield make
    for site in made:
        site.__exit__()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()
