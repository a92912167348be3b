"""Notes of observers under /api/."""

import logging
from typing import Annotated

import msgspec
from msgspec import Meta

from prjobs.access import rights
from prjobs.access.identity import Identity
from prjobs.appliance import Appliance
from prjobs.base.errors import BadRequest, Conflict, Forbidden, NotFound, TooMany
from prjobs.base.ulids import is_ulid
from prjobs.jobs import lookup
from prjobs.night import notes, noting
from prjobs.night.nights import night_named
from prjobs.night.notes import Note
from prjobs.night.noting import NewNote
from prjobs.web import caller
from prjobs.web.endpoint import (
    Answer,
    Needs,
    Route,
    Whole,
    in_page,
    parse_body,
    parse_number,
    parse_query,
    reply_json,
    require_names,
)

logger = logging.getLogger(__name__)
WRITERS = (
    "Only staff, users with a token for this site alone, and on a job the user who sent the job, may write a note."
)
LIMIT_SAID = f"a whole number of at least 1, and {notes.MOST} is the most that comes"


class NotesQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/notes."""

    site: str | None = None
    date: str | None = None
    ulid: str | None = None
    before: Whole | None = None
    limit: Annotated[int, Meta(ge=1, le=10**15, description=LIMIT_SAID)] = notes.MOST


class NotesPage(msgspec.Struct, frozen=True):
    """A page of notes."""

    notes: Annotated[list[Note], Meta(description="The notes.")]
    more: Annotated[bool, Meta(description="True if more notes do not fit: ask for those before the last `id`.")]


def get_notes(appliance: Appliance) -> Answer:
    """List notes, newest first; those of a job (`ulid`) or of a night (`site` and `date`), oldest first."""
    sites_asked = caller.sites_asked(appliance.desk)
    require_names(NotesQuery)
    asked = parse_query(NotesQuery)
    database = appliance.queue.database
    if asked.ulid is not None:
        if not is_ulid(asked.ulid):
            raise BadRequest("ulid must be the id of a job, 26 characters.")
        found = [
            one for one in notes.list_notes_of_job(database, asked.ulid) if not sites_asked or one.site in sites_asked
        ]
    elif asked.date is not None:
        if len(sites_asked) != 1:
            raise BadRequest("date needs a site beside it: a night belongs to a site.")
        found = notes.notes_of_night(
            database, sites_asked[0], night_named(appliance.queue.settings, sites_asked[0], asked.date)
        ).first
    else:
        found = notes.list_notes(database, sites_asked, asked.before, asked.limit)
    page = in_page(found)
    return reply_json(NotesPage(page, len(page) < len(found)))


def post_note(appliance: Appliance) -> Answer:
    """Write a note on a night, a site or a job: rights as for alarms, and the user who sent the job."""
    desk, queue = appliance.desk, appliance.queue
    identity = caller.require_identity(desk)
    asked = parse_body(NewNote)
    caller.require_site(identity, asked.site)
    owner = _owner(appliance, asked.ulid) if asked.ulid else ""
    if not rights.may_note(identity, asked.site, owner):
        raise Forbidden(WRITERS)
    if not desk.written_notes.take(identity.user_id, desk.clock.elapsed_s()):
        raise TooMany("Too many notes from this user: wait a minute.")
    written = noting.write_note(queue, asked, identity.user_name or identity.user_id, caller.actor(identity))
    logger.info("note %s on %s by %s", written.id, written.site, identity.user_id)
    return reply_json(written)


def _owner(appliance: Appliance, ulid: str) -> str:
    return lookup.find_job(appliance.queue.database, ulid).user_id


def post_strike(appliance: Appliance, note_id: str) -> Answer:
    """Strike a note out, so that its text stays and shows by whom: its author, and staff."""
    identity = caller.require_identity(appliance.desk)
    note = _note(appliance, identity, note_id)
    is_author = note.author_id == identity.user_id and not rights.NO_COMMANDS & set(identity.roles)
    if not (identity.is_staff or is_author):
        raise Forbidden("Only the author of a note or staff may strike the note out.")
    struck = noting.strike_note(appliance.queue, note.id, caller.actor(identity))
    logger.info("note %s on %s struck out by %s", struck.id, struck.site, identity.user_id)
    return reply_json(struck)


def _note(appliance: Appliance, identity: Identity, text: str) -> Note:
    missing = "There is no note with this id."
    note = notes.find_note(appliance.queue.database, parse_number(text, missing))
    if not identity.reaches(note.site):
        raise NotFound(missing)
    return note


ROUTES = [
    Route("GET", "/api/notes", get_notes, Needs.READER, NotesPage, query=NotesQuery),
    Route("POST", "/api/notes", post_note, Needs.USER, Note, body=NewNote, refuses=(NotFound, TooMany)),
    Route("POST", "/api/notes/<note_id>/strike", post_strike, Needs.USER, Note, refuses=(Conflict,)),
]
