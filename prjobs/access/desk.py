"""What is known in memory of who has reserved each site, so that a judgement needs no look into the store."""

from typing import Literal, NamedTuple

import msgspec


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


class Reserved:
    """The window of each site that was asked for. A change drops all; who was looking then fills what was dropped."""

    def __init__(self) -> None:
        self.windows: dict[str, Window] = {}

    def forget(self) -> None:
        """From now on every site is looked up again."""
        self.windows = {}
