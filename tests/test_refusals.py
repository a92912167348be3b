"""Requests that are no valid HTTP, too large, or half-closed, byte for byte; and what a page of the web learns."""

import json
import socket
from http.client import HTTPResponse
from types import SimpleNamespace

import pytest

from prjobs.access import web_origins
from prjobs.base.notices import Code
from prjobs.web.app import ROUTES
from prjobs.web.contract import ENDPOINTS
from tests.clocks import ManualClock
from tests.program import JOB
from tests.verbs import make_token
from tests.waiting import wait_for

UI = "https://ui.example"
DIGITS = "9" * 4301
LIMIT = "The body is too large: 1 MiB is the limit."
HEADERS = "The headers are too large: 16 KiB is the limit, in at most 100 lines."
INVALID = "This is not a valid HTTP request."


@pytest.fixture
def server(make_server):
    return make_server(allowed_origins=[UI])


def post(path, rest, body=b"", host="127.0.0.1"):
    return f"POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {UI}\r\n{rest}\r\n".encode("latin-1") + body


# What comes after the first line and the Host header, and the refusal.
REFUSED = {
    "a length of 4,301 digits": (post("{}", f"Content-Length: {DIGITS}\r\n"), 400, INVALID),
    "a length of 19 digits": (post("{}", "Content-Length: 9999999999999999999\r\n"), 413, LIMIT),
    "the begin of a large body": (post("{}", "Content-Length: 2000000\r\n", b"x" * 100_000), 413, LIMIT),
    "a large body": (post("{}", "Content-Length: 2000000\r\n", b"x" * 2_000_000), 413, LIMIT),
    "a large body to be asked for": (post("{}", "Expect: 100-continue\r\nContent-Length: 2000000\r\n"), 413, LIMIT),
    "a large body in a chunk": (post("{}", "Transfer-Encoding: chunked\r\n", b"200000\r\n" + b"x" * 2**21), 413, LIMIT),
    "a chunk of 5,000 digits": (post("{}", "Transfer-Encoding: chunked\r\n", b"f" * 5000 + b"\r\nx"), 400, INVALID),
    "a chunk without a size": (post("{}", "Transfer-Encoding: chunked\r\n", b"zz\r\n"), 400, INVALID),
    "another encoding": (post("{}", "Transfer-Encoding: gzip\r\n"), 400, INVALID),
    "a negative length": (post("{}", "Content-Length: -5\r\n"), 400, INVALID),
    "two lengths": (post("{}", "Content-Length: 5\r\nContent-Length: 6\r\n", b"abcde"), 400, INVALID),
    "a header of 20 kB": (post("{}", f"X-Long: {'a' * 20_000}\r\n"), 431, HEADERS),
    "3,000 headers": (post("{}", "".join(f"X-{number}: a\r\n" for number in range(3000))), 431, HEADERS),
    "a header without a colon": (post("{}", "Hello\r\n"), 400, INVALID),
    "half an IPv6 address": (b"POST http://[::1{} HTTP/1.1\r\nOrigin: " + UI.encode() + b"\r\n\r\n", 400, INVALID),
    "a control character": (b"POST {}\x01 x HTTP/9\r\nOrigin: " + UI.encode() + b"\r\n\r\n", 400, INVALID),
    "a line with a bare end": (b"POST {} HTTP/1.1\rX: y\r\nOrigin: " + UI.encode() + b"\r\n\r\n", 400, INVALID),
}


