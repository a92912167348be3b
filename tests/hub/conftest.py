"""The hub of the tests: real processes on a database of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.processes import Hub


@pytest.fixture
def hub(tmp_path: Path, postgres_url: str) -> Iterator[Hub]:
    """Yield a hub without a process yet; its processes are killed at the end."""
    made = Hub(tmp_path, postgres_url)
    yield made
    made.end()
