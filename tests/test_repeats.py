"""Stops, closings and parkings above the pace: none is refused, none is lost, and the store stays small."""

import itertools
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import pytest
import requests

from prjobs.access.audit import NEWJOB, Act
from prjobs.appliance import Appliance
from prjobs.jobs import leases, proofs, repeats, stops
from prjobs.jobs.lookup import find_job
from prjobs.jobs.requests import Command
from prjobs.jobs.submission import insert_job, submit_job
from prjobs.jobs.surplus import Surplus
from prjobs.monitor.alarms import list_alarms
from prjobs.monitor.watching import Watch
from prjobs.server import Server
from prjobs.store.models import JobRow
from tests import stores
from tests.clocks import ManualClock
from tests.lengths import TIMES
from tests.verbs import USER, make_token, take

JOB = {
    "site": "saf",
    "device": "mount",
    "instance": "mount1",
    "action": "go",
    "user_name": "Alice A.",
    "user_id": "auth0|alice",
    "required_params": {},
    "optional_params": {},
}
Send = Callable[..., JobRow]


def command(**parts: str) -> Command:
    texts = {"user_name": "", "user_roles": "[]", "required_params": "{}", "optional_params": "{}", **parts}
    names = {"site": "saf", "device": "mount", "instance": "m1", "action": "stop", "user_id": "auth0|alice"}
    return Command(**(names | texts), values={})


@pytest.fixture
def send(appliance: Appliance) -> Send:
    """Send a command above the pace."""
    take(appliance)

    def send(**parts: str) -> JobRow:
        return submit_job(appliance.queue, replace(command(**parts), is_repeat=True), USER)

    return send


@pytest.mark.parametrize("action", ["stop", "park"])
def test_a_waiting_command_stands_for_its_repeat(appliance: Appliance, submit: Send, send: Send, action: str) -> None:
    first = submit(action=action, instance="m1")
    assert {send(action=action).ulid for _ in range(5)} == {first.ulid}
    assert [row.ulid for row in take(appliance)] == [first.ulid]
    assert send(action=action).ulid != first.ulid


def test_a_stop_that_stands_withdraws_what_came_since(
    appliance: Appliance, submit: Send, send: Send, clock: ManualClock
) -> None:
    """However old it is, nothing from before the repeat runs after it."""
    first = submit(action="stop")
    clock.advance(3600)
    other, park = submit(), submit(action="park")
    assert send().ulid == first.ulid
    assert find_job(appliance.queue.database, other.ulid).status == "CANCELLED"
    assert appliance.queue.stops["saf"] == (first.seq, clock.elapsed)
    assert [row.ulid for row in take(appliance)] == [first.ulid]
    clock.advance(5)
    assert [row.ulid for row in take(appliance)] == [park.ulid]


def test_a_stop_that_expires_stands_for_a_moment_only(
    make_appliance: Callable[..., Appliance], clock: ManualClock
) -> None:
    appliance = make_appliance(expire_stop_s=600)
    take(appliance)
    first, again = submit_job(appliance.queue, command(), USER), replace(command(), is_repeat=True)
    assert submit_job(appliance.queue, again, USER).ulid == first.ulid
    clock.advance(300)
    assert submit_job(appliance.queue, again, USER).ulid != first.ulid


def test_a_park_after_another_job_is_a_new_one(appliance: Appliance, submit: Send, send: Send) -> None:
    """Otherwise that job would move the telescope out of its park position."""
    first = submit(action="park", instance="m1")
    other = submit()
    again = send(action="park")
    assert again.ulid != first.ulid
    assert [row.ulid for row in take(appliance)] == [first.ulid, other.ulid, again.ulid]


def test_an_older_park_stands_for_none(submit: Send, send: Send, clock: ManualClock) -> None:
    """A job of the cloud may have been sent in between, and arrive later."""
    first = submit(action="park", instance="m1")
    clock.advance(repeats.YOUNG_MS / 1000)
    assert send(action="park").ulid != first.ulid


