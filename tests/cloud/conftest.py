"""What the tests of the link share."""

import logging
from collections.abc import Iterator

import pytest

from tests.cloud.model import World
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import told
from tests.cloud.watching import Watch


@pytest.fixture(autouse=True)
def quiet_link() -> Iterator[None]:
    """The link logs every failure; stories have thousands."""
    logger = logging.getLogger("prjobs.cloud.connection")
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def link_settings() -> dict[str, str]:
    """The settings of `world`; a module may have its own."""
    return {}


@pytest.fixture
def world(link_settings: dict[str, str]) -> Iterator[World]:
    """A link in step with a cloud that has no jobs yet; tests do what the observatory does. Requests are watched."""
    world = told(PLAIN, **link_settings)
    world.observing = False
    watch = Watch(world)
    world.pass_time()
    yield world
    watch.check()
    world.close()
