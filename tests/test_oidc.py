"""Users of an outside provider: who they are, what they may, and every attack that applies (RFC 8725)."""

import base64
import json
import threading
import time

import pytest
import requests

from prjobs.access import tokens
from prjobs.access.provider import Provider
from prjobs.access.provider_keys import parse_keys, read_certificate
from prjobs.base.clock import Clock
from prjobs.base.errors import Unauthorized, Unavailable, Unusable
from prjobs.base.settings import Settings
from prjobs.opening import close_appliance
from tests import provider
from tests.program import JOB
from tests.provider import AUDIENCE, ISSUER, NAMESPACE
from tests.stores import open_appliance
from tests.verbs import make_token
from tests.waiting import wait_for

OIDC = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_namespace": NAMESPACE}


@pytest.fixture(scope="module")
def keys():
    return provider.Keys()


@pytest.fixture(scope="module")
def other():
    return provider.Keys("k2")


def get_json(url, headers):
    answer = requests.get(url, headers=headers, timeout=60)
    return answer.json()


@pytest.fixture
def make_provider(folder, clock):
    def make(**settings):
        return Provider(folder.path, Settings(**{**OIDC, **settings}), clock, get_json)

    return make


@pytest.fixture
def ours(make_provider, keys):
    return make_provider(oidc_certificate=keys.certificate)


def test_it_works(ours, keys):
    identity = ours.identify(keys.token(roles=["admin", "king", 5], name="Alice A."))
    assert (identity.user_id, identity.user_name, identity.roles) == ("auth0|alice", "Alice A.", ("admin",))
    assert not identity.service


@pytest.mark.parametrize("name", list(provider.bad_tokens(provider.Keys(), provider.Keys("k2"))))
def test_every_attack_is_refused_whatever_the_key_comes_from(make_provider, keys, other, name):
    token = provider.bad_tokens(keys, other)[name]
    with provider.published(keys) as (url, _, seen):
        for settings in ({"oidc_certificate": keys.certificate}, {"oidc_jwks_url": f"{url}/jwks.json"}):
            judge = make_provider(**settings)
            assert judge.identify(keys.token()).user_id == "auth0|alice"
            with pytest.raises(Unauthorized):
                judge.identify(token)
        assert set(seen) <= {"jwks.json"}


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({f"{NAMESPACE}/app_metadata": {"roles": ["owner"]}}, ("owner",)),
        ({f"{NAMESPACE}/app_metadata": {"roles": []}, f"{NAMESPACE}/user_metadata": {"roles": ["admin"]}}, ()),
        ({f"{NAMESPACE}/user_metadata": {"roles": "admin"}}, ()),
        ({f"{NAMESPACE}/user_metadata": ["admin"]}, ()),
        ({f"{NAMESPACE}/user_metadata": None}, ()),
        ({f"{NAMESPACE}/user_metadata": {"roles": ["notadmin", "administrator", "Admin"]}}, ()),
        ({"roles": ["admin"], "app_metadata": {"roles": ["admin"]}}, ()),
    ],
)
def test_roles_come_from_the_namespace_alone(ours, keys, claims, roles):
    assert ours.identify(keys.token(**{f"{NAMESPACE}/app_metadata": None, **claims})).roles == roles


@pytest.mark.parametrize("setting", [False, True])
def test_roles_that_users_may_change_themselves_count_only_with_the_setting(make_provider, keys, setting):
    judge = make_provider(oidc_certificate=keys.certificate, oidc_user_metadata=setting)
    written = {f"{NAMESPACE}/user_metadata": {"roles": ["admin"]}}
    assert judge.identify(keys.token(**{**written, f"{NAMESPACE}/app_metadata": {"roles": ["viewer"]}})).roles == (
        "viewer",
    )
    assert not judge.unread_roles
    bare = keys.token(**{**written, f"{NAMESPACE}/app_metadata": None})
    assert judge.identify(bare).roles == (("admin",) if setting else ())
    assert bool(judge.unread_roles) is not setting


