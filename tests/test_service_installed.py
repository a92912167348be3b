"""The service under the real manager of services: that of Windows, and systemd where systemd runs.

The machine's service is installed, started, stopped and removed; a machine with a service of its own is left alone.
"""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import requests

from prjobs.cli.commands import run
from prjobs.service import scm, windows
from prjobs.service.controls import control_of
from prjobs.service.installed import State
from prjobs.service.process import (
    IS_CALLED,
    NOT_CALLED,
    SERVICE_ACCEPT_PRESHUTDOWN,
    SERVICE_ACCEPT_STOP,
    STOPS,
    ServiceProcess,
)
from tests.program import Program
from tests.waiting import wait_for

is_windows = os.name == "nt"
pytestmark = [
    pytest.mark.skipif(
        not is_windows and not Path("/run/systemd/system").is_dir(), reason="no manager of services runs here"
    ),
    pytest.mark.skipif(not is_windows and os.geteuid() != 0, reason="only root installs services"),
]
if not is_windows:
    # On Windows the test runs beside the others under Wine, in CI's list of tests.
    pytestmark.append(pytest.mark.long)
SLOW_S = 300


@pytest.fixture
def installing(tmp_path: Path) -> Iterator[Program]:
    """A program whose data folder has spaces and letters of other languages, on a free port; not installed yet."""
    if found := control_of(False).installed():
        if "pytest-of-" not in str(found.folder):
            pytest.skip("this machine has a service of its own")
        # A run that was killed has left its service.
        service(Program(tmp_path), "remove", data=False)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Program(tmp_path / "été du site 天文")
    program.url = f"http://127.0.0.1:{port}"
    program.data.mkdir(mode=0o700)
    (program.data / "prjobs.toml").write_text(f"port = {port}\n")
    yield program
    if control_of(False).installed():
        service(program, "remove")


def service(program: Program, *words: str, ok: bool = True, data: bool = True) -> str:
    """Run an action in this process; return the output of a success, the sentence of a refusal."""
    where = ["--data", str(program.data)] if data else []
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as errors:
        code = run(["service", *words, *where])
    assert code == (0 if ok else 1), out.getvalue() + errors.getvalue()
    return out.getvalue() if ok else errors.getvalue()


def log_of(program: Program) -> str:
    return (program.data / "logs" / "prjobs.log").read_text(encoding="utf-8")


def state_of() -> State:
    found = control_of(False).installed()
    assert found is not None
    return found.state


def test_the_life_of_a_service(installing: Program) -> None:
    program = installing
    said = program.run("service", "install", timeout=SLOW_S).stdout
    assert f"It answers at {program.url}/ and serves {program.data}. The log is " in said
    assert requests.get(f"{program.url}/healthz", timeout=60).status_code in (200, 503)
    ulid = program.new_job(program.token())["ulid"]
    found = control_of(False).installed()
    assert found is not None and (found.state, found.folder, found.faults) == (State.RUNNING, program.data, [])
    assert f"as {found.account}" in said and str(program.url) in service(program, "status")
    assert f"starts with the machine as {found.account}" in program.run("doctor", timeout=SLOW_S).stdout
    assert "is installed already, and nothing has changed" in service(program, "install")
    assert "runs already" in service(program, "start")
    service(program, "stop")
    # A clean stop leaves no write-ahead log.
    assert log_of(program).rstrip().endswith("stopped") and not Path(f"{program.data}/prjobs.sqlite3-wal").exists()
    assert "does not run" in service(program, "stop")
    service(program, "start")
    assert program.fetch() == [ulid] and "not clean" not in log_of(program)
    assert "is removed" in service(program, "remove") and (program.data / "prjobs.sqlite3").is_file()
    assert "No service is installed" in service(program, "remove", ok=False)
    assert "No service is installed" in service(program, "start", ok=False)


def test_what_is_refused_leaves_the_service_as_it_was(installing: Program, tmp_path: Path) -> None:
    program = installing
    with socket.create_server(("127.0.0.1", int(program.url.rpartition(":")[2]))):
        assert "cannot be used" in service(program, "install", ok=False)
    assert control_of(False).installed() is None
    program.serve("--port", program.url.rpartition(":")[2])
    assert "was not started by the service" in service(program, "install", ok=False)
    assert "was not started by the service" in service(program, "stop", ok=False)
    program.stop()
    assert control_of(False).installed() is None
    service(program, "install")
    other = Program(tmp_path / "other")
    for action in ("install", "remove", "start", "stop"):
        assert f"The installed service serves {program.data}" in service(other, action, ok=False)
    assert state_of() == State.RUNNING and not other.data.exists()


def test_a_start_that_fails_leaves_its_sentence_in_the_log(installing: Program) -> None:
    program = installing
    (program.data / "identity.json").write_text("[]")
    refused = service(program, "install", ok=False)
    assert "identity.json is damaged" in refused and refused.count("\n") == 1
    assert "prjobs does not serve: " in log_of(program) and "identity.json is damaged" in log_of(program)
    # The service that does not start is not left behind.
    assert control_of(False).installed() is None
    (program.data / "identity.json").unlink()
    service(program, "install")
    service(program, "stop")
    (program.data / "identity.json").write_text("[]")
    assert "identity.json is damaged" in service(program, "start", ok=False)
    assert log_of(program).count("prjobs does not serve: ") >= 2


@pytest.mark.skipif(not is_windows, reason="the manager of Windows")
def test_windows_starts_the_interpreter_itself_and_may_stop_it(installing: Program) -> None:
    service(installing, "install")
    with scm.opened(windows.NAME) as opened:
        assert opened is not None
        config, status = opened.config(), opened.status()
        numbers = {
            level: opened.number(level)
            for level in (scm.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, scm.SERVICE_CONFIG_FAILURE_ACTIONS_FLAG)
        }
        preshutdown = opened.number(scm.SERVICE_CONFIG_PRESHUTDOWN_INFO)
    assert config.command.startswith(str(getattr(sys, "_base_executable", sys.executable)))
    assert (config.account, config.start) == (windows.ACCOUNT, scm.SERVICE_AUTO_START)
    assert status.accepted == SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN
    # Wine keeps some of them; None: the system does not tell.
    assert set(numbers.values()) <= {1, None} and preshutdown in (windows.PRESHUTDOWN_MS, None)


@pytest.mark.skipif(not is_windows, reason="the manager of Windows")
@pytest.mark.parametrize("control", STOPS)
def test_every_control_for_the_end_stops_the_server(control: int) -> None:
    """Windows alone sends PRESHUTDOWN and SHUTDOWN: the handler is called as Windows calls the handler."""
    process, stopped = ServiceProcess(), []
    process.on_stop(lambda: stopped.append(control))
    assert process._control(control, 0, None, None) == IS_CALLED and stopped == [control]
    assert process._control(4, 0, None, None) == IS_CALLED and process._control(2, 0, None, None) == NOT_CALLED


@pytest.mark.skipif(is_windows, reason="systemd starts a killed process again")
def test_systemd_starts_a_killed_server_again_and_refuses_no_connection(installing: Program) -> None:
    program = installing
    service(program, "install")
    found = control_of(False).installed()
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    # The connection waits in the socket of systemd.
    assert requests.post(f"{program.url}/getnewjobs", json={"site": "saf"}, timeout=60).json() == []
    wait_for(lambda: state_of() == State.RUNNING)
