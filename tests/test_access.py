"""Tokens of the appliance's own, and the login of a browser."""

import re

import jwt
import pytest
import requests

from prjobs import access
from prjobs.access import NewToken
from prjobs.errors import NotFound, Unauthorized
from tests.conftest import USER, make_token

CLAIMS = {"iss": "prjobs", "aud": "prjobs", "sub": "auth0|alice", "jti": "x", "iat": 1, "exp": 99_999_999_999}


def test_it_works(appliance):
    token, info = access.create_token(appliance, NewToken("auth0|alice", "Alice", ["admin"], ["saf"], 1), USER)
    identity = access.identify(appliance, token)
    assert (identity.user_id, identity.user_name, identity.roles, identity.sites) == (
        "auth0|alice",
        "Alice",
        ("admin",),
        ("saf",),
    )
    assert [one.id for one in access.list_tokens(appliance)] == [info.id]


def test_the_token_itself_is_not_stored(appliance):
    token = make_token(appliance, "auth0|alice")
    appliance.database.write(lambda transaction: None)
    for file in appliance.folder.iterdir():
        if file.is_file():
            assert token.rpartition(".")[2].encode() not in file.read_bytes()


def test_a_revoked_or_expired_token_is_worth_nothing(appliance, clock):
    token, info = access.create_token(appliance, NewToken("auth0|alice", days=1), USER)
    other = make_token(appliance, "auth0|bob")
    access.revoke_token(appliance, info.id, USER)
    with pytest.raises(Unauthorized, match="revoked"):
        access.identify(appliance, token)
    access.identify(appliance, other)
    clock.advance(86_401)
    with pytest.raises(Unauthorized, match="expired"):
        access.identify(appliance, other)
    with pytest.raises(NotFound):
        access.revoke_token(appliance, "nope", USER)


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
    token = jwt.encode(claims, appliance.secret if key == "own" else key, algorithm=algorithm)
    with pytest.raises(Unauthorized):
        access.identify(appliance, token)


@pytest.mark.parametrize("token", ["", "undefined", "a.b.c", "\u2603", "x" * 9000])
def test_rubbish_is_no_token(appliance, token):
    with pytest.raises(Unauthorized):
        access.identify(appliance, token)


def test_roles_are_compared_whole():
    assert not access.Identity("u", "U", ("notadmin", "administrator")).is_admin
    assert access.Identity("u", "U", ("admin",)).is_admin


def test_a_login_link_works_once_and_only_the_newest(appliance):
    old, new = access.create_login_key(appliance), access.create_login_key(appliance)
    for key in (old, "", "x"):
        with pytest.raises(Unauthorized):
            access.use_login_key(appliance, key)
    access.use_login_key(appliance, new)
    with pytest.raises(Unauthorized):
        access.use_login_key(appliance, new)


def test_a_change_with_the_cookie_needs_the_pages_own_header(server):
    token = make_token(server.appliance, "staff", "admin")
    with requests.Session() as browser:
        browser.post(f"{server.url}/api/login", json={"token": token})
        assert browser.get(f"{server.url}/api/now").json()["user"]["user_id"] == "staff"
        body = {"user_id": "auth0|bob"}
        assert browser.post(f"{server.url}/api/tokens", json=body).status_code == 403
        made = browser.post(f"{server.url}/api/tokens", json=body, headers={"X-Prjobs-Page": "1"})
        assert access.identify(server.appliance, made.json()["token"]).user_id == "auth0|bob"
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
    answer = requests.post(f"{server.url}/api/login", json={"token": token}, timeout=20)
    (age_s,) = re.findall(r"Max-Age=(\d+)", answer.headers["Set-Cookie"])
    assert days * 86_400 - 60 < int(age_s) <= days * 86_400
