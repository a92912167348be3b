"""Tokens of the appliance's own, and the login of a browser."""

import re

import jwt
import pytest
import requests

from prjobs.access import desk, login, tokens
from prjobs.access.tokens import NewToken
from prjobs.base.errors import NotFound, Unauthorized
from tests.verbs import USER, make_token

CLAIMS = {"iss": "prjobs", "aud": "prjobs", "sub": "auth0|alice", "jti": "x", "iat": 1, "exp": 99_999_999_999}


def test_it_works(appliance):
    token, info = tokens.create_token(appliance.desk, NewToken("auth0|alice", "Alice", ["admin"], ["saf"], 1), USER)
    identity = tokens.identify(appliance.desk, token)
    assert (identity.user_id, identity.user_name, identity.roles, identity.sites) == (
        "auth0|alice",
        "Alice",
        ("admin",),
        ("saf",),
    )
    assert [one.id for one in tokens.list_tokens(appliance.desk)] == [info.id]


def test_what_was_looked_up_of_some_thousand_tokens_is_kept():
    """A dict that is emptied before would cost each site of a hub a look into the store at each poll."""
    known: dict[str, int] = {}
    for number in range(5000):
        desk.remember(known, str(number), number)
    assert len(known) == 5000


def test_the_token_itself_is_not_stored(appliance):
    token = make_token(appliance, "auth0|alice")
    appliance.queue.database.write(lambda transaction: None)
    for file in appliance.queue.folder.iterdir():
        if file.is_file():
            assert token.rpartition(".")[2].encode() not in file.read_bytes()


def test_a_token_that_is_revoked_while_it_is_looked_up_is_worth_nothing_from_then_on(appliance, monkeypatch):
    token, info = tokens.create_token(appliance.desk, NewToken("auth0|alice"), USER)
    fetch = appliance.queue.database.fetch

    def revoked_meanwhile(sql, parameters=()):
        found = fetch(sql, parameters)
        if "FROM token" in sql:
            tokens.revoke_token(appliance.desk, info.id, USER)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(appliance.queue.database, "fetch", revoked_meanwhile)
        assert tokens.identify(appliance.desk, token).user_id == "auth0|alice"
    with pytest.raises(Unauthorized, match="revoked"):
        tokens.identify(appliance.desk, token)


def test_a_known_token_is_not_looked_up_again(appliance, monkeypatch):
    token = make_token(appliance, "auth0|alice")
    known = tokens.identify(appliance.desk, token)
    with monkeypatch.context() as patched:
        patched.setattr(appliance.queue.database, "fetch", None)
        assert tokens.identify(appliance.desk, token) is known


def test_a_revoked_or_expired_token_is_worth_nothing(appliance, clock):
    token, info = tokens.create_token(appliance.desk, NewToken("auth0|alice", days=1), USER)
    other = make_token(appliance, "auth0|bob")
    tokens.revoke_token(appliance.desk, info.id, USER)
    with pytest.raises(Unauthorized, match="revoked"):
        tokens.identify(appliance.desk, token)
    tokens.identify(appliance.desk, other)
    clock.advance(86_401)
    with pytest.raises(Unauthorized, match="expired"):
        tokens.identify(appliance.desk, other)
    with pytest.raises(NotFound):
        tokens.revoke_token(appliance.desk, "nope", USER)


@pytest.mark.parametrize(
    ("changes", "key", "algorithm"),
    [
        ({}, "own", "HS512"),
        ({}, "x" * 48, "HS256"),
        ({}, None, "none"),
        ({"iss": "prjobs2"}, "own", "HS256"),
        ({"aud": "other"}, "own", "HS256"),
        ({"exp": None}, "own", "HS256"),
        ({"sub": None}, "own", "HS256"),
        ({"jti": None}, "own", "HS256"),
        ({"exp": 1}, "own", "HS256"),
        ({}, "own", "HS256"),
    ],
)
def test_a_token_that_we_did_not_make_is_refused(appliance, changes, key, algorithm):
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    token = jwt.encode(claims, appliance.desk.secret if key == "own" else key, algorithm=algorithm)
    with pytest.raises(Unauthorized):
        tokens.identify(appliance.desk, token)


