"""Lockout: while somebody is in the dome nothing but stops leaves, whoever asks, by whatever way."""

import json
import threading

import msgspec
import pytest
import requests

from prjobs.access import lockouts
from prjobs.access.identity import Identity
from prjobs.access.tokens import list_tokens
from prjobs.base.errors import BadRequest, Conflict, LockedOut, NotFound
from prjobs.base.notices import Code
from prjobs.base.settings import Settings
from prjobs.cli.locking import _print_jobs
from prjobs.jobs import leases, locking, making_safe, submission, withdrawals
from prjobs.jobs.locking import Asked
from prjobs.jobs.requests import Command
from prjobs.monitor import makings
from prjobs.monitor.views import view_job
from prjobs.opening import Purpose, close_appliance
from prjobs.upkeep.backup import make_backup
from prjobs.upkeep.chores import Chores
from prjobs.upkeep.restore import restore
from tests import verbs
from tests.stores import open_appliance
from tests.verbs import ANN, USER, lock, make_token, take
from tests.waiting import wait_for

SITE = "saf"


def unlock(appliance, locked):
    return locking.unlock(appliance.queue, locked.lock.id, ANN)


def submit_stop(submit, site=SITE):
    return submit(site=site, device="all", instance="all", action="cancel_all_commands")


def ulids(rows):
    return [row.ulid for row in rows]


# ---- what is handed out


@pytest.mark.parametrize(
    "parts",
    [{}, {"alternate": True}, {"device": "mount"}, {"instance": "mount1"}, {"poll_id": "one"}, {"lease_s": 60}],
)
def test_nothing_but_stops_leaves_while_locked(appliance, submit, parts):
    job = submit()
    locked = lock(appliance)
    assert take(appliance, **parts) == []
    stop = submit_stop(submit)
    assert ulids(take(appliance, **parts)) == [stop.ulid]
    unlock(appliance, locked)
    # The stop withdrew the job, as every stop does.
    assert appliance.queue.database.fetch("SELECT status FROM job WHERE ulid = ?", (job.ulid,)) == [("CANCELLED",)]


@pytest.mark.parametrize(
    ("device", "action"), [("mount", "go"), ("mount", "park"), ("enclosure", "close"), ("camera", "expose")]
)
def test_a_job_that_waits_goes_on_waiting_and_leaves_after_the_unlocking(appliance, submit, device, action):
    job = submit(device=device, action=action)
    locked = lock(appliance)
    assert take(appliance) == []
    unlock(appliance, locked)
    assert ulids(take(appliance)) == [job.ulid]


def test_a_job_that_waits_expires_by_its_class(appliance, submit, clock):
    job = submit(device="mount", action="go")
    locked = lock(appliance)
    clock.advance(Settings().expire_motion_s + 1)
    unlock(appliance, locked)
    assert take(appliance) == []
    assert appliance.queue.database.fetch("SELECT status FROM job WHERE ulid = ?", (job.ulid,)) == [("EXPIRED",)]


def test_each_person_has_an_own_lock(appliance, submit):
    job = submit()
    first, second = lock(appliance), lock(appliance, user_id="auth0|tim", reason="dome wheels")
    left = unlock(appliance, first)
    assert [one.id for one in left] == [second.lock.id] and take(appliance) == []
    third = lock(appliance)
    unlock(appliance, second)
    assert take(appliance) == []
    assert unlock(appliance, third) == []
    assert ulids(take(appliance)) == [job.ulid]


def test_a_repeat_of_the_poll_gives_a_stop_again_and_no_other_job(appliance, submit):
    job = submit()
    assert ulids(take(appliance, peer="127.0.0.1:1", poll_id="one")) == [job.ulid]
    locked = lock(appliance)
    # The answer was lost: the job waits again, and the site is locked.
    assert take(appliance, peer="127.0.0.1:2", poll_id="one") == []
    unlock(appliance, locked)
    assert ulids(take(appliance, peer="127.0.0.1:3", poll_id="two")) == [job.ulid]
    stop = submit_stop(submit)
    assert ulids(take(appliance, peer="127.0.0.1:4", poll_id="three")) == [stop.ulid]
    lock(appliance)
    assert ulids(take(appliance, peer="127.0.0.1:5", poll_id="three")) == [stop.ulid]


def test_a_job_whose_arrival_was_proved_stays_handed_out(appliance, submit):
    first, second = submit(), submit(device="camera")
    assert len(take(appliance, peer="127.0.0.1:1", poll_id="one")) == 2
    verbs.report(appliance, first, "STARTED")
    locked = lock(appliance)
    assert take(appliance, peer="127.0.0.1:1", poll_id="one") == []
    unlock(appliance, locked)
    assert take(appliance, peer="127.0.0.1:1", poll_id="two") == []
    found = appliance.queue.database.fetch("SELECT status FROM job WHERE ulid = ?", (second.ulid,))
    assert found == [("RECEIVED",)]


