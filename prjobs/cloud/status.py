"""The status of the link for people and programs: in step, behind or down, and open decisions."""

import msgspec

from prjobs.access.identity import Identity
from prjobs.base.clock import moment
from prjobs.base.errors import NotFound, Unusable
from prjobs.base.notices import Code
from prjobs.base.ulids import ulid_ms
from prjobs.cloud import tables
from prjobs.cloud.context import Context

DOWN_AFTER_MS = 60_000
NOTICE_MS = 86_400_000
OFFSET_S = 5.0
SHOWN = 5
NOTICES = frozenset({Code.CLOUD_READER, Code.CLOUD_RESET, Code.CLOUD_CLOCK, Code.CLOUD_HELD, Code.CLOUD_UNSENT})


class Parked(msgspec.Struct, frozen=True):
    """A status refused by the cloud; a person tries again or gives up."""

    ulid: str
    site: str
    status: str
    reason: str
    since_ms: int


class CloudSite(msgspec.Struct, frozen=True):
    """The progress of reading a site, in the cloud's time; `judging` is True during the judgement of a cancel_all."""

    site: str
    read_until_ms: int | None
    judging: bool


class CloudStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The link at present. Times are Unix milliseconds; `offset_ms` is the cloud's clock minus the machine's.

    `state` is `in step`, `behind`, `down`, `starting`, or `not running` for a status from the store alone. `notices`
    are further sentences for a person.
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
    proxy: str = ""


def describe(context: Context) -> CloudStatus | None:
    """Return the status of the link, or None while off. Cheap enough for every look at the monitor."""
    memory, settings, database = context.memory, context.queue.settings, context.queue.database
    if settings.cloud_mode == "off":
        return None
    state, sentence = state_of(context)
    return CloudStatus(
        mode=settings.cloud_mode,
        state=state,
        sentence=sentence,
        sites=[
            CloudSite(site, tables.mark_of(database, site), tables.cancel_of(database, site) is not None)
            for site in settings.cloud_sites
        ],
        unsent=memory.unsent,
        oldest_unsent_ms=ulid_ms(memory.oldest_unsent) if memory.oldest_unsent else None,
        last_contact_ms=memory.last_ms,
        down_since_ms=memory.down_since_ms,
        reason=memory.reason,
        offset_ms=memory.offset_ms,
        ghosts=memory.ghosts,
        parked=[Parked(*row) for row in tables.parked_rows(database)],
        notices=[notice.sentence for notice in context.queue.notices.all() if notice.code in NOTICES],
        counts=dict(memory.counts),
        proxy=_proxy(context),
    )


def describe_for(context: Context, identity: Identity | None) -> CloudStatus | None:
    """Return the state of the link, with the sites and the parked statuses that the caller's token reaches."""
    found = describe(context)
    if found is None or identity is None:
        return found
    return msgspec.structs.replace(
        found,
        sites=[one for one in found.sites if identity.reaches(one.site)],
        parked=[one for one in found.parked if identity.reaches(one.site)],
    )


def _proxy(context: Context) -> str:
    # Imported late, as the client is: a site without the link needs no library of HTTP.
    from prjobs.base.proxies import NONE, proxy_for

    settings = context.queue.settings
    try:
        proxy = None if settings.proxies == NONE else proxy_for(settings.cloud_base_url)
    except Unusable:
        return ""
    return str(proxy or "")


def describe_store(context: Context) -> CloudStatus | None:
    """Return the status of the link from the store alone, for a command without a server."""
    unsent = [job for job in tables.unsent_jobs(context.queue.database) if job[1] in context.primary_sites]
    context.memory.unsent = len(unsent)
    context.memory.oldest_unsent = unsent[0][0] if unsent else None
    found = describe(context)
    if found is None or context.memory.last_ms or context.memory.failures:
        return found
    said = f"No server runs here: nothing is read or sent.{_waiting(len(unsent))}"
    return msgspec.structs.replace(found, state="not running", sentence=said)


