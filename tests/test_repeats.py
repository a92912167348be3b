"""Stops, closings and parkings above the pace: none is refused, none is lost, and the store stays small."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import requests

from prjobs.appliance import Appliance
from prjobs.base.errors import TooMany
from prjobs.jobs import proofs, repeats
from prjobs.jobs.lookup import find_job
from prjobs.jobs.requests import Command
from prjobs.jobs.submission import submit_job
from prjobs.server import Server
from prjobs.store.models import JobRow
from tests.clocks import ManualClock
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


@pytest.mark.parametrize("action", ["stop", "park"])
def test_a_repeat_after_another_job_is_a_new_one(appliance: Appliance, submit: Send, send: Send, action: str) -> None:
    """Otherwise that job would run after the stop, or move the telescope out of its park position."""
    first = submit(action=action, instance="m1")
    other = submit()
    again = send(action=action)
    assert again.ulid != first.ulid
    left = [row.ulid for row in take(appliance)]
    assert left == ([again.ulid] if action == "stop" else [first.ulid, other.ulid, again.ulid])
    assert find_job(appliance.queue.database, other.ulid).status == ("CANCELLED" if action == "stop" else "RECEIVED")


@pytest.mark.parametrize("action", ["stop", "park"])
def test_an_older_command_stands_for_none(submit: Send, send: Send, clock: ManualClock, action: str) -> None:
    """A job of the cloud may have been sent in between, and arrive later."""
    first = submit(action=action, instance="m1")
    clock.advance(repeats.FRESH_MS / 1000)
    assert send(action=action).ulid != first.ulid


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


def test_only_invented_names_are_refused(appliance: Appliance, send: Send) -> None:
    with pytest.raises(TooMany):
        send(site="nobody")
    for number in range(repeats.TARGETS):
        send(action="park", instance=f"m{number}")
    with pytest.raises(TooMany):
        send(action="park", instance="one more")
    assert send(action="park", instance="m3").status == "UNREAD"
    assert send().status == "UNREAD"


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
