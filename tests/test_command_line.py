"""The command line: fixed names, output for programs, exit codes, one line on stderr."""

import json
import os
import subprocess
import sys
import threading

import pytest

from prjobs.cli.commands import COMMANDS, build_parser
from tests.program import JOB


@pytest.mark.slow
def test_a_token_is_printed_alone_with_and_without_a_server(program):
    for start in (False, True):
        if start:
            program.serve()
        made = program.run("token", "create", "--user", "auth0|alice", "--role", "admin")
        assert made.returncode == 0 and made.stdout.count("\n") == 1 and made.stdout.count(".") == 2
        assert "auth0|alice" in made.stderr
    infos = json.loads(program.run("token", "list", "--json").stdout)
    assert [info["roles"] for info in infos] == [["admin"], ["admin"]]
    assert program.run("token", "revoke", infos[0]["id"]).returncode == 0
    assert "revoked" in program.run("token", "list").stdout
    refused = program.run("token", "revoke", "nope")
    assert (refused.returncode, refused.stderr) == (1, "prjobs: There is no token with this id.\n")
    assert program.post("newjob", JOB, made.stdout.strip()).status_code == 200


@pytest.mark.slow
def test_send_jobs_and_cancel(program):
    program.serve()
    sent = program.run(
        "send", "saf", "camera", "camera1", "expose", "-r", "time=60", "-r", "smartstack:=true", "-o", "filter=R"
    )
    ulid = sent.stdout.strip()
    (job,) = program.post("getrecentjobs", {"site": "saf"}).json()
    assert (job["ulid"], job["required_params"]) == (ulid, {"time": "60", "smartstack": True})
    assert ulid in program.run("jobs", "--site", "saf").stdout
    listed = json.loads(program.run("jobs", "--json", "--status", "unread", "--since", "1h").stdout)
    assert (listed["ulid"], listed["label"], listed["phase"]) == (ulid, "Expose 60 s in R", "waiting")
    assert program.run("cancel", ulid).stdout == f"{ulid} CANCELLED\n"
    again = program.run("cancel", ulid)
    assert again.returncode == 1 and "CANCELLED" in again.stderr
    stop = program.run("cancel", "--all", "saf").stdout.strip()
    assert program.fetch() == [stop]


@pytest.mark.slow
def test_send_prints_notes_and_sends_all_the_same(program):
    program.serve()
    sent = program.run("send", "saf", "mount", "m", "go", "-r", "ra=25", "-r", "dec=41")
    assert sent.stderr.splitlines()[1:] == ["note: “ra” is 25 h. Usual: from 0 to 24 h."]
    assert [one["ulid"] for one in program.post("getnewjobs", {"site": "saf"}).json()] == [sent.stdout.strip()]
    assert "note: “" not in program.run("send", "saf", "laser", "l", "stop").stderr


@pytest.mark.slow
def test_jobs_can_be_listed_without_a_server(program):
    program.serve()
    job = program.new_job(program.token())
    program.stop()
    assert job["ulid"] in program.run("jobs").stdout
    refused = program.run("send", "saf", "camera", "c", "stop")
    assert refused.returncode == 1 and "prjobs serve" in refused.stderr and refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_watch_prints_changes_as_they_happen(program):
    program.serve()
    token = program.token()
    command = [sys.executable, "-m", "prjobs", "watch", "--json", "--data", str(program.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        sent, seen = set(), threading.Event()

        def send():
            while not seen.wait(0.2):
                sent.add(program.new_job(token)["ulid"])

        sender = threading.Thread(target=send)
        sender.start()
        line = watching.stdout.readline()
        seen.set()
        sender.join()
        watching.terminate()
    assert json.loads(line)["job"]["ulid"] in sent


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nope",),
        ("send", "saf"),
        ("jobs", "--since", "soon"),
        ("send", "a", "b", "c", "d", "-r", "x"),
        ("token",),
        ("cancel",),
        ("token", "create", "--user", "a", "--role", "king"),
    ],
)
def test_wrong_usage_exits_with_2(program, arguments):
    done = program.run(*arguments, data=False)
    assert done.returncode == 2 and "usage:" in done.stderr and "Traceback" not in done.stderr


def test_a_command_without_its_action_lists_the_actions(program):
    for words, named in (((), COMMANDS), (("reserve",), ("add", "list", "remove")), (("cloud",), ("status", "once"))):
        done = program.run(*words, data=False)
        listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ")]
        assert set(named) <= set(listed)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.slow
