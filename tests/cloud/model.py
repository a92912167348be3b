"""Discrete-event simulation: the product's own link and queue on a modelled cloud, network, clock and disk.

Nothing of the product is replaced but what was injected: the network, the clock, and a store that runs its verbs at
once instead of in a thread (same file, same SQL, no fsync) and can lose power at every commit.
"""

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prjobs import opening
from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.errors import Refused, Unavailable
from prjobs.base.failpoints import Failpoints
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.cloud.link import Link
from prjobs.cloud.network import AMBIGUOUS, UNSENT, Answer, Failure
from prjobs.cloud.timings import Timings
from prjobs.jobs import handouts, proofs, reports
from prjobs.jobs.requests import PollRequest, StatusUpdate
from prjobs.store.condition import Condition
from prjobs.store.database import Database
from prjobs.store.engine import Engine
from prjobs.store.numbers import KEYS
from prjobs.store.sqlite import SqliteEngine
from prjobs.store.transaction import Transaction
from tests import stores
from tests.cloud.cloud_model import FULL_BYTES, SITE, CloudModel
from tests.disks import folder_in_memory

START_MS = 1_700_000_000_000
DAY_MS = 86_400_000
NEVER_EXPIRE = {name: 0 for name in Settings.__struct_fields__ if name.startswith("expire_")}
# Pages of the model are small, so that walks happen; they are read without the long pauses of a real walk.
TIMINGS = Timings(full_page_bytes=FULL_BYTES, walk_pause_s=0.5, look_first_s=0.5, look_most_s=10.0)
FAULTS = (
    (0.03, "lost request"),
    (0.05, "late effect"),
    (0.10, "lost answer"),
    (0.12, "portal"),
    (0.14, "redirect"),
    (0.17, "5xx"),
    (0.19, "429"),
    (0.20, "cut off"),
    (0.21, "tls"),
)
CRASHES = (
    "inside the transaction",
    "after the commit",
    "before the request",
    "between answer and commit",
    "handout_after_commit",
    "import_before_commit",
    "push_after_answer",
    "request on its way",
)


class Crash(BaseException):
    """The power is cut."""


class ModelClock(Clock):
    """`true_ms` is the world's time; the wall clock of the appliance is off by `skew_ms`."""

    def __init__(self, chance: random.Random) -> None:
        self.true_ms = START_MS
        self.skew_ms = 0
        self._chance = chance

    def now_ms(self) -> int:
        return self.true_ms + self.skew_ms

    def elapsed_s(self) -> float:
        return self.true_ms / 1000

    def random_bytes(self, count: int) -> bytes:
        return self._chance.randbytes(count)


# The power is cut in the model only.
FAST = ("PRAGMA synchronous = off", "PRAGMA journal_mode = memory")


class ModelDatabase(Database):
    """The same store and the same verbs, run at once.

    `cut` is asked at every commit. `is_late` says of a write that can be taken back whether its caller gives up: the
    next write begins with taking it back.
    """

    def __init__(self, engine: Engine, cut: Callable[[str], None], is_late: Callable[[], bool]) -> None:
        self.engine = engine
        self.condition = Condition(engine)
        self._cut, self._is_late = cut, is_late
        self._undoing: list[Callable[[Transaction], object]] = []
        self.writes = 0
        self._connection = engine.connect()
        self._numbered = set(KEYS) if engine.numbers_rows else set()
        for sql in FAST if isinstance(engine, SqliteEngine) else ("SET synchronous_commit = off",):
            self._connection.execute(sql)

    def start(self, tell: Callable[[set[str]], None], **_: Any) -> None:
        self._tell = tell

    def hurry(self) -> None:
        """Nothing waits here."""

    def close(self) -> bool:
        if self._undoing:
            self.write(lambda _transaction: None)
        self._connection.close()
        self.engine.close()
        return True

    def fetch_kept(self, sql: str, parameters: Any = ()) -> list[Any]:
        return self.fetch(sql, parameters)

    def fetch(self, sql: str, parameters: Any = ()) -> list[Any]:
        return self._connection.fetch(sql, parameters)

    def write(self, verb: Callable[..., Any], *arguments: Any, undo: Any = None, **_: Any) -> Any:
        transaction = Transaction(self._connection, self._numbered)
        self.writes += 1
        self.engine.begin(self._connection)
        try:
            for take_back in self._undoing:
                take_back(transaction)
            result = verb(transaction, *arguments)
            self._cut("inside the transaction")
            self.engine.commit(self._connection)
        except BaseException:
            self.engine.roll_back(self._connection)
            raise
        self._undoing = []
        for step in transaction.take_steps():
            step()
        self._cut("after the commit")
        if undo and self._is_late():
            self._undoing = [lambda later: undo(later, result)]
            raise Unavailable("The disk did not confirm the request in time; it is taken back.")
        return result

    def post(self, verb: Callable[..., Any], *arguments: Any) -> None:
        self.write(verb, *arguments)


