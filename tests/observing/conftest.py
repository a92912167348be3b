"""The simulators and the program of a site with them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prjobs.observing.alpaca_site import AlpacaSite
from prjobs.observing.indi_site import IndiSite
from prjobs.server import Server
from tests import verbs
from tests.observing.alpaca import ALPACA_NAMES, AlpacaServer, AlpacaWitness, require_alpaca
from tests.observing.indi import NAMES, IndiServer, Witness, require_indi
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
def started(server: Server, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Starts the program of a site with the devices of a server."""
    made: list[Site] = []

    def start(devices: IndiSite | AlpacaSite, **changes: Any) -> Site:
        token = verbs.make_token(server.appliance, "auth0|alice", "admin")
        made.append(Site(server.url, token, devices, tmp_path / "images", **changes))
        return made[-1].__enter__()

    yield start
    for site in made:
        site.__exit__()


@pytest.fixture
def make_site(started: Callable[..., Site], indi: IndiServer) -> Callable[..., Site]:
    return lambda **changes: started(IndiSite("127.0.0.1", indi.port, NAMES), **changes)


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()


@pytest.fixture(scope="module")
def alpaca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlpacaServer]:
    """One server for a module: its start takes seconds."""
    require_alpaca()
    server = AlpacaServer(tmp_path_factory.mktemp("alpaca"))
    yield server
    server.kill()


@pytest.fixture
def alpaca_witness(alpaca: AlpacaServer) -> Iterator[AlpacaWitness]:
    witness = AlpacaWitness(alpaca.port)
    yield witness
    witness.close()


@pytest.fixture
def make_alpaca_site(started: Callable[..., Site], alpaca: AlpacaServer) -> Callable[..., Site]:
    return lambda **changes: started(AlpacaSite("127.0.0.1", alpaca.port, ALPACA_NAMES), **changes)
