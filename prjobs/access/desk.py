"""The state of access: keys, limits, and the tokens and reservations cached in memory."""

from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec

from prjobs.access.identity import Identity
from prjobs.access.provider import Provider
from prjobs.base.limits import Quota, Rate
from prjobs.store.common import Common

# At a hub each of a thousand sites has a token, and a full dict is emptied: with a limit below the number of tokens in
# use each request would look its token up in the store.
KNOWN_LIMIT = 10_000
Value = TypeVar("Value")


class Reservation(msgspec.Struct, frozen=True):
    """A stored reservation. `creator_id` is the user who holds the reservation; `created_by` entered it here."""

    id: int
    site: str
    source: Literal["local", "calendar", "unclear"]
    event_id: str
    start_ms: int
    end_ms: int
    creator_id: str
    creator: str
    title: str
    created_by: str


class Window(NamedTuple):
    """The reservations `on` at a site from `since_ms` until before `until_ms`.

    `answered_ms` is the calendar's last answer for the site; None before the first.
    """

    since_ms: int
    until_ms: int
    on: tuple[Reservation, ...]
    answered_ms: int | None


class LookedUp(Generic[Value]):
    """Values looked up in the store. A change replaces the whole dict: a late look adds to the old one only."""

    def __init__(self) -> None:
        self.by_key: dict[str, Value] = {}

    def forget(self) -> None:
        """Drop all values, so that each is looked up again."""
        self.by_key = {}


def remember(known: dict[str, Value], key: str, value: Value) -> Value:
    """Add a value to a dict of values that can be found again: a full dict is emptied first. Return the value."""
    if len(known) >= KNOWN_LIMIT:
        known.clear()
    known[key] = value
    return value


@dataclass(frozen=True, kw_only=True)
class Desk(Common):
    """The state that the verbs of this package take.

    `secret` signs the appliance's own tokens; `provider` checks the tokens of an outside provider. `wrong_tokens`,
    `new_jobs`, `safe_jobs` for commands that make safe, and `reports` without a token, limit callers; `refusals`,
    `hourly_refusals`, `token_uses` and `repeated` limit the callers' rows in the audit, and `written_notes`
    the notes of a user. `windows` holds the reservations by site, `identities` the users by token id, `verified` the
    claims of tokens with a checked signature, `refused_origins` the elapsed time of the last refusal of a web origin.
    """

    secret: bytes
    provider: Provider
    wrong_tokens: Rate
    new_jobs: Rate
    safe_jobs: Rate
    reports: Rate
    refusals: Quota = field(default_factory=Quota)
    hourly_refusals: Quota = field(default_factory=lambda: Quota(limit=60, window_s=3600))
    token_uses: Quota = field(default_factory=lambda: Quota(limit=1, window_s=3600, callers=1000))
    repeated: Quota = field(default_factory=lambda: Quota(limit=1, window_s=3600, callers=200))
    written_notes: Quota = field(default_factory=lambda: Quota(limit=30, callers=1000))
    windows: LookedUp[Window] = field(default_factory=LookedUp)
    identities: LookedUp[Identity] = field(default_factory=LookedUp)
    verified: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused_origins: dict[str, float] = field(default_factory=dict)