@pytest.mark.parametrize("token", ["", "undefined", "a.b.c", "\u2603", "x" * 9000])
def test_rubbish_is_no_token(appliance, token):
    with pytest.raises(Unauthorized):
        tokens.identify(appliance.desk, token)


def test_roles_are_compared_whole():
    assert not tokens.Identity("u", "U", ("notadmin", "administrator")).is_admin
    assert tokens.Identity("u", "U", ("admin",)).is_admin


def test_a_login_link_works_once_and_only_the_newest(appliance):
    old, new = login.create_login_key(appliance.desk), login.create_login_key(appliance.desk)
    for key in (old, "", "x"):
        with pytest.raises(Unauthorized):
            login.use_login_key(appliance.desk, key)
    login.use_login_key(appliance.desk, new)
    with pytest.raises(Unauthorized):
        login.use_login_key(appliance.desk, new)


def test_a_change_with_the_cookie_needs_the_pages_own_header(server):
    token = make_token(server.appliance, "staff", "admin")
    with requests.Session() as browser:
        browser.post(f"{server.url}/api/login", json={"token": token})
        assert browser.get(f"{server.url}/api/now").json()["user"]["user_id"] == "staff"
        body = {"user_id": "auth0|bob"}
        assert browser.post(f"{server.url}/api/tokens", json=body).status_code == 403
        made = browser.post(f"{server.url}/api/tokens", json=body, headers={"X-Prjobs-Page": "1"})
        assert tokens.identify(server.appliance.desk, made.json()["token"]).user_id == "auth0|bob"
        browser.post(f"{server.url}/api/logout", headers={"X-Prjobs-Page": "1"})
        assert browser.get(f"{server.url}/api/now").json()["user"] is None


