"""Who did it: the user of a login link, the user at the terminal, and programs that only an address is known of."""

import getpass
import json

import pytest
import requests

from prjobs.access import audit, tokens
from prjobs.access.audit import OPERATOR
from prjobs.access.tokens import NewToken
from prjobs.monitor.views import named
from prjobs.server import Server
from tests.program import JOB, Program
from tests.verbs import USER, make_token


def log_in(url: str, link: str) -> requests.Response:
    return requests.post(f"{url}/api/login", json={"once": link.strip().partition("#once=")[2]}, timeout=60)


def rows_of(program: Program) -> list[tuple[str, str, str]]:
    rows = map(json.loads, program.run("audit", "export").stdout.splitlines())
    return [(row["who"], row["what"], row["where_from"]) for row in rows]


# ---- a login link


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "user"),
    [
        (("--user", "ann", "--name", "Ann K."), ("ann", "Ann K.")),
        (("--user", "ann"), ("ann", "ann")),
        ((), ("staff", "Staff")),
    ],
)
def test_a_login_link_names_its_user(program: Program, flags: tuple[str, ...], user: tuple[str, str]) -> None:
    program.serve()
    answer = log_in(program.url, program.run("login", *flags).stdout)
    found = answer.json()["user"]
    assert (found["user_id"], found["user_name"], found["roles"]) == (*user, ["admin"])
    # The jobs of that browser carry the name.
    (cookie,) = answer.cookies
    sent = program.new_job(cookie.value, user_id=user[0], user_name=user[1])
    assert (sent["user_id"], sent["user_name"]) == user
    assert (user[0], "newjob") in [row[:2] for row in rows_of(program)]


@pytest.mark.slow
def test_a_name_alone_names_nobody(program: Program) -> None:
    program.serve()
    refused = program.run("login", "--name", "Ann K.")
    assert refused.returncode == 1 and "--name names the user of --user: give both." in refused.stderr


def test_a_user_without_letters_is_refused(server: Server) -> None:
    headers = {"Authorization": f"Bearer {make_token(server.appliance, 'staff', 'admin')}"}
    wrong = requests.post(f"{server.url}/api/login-key", json={"user_id": "a\nb"}, headers=headers, timeout=60)
    assert wrong.status_code == 400 and wrong.json()["error"].startswith("user_id must be")


# ---- the name on a job


@pytest.mark.parametrize(
    ("user_id", "name", "roles", "shown"),
    [
        ("bob", "Bob B.", (), "Bob B."),
        ("bob", "Bob B.", ("admin",), "Bob B."),
        ("bob", "", (), "Ann K., Administrator"),
        ("boss", "The Boss", ("admin",), "Ann K., Administrator"),
    ],
)
def test_the_name_on_a_users_own_job_is_that_of_the_token(
    server: Server, user_id: str, name: str, roles: tuple[str, ...], shown: str
) -> None:
    new = NewToken(user_id, name, list(roles))
    headers = {"Authorization": f"Bearer {tokens.create_token(server.appliance.desk, new, USER)[0]}"}
    body = {**JOB, "user_id": "bob", "user_name": "Ann K., Administrator"}
    sent = requests.post(f"{server.url}/newjob", json=body, headers=headers, timeout=60)
    assert (sent.status_code, sent.json()["user_name"]) == (200, shown)
    (listed,) = requests.get(f"{server.url}/api/jobs", timeout=60).json()["jobs"]
    assert listed["user_name"] == shown


# ---- the terminal


@pytest.mark.slow
def test_acts_at_the_terminal_carry_the_user_of_the_machine(program: Program) -> None:
    me = getpass.getuser()
    program.run("token", "create", "--user", "before")
    assert rows_of(program) == [(me, "token create", "command line")]
    program.serve()
    ulid = program.run("send", "saf", "mount", "", "go").stdout.strip()
    stop = program.run("cancel", "--all", "saf").stdout.strip()
    found = {job["ulid"]: job for job in map(json.loads, program.run("jobs", "--json").stdout.splitlines())}
    assert [(found[one]["user_id"], found[one]["user_name"]) for one in (ulid, stop)] == [(me, me)] * 2
    assert {who for who, what, _ in rows_of(program) if what in ("newjob", "token create")} == {me}


@pytest.mark.parametrize("error", [OSError, KeyError, ImportError])
def test_a_system_without_a_name_has_an_operator(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", fail)
    assert audit.operator() == OPERATOR


# ---- programs


@pytest.mark.parametrize("address", ["127.0.0.1:41632", "10.0.0.5", "::1:5000", "fe80::1", "fe80::1%eth0:5000"])
def test_a_program_without_a_token_is_an_observatory(address: str) -> None:
    assert named(address) == ("observatory", address)


@pytest.mark.parametrize("who", ["ann", "auth0|ann", "12:34", "appliance", "cloud", "observatory", "", "saf:8642", "7"])
def test_any_other_name_stays(who: str) -> None:
    assert named(who) == (who, "")


def test_the_feed_and_the_history_of_a_job_name_the_observatory(server: Server, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    ulid = requests.post(f"{server.url}/newjob", json=JOB, headers=headers, timeout=60).json()["ulid"]
    requests.post(f"{server.url}/getnewjobs", json={"site": "saf"}, timeout=60)
    report = {"site": "saf", "ulid": ulid, "newStatus": "STARTED"}
    requests.post(f"{server.url}/updatejobstatus", json=report, timeout=60)
    history = requests.get(f"{server.url}/api/jobs/{ulid}", timeout=60).json()["timeline"]
    feed = requests.get(f"{server.url}/api/changes?since=0", timeout=60).json()["changes"]
    for rows in (history, feed):
        assert [row["who"] for row in rows] == ["auth0|alice", "observatory", "observatory"]
        assert "address" not in rows[0] and all(row["address"].startswith("127.0.0.1:") for row in rows[1:])
