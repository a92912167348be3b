"""Held requests: woken by the commit, without a thread, forgotten when nobody waits any more."""

import json
import socket
import struct
import sys
import threading
import traceback
from contextlib import ExitStack
from http.client import HTTPResponse

import pytest
import requests

from prjobs.jobs import lookup
from prjobs.jobs.recent_polls import never
from prjobs.jobs.states import PRIMARY
from prjobs.jobs.waiters import Waiter, Waiters
from tests.program import JOB
from tests.verbs import make_token, submit
from tests.waiting import wait_for

HELD = 400


def held_poll(server, **parts):
    body = json.dumps({"site": "saf", "wait": 20, **parts})
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(requests.post(f"{server.url}/getnewjobs", data=body, timeout=60))
    )
    thread.start()
    return thread, answers


def test_a_held_poll_gets_the_job_when_it_is_committed(server, token, http):
    thread, answers = held_poll(server)
    wait_for(lambda: server.appliance.queue.waiters.held == 1)
    sent = http.post(f"{server.url}/newjob", json=JOB, headers={"Authorization": f"Bearer {token}"}).json()
    thread.join(60)
    assert [job["ulid"] for job in answers[0].json()] == [sent["ulid"]]


@pytest.mark.slow
def test_a_job_of_another_site_wakes_nobody(server, token, http):
    thread, answers = held_poll(server, wait=1)
    wait_for(lambda: server.appliance.queue.waiters.held == 1)
    http.post(f"{server.url}/newjob", json={**JOB, "site": "mrc1"}, headers={"Authorization": f"Bearer {token}"})
    thread.join(60)
    assert answers[0].json() == []


def test_two_held_polls_get_a_job_once(server, token, http):
    polls = [held_poll(server) for _ in range(4)]
    wait_for(lambda: server.appliance.queue.waiters.held == 4)
    http.post(f"{server.url}/newjob", json=JOB, headers={"Authorization": f"Bearer {token}"})
    wait_for(lambda: any(answers for _, answers in polls))
    server.stop()
    for thread, _ in polls:
        thread.join(60)
    assert sorted(len(answers[0].json()) for _, answers in polls) == [0, 0, 0, 1]


@pytest.fixture
def crowd(make_server):
    """Hold polls of site `s0` to `s399` on connections of their own, on a server of eight threads."""
    server = make_server(threads=8)
    with ExitStack() as opened:
        polls = []
        for number in range(HELD):
            connection = socket.create_connection(("127.0.0.1", server.listener.port), timeout=60)
            polls.append(opened.enter_context(connection))
            connection.sendall(poll_of(f"s{number}"))
        wait_for(lambda: server.appliance.queue.waiters.held == HELD)
        yield server, polls


def poll_of(site, wait=25):
    body = json.dumps({"site": site, "wait": wait}).encode()
    return b"POST /getnewjobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def answer_on(connection):
    with HTTPResponse(connection) as answer:
        answer.begin()
        return answer.status, json.loads(answer.read())


def test_400_held_polls_hold_no_thread(crowd, http):
    server, polls = crowd
    wait_for(lambda: not any(channel.service_call for channel in server.listener.channels()))
    stacks = ["".join(traceback.format_stack(frame)) for frame in sys._current_frames().values()]
    assert not [stack for stack in stacks if "holding.py" in stack or "post_getnewjobs" in stack]
    assert len([thread for thread in threading.enumerate() if thread.name.startswith(("worker-", "reserved-"))]) == 10
    # Others are served meanwhile.
    assert http.post(f"{server.url}/getnewjobs", data='{"site": "saf"}').json() == []
    for number in (0, 399, 200):
        job = submit(server.appliance, site=f"s{number}")
        status, (got,) = answer_on(polls[number])
        assert (status, got["ulid"]) == (200, job.ulid)
    assert server.appliance.queue.waiters.held == HELD - 3


@pytest.mark.slow
def test_a_stop_answers_400_held_polls(crowd):
    server, polls = crowd
    server.stop()
    assert {(status, tuple(jobs)) for status, jobs in map(answer_on, polls)} == {(200, ())}


@pytest.mark.parametrize("end", ["closed", "reset"])
def test_held_polls_whose_clients_have_gone_are_forgotten(crowd, end):
    server, polls = crowd
    for connection in polls[10:]:
        if end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    wait_for(lambda: len(server.listener.channels()) == server.appliance.queue.waiters.held == 10)
    queue = server.appliance.queue
    jobs = [submit(server.appliance, site=f"s{number}") for number in range(10, 20)]
    assert {lookup.find_job(queue.database, job.ulid).status for job in jobs} == {"UNREAD"}
    assert not any(poll.has_ended is not never for polls in queue.recent_polls.by_program() for poll in polls)


def test_a_job_between_the_look_and_the_parking_is_not_missed(server, monkeypatch):
    parks, jobs = Waiter.park, []

    def park(waiter, go_on):
        if not jobs:
            jobs.append(submit(server.appliance))
        parks(waiter, go_on)

    monkeypatch.setattr(Waiter, "park", park)
    with socket.create_connection(("127.0.0.1", server.listener.port), timeout=60) as connection:
        connection.sendall(poll_of("saf"))
        status, (got,) = answer_on(connection)
    assert (status, got["ulid"]) == (200, jobs[0].ulid)


