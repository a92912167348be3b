"""The audit over HTTP: acknowledgements, login links, refused tokens and reservations, staff who fetch and report."""

import threading

import pytest
import requests

from prjobs.access import audit, login, tokens
from prjobs.access.audit import FETCH, REFUSED, REPORT
from prjobs.base.errors import Unauthorized
from prjobs.jobs import lookup
from prjobs.monitor import alarms
from prjobs.monitor.board import Board
from prjobs.monitor.watching import Watch
from prjobs.server import Server
from tests.clocks import ManualClock
from tests.program import JOB
from tests.verbs import USER, make_token, submit
from tests.waiting import wait_for

SITE_ALARM, SERVER_ALARM = "notice/cloud_down/saf", "notice/backup"


def rows_of(server: Server) -> list[tuple[str, str, str, str]]:
    """The audit without the making and the use of tokens, in which rows that were posted before are."""
    server.appliance.queue.database.write(lambda transaction: None)
    rows = audit.list_rows(server.appliance.queue.database.fetch)
    left_out = (audit.TOKEN_CREATE, audit.TOKEN_USE)
    return [(row.who, row.what, row.target, row.detail) for row in rows if row.what not in left_out]


class Asking:
    """Requests in the names of users."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tokens = {
            "user": make_token(server.appliance, "user"),
            "at saf": make_token(server.appliance, "at saf", sites=("saf",)),
            "owner": make_token(server.appliance, "owner", "owner"),
            "admin": make_token(server.appliance, "admin", "admin"),
            "viewer": make_token(server.appliance, "viewer", "viewer"),
            "program": make_token(server.appliance, "program", "observatory", sites=("saf",), days=60),
            "nobody": "bad.token.x",
        }

    def __call__(self, who: str, method: str, path: str, body: object = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        return requests.request(method, self.server.url + path, json=body, headers=headers, timeout=60)


@pytest.fixture
def asking(server):
    return Asking(server)


@pytest.fixture
def away(make_server):
    """A server whose every caller is as one from elsewhere."""
    clock = ManualClock()
    server = make_server(clock, observatory_access="token")
    return Asking(server), clock


# ---- acknowledgements


@pytest.fixture
def alarmed(asking):
    appliance = asking.server.appliance
    appliance.queue.notices.say("backup", "It failed.")
    appliance.queue.notices.say("cloud_down", "No answer.", "saf")
    Watch(appliance.board).once()
    assert {alarm.key for alarm in alarms.list_alarms(appliance.board)} == {SITE_ALARM, SERVER_ALARM}
    return asking


def acknowledged(board: Board) -> set[str]:
    return {alarm.key for alarm in alarms.list_alarms(board) if alarm.ack}


@pytest.mark.parametrize(
    ("who", "site_status", "server_status"),
    [("owner", 200, 200), ("admin", 200, 200), ("at saf", 200, 403), ("user", 403, 403), ("viewer", 403, 403)],
)
def test_staff_and_users_of_the_site_acknowledge_and_the_audit_has_it(alarmed, who, site_status, server_status):
    expected = []
    for key, status in ((SITE_ALARM, site_status), (SERVER_ALARM, server_status)):
        for method, what in (("POST", audit.ALARM_ACK), ("DELETE", audit.ALARM_UNACK)):
            assert alarmed(who, method, "/api/alarms/ack", {"key": key}).status_code == status
            seen = {key} if (method, status) == ("POST", 200) else set()
            assert acknowledged(alarmed.server.appliance.board) == seen
            expected.append((who, what, key) if status == 200 else (who, REFUSED, f"{method} /api/alarms/ack"))
    assert [row[:3] for row in rows_of(alarmed.server)] == expected


def test_of_several_alarms_a_user_acknowledges_those_of_the_own_site(alarmed):
    assert alarmed("at saf", "POST", "/api/alarms/ack", {"keys": [SERVER_ALARM, SITE_ALARM]}).status_code == 200
    assert acknowledged(alarmed.server.appliance.board) == {SITE_ALARM}


# ---- login links


def test_the_making_of_a_login_link_is_recorded(asking):
    assert asking("admin", "POST", "/api/login-key", {"user_id": "ann"}).status_code == 200
    assert rows_of(asking.server) == [("admin", "login link made", "ann", "")]


def test_a_login_link_ends_after_a_day(appliance, clock):
    for wait_s, is_good in ((86_399, True), (86_401, False)):
        key = login.create_login_key(appliance.desk)
        clock.advance(wait_s)
        if is_good:
            login.use_login_key(appliance.desk, key)
        else:
            with pytest.raises(Unauthorized, match="older than a day"):
                login.use_login_key(appliance.desk, key)


def test_a_login_link_of_an_older_version_has_ended(appliance):
    key = login.create_login_key(appliance.desk)
    sql = "DELETE FROM fact WHERE name = 'login_made_ms'"
    appliance.queue.database.write(lambda transaction: transaction.execute(sql))
    with pytest.raises(Unauthorized, match="older than a day"):
        login.use_login_key(appliance.desk, key)


# ---- refusals


@pytest.mark.parametrize(
    ("who", "method", "path", "body", "status", "recorded"),
    [
        ("user", "POST", "/api/tokens", {"user_id": "x"}, 403, "user"),
        ("user", "DELETE", "/api/tokens/x", None, 403, "user"),
        ("user", "POST", "/api/login-key", {}, 403, "user"),
        (
            "user",
            "POST",
            "/api/reservations",
            {"site": "saf", "creator_id": "x", "start_ms": 0, "end_ms": 1},
            403,
            "user",
        ),
        ("user", "DELETE", "/api/reservations/1", None, 403, "user"),
        ("user", "DELETE", "/api/sites/saf", None, 403, "user"),
        ("viewer", "POST", "/newjob", JOB, 403, "viewer"),
        ("viewer", "POST", "/api/make_safe", {"site": "saf"}, 403, "viewer"),
        ("nobody", "POST", "/api/tokens", {"user_id": "x"}, 401, "unknown"),
        ("", "POST", "/newjob", JOB, 401, "unknown"),
        ("", "POST", "/api/login", {"once": "guess"}, 401, "unknown"),
        ("nobody", "GET", "/api/may?site=saf", None, 401, "unknown"),
    ],
)
def test_a_refused_act_is_recorded(asking, who, method, path, body, status, recorded):
    refused = asking(who, method, path, body)
    assert refused.status_code == status
    ((name, what, _, sentence),) = rows_of(asking.server)
    assert (name, what) == (recorded, REFUSED) and sentence in refused.text


@pytest.mark.parametrize(("who", "path"), [("", "/api/may?site=saf"), ("user", "/api/tokens"), ("user", "/api/jobs/x")])
def test_a_reader_without_a_right_or_a_token_is_not_recorded(asking, who, path):
    assert asking(who, "GET", path).status_code in (401, 403, 404)
    assert rows_of(asking.server) == []


def test_a_burst_of_refused_commands_leaves_few_rows_and_hides_nobody(asking):
    for _ in range(60):
        asking("nobody", "POST", "/newjob", JOB)
    asking("user", "POST", "/api/tokens", {"user_id": "x"})
    rows = rows_of(asking.server)
    assert 1 <= len([row for row in rows if row[0] == "unknown"]) <= 12
    assert rows[-1][:3] == ("user", REFUSED, "POST /api/tokens")


def test_a_program_that_is_refused_all_night_leaves_a_row_an_hour(away):
    asking, clock = away
    for hour in (1, 2):
        for path in ("getnewjobs", "updatejobstatus", "jobs/getnewjobs/"):
            for _ in range(10):
                asking("nobody", "POST", f"/{path}", {"site": "saf"})
        assert {row[:2] for row in rows_of(asking.server)} == {("unknown", REFUSED)}
        assert len(rows_of(asking.server)) <= 3 * hour
        clock.advance(3601)


def test_a_page_with_an_old_login_leaves_a_row_an_hour(away):
    asking, _ = away
    desk = asking.server.appliance.desk
    tokens.revoke_token(desk, tokens.identify(desk, asking.tokens["viewer"]).token_id, USER)
    for _ in range(20):
        assert asking("viewer", "GET", "/api/now").status_code == 401
    assert [row[:2] for row in rows_of(asking.server) if row[1] != audit.TOKEN_REVOKE] == [("unknown", REFUSED)]


# ---- staff in place of a program


def test_staff_who_fetch_and_report_from_elsewhere_are_recorded(away):
    asking, _ = away
    first, second = (submit(asking.server.appliance) for _ in range(2))
    assert len(asking("owner", "POST", "/getnewjobs", {"site": "saf"}).json()) == 2
    report = {"site": "saf", "ulid": first.ulid, "newStatus": "COMPLETE"}
    assert asking("owner", "POST", "/updatejobstatus", report).status_code == 200
    assert asking("owner", "POST", "/startjob", {"site": "saf", "ulid": second.ulid}).status_code == 200
    assert rows_of(asking.server) == [
        ("owner", FETCH, "saf", f"{first.ulid} {second.ulid}"),
        ("owner", REPORT, first.ulid, "saf COMPLETE "),
        ("owner", REPORT, second.ulid, "saf STARTED "),
    ]


def test_staff_who_poll_in_vain_leave_a_row_an_hour_and_a_program_none(away):
    asking, clock = away
    for _ in range(5):
        asking("owner", "POST", "/getnewjobs", {"site": "saf"})
        asking("program", "POST", "/getnewjobs", {"site": "saf"})
    assert rows_of(asking.server) == [("owner", FETCH, "saf", "")]
    clock.advance(3601)
    asking("owner", "POST", "/getnewjobs", {"site": "saf"})
    assert len(rows_of(asking.server)) == 2


# ---- held requests


def test_a_held_poll_whose_token_was_revoked_gets_no_job(make_server):
    asking = Asking(make_server(observatory_access="token"))
    queue, desk = asking.server.appliance.queue, asking.server.appliance.desk
    answers = []
    poll = threading.Thread(
        target=lambda: answers.append(asking("program", "POST", "/getnewjobs", {"site": "saf", "wait": 20}))
    )
    poll.start()
    wait_for(lambda: queue.waiters.held == 1)
    tokens.revoke_token(desk, tokens.identify(desk, asking.tokens["program"]).token_id, USER)
    job = submit(asking.server.appliance)
    poll.join(60)
    assert (answers[0].status_code, answers[0].json()) == (401, [])
    assert "revoked" in answers[0].headers["X-Prjobs-Error"]
    assert lookup.find_job(queue.database, job.ulid).status == "UNREAD"


def test_a_held_reader_whose_token_was_revoked_reads_nothing(make_server):
    asking = Asking(make_server(observatory_access="token"))
    queue, desk = asking.server.appliance.queue, asking.server.appliance.desk
    answers = []
    reader = threading.Thread(target=lambda: answers.append(asking("viewer", "GET", "/api/changes?since=0&wait=20")))
    reader.start()
    wait_for(lambda: queue.waiters.held == 1)
    tokens.revoke_token(desk, tokens.identify(desk, asking.tokens["viewer"]).token_id, USER)
    submit(asking.server.appliance)
    reader.join(60)
    assert answers[0].status_code == 401