def test_the_end_of_a_lease_makes_a_job_wait_for_the_unlocking(appliance, submit, clock):
    job = submit(action="park")
    assert ulids(take(appliance, lease_s=30)) == [job.ulid]
    locked = lock(appliance)
    clock.advance(31)
    assert leases.return_once(appliance.queue) == 1
    assert take(appliance) == []
    unlock(appliance, locked)
    assert ulids(take(appliance)) == [job.ulid]


def test_an_answer_in_doubt_comes_again_after_the_unlocking_only(make_appliance):
    appliance = make_appliance(redeliver="once")
    job = verbs.submit(appliance, action="park")
    take(appliance, peer="127.0.0.1:1")
    locked = lock(appliance)
    assert take(appliance, peer="127.0.0.1:2") == [] and take(appliance, peer="127.0.0.1:3") == []
    unlock(appliance, locked)
    wait_for(lambda: ulids(take(appliance, peer="127.0.0.1:4")) == [job.ulid])


def test_a_lock_and_a_hand_out_in_one_commit_have_an_order(appliance, submit):
    """Both are verbs of the same transaction: the hand-out after the lock has nothing, that before is named."""
    queue, job = appliance.queue, submit()
    noted = verbs.handouts.begin_poll(queue, verbs.poll(), "127.0.0.1:1")
    asked = Asked(site=SITE, user_id="u", user_name="U", reason="r")
    caller = verbs.handouts.Caller("127.0.0.1:1", noted.gap_ms, ())

    def both(transaction):
        locked = locking._lock(transaction, queue, asked, ANN)
        return locked, verbs.handouts._take(transaction, queue, verbs.poll(), caller)

    locked, given = queue.database.write(both)
    assert given == [] and locked.under_way == []
    unlock(appliance, locked)

    def other_way(transaction):
        given = verbs.handouts._take(transaction, queue, verbs.poll(), caller)
        return given, locking._lock(transaction, queue, asked, ANN)

    given, locked = queue.database.write(other_way)
    assert ulids(given[0].rows) == ulids(locked.under_way) == [job.ulid]


def test_a_lock_of_an_observatory_holds_its_station_and_the_other_way_round(make_appliance):
    appliance = make_appliance(stations=["wema=saf+sbf"])
    jobs = {site: verbs.submit(appliance, site=site, device="enclosure", action="close") for site in ("wema", "sbf")}
    locked = lock(appliance, "saf")
    assert take(appliance, site="wema") == []
    assert ulids(take(appliance, site="sbf")) == [jobs["sbf"].ulid]
    with pytest.raises(LockedOut, match=r"wema is LOCKED OUT.*saf by ann"):
        verbs.submit(appliance, site="wema", device="enclosure", action="open")
    unlock(appliance, locked)
    assert ulids(take(appliance, site="wema")) == [jobs["wema"].ulid]
    lock(appliance, "wema")
    with pytest.raises(LockedOut):
        verbs.submit(appliance, site="sbf")


# ---- what is taken


def test_a_new_job_is_refused_with_the_person_the_reason_and_the_end(appliance, submit, clock):
    lock(appliance, seconds=3600)
    for action in ("go", "park"):
        with pytest.raises(LockedOut) as refused:
            submit(action=action)
        assert refused.value.status == 423
        sentence = refused.value.sentence
        assert "LOCKED OUT" in sentence and "by ann until 2023-11-14 23:13 UTC (mirror cleaning)" in sentence
    assert appliance.queue.database.fetch("SELECT count(*) FROM job") == [(0,)]
    assert submit_stop(submit).status == "UNREAD"
    assert submit(action="stop").command_class == "stop"
    assert submit(site="other").site == "other"


def test_a_sentence_for_the_web_page_has_no_markup(appliance, submit):
    lock(appliance, reason="<img src=x> & more")
    with pytest.raises(LockedOut) as refused:
        submit()
    assert not {"<", ">", "&"} & set(refused.value.sentence)


def test_a_repeat_of_a_job_from_before_the_lock_answers_as_before(appliance, submit):
    job = submit(idempotency_key="key")
    lock(appliance)
    assert submit(idempotency_key="key").ulid == job.ulid
    with pytest.raises(LockedOut):
        submit(idempotency_key="other")


# ---- the telescope at the moment of the lock


def test_the_lock_names_the_jobs_at_the_telescope(appliance, submit, clock):
    old = submit()
    take(appliance)
    clock.advance(1801)
    ready, done, exposing = submit(), submit(device="focuser"), submit(device="camera", action="expose")
    waiting_site = submit(site="other")
    take(appliance)
    verbs.report(appliance, done, "COMPLETE")
    verbs.report(appliance, exposing, "EXPOSING")
    waits = submit()
    locked = lock(appliance)
    assert ulids(locked.under_way) == [exposing.ulid, ready.ulid]
    assert not {old.ulid, waits.ulid, waiting_site.ulid} & set(ulids(locked.under_way))


