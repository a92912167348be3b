"""Nobody who reads or asks keeps polls and stops waiting: dear requests are refused early or wait behind the others."""

import json
import math
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from functools import partial
from http.client import HTTPResponse

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser

from prjobs.access.audit import NEWJOB, Act, Actor
from prjobs.base.cookies import cookie_of
from prjobs.base.decoding import MAX_CONTAINERS, MAX_DEPTH, parse_json
from prjobs.base.errors import BadRequest, TookTooLong
from prjobs.base.theme import theme_of
from prjobs.jobs import log, lookup, submission
from prjobs.jobs.requests import Command
from prjobs.monitor import views
from prjobs.web import jobs_api, night_api, wire
from prjobs.web.urgency import Urgency, urgency_of
from prjobs.web.workers import MOST, Workers
from tests import stores
from tests.verbs import fill, make_token, submit
from tests.waiting import wait_for

# ---- what a header or a body costs


def seconds(call, *arguments) -> float:
    """The processor's time of the quickest of three calls."""
    times = []
    for _ in range(3):
        begun_s = time.thread_time()
        call(*arguments)
        times.append(time.thread_time() - begun_s)
    return min(times)


DEAR_COOKIES = {
    "backslashes": 'prjobs_theme="' + "\\" * 15_500 + '"',
    "octal": 'prjobs_theme="' + "\\101" * 3_900 + '"',
    "open quote": 'prjobs_theme="' + "\\" * 15_500,
    "semicolons": ";" * 15_500 + "prjobs_theme=blue",
    "many": "; ".join(f"a{number}=b" for number in range(1_500)) + "; prjobs_theme=blue",
    "equals": "prjobs_theme=" + "=" * 15_000,
}


@pytest.mark.parametrize("kind", DEAR_COOKIES)
def test_a_cookie_costs_no_more_than_its_length(kind):
    """http.cookies takes 300 times as long for the backslashes as for a plain text of this length."""
    plain = seconds(theme_of, {"HTTP_COOKIE": "prjobs_theme=" + "a" * 15_000})
    assert theme_of({"HTTP_COOKIE": DEAR_COOKIES[kind]}) is None
    assert seconds(theme_of, {"HTTP_COOKIE": DEAR_COOKIES[kind]}) < 0.02 + plain


def test_a_cookie_is_found_among_those_of_other_programs():
    sent = 'a/b=c; x="\\; ; prjobs_login_1=token; prjobs_login_1=second'
    assert cookie_of({"HTTP_COOKIE": sent}, "prjobs_login_1") == "token"


def test_pages_take_any_cookie(server):
    for cookie in DEAR_COOKIES.values():
        assert requests.get(f"{server.url}/login", headers={"Cookie": cookie}, timeout=60).status_code == 200


NESTED = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
WIDE = b"[" + b"[]," * (MAX_CONTAINERS - 2) + b"{}]"


def test_levels_lists_and_objects_are_counted_before_any_is_made():
    assert parse_json(NESTED) and len(parse_json(WIDE)) == MAX_CONTAINERS - 1
    for body, word in ((b"[" + NESTED + b"]", "deep"), (WIDE[:-1] + b",{}]", "many"), (b"[" * 10**6, "deep")):
        with pytest.raises(BadRequest, match=word):
            parse_json(body)


def test_brackets_in_a_text_are_no_levels():
    value = {'["\\': ['"[', "\\", "[{" * 70, '\\"[', "", "]]"], "b": ["[[" * MAX_CONTAINERS]}
    for text in (json.dumps(value), json.dumps(value, separators=(",", ":"))):
        assert parse_json(text.encode()) == value


@pytest.mark.slow
@given(
    st.recursive(
        st.text('[]{}"\\,a') | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text('[{\\"'), inner)
    )
)
def test_levels_are_counted_as_they_are(value):
    def levels(at) -> int:
        inner = at.values() if isinstance(at, dict) else at if isinstance(at, list) else None
        return 0 if inner is None else 1 + max(map(levels, inner), default=0)

    padding = json.dumps(["[" * 100] + [[]] * 70)[:-1].encode()
    inside = json.dumps(value).encode()
    around = MAX_DEPTH - levels(value)
    fits = padding + b"," + b"[" * (around - 1) + inside + b"]" * (around - 1) + b"]"
    assert parse_json(fits)
    with pytest.raises(BadRequest, match="deep"):
        parse_json(b"[" + fits + b"]")


