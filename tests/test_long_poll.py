"""Held requests: woken by the commit, limited in number, freed when nobody waits any more."""

import json
import socket
import threading

import pytest
import requests

from prjobs.jobs.waiters import Waiters
from tests.program import JOB
from tests.verbs import make_token
from tests.waiting import wait_for


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


def test_beyond_the_share_polls_are_told_to_come_again_and_others_are_served(make_server):
    server = make_server(threads=8, held_share=0.5)
    polls = [held_poll(server) for _ in range(4)]
    wait_for(lambda: server.appliance.queue.waiters.held == 4)
    answer = requests.post(f"{server.url}/getnewjobs", data='{"site": "saf", "wait": 20}', timeout=60)
    assert (answer.json(), answer.headers["Retry-After"]) == ([], "1")
    feed = requests.get(f"{server.url}/api/changes", params={"since": 0, "wait": 20}, timeout=60).json()
    assert (feed["changes"], feed["again_s"]) == ([], 1)
    assert requests.post(f"{server.url}/getnewjobs", data='{"site": "saf"}', timeout=60).status_code == 200
    server.stop()
    for thread, answers in polls:
        thread.join(60)
        assert answers[0].json() == []


def test_a_client_that_went_away_frees_its_thread_and_loses_no_job(server, token, http):
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
    bell = Waiters(5)
    bell.close()
    with bell.waiter("saf") as waiter:
        assert waiter is None


@pytest.mark.parametrize("wait", [-5, 0, "", None])
def test_a_wait_that_is_none(server, wait):
    server.appliance.queue.waiters.waiter = None  # who would be held fails
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
