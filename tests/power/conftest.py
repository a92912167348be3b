"""The recorded story, and the judgement of the disks that cuts leave of it."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.power.disks import State
from tests.power.judging import judge
from tests.power.recording import Recording
from tests.power.story import record

BY_PROCESS = 10


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("recording"))


@pytest.fixture
def found_in(tmp_path: Path) -> Callable[[Recording, Iterable[State]], Iterator[tuple[State, list[str]]]]:
    """Judge states one after the other, every tenth by a process; yield those with something wrong."""

    def found_in(recording: Recording, chosen: Iterable[State]) -> Iterator[tuple[State, list[str]]]:
        for number, state in enumerate(chosen):
            disk = tmp_path / f"disk{number}"
            if found := judge(recording, state, disk, as_process=number % BY_PROCESS == BY_PROCESS - 1):
                yield state, found
            else:
                shutil.rmtree(disk)

    return found_in
