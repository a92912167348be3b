"""The wire format of the five endpoints: no other module knows the names (`deviceType`, `statusId`).

Requests: `parse_*` turns bytes into typed structures, or raises BadRequest. Answers: `*_document` turns rows into
the contract's JSON. Params pass through as the JSON text of the request.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, repeat
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from prjobs.access.identity import Identity
from prjobs.base.decoding import parse_json, sentence_of, strip_mark
from prjobs.base.errors import BadRequest, kind_of
from prjobs.base.fields import (
    Flag,
    Instance,
    Message,
    Name64,
    Number,
    Params,
    PollId,
    Roles,
    Site,
    Status,
    UlidText,
    UserId,
    UserName,
)
from prjobs.base.ulids import is_ulid
from prjobs.jobs.requests import Command, PollRequest, StatusUpdate
from prjobs.jobs.states import UNREAD
from prjobs.store.models import JobRow
from prjobs.web.endpoint import MAX_WAIT_S

MAX_ESTIMATE_S = 10**9
DAY_MS = 86_400_000
MAX_LEASE_S = 86_400


class NewJob(msgspec.Struct, frozen=True):
    """The body of newjob."""

    site: Site
    device: Name64
    instance: Instance
    action: Name64
    user_name: UserName
    user_id: UserId
    required_params: Params
    optional_params: Params


class GetNewJobs(msgspec.Struct, frozen=True):
    """The body of getnewjobs."""

    site: Site
    alternateQueue: Flag = None
    wait: Number = None
    poll_id: PollId = None
    lease: Number = None
    deviceType: Name64 | None = None
    deviceInstance: Instance | None = None
    flush: Flag = None


class UpdateJobStatus(msgspec.Struct, frozen=True):
    """The body of updatejobstatus."""

    site: Site
    ulid: UlidText
    newStatus: Status
    secondsUntilComplete: Number = None
    alternateQueue: Flag = None
    message: Message = None


class StartJob(msgspec.Struct, frozen=True):
    """The body of startjob."""

    site: Site
    ulid: UlidText
    secondsUntilComplete: Number = None
    alternateQueue: Flag = None
    message: Message = None


class _Site(msgspec.Struct, frozen=True):
    site: Site


class GetRecentJobs(msgspec.Struct, frozen=True):
    """The body of getrecentjobs."""

    site: Site
    timeRange: Number = None


REQUESTS: dict[str, type[msgspec.Struct]] = {
    "newjob": NewJob,
    "getnewjobs": GetNewJobs,
    "updatejobstatus": UpdateJobStatus,
    "getrecentjobs": GetRecentJobs,
    "startjob": StartJob,
}
_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {shape: msgspec.json.Decoder(shape) for shape in REQUESTS.values()}
Shape = TypeVar("Shape", bound=msgspec.Struct)
# Decoders for a body without other fields, which is read once: msgspec does not check the values of other fields.
_EXACT: dict[type, msgspec.json.Decoder[Any]] = {
    shape: msgspec.json.Decoder(msgspec.defstruct(shape.__name__, (), bases=(shape,), forbid_unknown_fields=True))
    for shape in (GetNewJobs, UpdateJobStatus)
}


def _parse_plain(body: bytes, shape: type[Shape]) -> Shape:
    """Return the body of a shape in which no field holds lists or objects."""
    try:
        found: Shape = _EXACT[shape].decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _parse(body, shape)[0]
    return found


def _parse(body: bytes, shape: type[Shape]) -> tuple[Shape, dict[str, Any]]:
    body = strip_mark(body)
    value = parse_json(body)
    if type(value) is not dict:
        raise BadRequest(f"The body must be a JSON object; {kind_of(value)} came.")
    try:
        return _DECODERS[shape].decode(body), value
    except msgspec.ValidationError as wrong:
        raise BadRequest(sentence_of(wrong, value, shape)) from None


def parse_newjob(body: bytes, user_roles: str, idempotency_key: str | None = None) -> Command:
    """Return the command of a newjob body. `user_roles` is a JSON list; `user_roles` in the body is ignored."""
    asked, value = _parse(body, NewJob)
    for name in ("required_params", "optional_params"):
        if type(value[name]) is not dict:
            raise BadRequest(f"{name} must be an object; {kind_of(value[name])} came.")
    given = msgspec.structs.asdict(asked) | {
        "user_roles": user_roles,
        "required_params": bytes(asked.required_params).decode(),
        "optional_params": bytes(asked.optional_params).decode(),
    }
    return Command(**given, values=value["required_params"], idempotency_key=idempotency_key)


def parse_again(old: JobRow, identity: Identity, idempotency_key: str | None) -> Command:
    """Return the command of a job in the name of another user, checked as the body of newjob."""
    given = {name: getattr(old, name) for name in NewJob.__struct_fields__} | {
        "user_name": identity.user_name,
        "user_id": identity.user_id,
        "required_params": msgspec.Raw(old.required_params),
        "optional_params": msgspec.Raw(old.optional_params),
    }
    return replace(parse_newjob(_encode(given), identity.roles_json, idempotency_key), again_of=old.ulid)


def parse_getnewjobs(body: bytes) -> PollRequest:
    """Return the poll of a getnewjobs body."""
    asked = _parse_plain(body, GetNewJobs)
    wait_s = _number("wait", asked.wait, default=0.0)
    lease_s = _number("lease", asked.lease, default=0.0)
    if not 0 <= lease_s <= MAX_LEASE_S:
        raise BadRequest(f"lease must be a number of seconds from 1 to {MAX_LEASE_S}; another number came.")
    return PollRequest(
        site=asked.site,
        alternate=bool(asked.alternateQueue),
        wait_s=0.0 if asked.flush else min(max(wait_s, 0.0), MAX_WAIT_S),
        poll_id=asked.poll_id,
        lease_s=math.ceil(lease_s) or None,
        device=asked.deviceType,
        instance=asked.deviceInstance,
        is_flush=bool(asked.flush),
    )


def site_of(body: bytes) -> str:
    """Return the site that a body names, whatever else is wrong with the body; empty for no valid site."""
    try:
        return msgspec.json.decode(strip_mark(body), type=_Site).site
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def parse_updatejobstatus(body: bytes) -> StatusUpdate:
    """Return the report of an updatejobstatus body."""
    asked = _parse_plain(body, UpdateJobStatus)
    return _status_update(asked, asked.newStatus)


def parse_startjob(body: bytes) -> StatusUpdate:
    """Return the report of a startjob body: as updatejobstatus with STARTED."""
    asked, _ = _parse(body, StartJob)
    return _status_update(asked, "STARTED")


def _status_update(asked: UpdateJobStatus | StartJob, status: str) -> StatusUpdate:
    if not is_ulid(asked.ulid):
        raise BadRequest(f"ulid must be the id of a job, 26 characters; {kind_of(asked.ulid)} came.")
    estimate = _number("secondsUntilComplete", asked.secondsUntilComplete, default=-1.0)
    if estimate > MAX_ESTIMATE_S:
        raise BadRequest(f"secondsUntilComplete must be at most {MAX_ESTIMATE_S}; a larger number came.")
    estimate_s = math.ceil(estimate) if estimate >= 0 else -1
    return StatusUpdate(
        site=asked.site,
        ulid=asked.ulid,
        status=status,
        estimate_s=estimate_s,
        alternate=bool(asked.alternateQueue),
        message=asked.message or "",
    )


def parse_getrecentjobs(body: bytes) -> tuple[str, int]:
    """Return the site and the largest age in milliseconds of a getrecentjobs body (default: one day)."""
    asked, _ = _parse(body, GetRecentJobs)
    range_ms = _number("timeRange", asked.timeRange, default=float(DAY_MS))
    if range_ms < 0:
        raise BadRequest("timeRange must be a number of milliseconds, 0 or more; a negative number came.")
    return asked.site, math.ceil(range_ms)


def _number(name: str, value: int | float | str | None, default: float) -> float:
    """Return a number, or the number in a text; absent, null and empty give the default."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return default
    try:
        number = float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise BadRequest(f"{name} must be a number, or a number in a text; {kind_of(value)} came.")
    return number