def test_an_unknown_status_is_refused_with_the_known_words(program):
    program.serve()
    token = program.token()
    job = program.new_job(token)
    program.fetch()
    report = {"site": "saf", "ulid": job["ulid"], "newStatus": "Dithering", "secondsUntilComplete": 3}
    assert program.post("updatejobstatus", report).status_code == 200
    refused = program.run("jobs", "--status", "FALIED")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "No job here ever had the status FALIED. Did you mean FAILED? Known: ABORTED, " in refused.stderr
    assert refused.stderr.endswith("UNREAD, Dithering.\n")
    assert program.run("jobs", "--status", "failed").returncode == 0
    assert job["ulid"] in program.run("jobs", "--status", "dithering").stdout


@pytest.mark.slow
def test_a_site_without_jobs_is_said(program):
    program.serve()
    program.new_job(program.token())
    done = program.run("jobs", "--site", "SFA")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "note: no job of the site SFA is stored here. Did you mean saf?\n"
    assert program.run("jobs", "--site", "saf", "--status", "FAILED").stderr == ""


@pytest.mark.slow
def test_every_name_passes_a_pipe_whose_code_page_lacks_its_letters(program):
    program.serve()
    program.new_job(program.token("天文"), user_name="Paweł 星", user_id="天文")
    cp1252 = {"env": {**os.environ, "PYTHONIOENCODING": "cp1252"}}
    listed = program.run("jobs", **cp1252)
    assert (listed.returncode, listed.stderr) == (0, "") and "(Paweł 星)" in listed.stdout
    assert json.loads(program.run("jobs", "--json", **cp1252).stdout)["user_name"] == "Paweł 星"
    tokens = program.run("token", "list", **cp1252)
    assert (tokens.returncode, tokens.stderr) == (0, "") and "天文" in tokens.stdout
    refused = program.run("send", "天文/文", "camera", "c", "expose", **cp1252)
    assert refused.returncode == 1 and "天文" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.slow
def test_without_any_output_a_command_does_its_work(program):
    """As pythonw has it on Windows: stdout and stderr are None."""
    code = "import sys; sys.stdout = sys.stderr = None; from prjobs.cli import main; sys.exit(main(sys.argv[1:]))"
    assert program.run("token", "create", "--user", "auth0|ann", launcher=("-c", code)).returncode == 0
    assert "auth0|ann" in program.run("token", "list").stdout
    assert program.run("token", "revoke", "nonsense", launcher=("-c", code)).returncode == 1


@pytest.mark.slow
def test_a_wrong_setting_is_one_line(program):
    for arguments in (("serve", "--port", "x"), ("serve", "--threads", "1")):
        done = program.run(*arguments)
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and arguments[1] in done.stderr


def test_settings_says_where_each_value_came_from(program):
    program.data.mkdir()
    (program.data / "prjobs.toml").write_text("port = 9000\n")
    said = json.loads(program.run("settings", "--json").stdout)
    assert said["port"]["value"] == 9000 and said["port"]["source"].endswith("prjobs.toml")
    assert "default" in program.run("settings").stdout


@pytest.mark.slow
def test_a_new_login_link(program):
    program.serve()
    link = program.run("login").stdout
    assert link.startswith(f"{program.url}/login#once=")


@pytest.mark.slow
def test_jobs_of_a_hostile_user_cannot_move_the_cursor(program):
    program.serve()
    token = program.token()
    program.new_job(token, required_params={"time": "\u001b[2Jx"}, user_name="\u202eevil")
    assert "\x1b" not in program.run("jobs").stdout


@pytest.mark.slow
def test_a_demo_never_commands_a_real_observatory(program):
    program.token()
    refused = program.run("serve", "--demo", "--port", "0")
    assert refused.returncode == 1 and "demo" in refused.stderr


def test_every_command_of_the_design_is_there():
    parser = build_parser()
    (commands,) = [action for action in parser._actions if hasattr(action, "choices") and action.choices]
    assert {"serve", "token", "send", "jobs", "watch", "cancel", "simulate", "settings"} <= set(commands.choices)


def test_a_usage_that_is_written_by_hand_names_every_argument():
    (commands,) = [action for action in build_parser()._actions if hasattr(action, "choices") and action.choices]
    by_hand = {name: parser for name, parser in commands.choices.items() if parser.usage}
    assert by_hand
    for parser in by_hand.values():
        for action in parser._actions:
            assert (action.option_strings or [action.metavar])[0] in parser.format_usage()
