"""The answers under /api/: objects put together from the views of several packages."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from prjobs.access.identity import User
from prjobs.access.reservations import ShownReservation
from prjobs.access.tokens import TokenInfo
from prjobs.cloud.backlog import BacklogView
from prjobs.cloud.status import CloudStatus
from prjobs.monitor.alarms import AlarmView
from prjobs.monitor.health import Finding
from prjobs.monitor.views import ChangeView, JobView
from prjobs.monitor.watchdog import Reason


class ErrorAnswer(msgspec.Struct, frozen=True):
    """A refusal under /api/."""

    error: Annotated[str, Meta(description="The reason in a sentence for a person, and often what to do.")]
    code: Annotated[str, Meta(description="The reason for a program: the codes stand in the table of errors.")]


# ---- the state of the appliance


class CloudSaid(msgspec.Struct, frozen=True):
    """The link to the cloud in a word and a sentence."""

    state: str
    sentence: str


class HubSaid(msgspec.Struct, frozen=True):
    """The place of this process in a hub: the role, active or standby, and the id of the process."""

    role: str
    member: str


class Healthz(msgspec.Struct, frozen=True):
    """The health: `cloud` only with a link to the cloud, `reasons` only for a watchdog, `hub` only on a hub."""

    ok: bool
    problems: list[Finding]
    notices: list[Finding]
    cloud: CloudSaid | UnsetType = UNSET
    reasons: list[Reason] | UnsetType = UNSET
    hub: HubSaid | UnsetType = UNSET


class Changes(msgspec.Struct, frozen=True):
    """A page of the log, oldest first."""

    seq: Annotated[int, Meta(description="The number of the newest change in the page: the next `since`.")]
    changes: Annotated[list[ChangeView], Meta(description="The changes, each with its job.")]
    more: Annotated[bool, Meta(description="True if another page waits: ask again at once.")] = False
    again_s: Annotated[int, Meta(description="1 while prjobs stops: wait so many seconds before the next request.")] = 0


class Alarms(msgspec.Struct, frozen=True):
    """The raised alarms that the caller may see, after the act."""

    alarms: list[AlarmView]


class Setting(msgspec.Struct, frozen=True):
    """A setting in force."""

    value: Annotated[Any, Meta(description="The value: a text, a number, true or false, or a list of texts.")]
    source: Annotated[Literal["default", "set"], Meta(description="`set` for another value than the default.")]


class SettingsAnswer(msgspec.Struct, frozen=True):
    """The settings in force."""

    settings: Annotated[dict[str, Setting], Meta(description="Each setting by its name.")]


class RemovedSite(msgspec.Struct, frozen=True):
    """A removed site."""

    removed: Annotated[str, Meta(description="The site.")]
    cancelled: Annotated[int, Meta(description="The number of jobs that waited there and were cancelled.")]


# ---- jobs


class JobsPage(msgspec.Struct, frozen=True):
    """A page of the list of jobs, newest first."""

    seq: Annotated[int, Meta(description="The newest change of the log: `since` for the changes after this list.")]
    time_ms: int
    jobs: list[JobView]
    counts: Annotated[
        dict[str, int] | None,
        Meta(description="The jobs by phase, without regard to `phase`; null after the first page, and for too many."),
    ]
    next: Annotated[str | None, Meta(description="`before` for the next page; null at the end.")]


class CommandView(msgspec.Struct, frozen=True):
    """A command of the catalogue."""

    device: str
    action: str
    script: Annotated[str | None, Meta(description="The script of the action `run`; null for other actions.")]
    command_class: str
    label: Annotated[str, Meta(description="The label's pattern: a parameter stands in braces.")]
    required: Annotated[dict[str, Any], Meta(description="Examples of the required parameters.")]
    optional: Annotated[dict[str, Any], Meta(description="Examples of the optional parameters.")]
    note: Annotated[str, Meta(description="A remark for people; often empty.")]
    ranges: Annotated[dict[str, str], Meta(description="The usual range of a parameter, with its unit, in words.")]


class Commands(msgspec.Struct, frozen=True):
    """The catalogue of commands."""

    commands: Annotated[list[CommandView], Meta(description="The known commands.")]


class Notes(msgspec.Struct, frozen=True):
    """Notes on a command."""

    notes: Annotated[list[str], Meta(description="A sentence or two for each oddity; empty for a usual command.")]


# ---- access


class Proof(msgspec.Struct, frozen=True):
    """The proof of the secret of the server's folder."""

    proof: Annotated[str, Meta(description="The keyed hash of challenge and port, in hexadecimal.")]


