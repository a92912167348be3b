"""Refusals: each has a code for programs, an HTTP status and a sentence for a person.

Sentences name the field, what was expected and what came, and never repeat what a client sent: the web UI
shows them as HTML. Every refusal ends a command of the command line with exit code 1.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Self


class Refused(Exception):
    """A request that was not carried out; nothing was changed by it."""

    status = 400
    code = "bad_request"
    retry_after_s: int | None = None
    # What belongs to the answer besides its status and sentence.
    headers: Mapping[str, str] = MappingProxyType({})
    # What the manual says more about, where the code stands for several things.
    topic = ""

    @property
    def sentence(self) -> str:
        """One line of plain text for a person."""
        return str(self)

    def about(self, topic: str) -> Self:
        """Name the topic in the manual, where the code stands for several. Returns the refusal."""
        self.topic = topic
        return self


class BadRequest(Refused):
    """The body, a field or an address is not what it must be."""


class Unauthorized(Refused):
    """No valid token, or somebody else's reservation."""

    status = 401
    code = "unauthorized"


class Forbidden(Refused):
    """A valid token or a web origin that may not do this."""

    status = 403
    code = "forbidden"


class NotFound(Refused):
    """No such job, token or path."""

    status = 404
    code = "not_found"


class MethodNotAllowed(Refused):
    """The path exists, for another method."""

    status = 405
    code = "method_not_allowed"


class Conflict(Refused):
    """Not possible from the present state."""

    status = 409
    code = "conflict"


class TooLarge(Refused):
    """The body is over the limit."""

    status = 413
    code = "too_large"


class WrongHost(Refused):
    """The Host header names a host that this appliance does not answer for."""

    status = 421
    code = "wrong_host"


class TooMany(Refused):
    """Too many requests from one caller."""

    status = 429
    code = "too_many"
    retry_after_s = 10


class HeadersTooLarge(Refused):
    """The request's headers are over the limit."""

    status = 431
    code = "headers_too_large"


class Internal(Refused):
    """A defect of ours: the log has the traceback, the client gets no details."""

    status = 500
    code = "internal"


class Fault(StrEnum):
    """A kind of trouble with the store."""

    LOCKED = "locked"
    FULL = "full"
    READ_ONLY = "read_only"
    DAMAGED = "damaged"
    NOT_OPENED = "not_opened"
    DISK = "disk"
    REPLACED = "replaced"
    OTHER = "other"


class Unavailable(Refused):
    """The store cannot take or give anything now; asking again later is right.

    `fault` says what the trouble with the store is; None when there is another reason.
    """

    status = 503
    code = "unavailable"
    retry_after_s = 5

    def __init__(self, sentence: str, fault: Fault | None = None) -> None:
        super().__init__(sentence)
        self.fault = fault


class Trouble(NamedTuple):
    """A fault of the store and its sentence."""

    fault: Fault
    sentence: str

    def refusal(self) -> Unavailable:
        """Return the refusal of a request that meets the trouble."""
        return Unavailable(self.sentence, self.fault)


class DiskFull(Refused):
    """Too little free disk for new jobs."""

    status = 507
    code = "disk_full"
    retry_after_s = 60


class Unusable(Exception):
    """The appliance cannot start or go on; the sentence says why and what to do. Exit code 1.

    `fault` says what the trouble with the store is; None when there is another reason.
    """

    def __init__(self, sentence: str, fault: Fault | None = None) -> None:
        super().__init__(sentence)
        self.fault = fault


def kind_of(value: object) -> str:
    """What came, in words that never repeat its content: `kind_of([1]) == "a list"`."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return f"a text of {len(value)} characters" if value.strip() else "an empty text"
        case list():
            return "a list"
        case dict():
            return "an object"
    return type(value).__name__