@pytest.mark.parametrize("setting", [NAMESPACE, f"{NAMESPACE}/"])
@pytest.mark.parametrize("claim", [f"{NAMESPACE}/app_metadata", f"{NAMESPACE}//app_metadata"])
def test_a_slash_at_the_end_of_the_namespace_changes_nothing(make_provider, keys, setting, claim):
    judge = make_provider(oidc_certificate=keys.certificate, oidc_namespace=setting)
    token = keys.token(**{f"{NAMESPACE}/app_metadata": None, claim: {"roles": ["admin"]}})
    assert judge.identify(token).roles == ("admin",)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_from_the_future_names_the_clock(ours, keys, claim):
    with pytest.raises(Unauthorized, match=r"not valid here yet.*in the future.*clock"):
        ours.identify(keys.token(**{claim: int(time.time()) + 7200}))


@pytest.mark.parametrize("name", [None, 5, ["a"], {"a": "b"}, "", "\n\t", "\ud800", "\x00"])
def test_a_token_without_a_usable_name_has_the_name_of_its_user(ours, keys, name):
    assert ours.identify(keys.token(name=name)).user_name == "auth0|alice"


def test_a_name_holds_what_a_page_can_show(ours, keys):
    assert ours.identify(keys.token(name=" A\nlice\ud800 \u202eA. ")).user_name == "Alice A."
    assert ours.identify(keys.token(name="x" * 500)).user_name == "x" * 128


@pytest.mark.parametrize("claims", [{"exp": 2**63}, {"exp": 1e300}, {"iat": True}, {"iat": -(2**70)}, {"iat": 0.5}])
def test_odd_times_of_a_token_are_stored_and_shown(ours, keys, claims):
    identity = ours.identify(keys.token(**claims))
    assert identity.ends_ms < 2**53 and abs(identity.made_ms) < 2**53


def test_a_service_is_one_whose_token_says_so(ours, keys):
    assert ours.identify(keys.token("abc@clients", gty="client-credentials")).service
    assert not ours.identify(keys.token("abc@clients")).service
    assert not ours.identify(keys.token("auth0|abc", gty="client-credentials")).service


def test_roles_from_userinfo_when_the_token_has_none_and_never_an_error(make_provider, keys, clock):
    bare = keys.token(**{f"{NAMESPACE}/app_metadata": None})
    with provider.published(keys) as (url, answers, seen):
        judge = make_provider(oidc_certificate=keys.certificate, oidc_userinfo_url=f"{url}/userinfo")
        assert judge.identify(bare).roles == ()
        answers["userinfo"] = {"sub": "auth0|alice", f"{NAMESPACE}/app_metadata": {"roles": ["admin"]}}
        assert judge.identify(bare).roles == ()
        clock.advance(61)
        assert judge.identify(bare).roles == ("admin",)
        assert judge.identify(bare).roles == ("admin",)
        assert seen == ["userinfo", "userinfo"]
        answers["userinfo"]["sub"] = "auth0|bob"
        clock.advance(601)
        assert judge.identify(bare).roles == ()


def test_keys_are_kept_and_verify_with_the_provider_gone(make_provider, keys, other, clock):
    with provider.published(keys) as (url, answers, seen):
        judge = make_provider(oidc_jwks_url=f"{url}/jwks.json")
        judge.identify(keys.token())
        with pytest.raises(Unauthorized):
            judge.identify(other.token())
        assert seen == ["jwks.json"]
        answers["jwks.json"] = {"keys": [keys.jwk, other.jwk]}
        clock.advance(61)
        assert judge.identify(other.token()).user_id == "auth0|alice"
        assert seen == ["jwks.json"] * 2
    again = make_provider(oidc_jwks_url=f"{url}/jwks.json")
    assert again.identify(keys.token()).user_id == again.identify(other.token()).user_id == "auth0|alice"


