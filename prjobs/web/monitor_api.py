"""The state of the appliance under /api/: changes, alarms, settings, make safe; and /healthz."""

import logging
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta

from prjobs.access import audit, rights
from prjobs.access.identity import Identity
from prjobs.appliance import Appliance
from prjobs.base.errors import Conflict, Forbidden, NotFound, TooMany
from prjobs.base.fields import Site
from prjobs.base.notify_addresses import shown_setting
from prjobs.base.settings_sources import reference
from prjobs.base.sites import stations
from prjobs.cloud.status import state_of
from prjobs.jobs import log, making_safe
from prjobs.jobs.queue import Queue
from prjobs.monitor import alarms, health, makings, views, watchdog
from prjobs.monitor.board import Board
from prjobs.web import audited_acts, caller, connection, sending
from prjobs.web.answers import Alarms, Changes, CloudSaid, Healthz, HubSaid, Setting, SettingsAnswer
from prjobs.web.endpoint import (
    MAX_WAIT_S,
    Answer,
    Needs,
    Route,
    Whole,
    encode_json,
    in_page,
    parse_body,
    parse_query,
    reply,
    reply_json,
)
from prjobs.web.holding import hold

logger = logging.getLogger(__name__)
MAKE_SAFE = "/api/make_safe"
# The most changes in an answer that is kept for other pages.
SHARED = 50


Key = Annotated[str, Meta(min_length=1, max_length=200, description="the key of an alarm, 1 to 200 characters")]


class HealthzQuery(msgspec.Struct, frozen=True, rename={"asked_for": "for"}):
    """The query of GET /healthz."""

    asked_for: Annotated[Literal["watchdog"], Meta(description="watchdog")] | None = None


class ChangesQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/changes."""

    site: str | None = None
    since: Whole | None = None
    last: Whole | None = None
    wait: Whole = 0


class AlarmKeys(msgspec.Struct, frozen=True):
    """The body of POST and DELETE /api/alarms/ack."""

    keys: Annotated[list[Key], Meta(max_length=alarms.LIMIT, description="the keys of alarms, at most 500")] = []
    key: Key | None = None


def get_healthz(appliance: Appliance) -> Answer:
    """Answer 200 while all works, else 503 with reasons; `for=watchdog` adds sites and alarms. Open to everybody."""
    asked_for = parse_query(HealthzQuery).asked_for
    found = health.examine(appliance.queue)
    cloud = CloudSaid(*state_of(appliance.cloud)) if appliance.queue.settings.cloud_mode != "off" else UNSET
    reasons = watchdog.list_reasons(appliance.board, _reached(appliance)) if asked_for else UNSET
    member = appliance.queue.database.member
    hub = HubSaid("active", member) if member else UNSET
    said = Healthz(found.ok and not reasons, found.problems, found.notices, cloud, reasons=reasons, hub=hub)
    return reply_json(said, status=200 if said.ok else 503)


def _reached(appliance: Appliance) -> Callable[[str], bool]:
    """Return the test for the sites whose alarms the caller may read; a wrong token counts as none."""
    identity = caller.identity_if_good(appliance.desk)
    return identity.reaches if identity else lambda _site: caller.is_open(appliance.desk)


def get_settings(appliance: Appliance) -> Answer:
    """Return the settings in force: administrators of every site."""
    caller.require_admin_everywhere(appliance.desk)
    settings = appliance.queue.settings
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    defaults = {name: default for name, default, _ in reference()}
    said = {
        name: Setting(shown_setting(name, value), "default" if value == defaults[name] else "set")
        for name, value in values.items()
    }
    return reply_json(SettingsAnswer(said))


# ---- changes


def get_changes(appliance: Appliance) -> Answer:
    """Return the log after `since`, held up to `wait` seconds while there is no change; or the `last` events."""
    queue = appliance.queue
    sites_asked = caller.sites_asked(appliance.desk)
    asked = parse_query(ChangesQuery)
    since = asked.since
    if asked.last is not None:
        newest = log.last_seq(queue.database)
        events = log.newest_events(queue.database, max(0, asked.last), sites_asked)
        return reply_json(Changes(newest, in_page(map(views.view_change, reversed(events)))[::-1]))
    if since is None:
        return reply_json(Changes(log.last_seq(queue.database), []))
    again_s = _wait_for_changes(queue, since, sites_asked, min(asked.wait, MAX_WAIT_S))
    if log.last_seq(queue.database) - since > SHARED:
        return reply(_changes_since(queue, since, sites_asked, again_s))
    # All pages that wait are woken by the same change.
    key = ("changes", since, *sites_asked, again_s)
    return reply(queue.database.keep(key, lambda: _changes_since(queue, since, sites_asked, again_s)))


def _changes_since(queue: Queue, since: int, sites_asked: Sequence[str], again_s: int) -> bytes:
    newest = log.last_seq(queue.database)
    # Of some sites only a part of a long log is looked through at once.
    until = log.looked_until(queue.database, since, newest) if sites_asked else newest
    changes = log.list_changes(queue.database, since, sites_asked, until=until)
    page = in_page(map(views.view_change, changes))
    if len(page) < len(changes) or len(changes) == log.LIMIT:
        return encode_json(Changes(changes[len(page) - 1].seq, page, more=True, again_s=again_s))
    return encode_json(Changes(until, page, more=until < newest, again_s=again_s))


def _wait_for_changes(queue: Queue, since: int, sites_asked: Sequence[str], wait_s: float) -> int:
    """Wait until there is a change after `since`. Returns 1 when the stop of the appliance ends the wait, else 0."""

    def look() -> bool:
        return log.has_changes(queue.database, since, sites_asked)

    if wait_s <= 0:
        return 0
    return 1 if hold(queue, sites_asked[0] if len(sites_asked) == 1 else None, wait_s, look) is None else 0


# ---- alarms


def post_ack(appliance: Appliance) -> Answer:
    """Note that the caller has seen some alarms: staff, and users with a token for the alarm's site."""
    identity = caller.require_commander(appliance.desk)
    keys = _reached_alarms(appliance.board, identity)
    alarms.acknowledge(appliance.board, keys, caller.actor(identity))
    audited_acts.note_act(appliance.desk, identity, audit.ALARM_ACK, keys[0], " ".join(keys[1:]))
    logger.info("alarms seen by %s: %s", identity.user_id, ", ".join(keys))
    return reply_json(Alarms(alarms.list_alarms(appliance.board, identity.reaches)))