@pytest.mark.parametrize("alternate", [False, True])
def test_a_close_that_waited_for_days_is_named_once_it_was_fetched(appliance, submit, clock, alternate):
    old = submit(device="camera", action="expose")
    take(appliance, alternate=alternate)
    verbs.report(appliance, old, "EXPOSING", alternate=alternate)
    close, runs = submit(device="enclosure", action="close"), submit(device="enclosure", action="close")
    clock.advance(200_000)
    assert ulids(take(appliance, alternate=alternate)) == [close.ulid, runs.ulid]
    verbs.report(appliance, runs, "CLOSING", alternate=alternate)
    assert ulids(lock(appliance).under_way) == [runs.ulid, close.ulid]
    clock.advance(7200)
    assert ulids(lock(appliance).under_way) == [runs.ulid]


def test_a_job_of_the_alternate_queue_at_the_telescope_is_named(appliance, submit):
    job = submit()
    take(appliance, alternate=True)
    assert ulids(lock(appliance).under_way) == [job.ulid]


def test_a_stop_goes_with_the_lock(appliance, submit):
    job = submit()
    stop = Command("saf", "all", "all", "cancel_all_commands", "auth0|ann", "Ann", "[]", "{}", "{}", {})
    locked = lock(appliance, stops=[stop])
    assert [row.action for row in locked.stops] == ["cancel_all_commands"]
    assert ulids(take(appliance)) == ulids(locked.stops)
    assert appliance.queue.database.fetch("SELECT status FROM job WHERE ulid = ?", (job.ulid,)) == [("CANCELLED",)]


# ---- the end


def test_a_lock_ends_by_itself_is_announced_and_said(appliance, submit, clock):
    job, notices = submit(device="camera", action="expose"), appliance.queue.notices
    lock(appliance, seconds=1200)
    locking.end_over_once(appliance.queue)
    assert notices.sentence(Code.LOCKED_OUT, SITE) and not notices.sentence(Code.LOCK_ENDS, SITE)
    clock.advance(601)
    locking.end_over_once(appliance.queue)
    assert "--until +1h" in notices.sentence(Code.LOCK_ENDS, SITE)
    clock.advance(598)
    locking.end_over_once(appliance.queue)
    assert take(appliance) == []
    clock.advance(1)
    locking.end_over_once(appliance.queue)
    assert Code.LOCKED_OUT not in notices and Code.LOCK_ENDS not in notices
    assert ulids(take(appliance)) == [job.ulid]
    acts = appliance.queue.database.fetch("SELECT who, what, target FROM audit WHERE what LIKE '%lock%' ORDER BY seq")
    assert acts == [("auth0|ann", "lock", "saf"), ("its time", "lock ended", "saf")]


def test_the_last_lock_decides_when_the_site_is_unlocked(appliance, clock):
    lock(appliance, seconds=60)
    lock(appliance, user_id="auth0|tim")
    locking.end_over_once(appliance.queue)
    assert not appliance.queue.notices.sentence(Code.LOCK_ENDS, SITE)
    clock.advance(61)
    locking.end_over_once(appliance.queue)
    assert [one.user_name for one in appliance.queue.lockouts.open] == ["tim"]


def test_another_end_counts(appliance, submit, clock):
    locked = lock(appliance, seconds=60).lock
    changed = msgspec.structs.replace(locked, until_ms=clock.now_ms() + 600_000)
    locking.change(appliance.queue, changed, ANN)
    clock.advance(61)
    locking.end_over_once(appliance.queue)
    with pytest.raises(LockedOut):
        submit()
    clock.advance(540)
    locking.end_over_once(appliance.queue)
    assert submit()
    changed = msgspec.structs.replace(locked, until_ms=None)
    with pytest.raises(NotFound):
        locking.change(appliance.queue, changed, ANN)


@pytest.mark.parametrize("step_s", [86_400, -86_400])
def test_a_step_of_the_clock_ends_no_lock_early(appliance, submit, clock, step_s):
    lock(appliance, seconds=600)
    clock.step(step_s)
    clock.advance(599)
    locking.end_over_once(appliance.queue)
    with pytest.raises(LockedOut):
        submit()
    clock.advance(2)
    locking.end_over_once(appliance.queue)
    # A clock that went back shows the end later: the lock lasts until then.
    is_over = not appliance.queue.lockouts.open
    assert is_over == (step_s > 0)


def test_an_end_in_the_past_is_refused(appliance):
    with pytest.raises(BadRequest, match="future"):
        lock(appliance, seconds=-1)
    assert appliance.queue.lockouts.open == ()


def test_too_many_locks_without_a_login_are_refused(appliance):
    for _ in range(locking.MOST_WITHOUT_LOGIN):
        lock(appliance, site="invented", user_id="")
    with pytest.raises(Conflict):
        lock(appliance, site="invented", user_id="")
    assert lock(appliance, user_id="") and lock(appliance, site="invented")


