"""The requests of the measure of growth, and a server that is asked: the CPU time and the latency of each request."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import sending
from tests.bench.grown import NIGHT_SITE, OLDEST, SITE, night_date
from tests.bench.load import Connection, build_request
from tests.bench.processes import Appliance

# The server goes on for a moment after an answer.
AFTER_S = 0.002
POLL_EVERY_S = 0.02
TIMEOUT_S = 120.0
IDLE_S = 10.0
FLAT = "≤ 1.2"


class Polling:
    """Polls of a site while something else goes on; the seconds of each."""

    def __init__(self, port: int) -> None:
        self.took_s: list[float] = []
        self.over = threading.Event()
        self._connection = Connection(port, TIMEOUT_S)

    def run(self) -> None:
        """Poll until told that it is over."""
        while not self.over.is_set():
            began_s = time.perf_counter()
            self._connection.ask(sending.poll())
            self.took_s.append(time.perf_counter() - began_s)
            self.over.wait(POLL_EVERY_S)
        self._connection.close()


class Side:
    """A server with a connection to it."""

    def __init__(self, server: Appliance) -> None:
        self.server = server
        self._connection = Connection(server.port, TIMEOUT_S)
        self._asked_s = time.perf_counter()
        self._tokens: dict[str, str] = {}
        self.first_ulid = ""

    def token(self, role: str = "") -> str:
        """A token of the role, made once."""
        if role not in self._tokens:
            self._tokens[role] = self.server.token(*(["--role", role] if role else []))
        return self._tokens[role]

    def cpu_s(self) -> float:
        """The CPU time of all threads of the server in seconds; zero where the system does not tell by /proc."""
        total_ns = 0
        for task in Path(f"/proc/{self.server.pid}/task").glob("*/schedstat"):
            try:
                total_ns += int(task.read_text().split()[0])
            except OSError:
                continue
        return total_ns / 1e9

    def ask(self, request: bytes) -> tuple[float, float]:
        """The CPU time and the latency of a request, in seconds."""
        if time.perf_counter() - self._asked_s > IDLE_S:
            self.answer(sending.poll())
        before_s, began_s = self.cpu_s(), time.perf_counter()
        self.answer(request)
        took_s = time.perf_counter() - began_s
        time.sleep(AFTER_S)
        return self.cpu_s() - before_s, took_s

    def answer(self, request: bytes) -> bytes:
        """The body of the answer, which must be 200."""
        if time.perf_counter() - self._asked_s > IDLE_S:
            # The server ends idle connections.
            self._connection.close()
            self._connection = Connection(self.server.port, TIMEOUT_S)
        status, body = self._connection.ask(request)
        self._asked_s = time.perf_counter()
        assert status == 200, (status, request[:200], body[:300])
        return body

    def waiting(self, site: str) -> int:
        """The number of jobs that wait at the site."""
        return int(json.loads(self.answer(_get(f"/api/jobs?site={site}&limit=1")))["counts"]["waiting"])

    @contextmanager
    def polling(self) -> Iterator[Polling]:
        """Poll a site inside the block."""
        polling = Polling(self.server.port)
        thread = threading.Thread(target=polling.run)
        thread.start()
        try:
            yield polling
        finally:
            time.sleep(POLL_EVERY_S)
            polling.over.set()
            thread.join()


def _get(path: str) -> bytes:
    return build_request(path, b"", method="GET")


def stop(side: Side, site: str) -> bytes:
    """A stop of everything at the site."""
    body = {**sending.JOB, "site": site, "device": "all", "instance": "all", "action": "cancel_all_commands"}
    return build_request("/newjob", json.dumps(body).encode(), side.token())


def _new_job(side: Side) -> bytes:
    return sending.new_job(side.token())


def _sent_job(side: Side) -> str:
    ulid: str = json.loads(side.answer(_new_job(side)))["ulid"]
    return ulid


def _poll_with_job(side: Side) -> bytes:
    _sent_job(side)
    return sending.poll()


def _report(side: Side) -> bytes:
    side.answer(_poll_with_job(side))
    return sending.report(_newest(side), "STARTED")


def _newest(side: Side) -> str:
    ulid: str = json.loads(side.answer(_get(f"/api/jobs?site={SITE}&limit=1")))["jobs"][0]["ulid"]
    return ulid


def _recent(side: Side) -> bytes:
    """The jobs of the last hour."""
    body = json.dumps({"site": SITE, "timeRange": 3_600_000}).encode()
    return build_request("/getrecentjobs", body)


def _path(path: str) -> Callable[[Side], bytes]:
    return lambda _side: _get(path)


def _live(side: Side) -> bytes:
    seq = json.loads(side.answer(_get("/api/changes")))["seq"]
    return _get(f"/api/changes?since={seq - 10}")


def _filters() -> Iterator[tuple[str, str, Callable[[Side], bytes]]]:
    now_ms = int(time.time() * 1000)
    hour_ms, years_ms = now_ms - 3_600_000, now_ms - 3 * 365 * 86_400_000
    first = (
        f"since_ms={hour_ms}",
        f"site={SITE}",
        "site=nowhere",
        f"since_ms={now_ms + 86_400_000}",
        f"until_ms={years_ms}",
        "phase=picked_up",
        "phase=running",
        *(f"{name}=nothing" for name in ("status", "device", "action", "user", "text")),
        *(f"{name}={OLDEST}" for name in ("status", "device", "action", "user", "text")),
        f"site={SITE}&text=nothing",
        "site=nowhere&text=nothing",
        f"since_ms={hour_ms}&text=nothing",
    )
    yield "/api/jobs", "", _path("/api/jobs")
    for query in first:
        yield f"/api/jobs?{_short(query)}", "", _path(f"/api/jobs?{query}")
    yield "/api/jobs?before=NEWEST", FLAT, lambda side: _get(f"/api/jobs?before={_newest(side)}")
    yield "/api/jobs?before=OLDEST", FLAT, _path("/api/jobs?before=" + "0" * 26)


def _short(query: str) -> str:
    return "&".join(part.replace("=1", "=…1", 1)[:20] if "_ms" in part else part for part in query.split("&"))


_NIGHT = f"site={NIGHT_SITE}&date={night_date(int(time.time() * 1000))}"
# (what, goal, the request for a side)
REQUESTS: list[tuple[str, str, Callable[[Side], bytes]]] = [
    ("empty poll", FLAT, lambda _side: sending.poll()),
    ("newjob", FLAT, _new_job),
    ("poll with a job", FLAT, _poll_with_job),
    ("updatejobstatus", FLAT, _report),
    ("getrecentjobs of an hour", FLAT, _recent),
    ("/api/now", "", _path("/api/now")),
    ("/metrics", "", _path("/metrics")),
    *_filters(),
    ("/api/changes", FLAT, _path("/api/changes")),
    ("/api/changes?last=50", FLAT, _path("/api/changes?last=50")),
    ("/api/changes, live", FLAT, _live),
    ("/api/changes, cursor far back", FLAT, _path("/api/changes?since=0")),
    ("/api/changes of a rare site, cursor far back", FLAT, _path(f"/api/changes?since=0&site={NIGHT_SITE}")),
    ("/api/changes of no site, cursor far back", FLAT, _path("/api/changes?since=0&site=nowhere")),
    ("night log of 100,000 / 1,000 jobs, page", "", _path(f"/night?{_NIGHT}")),
    ("night log of 100,000 / 1,000 jobs, JSON", "", _path(f"/api/night?{_NIGHT}")),
    ("night log of another site", FLAT, _path(f"/night?site={SITE}")),
    ("weeks of a site", FLAT, _path(f"/weeks?site={SITE}")),
]