@pytest.mark.parametrize("endpoint", ["newjob", "getnewjobs", "updatejobstatus", "startjob", "getrecentjobs"])
def test_the_token_is_judged_before_the_body(make_server, endpoint):
    server = make_server(observatory_access="token")
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = requests.post(f"{server.url}/{endpoint}", data=b"[" * 900, headers=headers, timeout=60)
        assert answer.status_code == 401


# ---- who is served first


class Task:
    """A request of this urgency that runs until it is let go."""

    def __init__(self, urgency: Urgency, served: list["Task"]) -> None:
        self._urgency, self._served = urgency, served
        self.may_end = threading.Event()

    def urgency(self) -> Urgency:
        return self._urgency

    def service(self) -> None:
        self._served.append(self)
        self.may_end.wait(60)

    def cancel(self) -> None:
        self.may_end.set()


@pytest.fixture
def give():
    """Give workers tasks of these urgencies; return the tasks and the list of those that run or ran."""
    everything, workers, served = [], Workers(6), []

    def give(*urgencies: Urgency) -> tuple[list[Task], list[Task]]:
        tasks = [Task(urgency, served) for urgency in urgencies]
        everything.extend(tasks)
        for task in tasks:
            workers.add_task(task)
        return tasks, served

    yield give
    workers.shutdown(timeout=0)
    for task in everything:
        task.may_end.set()
    assert workers.shutdown(timeout=60)


def test_two_threads_are_for_urgent_requests_alone(give):
    writes, served = give(*[Urgency.WRITE] * 9)
    wait_for(lambda: len(served) == 6)
    urgent, _ = give(*[Urgency.URGENT] * 3)
    wait_for(lambda: len(served) == 8)
    assert [task for task in served if task not in writes] == urgent[:2]
    # The next thread that becomes free serves the urgent request, though it came last.
    writes[0].may_end.set()
    wait_for(lambda: len(served) == 9)
    assert served[8] is urgent[2]


@pytest.mark.parametrize("others", [0, 3])
def test_urgent_requests_behind_some_that_wait_run_all_the_same(others):
    """The loop hands them over together: few run, and one more each time that the first of the others has waited."""
    workers, served = Workers(6), []
    tasks = [Task(urgency, served) for urgency in [Urgency.WRITE] * others + [Urgency.URGENT] * 4]

    def turn():
        workers.begin_loop()
        for task in tasks:
            workers.add_task(task)
        assert served == []
        workers.hand_over()
        wait_for(lambda: len(served) == others + MOST[Urgency.URGENT])
        assert set(served) == set(tasks[:-2])
        wait_for(lambda: workers.look_after() and len(served) == len(tasks))
        assert workers.look_after() == math.inf

    try:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(turn).result()
    finally:
        for task in tasks:
            task.may_end.set()
        assert workers.shutdown(timeout=60)


def test_few_reading_requests_run_at_the_same_time(give):
    reads, served = give(*[Urgency.READ] * 9, *[Urgency.PIECE] * 3)
    most = MOST[Urgency.READ] + MOST[Urgency.PIECE]
    wait_for(lambda: len(served) == most)
    give(Urgency.WRITE)
    wait_for(lambda: len(served) == most + 1)
    for number, task in enumerate(reads[:9]):
        task.may_end.set()
        wait_for(lambda number=number: len(served) >= min(most + 2 + number, 11))
    assert [task.urgency() for task in served].count(Urgency.PIECE) == 1


def test_a_held_page_lets_others_read(server):
    """More pages are held than requests may read at the same time, and one more reads."""
    seq = requests.get(f"{server.url}/api/now", timeout=60).json()["seq"]
    url = f"{server.url}/api/changes?since={seq}&wait=20"
    with ThreadPoolExecutor(6) as pool:
        held = [pool.submit(requests.get, url, timeout=60) for _ in range(6)]
        wait_for(lambda: server.appliance.queue.waiters.held == 6)
        assert requests.get(f"{server.url}/healthz", timeout=60).status_code == 200
        assert not any(page.done() for page in held)
        submit(server.appliance)
        assert {page.result().status_code for page in held} == {200}