def test_a_stop_that_came_back_from_an_answer_in_doubt_stands_for_none(
    appliance: Appliance, submit: Send, send: Send
) -> None:
    first = submit(action="stop")
    take(appliance, "127.0.0.1:1")
    proofs.connection_ended(appliance.queue, "127.0.0.1:1")
    appliance.queue.database.write(lambda _: None)  # waits for the verb of the line above
    assert find_job(appliance.queue.database, first.ulid).status == "UNREAD"
    assert send().ulid != first.ulid


def test_a_stop_of_somebody_else_stands_for_none_that_the_sender_may_still_take_back(submit: Send, send: Send) -> None:
    other = submit(action="stop", user_id="auth0|bob")
    own = send()
    assert own.ulid != other.ulid
    newer = submit(action="stop", user_id="auth0|bob")
    # The own stop gave way to the newer one, which cannot be cancelled any more.
    assert send().ulid == newer.ulid


def test_a_narrow_stop_does_not_stand_for_a_wide_one(make_appliance: Callable[..., Appliance]) -> None:
    appliance = make_appliance(stop_scope="cancel_all")
    take(appliance)
    narrow = submit_job(appliance.queue, command(), USER)
    wide = submit_job(appliance.queue, replace(command(action="cancel_all_commands"), is_repeat=True), USER)
    assert wide.ulid != narrow.ulid
    assert submit_job(appliance.queue, replace(command(), is_repeat=True), USER).ulid == wide.ulid


def stored(appliance: Appliance, table: str = "job") -> int:
    return appliance.queue.database.fetch(f"SELECT count(*) FROM {table}")[0][0]


def test_of_other_names_all_that_wait_stay(appliance: Appliance, send: Send) -> None:
    """A name that looks invented may be a telescope whose program starts later."""
    many = Surplus.LOOKED_AT // 3
    for number in range(many):
        for _ in range(3):
            send(site=f"nobody{number}")
            send(site=f"nobody{number}", action="park")
            send(action="park", instance=f"m{number}")
    assert stored(appliance) == 3 * many
    assert stored(appliance, "audit") <= 2 * Surplus.KEPT
    assert [row.instance for row in take(appliance)] == [f"m{number}" for number in range(many)]
    assert [row.action for row in take(appliance, site="nobody0")] == ["stop"]


def test_of_very_many_other_names_the_newest_stay(appliance: Appliance, send: Send) -> None:
    for number in range(2 * Surplus.LOOKED_AT):
        send(site=f"nobody{number}")
    assert stored(appliance) == Surplus.LOOKED_AT
    assert take(appliance, site="nobody0") == []
    newest = f"nobody{2 * Surplus.LOOKED_AT - 1}"
    assert [row.action for row in take(appliance, site=newest)] == ["stop"]


def test_a_stop_stays_until_the_rest_of_many_jobs_is_withdrawn(appliance: Appliance, send: Send) -> None:
    """The stop of a site without a program, then stops of many other such sites."""
    job, act = command(site="new", action="go"), Act(USER, NEWJOB)
    many = stops.STEP + 100
    appliance.queue.database.write(
        lambda transaction: [insert_job(transaction, appliance.queue, job, act) for _ in range(many)]
    )
    stop = send(site="new")
    for number in range(2 * Surplus.KEPT):
        send(site=f"nobody{number}")
    stops.withdraw_rest_once(appliance.queue)
    assert [row.ulid for row in take(appliance, site="new")] == [stop.ulid]
    counts = appliance.queue.database.fetch("SELECT status, count(*) FROM job WHERE site = 'new' GROUP BY 1 ORDER BY 1")
    assert counts == [("CANCELLED", many), ("RECEIVED", 1)]


def test_the_rest_is_withdrawn_also_without_the_row_of_the_stop(appliance: Appliance) -> None:
    job, act = command(action="go"), Act(USER, NEWJOB)
    many = stops.STEP + 100
    appliance.queue.database.write(
        lambda transaction: [insert_job(transaction, appliance.queue, job, act) for _ in range(many)]
    )
    stop = submit_job(appliance.queue, command(), USER)
    appliance.queue.database.write(repeats.remove_jobs, [stop.seq])
    stops.withdraw_rest_once(appliance.queue)
    found = appliance.queue.database.fetch("SELECT DISTINCT status, alternate_status FROM job")
    assert found == [("CANCELLED", "CANCELLED")]
    assert appliance.queue.database.fetch("SELECT 1 FROM fact WHERE name LIKE 'withdraws %'") == []