def test_requests_that_come_together_wait_for_the_one_fetch_of_the_new_key(folder, clock, keys, other):
    asked, release = [], threading.Event()

    def fetch(url, headers):
        asked.append(url)
        if len(asked) > 1:
            assert release.wait(60)
        return {"keys": [keys.jwk] if len(asked) == 1 else [keys.jwk, other.jwk]}

    judge = Provider(folder.path, Settings(**OIDC, threads=30), clock, fetch)
    judge.identify(keys.token())
    clock.advance(61)
    found = []

    def identify():
        try:
            found.append(judge.identify(other.token()).user_id)
        except Unavailable as unavailable:
            found.append(unavailable.status)

    requests_at_once = [threading.Thread(target=identify) for _ in range(13)]
    for one in requests_at_once:
        one.start()
    # One fetches, ten wait; the last two would take threads that polls need.
    wait_for(lambda: len(found) == 2)
    assert judge.identify(keys.token()).user_id == "auth0|alice"
    release.set()
    for one in requests_at_once:
        one.join()
    assert sorted(found, key=str) == [503] * 2 + ["auth0|alice"] * 11
    assert len(asked) == 2


def test_a_failed_fetch_of_the_keys_is_tried_again_after_seconds(folder, clock, keys):
    asked = []

    def fetch(url, headers):
        asked.append(clock.elapsed_s())
        if len(asked) <= 3:
            raise OSError("the provider is away")
        return {"keys": [keys.jwk]}

    judge = Provider(folder.path, Settings(**OIDC), clock, fetch)
    begun_s = clock.elapsed_s()
    for _ in range(120):
        judge.refresh_if_due()
        clock.advance(1)
    assert [at_s - begun_s for at_s in asked] == [0, 5, 15, 35]
    assert judge.identify(keys.token()).user_id == "auth0|alice"
    assert len(asked) == 4


def test_a_request_with_an_unknown_key_fetches_again_seconds_after_a_failure(folder, clock, keys, caplog):
    asked = []

    def fetch(url, headers):
        asked.append(url)
        if len(asked) <= 20:
            raise OSError("the provider is away")
        return {"keys": [keys.jwk]}

    judge = Provider(folder.path, Settings(**OIDC), clock, fetch)
    for tries in range(1, 21):
        for _ in range(3):
            with pytest.raises(Unavailable):
                judge.identify(keys.token())
        assert len(asked) == tries
        clock.advance(5)
    assert judge.identify(keys.token()).user_id == "auth0|alice"
    assert caplog.text.count("the provider is away") == 1


def test_while_the_provider_cannot_be_reached_one_request_asks_it_and_no_other_waits(folder, clock, keys):
    asked, release = [], threading.Event()

    def fetch(url, headers):
        asked.append(url)
        assert len(asked) == 1 or release.wait(60)
        raise OSError("the provider is away")

    judge = Provider(folder.path, Settings(**OIDC, threads=30), clock, fetch)
    with pytest.raises(Unavailable):
        judge.identify(keys.token())
    clock.advance(60)

    def identify():
        with pytest.raises(Unavailable, match="could not be fetched"):
            judge.identify(keys.token())

    asking = threading.Thread(target=identify)
    asking.start()
    wait_for(lambda: len(asked) == 2)
    # The one that asks is held until this thread lets it go: none of these waits for it.
    for _ in range(30):
        identify()
    assert asking.is_alive() and len(asked) == 2
    release.set()
    asking.join()


def test_a_token_that_cannot_be_checked_without_the_keys_asks_for_patience(folder, clock, keys):
    def fetch(url, headers):
        raise OSError("the provider is away")

    judge = Provider(folder.path, Settings(**OIDC), clock, fetch)
    for _ in range(2):
        # 401 would make a page ask for another login.
        with pytest.raises(Unavailable, match="could not be fetched"):
            judge.identify(keys.token())


@pytest.mark.parametrize("answer", [None, [], {"keys": 5}, {"keys": [5, {}, {"kid": "a"}]}, {"keys": []}, "<html>"])
def test_a_useless_key_set_changes_nothing(make_provider, keys, clock, answer):
    with provider.published(keys) as (url, answers, _):
        judge = make_provider(oidc_jwks_url=f"{url}/jwks.json")
        judge.identify(keys.token())
        answers["jwks.json"] = answer
        clock.advance(7 * 3600)
        assert not judge.refresh_if_due()
        assert judge.identify(keys.token())


