"""The balancers of the manual before two processes of a hub: the active process is killed under polls."""

import re
import socket
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.bench.rivals.programs import find_program, free_port
from tests.hub.processes import Hub, is_active
from tests.program import JOB
from tests.readme import MANUAL
from tests.waiting import wait_for

PAGE = (MANUAL / "hub.md").read_text(encoding="utf-8")


def recipe(language: str, ports: list[int], port: int) -> str:
    """Return the manual's recipe for two processes here, without TLS."""
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)
    for number, one in enumerate(ports, 1):
        text = text.replace(f"10.0.0.{number}:8642", f"127.0.0.1:{one}")
    text = re.sub(r"(bind \*|listen ):?443 ssl( crt \S+)?", lambda match: f"{match[1]}:{port}", text)
    text = text.replace("bind *:", "bind 127.0.0.1:").replace("listen :", "listen 127.0.0.1:")
    return re.sub(r"\n *ssl_\S+ \S+;", "", text).replace("jobs.observatory.example", "localhost")


@contextmanager
def balancer(name: str, folder: Path, ports: list[int]) -> Iterator[str]:
    """Start nginx or HAProxy before the processes, and yield its address."""
    program = find_program(name)
    if program is None:
        pytest.skip(f"needs {name} (Debian: {name})")
    port = free_port()
    text, config = recipe(name, ports, port), folder / f"{name}.conf"
    if name == "nginx":
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
        text = f"daemon off; pid {folder}/pid; events {{}} http {{ access_log off; {paths} {text} }}"
        command = [program, "-c", str(config), "-e", str(folder / "log")]
    else:
        command = [program, "-db", "-f", str(config)]
    config.write_text(text, encoding="utf-8")
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        wait_for(lambda: accepts(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "said").read_text() + config.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def accepts(port: int) -> bool:
    """Return True if somebody listens there."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


class Observatory:
    """A program that polls through the balancer, and what it got."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.jobs: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            try:
                answer = requests.post(f"{self.url}/getnewjobs", json={"site": "saf"}, timeout=60)
                found: Any = answer.json()
                assert isinstance(found, list)
            except (requests.RequestException, ValueError, AssertionError) as error:
                self.wrong.append(repr(error))
            else:
                self.statuses[answer.status_code] += 1
                self.jobs += [job["ulid"] for job in found]

    def end(self) -> None:
        self._stop.set()
        self._thread.join(60)


@contextmanager
def hub_behind(name: str, folder: Path, postgres_url: str) -> Iterator[tuple[str, Hub, dict[str, str]]]:
    """Start two processes behind a balancer; yield its address, the hub, and the headers of a user."""
    hub = Hub(folder, postgres_url)
    try:
        members = [hub.add(), hub.add()]
        with balancer(name, folder, [int(one.url.rsplit(":", 1)[1]) for one in members]) as url:
            yield url, hub, {"Authorization": f"Bearer {hub.token(members[0])}"}
    finally:
        hub.end()


def send(url: str, headers: dict[str, str]) -> str:
    """Send a job; return its ulid, or nothing if it was refused."""
    answer = requests.post(f"{url}/newjob", json=JOB, headers=headers, timeout=60)
    return str(answer.json()["ulid"]) if answer.status_code == 200 else ""


@pytest.mark.long
@pytest.mark.parametrize("name", ["haproxy", "nginx"])
def test_the_active_process_is_killed_under_polls(
    name: str, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRJOBS_TRUSTED_PROXY", "127.0.0.1")
    with hub_behind(name, tmp_path, postgres_url) as (url, hub, headers):
        first, second = hub.programs
        sent = [wait_for(lambda: send(url, headers))]
        observatory = Observatory(url)
        sent += [wait_for(lambda: send(url, headers)) for _ in range(4)]
        wait_for(lambda: set(observatory.jobs) == set(sent))
        first.kill()
        before = observatory.statuses.total()
        wait_for(lambda: observatory.statuses.total() > before + 5)
        sent.append(wait_for(lambda: send(url, headers)))
        assert is_active(second)
        wait_for(lambda: sent[-1] in observatory.jobs)
        observatory.end()
    assert observatory.wrong == []
    # Both recipes answer with these where no process does; a poll that the balancer holds until then shows none.
    assert set(observatory.statuses) <= {200, 502, 503, 504}
    assert sorted(observatory.jobs) == sorted(sent)


@pytest.mark.long
def test_haproxy_counts_a_standby_as_well(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """HAProxy ends the requests that go through a process which it counts as ill: a `newjob` may have been stored."""
    monkeypatch.setenv("PRJOBS_TRUSTED_PROXY", "127.0.0.1")
    with hub_behind("haproxy", tmp_path, postgres_url) as (url, _, _):
        observatory = Observatory(url)
        # A poll every 0.05 s at most: longer than HAProxy takes for two checks.
        wait_for(lambda: observatory.statuses.total() > 90)
        observatory.end()
    assert observatory.wrong == []
    # On a busy machine a check may come too late.
    ill = [
        line for line in (tmp_path / "said").read_text().splitlines() if " is DOWN" in line and "timeout" not in line
    ]
    assert ill == []


@contextmanager
def dying_process() -> Iterator[int]:
    """Listen like a process that is well, and is killed by each request after the head; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            while True:
                try:
                    opened, _ = listener.accept()
                except OSError:
                    return
                # A check that came too late is reset.
                with opened, suppress(ConnectionError):
                    if b"/healthz" in opened.recv(4096):
                        opened.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
                    else:
                        # A connection that a killed process has not read to its end is reset.
                        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            # Wakes the thread.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)


@pytest.mark.long
@pytest.mark.parametrize("name", ["haproxy", "nginx"])
def test_a_poll_is_answered_when_the_process_is_killed_before_its_body(name: str, tmp_path: Path) -> None:
    with dying_process() as port, balancer(name, tmp_path, [port, port]) as url:
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=60) as caller:
            caller.sendall(b"POST /getnewjobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\n\r\n")
            time.sleep(0.1)
            caller.sendall(b'{"site": "saf"}')
            answer = caller.recv(65536)
    assert re.match(rb"HTTP/1.1 50[234] .*\r\n\r\n\[\]$", answer, re.S), answer
