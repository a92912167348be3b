"""How the link is, for people and programs: in step, behind or down, and what waits for a decision."""

import msgspec

from prjobs.appliance import Appliance
from prjobs.base.clock import moment
from prjobs.base.errors import NotFound
from prjobs.cloud import store, switched_off
from prjobs.cloud.pushing import unsent_jobs
from prjobs.cloud.wire import ulid_ms

DOWN_AFTER_MS = 60_000
NOTICE_MS = 86_400_000
OFFSET_S = 5.0
SHOWN = 5
NOTICES = ("cloud_reader", "cloud_reset", "cloud_clock", switched_off.HELD_BACK, switched_off.UNSENT)


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


def describe(appliance: Appliance) -> CloudStatus | None:
    """What is known now, cheap enough for every look at the monitor; None while the link is off."""
    contact, settings = appliance.contact, appliance.settings
    if settings.cloud_mode == "off":
        return None
    sites = [
        CloudSite(site, store.low_of(appliance.database, site), store.cancel_of(appliance.database, site) is not None)
        for site in settings.cloud_sites
    ]
    oldest = contact.oldest_unsent
    state, sentence = state_of(appliance)
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
        parked=[Parked(*row) for row in store.parked_rows(appliance.database)],
        notices=[said for code, said in list(appliance.notices.items()) if code in NOTICES],
        counts=dict(contact.counts),
    )


def state_of(appliance: Appliance) -> tuple[str, str]:
    """(`starting`, `down`, `behind` or `in step`; the sentence for a person), from memory alone."""
    contact = appliance.contact
    if _is_down(appliance):
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


def _is_down(appliance: Appliance) -> bool:
    since_ms = appliance.contact.down_since_ms
    return since_ms is not None and appliance.clock.now_ms() - since_ms > DOWN_AFTER_MS


def describe_store(appliance: Appliance) -> CloudStatus | None:
    """The same from the file alone, for a command beside no server."""
    unsent = [job for job in unsent_jobs(appliance) if job[1] in appliance.settings.cloud_sites]
    if appliance.settings.cloud_mode != "primary":
        unsent = []
    appliance.contact.unsent = len(unsent)
    appliance.contact.oldest_unsent = unsent[0][0] if unsent else None
    found = describe(appliance)
    if found is None or appliance.contact.last_ms or appliance.contact.failures:
        return found
    said = f"No server runs here: nothing is read or sent.{_waiting(len(unsent))}"
    return msgspec.structs.replace(found, state="not running", sentence=said)


def note(appliance: Appliance) -> None:
    """Keep the health's notices about the link up to date."""
    contact, notices = appliance.contact, appliance.notices
    now_ms = appliance.clock.now_ms()
    parked = len(store.parked_rows(appliance.database))
    off_s = (contact.offset_ms or 0) / 1000
    reader, reset = utc(contact.reader_ms), utc(contact.reset_ms)
    wrong_clock = f"The cloud's clock is {clock_words(off_s)} this machine's: set the one that is wrong."
    said = {
        "cloud_down": state_of(appliance)[1] if _is_down(appliance) else "",
        "cloud_parked": f"{_statuses(parked)} refused by the cloud: try again or give up." if parked else "",
        "cloud_unread": state_of(appliance)[1] if contact.unread and not _is_down(appliance) else "",
        "cloud_untaken": f"The cloud takes no statuses. {contact.untaken[1]}" if contact.untaken else "",
        "cloud_refused": state_of(appliance)[1] if contact.refused and not _is_down(appliance) else "",
        "cloud_clock": wrong_clock if abs(off_s) > OFFSET_S else "",
        "cloud_reader": f"Another program reads a queue in the cloud: {contact.reader_of}, seen {reader} UTC."
        f"{_doubled(contact.doubled)} Only one may: switch the other off.",
        "cloud_reset": f"Somebody set a job back to UNREAD in the cloud, {reset} UTC; it is not run again.",
    }
    if now_ms - contact.reader_ms > NOTICE_MS:
        said["cloud_reader"] = ""
    if now_ms - contact.reset_ms > NOTICE_MS:
        said["cloud_reset"] = ""
    switched_off.note_held(appliance)
    for code, sentence in said.items():
        if sentence:
            notices[code] = sentence
        else:
            notices.pop(code, None)


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


def decide_parked(appliance: Appliance, ulid: str, give_up: bool) -> None:
    """Try a parked status again, or leave the cloud with what it has. NotFound when it is not parked."""
    if not appliance.database.write(store.unpark, ulid, give_up):
        raise NotFound("No status of this job is parked.")
    if not give_up:
        appliance.contact.again.append(ulid)