def test_locks_without_a_login_keep_no_person_with_a_login_from_a_lock(appliance, monkeypatch):
    monkeypatch.setattr(locking, "MOST_OPEN", 5)
    for number in range(5):
        lock(appliance, site=f"s{number}", user_id="")
    with pytest.raises(Conflict):
        lock(appliance, site="s5", user_id="")
    for _ in range(5):
        lock(appliance)
    with pytest.raises(Conflict):
        lock(appliance)


def test_a_lock_outlasts_a_restart(folder, clock):
    first, _ = open_appliance(folder, Settings(), clock)
    verbs.submit(first)
    lock(first, seconds=3600)
    close_appliance(first, folder)
    second, _ = open_appliance(folder, Settings(), clock)
    assert take(second) == [] and second.queue.notices.sentence(Code.LOCKED_OUT, SITE)
    with pytest.raises(LockedOut):
        verbs.submit(second)
    clock.advance(3601)
    locking.end_over_once(second.queue)
    assert second.queue.lockouts.open == ()
    close_appliance(second, folder)


def test_a_site_that_nobody_knows_can_be_locked(appliance, submit):
    lock(appliance, site="new")
    with pytest.raises(LockedOut):
        submit(site="new")


# ---- make safe


def make_safe(appliance, station="wema"):
    return making_safe.begin(appliance.queue, SITE, station, Identity("auth0|ann", "Ann"), USER)


def steps(appliance):
    (act,) = makings.list_makings(appliance.queue)
    return [(step.word, step.state) for step in act.steps]


def advance(appliance, clock, seconds):
    for _ in range(seconds):
        clock.advance(1)
        making_safe.advance_once(appliance.queue)


def test_make_safe_stops_and_says_that_its_motions_are_locked_out(make_appliance, clock):
    appliance = make_appliance(stations=["wema=saf"])
    locked = lock(appliance)
    begun = make_safe(appliance)
    assert steps(appliance) == [("STOP", "sent"), ("PARK", "locked"), ("CLOSE", "locked")]
    assert ulids(take(appliance)) == [begun.stop.ulid]
    advance(appliance, clock, 60)
    assert steps(appliance) == [("STOP", "picked_up"), ("PARK", "locked"), ("CLOSE", "locked")]
    # The stop may come twice, and nothing else.
    assert {row.command_class for row in take(appliance)} <= {"stop"} and take(appliance, site="wema") == []
    unlock(appliance, locked)
    advance(appliance, clock, 6)
    assert [row.action for row in take(appliance)] == ["park"]
    advance(appliance, clock, 10)
    assert [row.action for row in take(appliance, site="wema")] == ["close"]


def test_after_an_hour_make_safe_ends_without_its_motions(appliance, clock):
    locked = lock(appliance)
    make_safe(appliance, station="")
    take(appliance)
    clock.advance(3600)
    making_safe.advance_once(appliance.queue)
    (ended,) = appliance.queue.database.fetch("SELECT ended_ms FROM make_safe")
    assert ended[0]
    unlock(appliance, locked)
    advance(appliance, clock, 10)
    assert take(appliance) == []


def test_a_park_that_waits_when_the_lock_comes_is_shown_as_locked_out(appliance, clock):
    make_safe(appliance, station="")
    take(appliance)
    advance(appliance, clock, 10)
    assert steps(appliance)[1] == ("PARK", "sent")
    lock(appliance)
    assert steps(appliance)[1] == ("PARK", "locked") and take(appliance) == []


# ---- over HTTP


def auth(token):
    return {"Authorization": f"Bearer {token}"}


def post_lock(server, token=None, **body):
    body = {"site": SITE, "reason": "mirror cleaning", **body}
    return requests.post(f"{server.url}/api/lock", json=body, headers=auth(token) if token else {}, timeout=60)


def newjob(server, token, path="newjob", **parts):
    body = {
        "site": SITE,
        "device": "mount",
        "instance": "mount1",
        "action": "go",
        "user_name": "Alice",
        "user_id": "auth0|alice",
        "required_params": {},
        "optional_params": {},
        **parts,
    }
    return requests.post(f"{server.url}/{path}", json=body, headers=auth(token), timeout=60)


@pytest.fixture
def owner(server):
    return make_token(server.appliance, "auth0|ann", "owner")


