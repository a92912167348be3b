"""A network: appliances with the link to the cloud, and a hub of three processes behind a balancer, all real processes.

`python -m tests.hub.network [--sites 20] [--jobs 20] [--kills 2]` runs the campaign and prints what became of each job.
"""

import argparse
import socket
import socketserver
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

import requests

from tests.cloud.campaign import STEPS, Observatory, QuickProgram
from tests.hub.processes import Hub, health_of
from tests.program import JOB, Program

SETTLE_S = 240.0
PROCESSES = 3


class Balancer:
    """Forwards connections to the healthy processes of a hub in turns, as a balancer for TCP does."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._healthy: list[Program] = []
        self._turns = count()
        balancer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                balancer.forward(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 100

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._looking = threading.Event()
        for work in (self._server.serve_forever, self._look):
            threading.Thread(target=work, daemon=True).start()

    def _look(self) -> None:
        while not self._looking.wait(0.2):
            self._healthy = [one for one in self._hub.living() if _is_healthy(one)]

    def forward(self, client: socket.socket) -> None:
        """Carry bytes both ways until one side ends."""
        healthy = self._healthy
        if not healthy:
            return
        chosen = healthy[next(self._turns) % len(healthy)]
        with suppress(OSError), socket.create_connection(_place(chosen), 5) as process:
            process.settimeout(None)
            back = threading.Thread(target=_carry, args=(process, client), daemon=True)
            back.start()
            _carry(client, process)
            back.join(60)

    def stop(self) -> None:
        """End the balancer."""
        self._looking.set()
        self._server.shutdown()
        self._server.server_close()


def _place(program: Program) -> tuple[str, int]:
    host, _, port = program.url.removeprefix("http://").rpartition(":")
    return host, int(port)


def _is_healthy(program: Program) -> bool:
    try:
        return bool(health_of(program)["ok"])
    except (requests.RequestException, ValueError):
        return False


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


class End(NamedTuple):
    """The end of the active process or of a standby, by a kill or a clean stop."""

    is_active: bool
    is_kill: bool


class Network:
    """The hub, its balancer, and the sites with their observatories."""

    def __init__(self, folder: Path, url: str, sites: int) -> None:
        self.hub = Hub(folder, url)
        self.balancer = Balancer(self.hub)
        self.names = [f"site{number:02d}" for number in range(sites)]
        self.sites: list[QuickProgram] = []
        self.observatories: list[Observatory] = []
        self.sent: dict[str, str] = {}
        self._folder = folder
        self._session = requests.Session()

    def start(self) -> None:
        """Start the processes of the hub, then the sites and their observatories."""
        first = self.hub.add()
        for _ in range(PROCESSES - 1):
            self.hub.add()
        self._session.headers["Authorization"] = f"Bearer {self.hub.token(first)}"
        named = [word for name in self.names for word in ("--site", name)]
        words = ("token", "create", "--user", "sites", "--role", "observatory", *named)
        code, token, errors = self.hub.run(first, *words)
        assert code == 0, errors
        path = self._folder / "token"
        path.write_text(token)
        for name in self.names:
            site = QuickProgram(self._folder / name, self.balancer.url, sites=name)
            site.flags += ["--cloud-token-file", str(path)]
            site.serve()
            self.sites.append(site)
            self.observatories.append(Observatory(site, name))
            self.observatories[-1].start()

    def send(self, site: str) -> None:
        """Send a job to a site by way of the hub, until an answer says that it is stored."""
        key = f"{site}-{len(self.sent)}"
        until_s = time.monotonic() + SETTLE_S
        while time.monotonic() < until_s:
            with suppress(requests.RequestException, ValueError):
                headers = {"Idempotency-Key": key}
                job = {**JOB, "site": site}
                answer = self._session.post(f"{self.balancer.url}/newjob", json=job, headers=headers, timeout=30)
                if answer.status_code == 200:
                    self.sent[answer.json()["ulid"]] = site
                    return
            time.sleep(0.2)
        raise AssertionError(f"no job could be sent to {site}")

    def end_process(self, end: End) -> None:
        """End a process of the hub, wait until there is an active one, and start the ended process again."""
        active = self.hub.active()
        ended = active if end.is_active else next(one for one in self.hub.living() if one is not active)
        if end.is_kill:
            ended.kill()
        else:
            ended.stop()
        self.hub.active()
        self.hub.serve(ended)

    def settle(self) -> None:
        """Wait until the hub shows every job as complete, and a little longer for what would come twice."""
        until_s = time.monotonic() + SETTLE_S
        while time.monotonic() < until_s and self.unfinished():
            time.sleep(0.3)
        time.sleep(1.0)
        for one in self.observatories:
            one.ending.set()

    def unfinished(self) -> list[str]:
        """Return the jobs that the hub does not show as complete."""
        shown: dict[str, str] = {}
        for site in self.names:
            body = {"site": site, "timeRange": 86_400_000}
            with suppress(requests.RequestException, ValueError):
                listed = self._session.post(f"{self.balancer.url}/getrecentjobs", json=body, timeout=30).json()
                shown |= {job["ulid"]: job["statusId"].rpartition("#")[0] for job in listed}
        return [ulid for ulid in self.sent if shown.get(ulid) != STEPS[-1]]

    def report(self) -> dict[str, int]:
        """Return the numbers of jobs: sent, lost, twice, at a wrong site, unknown, unfinished at the hub."""
        received = [(ulid, one.site, count) for one in self.observatories for ulid, count in one.received.items()]
        here = {ulid for ulid, site, _ in received if self.sent.get(ulid) == site}
        return {
            "jobs": len(self.sent),
            "lost": len(self.sent.keys() - here),
            "twice": sum(count > 1 for _, _, count in received),
            "wrong_site": sum(self.sent.get(ulid, site) != site for ulid, site, _ in received),
            "unknown": sum(ulid not in self.sent for ulid, _, _ in received),
            "unfinished": len(self.unfinished()),
        }

    def end(self) -> None:
        """Kill all processes."""
        for one in self.observatories:
            one.ending.set()
            one.running.clear()
        for site in self.sites:
            site.kill()
        self.balancer.stop()
        self.hub.end()


def run(network: Network, jobs: int, ends: Sequence[End]) -> dict[str, int]:
    """Send jobs to every site in turns, and end processes meanwhile; return the report."""
    network.start()
    moments = {(number + 1) * jobs // (len(ends) + 1): end for number, end in enumerate(ends)}
    for number in range(jobs):
        ending = None
        if number in moments:
            ending = threading.Thread(target=network.end_process, args=(moments[number],))
            ending.start()
        for site in network.names:
            network.send(site)
        if ending:
            ending.join()
    network.settle()
    return network.report()


def main() -> int:
    """Run the campaign; return 1 if a job was lost or came twice."""
    from tests.postgres import PostgresServer

    parser = argparse.ArgumentParser(prog="python -m tests.hub.network")
    parser.add_argument("--sites", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=20, help="jobs for each site")
    parser.add_argument("--kills", type=int, default=2, help="kills of the active process, and as many of a standby")
    asked = parser.parse_args()
    server = PostgresServer()
    with tempfile.TemporaryDirectory(prefix="prjobs-network-", ignore_cleanup_errors=True) as folder:
        network = Network(Path(folder), server.url, asked.sites)
        try:
            found = run(network, asked.jobs, [End(True, True), End(False, True)] * asked.kills)
        finally:
            network.end()
            server.stop()
    print(f"{asked.sites} sites, {asked.kills} kills of the active process and as many of a standby: {found}")
    return 0 if not any(count for name, count in found.items() if name != "jobs") else 1


if __name__ == "__main__":
    sys.exit(main())
