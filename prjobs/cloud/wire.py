"""The cloud's format: the bodies of requests, and the strict reading of answers."""

import itertools
from typing import Any

import msgspec

from prjobs.base import catalogue
from prjobs.base.decoding import parse_json
from prjobs.base.errors import BadRequest
from prjobs.base.ulids import floor_ulid, is_ulid, ulid_ms
from prjobs.cloud.network import AMBIGUOUS, BETWEEN, Failure
from prjobs.cloud.timings import DAY_MS, MAX_BODY
from prjobs.jobs.requests import Command
from prjobs.jobs.states import FORWARDING, HELD, UNREAD
from prjobs.store.models import JobRow

MARKER = "prjobs_ulid"
_TEXT = 200
# A job stored with such a status of a hub would be taken for one of this link's own, and handed out later.
_OWN_WORDS = {word: f"{word} THERE" for word in (HELD, FORWARDING)}


class Record(msgspec.Struct, frozen=True):
    """A job as listed by the cloud. `marker` is the id of the copied job of the site, if any."""

    ulid: str
    status: str
    alternate_status: str
    estimate_s: int | None
    command: Command
    marker: str | None


class _Document(msgspec.Struct):
    ulid: str
    site: str
    action: str
    statusId: str
    replicaStatusId: str = ""
    deviceType: str = ""
    deviceInstance: str | None = ""
    user_id: str | None = ""
    user_name: str | None = ""
    user_roles: Any = None
    required_params: msgspec.Raw = msgspec.Raw(b"{}")
    optional_params: msgspec.Raw = msgspec.Raw(b"{}")
    secondsUntilComplete: Any = None


class Sighting(msgspec.Struct, frozen=True):
    """A job in a list, not decoded beyond id and status."""

    ulid: str
    status: str
    raw: msgspec.Raw


class _Head(msgspec.Struct):
    ulid: str
    site: str
    action: str
    statusId: str


class Listing(msgspec.Struct, frozen=True):
    """A page of jobs, by ulid. `ghosts` counts records without an action or with a bad id, `safe_ghosts` the stops,
    closes and parks among them."""

    sightings: list[Sighting]
    ghosts: int
    size: int
    safe_ghosts: int = 0

    @property
    def last_ms(self) -> int | None:
        """The time of the newest job."""
        return ulid_ms(self.sightings[-1].ulid) if self.sightings else None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a site's jobs, complete from `start_ms` of the cloud's clock; the site's mark may rise to `mark_ms`."""

    site: str
    listing: Listing
    start_ms: int
    mark_ms: int
    offset_ms: int
    is_last: bool


def newjob_body(command: Command | JobRow, marker: str) -> dict[str, object]:
    """Return the body of newjob: the command, with the job's id as a marker among the optional params."""
    return {
        "site": command.site,
        "device": command.device,
        "instance": command.instance,
        "action": command.action,
        "user_name": command.user_name,
        "user_id": command.user_id,
        "required_params": msgspec.Raw(command.required_params.encode()),
        "optional_params": {**msgspec.json.decode(command.optional_params), MARKER: marker},
    }


def recent_body(site: str, range_ms: int) -> dict[str, object]:
    """Return the body of getrecentjobs."""
    return {"site": site, "timeRange": range_ms}


def bell_body(site: str) -> dict[str, object]:
    """Return the body of getnewjobs for the alternate queue; the observatories' queue stays untouched."""
    return {"site": site, "alternateQueue": True}


def status_body(site: str, ulid: str, status: str, estimate_s: int | None) -> dict[str, object]:
    """Return the body of updatejobstatus, without fractions and odd texts: the original fails on both."""
    clean = status.encode("utf-8", "replace").decode()[:64]
    return {
        "site": site,
        "ulid": ulid,
        "newStatus": clean,
        "secondsUntilComplete": -1 if estimate_s is None else int(estimate_s),
    }


def read_status_answer(body: bytes) -> None:
    """Raise Failure unless the cloud stored the status."""
    answer = _parsed(body)
    metadata = answer.get("ResponseMetadata") if isinstance(answer, dict) else None
    if not isinstance(metadata, dict) or metadata.get("HTTPStatusCode") != 200:
        raise Failure(AMBIGUOUS, BETWEEN)


def read_listing(body: bytes, site: str, date_ms: int) -> Listing:
    """Return the jobs in an answer of getrecentjobs. Failure unless the answer is a list of objects, by id."""
    try:
        documents = msgspec.json.decode(body, type=list[msgspec.Raw]) if len(body) <= MAX_BODY else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        documents = None
    if documents is None:
        raise Failure(AMBIGUOUS, BETWEEN)
    latest = floor_ulid(date_ms + DAY_MS)
    found = [(document, _sighting(document, site, latest)) for document in documents]
    sightings = [seen for _, seen in found if seen]
    if any(one.ulid >= other.ulid for one, other in itertools.pairwise(sightings)):
        raise Failure(AMBIGUOUS, "The cloud's list is out of order.")
    safe_ghosts = sum(1 for document, seen in found if seen is None and makes_safe(document))
    return Listing(sightings, len(documents) - len(sightings), len(body), safe_ghosts)