def state_of(context: Context) -> tuple[str, str]:
    """Return (`starting`, `down`, `behind` or `in step`; the sentence for a person), from memory alone."""
    memory = context.memory
    if memory.last_ms is None and not _is_down(context):
        return "starting", f"The cloud has given no usable answer yet. {memory.reason}".strip()
    if memory.down_since_ms is not None:
        said = f"The cloud has given no usable answer since {utc(memory.down_since_ms)} UTC. {memory.reason}"
        if _is_down(context):
            return "down", f"{said} The site goes on without the cloud.{_waiting(memory.unsent)}"
        return "behind", said + _waiting(memory.unsent)
    for site, (since_ms, reason) in memory.unread.items():
        return "behind", f"The cloud has not listed the jobs of {site} since {utc(since_ms)} UTC. {reason}"
    if memory.untaken:
        since_ms, reason = memory.untaken
        said = f"The cloud has taken no statuses since {utc(since_ms)} UTC. {reason}"
        return "behind", said + _waiting(memory.unsent)
    if memory.refused:
        why = next(iter(memory.refused.values()))
        return "behind", f"{_statuses(len(memory.refused))} refused by the cloud, and tried again for a day. {why}"
    if memory.unsent:
        return "behind", f"{_statuses(memory.unsent)} on the way to the cloud."
    return "in step", "In step with the cloud."


def _is_down(context: Context) -> bool:
    since_ms = context.memory.down_since_ms
    return since_ms is not None and context.queue.clock.now_ms() - since_ms > DOWN_AFTER_MS


def _statuses(count: int) -> str:
    return "1 status is" if count == 1 else f"{count} statuses are"


def _waiting(unsent: int) -> str:
    return f" {unsent} {'status waits' if unsent == 1 else 'statuses wait'}." if unsent else ""


def note(context: Context) -> None:
    """Keep the notices about the link up to date."""
    memory, notices = context.memory, context.queue.notices
    now_ms = context.queue.clock.now_ms()
    parked = len(tables.parked_rows(context.queue.database))
    off_s = (memory.offset_ms or 0) / 1000
    reader, reset = utc(memory.reader_ms), utc(memory.reset_ms)
    said = {
        Code.CLOUD_DOWN: state_of(context)[1] if _is_down(context) else "",
        Code.CLOUD_PARKED: f"{_statuses(parked)} refused by the cloud: try again or give up." if parked else "",
        Code.CLOUD_UNREAD: state_of(context)[1] if memory.unread and not _is_down(context) else "",
        Code.CLOUD_UNTAKEN: f"The cloud takes no statuses. {memory.untaken[1]}" if memory.untaken else "",
        Code.CLOUD_REFUSED: state_of(context)[1] if memory.refused and not _is_down(context) else "",
        Code.CLOUD_CLOCK: f"The cloud's clock is {clock_words(off_s)} this machine's: set the wrong one.",
        Code.CLOUD_READER: f"Another program reads a queue in the cloud: {memory.reader_of}, seen {reader} UTC."
        f"{_doubled(memory.doubled)} Only one program may read it: switch the other one off.",
        Code.CLOUD_RESET: f"Somebody set a job back to UNREAD in the cloud, {reset} UTC. The job does not run again: "
        "send it again if it should.",
    }
    if abs(off_s) <= OFFSET_S:
        said[Code.CLOUD_CLOCK] = ""
    if now_ms - memory.reader_ms > NOTICE_MS:
        said[Code.CLOUD_READER] = ""
    if now_ms - memory.reset_ms > NOTICE_MS:
        said[Code.CLOUD_RESET] = ""
    for code, sentence in said.items():
        notices.say(code, sentence)


def _doubled(ulids: list[str]) -> str:
    """Return the sentence on jobs run by two programs."""
    if not ulids:
        return ""
    more = f" and {len(ulids) - SHOWN} more" if len(ulids) > SHOWN else ""
    return f" Handed out here as well: {', '.join(ulids[-SHOWN:])}{more}."


def clock_words(offset_s: float) -> str:
    """Return the cloud's clock relative to ours in words: `3 s ahead of`, `2.0 h behind`."""
    size_s = abs(offset_s)
    size = f"{size_s:.0f} s" if size_s < 7200 else f"{size_s / 3600:.1f} h"
    return f"{size} {'ahead of' if offset_s > 0 else 'behind'}"


def utc(time_ms: int) -> str:
    """Return a time for a sentence."""
    return moment(time_ms).strftime("%Y-%m-%d %H:%M:%S")


def decide_parked(context: Context, ulid: str, give_up: bool) -> None:
    """Try a parked status again, or give up and leave the cloud's status. NotFound without a parked status."""
    if not context.queue.database.write(tables.unpark, ulid, give_up):
        raise NotFound("No status of this job is parked.")
    if not give_up:
        context.memory.retries.append(ulid)