def test_health_tells_everybody_no_person_no_reason_and_no_token(server, token):
    """Names and reasons stay with those who may read them: the health is open to everybody on the network."""
    ann = make_token(server.appliance, "auth0|ann-key", "owner", days=30)
    make_token(server.appliance, "program-key", "observatory", sites=("saf",), days=13)
    post_lock(server, ann, name="Ann-Key", reason="key under the mat")
    post_lock(server, ann, name="Tim-Key", reason="key in the car")
    ids = [one.id for one in list_tokens(server.appliance.desk)]
    Chores(server.appliance, server.folder).once()
    for query in ("", "?for=watchdog"):
        said = requests.get(f"{server.url}/healthz{query}", timeout=60).text
        assert {one["code"] for one in json.loads(said)["notices"]} >= {"locked_out", "token_ends"}
        assert "key" not in said.casefold() and not [one for one in ids if one in said]
    shown = requests.get(f"{server.url}/api/now", timeout=60).json()["locks"]
    assert [one["user_name"] for one in shown] == ["Ann-Key", "Tim-Key"]
    refused = newjob(server, token)
    assert refused.status_code == 423 and "Ann-Key" in refused.text and "key in the car" in refused.text


def test_it_works(server, owner, token):
    made = post_lock(server, owner)
    assert made.status_code == 200 and made.json()["under_way"] == []
    number = made.json()["lock"]["id"]
    for path in ("newjob", "jobs/newjob", "dev/newjob"):
        refused = newjob(server, token, path)
        assert refused.status_code == 423 and "auth0|ann" in refused.text and "mirror cleaning" in refused.text
        assert refused.headers["Link"] == '</manual/lockout#while-a-site-is-locked-out>; rel="help"'
    assert newjob(server, token, action="stop").status_code == 200
    listed = requests.get(f"{server.url}/api/lock", timeout=60).json()["locks"]
    assert [one["reason"] for one in listed] == ["mirror cleaning"]
    now = requests.get(f"{server.url}/api/now", timeout=60).json()
    assert now["locks"] == listed and [one["code"] for one in now["health"]["notices"]] == ["locked_out"]
    assert requests.get(f"{server.url}/healthz", timeout=60).json()["ok"]
    ended = requests.delete(f"{server.url}/api/lock/{number}", headers=auth(owner), timeout=60)
    assert ended.json()["locks"] == [] and ended.json()["sentence"] == "saf is unlocked: jobs are handed out again."
    assert newjob(server, token).status_code == 200


def test_a_job_sent_again_is_refused_too(server, owner, token):
    job = newjob(server, token).json()
    post_lock(server, owner)
    again = requests.post(f"{server.url}/api/jobs/{job['ulid']}/again", headers=auth(token), timeout=60)
    assert again.status_code == 423 and again.json()["code"] == "locked_out"


def test_only_staff_lock_and_only_the_person_or_an_administrator_unlocks(server, owner, token):
    assert post_lock(server, token).status_code == 403
    for role in ("observatory", "viewer"):
        assert post_lock(server, make_token(server.appliance, f"u|{role}", role)).status_code == 403
    elsewhere = make_token(server.appliance, "auth0|zoe", "owner", sites=("other",))
    assert post_lock(server, elsewhere).status_code == 403
    number = post_lock(server, owner).json()["lock"]["id"]
    other, admin = (make_token(server.appliance, f"auth0|{role}", role) for role in ("owner", "admin"))
    url = f"{server.url}/api/lock/{number}"
    later = server.appliance.queue.clock.now_ms() + 60_000
    for wrong in (other, token, elsewhere):
        refused = requests.delete(url, headers=auth(wrong), timeout=60)
        assert refused.status_code == 403 and "auth0|ann" in refused.json()["error"]
        assert requests.post(url, json={"until_ms": later}, headers=auth(wrong), timeout=60).status_code == 403
    assert requests.delete(url, timeout=60).status_code == 400
    assert requests.delete(url, json={"name": "auth0|ann"}, timeout=60).status_code == 403
    changed = requests.post(url, json={"until_ms": later, "reason": "longer"}, headers=auth(owner), timeout=60).json()
    assert (changed["until_ms"], changed["reason"]) == (later, "longer")
    assert requests.delete(url, headers=auth(admin), timeout=60).status_code == 200
    assert requests.delete(url, headers=auth(admin), timeout=60).status_code == 404


def test_without_a_login_on_this_machine_a_name_is_asked_for(server):
    assert post_lock(server).status_code == 400
    made = post_lock(server, name="Tim Bell").json()
    assert made["lock"]["user_name"] == "Tim Bell"
    url = f"{server.url}/api/lock/{made['lock']['id']}"
    assert requests.delete(url, json={"name": "Ann"}, timeout=60).status_code == 403
    assert requests.delete(url, json={"name": "tim bell"}, timeout=60).status_code == 200
    assert post_lock(server, name="Tim Bell", stop=True).status_code == 401


def test_where_every_program_needs_a_token_a_lock_needs_one(make_server):
    server = make_server(observatory_access="token")
    assert post_lock(server, name="Tim").status_code == 401
    number = post_lock(server, make_token(server.appliance, "u", "admin")).json()["lock"]["id"]
    assert requests.delete(f"{server.url}/api/lock/{number}", json={"name": "u"}, timeout=60).status_code == 401


