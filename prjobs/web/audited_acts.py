"""Acts for the audit that have no transaction of their own: refusals, and what staff acknowledge, fetch and report."""

from collections.abc import Sequence

from bottle import request

from prjobs.access import audit, audit_notes
from prjobs.access.audit import Entry
from prjobs.access.desk import Desk
from prjobs.access.identity import Identity
from prjobs.base.errors import Forbidden, Refused, TooMany, Unauthorized
from prjobs.store.models import JobRow
from prjobs.web import connection

# A program with a wrong token repeats its request all night.
_REPEATED = ("getnewjobs", "updatejobstatus", "startjob", "getrecentjobs")


def note_refusal(desk: Desk, refused: Refused) -> None:
    """Note a refusal for want of a right: commands up to ten a minute; repeated requests and readers once an hour.

    A reader without a token is no one who tries; a reader whose token is refused is.
    """
    if not isinstance(refused, Unauthorized | Forbidden | TooMany):
        return
    identity, is_reader = connection.known_identity(), request.method in ("GET", "HEAD")
    if is_reader and (identity or isinstance(refused, Forbidden) or not connection.shows_token()):
        return
    kind = "read" if is_reader else request.path.rstrip("/").rpartition("/")[2]
    entry = audit.refusal(connection.actor(identity), connection.act(), refused.sentence)
    if is_reader or kind.endswith(_REPEATED) or isinstance(refused, TooMany):
        audit_notes.note_hourly(desk, entry, f"{kind} {refused.status}")
    else:
        audit_notes.note(desk, entry)


def note_act(desk: Desk, identity: Identity, what: str, target: str, detail: str = "") -> None:
    """Note an act of staff."""
    actor = connection.actor(identity)
    audit_notes.note_act(desk, Entry(actor.who, what, target, actor.where_from, detail))


def note_fetch(desk: Desk, identity: Identity | None, site: str, rows: Sequence[JobRow]) -> None:
    """Note that staff fetched jobs in place of the observatory's program; a poll without jobs once an hour."""
    if identity is None or not identity.is_staff:
        return
    actor = connection.actor(identity)
    entry = Entry(actor.who, audit.FETCH, site, actor.where_from, " ".join(row.ulid for row in rows))
    if rows:
        audit_notes.note_act(desk, entry)
    else:
        audit_notes.note_hourly(desk, entry, f"fetch {site}")
