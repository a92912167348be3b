"""The program as a process: started, used, stopped and killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import venv
from pathlib import Path

import pytest
import requests

from tests.program import JOB, Program
from tests.waiting import wait_for

ROOT = Path(__file__).parent.parent


def test_it_works(program):
    program.serve()
    token = program.token()
    job = program.new_job(token)
    assert [one["ulid"] for one in program.post("getnewjobs", {"site": "saf"}).json()] == [job["ulid"]]
    code, rest, errors = program.stop()
    assert (code, errors) == (0, "") and rest.startswith("Open this link once to log a browser in: http://127.0.0.1:")


def test_the_login_link_is_printed_once_and_works_once(program):
    program.serve()
    key = program.process.stdout.readline().rpartition("#once=")[2].strip()
    first = requests.post(f"{program.url}/api/login", json={"once": key})
    assert first.json()["user"]["roles"] == ["admin"]
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
    assert requests.post(f"{program.url}/api/login", json={"once": key}).status_code == 401
    program.stop()
    program.serve()
    assert program.stop()[1] == ""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_stop_answers_what_is_in_flight(program, name):
    url = program.serve()
    program.post("getnewjobs", {"site": "saf"})
    answers = []
    body = json.dumps({"site": "saf", "wait": 20})
    held = threading.Thread(target=lambda: answers.append(requests.post(f"{url}/getnewjobs", data=body, timeout=60)))
    held.start()
    while requests.get(f"{url}/healthz").status_code != 200:
        pass
    time.sleep(0.3)
    program.process.send_signal(getattr(signal, name))
    code, _, errors = program._wait()
    held.join(60)
    assert (code, errors) == (0, "")
    assert answers[0].status_code == 200 and answers[0].json() == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.long)])
def test_many_signals_at_once_are_one_stop(program, rounds):
    """A second Ctrl-C may interrupt the handler of the first: that must not hang it."""
    for _ in range(rounds):
        program.serve()
        for number in range(12):
            program.process.send_signal(signal.SIGINT if number % 2 else signal.SIGTERM)
        code, _, errors = program._wait()
        assert (code, errors) == (0, "")


def test_the_link_is_not_lost_by_a_start_that_failed_or_a_command_before(program, tmp_path):
    other = Program(tmp_path / "other")
    url = other.serve()
    assert program.run("serve", "--port", url.rpartition(":")[2]).returncode == 1
    other.kill()
    program.token()
    program.serve()
    assert "login#once=" in program.process.stdout.readline()
    code, _, errors = program.stop()
    assert (code, errors) == (0, "")


def test_a_command_in_between_does_not_hide_an_unclean_stop(program):
    program.serve()
    program.new_job(program.token())
    program.kill()
    program.run("token", "list")
    program.serve()
    _, _, errors = program.stop()
    assert "The last stop was not clean" in errors and "1 jobs wait" in errors


def test_a_look_at_a_folder_that_holds_nothing_makes_nothing(program):
    for arguments in (("token", "list"), ("reserve", "list"), ("jobs",)):
        done = program.run(*arguments)
        assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert not program.data.exists()


def test_a_second_server_on_one_folder_is_refused_and_says_whose_it_is(program):
    url = program.serve()
    pid = program.process.pid
    second = program.run("serve", "--port", "0")
    assert second.returncode == 1
    assert str(pid) in second.stderr and url in second.stderr and second.stderr.count("\n") == 1
    program.kill()
    assert program.serve()


def test_a_taken_port_is_said_in_one_line(program, tmp_path):
    url = program.serve()
    other = Program(tmp_path / "other").run("serve", "--port", url.rpartition(":")[2])
    assert other.returncode == 1 and "cannot listen" in other.stderr and other.stderr.count("\n") == 1


@pytest.mark.parametrize("rounds", [2, pytest.param(10, marks=pytest.mark.long)])
def test_kill_9_under_load_loses_nothing_that_was_answered(program, rounds):
    """Rounds of: senders and pollers at work, a kill at a random moment, a new start."""
    token, sent, got, twice = "", set(), {}, []
    for round_number in range(rounds):
        url = program.serve()
        token = token or program.token()
        stop = threading.Event()

        def send(url=url, stop=stop, token=token):
            headers = {"Authorization": f"Bearer {token}"}
            with requests.Session() as session:
                while not stop.is_set():
                    try:
                        answer = session.post(f"{url}/newjob", data=json.dumps(JOB), headers=headers, timeout=60)
                    except requests.RequestException:
                        return
                    if answer.status_code == 200:
                        sent.add(answer.json()["ulid"])

        def poll(url=url, stop=stop):
            with requests.Session() as session:
                while not stop.is_set():
                    try:
                        batch = session.post(f"{url}/getnewjobs", data='{"site": "saf"}', timeout=60).json()
                    except (requests.RequestException, ValueError):
                        return
                    for job in batch:
                        twice.extend([job["ulid"]] if job["ulid"] in got else [])
                        got[job["ulid"]] = True

        threads = [threading.Thread(target=send) for _ in range(5)] + [threading.Thread(target=poll) for _ in range(8)]
        for thread in threads:
            thread.start()
        enough = len(sent) + 20
        wait_for(lambda enough=enough: len(sent) >= enough)
        time.sleep(0.1 * round_number)
        program.kill()
        stop.set()
        for thread in threads:
            thread.join()
    program.serve()
    log = (program.data / "logs" / "prjobs.log").read_text()
    assert "The last stop was not clean" in log
    stored = {job["ulid"]: job for job in program.post("getrecentjobs", {"site": "saf"}).json()}
    assert sent <= set(stored)
    rest = {job["ulid"] for job in program.post("getnewjobs", {"site": "saf"}).json()}
    twice += list(rest & set(got))
    assert twice == []
    cut_off = [ulid for ulid in stored if ulid not in got and ulid not in rest]
    for ulid in cut_off:
        detail = requests.get(f"{program.url}/api/jobs/{ulid}").json()
        assert detail["timeline"][-1]["handout"]["state"] == "UNCONFIRMED"


def test_no_token_ever_stands_in_the_log(program):
    program.serve("--log-level", "debug")
    token = program.token()
    program.new_job(token)
    program.post("newjob", JOB, token + "x")
    requests.post(f"{program.url}/api/login", json={"token": token})
    requests.post(f"{program.url}/newjob%0aFAKE", data="{}")
    program.stop()
    log = (program.data / "logs" / "prjobs.log").read_text()
    secret = (program.data / "secret").read_text()
    assert "newjob saf" in log and token not in log and token.split(".")[2] not in log and secret not in log
    assert all(line[:4].isdigit() for line in log.splitlines())


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_secrets_are_the_owners_alone(program):
    program.token()
    assert (program.data / "secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_a_wheel_from_a_clean_tree_serves_its_page_elsewhere(tmp_path):
    tree = tmp_path / "tree"
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if files.returncode != 0:
        pytest.skip("not a git checkout")
    for name in files.stdout.splitlines():
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", tmp_path / "dist", tree], check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    venv.create(tmp_path / "venv", system_site_packages=False, with_pip=False)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    subprocess.run([*pip, "--python", python, "install", wheel], check=True, capture_output=True)
    process = subprocess.Popen(
        [scripts / "prjobs", "serve", "--port", "0", "--data", tmp_path / "data"], stdout=subprocess.PIPE, text=True
    )
    try:
        url = process.stdout.readline().split()[-1]
        page = requests.get(url)
        assert page.headers["Content-Type"] == "text/html; charset=utf-8" and "<html" in page.text
        assert '<h2 id="backups">Backups</h2>' in requests.get(f"{url}manual/operate").text
        assert requests.get(f"{url}static/monitor.png").headers["Content-Type"] == "image/png"
        script = requests.get(f"{url}static/app.js")
        assert (script.status_code, script.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_the_launcher_says_what_is_missing(tmp_path):
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = subprocess.run([python, ROOT / "prjobs.py", "serve"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "pip install" in done.stderr and done.stderr.count("\n") == 1
    done = subprocess.run([sys.executable, ROOT / "prjobs.py", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("prjobs ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_it_serves_though_nothing_can_be_printed(program):
    with Path("/dev/full").open("w") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "prjobs", "serve", "--port", "0", "--data", str(program.data)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        wait_for((program.data / "server.json").exists)
        url = json.loads((program.data / "server.json").read_text())["url"]
        assert requests.get(f"{url}/healthz", timeout=60).status_code == 200
    finally:
        process.terminate()
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and "Traceback" not in errors
    assert "No space left on device" in errors and "once=" not in errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_command_whose_output_cannot_be_written_says_so_in_a_line(program):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "prjobs", "service", "show", "--data", str(program.data)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "prjobs: its output cannot be written: No space left on device\n")