def test_a_stop_goes_with_the_lock_to_the_station_too(make_server):
    server = make_server(stations=["wema=saf"])
    owner = make_token(server.appliance, "auth0|ann", "owner")
    made = post_lock(server, owner, stop=True).json()
    assert [(stop["site"], stop["action"]) for stop in made["stops"]] == [
        ("saf", "cancel_all_commands"),
        ("wema", "cancel_all_commands"),
    ]
    assert [one["action"] for one in requests.post(f"{server.url}/getnewjobs", json={"site": "wema"}).json()] == [
        "cancel_all_commands"
    ]


def test_a_token_for_one_site_shows_the_locks_that_hold_the_site_and_no_others(make_server):
    server = make_server(stations=["wema=saf+saf2"])
    owner = make_token(server.appliance, "auth0|ann", "owner")
    for site in ("wema", "saf2", "far"):
        assert post_lock(server, owner, site=site).status_code == 200
    shown = {"saf": ["wema"], "saf2": ["wema", "saf2"], "wema": ["wema", "saf2"], "far": ["far"], "new": []}
    for site, expected in shown.items():
        token = make_token(server.appliance, f"auth0|{site}", "viewer", sites=(site,))
        for path in ("api/lock", "api/now"):
            answer = requests.get(f"{server.url}/{path}", headers=auth(token), timeout=60).json()
            assert [lock["site"] for lock in answer["locks"]] == expected, (site, path)


def test_a_name_that_differs_by_letter_case_is_noted(server, owner):
    requests.post(f"{server.url}/getnewjobs", json={"site": SITE}, timeout=60)
    made = post_lock(server, owner, site="SAF").json()
    notes = " ".join(made["notes"])
    assert "No program has ever polled for jobs of SAF" in notes and "Did you mean saf?" in notes
    assert post_lock(server, owner).json()["notes"] == [
        "The names SAF and saf differ by letter case alone and count as different sites."
    ]


WRONG = [
    {"reason": ""},
    {"reason": "  "},
    {"reason": "x" * 201},
    {"reason": "a\nb"},
    {"site": "s/f"},
    {"until_ms": 5},
    {"until_ms": "soon"},
    {"until_ms": 10**18},
    {"name": "x" * 129},
    {"stop": "yes"},
]


def test_a_wrong_request_changes_nothing(server, owner):
    assert [body for body in WRONG if post_lock(server, owner, **body).status_code != 400] == []
    assert server.appliance.queue.lockouts.open == ()


def test_a_lock_that_is_not_there_is_not_found(server, owner):
    for number in ("0", "99", "x", "-1", "1" * 20):
        url = f"{server.url}/api/lock/{number}"
        assert requests.delete(url, headers=auth(owner), timeout=60).status_code == 404, number
        assert requests.post(url, json={"until_ms": None}, headers=auth(owner), timeout=60).status_code == 404, number


def test_a_poll_that_was_held_before_the_lock_gets_stops_and_after_the_unlocking_jobs(server, owner, token):
    answers = []

    def held():
        body = {"site": SITE, "wait": 25}
        answers.append(requests.post(f"{server.url}/getnewjobs", json=body, timeout=60).json())

    queue, thread = server.appliance.queue, threading.Thread(target=held)
    thread.start()
    wait_for(lambda: queue.waiters.held)
    number = post_lock(server, owner).json()["lock"]["id"]
    # Imported from the cloud meanwhile, or back from a lease: no newjob.
    command = Command(SITE, "mount", "m", "go", "u", "U", "[]", "{}", "{}", {})
    row = submission.new_row(queue, command, *queue.ulids.next())
    queue.database.write(submission.insert_row, queue, row, "cloud")
    assert not answers
    requests.delete(f"{server.url}/api/lock/{number}", headers=auth(owner), timeout=60)
    thread.join(60)
    assert [[one["action"] for one in answer] for answer in answers] == [["go"]]


def test_acts_are_in_the_audit_also_the_refused_ones(server, owner, token):
    post_lock(server, token)
    number = post_lock(server, owner, name="Ann K.").json()["lock"]["id"]
    newjob(server, token)
    requests.delete(f"{server.url}/api/lock/{number}", headers=auth(token), timeout=60)
    requests.delete(f"{server.url}/api/lock/{number}", headers=auth(owner), timeout=60)
    queue = server.appliance.queue
    queue.database.write(lambda transaction: None)
    rows = queue.database.fetch("SELECT who, what, target FROM audit WHERE what IN ('lock', 'unlock', 'refused')")
    assert sorted(rows) == [
        ("auth0|alice", "refused", "lock"),
        ("auth0|alice", "refused", f"unlock {number}"),
        ("auth0|ann", "lock", "saf"),
        ("auth0|ann", "unlock", "saf"),
    ]
    assert "Ann K." in queue.database.fetch("SELECT detail FROM audit WHERE what = 'lock'")[0][0]