def delete_ack(appliance: Appliance) -> Answer:
    """Let some alarms sound again."""
    identity = caller.require_commander(appliance.desk)
    keys = _reached_alarms(appliance.board, identity)
    alarms.forget(appliance.board, keys)
    audited_acts.note_act(appliance.desk, identity, audit.ALARM_UNACK, keys[0], " ".join(keys[1:]))
    logger.info("alarms to be heard again, by %s: %s", identity.user_id, ", ".join(keys))
    return reply_json(Alarms(alarms.list_alarms(appliance.board, identity.reaches)))


def _reached_alarms(board: Board, identity: Identity) -> list[str]:
    """Return the keys of the body that are raised and that the caller may acknowledge.

    Raises NotFound if none is raised, and Forbidden if the caller may acknowledge none of them.
    """
    asked = parse_body(AlarmKeys, empty=b"{}")
    sites_of = {alarm.key: alarm.site for alarm in alarms.list_alarms(board, identity.reaches)}
    raised = [key for key in (*asked.keys, *filter(None, [asked.key])) if key in sites_of]
    if not raised:
        raise NotFound(alarms.OVER)
    keys = [key for key in raised if rights.may_acknowledge(identity, sites_of[key])]
    if not keys:
        raise Forbidden("Only staff, and users with a token for this site alone, may acknowledge this alarm.")
    return keys


# ---- stop and make safe


class SiteToMakeSafe(msgspec.Struct, frozen=True):
    """The body of POST /api/make_safe."""

    site: Site


def post_make_safe(appliance: Appliance) -> Answer:
    """Stop a site, then park its mount, then close its enclosure station: rights as for a stop."""
    desk, queue = appliance.desk, appliance.queue
    connection.asks_for("make safe")
    identity = caller.require_identity(desk)
    rights.require_commander(identity)
    site = parse_body(SiteToMakeSafe).site
    connection.asks_for(f"{site} make safe")
    judged = rights.require_rights(desk, identity, site, identity.user_id, "stop")
    tied = stations(queue.settings)
    own = [one for one, sites in tied.items() if site in sites]
    station = next((one for one in own if identity.reaches(one)), next(iter(own), ""))
    is_repeat = not sending.is_within_pace(desk, identity, makes_safe=True)
    actor = caller.actor(identity, judged.despite)
    begun = making_safe.begin(queue, site, station, identity, actor, is_repeat=is_repeat)
    if begun.is_new and not is_repeat:
        sending.copy_to_cloud(appliance, begun.stop)
    logger.info("make safe %s by %s", site, identity.user_id)
    return reply_json(next(one for one in makings.list_makings(queue) if one.id == begun.number))


ROUTES = [
    Route(
        "POST",
        MAKE_SAFE,
        post_make_safe,
        Needs.COMMANDER,
        makings.MakingView,
        body=SiteToMakeSafe,
        refuses=(Conflict, TooMany),
    ),
    Route("GET", "/healthz", get_healthz, Needs.NOTHING, Healthz, query=HealthzQuery, statuses=(200, 503)),
    Route("GET", "/api/changes", get_changes, Needs.READER, Changes, query=ChangesQuery),
    Route("POST", "/api/alarms/ack", post_ack, Needs.COMMANDER, Alarms, body=AlarmKeys, refuses=(NotFound,)),
    Route("DELETE", "/api/alarms/ack", delete_ack, Needs.COMMANDER, Alarms, body=AlarmKeys, refuses=(NotFound,)),
    Route("GET", "/api/settings", get_settings, Needs.ADMIN_EVERYWHERE, SettingsAnswer),
]