def test_only_rsa_signing_keys_of_a_sensible_size_count(keys):
    weak = provider.Keys("weak", bits=1024)
    secret = {"kty": "oct", "kid": "s", "k": "c2VjcmV0", "alg": "HS256", "use": "sig"}
    encryption = {**keys.jwk, "kid": "e", "use": "enc"}
    assert list(parse_keys({"keys": [weak.jwk, secret, encryption, {**keys.jwk, "alg": "RS512"}, keys.jwk]})) == ["k1"]


def test_the_certificate_in_every_form(keys, tmp_path):
    (tmp_path / "cert.pem").write_text(keys.certificate)
    (tmp_path / "squeezed.pem").write_text(" ".join(keys.certificate.split("\n")))
    forms = [str(tmp_path / "cert.pem"), str(tmp_path / "squeezed.pem"), keys.certificate, keys.public_pem]
    forms.append(" ".join(keys.public_pem.split("\n")))
    numbers = {read_certificate(form).public_numbers() for form in forms}
    assert numbers == {keys.private.public_key().public_numbers()}


@pytest.mark.parametrize(
    "named", ["nowhere.pem", "-----BEGIN CERTIFICATE-----", "-----BEGIN X----- YQ== -----END X-----"]
)
def test_a_wrong_certificate_is_a_clear_sentence(named):
    with pytest.raises(Unusable, match="oidc_certificate"):
        read_certificate(named)
    with pytest.raises(Unusable, match="2048"):
        read_certificate(provider.Keys(bits=1024).public_pem)


def test_an_issuer_without_an_audience_is_refused_at_the_start(make_provider, keys):
    with pytest.raises(Unusable, match="oidc_audience"):
        make_provider(oidc_audience="", oidc_certificate=keys.certificate)


def test_both_kinds_of_tokens_command_and_one_key_never_makes_the_others(folder, keys):
    settings = Settings(**OIDC, oidc_certificate=keys.certificate)
    appliance, _ = open_appliance(folder, settings, Clock())
    own = make_token(appliance, "auth0|bob")
    assert tokens.identify(appliance.desk, own).user_id == "auth0|bob"
    assert tokens.identify(appliance.desk, keys.token()).user_id == "auth0|alice"
    import jwt

    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "exp": 2**33}
    with pytest.raises(Unauthorized):
        tokens.identify(
            appliance.desk, jwt.encode(claims, appliance.desk.secret, algorithm="HS256", headers={"kid": "k1"})
        )
    close_appliance(appliance, folder)


def test_an_outside_user_sends_a_job(make_server, keys):
    server = make_server(**OIDC, oidc_certificate=keys.certificate)
    headers = {"Authorization": f"Bearer {keys.token(roles=['owner'])}"}
    answer = requests.post(f"{server.url}/newjob", data=json.dumps(JOB), headers=headers)
    assert (answer.status_code, answer.json()["user_roles"]) == (200, ["owner"])


ODD_CLAIMS = [
    *({"filling": "x" * size} for size in (1000, 2000, 2600, 2700, 3000, 4000, 5000, 7000)),
    *({"name": name} for name in (5, ["a"], {}, "", "\n", "\ud800", "\u2028", "\u202e", "é" * 500, "a;b=c", '"')),
    *({"nickname": name} for name in (None, 5, [])),
    *({"exp": exp} for exp in (2**31, 2**63, 2**70, 1e300, float("inf"), float("nan"), "9999999999", True, None, [])),
    *({"iat": iat} for iat in (-1, 0.5, -(2**70), 2**70, float("-inf"), float("inf"), "x", None, [], True)),
    *({"nbf": nbf} for nbf in (-1, 0.5, -(2**70), float("inf"), "x", None, [])),
    *({"sub": sub} for sub in ("a;b", 'a"b', "a b", "\u202e", "é", "\ud800", "x" * 128, "x" * 129, 5, [], {}, True)),
    *({"aud": aud} for aud in ([], [AUDIENCE, 5], {}, 5, [AUDIENCE] * 50)),
    *({"jti": jti} for jti in (5, [], "x" * 100)),
    *({"gty": gty} for gty in (5, [], {})),
    *({f"{NAMESPACE}/app_metadata": data} for data in (5, [], {"roles": [[]]}, {"roles": [{}]}, {"roles": {"a": 1}})),
    {"x": [[[[]]]] * 10, "y": 10**400},
]