def take_confirmed(appliance: Appliance, **asked: int) -> list[JobRow]:
    """Poll as a program on one connection: each poll proves that the answer before arrived."""
    proofs.heard(appliance.queue, "127.0.0.1:1")
    return take(appliance, "127.0.0.1:1", **asked)


def test_the_newest_stop_of_a_wide_scope_outlives_narrow_ones(
    make_appliance: Callable[..., Appliance], clock: ManualClock
) -> None:
    """A leased job from before the wide stop does not return."""
    appliance = make_appliance(stop_scope="cancel_all", stop_settle_s=0)
    take_confirmed(appliance)
    go = submit_job(appliance.queue, command(action="go"), USER)
    assert [row.ulid for row in take_confirmed(appliance, lease_s=60)] == [go.ulid]
    wide = submit_job(appliance.queue, replace(command(action="cancel_all_commands"), is_repeat=True), USER)
    assert [row.ulid for row in take_confirmed(appliance)] == [wide.ulid]
    for _ in range(2 * Surplus.KEPT):
        clock.advance(0.5)
        submit_job(appliance.queue, replace(command(device="focuser"), is_repeat=True), USER)
        take_confirmed(appliance)
    clock.advance(61)
    leases.return_once(appliance.queue)
    assert take_confirmed(appliance) == []
    assert find_job(appliance.queue.database, go.ulid).status == "CANCELLED"


@pytest.mark.parametrize("action", ["close", "park"])
def test_a_waiting_command_outlives_those_for_another_instance(
    appliance: Appliance, send: Send, clock: ManualClock, action: str
) -> None:
    send(action=action, instance="first")
    for _ in range(2 * Surplus.KEPT):
        clock.advance(2.1)
        send(action=action, instance="second")
    assert {row.instance for row in take(appliance)} == {"first", "second"}


@pytest.mark.parametrize("is_lost", [True, False], ids=["answer in doubt", "leased"])
def test_a_command_that_may_return_stays(appliance: Appliance, send: Send, is_lost: bool) -> None:
    for number in range(2 * Surplus.KEPT):
        proofs.heard(appliance.queue, f"127.0.0.1:{number}")
        send(action="park", instance=f"m{number}")
        take(appliance, f"127.0.0.1:{number}" if is_lost else "127.0.0.1:1", lease_s=None if is_lost else 60)
    assert stored(appliance) == 2 * Surplus.KEPT


def test_stops_that_are_picked_up_at_once_leave_little(appliance: Appliance, send: Send, clock: ManualClock) -> None:
    for _ in range(100):
        stop = send()
        assert [row.ulid for row in take_confirmed(appliance)] == [stop.ulid]
        clock.advance(0.1)
    assert stored(appliance) == Surplus.KEPT
    assert stored(appliance, "handout") <= Surplus.KEPT and stored(appliance, "change") <= 4 * Surplus.KEPT
    # What was sent more than a minute ago stays.
    clock.advance(61)
    send()
    assert stored(appliance) == Surplus.KEPT + 1


def test_a_removed_job_leaves_no_alarm(make_appliance: Callable[..., Appliance], clock: ManualClock) -> None:
    """Unconfirmed hand-outs of jobs that were removed: the alarms of the newest remain."""
    appliance = make_appliance(redeliver_stop=False)
    take(appliance)
    watch = Watch(appliance.board)
    for number in range(2 * Surplus.KEPT):
        submit_job(appliance.queue, replace(command(), is_repeat=True), USER)
        take(appliance, f"127.0.0.1:{number}")
        proofs.connection_ended(appliance.queue, f"127.0.0.1:{number}")
        appliance.queue.database.write(lambda _: None)  # waits for the verb of the line above
        watch.once()
        clock.advance(0.5)
    for _ in range(3):
        clock.advance(20)
        watch.once()
    found = {ulid for (ulid,) in appliance.queue.database.fetch("SELECT ulid FROM job")}
    raised = [alarm.ulid for alarm in list_alarms(appliance.board, lambda _site: True) if alarm.kind == "stop"]
    assert raised and set(raised) <= found


