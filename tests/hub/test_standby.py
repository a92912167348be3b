"""Step A of a hub: one process is active, others are ready to take over."""

import os
import re
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from prjobs.web.contract import paths_of
from tests.hub.processes import Hub, health_of, is_active, is_relaying
from tests.postgres import PostgresServer, driver, shared_server
from tests.program import JOB, Program
from tests.waiting import wait_for

psycopg = driver()


@pytest.mark.slow
def test_a_second_process_waits_and_names_the_active_one(hub):
    first = hub.add()
    second = hub.add()
    assert is_active(first)
    assert first.first_lines[0].startswith("prjobs ")
    assert f"{first.url} is active" in second.first_lines[0]


@pytest.mark.slow
def test_a_standby_that_does_not_reach_the_active_process_refuses_and_names_it(hub):
    first, second = hub.add(), hub.add()
    wait_for(lambda: is_relaying(second))
    # An address at which nobody listens, as for a process behind a firewall.
    address = "http://127.0.0.1:1"
    with psycopg.connect(hub.url) as connection:
        connection.execute("UPDATE member SET url = %s WHERE url = %s", (address, first.url))
    wait_for(lambda: not is_relaying(second))
    health = requests.get(f"{second.url}/healthz", timeout=30)
    assert health.status_code == 503
    assert health.headers["Content-Type"] == "application/json"
    said = health.json()
    assert (said["ok"], said["code"], said["active"]) == (False, "standby", address)
    assert address in said["error"]
    for path in paths_of("getnewjobs"):
        polled = requests.post(f"{second.url}{path}", data='{"site": "saf"}', timeout=30)
        assert (polled.status_code, polled.json()) == (503, [])
    refused = second.post("newjob", JOB, "no token")
    assert refused.status_code == 503
    assert address in refused.text
    assert int(refused.headers["Retry-After"]) > 0
    # The next connection may be passed on.
    assert refused.headers["Connection"] == "close"
    listed = requests.get(f"{second.url}/api/now", timeout=30)
    assert (listed.status_code, listed.json()["code"]) == (503, "standby")
    assert requests.head(f"{second.url}/healthz", timeout=30).content == b""
    # The active process lives, and its connections to the database show it: nobody takes over.
    assert is_active(first)


@pytest.mark.long
def test_another_process_takes_over_from_a_killed_one(hub):
    first, second, third = hub.add(), hub.add(), hub.add()
    token = hub.token(first)
    sent = [first.new_job(token)["ulid"] for _ in range(5)]
    taken = first.fetch(5)
    waiting = [first.new_job(token)["ulid"] for _ in range(5)]
    first.kill()
    active = hub.active([second, third])
    other = third if active is second else second
    assert taken == sent
    assert active.fetch(5) == waiting
    wait_for(lambda: health_of(other)["active"] == active.url)
    # The hand-out that a later poll proved is confirmed, and stays so.
    newest = active.new_job(token)["ulid"]
    assert newest > max(waiting)
    assert active.fetch(1) == [newest]


@pytest.mark.long
def test_a_clean_stop_lets_another_process_take_over_at_once(hub):
    first, second = hub.add(), hub.add()
    token = hub.token(first)
    port = second.url
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(first.post, "getnewjobs", {"site": "wema", "wait": 20})
        sent = first.new_job(token)["ulid"]
        assert first.stop()[0] == 0
        assert held.result().json() == []
    # Without a clean end the other process would wait for ten seconds from the last sign of life.
    wait_for(lambda: is_active(second))
    assert second.url == port
    assert second.fetch() == [sent]
    assert second.stop()[0] == 0


def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return list(connection.execute(sql).fetchall())