def test_every_odd_token_of_the_provider_gets_a_clear_answer(make_server, keys):
    server = make_server(**OIDC, oidc_certificate=keys.certificate, login_failures=1000)
    with requests.Session() as browser:
        for claims in ODD_CLAIMS:
            token = keys.token(**claims)
            headers = {"Authorization": f"Bearer {token}"}
            bearer = browser.get(f"{server.url}/api/may?site=saf", headers=headers, timeout=60)
            login = browser.post(f"{server.url}/api/login", json={"token": token}, timeout=60)
            browser.cookies.clear()
            assert bearer.status_code in (200, 401), (claims, bearer.text)
            if bearer.status_code == 200 and len(token) > 3760:
                assert login.status_code == 400 and "too long for the login" in login.json()["error"], claims
            else:
                assert login.status_code == bearer.status_code or len(token) > 8192, (claims, login.text)
                assert ("Set-Cookie" in login.headers) is (login.status_code == 200)


@pytest.mark.parametrize("change", ["{}\n", "{};", "{} ", "{}é", "{}=", "\t{}", "{}.", "{}\x00", "{}%3D"])
def test_a_token_with_other_characters_is_refused_or_stripped(make_server, keys, change):
    server = make_server(**OIDC, oidc_certificate=keys.certificate)
    with requests.Session() as browser:
        login = browser.post(f"{server.url}/api/login", json={"token": change.format(keys.token())}, timeout=60)
        assert login.status_code in (200, 400, 401)
        user = browser.get(f"{server.url}/api/now", timeout=60).json()["user"]
        assert (user is not None) is (login.status_code == 200)


@pytest.mark.parametrize("depth", [100, 1000, 2500])
@pytest.mark.parametrize("part", [0, 1])
def test_a_deeply_nested_token_is_not_valid(make_server, keys, part, depth):
    server = make_server(**OIDC, oidc_certificate=keys.certificate)
    parts = keys.token().split(".")
    nested = b'{"iss":"' + ISSUER.encode() + b'","alg":"RS256","x":' + b"[" * depth + b"]" * depth + b"}"
    parts[part] = base64.urlsafe_b64encode(nested).rstrip(b"=").decode()
    token = ".".join(parts)
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{server.url}/api/may?site=saf", headers=headers, timeout=60).status_code == 401
    assert requests.post(f"{server.url}/api/login", json={"token": token}, timeout=60).status_code == 401


def test_too_many_wrong_tokens_are_held_back_and_right_ones_are_not(make_server):
    server = make_server(login_failures=5)
    good = make_token(server.appliance, "auth0|alice")
    statuses = [
        requests.post(f"{server.url}/newjob", data="{}", headers={"Authorization": "Bearer x"}).status_code
        for _ in range(7)
    ]
    assert statuses == [401] * 5 + [429] * 2
    assert requests.post(f"{server.url}/api/login", json={"once": "guess"}).status_code == 429
    answer = requests.post(f"{server.url}/newjob", data=json.dumps(JOB), headers={"Authorization": f"Bearer {good}"})
    assert answer.status_code == 200


def test_new_keys_are_used_though_the_disk_does_not_take_them(make_server, tmp_path, keys, caplog):
    (tmp_path / "data" / "jwks.new").mkdir(parents=True)
    with provider.published(keys) as (url, _, seen):
        server = make_server(**OIDC, oidc_jwks_url=f"{url}/jwks.json")
        headers = {"Authorization": f"Bearer {keys.token()}"}

        def status():
            return requests.post(f"{server.url}/newjob", data=json.dumps(JOB), headers=headers, timeout=60).status_code

        wait_for(lambda: status() == 200)
        assert seen == ["jwks.json"]
    assert "not kept for the next start" in caplog.text and not (tmp_path / "data" / "jwks.json").exists()
    assert "keys" in {thread.name for thread in threading.enumerate()}