class JobDocument(msgspec.Struct):
    """A job as the contract hands it out."""

    site: str
    ulid: str
    statusId: str
    replicaStatusId: str
    user_name: str
    user_id: str
    user_roles: Roles
    timestamp_ms: int
    deviceType: str
    deviceInstance: str
    action: str
    required_params: Params
    optional_params: Params
    secondsUntilComplete: int | UnsetType = UNSET
    replicaSecondsUntilComplete: int | UnsetType = UNSET


class StatusMetadata(msgspec.Struct):
    """The status of the answer, once more: the original's example has it."""

    HTTPStatusCode: int = 200


class StatusDocument(msgspec.Struct):
    """The answer to updatejobstatus; ResponseMetadata stands in the original's example."""

    ulid: str
    secondsUntilComplete: int
    ResponseMetadata: StatusMetadata
    statusId: str | UnsetType = UNSET
    replicaStatusId: str | UnsetType = UNSET


_encode = msgspec.json.Encoder().encode


def job_document(row: JobRow) -> bytes:
    """Return a job as JSON."""
    return _encode(_document(row))


def jobs_document(rows: Iterable[JobRow]) -> bytes:
    """Return a list of jobs as JSON."""
    return _encode([_document(row) for row in rows])


def jobs_stream(pages: Iterator[list[JobRow]]) -> Iterator[bytes]:
    """Return the pieces of a list of jobs as JSON. Nothing of a page stays in memory while its client reads."""
    separators = chain([b""], repeat(b","))
    return chain([b"["], map(_piece, separators, filter(None, pages)), [b"]"])


def _piece(separator: bytes, page: list[JobRow]) -> bytes:
    return separator + jobs_document(page)[1:-1]


def taken_document(rows: Iterable[JobRow], alternate: bool) -> bytes:
    """Return a list of jobs as JSON, with the status from before the hand-out in the queue of the poll."""
    documents = [_document(row) for row in rows]
    for document in documents:
        if alternate:
            document.replicaStatusId = f"{UNREAD}#{document.ulid}"
        else:
            document.statusId = f"{UNREAD}#{document.ulid}"
    return _encode(documents)


def status_document(update: StatusUpdate) -> bytes:
    """Return the answer to an accepted status update."""
    status_id = f"{update.status}#{update.ulid}"
    answer = StatusDocument(update.ulid, update.estimate_s, StatusMetadata())
    if update.alternate:
        answer.replicaStatusId = status_id
    else:
        answer.statusId = status_id
    return _encode(answer)


def _document(row: JobRow) -> JobDocument:
    ulid = row.ulid
    return JobDocument(
        site=row.site,
        ulid=ulid,
        statusId=f"{row.status}#{ulid}",
        replicaStatusId=f"{row.alternate_status}#{ulid}",
        user_name=row.user_name,
        user_id=row.user_id,
        user_roles=msgspec.Raw(row.user_roles),
        timestamp_ms=row.created_ms,
        deviceType=row.device,
        deviceInstance=row.instance,
        action=row.action,
        required_params=msgspec.Raw(row.required_params),
        optional_params=msgspec.Raw(row.optional_params),
        secondsUntilComplete=UNSET if row.estimate_s is None else row.estimate_s,
        replicaSecondsUntilComplete=UNSET if row.alternate_estimate_s is None else row.alternate_estimate_s,
    )