def test_the_log_of_the_night_has_the_locks(server, owner):
    number = post_lock(server, owner, name="Ann K.", reason="mirror <cleaning>").json()["lock"]["id"]
    post_lock(server, owner, site="other", reason="wiring")
    requests.delete(f"{server.url}/api/lock/{number}", headers=auth(owner), timeout=60)
    page = requests.get(f"{server.url}/night?site=saf", timeout=60).text
    assert "Locks: somebody was in the dome" in page and "mirror &lt;cleaning&gt;" in page and "wiring" not in page
    assert "wiring" in requests.get(f"{server.url}/night", timeout=60).text


def test_a_withdrawn_job_and_a_cancel_work_while_locked(appliance, submit):
    job = submit()
    lock(appliance)
    assert withdrawals.cancel_job(appliance.queue, job.ulid, USER).status == "CANCELLED"


# ---- backup and restore


def opened(folder, clock, *, serving=True):
    return open_appliance(folder, Settings(), clock, Purpose(serving=serving))[0]


def restored(folder, clock, name="b.sqlite3"):
    done = restore(folder, folder.path / name, clock)
    appliance = opened(folder, clock)
    locks = [(one.site, one.user_name, one.until_ms) for one in appliance.queue.lockouts.open]
    close_appliance(appliance, folder)
    return done, locks


@pytest.mark.sqlite("restores a backup of the file")
def test_an_older_backup_lifts_no_lock_that_was_set_since(folder, clock):
    appliance = opened(folder, clock)
    before, ended = lock(appliance, seconds=3600), lock(appliance, "ended")
    close_appliance(appliance, folder)
    make_backup(folder, folder.path / "b.sqlite3")
    appliance = opened(folder, clock)
    lock(appliance, "since")
    later = msgspec.structs.replace(before.lock, until_ms=before.lock.until_ms + 60_000)
    locking.change(appliance.queue, later, ANN)
    unlock(appliance, ended)
    close_appliance(appliance, folder)
    done, locks = restored(folder, clock)
    assert locks == [("saf", "ann", later.until_ms), ("since", "ann", None)]
    assert (sorted(done.locked), done.are_locks_known) == (["saf", "since"], True)


@pytest.mark.sqlite("restores a backup of the file")
def test_a_lock_whose_number_another_lock_has_in_the_backup_is_kept(folder, clock):
    """Two machines go on from one backup: both give the same number to different locks."""
    close_appliance(opened(folder, clock), folder)
    make_backup(folder, folder.path / "a.sqlite3")
    appliance = opened(folder, clock)
    unlock(appliance, lock(appliance, "mrc"))
    lock(appliance, "open")
    close_appliance(appliance, folder)
    make_backup(folder, folder.path / "b.sqlite3")
    clock.advance(1)
    folder.database.unlink()
    restore(folder, folder.path / "a.sqlite3", clock)
    appliance = opened(folder, clock)
    here = [lock(appliance), unlock(appliance, lock(appliance, "past")), lock(appliance, "since", seconds=3600)]
    assert here[0].lock.id == 1
    close_appliance(appliance, folder)
    for _ in range(2):
        clock.advance(2)
        done, locks = restored(folder, clock)
        until_ms = here[2].lock.until_ms
        assert sorted(locks, key=str) == [("open", "ann", None), ("saf", "ann", None), ("since", "ann", until_ms)]
        assert sorted(done.locked) == ["open", "saf", "since"]
    appliance = opened(folder, clock)
    for one in appliance.queue.lockouts.open:
        locking.unlock(appliance.queue, one.id, ANN)
    assert len(lockouts.list_past(appliance.queue.database, 0, clock.now_ms() + 1)) == 5
    close_appliance(appliance, folder)
    clock.advance(2)
    assert restored(folder, clock)[1] == []


@pytest.mark.sqlite("restores a backup of the file")
def test_of_two_locks_of_one_moment_the_end_of_one_is_not_the_end_of_the_other(folder, clock):
    appliance = opened(folder, clock)
    lock(appliance)
    close_appliance(appliance, folder)
    make_backup(folder, folder.path / "b.sqlite3")
    appliance = opened(folder, clock)
    unlock(appliance, lock(appliance))
    close_appliance(appliance, folder)
    assert restored(folder, clock)[1] == [("saf", "ann", None)]


@pytest.mark.sqlite("restores a backup of the file")
@pytest.mark.parametrize("harm", ["lost", "damaged"])
def test_without_the_store_from_before_sites_with_locks_are_locked_anew(folder, clock, harm):
    appliance = opened(folder, clock)
    unlock(appliance, lock(appliance))
    close_appliance(appliance, folder)
    make_backup(folder, folder.path / "b.sqlite3")
    folder.database.unlink() if harm == "lost" else folder.database.write_bytes(b"x" * 5000)
    done, locks = restored(folder, clock)
    assert locks == [("saf", "restore", None)] and not done.are_locks_known


# ---- the terminal


