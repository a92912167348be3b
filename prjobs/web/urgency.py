"""The urgency of requests: polls and stops are answered before all others."""

from enum import IntEnum
from functools import cache
from typing import Any

from prjobs.base import catalogue

# Polls, stops, closes and parks have short bodies. Longer ones take time to decode.
LONGEST = 8192


class Urgency(IntEnum):
    """The order in which waiting requests are served.

    URGENT: polls for jobs, and commands that may stop, close or park.
    WRITE: other commands, reports, and what else changes the store.
    READ: requests of people for pages and lists.
    PIECE: the next piece of a long answer.
    """

    URGENT = 0
    WRITE = 1
    READ = 2
    PIECE = 3


def urgency_of(request: Any) -> Urgency:
    """Return the urgency of a request as parsed by waitress."""
    if request.error:
        return Urgency.READ
    path = request.path.rstrip("/")
    if request.command in ("GET", "HEAD") or path.endswith(("getrecentjobs", "/commands/notes")):
        return Urgency.READ
    if path.endswith(("getnewjobs", "make_safe")):
        # Of a long body only the decoding is dear: no program sends one.
        return Urgency.READ if _length(request) > LONGEST else Urgency.URGENT
    return Urgency.URGENT if path.endswith("newjob") and _may_make_safe(request) else Urgency.WRITE


def _length(request: Any) -> int:
    """Return the length of the body; waitress keeps that of a body in chunks among the headers alone."""
    return int(request.headers.get("CONTENT_LENGTH") or 0)


def _may_make_safe(request: Any) -> bool:
    """Return True if the body holds a word that makes a command safe. The body is not decoded yet."""
    if _length(request) > LONGEST:
        return False
    stream = request.get_body_stream()
    body = stream.read(LONGEST).lower()
    stream.seek(0)
    return any(word in body for word in _safe_words())


@cache
def _safe_words() -> frozenset[bytes]:
    """Return the words of commands that make safe, such as `stop`, in lower case."""
    safe = [command for command in catalogue.commands() if command.command_class in catalogue.MAKES_SAFE]
    words = {command.script or command.action for command in safe} | catalogue.STOP_ACTIONS
    return frozenset(word.lower().encode() for word in words)