class May(msgspec.Struct, frozen=True):
    """The judgement on the caller's commands for a site."""

    may: Annotated[bool, Meta(description="True if the caller may command now.")]
    why: Annotated[str, Meta(description="The reason in a sentence.")]
    basis: Annotated[str, Meta(description="The source of the judgement, as in the header X-Prjobs-Reservations.")]
    holders: Annotated[list[str], Meta(description="The users whose reservation is on.")]


class Tokens(msgspec.Struct, frozen=True):
    """The tokens with no more reach than the caller's."""

    tokens: Annotated[list[TokenInfo], Meta(description="The tokens, revoked ones too, without the tokens themselves.")]


class MadeToken(msgspec.Struct, frozen=True):
    """A new token."""

    token: Annotated[str, Meta(description="The token itself, which no other answer ever holds.")]
    info: Annotated[TokenInfo, Meta(description="What the store keeps of the token.")]


class RevokedToken(msgspec.Struct, frozen=True):
    """A revoked token."""

    revoked: Annotated[str, Meta(description="The id of the token.")]


class LoggedIn(msgspec.Struct, frozen=True):
    """The user whom the cookie of the answer logs in."""

    user: User


class LoggedOut(msgspec.Struct, frozen=True):
    """The browser is logged out."""

    user: None


class LoginKey(msgspec.Struct, frozen=True):
    """A key for the one-time link."""

    once: Annotated[str, Meta(description="The key: logs one browser in, once, within a day.")]


class WallAnswer(msgspec.Struct, frozen=True):
    """The link of a wall display."""

    link: Annotated[str, Meta(description="The address that logs the display in.")]
    sentence: Annotated[str, Meta(description="The reason why there is no QR code; else empty.")]
    qr: Annotated["QrCode | None", Meta(description="The link as a QR code; null where `sentence` says why not.")]


class QrCode(msgspec.Struct, frozen=True):
    """A QR code for an SVG, a unit for each module."""

    size: Annotated[int, Meta(description="The number of modules of a side, with the empty space around.")]
    path: Annotated[str, Meta(description="The path that draws the dark modules.")]


# ---- reservations, sky, cloud


class Reservations(msgspec.Struct, frozen=True):
    """The reservations of now and of the future."""

    time_ms: int
    mode: Annotated[str, Meta(description="The setting `reservations`: none, local or calendar.")]
    reservations: Annotated[list[ShownReservation], Meta(description="The reservations, by their start.")]


class RemovedReservation(msgspec.Struct, frozen=True):
    """A removed reservation."""

    removed: Annotated[int, Meta(description="The id of the reservation.")]


class SkyAnswer(msgspec.Struct, frozen=True):
    """The present night over a site; null where the site's place is not set, and for what does not happen."""

    site: str
    time_ms: int
    zone: str | None
    lst_h: Annotated[float | None, Meta(description="The local sidereal time in hours.")]
    sunset_ms: int | None = None
    dusk_ms: int | None = None
    dawn_ms: int | None = None
    sunrise_ms: int | None = None


class CloudAnswer(msgspec.Struct, frozen=True):
    """The link to the cloud."""

    cloud: CloudStatus | None


class ImportAnswer(msgspec.Struct, frozen=True, rename={"found": "import"}):
    """The import of the cloud's older jobs."""

    found: Annotated[BacklogView | None, Meta(description="The progress and the jobs found; null before the first.")]
