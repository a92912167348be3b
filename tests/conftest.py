"""Fixtures at three heights: an appliance without HTTP, a server in this process, the program as a process."""

import os
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import requests
from hypothesis import HealthCheck, settings

from prjobs.access.audit import NEWJOB, Act
from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.jobs import handouts, submission
from prjobs.jobs.requests import Command
from prjobs.opening import close_appliance
from prjobs.server import Server
from prjobs.store.models import JobRow
from prjobs.web import contract
from prjobs.web.app import build_app
from tests import described, postgres, statements, stores, verbs
from tests.clocks import ManualClock
from tests.disks import folder_in_memory
from tests.hub.preparing import AtTheEnd
from tests.program import Program
from tests.stores import open_appliance
from tests.verbs import USER, make_token

# No test depends on how fast the machine is, or on which cases chance picks today.
settings.register_profile(
    "any machine", deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--statements", action="store_true", help="prepare the noted statements on PostgreSQL at the end")
    parser.addoption(
        "--store",
        choices=(stores.SQLITE, stores.POSTGRESQL),
        default=stores.SQLITE,
        help="the database system below the stores; on postgresql the files of tests.stores.BOTH or those named run",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Set the engine and the place of temporary folders; note the statements of the package from now on."""
    _keep_folders_in_memory()
    # With this variable a process that a test starts compiles all its modules again: a third of the start of a server.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    stores.start(config.getoption("store"))
    statements.install()
    config.pluginmanager.register(AtTheEnd())


def _keep_folders_in_memory() -> None:
    """Make temporary folders in memory, for the processes that tests start too: no commit of theirs waits for a disk.

    The variable TMPDIR names another place.
    """
    folder = folder_in_memory()
    if folder and "TMPDIR" not in os.environ:
        os.environ["TMPDIR"] = tempfile.tempdir = folder


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return three workers for two cores: a third of the time the tests wait, for a start, a disk or a page."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores + cores // 2)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files of tests that are about SQLite, or about no store at all."""
    if not stores.on_postgresql() or collection_path.is_dir():
        return None
    path = collection_path.relative_to(config.rootpath).as_posix()
    is_named = any(argument.partition("::")[0].endswith(path) for argument in config.args)
    return True if path.startswith("tests/") and not is_named and path not in stores.BOTH else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if not stores.on_postgresql():
        return
    if mark := item.get_closest_marker("sqlite"):
        pytest.skip(f"SQLite alone: {mark.args[0]}")
    if "program" in getattr(item, "fixturenames", ()):
        pytest.skip("SQLite alone: starts the program")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark what drives the browser, before the tests are selected by their marks; then put the longest files first."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    yield
    of_files: Counter[Path] = Counter()
    for item in items:
        of_files[item.path] += _about_s(item)
    # A file is run by one worker: a long one that begins last keeps that worker busy alone.
    items.sort(key=lambda item: -of_files[item.path])


def _about_s(item: pytest.Item) -> float:
    """Return about how long a test takes on two idle cores; only the order of the files depends on the figure."""
    if mark := item.get_closest_marker("long"):
        return mark.kwargs.get("about_s", 10)
    return 3 if item.get_closest_marker("browser") or item.get_closest_marker("slow") else 0.3


@pytest.fixture(scope="session", autouse=True)
def _check_answers() -> Iterator[None]:
    """Have each answer of a server in this process checked against /openapi.json."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prjobs.server.build_app", described.checked(build_app))
        yield


@pytest.fixture(autouse=True)
def _described() -> Iterator[None]:
    """Fail a test in which a server answered otherwise than /openapi.json says."""
    yield
    found = described.WRONG[:]
    described.WRONG.clear()
    assert found == []


@pytest.fixture(scope="session", autouse=True)
def _server_of_stores() -> Iterator[None]:
    """Stop the PostgreSQL of this session, if one was started."""
    yield
    postgres.stop_shared()


@pytest.fixture(scope="module", autouse=True)
def _stores_of_module(_server_of_stores: None) -> Iterator[None]:
    """Take back the databases that fixtures of a module have used."""
    with stores.lent():
        yield


@pytest.fixture(autouse=True)
def _stores(_stores_of_module: None) -> Iterator[None]:
    """Take back the databases that a test has used."""
    with stores.lent():
        yield


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "data")
    folder.create()
    return folder


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hand-out may take its time: a busy machine is not what most tests are about."""
    monkeypatch.setattr(handouts, "TAKE_PATIENCE_S", 10.0)
    monkeypatch.setattr(contract, "READ_S", 10.0)


@pytest.fixture
def appliance(folder: Folder, clock: ManualClock, patient: None) -> Iterator[Appliance]:
    """An open appliance on a clock that the test sets; a test may close it by itself."""
    opened, _ = open_appliance(folder, Settings(), clock)
    yield opened
    if not opened.queue.database._writer._closing:
        close_appliance(opened, folder)


@pytest.fixture
def make_appliance(folder: Folder, clock: ManualClock) -> Iterator[Callable[..., Appliance]]:
    """Open an appliance with these settings; closed at the end, or by the next one."""
    opened: list[Appliance] = []

    def close() -> None:
        while opened:
            close_appliance(opened.pop(), folder)

    def make(**settings: object) -> Appliance:
        close()
        opened.append(open_appliance(folder, Settings(**settings), clock)[0])
        return opened[-1]

    yield make
    close()


@pytest.fixture
def submit(appliance: Appliance) -> Callable[..., JobRow]:
    """Queue a command; every part has a default."""

    return partial(verbs.submit, appliance)


@pytest.fixture
def make_server(tmp_path: Path, patient: None) -> Iterator[Callable[..., Server]]:
    """Start servers in this process, on free ports; all are stopped at the end."""
    running: list[tuple[Server, threading.Thread]] = []

    def make(clock: Clock | None = None, name: str = "data", **settings: object) -> Server:
        folder = Folder(tmp_path / name)
        if not stores.on_postgresql():
            folder.create()
            stores.lay_empty_store(folder)
        server = Server(folder, stores.placed(folder.path, Settings(port=0, **settings)), clock)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        return server

    yield make
    for server, _ in running:
        server.stop()
    for _, thread in running:
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    return make_server()


@pytest.fixture
def token(server: Server) -> str:
    """A token of the ordinary user auth0|alice."""
    return make_token(server.appliance, "auth0|alice")


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """The program as a process of its own, on a fresh data folder; killed at the end if it still runs."""
    program = Program(tmp_path / "program")
    yield program
    program.kill()


@pytest.fixture(scope="session")
def postgres_server(_server_of_stores: None) -> postgres.PostgresServer:
    """The PostgreSQL of this session; a test that stops or fills it up makes one of its own."""
    return postgres.shared_server()


@pytest.fixture
def postgres_url(postgres_server: postgres.PostgresServer) -> Iterator[str]:
    """The address of an empty database on a real PostgreSQL, dropped at the end."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def submit_many() -> Callable[[Appliance, int], list[str]]:
    """Queue many jobs at once, without HTTP; their ids."""

    def submit_many(appliance: Appliance, count: int) -> list[str]:
        command = Command("saf", "mount", "m", "go", "u", "U", "[]", "{}", "{}", {})
        return appliance.queue.database.write(
            lambda transaction: [
                submission.insert_job(transaction, appliance.queue, command, Act(USER, NEWJOB)).ulid
                for _ in range(count)
            ]
        )

    return submit_many
