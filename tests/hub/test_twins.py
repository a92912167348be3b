"""Twins: one story on both engines, with one clock; every answer and every table must be equal.

The requests go through the whole application, without a socket between. Times, ids and secrets come from one clock, so
that answers are compared byte by byte.
"""

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from prjobs.base.clock import Clock
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.jobs import handouts, proofs
from prjobs.opening import close_appliance, open_appliance
from prjobs.upkeep.chores import Chores
from prjobs.web import contract
from prjobs.web.app import build_app
from tests import stores
from tests.clocks import ManualClock
from tests.lengths import TIMES
from tests.postgres import driver, shared_server
from tests.verbs import make_token

driver()

SITES = ("saf", "mrc1", "SAF")
USERS = ("auth0|alice", "auth0|bob", "ann")
ACTIONS = (
    ("mount", "go"),
    ("mount", "park"),
    ("mount", "stop"),
    ("camera", "expose"),
    ("enclosure", "open"),
    ("enclosure", "close"),
    ("all", "stop"),
    ("all", "cancel_all_commands"),
    ("obs", "configure_sun_safety"),
)
STATUSES = ("UNREAD", "RECEIVED", "STARTED", "EXPOSING", "COMPLETE", "FAILED", "FAILED: guide star lost at 12 px")
SET = {"reservations": "local", "keep_days": 30, "groups": [], "site_zones": ["saf=America/Denver"]}
# Every table, but for the engines' own.
TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_migration'"
)


class TwinClock(Clock):
    """The hands of one clock for both appliances, and for each a source of secrets that gives the same."""

    def __init__(self, hands: ManualClock) -> None:
        self._hands, self._chance = hands, random.Random(1)

    def now_ms(self) -> int:
        return self._hands.now_ms()

    def elapsed_s(self) -> float:
        return self._hands.elapsed_s()

    def random_bytes(self, count: int) -> bytes:
        return self._chance.randbytes(count)

    def random_text(self) -> str:
        return self._chance.randbytes(32).hex()


