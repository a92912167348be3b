"""Writing a note on a night, a site or a job, and striking a note out."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from prjobs.access import audit
from prjobs.access.audit import Actor, Entry
from prjobs.base.errors import BadRequest, Conflict, NotFound
from prjobs.base.fields import NoteText, Site, UlidText
from prjobs.base.sites import sites_in_settings
from prjobs.jobs import lookup
from prjobs.jobs.queue import Queue
from prjobs.jobs.unpolled import site_meant
from prjobs.monitor import views
from prjobs.night.nights import Night, night_at, night_named
from prjobs.night.notes import Note, one_row, shown
from prjobs.store.models import JobRow, NoteRow
from prjobs.store.transaction import Transaction

_INSERT = f"INSERT INTO observer_note ({', '.join(NoteRow._fields[1:])}) VALUES (?{', ?' * 11}) RETURNING id"
_EVENING = "a text of the form 2026-11-23, the date of an evening"
About = Literal["night", "site", "job"]


class NewNote(msgspec.Struct, frozen=True):
    """A note to be written: on a night (`date`, the present night without one), on a job (`ulid`), or on the site."""

    site: Site
    text: NoteText
    about: Annotated[About, Meta(description="night, site or job")] = "night"
    date: Annotated[str | None, Meta(description=_EVENING)] = None
    ulid: UlidText | None = None


def find_noted_job(queue: Queue, asked: NewNote) -> JobRow | None:
    """Return the job of a note on a job, else None.

    Raise BadRequest for parts that do not belong together or a text of spaces, and NotFound for an unknown job or site.
    """
    if not asked.text.strip():
        raise BadRequest("text must say something; only spaces came.")
    if asked.text.encode(errors="replace").decode() != asked.text:
        # The terminal hands over bytes that are no UTF-8 as half surrogate pairs, which no store takes.
        raise BadRequest("text must be in UTF-8; other bytes came.")
    if (asked.about == "job") != (asked.ulid is not None):
        raise BadRequest("ulid belongs to a note about a job, and only there: about must be job with it.")
    if asked.date is not None and asked.about != "night":
        raise BadRequest("date belongs to a note about a night, and only there.")
    if asked.ulid is None:
        if not (queue.polls.knows(asked.site) or asked.site in sites_in_settings(queue.settings)):
            raise NotFound(f"No site of this name is known here. {site_meant(queue, asked.site)}".rstrip())
        return None
    job = lookup.find_job(queue.database, asked.ulid)
    if job.site != asked.site:
        raise NotFound("There is no job with this ulid at this site.")
    return job


def write_note(queue: Queue, asked: NewNote, author: str, actor: Actor) -> Note:
    """Store a note and return it. Raise as `find_noted_job`, and BadRequest for a date that is none."""
    job = find_noted_job(queue, asked)
    now_ms, settings = queue.clock.now_ms(), queue.settings
    if job is not None:
        night, about_ms = night_at(settings, asked.site, job.created_ms), job.created_ms
    elif asked.date is None:
        night, about_ms = night_at(settings, asked.site, now_ms), now_ms
    else:
        night = night_named(settings, asked.site, asked.date)
        about_ms = _moment_in(night, now_ms)
    row = NoteRow(
        id=0,
        site=asked.site,
        about=asked.about,
        about_ms=about_ms,
        date=night.date,
        ulid=job.ulid if job else "",
        label=views.view_job(job).label if job else "",
        text=asked.text,
        time_ms=now_ms,
        author_id=actor.who,
        author=author,
    )
    return queue.database.write(_insert, row, actor)


def _moment_in(night: Night, now_ms: int) -> int:
    """Return now inside the night, else local midnight: inside the night of the same date in nearly every zone."""
    return now_ms if night.since_ms <= now_ms < night.until_ms else (night.since_ms + night.until_ms) // 2


def _insert(transaction: Transaction, row: NoteRow, actor: Actor) -> Note:
    number = transaction.execute(_INSERT, row[1:]).fetchone()[0]
    _record(transaction, audit.NOTE, row._replace(id=number), row.time_ms, actor)
    return shown(row._replace(id=number))


def _record(transaction: Transaction, what: str, row: NoteRow, now_ms: int, actor: Actor) -> None:
    about = {"job": row.ulid, "night": row.date}.get(row.about, "")
    detail = " ".join(filter(None, (row.site, row.about, about))) + f": {row.text}"
    audit.record(transaction, now_ms, Entry(actor.who, what, str(row.id), actor.where_from, detail))


def strike_note(queue: Queue, number: int, actor: Actor) -> Note:
    """Strike a note out and return it. Raise NotFound, or Conflict for a note that is struck out already."""
    return queue.database.write(_strike, number, queue.clock.now_ms(), actor)


def _strike(transaction: Transaction, number: int, now_ms: int, actor: Actor) -> Note:
    row = one_row(transaction, number)
    if row.struck_ms is not None:
        raise Conflict(f"The note was struck out by {row.struck_by} already.")
    row = row._replace(struck_ms=now_ms, struck_by=actor.who)
    sql = "UPDATE observer_note SET struck_ms = ?, struck_by = ? WHERE id = ?"
    transaction.execute(sql, (row.struck_ms, row.struck_by, number))
    _record(transaction, audit.NOTE_STRIKE, row, now_ms, actor)
    return shown(row)