class ModelFailpoints(Failpoints):
    """The product's own named points, as places where the power may be cut."""

    def __init__(self, cut: Callable[[str], None]) -> None:
        self._cut = cut

    def passing(self, name: str) -> None:
        self._cut(name)


class LateEffect:
    """A request that arrives after its caller gave up."""

    def __init__(self, cloud: CloudModel, name: str, body: dict[str, Any]) -> None:
        self._cloud, self._name, self._body = cloud, name, body
        self.ulid = body["ulid"]

    def __call__(self) -> None:
        self._cloud.call(self._name, self._body)


class ModelNetwork:
    """The way to the cloud, which loses, delays, repeats and answers rubbish."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.calls = 0

    def call(self, name: str, body: Mapping[str, object], token: str | None = None) -> Answer:
        world = self._world
        self.calls += 1
        world.cut("before the request")
        if world.outage_until_ms > world.clock.true_ms:
            raise Failure(UNSENT, "unreachable")
        answer = self._answer(world.next_fault(), name, dict(body))
        world.cut("between answer and commit")
        return answer

    def _answer(self, fault: str | None, name: str, body: dict[str, Any]) -> Answer:
        cloud, chance = self._world.cloud, self._world.chance
        match fault:
            case "lost request":
                raise Failure(AMBIGUOUS, fault)
            case "tls":
                raise Failure(UNSENT, fault)
            case "late effect":
                if name == "updatejobstatus":
                    at_ms = self._world.clock.true_ms + chance.randrange(1000, 29_000)
                    cloud.late.append((at_ms, LateEffect(cloud, name, body)))
                    # The power may be cut while the request is on its way.
                    self._world.cut("request on its way")
                raise Failure(AMBIGUOUS, fault)
            case "portal":
                return cloud.answer(b"<html>Please accept our conditions</html>")
            case "redirect":
                return cloud.answer(b"", 302, location="http://portal.invalid/")
            case "5xx":
                return cloud.answer(b'{"message": "Internal server error"}', chance.choice((502, 503, 504)))
            case "429":
                return cloud.answer(b'{"message": "Too Many Requests"}', 429)
        answer = cloud.call(name, body)
        if fault == "lost answer":
            raise Failure(AMBIGUOUS, fault)
        if fault == "cut off":
            return answer._replace(body=answer.body[: len(answer.body) // 2])
        return answer


class World:
    """One site, its cloud, its appliance and its observatory. The same seed gives the same story."""

    def __init__(self, seed: int, timings: Timings = TIMINGS, mode: str = "primary", **settings: Any) -> None:
        self.chance = random.Random(seed)
        self.clock = ModelClock(random.Random(seed + 1))
        self._lateness = random.Random(seed + 2)
        self.cloud = CloudModel(lambda: self.clock.true_ms, self.chance)
        self.network: Any = ModelNetwork(self)
        self.timings = timings
        known = {"cloud_mode": mode, "cloud_sites": [SITE], "cloud_base_url": "http://model"}
        self.folder = Folder(Path(tempfile.mkdtemp(prefix="prjobs-model-", dir=folder_in_memory())))
        self.folder.create()
        self.settings = Settings(**{**NEVER_EXPIRE, **known, **settings})
        stores.make(self.folder.path, self.settings)
        self.faults: Counter[str] = Counter()
        self.faultiness, self.crash_chance = 1.0, 0.004
        self.outage_until_ms = 0
        self.crashes = 0
        self.starting = False
        self.down_until_ms = 0
        self.appliance: Appliance | None = None
        self.link: Link | None = None
        self.received: Counter[str] = Counter()
        self.running: list[list[Any]] = []
        self.poll_number, self.poll_id, self.port = 0, None, 5000
        self.counts: Counter[str] = Counter()
        self.readers_seen = 0
        self.observing = self.names_polls = True
        self.answers_lost, self.cancels = 0.01, 0.0012
        self.cancelled_before, self.ran_cancelled = "", set[str]()

    @property
    def settings(self) -> Settings:
        """The settings of the next start."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = stores.placed(self.folder.path, settings)

    # ---- faults

    def next_fault(self) -> str | None:
        """What happens to the next request."""
        if not self.faultiness:
            return None
        luck = self.chance.random() / self.faultiness
        name = next((name for below, name in FAULTS if luck < below), None)
        if name:
            self.faults[name] += 1
        return name

    def cut(self, where: str) -> None:
        """Perhaps cut the power here."""
        if self.faultiness and self.chance.random() < self.crash_chance:
            self.faults["crash: " + where] += 1
            raise Crash(where)

    def _is_late(self) -> bool:
        """Perhaps a poll gives up before its commit comes."""
        late = bool(self.faultiness) and self._lateness.random() < 0.01
        self.faults["poll gave up"] += late
        return late

    def _cut_unless_starting(self, where: str) -> None:
        if not self.starting:
            self.cut(where)

    # ---- the appliance

    def engine(self) -> Engine:
        """A new engine on the store."""
        return stores.engine(self.folder.path, self.settings)

    def start(self) -> Appliance | None:
        """Start it when it is down and its time has come."""
        if self.appliance is None and self.clock.true_ms >= self.down_until_ms:
            name = "_open_hub" if self.settings.store_url else "_open_store"
            original = getattr(opening, name)
            setattr(opening, name, lambda *_: ModelDatabase(self.engine(), self._cut_unless_starting, self._is_late))
            self.starting = True
            try:
                self.appliance, _ = opening.open_appliance(self.folder, self.settings, self.clock)
                object.__setattr__(self.appliance.queue, "failpoints", ModelFailpoints(self.cut))
                self.link = Link(self.appliance.cloud, self.network, self.timings)
            finally:
                setattr(opening, name, original)
                self.starting = False
        return self.appliance

    def guarded(self, act: Callable[[Appliance], Any]) -> Any:
        """Do something with the appliance; None while it is down, Crash when it dies over it."""
        appliance = self.start()
        if appliance is None:
            return None
        try:
            return act(appliance)
        except Crash:
            self.stop()
            self.crashes += 1
            pause_ms = self.chance.choice([1000, 5000, 30_000, 900_000 if self.chance.random() < 0.05 else 3000])
            self.down_until_ms = self.clock.true_ms + pause_ms
            return Crash

    def stop(self) -> None:
        """The process is gone; what was committed stays."""
        if self.appliance is not None:
            self.counts.update(self.appliance.cloud.memory.counts)
            self.readers_seen += self.appliance.cloud.memory.reader_ms > 0
            self.appliance.queue.database.close()
        self.appliance = self.link = None

    def close(self) -> None:
        """The end of the story."""
        self.stop()
        stores.give_back(self.folder.path)
        shutil.rmtree(self.folder.path)

    # ---- the observatory

    @property
    def peer(self) -> str:
        """Its end of the connection."""
        return f"127.0.0.1:{self.port}"

    def poll(self) -> None:
        """One poll; its poll_id is repeated until an answer came."""
        if self.poll_id is None and self.names_polls:
            self.poll_number += 1
            self.poll_id = f"poll-{self.poll_number}"
        poll = PollRequest(SITE, False, 0.0, self.poll_id, None, None, None)
        found = self.guarded(lambda appliance: _take(appliance, poll, self.peer))
        if found is None or found is Crash:
            self.port += 1
            return
        if found and self.faultiness and self.chance.random() < self.answers_lost:
            self.faults["the observatory lost the answer"] += 1
            self.guarded(lambda appliance: proofs.connection_ended(appliance.queue, self.peer))
            self.port += 1
            return
        self.poll_id = None
        # The ids of jobs of the site come from its own clock, which may be wrong.
        cancels = [row.ulid for row in found if row.action == "cancel_all_commands" and row.origin == "cloud"]
        self.cancelled_before = max([self.cancelled_before, *cancels])
        self.ran_cancelled |= {row.ulid for row in found if row.ulid < self.cancelled_before}
        for row in found:
            self.received[row.ulid] += 1
            if self.received[row.ulid] > 1 and row.ulid < self.cancelled_before:
                self.ran_cancelled.add(row.ulid)
            if self.received[row.ulid] == 1:
                # An observatory that remembers ids; one that does not would run it again.
                self.running.append([row.ulid, 0])

    def work(self) -> None:
        """Report on what runs; like the original it does not repeat a report that failed."""
        for run in self.running[:40]:
            if self.chance.random() < 0.5:
                continue
            word = ("STARTED", "EXPOSING", "COMPLETE")[run[1]]
            update = StatusUpdate(SITE, run[0], word, self.chance.choice([-1, 5, 60]), False)
            done = self.guarded(lambda appliance, update=update: _report(appliance, update, self.peer))
            if done is not None and (done is not Crash or self.chance.random() < 0.5):
                run[1] += 1
                if run[1] == 3:
                    self.running.remove(run)

    # ---- time

    def step(self, ms: int) -> None:
        """Some time passes and everybody does what is due."""
        self.clock.true_ms += ms
        self.cloud.settle()
        self.guarded(lambda _: self.link.once() if self.link else None)
        if self.observing:
            self.poll()
            self.work()

    def pass_time(self, seconds: int = 10) -> None:
        """The same, two seconds at a time."""
        for _ in range(seconds // 2):
            self.step(2000)

    def live(self, count: int) -> "World":
        """Users ask for `count` jobs while everything goes wrong, until most is done; then the faults end."""
        made, chance = 0, self.chance
        while made < count:
            if chance.random() < 0.6:
                for _ in range(min(chance.choice([1, 1, 1, 2, 5, 30]), count - made)):
                    self.cloud.newjob()
                    made += 1
                    self.clock.true_ms += chance.randrange(1, 400)
            if chance.random() < self.cancels:
                self.cloud.newjob("cancel_all_commands")
                made += 1
            if chance.random() < 0.002:
                self.outage_until_ms = self.clock.true_ms + chance.choice([60_000, 3_600_000, 3 * DAY_MS])
                self.faults["outage"] += 1
            if chance.random() < 0.005:
                self.clock.skew_ms = chance.choice([0, -3_600_000, DAY_MS, -400 * DAY_MS, 5000])
                self.faults["clock step"] += 1
            long = self.outage_until_ms > self.clock.true_ms and chance.random() < 0.2
            self.step(chance.choice([600_000, 7_200_000] if long else [500, 1000, 2000, 5000]))
        for _ in range(2 * count):
            if self._is_mostly_done():
                break
            long = self.outage_until_ms > self.clock.true_ms
            self.step(600_000 if long else chance.choice([500, 1000, 2000, 5000]))
        self.calm()
        return self

    def _is_mostly_done(self) -> bool:
        wanted = len(self.cloud.visible - self.cloud.deleted)
        few = wanted // 50 + 20
        return len(self.received) > wanted - few and self.link is not None and self.link.pusher.count < few

    def calm(self, steps: int = 6000) -> None:
        """No faults any more, until nothing is left to do."""
        self.faultiness = 0.0
        self.outage_until_ms = 0
        quiet = 0
        for _ in range(steps):
            self.step(2000)
            quiet = quiet + 1 if self.is_quiet() else 0
            if quiet > 400:
                return

    def is_quiet(self) -> bool:
        """Whether everything that was begun has ended."""
        busy = self.running or self.cloud.late or self.cloud.pending or self.appliance is None
        return not busy and self.link is not None and not self.link.pusher.count

    # ---- what became of it

    def report(self) -> dict[str, Any]:
        """Return counts; lost is a visible job without a stop after it, not received, and not shown as in doubt."""
        appliance = self.start()
        assert appliance is not None
        fetch = appliance.queue.database.fetch
        status = dict(fetch("SELECT ulid, status FROM job"))
        # The last answer with each job that nothing proved.
        doubted = dict(
            fetch(
                "SELECT j.ulid, max(h.id) FROM handout h JOIN change c ON c.handout_id = h.id "
                "JOIN job j ON j.seq = c.job_seq WHERE h.state <> 'CONFIRMED' GROUP BY j.ulid"
            )
        )
        # A stop that nothing proved is handed out once more.
        stops = {ulid for (ulid,) in fetch("SELECT ulid FROM job WHERE command_class = 'stop'")}
        expected = self.cloud.visible - self.cloud.deleted
        withdrawn = {ulid for ulid in expected if ulid < self.cloud.newest_stop and status.get(ulid) == "CANCELLED"}
        missing = {ulid for ulid in expected - withdrawn if not self.received[ulid]}
        records = self.cloud.records
        wrong = [
            ulid
            for ulid in expected
            if self.received[ulid] and "action" in records.get(ulid, {}) and self.cloud.status_of(ulid) != status[ulid]
        ]
        return {
            "jobs": len(self.cloud.visible),
            "faults": sum(self.faults.values()),
            "crashes": self.crashes,
            "calls": self.network.calls,
            "lost": len(missing - doubted.keys()),
            "twice": sum(1 for ulid, count in self.received.items() if count > (2 if ulid in stops else 1)),
            "wrong": len(wrong),
            "ran though cancelled": len(self.ran_cancelled),
            "unsent": self.link.pusher.count if self.link else -1,
            "unconfirmed": len(missing & doubted.keys()),
            "missed answers": len({doubted[ulid] for ulid in missing & doubted.keys()}),
            "cancelled": len(self.cloud.deleted),
            "ghosts": self.cloud.ghosts,
            "readers seen": self.readers_seen + (appliance.cloud.memory.reader_ms > 0),
            "counts": dict(self.counts + appliance.cloud.memory.counts),
        }


def _take(appliance: Appliance, poll: PollRequest, peer: str) -> list[Any] | None:
    proofs.heard(appliance.queue, peer)
    noted = handouts.begin_poll(appliance.queue, poll, peer)
    try:
        rows = handouts.take_jobs(appliance.queue, poll, peer, noted)
    except Unavailable:
        # Its answer is an empty list and 503; a program with poll_id asks again.
        return None
    return rows if handouts.may_leave(appliance.queue, poll, noted) else None


def _report(appliance: Appliance, update: StatusUpdate, peer: str) -> bool:
    proofs.heard(appliance.queue, peer)
    try:
        reports.update_status(appliance.queue, update, peer)
    except Refused:
        return False
    return True


def run_world(count: int, seed: int, timings: Timings = TIMINGS, faultiness: float = 1.0) -> dict[str, Any]:
    """One run from beginning to end."""
    world = World(seed, timings)
    world.faultiness = faultiness
    try:
        return world.live(count).report()
    finally:
        world.close()


def run_plain_world(count: int, seed: int, redeliver: str) -> dict[str, Any]:
    """The same with an observatory that sends no poll_id but remembers ids."""
    world = World(seed, redeliver=redeliver)
    world.names_polls, world.answers_lost, world.cancels = False, 0.2, 0.01
    try:
        return world.live(count).report()
    finally:
        world.close()


if __name__ == "__main__":
    import json
    import sys

    print(json.dumps(run_world(int(sys.argv[1]), int(sys.argv[2]))))