class Connection:
    """A socket that sends bytes and reads answers."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.listener.port), timeout=60)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        for begin in range(0, len(data), 50_000):
            self.socket.sendall(data[begin : begin + 50_000])

    def answer(self):
        # An answer closes its file at the end: the next one is read from the same file.
        file = SimpleNamespace(read=self.file.read, readline=self.file.readline, close=lambda: None, flush=lambda: None)
        answer = HTTPResponse(SimpleNamespace(makefile=lambda _: file), method="POST")
        answer.begin()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@pytest.fixture
def connect(server):
    made = []

    def connect():
        made.append(Connection(server))
        return made[-1]

    yield connect
    for one in made:
        one.socket.close()


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_parsed_is_refused_in_the_form_of_its_path(connect, case):
    """An observatory stops at any answer but a list; a page of an allowed origin reads the refusal."""
    data, status, sentence = REFUSED[case]
    for path in ("/getnewjobs", "/jobs//getnewjobs/", "/newjob", "/api/jobs"):
        connection = connect()
        connection.send(data.replace(b"{}", path.encode(), 1))
        got, headers, body = connection.answer()
        assert got == status, path
        assert headers["access-control-allow-origin"] == UI
        if "getnewjobs" in path:
            assert body == b"[]" and headers["x-prjobs-error"] == sentence
        elif path.startswith("/api/"):
            assert json.loads(body)["error"] == sentence
        else:
            assert body.decode() == sentence
        # The client sends all, reads all, and sees the end: no reset loses the answer.
        assert connection.file.read(1) == b""


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_after_a_good_one_is_refused_alike(connect, case):
    data, status, _ = REFUSED[case]
    connection = connect()
    connection.send(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + data.replace(b"{}", b"/getnewjobs", 1))
    assert connection.answer()[0] == 200
    got, headers, body = connection.answer()
    assert (got, body) == (status, b"[]") and "x-prjobs-error" in headers


def test_the_body_of_a_refused_request_is_no_request(server, connect, http):
    inner = post("/newjob", f"Authorization: Bearer {make_token(server.appliance, 'auth0|alice')}\r\n")
    body = json.dumps(JOB).encode()
    inner = inner[:-2] + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    connection = connect()
    connection.send(post("/newjob", "Content-Length: 2000000\r\n", inner * 3))
    assert connection.answer()[0] == 413
    assert connection.file.read(1) == b""
    assert http.get(f"{server.url}/api/jobs", timeout=60).json()["jobs"] == []


def test_a_defect_is_a_list_for_a_poll(server, connect, monkeypatch):
    """Whatever fails outside the routes, the server itself answers."""

    def fail(*_):
        raise RuntimeError("a defect")

    for one in server.listener._servers:
        monkeypatch.setattr(one, "application", fail)
    connection = connect()
    connection.send(post("/getnewjobs", "Content-Length: 0\r\n"))
    status, headers, body = connection.answer()
    assert (status, body) == (500, b"[]") and "Internal error" in headers["x-prjobs-error"]


# ---- half-closed clients


ASKED = [("POST", f"/{name}") for name in ENDPOINTS] + [(route.method, route.path) for route in ROUTES] + [("GET", "/")]


def test_a_client_that_ends_its_side_is_answered(server, connect):
    token = make_token(server.appliance, "auth0|alice")
    for method, path in ASKED * 3:
        body = b"{}" if path != "/newjob" else json.dumps(JOB).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        connection = connect()
        connection.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        connection.socket.shutdown(socket.SHUT_WR)
        status, _, _ = connection.answer()
        assert 200 <= status < 500, path
        assert status == 200 or path != "/newjob"
        assert connection.file.read(1) == b""


@pytest.mark.slow
def test_a_client_that_ends_its_side_gets_a_long_answer_whole(server, connect, submit_many):
    submit_many(server.appliance, 5000)
    body = b'{"site": "saf"}'
    connection = connect()
    connection.send(post("/getrecentjobs", f"Content-Length: {len(body)}\r\n", body))
    connection.socket.shutdown(socket.SHUT_WR)
    status, _, text = connection.answer()
    assert status == 200 and len(json.loads(text)) == 5000


def test_a_poll_that_ends_its_side_gets_no_jobs_and_the_next_gets_them(server, connect, http, submit_many):
    submit_many(server.appliance, 3)
    body = b'{"site": "saf"}'
    connection = connect()
    connection.send(post("/getnewjobs", f"Content-Length: {len(body)}\r\n", body))
    connection.socket.shutdown(socket.SHUT_WR)
    status, headers, text = connection.answer()
    assert (status, text) == (409, b"[]") and "ended its side" in headers["x-prjobs-error"]
    # The jobs may be on their way back to the queue.
    found = wait_for(lambda: http.post(f"{server.url}/getnewjobs", data=body, timeout=60).json())
    assert len(found) == 3


# ---- pages of the web


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/newjob", {"Host": "other.example"}, 421),
        ("/getnewjobs", {"Host": "other.example"}, 421),
        ("/nothing", {}, 404),
        ("/n%C3%B6", {}, 404),
        ("/newjob", {}, 401),
    ],
)
def test_a_page_of_an_allowed_origin_reads_every_refusal(server, http, path, headers, status):
    answer = http.post(server.url + path, headers={"Origin": UI, **headers}, data="{}", timeout=60)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == UI
    other = http.post(server.url + path, headers={"Origin": "https://other.example", **headers}, timeout=60)
    assert "Access-Control-Allow-Origin" not in other.headers


@pytest.mark.parametrize("path", ["/newjob", "/nothing", "/jobs/newjobs", "/api/nothing", "/healthz"])
def test_the_browser_may_send_to_a_wrong_path_and_the_page_reads_why_not(server, http, path):
    asks = {"Origin": UI, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = http.options(server.url + path, headers=asks, timeout=60)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == UI
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"]
    foreign = http.options(server.url + path, headers={**asks, "Origin": "https://other.example"}, timeout=60)
    assert foreign.status_code == 403 and "Access-Control-Allow-Origin" not in foreign.headers


def test_a_refused_origin_is_a_quiet_notice_for_an_hour(make_server, http):
    clock = ManualClock()
    server = make_server(clock, allowed_origins=["https://allowed.example"])
    notices = server.appliance.queue.notices

    def ask(origin, method="POST"):
        return http.request(method, f"{server.url}/newjob", headers={"Origin": origin}, timeout=60).status_code

    assert ask("<b>https://odd.example") == 403 and Code.WEB_ORIGIN not in notices
    for number in range(20):
        assert ask(f"https://page{number}.example", "OPTIONS") == 403
    assert ask(UI) == 403
    (notice,) = [one for one in notices.all() if one.code == Code.WEB_ORIGIN]
    assert not notice.is_loud and not notice.is_problem
    assert f"https://page18.example and https://page19.example and {UI} asked" in notice.sentence
    assert "page17" not in notice.sentence and "allowed_origins" in notice.sentence
    web_origins.end_old_once(server.appliance.desk)
    assert Code.WEB_ORIGIN in notices
    clock.advance(3601)
    web_origins.end_old_once(server.appliance.desk)
    assert Code.WEB_ORIGIN not in notices
