"""Notes of observers on a night, a site or a job, for the log of the night.

A note is never changed: a correction is a new note, and a wrong note is struck out under the name of who does it.
Notes stay when the retention removes the jobs of their night.
"""

from collections.abc import Sequence

import msgspec

from prjobs.base.errors import NotFound
from prjobs.night.nights import Night
from prjobs.store.models import NoteRow
from prjobs.store.source import Store, marks
from prjobs.store.transaction import Transaction

MOST = 500
_COLUMNS = ", ".join(NoteRow._fields)


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A note, with the night that shows the note. A struck-out note keeps its text."""

    id: int
    site: str
    about: str
    date: str
    ulid: str
    label: str
    text: str
    time_ms: int
    author_id: str
    author: str
    struck_ms: int | None
    struck_by: str | None


class Noted(msgspec.Struct):
    """The number of notes, and the first ones."""

    total: int = 0
    first: list[Note] = msgspec.field(default_factory=list)


def find_note(database: Store, number: int) -> Note:
    """Return a note. Raise NotFound."""
    return shown(one_row(database, number))


def one_row(source: Store | Transaction, number: int) -> NoteRow:
    """Return the row of a note. Raise NotFound."""
    found = source.fetch(f"SELECT {_COLUMNS} FROM observer_note WHERE id = ?", (number,))
    if not found:
        raise NotFound("There is no note with this id.")
    return NoteRow(*found[0])


def shown(row: NoteRow) -> Note:
    """Return a row as a note."""
    return Note(**{name: getattr(row, name) for name in Note.__struct_fields__})


def list_notes(database: Store, sites: Sequence[str], before: int | None = None, limit: int = MOST) -> list[Note]:
    """Return the newest notes of the sites, or of all; newest first, those before a number."""
    where, values = _of_sites(sites)
    if before is not None:
        where, values = f"{where} AND id < ?", [*values, before]
    return _read(database, f"{where} ORDER BY id DESC LIMIT ?", [*values, min(limit, MOST)])


def list_notes_of_job(database: Store, ulid: str) -> list[Note]:
    """Return the notes of a job, oldest first."""
    return _read(database, "ulid <> '' AND ulid = ? ORDER BY id LIMIT ?", [ulid.upper(), MOST])


def notes_of_night(database: Store, site: str | None, night: Night) -> Noted:
    """Return the notes of a night at a site or at all sites, oldest first."""
    where, values = _of_sites([site] if site else [])
    where, values = f"{where} AND about_ms >= ? AND about_ms < ?", [*values, night.since_ms, night.until_ms]
    first = _read(database, f"{where} ORDER BY time_ms, id LIMIT ?", [*values, MOST])
    if len(first) < MOST:
        return Noted(len(first), first)
    return Noted(database.fetch(f"SELECT count(*) FROM observer_note WHERE {where}", values)[0][0], first)


def _of_sites(sites: Sequence[str]) -> tuple[str, list[object]]:
    return (f"site IN ({marks(sites)})" if sites else "1 = 1"), list(sites)


def _read(database: Store, where: str, values: Sequence[object]) -> list[Note]:
    found = database.fetch(f"SELECT {_COLUMNS} FROM observer_note WHERE {where}", values)
    return [shown(NoteRow(*row)) for row in found]
