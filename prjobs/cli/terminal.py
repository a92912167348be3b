"""The terminal: the arguments of commands, and the output as texts, times and JSON."""

import argparse
import json
import logging
import os
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prjobs.base.clock import Clock, moment
from prjobs.base.folder import Folder, default_folder

logger = logging.getLogger(__name__)
Commands = Any  # argparse names the type with an underscore
Parser = argparse.ArgumentParser
Namespace = argparse.Namespace
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


# ---- arguments


def add_data(parser: Parser) -> Parser:
    """Declare --data, which every command and action on a data folder has. Return the parser."""
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="the data folder (default: $PRJOBS_DATA or the user's data folder)"
    )
    return parser


def add_actions(parser: Parser) -> Commands:
    """Return the place for the actions of a command. The command alone lists the actions."""
    parser.set_defaults(run=lambda _: list_commands(parser))
    return parser.add_subparsers(metavar="ACTION")


def list_commands(parser: Parser) -> int:
    """Print the commands of a parser on stdout and the usage on stderr; return the exit code of wrong usage."""
    parser.print_usage(sys.stderr)
    print(parser.format_help().removeprefix(parser.format_usage()).strip())
    return 2


def folder_of(asked: Namespace) -> Folder:
    """Return the data folder: --data, else $PRJOBS_DATA, else the user's own."""
    named = asked.data or os.environ.get("PRJOBS_DATA")
    return Folder(Path(named) if named else default_folder(demo=getattr(asked, "demo", False)))


def duration_s(text: str) -> float:
    """Return a duration in seconds: 90, 90s, 15m, 24h or 7d."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write 90s, 15m, 24h or 7d")
    return float(match[1]) * _UNITS_S[match[2] or "s"]


def past_ms(text: str) -> int:
    """Return a time in Unix milliseconds: so long ago, a date, or a date with time, UTC without an offset."""
    with suppress(argparse.ArgumentTypeError):
        return Clock().now_ms() - int(duration_s(text) * 1000)
    when = _moment(text)
    if when is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 36h, 7d or 2026-11-20")
    return int(when.timestamp() * 1000)


def future_ms(text: str) -> int:
    """Return a time in Unix milliseconds: `now`, `+2h` from now, or a date with time, UTC without an offset."""
    if text == "now":
        return Clock().now_ms()
    if text.startswith("+"):
        return Clock().now_ms() + round(duration_s(text[1:]) * 1000)
    when = _moment(text)
    if when is None or not re.match(r"\d{4}-\d\d-\d\d[T ]\d", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2022-06-20T20:00, now or +2h")
    return round(when.timestamp() * 1000)


def _moment(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


# ---- output


def print_json(value: Any) -> None:
    """Print a value in one line, for programs that read the output. Only UTF-8 has all letters unescaped."""
    print(json.dumps(value, ensure_ascii=(sys.stdout.encoding or "").lower() != "utf-8"))


def stderr(sentence: str) -> None:
    """Print a line for the person, beside the output."""
    print(sentence, file=sys.stderr)


def utc(time_ms: int) -> str:
    """Return a time for people: UTC, to the second."""
    return moment(time_ms).strftime("%Y-%m-%d %H:%M:%S")


def say(line: str) -> None:
    """Print a line at once. A full disk under the output, or a reader that is gone, does not end the program."""
    try:
        print(line, flush=True)
    except OSError as error:
        close_output()
        logger.warning("the output cannot be written, the program goes on: %s", error.strerror)


def close_output() -> None:
    """Send all further output nowhere: the end of the process would fail at a closed or full output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