@pytest.mark.parametrize(
    ("parts", "values", "kept"),
    [
        ({"action": "stop"}, {}, "{}"),
        ({"device": "enclosure", "action": "close"}, {}, "{}"),
        ({"device": "sequencer", "action": "run"}, {"script": " StopScript "}, '{"script": "stopScript"}'),
    ],
)
def test_a_large_stop_goes_without_its_params(parts: dict[str, str], values: dict[str, object], kept: str) -> None:
    large = replace(command(**parts, required_params='{"x": "' + 9000 * "a" + '"}'), values=values)
    short = repeats.shortened(large)
    assert (short.required_params, short.command_class) == (kept, large.command_class)
    assert repeats.size_of(short) < repeats.BYTES
    small = replace(large, required_params="{}", optional_params='{"why": "fog"}')
    assert repeats.shortened(small) is small


def test_a_large_job_that_makes_nothing_safe_stays_whole() -> None:
    large = command(action="go", required_params='{"x": "' + 9000 * "a" + '"}')
    assert repeats.shortened(large) is large


# ---- over HTTP


@pytest.fixture
def ask(make_server: Callable[..., Server]) -> Callable[..., requests.Response]:
    server = make_server(newjob_rate=5)
    session = requests.Session()
    tokens: dict[tuple[str, ...], str] = {}

    def ask(path: str, user: str = "auth0|alice", roles: tuple[str, ...] = (), **body: object) -> requests.Response:
        key = (user, *roles)
        tokens[key] = tokens.get(key) or make_token(server.appliance, user, *roles)
        headers = {"Authorization": f"Bearer {tokens[key]}"}
        return session.post(server.url + path, json=body, headers=headers, timeout=60)

    return ask


def test_the_flood_of_a_user_holds_nobody_else_back(ask: Callable[..., requests.Response]) -> None:
    assert [ask("/newjob", **JOB).status_code for _ in range(7)] == [200] * 5 + [429] * 2
    assert ask("/newjob", "auth0|bob", **{**JOB, "user_id": "auth0|bob"}).status_code == 200
    assert ask("/newjob", **{**JOB, "action": "park"}).status_code == 200
    assert ask("/newjob", **{**JOB, "device": "enclosure", "action": "close"}).status_code == 200


def test_sent_again_counts_as_a_new_job(ask: Callable[..., requests.Response]) -> None:
    ulid = ask("/newjob", **JOB).json()["ulid"]
    assert [ask(f"/api/jobs/{ulid}/again").status_code for _ in range(6)] == [200] * 4 + [429] * 2


def test_sent_again_is_checked_as_a_new_job(make_server: Callable[..., Server]) -> None:
    """As a job of the cloud may be: newjob would have refused the command."""
    server = make_server()
    take(server.appliance)
    params = '{"x": "' + 70_000 * "a" + '"}'
    large = submit_job(server.appliance.queue, command(action="go", required_params=params), USER)
    token = make_token(server.appliance, "auth0|alice")
    url, headers = f"{server.url}/api/jobs/{large.ulid}/again", {"Authorization": f"Bearer {token}"}
    assert requests.post(url, json={}, headers=headers).status_code == 413
    assert requests.post(url, json={}, headers={**headers, "Idempotency-Key": 200 * "k"}).status_code == 400


@pytest.mark.slow
def test_a_flood_of_stops_stores_one_a_poll(ask: Callable[..., requests.Response]) -> None:
    ask("/getnewjobs", site="saf")
    padded = {**JOB, "action": "stop", "optional_params": {"x": 100_000 * "a"}}
    answers = [ask("/newjob", **padded) for _ in range(repeats.PER_MINUTE + 40)]
    assert {one.status_code for one in answers} == {200}
    assert {len(one.content) for one in answers} == {len(answers[0].content)} and len(answers[0].content) < 1000
    # A slow machine refills the pace meanwhile: most of the last ones are the same job all the same.
    ulids = [one.json()["ulid"] for one in answers]
    assert len(set(ulids)) < len(ulids)
    assert "stands for this one" in answers[-1].headers["X-Prjobs-Note"] or ulids.count(ulids[-1]) == 1
    assert [job["ulid"] for job in ask("/getnewjobs", site="saf").json()] == [ulids[-1]]
    boss = {**padded, "user_id": "boss", "optional_params": {}}
    assert ask("/newjob", "boss", ("admin",), **boss).headers.get("X-Prjobs-Note", "") == ""


