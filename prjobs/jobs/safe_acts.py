"""The acts of *make safe* as they are stored, and the jobs of their steps."""

import msgspec

from prjobs.store.source import Source

# The word of the first step, as the page shows it.
STOP_STEP = "STOP"


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """The user who sends the steps, as rights and audit need it."""

    who: str
    where_from: str
    is_staff: bool
    despite: str
    roles: str
    user_name: str


class Step(msgspec.Struct, kw_only=True):
    """A step of an act; `ulid` is the step's job, empty before it is sent. `sender` is set in a step carried over."""

    word: str
    site: str
    device: str
    instance: str
    action: str
    ulid: str = ""
    sent_ms: int | None = None
    sender: Sender | None = None

    @property
    def target(self) -> tuple[str, str, str]:
        """Return site, device and action: two steps with the same ones do the same."""
        return self.site, self.device, self.action


class Making(msgspec.Struct, kw_only=True):
    """An act as it is stored: the sender, as rights and audit need it, the steps, the station out of reach.

    `is_surplus`: the act began above the pace of the user.
    """

    who: str
    where_from: str
    is_staff: bool
    despite: str
    roles: str
    steps: list[Step]
    left_out: str = ""
    is_surplus: bool = False

    def sender(self, user_name: str) -> Sender:
        """Return the user who began the act."""
        return Sender(
            who=self.who,
            where_from=self.where_from,
            is_staff=self.is_staff,
            despite=self.despite,
            roles=self.roles,
            user_name=user_name,
        )


def encode(making: Making) -> str:
    """Return the text of an act for the store."""
    return msgspec.json.encode(making).decode()


def decode(act: str) -> Making | None:
    """Return a stored act; None for a damaged one, which must not keep other stops and acts back."""
    try:
        return msgspec.json.decode(act, type=Making)
    except msgspec.MsgspecError:
        return None


class Told(msgspec.Struct, frozen=True):
    """A job of a step: its status, and the times when it was sent and picked up."""

    ulid: str
    status: str
    sent_ms: int
    picked_up_ms: int | None
    user_name: str


_TOLD = "SELECT ulid, status, created_ms, coalesce(picked_up_ms, started_ms), coalesce(nullif(user_name, ''), user_id)"


def job_of(source: Source, ulid: str) -> Told | None:
    """Return the job of a step."""
    found = source.fetch(f"{_TOLD} FROM job WHERE ulid = ?", (ulid,))
    return Told(*found[0]) if found else None


def newest_stop(source: Source, site: str) -> Told | None:
    """Return the newest stop of a site, whoever sent it."""
    sql = f"{_TOLD} FROM job WHERE site = ? AND command_class = 'stop' ORDER BY seq DESC LIMIT 1"
    found = source.fetch(sql, (site,))
    return Told(*found[0]) if found else None