def _sighting(raw: msgspec.Raw, site: str, latest: str) -> Sighting | None:
    """Return a job of the list; None for a ghost, never to be handed out."""
    try:
        head = _decode_head(raw)
    except (msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        return None
    status, _, ulid = head.statusId.rpartition("#")
    if head.site != site or ulid != head.ulid or not is_ulid(ulid) or ulid >= latest or not status:
        return None
    # No store takes a NUL; a job with such a status is still listed.
    status = _OWN_WORDS.get(status, status).replace("\0", "\ufffd")
    return Sighting(ulid, status, raw) if 0 < len(head.action) <= _TEXT else None


def read_record(seen: Sighting) -> Record | None:
    """Return the whole job; None for an unusable record. A stop is usable without its other fields."""
    try:
        found = _record(_decode_document(seen.raw), seen.status)
    except _UNREADABLE:
        found = None
    return found or _read_stop(seen)


def _read_stop(seen: Sighting) -> Record | None:
    """Return a stop with empty texts and params where these are unusable; None for any other job."""
    try:
        fields = _decode_fields(seen.raw)
    except _UNREADABLE:
        return None
    found = {name: _loose(bytes(fields.get(name, b"0"))) for name in _TEXTS}
    texts = {name: value for name, value in found.items() if isinstance(value, str) and "\0" not in value}
    if "action" not in texts:
        return None
    params = {name: _usable_params(fields.get(name)) for name in _PARAMS}
    values: dict[str, Any] = {"ulid": seen.ulid, "statusId": "", **texts, **params}
    record = _record(_Document(**values), seen.status)
    return record if record and record.command.command_class == "stop" else None


def makes_safe(raw: msgspec.Raw) -> bool:
    """Return True for a record of a waiting stop, close or park, however odd the other fields are."""
    try:
        fields = _decode_fields(raw)
    except _UNREADABLE:
        return False
    status, action, device = (_loose(bytes(fields.get(name, b"0"))) for name in ("statusId", "action", "deviceType"))
    if not isinstance(action, str) or not str(status).startswith(UNREAD):
        return False
    required = _params(_usable_params(fields.get("required_params"))) or {}
    return catalogue.command_class(str(device), action, required) in catalogue.MAKES_SAFE


def _record(found: _Document, status: str) -> Record | None:
    required, optional = _params(found.required_params), _params(found.optional_params)
    if required is None or optional is None or any("\0" in (getattr(found, name) or "") for name in _TEXTS):
        return None
    command = Command(
        site=found.site,
        device=found.deviceType,
        instance=found.deviceInstance or "",
        action=found.action,
        user_id=found.user_id or "",
        user_name=found.user_name or "",
        user_roles=_roles(found.user_roles),
        required_params=_text_of(found.required_params),
        optional_params=_text_of(found.optional_params),
        values=required,
    )
    marker = optional.get(MARKER)
    return Record(
        ulid=found.ulid,
        status=status,
        alternate_status=found.replicaStatusId.rpartition("#")[0] or UNREAD,
        estimate_s=_estimate_s(found.secondsUntilComplete),
        command=command,
        marker=marker if isinstance(marker, str) else None,
    )


_decode_head = msgspec.json.Decoder(_Head).decode
_decode_document = msgspec.json.Decoder(_Document).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TEXTS = ("site", "action", "replicaStatusId", "deviceType", "deviceInstance", "user_id", "user_name")
_PARAMS = ("required_params", "optional_params")


def _usable_params(raw: msgspec.Raw | None) -> msgspec.Raw:
    """Return params that are an object, also an object within a text; an empty object for any other value."""
    value = _loose(bytes(raw or b"null"))
    inner = msgspec.Raw(value.encode()) if isinstance(value, str) else raw
    return inner if inner is not None and isinstance(_loose(bytes(inner)), dict) else msgspec.Raw(b"{}")


def _params(raw: msgspec.Raw) -> dict[str, Any] | None:
    value = _loose(bytes(raw))
    return {} if value is None else value if isinstance(value, dict) else None


def _text_of(raw: msgspec.Raw) -> str:
    text = bytes(raw).decode()
    return "{}" if text == "null" else text


def _roles(value: Any) -> str:
    """Return the roles as a JSON text; the original lists roles as a JSON text, too."""
    if isinstance(value, str):
        value = _loose(value.encode())
    roles = [role for role in value if isinstance(role, str)] if isinstance(value, list) else []
    return msgspec.json.encode(roles).decode()


def _estimate_s(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and abs(value) <= 1e9 else None


def _loose(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _parsed(body: bytes) -> Any:
    try:
        return parse_json(body)
    except BadRequest:
        raise Failure(AMBIGUOUS, BETWEEN) from None
