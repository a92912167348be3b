"""The command line: `prjobs COMMAND …`. Exit 0 done, 1 refused or failed (one line on stderr), 2 wrong usage."""

import argparse
import io
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TextIO

from prjobs.version import VERSION

# Each command with the function that declares the command to argparse, as module:function in this package. Only the
# module of the command that was called is imported: most commands need a small part of the program.
COMMANDS = {
    "serve": "serving:add_serve",
    "simulate": "simulating:add_simulate",
    "settings": "settings:add_settings",
    "login": "access:add_login",
    "token": "access:add_token",
    "reserve": "reservations:add_reserve",
    "send": "jobs:add_send",
    "jobs": "jobs:add_jobs",
    "sites": "sites:add_sites",
    "watch": "jobs:add_watch",
    "cancel": "jobs:add_cancel",
    "night": "night:add_night",
    "doctor": "upkeep:add_doctor",
    "backup": "upkeep:add_backup",
    "restore": "upkeep:add_restore",
    "service": "service:add_service",
    "audit": "audit:add_audit",
    "cloud": "cloud:add_cloud",
    "import": "cloud:add_import",
}


def build_parser(names: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser with these commands, all by default; the manual's reference is made from the parser."""
    parser = argparse.ArgumentParser(
        prog="prjobs", description="The Photon Ranch jobs service for one observatory, on its own machine."
    )
    parser.add_argument("--version", action="version", version=f"prjobs {VERSION}")
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data", type=Path, metavar="DIR", help="the data folder (default: $PRJOBS_DATA or the user's data folder)"
    )
    parser.set_defaults(run=lambda _: _list(parser))
    commands = parser.add_subparsers(metavar="COMMAND")
    for name in names:
        module, function = COMMANDS[name].split(":")
        getattr(import_module(f"{__name__}.{module}"), function)(commands, data)
    return parser


def _list(parser: argparse.ArgumentParser) -> int:
    # Imported late, as the commands are.
    from prjobs.cli.terminal import list_commands

    return list_commands(parser)


def _needed(words: Sequence[str]) -> Iterable[str]:
    """Return the commands that the parser must know: the one that is called, none for the version, else all."""
    if words and words[0] in COMMANDS:
        return words[:1]
    return () if words and words[0] == "--version" else COMMANDS


def _usable(stream: TextIO | None) -> TextIO:
    """Return the stream, able to take every letter: UTF-8, but for a terminal with another encoding.

    A file or pipe on Windows has a code page that lacks letters of users' names. pythonw has no output at all.
    """
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")
    return stream


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    sys.stdout, sys.stderr = _usable(sys.stdout), _usable(sys.stderr)
    asked = build_parser(_needed(words)).parse_args(words)
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