def test_the_tokens_of_others_are_an_administrators_business(server):
    alice = {"Authorization": f"Bearer {make_token(server.appliance, 'auth0|alice', 'owner')}"}
    for method, path in (("GET", "/api/tokens"), ("POST", "/api/tokens"), ("DELETE", "/api/tokens/x")):
        assert requests.request(method, server.url + path, headers=alice).status_code == 403
        assert requests.request(method, server.url + path).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "user_id"),
        ({"user_id": "a", "roles": ["king"]}, "roles"),
        ({"user_id": "a", "days": 0}, "days"),
        ({"user_id": "a", "sites": ["../x"]}, "sites"),
    ],
)
def test_a_wrong_token_request_names_the_field(server, body, field):
    admin = {"Authorization": f"Bearer {make_token(server.appliance, 'staff', 'admin')}"}
    answer = requests.post(f"{server.url}/api/tokens", json=body, headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request") and field in answer.json()["error"]


@pytest.mark.parametrize("days", [0.5, 400])
def test_a_login_lasts_as_long_as_its_token(make_server, days):
    server = make_server()
    token = make_token(server.appliance, "wall", "viewer", days=days)
    answer = requests.post(f"{server.url}/api/login", json={"token": token}, timeout=60)
    (age_s,) = re.findall(r"Max-Age=(\d+)", answer.headers["Set-Cookie"])
    assert days * 86_400 - 60 < int(age_s) <= days * 86_400


# ---- rights of some sites only


@pytest.fixture
def ask_as(server):
    """One request with a token for these roles and sites."""

    def ask_as(roles, sites, method, path, body=None):
        token = make_token(server.appliance, "auth0|staff", *roles, sites=sites)
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(method, server.url + path, json=body, headers=headers, timeout=60)

    return ask_as


@pytest.mark.parametrize(
    ("own", "sites", "status"),
    [
        (("saf",), [], 403),
        (("saf",), ["mrc1"], 403),
        (("saf",), ["saf", "mrc1"], 403),
        (("saf",), ["saf"], 200),
        (("saf", "mrc1"), ["mrc1"], 200),
        ((), [], 200),
        ((), ["mrc1"], 200),
    ],
)
@pytest.mark.parametrize("roles", [["admin"], ["viewer"], []])
def test_no_token_reaches_beyond_that_of_its_maker(ask_as, server, own, sites, status, roles):
    before = len(tokens.list_tokens(server.appliance.desk))
    body = {"user_id": "boss2", "roles": roles, "sites": sites}
    made = ask_as(["admin"], own, "POST", "/api/tokens", body)
    assert made.status_code == status, made.text
    if status == 200:
        assert made.json()["info"]["sites"] == sites
    assert len(tokens.list_tokens(server.appliance.desk)) == before + 1 + (status == 200)


def test_tokens_that_reach_further_are_neither_listed_nor_revoked(ask_as, server):
    for name, sites in (("all", ()), ("other", ("mrc1",)), ("both", ("saf", "mrc1")), ("own", ("saf",))):
        make_token(server.appliance, name, sites=sites)
    ids = {info.user_id: info.id for info in tokens.list_tokens(server.appliance.desk)}
    listed = ask_as(["admin"], ("saf",), "GET", "/api/tokens").json()["tokens"]
    assert {info["user_id"] for info in listed} == {"own", "auth0|staff"}
    for name in ("all", "other", "both"):
        assert ask_as(["admin"], ("saf",), "DELETE", f"/api/tokens/{ids[name]}").status_code == 404, name
    assert ask_as(["admin"], ("saf",), "DELETE", f"/api/tokens/{ids['own']}").status_code == 200
    revoked = {info.user_id for info in tokens.list_tokens(server.appliance.desk) if info.revoked_ms}
    assert revoked == {"own"}
    assert ask_as(["admin"], (), "DELETE", f"/api/tokens/{ids['both']}").status_code == 200


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/login-key"), ("GET", "/api/settings")])
def test_what_concerns_the_whole_server_is_not_for_an_admin_of_one_site(ask_as, method, path):
    refused = ask_as(["admin"], ("saf",), method, path)
    assert refused.status_code == 403 and "every site" in refused.json()["error"]
    assert ask_as(["admin"], (), method, path).status_code == 200


# ---- a cookie that is not good any more


def log_in(browser, server, *roles):
    token = make_token(server.appliance, "staff", *roles)
    assert browser.post(f"{server.url}/api/login", json={"token": token}, timeout=60).status_code == 200
    return tokens.list_tokens(server.appliance.desk)[-1].id


def who(browser, server):
    answer = browser.get(f"{server.url}/api/now", timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["user"]


def test_a_stale_cookie_never_locks_the_monitor_out(make_server):
    server = make_server(login_failures=3)
    with requests.Session() as browser:
        tokens.revoke_token(server.appliance.desk, log_in(browser, server), USER)
        assert len(browser.cookies) == 1
        assert [who(browser, server) for _ in range(10)] == [None] * 10
        wrong = {"Authorization": "Bearer x"}
        statuses = [requests.get(f"{server.url}/api/may?site=saf", headers=wrong).status_code for _ in range(5)]
        assert statuses == [401] * 3 + [429] * 2
        assert who(browser, server) is None
        out = browser.post(f"{server.url}/api/logout", headers={"X-Prjobs-Page": "1"}, timeout=60)
        assert (out.status_code, out.json(), len(browser.cookies)) == (200, {"user": None}, 0)


def test_a_logout_deletes_the_cookie_and_revokes_the_token_of_the_link(server):
    with requests.Session() as browser:
        key = login.create_login_key(server.appliance.desk)
        browser.post(f"{server.url}/api/login", json={"once": key}, timeout=60)
        (cookie,) = browser.cookies
        assert who(browser, server)["roles"] == ["admin"]
        browser.post(f"{server.url}/api/logout", headers={"X-Prjobs-Page": "1"}, timeout=60)
        assert len(browser.cookies) == 0
    with pytest.raises(Unauthorized, match="revoked"):
        tokens.identify(server.appliance.desk, cookie.value)


def test_a_cookie_that_a_site_of_the_same_domain_set_neither_hides_nor_replaces_the_users_own(make_server):
    server = make_server(login_failures=3)
    name = f"prjobs_login_{server.appliance.desk.identity}"
    own, stranger = (make_token(server.appliance, user, "admin") for user in ("staff", "stranger"))

    def ask(*cookies, method="get", path="/api/tokens"):
        headers = {"Cookie": "; ".join(f"{name}={cookie}" for cookie in cookies), "X-Prjobs-Page": "1"}
        return requests.request(method, server.url + path, headers=headers, timeout=60)

    for cookies in ((own, "x"), ("x", own), ("x", "", own), (own, own)):
        assert ask(*cookies).status_code == 200, cookies
    before = tokens.list_tokens(server.appliance.desk)
    for cookies in ((own, stranger), (stranger, own)):
        refused = ask(*cookies, method="post")
        assert (refused.status_code, "two users" in refused.json()["error"]) == (401, True)
    assert tokens.list_tokens(server.appliance.desk) == before
    # Neither does a header of thousands of cookies cost more than three, or count as many wrong tokens.
    assert [ask(*(f"x{number}" for number in range(100))).status_code for _ in range(2)] == [401, 429]
    assert ask("x1", own).status_code == 200


def test_two_appliances_on_one_machine_keep_their_own_logins(make_server):
    demo, site = make_server(name="demo"), make_server(name="site")
    with requests.Session() as browser:
        log_in(browser, demo)
        log_in(browser, site)
        assert who(browser, demo) and who(browser, site)
        browser.post(f"{demo.url}/api/logout", headers={"X-Prjobs-Page": "1"}, timeout=60)
        assert who(browser, demo) is None and who(browser, site)


def test_cookies_of_other_programs_change_nothing(server):
    with requests.Session() as browser:
        log_in(browser, server)
        (cookie,) = browser.cookies
    for sent in (f"a/b=c; {cookie.name}={cookie.value}", f"{{x}}=1;{cookie.name}={cookie.value}; c"):
        answer = requests.get(f"{server.url}/api/now", headers={"Cookie": sent}, timeout=60)
        assert answer.json()["user"]["user_id"] == "staff"
    for sent in ("a/b=c", "=", ";;", '"', cookie.name, f"x{cookie.name}={cookie.value}"):
        answer = requests.get(f"{server.url}/api/now", headers={"Cookie": sent}, timeout=60)
        assert (answer.status_code, answer.json()["user"]) == (200, None), sent


@pytest.mark.parametrize(
    "sent",
    [
        b"Basic \xe9",
        b"Basic",
        b"Basic ====",
        b"Basic //46eA==",
        b"Basic YTo=",
        b"Bearer",
        b"Bearer \xe9\xff",
        b"\xff",
        b"Digest x",
    ],
)
def test_an_odd_authorization_is_no_token_and_no_defect(make_server, sent):
    server = make_server(observatory_access="token", login_failures=1000)
    for method, path in (
        ("POST", "/getnewjobs"),
        ("POST", "/updatejobstatus"),
        ("POST", "/newjob"),
        ("GET", "/api/now"),
        ("GET", "/night"),
    ):
        answer = requests.request(method, server.url + path, data="{}", headers={"Authorization": sent}, timeout=60)
        assert answer.status_code == 401, path
    for method, path in (("POST", "/api/logout"), ("GET", "/healthz?for=watchdog")):
        answer = requests.request(method, server.url + path, data="{}", headers={"Authorization": sent}, timeout=60)
        # The refused polls are a reason for the watchdog.
        assert answer.status_code in (200, 503), path