@pytest.mark.slow
def test_polls_are_answered_while_every_other_thread_waits(make_server, token_of):
    server = make_server(threads=4)
    headers, gate, begun = token_of(server), threading.Event(), threading.Event()
    server.appliance.queue.database.post(lambda _: (begun.set(), gate.wait(60)))
    wait_for(begun.is_set)
    with ThreadPoolExecutor(12) as pool:
        jobs = [pool.submit(send, server, headers, "go") for _ in range(10)]
        wait_for(lambda: sum(bool(channel.requests) for channel in server.listener.channels()) == 10)
        for _ in range(3):
            assert requests.post(f"{server.url}/getnewjobs", data=b'{"site":"mrc1"}', timeout=60).json() == []
        held = requests.post(f"{server.url}/getnewjobs", data=b'{"site":"mrc1","wait":1}', timeout=60)
        assert held.json() == []
        assert not any(job.done() for job in jobs)
        gate.set()
        assert {job.result().status_code for job in jobs} == {200}


def send(server, headers: dict[str, str], action: str) -> requests.Response:
    job = {"site": "saf", "device": "mount", "instance": "m1", "action": action, "user_name": "A", "user_id": "u1"}
    body = json.dumps({**job, "required_params": {}, "optional_params": {}})
    return requests.post(f"{server.url}/newjob", data=body, headers=headers, timeout=60)


@pytest.fixture
def token_of():
    return lambda server: {"Authorization": f"Bearer {make_token(server.appliance, 'u1')}"}


def job_body(**fields: object) -> bytes:
    return json.dumps({"site": "saf", "device": "mount", "required_params": {}, **fields}).encode()


@pytest.mark.parametrize(
    ("line", "body", "urgency"),
    [
        ("POST /getnewjobs", b'{"site":"saf"}', Urgency.URGENT),
        ("POST /dev/getnewjobs/?site=saf", b'{"site":"saf"}', Urgency.URGENT),
        ("POST /getnewjobs", b" " * 8193, Urgency.READ),
        ("POST /newjob", job_body(action="stop"), Urgency.URGENT),
        ("POST /jobs/newjob", job_body(action=" Cancel_All_Commands "), Urgency.URGENT),
        ("POST /newjob", job_body(action="run", required_params={"script": "stopScript"}), Urgency.URGENT),
        ("POST /newjob", job_body(action="park"), Urgency.URGENT),
        ("POST /newjob", job_body(device="enclosure", action="close"), Urgency.URGENT),
        ("POST /newjob", job_body(action="go"), Urgency.WRITE),
        ("POST /newjob", job_body(action="stop", note="x" * 9000), Urgency.WRITE),
        ("POST /api/make_safe", b'{"site":"saf"}', Urgency.URGENT),
        ("POST /updatejobstatus", b'{"site":"saf"}', Urgency.WRITE),
        ("POST /getrecentjobs", b'{"site":"saf"}', Urgency.READ),
        ("GET /night", b"", Urgency.READ),
        ("GET /getnewjobs", b"", Urgency.READ),
    ],
)
def test_urgent_requests_are_known_by_their_first_bytes(line, body, urgency):
    request = HTTPRequestParser(Adjustments())
    sent = b"%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (line.encode(), len(body)) + body
    while not request.completed:
        sent = sent[request.received(sent) :]
    assert urgency_of(request) == urgency
    assert request.get_body_stream().read() == body


def test_a_long_poll_in_chunks_is_not_urgent():
    request = HTTPRequestParser(Adjustments())
    sent = b"POST /getnewjobs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    sent += b"2400\r\n" + b" " * 0x2400 + b"\r\n0\r\n\r\n"
    while not request.completed:
        sent = sent[request.received(sent) :]
    assert urgency_of(request) == Urgency.READ


# ---- slow readers


def ask_for_history(server, receives: int = 4096) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(60)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    connection.connect(("127.0.0.1", server.listener.port))
    body = b'{"site":"saf"}'
    head = b"POST /getrecentjobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    connection.sendall(head % len(body) + body)
    return connection


