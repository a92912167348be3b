"""A story over TCP: fake cloud, fault proxy, the real program, an observatory; and what became of every job."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import requests

from tests.cloud.cloud_model import SITE
from tests.cloud.fake_cloud import FakeCloud
from tests.cloud.fault_proxy import FaultProxy
from tests.cloud.quick_program import PAGE_VARIABLE
from tests.program import Program

# A page counts as cut above this many bytes for each of its records, which have about 440.
BYTES_A_RECORD = 250
STEPS = ("STARTED", "EXPOSING", "COMPLETE")
NO_EXPIRY = [f"--expire-{name}-s" for name in ("motion", "exposure", "script", "config", "safety", "roof", "other")]


class QuickProgram(Program):
    """The program with short waits, linked to a cloud."""

    module = "tests.cloud.quick_program"

    def __init__(self, data: Path, cloud_url: str, mode: str = "primary", sites: str = SITE) -> None:
        super().__init__(data, ("-m", self.module))
        self.flags = ["--cloud-mode", mode, "--cloud-base-url", cloud_url, "--cloud-sites", sites]
        self.flags += [part for flag in NO_EXPIRY for part in (flag, "0")]
        self.page_bytes = 50_000

    def serve(self, *flags: str, **named: Any) -> str:
        """Start serving on a free port."""
        command = [sys.executable, *self.launcher, "serve", "--port", "0", "--data", str(self.data)]
        named.setdefault("stderr", subprocess.DEVNULL)
        named["env"] = {**named.get("env", os.environ), PAGE_VARIABLE: str(self.page_bytes)}
        self.process = subprocess.Popen([*command, *self.flags, *flags], stdout=subprocess.PIPE, text=True, **named)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1].rstrip("/")
        return self.url


class Observatory(threading.Thread):
    """Polls, works, reports. A poll whose answer did not come is repeated with its poll_id; a report too."""

    def __init__(self, program: Program, site: str = SITE) -> None:
        super().__init__(daemon=True)
        self.program, self.site = program, site
        self.received: Counter[str] = Counter()
        self.reported: dict[str, str] = {}
        self.ending = threading.Event()
        self.running: list[list[Any]] = []
        self._session = requests.Session()

    def run(self) -> None:
        number, poll_id = 0, None
        while not self.ending.is_set() or self.running:
            if poll_id is None:
                number += 1
                poll_id = f"poll-{number}"
            body = {"site": self.site, "poll_id": poll_id}
            answer = self._post("getnewjobs", body)
            if answer is not None and answer.status_code == 200:
                poll_id = None
                for job in answer.json():
                    self.received[job["ulid"]] += 1
                    self.running.append([job["ulid"], 0])
            for run in list(self.running[:50]):
                self._report(run)
            time.sleep(0.02)

    def _report(self, run: list[Any]) -> None:
        body = {"site": self.site, "ulid": run[0], "newStatus": STEPS[run[1]], "secondsUntilComplete": 12.7}
        answer = self._post("updatejobstatus", body)
        if answer is not None and answer.status_code == 200:
            self.reported[run[0]] = STEPS[run[1]]
            run[1] += 1
            if run[1] == len(STEPS):
                self.running.remove(run)

    def _post(self, name: str, body: dict[str, Any]) -> requests.Response | None:
        try:
            return self._session.post(f"{self.program.url}/{name}", json=body, timeout=60)
        except requests.RequestException:
            self._session.close()
            return None


class Campaign:
    """Everything of one story."""

    def __init__(self, folder: Path, seed: int = 0, page: int = 200) -> None:
        self.cloud = FakeCloud(seed, page)
        self.proxy = FaultProxy(self.cloud.url, seed).start()
        self.program = QuickProgram(folder, self.proxy.url)
        self.program.page_bytes = page * BYTES_A_RECORD
        self.observatory = Observatory(self.program)
        self.crashes = 0
        self.wanted: list[str] = []

    def start(self) -> None:
        """The program and its observatory begin."""
        self.program.serve()
        self.observatory.start()

    def send(self, count: int, rate: float = 20) -> None:
        """Users ask for jobs, a few at a time, `rate` a second: a page must hold what comes in two seconds."""
        while count > 0:
            some = min(count, self.cloud.chance.choice((1, 1, 2, 5, 20)))
            self.wanted += self.cloud.add(some, delay_ms=self.cloud.chance.choice((0, 0, 100, 900)))
            count -= some
            time.sleep(some / rate)

    def kill(self) -> None:
        """kill -9, and start again on the same folder."""
        self.program.kill()
        self.crashes += 1
        self.program.serve()

    def settle(self, timeout_s: float = 90) -> None:
        """No faults any more, until the cloud shows every job as complete, or the time is over."""
        self.proxy.left, self.proxy.down, self.proxy.plan = 0, False, []
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            statuses = self.cloud.statuses()
            if all(statuses.get(ulid) == STEPS[-1] for ulid in self.wanted):
                break
            time.sleep(0.2)
        # A late effect would come now.
        time.sleep(2)
        self.observatory.ending.set()
        self.observatory.join(60)

    def report(self) -> dict[str, int]:
        """Counts. Lost: never received, and not among the hand-outs shown as in doubt."""
        statuses, received = self.cloud.statuses(), self.observatory.received
        missing = {ulid for ulid in self.wanted if not received[ulid]}
        return {
            "jobs": len(self.wanted),
            "faults": sum(self.proxy.faults.values()),
            "crashes": self.crashes,
            "lost": len(missing - self.doubted()),
            "twice": sum(1 for count in received.values() if count > 1),
            "wrong status": sum(1 for ulid in received if statuses.get(ulid) != STEPS[-1]),
            "unconfirmed": len(missing & self.doubted()),
            "getnewjobs asked of the cloud": self.cloud.calls.get("getnewjobs", 0),
        }

    def doubted(self) -> set[str]:
        """The jobs of hand-outs that are shown as unconfirmed."""
        connection = sqlite3.connect(f"file:{self.program.data / 'prjobs.sqlite3'}?mode=ro", uri=True)
        found = connection.execute(
            "SELECT j.ulid FROM handout h JOIN change c ON c.handout_id = h.id JOIN job j ON j.seq = c.job_seq "
            "WHERE h.state <> 'CONFIRMED'"
        ).fetchall()
        connection.close()
        return {ulid for (ulid,) in found}

    def close(self) -> None:
        """Stop everything."""
        self.observatory.ending.set()
        self.observatory.running.clear()
        self.program.kill()
        self.proxy.stop()
        self.cloud.stop()