@pytest.mark.slow
def test_locking_at_the_terminal_with_and_without_a_server(program):
    program.serve()
    number = program.run("lock", "saf", "--until", "+2h", "--name", "Tim", "mirror cleaning").stdout.strip()
    assert number == "1"
    refused = program.run("send", "saf", "mount", "mount1", "park")
    assert refused.returncode == 1 and "LOCKED OUT" in refused.stderr and "by Tim" in refused.stderr
    second = program.run("lock", "saf", "--stop", "dome wheels")
    assert second.stdout == "2\n" and "LOCKED OUT" in second.stderr
    which = program.run("unlock", "saf")
    assert which.returncode == 1 and "1 of Tim" in which.stderr and "dome wheels" in which.stderr
    changed = program.run("lock", "saf", "--change", "2", "--until", "+1h", "dome motor")
    assert "dome motor" in changed.stderr
    assert "ended: lock 2" in program.run("unlock", "saf", "--lock", "2").stderr
    program.stop()
    assert program.run("lock", "new", "wiring").stdout == "3\n"
    assert "unlocked: jobs are handed out again" in program.run("unlock", "saf").stderr
    assert program.run("unlock", "saf").stderr == f"prjobs: The site has no lock in {program.data}.\n"
    program.serve()
    assert [one["site"] for one in requests.get(f"{program.url}/api/lock", timeout=60).json()["locks"]] == ["new"]
    assert "new is LOCKED OUT. Only stops are taken" in program.run("doctor").stdout


@pytest.mark.slow
def test_a_killed_server_keeps_the_lock(program):
    program.serve()
    token = program.token()
    job = program.new_job(token)
    program.run("lock", "saf", "mirror cleaning")
    program.kill()
    program.serve()
    assert program.post("getnewjobs", {"site": "saf"}).json() == []
    program.run("unlock", "saf")
    assert program.fetch() == [job["ulid"]]


@pytest.mark.parametrize(
    "words", [["lock", "saf", "cleaning"], ["lock", "saf", "--change", "1", "x"], ["unlock", "saf"]]
)
def test_a_folder_without_an_appliance_is_refused_and_not_made(program, words):
    refused = program.run(*words)
    assert (refused.returncode, refused.stdout) == (1, "") and "LOCKED OUT" not in refused.stderr
    assert f"{program.data} holds no appliance: nothing was locked or unlocked" in refused.stderr
    assert not program.data.exists()


@pytest.mark.parametrize(("count", "said"), [(1, "1 job is"), (49, "49 jobs are"), (60, "50 or more jobs are")])
def test_the_number_of_jobs_at_the_telescope_says_when_there_may_be_more(appliance, submit_many, capsys, count, said):
    submit_many(appliance, count)
    take(appliance)
    jobs = [msgspec.to_builtins(view_job(row)) for row in lock(appliance).under_way]
    _print_jobs({"under_way": jobs, "stops": []}, is_served=True)
    assert capsys.readouterr().err.startswith(f"{said} at the telescope already")


@pytest.mark.slow
def test_a_lock_in_a_folder_without_a_server_says_so_and_names_jobs_and_folder(program):
    program.serve()
    job = program.new_job(program.token())
    assert program.fetch() == [job["ulid"]]
    served = program.run("lock", "saf", "cleaning")
    assert f"Data folder: {program.data}" in served.stderr and "No server runs" not in served.stderr
    program.run("unlock", "saf")
    program.stop()
    made = program.run("lock", "saf", "cleaning", "--json")
    answer, told = json.loads(made.stdout), f"No server runs on {program.data}: the lock holds from its next start."
    assert [one["ulid"] for one in answer["under_way"]] == [job["ulid"]] and answer["under_way"][0]["label"]
    assert len(answer["notes"]) == 1 and answer["notes"][0].startswith(told)
    assert (
        made.stderr.index(f"note: {told}") < made.stderr.index("LOCKED OUT")
        and f"Data folder: {program.data}" in made.stderr
    )
    assert job["ulid"] in made.stderr and "Start the server, and send a stop" in made.stderr
    assert "1 job is at the telescope already" in made.stderr
    changed = program.run("lock", "saf", "--change", str(answer["lock"]["id"]), "motor")
    ended = program.run("unlock", "saf")
    for done in (changed, ended):
        assert f"No server runs on {program.data}" in done.stderr and f"Data folder: {program.data}" in done.stderr
    assert "Did you mean saf" in program.run("lock", "saff", "cleaning").stderr


def test_the_ties_of_sites_are_read_once_from_the_setting():
    settings = Settings(stations=["wema=saf+sbf", "wemb=sbf"])
    found = {site: lockouts.holding(settings, site) for site in ("wema", "wemb", "saf", "sbf", "other")}
    assert found == {
        "wema": ("wema", "saf", "sbf"),
        "wemb": ("wemb", "sbf"),
        "saf": ("saf", "wema"),
        "sbf": ("sbf", "wema", "wemb"),
        "other": ("other",),
    }
    assert lockouts.holding(settings, "sbf") is found["sbf"]