def read_answer(connection: socket.socket) -> list[dict]:
    with closing(connection), HTTPResponse(connection) as answer:
        answer.begin()
        return json.loads(answer.read())


@pytest.mark.slow
def test_slow_readers_hold_no_thread_and_get_all(make_server, monkeypatch, token_of):
    monkeypatch.setattr("prjobs.jobs.lookup.PAGE", 10)
    server = make_server(threads=4)
    headers, count = token_of(server), 200
    fill(server.appliance, count)
    readers = [ask_for_history(server) for _ in range(30)]
    wait_for(lambda: len([channel for channel in server.listener.channels() if channel.is_parked]) == 30)
    assert requests.post(f"{server.url}/getnewjobs", data=b'{"site":"mrc1"}', timeout=60).json() == []
    assert send(server, headers, "stop").status_code == 200
    assert requests.get(f"{server.url}/healthz", timeout=60).status_code == 200
    for reader in readers[3:]:
        reader.close()
    for reader in readers[:3]:
        # The stop came while the answer was being read.
        assert len({job["ulid"] for job in read_answer(reader)}) == count + 1
    wait_for(lambda: not server.listener.channels())


@pytest.mark.slow
def test_a_client_that_reads_too_slowly_is_cut(make_server, monkeypatch):
    """A chunked answer that is cut has no end: the client notices."""
    monkeypatch.setattr("prjobs.web.channel.SLOW_S", 1.0)
    monkeypatch.setattr("prjobs.web.channel.LEAST_RATE", 10**9)
    server = make_server()
    fill(server.appliance, 300)
    reader, got = ask_for_history(server, receives=65536), b""
    with closing(reader), suppress(ConnectionResetError):
        while part := reader.recv(65536):
            got = (got + part)[-5:]
            time.sleep(0.1)
    assert got != b"0\r\n\r\n"


# ---- connections


def open_connection(server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.listener.port), timeout=60)


def test_refused_connections_that_do_not_end_make_room_first(make_server):
    server = make_server(connections=48)
    with ExitStack() as opened:
        waiting = [opened.enter_context(open_connection(server)) for _ in range(20)]
        wait_for(lambda: len(server.listener.channels()) == 20)
        for _ in range(60):
            refused = opened.enter_context(open_connection(server))
            refused.sendall(b"\0 / HTTP/1.1\r\n\r\n")
            assert refused.recv(12) == b"HTTP/1.0 400"
        ports = {channel.addr[1] for channel in server.listener.channels()}
        assert {connection.getsockname()[1] for connection in waiting} <= ports


def test_at_the_limit_the_connection_that_idles_longest_is_closed(make_server):
    server = make_server(connections=48)
    with requests.Session() as kept, ExitStack() as opened:
        assert kept.post(f"{server.url}/getnewjobs", data=b'{"site":"saf"}', timeout=60).json() == []
        port = next(iter(server.listener.channels())).addr[1]
        half = [opened.enter_context(open_connection(server)) for _ in range(60)]
        for connection in half:
            with suppress(OSError):
                connection.sendall(b"POST /getnewjobs HT")
        for _ in range(60):
            opened.enter_context(open_connection(server))
        answer = requests.post(f"{server.url}/getnewjobs", data=b'{"site":"saf"}', timeout=60)
        assert answer.json() == []
        # A connection that asked something is worth more than those that never did.
        assert port in {channel.addr[1] for channel in server.listener.channels()}
        assert half[0].recv(1) == b""


def test_of_connections_that_asked_the_oldest_idle_one_is_closed(make_server):
    server = make_server(connections=32)
    with ExitStack() as opened:
        sessions = [opened.enter_context(requests.Session()) for _ in range(60)]
        for session in sessions:
            assert session.get(f"{server.url}/healthz", timeout=60).status_code == 200
        assert 20 < len(server.listener.channels()) < 32


