"""Memory follows the store: a verb that is refused, or whose commit fails, leaves everything in memory as it was."""

import dataclasses
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from prjobs.access import login, reserving, tokens
from prjobs.access.audit import NEWJOB, OPERATOR, Act
from prjobs.access.reservations import Event, NewReservation
from prjobs.access.tokens import NewToken
from prjobs.base.clock import Clock
from prjobs.base.deadlines import Deadlines
from prjobs.base.errors import BadRequest, Unavailable
from prjobs.base.failpoints import Failpoints
from prjobs.base.settings import Settings
from prjobs.base.ulids import Ulids
from prjobs.cloud import copies, importing, switched_off, tables
from prjobs.cloud.comparison import Rules
from prjobs.cloud.wire import Page, read_listing
from prjobs.jobs import expiry, handouts, leases, proofs, reports, submission, withdrawals
from prjobs.jobs.queue import Sweep
from prjobs.jobs.requests import Command, StatusUpdate
from prjobs.jobs.saved_polls import save_polls
from prjobs.jobs.waiters import Waiters
from prjobs.monitor import alarms
from prjobs.monitor.board import Alarm
from prjobs.opening import close_appliance
from prjobs.store.database import Database
from prjobs.store.writer import Writer
from prjobs.upkeep import retention
from tests.slow import slow_down
from tests.stores import open_appliance
from tests.verbs import USER, poll, take

PEER = "127.0.0.1:5000"
CANCEL_ALL = {"device": "all", "action": "cancel_all_commands"}
# Never compared: the store itself, the clock, settings, ids (one that was drawn is never given again), the time of the
# next look for expired jobs (a failed look is followed by another one), machinery.
LOCKS = (type(threading.Lock()), type(threading.RLock()))
SKIPPED = (Database, Clock, Settings, Ulids, Failpoints, Waiters, Path, threading.Event, Sweep, *LOCKS)


def memory(value: Any, seen: set[int] | None = None) -> Any:
    """Everything that is reachable from the value, as something to compare."""
    seen = set() if seen is None else seen
    if isinstance(value, SKIPPED) or callable(value):
        return None
    if value is None or isinstance(value, str | bytes | int | float):
        return value
    if isinstance(value, Deadlines):
        # Which deadlines were told already is no promise: after a failed step the expiry looks at all jobs.
        return {str(key): value._at_s[key] for key in value}
    if id(value) in seen:
        return "seen"
    seen = seen | {id(value)}
    if isinstance(value, dict | OrderedDict):
        return {str(key): memory(item, seen) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | deque):
        items = [memory(item, seen) for item in value]
        return sorted(map(repr, items)) if isinstance(value, set | frozenset) else items
    if isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    names = getattr(value, "__slots__", None) or vars(value)
    return {name: memory(getattr(value, name), seen) for name in names}


class World:
    """An appliance in which every verb has something to do."""

    def __init__(self, appliance, folder, clock, submit):
        self.appliance, self.folder, self.clock = appliance, folder, clock
        self.desk, self.queue, self.board, self.cloud = (
            getattr(appliance, field.name) for field in dataclasses.fields(appliance)
        )
        self.submit = submit
        database = self.queue.database
        self.stale = submit(device="mount", action="go")
        self.clock.advance(700)
        self.waiting, self.picked_up, self.leased = submit(), submit(device="camera"), submit(device="focuser")
        self.named = submit(device="rotator")
        take(appliance, PEER, device="camera")
        take(appliance, PEER, device="focuser", lease_s=30)
        take(appliance, PEER, device="rotator", poll_id="a")
        self.damaged = submit(device="dome")
        database.write(lambda t: t.execute("UPDATE job SET action = 'open' WHERE seq = ?", (self.damaged.seq,)))
        window = NewReservation("saf", "b", clock.now_ms(), clock.now_ms() + 60_000)
        self.reservation = reserving.add_reservation(self.desk, window, OPERATOR)
        self.token = tokens.create_token(self.desk, NewToken("ann"), OPERATOR)[1]
        self.key = login.create_login_key(self.desk)
        database.write(tables.begin_site, "saf", 0)
        self.board.alarms.add(
            Alarm(key="k", kind="stop", site="saf", ulid="", sentence="Look.", since_ms=1, raised_ms=clock.now_ms())
        )
        proofs.note_poll(self.queue, poll(), PEER)
        self.forwarded = database.write(
            submission.insert_job, self.queue, self.command(), Act(USER, NEWJOB), "FORWARDING"
        )
        database.write(lambda _: None)

    def command(self, action="go"):
        return Command("saf", "mount", "m", action, "u", "U", "[]", "{}", "{}", {})

    def page(self):
        ulid = self.queue.ulids.next()[0]
        record = {"site": "saf", "ulid": ulid, "statusId": f"UNREAD#{ulid}", "replicaStatusId": f"UNREAD#{ulid}"}
        record |= {"deviceType": "mount", "deviceInstance": "m", "action": "go", "user_id": "u", "user_name": "U"}
        record |= {"required_params": {}, "optional_params": {}, "timestamp_ms": self.clock.now_ms()}
        listing = read_listing(msgspec.json.encode([record]), "saf", self.clock.now_ms())
        return Page(site="saf", listing=listing, start_ms=0, mark_ms=self.clock.now_ms(), offset_ms=0, is_last=True)


RULES = Rules(True, 3, lambda _: True, lambda *_: False)

