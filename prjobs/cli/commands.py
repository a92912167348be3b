"""The commands of the command line, and the run of one."""

import argparse
import atexit
import gc
import io
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, TextIO

from prjobs.version import VERSION


class Command(NamedTuple):
    """A command: the function that declares its arguments to argparse, as module:function, and its text in the help."""

    function: str
    text: str


# Only the module of the command that was called is imported: most commands need a small part of the program.
COMMANDS = {
    "serve": Command("serving:add_serve", "run the appliance"),
    "simulate": Command("simulating:add_simulate", "run a simulated observatory for a site"),
    "observe": Command("observing:add_observe", "carry out a site's jobs on devices that speak INDI or Alpaca"),
    "settings": Command("settings:add_settings", "list the settings in force and their sources"),
    "login": Command("access:add_login", "print a link that logs a browser in, once"),
    "token": Command("access:add_token", "make, list and revoke tokens"),
    "reserve": Command("reservations:add_reserve", "reserve a site for a user; list and remove reservations"),
    "send": Command("sending:add_send", "send a job from the terminal"),
    "jobs": Command("listing:add_jobs", "list jobs, newest first"),
    "sites": Command("sites:add_sites", "list the sites; remove a site that was a typing error"),
    "watch": Command("listing:add_watch", "print every change at once"),
    "cancel": Command("sending:add_cancel", "cancel a waiting job, or stop a whole site"),
    "note": Command("notes:add_note", "write a note on a night, a site or a job; list them, strike one out"),
    "lock": Command("locking:add_lock", "lock a site out while somebody is in the dome: only stops are handed out"),
    "unlock": Command("locking:add_unlock", "end a lock of a site"),
    "night": Command("night:add_night", "the log of a night: every job, stop, alarm and silence"),
    "weeks": Command("weeks:add_weeks", "jobs, failures, waiting times, silences and users, week by week"),
    "doctor": Command("doctor:add_doctor", "say what is wrong and what to do"),
    "backup": Command("upkeep:add_backup", "make a backup, whether a server runs or not"),
    "restore": Command("upkeep:add_restore", "bring a backup back; its waiting jobs are cancelled"),
    "move": Command("moving:add_move", "move the store into a database on PostgreSQL, for a hub, or back"),
    "notify": Command("notify:add_notify", "the messages about alarms: send a test to each address"),
    "service": Command("service:add_service", "start the appliance with the machine"),
    "audit": Command("audit:add_audit", "the record of who did what: check it, export it"),
    "cloud": Command("cloud:add_cloud", "the link to the cloud"),
    "import": Command(
        "importing:add_import", "list the jobs in the cloud from before the first reading, or take them in"
    ),
    "completion": Command("completing:add_completion", "print a script that completes commands in the shell"),
}


def build_parser(listed: Iterable[str] = COMMANDS, declared: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser that lists these commands, and has the arguments of the commands in `declared`.

    The manual's reference is made from the parser of all commands.
    """
    parser = argparse.ArgumentParser(
        prog="prjobs", description="The Photon Ranch jobs service for one observatory, on its own machine."
    )
    parser.add_argument("--version", action="version", version=f"prjobs {VERSION}")
    parser.set_defaults(run=lambda _: _list(parser))
    commands = parser.add_subparsers(metavar="COMMAND")
    parsers = {name: commands.add_parser(name, help=COMMANDS[name].text) for name in listed}
    for name in declared:
        module, function = COMMANDS[name].function.split(":")
        getattr(import_module(f"prjobs.cli.{module}"), function)(parsers[name])
    return parser


def _list(parser: argparse.ArgumentParser) -> int:
    # Imported late, as the commands are.
    from prjobs.cli.terminal import list_commands

    return list_commands(parser)


def run(words: Sequence[str]) -> int:
    """Run the command of these words; return the exit code."""
    # At the end of a process Python would search all objects for reference cycles, to free memory that goes anyway.
    atexit.register(gc.freeze)
    sys.stdout, sys.stderr = _usable(sys.stdout), _usable(sys.stderr)
    # The first word alone can be a command: the options that may stand before a command end the program.
    called = [word for word in words[:1] if word in COMMANDS]
    asked = build_parser(called or COMMANDS, called).parse_args(words)
    try:
        code = int(asked.run(asked) or 0)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # Imported late, as the commands are.
        from prjobs.cli.failures import exit_code

        return exit_code(error)


def _usable(stream: TextIO | None) -> TextIO:
    """Return the stream, able to take every letter: UTF-8, but for a terminal with another encoding.

    A file or pipe on Windows has a code page that lacks letters of users' names. pythonw has no output at all.
    """
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")
    return stream