def test_at_the_limit_a_connection_whose_page_waits_is_closed(make_server):
    """With a second request in hand a connection is never idle."""
    server = make_server(connections=48)
    twice = b"GET /api/now HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 2
    is_over = threading.Event()

    def ask_on_and_on():
        while not is_over.is_set():
            with suppress(OSError), open_connection(server) as connection:
                connection.settimeout(5)
                while not is_over.is_set():
                    connection.sendall(twice)
                    assert connection.recv(65_536)

    with ThreadPoolExecutor(60) as callers:
        for _ in range(60):
            callers.submit(ask_on_and_on)
        try:
            wait_for(lambda: len(server.listener.channels()) >= 40)
            for _ in range(3):
                assert requests.post(f"{server.url}/getnewjobs", data=b'{"site":"saf"}', timeout=10).json() == []
        finally:
            is_over.set()


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("a: b\r\n" * 98, "", 200),
        ("a: b\r\n" * 400, "", 431),
        ("Transfer-Encoding: chunked\r\n", "40\r\n" + "x" * 64 + "\r\n" + "0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\n", "1\r\n{\r\n" + "1\r\n \r\n" * 2000, 400),
        ("Transfer-Encoding: chunked\r\n", "1;a=" + "b" * 9000, 400),
        ("Transfer-Encoding: chunked\r\n", "1\r\n{\r\n0\r\n" + "a: b\r\n" * 2000, 400),
        ("Transfer-Encoding: chunked\r\n", "e\r\n" + '{"site":"saf"}' + "\r\n0\r\n\r\n", 200),
    ],
)
def test_a_head_and_a_body_in_chunks_have_few_lines(server, head, body, status):
    asked = '{"site":"saf"}' if "chunked" not in head else ""
    length = f"Content-Length: {len(asked)}\r\n" if asked else ""
    with open_connection(server) as connection:
        connection.sendall(f"POST /getnewjobs HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}{head}\r\n{asked}{body}".encode())
        answer = HTTPResponse(connection)
        answer.begin()
        assert answer.status == status and answer.read() == b"[]"


def test_odd_parameters_take_little_time(server):
    draft = {"site": "saf", "device": "camera", "action": "expose"}
    params = {f"expos{number}" + "e" * (number % 200): 1 for number in range(9_000)}
    # The comparison of every name takes half a minute.
    said = requests.post(
        f"{server.url}/api/commands/notes", json={**draft, "required_params": params}, timeout=10
    ).json()
    assert len(said["notes"]) <= 60


def test_a_negative_number_of_events_is_none(server):
    submit(server.appliance)
    assert requests.get(f"{server.url}/api/changes?last=-1", timeout=60).json()["changes"] == []


def test_a_job_with_many_reports_shows_the_first_and_the_last(server):
    row = submit(server.appliance)
    event = log.Event("primary", "EXPOSING", 1, "saf", "x" * 400)

    def report(transaction):
        for _ in range(1500):
            log.apply(transaction, [row], event)

    server.appliance.queue.database.write(report, patience_s=60, commit_s=60)
    timeline = requests.get(f"{server.url}/api/jobs/{row.ulid}", timeout=60).json()["timeline"]
    assert len(timeline) == 1000 and timeline[0]["status"] == "UNREAD" and timeline[-1]["seq"] == 1501


@pytest.mark.slow
def test_blank_lines_are_no_activity(make_server, monkeypatch):
    monkeypatch.setattr("prjobs.web.channel.IDLE_S", 1.0)
    server = make_server()
    with open_connection(server) as connection, pytest.raises(OSError):
        for _ in range(600):
            connection.sendall(b"\r\n")
            time.sleep(0.1)


# ---- searches and nights


@pytest.mark.parametrize("name", jobs_api.SEARCHED)
def test_a_searched_text_is_short(server, name):
    url = f"{server.url}/api/jobs"
    assert requests.get(url, params={name: "a" * 100}, timeout=60).json()["jobs"] == []
    refused = requests.get(url, params={name: "a" * 101}, timeout=60)
    assert refused.status_code == 400 and f"{name} must be" in refused.json()["error"]


def test_two_searches_run_at_once(server):
    with jobs_api.SEARCHES.place(), jobs_api.SEARCHES.place():
        for name in jobs_api.SEARCHED:
            refused = requests.get(f"{server.url}/api/jobs", params={name: "go"}, timeout=60)
            assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")
        assert requests.get(f"{server.url}/api/jobs", timeout=60).status_code == 200
    assert requests.get(f"{server.url}/api/jobs?text=go", timeout=60).status_code == 200


