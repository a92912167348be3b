"""The output of commands: texts and times for a terminal, JSON for programs."""

import json
import logging
import os
import sys
from typing import Any

from prjobs.base.clock import moment

logger = logging.getLogger(__name__)


def print_json(value: Any) -> None:
    """Print a value in one line, for programs that read the output."""
    print(json.dumps(value, ensure_ascii=False))


def stderr(sentence: str) -> None:
    """Print a line for the person, beside the output."""
    print(sentence, file=sys.stderr)


def plain(text: str) -> str:
    """Return a text of others fit for a terminal: no character can move the cursor or change colours."""
    return "".join(char if char.isprintable() else "?" for char in text)


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
