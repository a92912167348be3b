"""Stops, closings and parkings that were reported without a hand-out: said so, and an alarm until somebody looked."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from prjobs.access.audit import Actor
from prjobs.appliance import Appliance
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.jobs import log, withdrawals
from prjobs.jobs.lookup import find_job
from prjobs.monitor import alarms
from prjobs.monitor.watching import Watch
from prjobs.opening import close_appliance
from prjobs.server import Server
from prjobs.store.models import JobRow
from tests.clocks import ManualClock
from tests.stores import open_appliance
from tests.verbs import USER, make_token, report, take
from tests.verbs import submit as submit_to

ANN = Actor("auth0|ann", "tests")
Submit = Callable[..., JobRow]
SAFE = [("camera", "stop", "stop"), ("enclosure", "close", "close"), ("mount", "park", "park")]


@pytest.fixture
def look(appliance: Appliance) -> Callable[[], list[str]]:
    """One look; the keys that are raised after it."""
    watch = Watch(appliance.board)

    def look() -> list[str]:
        take(appliance, site="mrc1")
        watch.once()
        return [alarm.key for alarm in alarms.list_alarms(appliance.board)]

    return look


@pytest.mark.parametrize(("device", "action", "name"), SAFE)
@pytest.mark.parametrize("word", ["RECEIVED", "STARTED", "COMPLETE", "FAILED: jammed", "CANCELLED"])
def test_it_works(
    appliance: Appliance, submit: Submit, look: Callable[[], list[str]], device: str, action: str, name: str, word: str
) -> None:
    take(appliance)
    job = submit(device=device, action=action)
    look()
    report(appliance, job, word)
    key = f"{name}-reported/{job.ulid}"
    assert key in look()
    raised = next(alarm for alarm in alarms.list_alarms(appliance.board) if alarm.key == key)
    assert "but never handed out here" in raised.sentence and raised.todo and raised.manual
    assert find_job(appliance.queue.database, job.ulid).note == "reported, not handed out"


def test_the_alarm_stays_until_somebody_looked(
    appliance: Appliance, submit: Submit, look: Callable[[], list[str]], clock: ManualClock
) -> None:
    job = submit(action="stop")
    key = f"stop-reported/{job.ulid}"
    report(appliance, job, "COMPLETE")
    clock.advance(86_400)
    assert key in look()
    alarms.acknowledge(appliance.board, [key], ANN)
    clock.advance(1000)
    assert key in look()
    clock.advance(1000)
    assert key not in look()
    report(appliance, job, "COMPLETE")
    assert key not in look()


@pytest.mark.parametrize("word", ["COMPLETE", "CANCELLED"])
def test_the_alarm_outlives_the_process(folder: Folder, clock: ManualClock, patient: None, word: str) -> None:
    before, _ = open_appliance(folder, Settings(), clock)
    job = submit_to(before, action="stop")
    watch = Watch(before.board)
    watch.once()
    report(before, job, word)
    watch.once()
    close_appliance(before, folder)
    clock.advance(2 * 86_400)
    after, _ = open_appliance(folder, Settings(), clock)
    watch = Watch(after.board)
    key = f"stop-reported/{job.ulid}"
    watch.once()
    assert key in after.board.alarms
    alarms.acknowledge(after.board, [key], ANN)
    clock.advance(2000)
    watch.once()
    assert key not in after.board.alarms
    close_appliance(after, folder)
    again, _ = open_appliance(folder, Settings(), clock)
    Watch(again.board).once()
    assert key not in again.board.alarms
    close_appliance(again, folder)


def test_a_report_before_the_first_look_counts(appliance: Appliance, submit: Submit) -> None:
    """As when the process died between the report and the alarm."""
    job = submit(action="stop")
    report(appliance, job, "COMPLETE")
    appliance.queue.reported.clear()
    Watch(appliance.board).once()
    assert f"stop-reported/{job.ulid}" in appliance.board.alarms


def test_no_alarm_for_what_was_handed_out_or_withdrawn_or_moves(
    appliance: Appliance, submit: Submit, look: Callable[[], list[str]]
) -> None:
    stop = submit(action="stop")
    take(appliance)
    report(appliance, stop, "COMPLETE")
    park, go = submit(action="park"), submit()
    report(appliance, go, "COMPLETE")
    withdrawals.cancel_job(appliance.queue, park.ulid, USER)
    assert [key for key in look() if "reported" in key] == []
    assert find_job(appliance.queue.database, stop.ulid).note == ""


def test_a_report_for_the_alternate_queue_alone_leaves_the_stop_waiting(
    appliance: Appliance, submit: Submit, look: Callable[[], list[str]]
) -> None:
    stop = submit(action="stop")
    report(appliance, stop, "COMPLETE", alternate=True)
    assert [key for key in look() if "reported" in key] == []
    assert [row.ulid for row in take(appliance)] == [stop.ulid]


# ---- a linked appliance, which reads the recent jobs in place of polls

# The user of all reports of `verbs.report`.
LINKED = "tests"


@pytest.fixture
def raised(appliance: Appliance, clock: ManualClock) -> Callable[[], list[str]]:
    """Let the appliance of the site read the recent jobs, report on a stop and look; return the keys of such alarms."""
    watch = Watch(appliance.board)

    def raised(*words: str, reader: str = LINKED, reads: bool = True, polls: bool = False) -> list[str]:
        if polls:
            take(appliance)
        job = submit_to(appliance, action="stop")
        clock.advance(1)
        if reads:
            appliance.queue.polls.note_reading("saf", reader)
        for word in words:
            report(appliance, job, word)
            watch.once()
        return [alarm.key for alarm in alarms.list_alarms(appliance.board) if alarm.key == f"stop-reported/{job.ulid}"]

    return raised


@pytest.mark.parametrize("words", [["RECEIVED"], ["COMPLETE"], ["RECEIVED", "STARTED", "COMPLETE"]])
def test_no_alarm_for_what_a_linked_appliance_read(
    appliance: Appliance, raised: Callable[..., list[str]], words: list[str]
) -> None:
    assert raised(*words) == []
    assert {note for (note,) in appliance.queue.database.fetch("SELECT note FROM change")} == {""}
    # The next process does not know whose token read before.
    queue = appliance.queue
    (poll,) = queue.polls.unsaved()
    queue.polls.forget("saf")
    assert queue.polls.remember(*poll)
    Watch(appliance.board).once()
    assert not [key for key in appliance.board.alarms.raised() if "reported" in key.key]


@pytest.mark.parametrize(
    ("words", "how"),
    [
        (["RECEIVED", "FAILED: jammed"], {}),
        (["CANCELLED"], {}),
        (["COMPLETE"], {"reads": False}),
        (["COMPLETE"], {"reader": "another user"}),
        (["COMPLETE"], {"polls": True}),
    ],
)
def test_all_other_reports_raise_the_alarm_at_a_linked_site_too(
    appliance: Appliance, raised: Callable[..., list[str]], words: list[str], how: dict[str, Any]
) -> None:
    appliance.queue.polls.note_reading("saf", LINKED)
    assert len(raised(*words, **how)) == 1
    # The alarm stays after a restart, when nobody knows whose token read before.
    (poller,) = [poller for key, poller in appliance.queue.polls._pollers.items() if key == ("saf", "link")]
    poller.reader = ""
    Watch(appliance.board).once()
    assert [one for one in appliance.board.alarms.raised() if "reported" in one.key]


# ---- over HTTP


@pytest.fixture
def ask(server: Server) -> Callable[..., Any]:
    def ask(path: str, *roles: str, sites: tuple[str, ...] = (), **body: Any) -> requests.Response:
        token = make_token(server.appliance, "auth0|alice", *roles, sites=sites)
        headers = {"Authorization": f"Bearer {token}"} if roles != ("nobody",) else {}
        return requests.post(server.url + path, json=body, headers=headers, timeout=60)

    return ask


def send_stop(ask: Callable[..., Any]) -> str:
    names = {"device": "all", "instance": "all", "action": "cancel_all_commands", "user_name": "Alice"}
    sent = ask("/newjob", site="saf", user_id="auth0|alice", required_params={}, optional_params={}, **names)
    return str(sent.json()["ulid"])


PATHS = [f"{prefix}{name}" for prefix in ("/", "/jobs/", "/dev/") for name in ("updatejobstatus", "startjob")]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("alternate", [False, True])
def test_no_report_without_the_right_token_takes_a_stop_away(
    ask: Callable[..., Any], path: str, alternate: bool
) -> None:
    ulid = send_stop(ask)
    said = {"site": "saf", "ulid": ulid, "newStatus": "COMPLETE", "alternateQueue": alternate}
    assert ask(path, "nobody", **said).status_code == 409
    assert ask(path, "viewer", **said).status_code == 409
    assert ask(path, **said).status_code == 409
    assert ask(path, "observatory", sites=("mrc1",), **said).status_code == 409
    assert [job["ulid"] for job in ask("/getnewjobs", "nobody", site="saf").json()] == [ulid]


@pytest.mark.parametrize("role", ["observatory", "owner", "admin"])
def test_a_report_with_the_token_is_taken_and_said(ask: Callable[..., Any], role: str) -> None:
    ulid = send_stop(ask)
    said = {"site": "saf", "ulid": ulid, "newStatus": "COMPLETE", "message": "done"}
    assert ask("/updatejobstatus", role, sites=("saf",), **said).status_code == 200
    url = ask("/getnewjobs", "nobody", site="saf").url.removesuffix("/getnewjobs")
    job = requests.get(f"{url}/api/jobs/{ulid}").json()
    assert job["note"] == job["timeline"][-1]["note"] == "reported, not handed out: done"


def test_an_administrator_closes_what_waits_with_a_reason(ask: Callable[..., Any]) -> None:
    ulid = send_stop(ask)
    assert ask(f"/api/jobs/{ulid}/close", "owner", reason="x").status_code == 409
    assert ask(f"/api/jobs/{ulid}/close", "admin", reason=" ").status_code == 400
    closed = ask(f"/api/jobs/{ulid}/close", "admin", reason="the program is gone for good").json()
    assert (closed["status"], closed["note"]) == ("CANCELLED", "the program is gone for good")


# ---- the pace of reports without a token


def test_reports_without_a_token_have_a_pace_and_every_change_of_phase_passes(
    make_server: Callable[..., Server],
) -> None:
    server = make_server(newjob_rate=5)
    token = make_token(server.appliance, "site", "observatory")
    jobs = [submit_to(server.appliance, instance=f"mount{number}") for number in range(3)]
    stop = submit_to(server.appliance, action="stop", site="tst")
    for site in ("saf", "tst"):
        take(server.appliance, site=site)

    def send(job: JobRow, status: str, **headers: str) -> int:
        body = {"site": job.site, "ulid": job.ulid, "newStatus": status, "secondsUntilComplete": 5}
        return requests.post(f"{server.url}/updatejobstatus", json=body, headers=headers, timeout=60).status_code

    first, second, third = jobs
    assert [send(first, "EXPOSING") for _ in range(7)] == [200] * 5 + [429] * 2
    count = len(log.list_changes(server.appliance.queue.database, 0))
    # Above the pace: the first report on a job, which proves its arrival, and each one of another phase or last word.
    assert [send(second, "STARTED"), send(second, "EXPOSING"), send(second, "COMPLETE")] == [200, 429, 200]
    assert [send(second, word) for word in ("COMPLETE", "FAILED", "FAILED")] == [429, 200, 429]
    assert [send(second, word) for word in ("EXPOSING", "GUIDING", "COMPLETE")] == [200, 429, 200]
    assert [send(third, "FAILED: no sky"), send(third, "FAILED: dome"), send(third, "ABORTED")] == [200, 429, 200]
    assert [send(stop, "COMPLETE"), send(stop, "COMPLETE")] == [200, 429]
    assert send(first, "COMPLETE") == 200
    assert len(log.list_changes(server.appliance.queue.database, 0)) == count + 9
    assert send(first, "REDUCING", Authorization=f"Bearer {token}") == 200
    unknown = {"site": "saf", "ulid": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "newStatus": "COMPLETE"}
    assert requests.post(f"{server.url}/updatejobstatus", json=unknown, timeout=60).status_code == 429