@pytest.mark.parametrize("path", ["/night", "/api/night"])
def test_no_night_waits_for_another_in_a_thread(server, path):
    """The browser of a person asks again by itself."""
    with night_api.READING.place(), ThreadPoolExecutor(20) as pool:
        ask = partial(requests.get, server.url + path, headers={"Accept": "text/html"}, timeout=60)
        answers = [night.result() for night in [pool.submit(ask) for _ in range(60)]]
        assert {answer.status_code for answer in answers} == {429}
        assert {answer.headers.get("Refresh") for answer in answers} == ({"3"} if path == "/night" else {None})
    assert ask().status_code == 200


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def test_a_query_ends_in_time(appliance):
    database = appliance.queue.database
    with database.limited(0.05):
        for _ in range(2):
            with pytest.raises(TookTooLong):
                database.fetch(ENDLESS)
            assert database.fetch("SELECT 1") == [(1,)]
    assert database.trouble is None
    # Outside of the block no query ends early.
    long = ENDLESS.replace("FROM n)", "FROM n WHERE i < 300000)")
    assert database.fetch(long) == [(300_000,)]
    with database.limited(60), ThreadPoolExecutor(1) as pool:
        assert pool.submit(database.fetch, long).result() == [(300_000,)]


def test_what_people_ask_for_ends_in_time(make_server, monkeypatch, token_of):
    monkeypatch.setattr("prjobs.web.app.LIMIT_S", 0.0)
    server = make_server()
    fill(server.appliance, 200)
    refused = requests.get(f"{server.url}/api/jobs?text=nothing", timeout=60)
    assert (refused.status_code, refused.json()["code"]) == (503, "took_too_long")
    assert len(requests.post(f"{server.url}/getnewjobs", data=b'{"site":"saf"}', timeout=60).json()) > 0
    assert send(server, token_of(server), "stop").status_code == 200
    assert server.appliance.queue.database.trouble is None


def test_a_text_is_found_in_any_letter_case_and_as_it_is(appliance):
    job = submit(appliance, user_name="Zoë 100%_a", action="Go_x")
    other = submit(appliance, user_name="Zoe 100", action="Gotx")
    database = appliance.queue.database
    for text, found in (("zoë", [job]), ("100%_", [job]), ("GO_X", [job]), ("go", [other, job]), ("%", [job])):
        assert [row.ulid for row in views.list_jobs(database, views.Filter(text=text))[0]] == [
            row.ulid for row in found
        ]
    assert [row.ulid for row in views.list_jobs(database, views.Filter(user="100%"))[0]] == [job.ulid]


def test_a_list_in_pieces_is_one_document(appliance):
    """A page whose jobs were removed meanwhile is empty."""
    one, two = (submit(appliance) for _ in range(2))
    for pages in ([], [[]], [[one]], [[one], [], [two]], [[], [one, two]]):
        found = json.loads(b"".join(wire.jobs_stream(iter(pages))))
        assert [job["ulid"] for job in found] == [row.ulid for page in pages for row in page]


def test_a_stop_needs_no_more_statements_for_many_jobs(appliance):
    """Each withdrawn job has its row in the log all the same."""
    queue, act = appliance.queue, Act(Actor("u1", "t"), NEWJOB)

    def stop(transaction) -> list[str]:
        statements: list[str] = []
        stores.trace(transaction, statements.append)
        command = Command("saf", "mount", "m1", "stop", "u1", "A", "[]", "{}", "{}", {})
        submission.insert_job(transaction, queue, command, act)
        stores.trace(transaction, None)
        return statements

    counts = []
    for waiting in (1, 50):
        rows = [submit(appliance) for _ in range(waiting)]
        spared = submit(appliance, action="park")
        counts.append(len(queue.database.write(stop)))
        assert all(lookup.find_job(queue.database, row.ulid).status == "CANCELLED" for row in rows)
        assert lookup.find_job(queue.database, spared.ulid).status == "UNREAD"
        assert {len(log.timeline(queue.database, row.seq)) for row in rows} == {2}
    assert counts[0] == counts[1]