VERBS: dict[str, Callable[[World], object]] = {
    "submit": lambda w: w.submit(),
    "submit for a new site": lambda w: w.submit(site="new"),
    "cancel_all": lambda w: w.submit(**CANCEL_ALL),
    "poll": lambda w: handouts.take_jobs(w.queue, poll(), PEER, None),
    "poll with a lease": lambda w: handouts.take_jobs(w.queue, poll(lease_s=60), PEER, None),
    "poll with a poll_id": lambda w: handouts.take_jobs(w.queue, poll(poll_id="b"), PEER, None),
    "repeated poll": lambda w: handouts.take_jobs(w.queue, poll(poll_id="a", lease_s=9, device="rotator"), PEER, None),
    "report": lambda w: reports.update_status(w.queue, update(w.leased, "COMPLETE"), "tests"),
    "renewing report": lambda w: reports.update_status(w.queue, update(w.leased, "RECEIVED"), "tests"),
    "cancel": lambda w: withdrawals.cancel_job(w.queue, w.waiting.ulid, USER),
    "close": lambda w: withdrawals.close_job(w.queue, w.leased.ulid, USER, "it hangs"),
    "expire": lambda w: expiry.expire_once(w.queue),
    "return leases": lambda w: (w.clock.advance(40), leases.return_once(w.queue)),
    "save alarms": lambda w: alarms.save(w.board),
    "save polls": lambda w: save_polls(w.queue, w.folder),
    "reserve": lambda w: reserving.add_reservation(w.desk, w_reservation(w), OPERATOR),
    "remove a reservation": lambda w: reserving.remove_reservation(w.desk, w.reservation.id, OPERATOR),
    "calendar": lambda w: reserving.replace_calendar(w.desk, "saf", [Event("e", 1, 2, "u", "U", "")], 1),
    "make a token": lambda w: tokens.create_token(w.desk, NewToken("bob"), OPERATOR),
    "revoke a token": lambda w: tokens.revoke_token(w.desk, w.token.id, OPERATOR),
    "make a login key": lambda w: login.create_login_key(w.desk),
    "use a login key": lambda w: login.use_login_key(w.desk, w.key),
    "page of the cloud": lambda w: w.queue.database.write(
        importing.store_page, w.queue, page := w.page(), page.listing.sightings, RULES
    ),
    "switch the link off": lambda w: switched_off.hold_and_give_back(w.cloud),
    "give back": lambda w: copies.give_back(w.queue, w.forwarded.ulid),
    "prune": lambda w: w.queue.database.write(retention._prune, w.queue, [w.stale.seq], w.clock.now_ms() + 1, []),
}


def update(job, word):
    return StatusUpdate(job.site, job.ulid, word, -1, False)


def w_reservation(world):
    return NewReservation("saf", "c", world.clock.now_ms(), world.clock.now_ms() + 1000)


@pytest.fixture
def disk(monkeypatch):
    return slow_down(monkeypatch)


@pytest.fixture
def appliance(disk, folder, clock, patient):
    opened, _ = open_appliance(folder, Settings(reservations="calendar", redeliver="once"), clock)
    yield opened
    disk.full = 0
    close_appliance(opened, folder)


@pytest.fixture
def world(appliance, folder, clock, submit):
    return World(appliance, folder, clock, submit)


@pytest.mark.parametrize("name", VERBS)
def test_a_commit_that_fails_changes_nothing_in_memory(world, disk, name):
    before, commits, disk.full = memory(world.appliance), disk.commits, 99
    with suppress(Unavailable):
        VERBS[name](world)
    assert disk.commits > commits, "the verb wrote nothing: this test shows nothing"
    assert memory(world.appliance) == before


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_that_is_refused_changes_nothing_in_memory(world, monkeypatch, name):
    before, real, refused = memory(world.appliance), Writer.write, []

    def refusing(writer, verb, arguments, **named):
        def refuse(transaction, *given):
            verb(transaction, *given)
            refused.append(verb)
            raise BadRequest("The last statement refuses it.")

        return real(writer, refuse, arguments, **named)

    with monkeypatch.context() as patched, suppress(BadRequest):
        patched.setattr(Writer, "write", refusing)
        VERBS[name](world)
    assert refused and memory(world.appliance) == before


def test_the_comparison_sees_a_change(world):
    before = memory(world.appliance)
    world.submit(**CANCEL_ALL)
    assert memory(world.appliance) != before
    assert memory(world.queue.stops) != memory({})


def test_only_the_refused_request_of_a_batch_forgets_its_steps(appliance):
    done, busy, go = [], threading.Event(), threading.Event()

    def step(transaction, name, refuse):
        transaction.after_commit(done.append, name)
        transaction.tell(name)
        if refuse:
            raise BadRequest("No.")

    database = appliance.queue.database
    database.post(lambda _: (busy.set(), go.wait(10)))
    busy.wait(10)
    for name, refuse in (("a", False), ("b", True), ("c", False)):
        database.post(step, name, refuse)
    go.set()
    database.write(lambda _: None)
    assert done == ["a", "c"]


def test_a_step_that_fails_keeps_no_answer_back(appliance, submit, caplog):
    done = []

    def verb(transaction):
        transaction.after_commit(lambda: 1 / 0)
        transaction.after_commit(done.append, "next")
        return "written"

    assert appliance.queue.database.write(verb) == "written"
    assert done == ["next"] and "a step after a commit failed" in caplog.text