def state_of(program: Program) -> str:
    """The state of the process, as the system has it: T for stopped."""
    assert program.process is not None
    stat = Path(f"/proc/{program.process.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0]


def send_signal(program: Program, number: signal.Signals) -> None:
    assert program.process is not None
    os.kill(program.process.pid, number)


@pytest.mark.long
def test_a_process_that_slept_after_a_commit_gives_the_jobs_back(hub):
    slow = hub.add(PRJOBS_FAIL="handout_after_commit:1:stop")
    token = hub.token(slow)
    sent = slow.new_job(token)["ulid"]
    with ThreadPoolExecutor(1) as pool:
        polled = pool.submit(slow.post, "getnewjobs", {"site": "saf"})
        wait_for(lambda: state_of(slow) == "T")
        threading.Event().wait(5.5)
        send_signal(slow, signal.SIGCONT)
        assert polled.result().json() == []
    # Still the active one: the jobs are there for the next poll.
    assert slow.fetch() == [sent]
    states = [state for (state,) in rows(hub.url, "SELECT state FROM handout ORDER BY id")]
    assert states[0] == "RETURNED"


@pytest.mark.long
def test_a_process_that_slept_until_it_was_replaced_hands_nothing_out(hub):
    slow = hub.add(PRJOBS_FAIL="handout_after_commit:1:stop")
    second = hub.add()
    token = hub.token(slow)
    sent = slow.new_job(token)["ulid"]
    with ThreadPoolExecutor(1) as pool:
        polled = pool.submit(slow.post, "getnewjobs", {"site": "saf"})
        wait_for(lambda: state_of(slow) == "T")
        wait_for(lambda: is_active(second))
        assert rows(hub.url, "SELECT state FROM handout") == [("UNCONFIRMED",)]
        send_signal(slow, signal.SIGCONT)
        assert polled.result().json() == []
    wait_for(lambda: health_of(slow).get("active") == second.url)
    assert second.post("getnewjobs", {"site": "saf"}).json() == []
    assert rows(hub.url, "SELECT state FROM handout") == [("UNCONFIRMED",)]
    # A standby again in the same process, it takes over once more.
    newest = second.new_job(token)["ulid"]
    assert newest > sent
    assert second.stop()[0] == 0
    wait_for(lambda: is_active(slow))
    assert slow.new_job(token)["ulid"] > newest


@pytest.mark.long
def test_a_restart_of_the_database_ends_no_process_and_loses_nothing(tmp_path):
    server = PostgresServer()
    hub = Hub(tmp_path, server.url)
    try:
        first, second = hub.add(), hub.add()
        token = hub.token(first)
        end = threading.Event()
        with ThreadPoolExecutor(3) as pool:
            sending = [pool.submit(send_until, end, first, token) for _ in range(2)]
            polling = pool.submit(poll_until, end, first)
            for _ in range(2):
                threading.Event().wait(1)
                server.restart("immediate")
            wait_for(hub.active)
            end.set()
            sent = [ulid for one in sending for ulid in one.result()]
            taken = polling.result()
        assert first.process.poll() is None and second.process.poll() is None
        active = hub.active()
        # A poll whose commit nobody could confirm leaves its jobs in doubt: staff see them, and no poll gets them.
        wait_for(lambda: not take_into(taken, active) and set(sent) <= {*taken, *in_doubt(hub.url)})
        assert len(taken) == len(set(taken))
    finally:
        hub.end()
        server.stop()


def in_doubt(url: str) -> list[str]:
    found = rows(
        url,
        "SELECT job.ulid FROM handout JOIN change ON change.handout_id = handout.id "
        "JOIN job ON job.seq = change.job_seq WHERE handout.state IN ('OPEN', 'UNCONFIRMED')",
    )
    return [str(ulid) for (ulid,) in found]


def send_until(end: threading.Event, program: Program, token: str) -> list[str]:
    """Send jobs; the ids of those that were answered."""
    sent = []
    while not end.is_set():
        answer = program.post("newjob", JOB, token)
        if answer.status_code == 200:
            sent.append(answer.json()["ulid"])
        else:
            assert answer.status_code == 503
            end.wait(0.05)
    return sent


def poll_until(end: threading.Event, program: Program) -> list[str]:
    taken: list[str] = []
    while not end.wait(0.05):
        take_into(taken, program)
    return taken


def take_into(taken: list[str], program: Program) -> list[str]:
    found = [job["ulid"] for job in program.post("getnewjobs", {"site": "saf"}).json()]
    taken.extend(found)
    return found


@pytest.mark.long
def test_a_folder_with_another_secret_is_refused(hub, tmp_path):
    first = hub.add()
    other = Program(tmp_path / "other")
    code, _, said = hub.run(other, "serve", "--port", "0")
    assert code == 1
    assert re.search("has no secret, and the hub has one.* Copy the file secret", said)
    (other.data / "secret").write_text("ab" * 48)
    code, _, said = hub.run(other, "serve", "--port", "0")
    assert code == 1
    assert re.search("is not that of the hub. Copy the file secret", said)
    shutil.copy(first.data / "secret", other.data / "secret")
    hub.programs.append(other)
    hub.serve(other)
    assert "is active" in other.first_lines[0]


@pytest.mark.parametrize(
    ("name", "value"), [("cloud_mode", "primary"), ("min_free_mb", "100"), ("backup_keep", "7"), ("backup_hour", "3")]
)
def test_settings_without_a_meaning_on_a_hub_are_refused(tmp_path, name, value):
    url = "postgresql://prjobs@127.0.0.1:1/none"
    environment = {**os.environ, "PRJOBS_STORE_URL": url, f"PRJOBS_{name.upper()}": value}
    done = Program(tmp_path / "data").run("serve", "--port", "0", env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith(f"prjobs: PRJOBS_{name.upper()}: {name} ")
    assert done.stderr.count("\n") == 1


@pytest.mark.long
def test_a_database_that_was_set_back_is_refused(hub):
    first = hub.add()
    token = hub.token(first)
    first.new_job(token)
    assert first.stop()[0] == 0
    with psycopg.connect(hub.url) as connection:
        connection.execute("DELETE FROM change")
    code, _, said = hub.run(first, "serve", "--port", "0")
    assert code == 1
    assert "was set back to an earlier moment" in said
    assert "prjobs restore --in-place" in said


@pytest.mark.long
def test_a_folder_in_use_takes_no_empty_database_for_its_store(hub):
    """A slip in the address must not begin a second, empty queue."""
    first = hub.add()
    first.new_job(hub.token(first))
    assert first.stop()[0] == 0
    before = (first.data / "identity.json").read_text()
    with shared_server().database() as empty:
        done = first.run("serve", "--port", "0", env={**os.environ, "PRJOBS_STORE_URL": empty})
    assert done.returncode == 1 and "another appliance" in done.stderr
    assert (first.data / "identity.json").read_text() == before


@pytest.mark.long
def test_commands_act_on_the_database_while_no_process_is_active(hub):
    first = hub.add()
    second = hub.add()
    token = hub.token(first)
    sent = first.new_job(token)["ulid"]
    # A command on the folder of a standby, and one on a folder without a server, name the active process.
    for program in (second, Program(second.data.parent / "data2")):
        code, _, said = hub.run(program, "token", "create", "--user", "bob")
        assert (code, first.url in said) == (1, True), said
    listed = hub.run(second, "jobs", "--json")
    assert (listed[0], sent in listed[1]) == (0, True), listed
    second.stop()
    first.stop()
    locked = hub.run(first, "lock", "saf", "somebody is in the dome")
    assert locked[0] == 0, locked
    made = hub.token(second)
    assert hub.run(second, "audit", "verify")[0] == 0
    # The commands left no sign: the next process is active immediately.
    assert rows(hub.url, "SELECT count(*) FROM member") == [(0,)]
    hub.serve(second)
    assert is_active(second)
    assert second.post("newjob", JOB, made).status_code == 423


@pytest.mark.long
def test_a_failover_to_a_server_that_lacks_answered_writes_is_told(tmp_path):
    primary = PostgresServer()
    standby = PostgresServer(primary)
    ports = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    hub = Hub(tmp_path, f"postgresql://prjobs@{ports}/postgres?target_session_attrs=read-write")
    try:
        one = hub.add()
        token = hub.token(one)
        one.new_job(token)
        wait_for(lambda: rows(standby.url, "SELECT count(*) FROM job") == [(1,)])
        standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
        standby.execute("SELECT pg_reload_conf()")
        wait_for(lambda: rows(standby.url, "SELECT count(*) FROM pg_stat_wal_receiver") == [(0,)])
        lost = [one.new_job(token)["ulid"] for _ in range(3)]
        seen = rows(primary.url, "SELECT max(seq) FROM change")[0][0]
        primary.halt("immediate")
        standby.promote()
        wait_for(lambda: one.post("newjob", JOB, token).status_code == 200)
        problems = wait_for(lambda: [said["sentence"] for said in health_of(one)["problems"] if is_loss(said)])
        assert f"number {seen} was stored" in problems[0]
        ulid, number = rows(standby.url, "SELECT ulid, seq FROM job ORDER BY seq DESC LIMIT 1")[0]
        assert ulid > max(lost)
        assert number > 1_000_000
        assert rows(standby.url, "SELECT max(seq) FROM change")[0][0] > seen + 1_000_000
    finally:
        hub.end()
        standby.stop()
        primary.stop()


def is_loss(said: dict[str, str]) -> bool:
    return said["code"] == "store" and "lacked answered writes" in said["sentence"]
