"""The state of access: keys, limits, and what is known in memory of tokens and reservations."""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

from prjobs.access.provider import Provider
from prjobs.base.limits import Quota, Rate
from prjobs.store.common import Common


class Reservation(msgspec.Struct, frozen=True):
    """A stored reservation. `creator_id` is the user who has it; `created_by` made it here."""

    id: int
    site: str
    source: Literal["local", "calendar"]
    event_id: str
    start_ms: int
    end_ms: int
    creator_id: str
    creator: str
    title: str
    created_by: str


class Window(NamedTuple):
    """What is on at a site from `since_ms` until before `until_ms`; when the calendar answered for it, None: never."""

    since_ms: int
    until_ms: int
    on: tuple[Reservation, ...]
    answered_ms: int | None


class Windows:
    """The window of each site that was asked for. A change drops all, and what an earlier look still adds."""

    def __init__(self) -> None:
        self.by_site: dict[str, Window] = {}

    def forget(self) -> None:
        """Look every site up again from now on."""
        self.by_site = {}


@dataclass(frozen=True, kw_only=True)
class Desk(Common):
    """What the verbs of this package work with.

    `secret` signs the appliance's own tokens; `provider` knows the users of an outside one. `wrong_tokens` and
    `new_jobs` limit callers, `refusals` and `token_uses` what of them is written into the audit. `verified` holds the
    claims of tokens whose signature was checked.
    """

    secret: bytes
    provider: Provider
    wrong_tokens: Rate
    new_jobs: Rate
    refusals: Quota = field(default_factory=Quota)
    token_uses: Quota = field(default_factory=lambda: Quota(limit=1, window_s=3600, callers=1000))
    windows: Windows = field(default_factory=Windows)
    verified: dict[str, dict[str, Any]] = field(default_factory=dict)
