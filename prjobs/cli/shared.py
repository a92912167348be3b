"""What commands share: the data folder, its running server, its store, and how things are printed."""

import argparse
import json
import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from prjobs.access import tokens
from prjobs.appliance import Appliance
from prjobs.base.clock import Clock, moment
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.settings import default_folder, load_settings
from prjobs.client import Client
from prjobs.opening import close_appliance, open_appliance
from prjobs.store.database import Database
from prjobs.upkeep.looking import look_at, older_migrations

Commands = Any  # argparse names its own type with an underscore
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def folder_of(asked: argparse.Namespace) -> Folder:
    """The data folder: --data, else $PRJOBS_DATA, else the user's own."""
    named = asked.data or os.environ.get("PRJOBS_DATA")
    return Folder(Path(named) if named else default_folder(demo=getattr(asked, "demo", False)))


def running_client(folder: Folder) -> Client | None:
    """A client of the server that serves the folder; None when none does.

    Its token is $PRJOBS_TOKEN, or one for a minute: whoever can read the folder's secret is its operator.
    """
    if not folder.is_served():
        return None
    url = folder.server().get("url")
    if url is None:
        raise Unusable(f"{folder.path} is in use, but no server says under which address: is it starting?")
    own = os.environ.get("PRJOBS_TOKEN")
    return Client(url, own or tokens.operator_token(folder.known_secret(), Clock().now_ms() // 1000))


def require_client(folder: Folder) -> Client:
    """A client of the running server. Unusable when none serves the folder."""
    client = running_client(folder)
    if client is None:
        raise Unusable(f"no server serves {folder.path}: start it with `prjobs serve`.")
    return client


@contextmanager
def own_appliance(folder: Folder, create: bool = True) -> Iterator[Appliance]:
    """The folder opened by this process, for what must work without a server. Unusable when it holds nothing."""
    if not create and not folder.database.exists():
        raise Unusable(f"{folder.path} holds no appliance yet: `prjobs serve` starts one there.")
    folder.create()
    lock = folder.lock()
    try:
        settings, _ = load_settings(folder.path)
        demo = bool(folder.identity().get("demo"))
        appliance, _ = open_appliance(folder, settings, Clock(), demo, serving=False)
        try:
            yield appliance
        finally:
            close_appliance(appliance, folder, serving=False)
    finally:
        lock.release()


def reading_database(folder: Folder) -> Database:
    """The store, for looking only; a server may be running beside."""
    if not folder.database.exists():
        raise Unusable(f"{folder.path} holds no jobs yet: `prjobs serve` starts an appliance there.")
    if _is_older(folder):
        raise Unusable(f"{folder.database} is of an older version; the next start brings it up to date.")
    return Database(folder.database)


def _is_older(folder: Folder) -> bool:
    try:
        with closing(look_at(folder.database)) as connection:
            return bool(older_migrations(connection))
    except sqlite3.Error:
        # What is wrong with it, whoever reads it says.
        return False


def print_json(value: Any) -> None:
    """For programs that read the output."""
    print(json.dumps(value, ensure_ascii=False))


def plain(text: str) -> str:
    """A text from elsewhere, fit for a terminal: nothing in it can move the cursor or change colours."""
    return "".join(char if char.isprintable() else "?" for char in text)


def utc(time_ms: int) -> str:
    """A time for people: UTC, to the second."""
    return moment(time_ms).strftime("%Y-%m-%d %H:%M:%S")


def duration_s(text: str) -> float:
    """A duration for argparse: 90, 90s, 15m, 24h or 7d, in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write 90s, 15m, 24h or 7d")
    return float(match[1]) * _UNITS_S[match[2] or "s"]


def close_output() -> None:
    """Nothing can be printed any more: from now on it goes nowhere, so that the end does not fail over it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def stderr(sentence: str) -> None:
    """A line for the person, beside the output."""
    print(sentence, file=sys.stderr)
