"""Whatever is sent: never a 5xx, and nothing malformed ever reaches a poller."""

import copy
import http.client
import json
import random
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prjobs.base.errors import BadRequest
from prjobs.web import wire
from prjobs.web.app import ROUTES
from prjobs.web.contract import ENDPOINTS
from tests.program import DOCUMENT, JOB
from tests.verbs import make_token

SITE = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
ODD = [
    None, True, False, 0, -1, 1e308, 10**30, "", " ", "saf", "saf\n", "\x00", "<script>", "é", "\U0001f52d", "x" * 200,
    "' OR 1=1 --", [], {}, [[]], {"a": {"b": [1, None]}}, "UNREAD#1", "../x", "\u202e", "\u2028", "CANCEL_ALL_COMMANDS",
]  # fmt: skip


TEXTS = st.sampled_from(["site", "ulid", "newStatus", "wait", "lease", "poll_id", "message", "other", "saf", "\x00é"])
NUMBERS = st.sampled_from([0, -1, 2.5, 10**30, 1e308, float("inf"), float("nan"), True, None])
VALUES = st.recursive(TEXTS | NUMBERS, lambda one: st.lists(one, max_size=2) | st.dictionaries(TEXTS, one, max_size=2))
CUTS = st.tuples(st.integers(0, 200), st.sampled_from([b"", b"\xff", b"1e999", b"\\ud800", b'"', b",", b"{", b" "]))


@pytest.mark.slow
@settings(max_examples=3000)
@given(st.dictionaries(TEXTS, VALUES, max_size=4), CUTS, st.booleans())
def test_a_body_that_is_read_once_is_the_same_or_refused_with_the_same_sentence(value, cut, has_site):
    text = json.dumps({"site": "saf", "ulid": "x", "newStatus": "X", **value} if has_site else value).encode()
    place, put = cut
    text = text[:place] + put + text[place:]

    def said(parse, shape):
        try:
            return msgspec.structs.asdict(parse(text, shape))
        except BadRequest as refused:
            return refused.sentence

    for shape in (wire.REQUESTS["getnewjobs"], wire.REQUESTS["updatejobstatus"]):
        once = said(wire._parse_plain, shape)
        assert once == said(lambda body, shape: wire._parse(body, shape)[0], shape), text


class Connection:
    """Keep-alive requests with bodies as they are."""

    def __init__(self, server, token):
        self.http = http.client.HTTPConnection("127.0.0.1", server.listener.port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def send(self, method, path, body, headers=None):
        self.http.request(method, path, body, {**self.headers, **(headers or {})})
        answer = self.http.getresponse()
        return answer.status, answer.read()


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    import threading

    from prjobs.base.folder import Folder
    from prjobs.base.settings import Settings
    from prjobs.server import Server

    settings_ = Settings(port=0, login_failures=10_000, newjob_rate=10**7)
    server = Server(Folder(tmp_path_factory.mktemp("fuzz") / "data"), settings_)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server
    server.stop()
    thread.join(60)


def mutated(chance):
    """A job body with some of its values, keys or bytes changed."""
    job = json.loads(json.dumps(JOB))
    for _ in range(chance.choice([0, 1, 1, 2, 4])):
        name = chance.choice([*job, "extra"])
        kind = chance.random()
        if kind < 0.7:
            job[name] = copy.deepcopy(chance.choice(ODD))
        elif kind < 0.85:
            job.pop(name, None)
        elif isinstance(job.get(name), dict):
            job[name][str(chance.choice(ODD))] = copy.deepcopy(chance.choice(ODD))
    body = bytearray(json.dumps(job, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass"))
    if chance.random() < 0.2:
        for _ in range(chance.randrange(1, 4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
    return bytes(body)


def check_document(job):
    assert {key: type(value) for key, value in job.items()} == DOCUMENT
    assert SITE.match(job["site"]) and 0 < len(job["action"]) <= 64 and 0 < len(job["deviceType"]) <= 64
    assert job["statusId"] == f"UNREAD#{job['ulid']}"
    for name in ("user_name", "user_id", "action", "deviceType", "deviceInstance"):
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", job[name])


@pytest.mark.slow
@pytest.mark.parametrize("many", [1000, pytest.param(10_000, marks=pytest.mark.long)])
def test_job_bodies_by_chance(target, many):
    chance = random.Random(20261124)
    connection = Connection(target, make_token(target.appliance, "auth0|alice", "admin"))
    accepted, polled, sites = {}, {}, set()
    for number in range(many):
        status, answer = connection.send("POST", "/newjob", mutated(chance))
        assert status in (200, 400), answer
        if status == 200:
            job = json.loads(answer)
            check_document(job)
            accepted[job["ulid"]] = job
            sites.add(job["site"])
        if number % 100 == 99:
            for site in sites:
                _, answer = connection.send("POST", "/getnewjobs", json.dumps({"site": site}))
                for job in json.loads(answer):
                    check_document(job)
                    polled[job["ulid"]] = job
    assert many / 5 < len(accepted) < many * 0.9
    assert {ulid: accepted[ulid] for ulid in polled} == polled and len(polled) > many / 10


bodies = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from(ODD)
            for name in (*JOB, "ulid", "newStatus", "secondsUntilComplete", "timeRange", "alternateQueue", "poll_id",
                         "lease", "reason", "once", "token", "roles", "sites", "days", "user")
        },
    ).map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
queries = st.dictionaries(
    st.sampled_from(
        ["site", "since", "since_ms", "until_ms", "limit", "before", "phase", "text", "user", "status", "x"]
    ),
    st.sampled_from(
        ["", "0", "-1", "9" * 30, "saf", "%00", "%FF", "waiting,done", "01DZVY846T52P6P3JWAJNJMJ1Z", "a%2Cb"]
    ),
    max_size=3,
)
PATHS = sorted(
    {f"/{name}" for name in ENDPOINTS} | {route.path for route in ROUTES} | {"/", "/login", "/static/<name>"}
)


requests = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "DELETE", "PUT", "OPTIONS", "HEAD"]),
        "path": st.sampled_from(PATHS),
        "part": st.sampled_from(["x", "01DZVY846T52P6P3JWAJNJMJ1Z", "%27", "%2e%2e", "a" * 300]),
        "query": queries,
        "body": bodies,
        "role": st.sampled_from([None, "admin", "observatory"]),
        "headers": st.dictionaries(
            st.sampled_from(["Content-Type", "Idempotency-Key", "Cookie", "X-Prjobs-Page", "Range", "If-None-Match"]),
            st.sampled_from(["", "x", "application/json", "prjobs_login=x", "\u00ff", "x" * 500]),
            max_size=2,
        ),
    }
)


@pytest.mark.slow
@pytest.mark.parametrize("many", [150, pytest.param(1500, marks=pytest.mark.long)])
def test_no_endpoint_ever_answers_5xx(target, many):
    @settings(max_examples=many)
    @given(request=requests)
    def ask(request):
        path = re.sub(r"<\w+>", request["part"], request["path"])
        query = "&".join(f"{name}={value}" for name, value in request["query"].items())
        role, method = request["role"], request["method"]
        connection = Connection(target, make_token(target.appliance, "auth0|alice", role) if role else None)
        status, answer = connection.send(method, f"{path}?{query}", request["body"], request["headers"])
        assert status < 500, (method, path, answer)
        if path == "/getnewjobs" and method != "HEAD" and method != "OPTIONS":
            assert isinstance(json.loads(answer), list)
        connection.http.close()

    ask()
