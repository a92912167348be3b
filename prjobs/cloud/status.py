"""How the link is, for people and programs: in step, behind or down, and what waits for a decision."""

import msgspec

from prjobs.base.clock import moment
from prjobs.base.errors import NotFound
from prjobs.base.notices import Code
from prjobs.cloud import store, switched_off
from prjobs.cloud.context import Context
from prjobs.cloud.pushing import unsent_jobs
from prjobs.cloud.wire import ulid_ms

DOWN_AFTER_MS = 60_000
NOTICE_MS = 86_400_000
OFFSET_S = 5.0
SHOWN = 5
NOTICES = frozenset({Code.CLOUD_READER, Code.CLOUD_RESET, Code.CLOUD_CLOCK, Code.CLOUD_HELD, Code.CLOUD_UNSENT})


class Parked(msgspec.Struct, frozen=True):
    """A status that the cloud does not take; a person tries again or gives up."""

    ulid: str
    site: str
    status: str
    reason: str
    since_ms: int


class CloudSite(msgspec.Struct, frozen=True):
    """How far a site was read, in the cloud's time; `judging` while a cancel_all is being looked into."""

    site: str
    read_until_ms: int | None
    judging: bool


class CloudStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The link at this moment. Times are Unix milliseconds; `offset_ms` is the cloud's clock minus ours.

    `state` is `in step`, `behind`, `down`, `starting`, or `not running` when only the file was asked. `notices` are
    what else a person should know of the link.
    """

    mode: str
    state: str
    sentence: str
    sites: list[CloudSite]
    unsent: int
    oldest_unsent_ms: int | None
    last_contact_ms: int | None
    down_since_ms: int | None
    reason: str
    offset_ms: int | None
    ghosts: int
    parked: list[Parked]
    notices: list[str]
    counts: dict[str, int]


def describe(context: Context) -> CloudStatus | None:
    """What is known now, cheap enough for every look at the monitor; None while the link is off."""
    contact, settings = context.contact, context.queue.settings
    if settings.cloud_mode == "off":
        return None
    sites = [
        CloudSite(
            site, store.low_of(context.queue.database, site), store.cancel_of(context.queue.database, site) is not None
        )
        for site in settings.cloud_sites
    ]
    oldest = contact.oldest_unsent
    state, sentence = state_of(context)
    return CloudStatus(
        mode=settings.cloud_mode,
        state=state,
        sentence=sentence,
        sites=sites,
        unsent=contact.unsent,
        oldest_unsent_ms=ulid_ms(oldest) if oldest else None,
        last_contact_ms=contact.last_ms,
        down_since_ms=contact.down_since_ms,
        reason=contact.reason,
        offset_ms=contact.offset_ms,
        ghosts=contact.ghosts,
        parked=[Parked(*row) for row in store.parked_rows(context.queue.database)],
        notices=[notice.sentence for notice in context.queue.notices.all() if notice.code in NOTICES],
        counts=dict(contact.counts),
    )


def state_of(context: Context) -> tuple[str, str]:
    """(`starting`, `down`, `behind` or `in step`; the sentence for a person), from memory alone."""
    contact = context.contact
    if _is_down(context):
        since = utc(contact.down_since_ms or 0)
        said = f"The cloud gave no usable answer since {since} UTC. {contact.reason} The site goes on without it."
        return "down", said + _waiting(contact.unsent)
    if contact.last_ms is None:
        return "starting", f"The cloud gave no usable answer yet. {contact.reason}".strip()
    if contact.down_since_ms is not None:
        since = utc(contact.down_since_ms)
        return (
            "behind",
            f"The cloud gave no usable answer since {since} UTC. {contact.reason}{_waiting(contact.unsent)}",
        )
    for site, (since_ms, reason) in contact.unread.items():
        return "behind", f"The jobs of {site} cannot be read in the cloud since {utc(since_ms)} UTC. {reason}"
    if contact.untaken:
        since_ms, reason = contact.untaken
        return "behind", f"The cloud takes no statuses since {utc(since_ms)} UTC. {reason}{_waiting(contact.unsent)}"
    if contact.refused:
        why = next(iter(contact.refused.values()))
        return "behind", f"{_statuses(len(contact.refused))} refused by the cloud, and tried again for a day. {why}"
    if contact.unsent:
        return "behind", f"{_statuses(contact.unsent)} on the way to the cloud."
    return "in step", "In step with the cloud."


def _statuses(count: int) -> str:
    return "1 status is" if count == 1 else f"{count} statuses are"


def _waiting(unsent: int) -> str:
    return f" {unsent} {'status waits' if unsent == 1 else 'statuses wait'}." if unsent else ""


def _is_down(context: Context) -> bool:
    since_ms = context.contact.down_since_ms
    return since_ms is not None and context.queue.clock.now_ms() - since_ms > DOWN_AFTER_MS


def describe_store(context: Context) -> CloudStatus | None:
    """The same from the file alone, for a command beside no server."""
    unsent = [job for job in unsent_jobs(context) if job[1] in context.queue.settings.cloud_sites]
    if context.queue.settings.cloud_mode != "primary":
        unsent = []
    context.contact.unsent = len(unsent)
    context.contact.oldest_unsent = unsent[0][0] if unsent else None
    found = describe(context)
    if found is None or context.contact.last_ms or context.contact.failures:
        return found
    said = f"No server runs here: nothing is read or sent.{_waiting(len(unsent))}"
    return msgspec.structs.replace(found, state="not running", sentence=said)


def note(context: Context) -> None:
    """Keep the health's notices about the link up to date."""
    contact, notices = context.contact, context.queue.notices
    now_ms = context.queue.clock.now_ms()
    parked = len(store.parked_rows(context.queue.database))
    off_s = (contact.offset_ms or 0) / 1000
    reader, reset = utc(contact.reader_ms), utc(contact.reset_ms)
    wrong_clock = f"The cloud's clock is {clock_words(off_s)} this machine's: set the one that is wrong."
    said = {
        Code.CLOUD_DOWN: state_of(context)[1] if _is_down(context) else "",
        Code.CLOUD_PARKED: f"{_statuses(parked)} refused by the cloud: try again or give up." if parked else "",
        Code.CLOUD_UNREAD: state_of(context)[1] if contact.unread and not _is_down(context) else "",
        Code.CLOUD_UNTAKEN: f"The cloud takes no statuses. {contact.untaken[1]}" if contact.untaken else "",
        Code.CLOUD_REFUSED: state_of(context)[1] if contact.refused and not _is_down(context) else "",
        Code.CLOUD_CLOCK: wrong_clock if abs(off_s) > OFFSET_S else "",
        Code.CLOUD_READER: f"Another program reads a queue in the cloud: {contact.reader_of}, seen {reader} UTC."
        f"{_doubled(contact.doubled)} Only one may: switch the other off.",
        Code.CLOUD_RESET: f"Somebody set a job back to UNREAD in the cloud, {reset} UTC; it is not run again.",
    }
    if now_ms - contact.reader_ms > NOTICE_MS:
        said[Code.CLOUD_READER] = ""
    if now_ms - contact.reset_ms > NOTICE_MS:
        said[Code.CLOUD_RESET] = ""
    switched_off.note_held(context)
    for code, sentence in said.items():
        notices.say(code, sentence)


def _doubled(ulids: list[str]) -> str:
    """Jobs that two programs run."""
    if not ulids:
        return ""
    more = f" and {len(ulids) - SHOWN} more" if len(ulids) > SHOWN else ""
    return f" Handed out here as well: {', '.join(ulids[-SHOWN:])}{more}."


def clock_words(offset_s: float) -> str:
    """`3 s ahead of`, `2.0 h behind`: the cloud's clock and ours."""
    size_s = abs(offset_s)
    size = f"{size_s:.0f} s" if size_s < 7200 else f"{size_s / 3600:.1f} h"
    return f"{size} {'ahead of' if offset_s > 0 else 'behind'}"


def utc(time_ms: int) -> str:
    """A time for a sentence."""
    return moment(time_ms).strftime("%Y-%m-%d %H:%M:%S")


def decide_parked(context: Context, ulid: str, give_up: bool) -> None:
    """Try a parked status again, or leave the cloud with what it has. NotFound when it is not parked."""
    if not context.queue.database.write(store.unpark, ulid, give_up):
        raise NotFound("No status of this job is parked.")
    if not give_up:
        context.contact.again.append(ulid)
