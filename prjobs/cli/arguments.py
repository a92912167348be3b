"""The arguments that commands share: types for argparse, and the data folder."""

import argparse
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prjobs.base.clock import Clock
from prjobs.base.folder import Folder
from prjobs.base.settings_sources import default_folder

Commands = Any  # argparse names the type with an underscore
Parser = argparse.ArgumentParser
Namespace = argparse.Namespace
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


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
    moment = _moment(text)
    if moment is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 36h, 7d or 2026-11-20")
    return int(moment.timestamp() * 1000)


def future_ms(text: str) -> int:
    """Return a time in Unix milliseconds: `now`, `+2h` from now, or a date with time, UTC without an offset."""
    if text == "now":
        return Clock().now_ms()
    if text.startswith("+"):
        return Clock().now_ms() + round(duration_s(text[1:]) * 1000)
    moment = _moment(text)
    if moment is None or not re.match(r"\d{4}-\d\d-\d\d[T ]\d", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2022-06-20T20:00, now or +2h")
    return round(moment.timestamp() * 1000)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
