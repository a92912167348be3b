"""The refusals, each with a code for programs, an HTTP status and a sentence for a person.

A sentence names the field, the expected and the received kind of value, and never repeats text from a client: the
web UI shows sentences as HTML. Every refusal ends a command of the command line with exit code 1.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Self

LIBRARY_MISSING = "store_url needs the library of PostgreSQL: install prjobs with `pipx install 'prjobs[hub]'`."


class Refused(Exception):
    """A request that was refused and changed nothing."""

    status = 400
    code = "bad_request"
    retry_after_s: int | None = None
    # Headers of the answer that belong to the refusal.
    headers: Mapping[str, str] = MappingProxyType({})
    # The section of the manual, for a code that stands for several reasons.
    topic = ""

    @property
    def sentence(self) -> str:
        """A line of plain text for a person."""
        return str(self)

    def about(self, topic: str) -> Self:
        """Name the topic in the manual, for a code that stands for several reasons. Return the refusal."""
        self.topic = topic
        return self


class BadRequest(Refused):
    """The body, a field or the address is wrong."""


class UnknownName(Refused):
    """The user or the site of a reservation is not known here."""

    code = "unknown_name"


class Unauthorized(Refused):
    """The request has no valid token, or another user reserved the site."""

    status = 401
    code = "unauthorized"


class Forbidden(Refused):
    """The token or the web origin has no right to the request."""

    status = 403
    code = "forbidden"


class NotFound(Refused):
    """The job, token, reservation or path does not exist."""

    status = 404
    code = "not_found"


class MethodNotAllowed(Refused):
    """The path does not accept the method."""

    status = 405
    code = "method_not_allowed"


class Conflict(Refused):
    """The present state of the job or site does not allow the change."""

    status = 409
    code = "conflict"


class TooLarge(Refused):
    """The body is over the limit."""

    status = 413
    code = "too_large"


class WrongHost(Refused):
    """The Host header names a host for which this appliance does not answer."""

    status = 421
    code = "wrong_host"


class LockedOut(Refused):
    """Somebody is in the dome: the site is locked out, and takes only stops."""

    status = 423
    code = "locked_out"


class TooMany(Refused):
    """The caller sent too many requests."""

    status = 429
    code = "too_many"
    retry_after_s = 10


class HeadersTooLarge(Refused):
    """The request's headers are over the limit."""

    status = 431
    code = "headers_too_large"


class Internal(Refused):
    """A defect of the appliance: the log has the traceback, the client gets no details."""

    status = 500
    code = "internal"


class Fault(StrEnum):
    """The faults of the store."""

    LOCKED = "locked"
    FULL = "full"
    READ_ONLY = "read_only"
    DAMAGED = "damaged"
    NOT_OPENED = "not_opened"
    DISK = "disk"
    REPLACED = "replaced"
    NEWER = "newer"
    NOT_ACTIVE = "not_active"
    OTHER = "other"


class Unavailable(Refused):
    """The store cannot be read or written now; send the request again later.

    `fault` is the fault of the store; None for another reason.
    """

    status = 503
    code = "unavailable"
    retry_after_s = 5

    def __init__(self, sentence: str, fault: Fault | None = None) -> None:
        super().__init__(sentence)
        self.fault = fault


class TookTooLong(Refused):
    """The list or search was ended because reading took too long; ask for less."""

    status = 503
    code = "took_too_long"
    retry_after_s = 10


class Trouble(NamedTuple):
    """A fault of the store with a sentence for a person."""

    fault: Fault
    sentence: str

    def refusal(self) -> Unavailable:
        """Return the refusal for a request that meets the fault."""
        return Unavailable(self.sentence, self.fault)


class DiskFull(Refused):
    """The disk has too little room for new jobs."""

    status = 507
    code = "disk_full"
    retry_after_s = 60


class Unusable(Exception):
    """A reason why the appliance cannot start or go on; the sentence names the remedy. Exit code 1.

    `fault` is the fault of the store; None for another reason.
    """

    def __init__(self, sentence: str, fault: Fault | None = None) -> None:
        super().__init__(sentence)
        self.fault = fault


def kind_of(value: object) -> str:
    """Return the kind of a received value in words, without the content: `kind_of([1]) == "a list"`."""
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