class Twin:
    """An appliance with its application."""

    def __init__(self, folder: Path, url: str, hands: ManualClock) -> None:
        self.folder, self.clock = Folder(folder), TwinClock(hands)
        self.folder.create()
        self.settings = Settings(store_url=url, **SET)
        self.open()

    def open(self) -> None:
        self.appliance, self.start = open_appliance(self.folder, self.settings, self.clock)
        self.app = build_app(self.appliance)
        made = Chores(self.appliance, self.folder).chores
        # Those of the file are SQLite's alone.
        self.chores = [chore for chore in made if self.settings.store_url or chore.name not in OF_FILE]

    def close(self) -> None:
        close_appliance(self.appliance, self.folder)

    def ask(self, method: str, path: str, body: object = None, token: str = "", port: int = 5000) -> tuple[Any, ...]:
        """Return the status, the headers and the body of an answer."""
        sent = b"" if body is None else json.dumps(body).encode()
        path, _, query = path.partition("?")
        said: list[Any] = []
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8642",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost:8642",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_HOST": "127.0.0.1",
            "REMOTE_PORT": str(port),
            "CONTENT_LENGTH": str(len(sent)),
            "CONTENT_TYPE": "application/json",
            "wsgi.input": io.BytesIO(sent),
            "wsgi.url_scheme": "http",
            "wsgi.file_wrapper": lambda file: [file.read()],
            "waitress.client_disconnected": lambda: False,
            **({"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}),
        }
        answer = b"".join(self.app(environ, lambda status, headers: said.extend((status, headers))))
        return (*said, answer)

    def tick(self) -> None:
        """Do every chore once, and what was posted."""
        for chore in self.chores:
            chore.once()
        self.settle()

    def settled(self, act: Any) -> Any:
        """Return what the act returns, once what the act posted is done too: the clock stands still until then."""
        done = act(self)
        self.settle()
        return done

    def settle(self) -> None:
        """Wait for what was posted before."""
        self.appliance.queue.database.write(lambda transaction: None)

    def tables(self) -> dict[str, list[Any]]:
        self.settle()
        fetch = self.appliance.queue.database.fetch
        found = {name: sorted(fetch(f'SELECT * FROM "{name}"'), key=repr) for name in NAMES}
        # A hub alone keeps a mark of the secret, which all its processes share.
        found["fact"] = [row for row in found["fact"] if row[0] != "secret"]
        return found


OF_FILE = {"ballast", "file", "disk", "file check", "backup", "backup copy", "upgrade"}
NAMES: list[str] = []


class Twins:
    """The story: each step is told to both."""

    def __init__(self, folder: Path, url: str) -> None:
        self.hands = ManualClock()
        self.both = [Twin(folder / "file", "", self.hands), Twin(folder / "hub", url, self.hands)]
        if not NAMES:
            NAMES.extend(name for (name,) in self.both[0].appliance.queue.database.fetch(TABLES))
        self.ulids: list[str] = []
        self.tokens = [self.each(lambda twin, role=role: make_token(twin.appliance, *role, days=365)) for role in ROLES]
        self.made: dict[str, list[Any]] = {"lock": [], "reservation": [], "note": [], "token": []}

    def each(self, act: Any) -> Any:
        """Let both act; return the answer, which is that of both."""
        file, hub = (twin.settled(act) for twin in self.both)
        if file != hub:
            pytest.fail(f"SQLite and PostgreSQL differ: {_difference(file, hub)}")
        return file

    def ask(self, *asked: Any, **named: Any) -> Any:
        status, _, body = self.each(lambda twin: twin.ask(*asked, **named))
        return json.loads(body) if status.startswith("200") and body[:1] in (b"{", b"[") else None

    def compare(self) -> str:
        """Ask for every page; return the first difference of the tables, empty for none."""
        for path in PAGES:
            self.each(lambda twin, path=path: twin.ask("GET", path, token=self.tokens[0]))
        file, hub = (twin.tables() for twin in self.both)
        return "" if file == hub else _difference(file, hub)

    def close(self) -> None:
        for twin in self.both:
            twin.close()


def _difference(file: Any, hub: Any, where: str = "") -> str:
    """Return the first difference, with the way to the place."""
    if isinstance(file, bytes) and isinstance(hub, bytes) and file[:1] in (b"{", b"["):
        file, hub = json.loads(file), json.loads(hub)
    if isinstance(file, dict) and isinstance(hub, dict) and file.keys() == hub.keys():
        name = next(name for name in file if file[name] != hub[name])
        return _difference(file[name], hub[name], f"{where}.{name}")
    if isinstance(file, list | tuple) and isinstance(hub, list | tuple) and len(file) == len(hub):
        at = next(at for at, (one, other) in enumerate(zip(file, hub, strict=True)) if one != other)
        return _difference(file[at], hub[at], f"{where}[{at}]")
    if isinstance(file, bytes | str) and type(file) is type(hub):
        same = next((at for at, (one, other) in enumerate(zip(file, hub, strict=False)) if one != other), 0)
        file, hub = (text[max(same - 80, 0) : same + 80] for text in (file, hub))
    return f"{where}: {file!r} and {hub!r}"


ROLES = (("staff", "admin"), ("auth0|alice",), ("auth0|bob",))
PAGES = (
    "/api/now",
    "/api/jobs?limit=100",
    "/api/jobs?site=saf&text=MOUNT",
    "/api/jobs?status=CANCELLED",
    "/api/changes?since=0",
    "/api/tokens",
    "/api/lock",
    "/api/reservations",
    "/api/notes?site=saf",
    "/api/night?site=saf",
    "/night?site=saf",
    "/api/weeks?site=saf",
    "/weeks.csv",
    "/api/sites",
    "/healthz",
)


# ---- the steps of a story

sites, users = st.sampled_from(SITES), st.sampled_from((0, 1, 2))
index = st.integers(0, 99)
maybe = st.none() | st.just("p1") | st.sampled_from(("p2", "p3"))
ports = st.sampled_from((5000, 5001))


def newjob(twins: Twins, site: str, what: tuple[str, str], user: int, key: bool) -> None:
    device, action = what
    names = {0: ("staff", "Staff"), 1: ("auth0|alice", "Alice Ä."), 2: ("auth0|bob", "Bob \N{TELESCOPE}")}[user]
    body = {"site": site, "device": device, "instance": f"{device}1", "action": action}
    body |= {"user_id": names[0], "user_name": names[1], "required_params": {"mode": "off"}, "optional_params": {}}
    if key:
        body["idempotency_key"] = f"key{len(twins.ulids) // 3}"
    if made := twins.ask("POST", "/newjob", body, twins.tokens[user]):
        twins.ulids.append(made["ulid"])


def poll(twins: Twins, site: str, port: int, poll_id: str | None, lease: int | None, device: str | None) -> None:
    body = {"site": site, "poll_id": poll_id, "lease": lease, "device": device}
    body = {name: value for name, value in body.items() if value is not None}
    twins.ask("POST", "/getnewjobs", body, "", port)


def poll_alternate(twins: Twins, site: str) -> None:
    twins.ask("POST", "/getnewjobs", {"site": site, "getAlternateQueue": True}, "", 6000)


def report(twins: Twins, number: int, status: str, seconds: int, alternate: bool) -> None:
    if twins.ulids:
        body = {"site": "saf", "ulid": twins.ulids[number % len(twins.ulids)], "newStatus": status}
        body |= {"secondsUntilComplete": seconds, "alternateQueue": alternate}
        for site in SITES:
            twins.ask("POST", "/updatejobstatus", {**body, "site": site}, "", 5000)


def connection_ends(twins: Twins, port: int) -> None:
    twins.each(lambda twin: proofs.connection_ended(twin.appliance.queue, f"127.0.0.1:{port}"))


def job(twins: Twins, number: int, act: str, user: int) -> None:
    if twins.ulids:
        ulid = twins.ulids[number % len(twins.ulids)]
        twins.ask("POST", f"/api/jobs/{ulid}/{act}", {"reason": "clouds"}, twins.tokens[user])
        twins.ask("GET", f"/api/jobs/{ulid}", None, twins.tokens[user])


def recent(twins: Twins, site: str) -> None:
    twins.ask("POST", "/getrecentjobs", {"site": site, "timeRange": 86_400_000}, "", 5000)


def make(twins: Twins, kind: str, site: str, user: int, minutes: int) -> None:
    now_ms, token = twins.hands.now_ms(), twins.tokens[user]
    end_ms = now_ms + minutes * 60_000
    if kind == "lock":
        body: dict[str, Any] = {"site": site, "reason": "in the dome", "until_ms": end_ms, "stop": minutes == 10}
    elif kind == "reservation":
        body = {"site": site, "creator_id": "auth0|bob", "start_ms": now_ms, "end_ms": end_ms, "title": "M 31"}
    elif kind == "note":
        body = {"site": site, "text": "clouds after three"}
    else:
        body = {"user_id": "auth0|carol", "days": minutes}
    if made := twins.ask("POST", f"/api/{kind}" + ("" if kind == "lock" else "s"), body, token):
        twins.made[kind].append(next(value for name, value in _flat(made) if name in ("id", "token_id")))


def _flat(made: Any) -> Any:
    for name, value in made.items():
        if isinstance(value, dict):
            yield from _flat(value)
        yield name, value


def end(twins: Twins, kind: str, number: int, user: int) -> None:
    if known := twins.made[kind]:
        one, token = known[number % len(known)], twins.tokens[user]
        if kind == "note":
            twins.ask("POST", f"/api/notes/{one}/strike", {}, token)
        else:
            body = {} if kind == "lock" else None
            twins.ask("DELETE", f"/api/{kind}" + ("" if kind == "lock" else "s") + f"/{one}", body, token)


def make_safe(twins: Twins, site: str, user: int) -> None:
    twins.ask("POST", "/api/make_safe", {"site": site}, twins.tokens[user])


def acknowledge(twins: Twins, method: str) -> None:
    keys = twins.each(lambda twin: [alarm.key for alarm in twin.appliance.board.alarms.raised()])
    twins.ask(method, "/api/alarms/ack", {"keys": keys[:2]}, twins.tokens[0])


def time_passes(twins: Twins, seconds: int, steps: int) -> None:
    twins.hands.advance(seconds)
    for _ in range(steps):
        twins.hands.advance(1)
        twins.each(lambda twin: twin.tick())


def clock_steps(twins: Twins, seconds: int) -> None:
    twins.hands.step(seconds)


def restart(twins: Twins, is_clean: bool) -> None:
    for twin in twins.both:
        twin.close() if is_clean else twin.appliance.queue.database.close()
        twin.open()
    twins.each(lambda twin: twin.start)


STEP = st.one_of(
    st.tuples(st.just(newjob), sites, st.sampled_from(ACTIONS), users, st.booleans()),
    st.tuples(st.just(newjob), st.just("saf"), st.sampled_from(ACTIONS[:2]), users, st.booleans()),
    st.tuples(
        st.just(poll),
        sites,
        ports,
        maybe,
        st.none() | st.sampled_from((5, 30)),
        st.none() | st.sampled_from(("mount", "all")),
    ),
    st.tuples(st.just(poll), st.just("saf"), ports, maybe, st.none(), st.none()),
    st.tuples(st.just(poll_alternate), sites),
    st.tuples(st.just(report), index, st.sampled_from(STATUSES), st.sampled_from((-1, 0, 60)), st.booleans()),
    st.tuples(st.just(connection_ends), ports),
    st.tuples(st.just(job), index, st.sampled_from(("cancel", "close", "again")), users),
    st.tuples(st.just(recent), sites),
    st.tuples(
        st.just(make),
        st.sampled_from(("lock", "reservation", "note", "token")),
        sites,
        users,
        st.sampled_from((1, 10, 600)),
    ),
    st.tuples(st.just(end), st.sampled_from(("lock", "reservation", "note", "token")), index, users),
    st.tuples(st.just(make_safe), sites, users),
    st.tuples(st.just(acknowledge), st.sampled_from(("POST", "DELETE"))),
    st.tuples(st.just(time_passes), st.sampled_from((0, 5, 20, 700, 90_000)), st.sampled_from((1, 3))),
    st.tuples(st.just(clock_steps), st.sampled_from((-3600, 7200))),
    st.tuples(st.just(restart), st.booleans()),
)


@pytest.fixture(scope="module")
def database():
    """A database for the stories, emptied between them."""
    server = shared_server()
    with server.database() as url:
        yield url


@pytest.fixture
def tell(database, tmp_path, monkeypatch):
    """Tell one story to both, from the beginning; return the first difference of the tables, empty for none."""
    monkeypatch.setattr(handouts, "TAKE_PATIENCE_S", 30.0)
    monkeypatch.setattr(contract, "READ_S", 30.0)
    numbers = iter(range(10**9))

    def tell(steps):
        twins = Twins(tmp_path / str(next(numbers)), database)
        try:
            for act, *parts in steps:
                act(twins, *parts)
            twins.each(lambda twin: twin.tick())
            return twins.compare()
        finally:
            twins.close()
            stores.empty(database)

    return tell


# A story that fails is not made shorter: that takes minutes.
PHASES = (Phase.explicit, Phase.generate)
stories = st.lists(STEP, min_size=20, max_size=60)


@pytest.mark.slow
@settings(max_examples=5, phases=PHASES)
@given(steps=stories)
def test_a_story_has_the_same_answers_and_tables_on_both_engines(tell, steps):
    assert tell(steps) == ""


@pytest.mark.long(about_s=30)
@settings(max_examples=25 * TIMES, phases=PHASES)
@given(steps=stories)
def test_many_stories_have_the_same_answers_and_tables_on_both_engines(tell, steps):
    assert tell(steps) == ""
