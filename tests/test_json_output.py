"""`--json`: every command that lists has it, and prints JSON and nothing else on stdout."""

import json

import pytest

from prjobs.cli.commands import build_parser
from tests.readme import leaves

# Commands that act: their output is a line that says what was done, an id to copy, or a file.
ACT = {
    "serve",
    "simulate",
    "login",
    "token create",
    "token revoke",
    "reserve add",
    "reserve remove",
    "send",
    "sites remove",
    "cancel",
    "note add",
    "note strike",
    "backup",
    "restore",
    "service install",
    "service remove",
    "service start",
    "service stop",
    "service show",
    "notify test",
    "lock",
    "unlock",
    "move",
    "observe",
    "completion",
}
# The words that each listing command needs besides --json.
WORDS = {"import": ("--since", "36h")}
# Commands that end only when told to; tested in tests/test_command_line.py.
ENDLESS = {"watch"}
# The output is JSON without an option.
ALWAYS = {"audit export"}
# Commands that need a link to the cloud exit with 1 here, in both forms.
NEED_A_CLOUD = {"cloud once", "import"}
NEED_NO_SERVER = {"cloud once"}
# The exit code says that no service is installed here; the output is JSON all the same.
WITHOUT_A_SERVICE = {"service status"}


def listing():
    """Return the commands that list, with the names of their options."""
    found = {}
    for name, parser, _ in leaves("prjobs", build_parser(), ""):
        if (words := name.removeprefix("prjobs ")) not in ACT:
            found[words] = {option for action in parser._actions for option in action.option_strings}
    return found


def documents(output):
    """Return the JSON documents of an output: a single one, or one on each line."""
    return [json.loads(line, parse_constant=pytest.fail) for line in output.splitlines()]


def test_every_command_that_lists_has_the_option():
    assert [name for name, options in listing().items() if "--json" not in options and name not in ALWAYS] == []
    assert len(listing()) > 10


def fill(program):
    """Put something to list everywhere, with names that JSON has to escape."""
    program.serve()
    token = program.token('o"neil\\"', "--name", 'Ann "K." 星')
    program.new_job(token, user_id='o"neil\\"', user_name='Ann "K." 星')
    program.post("getnewjobs", {"site": "saf"})
    words = ("--user", "ann", "--start", "now", "--end", "+2h", "--title", 'mirror "cleaning"', "--force")
    assert program.run("reserve", "add", "saf", *words).returncode == 0
    assert program.run("note", "add", "saf", 'a "note" of 星').returncode == 0


@pytest.mark.long
@pytest.mark.parametrize("is_served", [True, False], ids=["beside a server", "without a server"])
def test_the_output_is_json_and_nothing_else(program, is_served):
    fill(program)
    if not is_served:
        program.stop()
    for name in listing().keys() - ENDLESS:
        option = () if name in ALWAYS else ("--json",)
        done = program.run(*name.split(), *WORDS.get(name, ()), *option)
        needs = name in NEED_A_CLOUD or (is_served and name in NEED_NO_SERVER)
        assert done.returncode == (1 if needs or name in WITHOUT_A_SERVICE else 0), (name, done.stdout, done.stderr)
        assert (documents(done.stdout) != []) is not needs, (name, done.stdout)
        assert needs or done.stderr == "" or name in ALWAYS, (name, done.stderr)