@pytest.mark.slow
def test_make_safe_above_the_pace_gives_the_act_under_way(ask: Callable[..., requests.Response]) -> None:
    ask("/getnewjobs", site="saf")
    numbers = [ask("/api/make_safe", site="saf").json()["id"] for _ in range(repeats.PER_MINUTE + 20)]
    assert len(set(numbers)) < len(numbers)
    ask("/getnewjobs", site="saf")
    assert ask("/api/make_safe", site="saf").json()["id"] > numbers[-1]


@pytest.mark.parametrize("role", ["viewer", "observatory"])
def test_a_token_that_may_not_command_does_not_cancel(ask: Callable[..., requests.Response], role: str) -> None:
    ulid = ask("/newjob", **JOB).json()["ulid"]
    assert ask(f"/api/jobs/{ulid}/cancel", roles=(role,)).status_code == 403
    assert ask(f"/api/jobs/{ulid}/cancel").json()["status"] == "CANCELLED"


def test_stops_sent_and_cancelled_in_turn_end_at_the_pace(ask: Callable[..., requests.Response]) -> None:
    ask("/getnewjobs", site="saf")
    codes = []
    for _ in range(repeats.PER_MINUTE):
        sent = ask("/newjob", **{**JOB, "action": "stop"})
        assert sent.status_code == 200
        codes.append(ask(f"/api/jobs/{sent.json()['ulid']}/cancel").status_code)
    assert codes[0] == 200 and 429 in codes


# ---- as fast as possible


class Picker:
    """A program of the site: held polls on one connection, or none at all until the end."""

    def __init__(self, server: Server) -> None:
        self._server = server
        # The number of each job's answer, in one order with the requests of the test.
        self.numbers: dict[str, int] = {}
        self.order = itertools.count()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Picker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(60)

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._ends.is_set():
                self.poll(session, wait=1)

    def poll(self, session: requests.Session, **more: object) -> None:
        answer = session.post(f"{self._server.url}/getnewjobs", json={"site": "saf", **more}, timeout=60)
        self.numbers |= dict.fromkeys((job["ulid"] for job in answer.json()), next(self.order))


@pytest.mark.slow
@pytest.mark.parametrize("stops", [400, pytest.param(2_000 * TIMES, marks=pytest.mark.long(about_s=25))])
@pytest.mark.parametrize("path", ["/newjob", "/api/make_safe"])
@pytest.mark.parametrize("is_picked_up", [True, False], ids=["picked up at once", "not picked up"])
def test_no_stop_of_a_flood_is_refused(
    make_server: Callable[..., Server], is_picked_up: bool, path: str, stops: int
) -> None:
    server = make_server(ManualClock())
    bearer = {"Authorization": f"Bearer {make_token(server.appliance, 'auth0|alice')}"}
    body = {**JOB, "device": "all", "action": "stop"} if path == "/newjob" else {"site": "saf"}
    with requests.Session() as session, ExitStack() as stack:
        picker = Picker(server)
        picker.poll(session)
        if is_picked_up:
            stack.enter_context(picker)
        for _ in range(stops):
            sent = next(picker.order)
            answer = session.post(server.url + path, json=body, headers=bearer, timeout=60)
            assert answer.status_code == 200
        said = answer.json()
        ulid = said["ulid"] if path == "/newjob" else said["steps"][0]["ulid"]
        while ulid not in picker.numbers:
            picker.poll(session)
    # The last stop left after it was sent: one that stands for it was not handed out before.
    assert picker.numbers[ulid] > sent
    most = 2 * repeats.PER_MINUTE + 2 * Surplus.KEPT
    database = server.appliance.queue.database
    for table in ("job", "audit", "make_safe"):
        assert database.fetch(f"SELECT count(*) FROM {table}")[0][0] <= most
    if not stores.on_postgresql():
        assert server.folder.database.stat().st_size < 2_000_000
