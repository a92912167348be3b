"""A command imports what it needs and no more: on a small machine each import is felt at the prompt."""

import subprocess
import sys

import pytest
import requests

from tests.imported import BARE, RUN, named
from tests.program import JOB

CRYPTOGRAPHY = {"jwt", "cryptography"}
SERVER = {"bottle", "waitress", "prjobs.server", "prjobs.opening", "prjobs.web", "prjobs.demo"} | CRYPTOGRAPHY
STORE = {"peewee", "prjobs.store", "prjobs.jobs", "prjobs.monitor", "prjobs.cloud"}
# For what few processes do: a client of a server, a link to the cloud, a new id, a wrong word, a site's time zone.
SELDOM = {
    "urllib3",
    "prjobs.cloud.link",
    "ulid",
    "difflib",
    "zoneinfo",
    "xml",
    "importlib.metadata",
    "prjobs.upkeep.doctor",
}
# The driver of PostgreSQL is of the hub alone, and peewee imports asyncio with the driver.
RARE = {"ephem", "markdown_it", "segno", "tomllib", "asyncio", "psycopg"}


def modules(*arguments: str, code: str = RUN) -> set[str]:
    """Return the modules that a process has imported at its end, and the packages of these modules."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return named(done.stdout)


def test_the_version_imports_nothing():
    assert modules("--version") - modules(code=BARE) == {"prjobs", "prjobs.cli", "prjobs.version"}


@pytest.mark.parametrize("words", [("--help",), ("jobs", "--help"), ("send", "--help"), ("cloud", "--help")])
def test_the_help_imports_one_command_at_most(words):
    found = modules(*words)
    assert not found & (SERVER | CRYPTOGRAPHY | RARE)
    declared = {name for name in found if name.startswith("prjobs.cli.")}
    assert len(declared - {"prjobs.cli.commands", "prjobs.cli.terminal", "prjobs.cli.running"}) <= 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("send", "saf", "camera", "camera1", "expose", "-r", "time=1"),
        ("cancel", "--all", "saf"),
        ("sites", "list"),
        ("sites", "remove", "saf", "--force"),
        ("token", "create", "--user", "auth0|ann"),
        ("token", "list"),
        ("reserve", "list"),
        ("cloud", "status"),
        ("login",),
    ],
    ids=" ".join,
)
def test_a_command_to_a_server_imports_neither_a_server_nor_a_store(program, words):
    program.serve()
    program.new_job(program.token())
    assert not modules(*words, "--data", str(program.data)) & (SERVER | STORE | RARE)


@pytest.mark.slow
@pytest.mark.parametrize("words", [("jobs",), ("jobs", "--json"), ("night",), ("weeks",)], ids=" ".join)
def test_a_command_that_reads_the_store_imports_no_server(program, words):
    program.serve()
    program.new_job(program.token())
    found = modules(*words, "--data", str(program.data))
    assert not found & (SERVER | RARE | SELDOM | {"email"})
    # The log of a night says whether a server runs.
    assert ("filelock" in found) == (words == ("night",))


def test_a_command_on_a_folder_without_a_server_imports_no_client(tmp_path):
    asked = [("token", "create", "--user", "auth0|ann"), ("sites", "list"), ("cloud", "status"), ("backup",)]
    unneeded = (SERVER - {"prjobs.opening"}) | RARE | SELDOM | {"prjobs.client"}
    found = {words: modules(*words, "--data", str(tmp_path / "data")) & unneeded for words in asked}
    assert found == {words: set() for words in asked}


@pytest.mark.slow
def test_a_server_imports_no_client_and_nothing_for_screens_that_nobody_opened(program):
    program.launcher = ("-c", RUN)
    program.serve()
    program.new_job(program.token())
    program.fetch()
    assert requests.get(f"{program.url}/api/now", timeout=30).status_code == 200
    code, output, _ = program.stop()
    assert code == 0
    unneeded = {
        "urllib3",
        "zoneinfo",
        "xml",
        "prjobs.client",
        "prjobs.demo",
        "prjobs.access.calendar",
        "prjobs.cloud.link",
        "prjobs.night.page",
        "prometheus_client",
    }
    assert not named(output) & (CRYPTOGRAPHY | unneeded | (RARE - {"tomllib"}))


@pytest.mark.slow
def test_no_request_of_a_program_imports_anything(program):
    """An upgrade by pipx replaces the files of a running server: an import then may fail, or give the new code."""
    program.launcher = ("-c", RUN)
    program.serve()
    before = named(program.stop()[1])
    program.serve()
    token = program.token("auth0|staff", "--role", "admin")
    job = program.new_job(token)
    program.fetch()
    started = {"site": "saf", "ulid": job["ulid"], "newStatus": "STARTED", "secondsUntilComplete": 5}
    stop = {**JOB, "action": "cancel_all_commands", "required_params": {}, "optional_params": {}}
    answers = [
        program.post("updatejobstatus", started),
        program.post("getnewjobs", {"site": "saf", "wait": 1}),
        program.post("newjob", stop, token),
        program.post("api/make_safe", {"site": "saf"}, token),
        program.post("api/lock", {"site": "saf", "reason": "visitors"}, token),
        program.post("getrecentjobs", {"site": "saf", "timeRange": 60_000}),
        program.post("newjob", {"site": "saf"}, token),
        program.post("newjob", JOB, "no token"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 200, 400, 401]
    # Chores import what counts the jobs of a night.
    late = {name for name in named(program.stop()[1]) - before if not name.startswith("prjobs.night")}
    assert late == set()