def test_what_is_due_once_for_a_poll_is_not_done_at_each_change(server):
    """Changes of the site's other queue let the poll look again, and end nothing."""
    queue = server.appliance.queue
    with socket.create_connection(("127.0.0.1", server.listener.port), timeout=60) as connection:
        connection.sendall(poll_of("saf"))
        wait_for(lambda: queue.waiters.held)
        for _ in range(5):
            queue.waiters.wake({"saf"})
        noted = queue.recent_polls.at_address(("saf", PRIMARY, None, None), "127.0.0.1")
        assert (queue.polls.of("saf", PRIMARY).count, len(noted.polls)) == (1, 1)
        job = submit(server.appliance)
        assert answer_on(connection)[1][0]["ulid"] == job.ulid
    assert queue.polls.of("saf", PRIMARY).count == 1


@pytest.mark.slow
def test_a_held_poll_ends_in_time_and_the_connection_goes_on(server):
    with socket.create_connection(("127.0.0.1", server.listener.port), timeout=60) as connection:
        for wait in (1, 0):
            connection.sendall(poll_of("saf", wait))
            assert (answer_on(connection), server.appliance.queue.waiters.held) == ((200, []), 0)


def test_a_poll_in_line_behind_a_held_one_is_answered_after_it(server):
    with socket.create_connection(("127.0.0.1", server.listener.port), timeout=60) as connection:
        connection.sendall(poll_of("saf") + poll_of("mrc1", wait=0))
        wait_for(lambda: server.appliance.queue.waiters.held)
        job = submit(server.appliance)
        with connection.makefile("rb") as answers:
            text = b""
            while text.count(b"HTTP/1.1 200 OK") < 2 or not text.endswith(b"[]"):
                text += answers.read1()
    assert text.index(job.ulid.encode()) < text.index(b"HTTP/1.1", 5)


def test_a_client_that_went_away_is_forgotten_and_loses_no_job(server, token, http):
    with socket.create_connection(("127.0.0.1", server.listener.port)) as connection:
        body = b'{"site": "saf", "wait": 20}'
        connection.sendall(
            b"POST /getnewjobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        wait_for(lambda: server.appliance.queue.waiters.held == 1)
    wait_for(lambda: server.appliance.queue.waiters.held == 0)
    sent = http.post(f"{server.url}/newjob", json=JOB, headers={"Authorization": f"Bearer {token}"}).json()
    assert [job["ulid"] for job in http.post(f"{server.url}/getnewjobs", data='{"site": "saf"}').json()] == [
        sent["ulid"]
    ]


def test_the_feed_is_woken_and_its_cursor_goes_on(server, token, http):
    seq = http.get(f"{server.url}/api/changes").json()["seq"]
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(
            requests.get(f"{server.url}/api/changes", params={"since": seq, "wait": 20}, timeout=60).json()
        )
    )
    thread.start()
    wait_for(lambda: server.appliance.queue.waiters.held == 1)
    sent = http.post(f"{server.url}/newjob", json=JOB, headers={"Authorization": f"Bearer {token}"}).json()
    thread.join(60)
    (change,) = answers[0]["changes"]
    assert (change["job"]["ulid"], change["status"], change["queue"]) == (sent["ulid"], "UNREAD", "both")
    after = http.get(f"{server.url}/api/changes", params={"since": answers[0]["seq"]}).json()
    assert (after["changes"], after["seq"], after["more"]) == ([], answers[0]["seq"], False)


def test_the_feed_comes_in_pages(server, submit_many):
    submit_many(server.appliance, 700)
    first = requests.get(f"{server.url}/api/changes", params={"since": 0}).json()
    second = requests.get(f"{server.url}/api/changes", params={"since": first["seq"]}).json()
    assert (len(first["changes"]), first["more"], len(second["changes"]), second["more"]) == (500, True, 200, False)


def test_a_closed_bell_admits_nobody():
    bell = Waiters()
    bell.close()
    assert bell.enter("saf") is None


@pytest.mark.parametrize("wait", [-5, 0, "", None])
def test_a_wait_that_is_none(server, wait):
    server.appliance.queue.waiters.enter = None  # who would be held fails
    answer = requests.post(f"{server.url}/getnewjobs", json={"site": "saf", "wait": wait})
    assert (answer.status_code, answer.json()) == (200, [])


def test_a_reader_with_a_token_for_one_site_sees_only_that_site(make_server):
    server = make_server(observatory_access="token")
    token = make_token(server.appliance, "wall", "viewer", sites=("saf",))
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{server.url}/api/changes?since=0").status_code == 401
    assert requests.get(f"{server.url}/api/changes?since=0&site=mrc1", headers=headers).status_code == 403
    assert requests.get(f"{server.url}/api/changes?since=0", headers=headers).status_code == 200
    assert requests.get(f"{server.url}/api/jobs?site=mrc1", headers=headers).status_code == 403
