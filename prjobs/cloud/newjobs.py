"""A job of the site as a record of the cloud: sending it with its marker, and taking in what was answered."""

from prjobs.cloud import importing, wire
from prjobs.cloud.answers import CREDENTIALS, PERMANENT, Answer, Failure, Network, require_usable
from prjobs.cloud.context import Context
from prjobs.cloud.importing import Page, Rules
from prjobs.cloud.store import known_between
from prjobs.jobs.requests import Command

SENTENCE_LENGTH = 300
NO_RIGHT = (401, 403)


def send(network: Network, command: Command, marker: str, token: str) -> Answer:
    """Ask the cloud for the job. Failure with the cloud's own words when it refuses it for its user."""
    answer = network.call("newjob", wire.newjob_body(command, marker), token)
    if answer.status in (400, 401, 403, 404, 413, 422):
        kind = CREDENTIALS if answer.status in NO_RIGHT else PERMANENT
        raise Failure(kind, _sentence(answer), answer.status)
    return answer


def _sentence(answer: Answer) -> str:
    """The cloud's own words, when they are plain enough to be shown."""
    text = answer.body[:SENTENCE_LENGTH].decode(errors="replace").strip()
    plain = text.isprintable() and not set(text) & set("<>&{}") and len(answer.body) <= SENTENCE_LENGTH
    return f"The cloud refused the job: {text}" if text and plain else f"The cloud refused the job ({answer.status})."


def take_in(context: Context, site: str, answer: Answer) -> str | None:
    """The cloud stored it: its record becomes a job here, by the same way as any other. Its id; None in doubt."""
    try:
        listing = wire.read_listing(b"[" + answer.body + b"]", site, require_usable(answer))
    except Failure:
        return None
    if len(listing.sightings) != 1:
        return None
    page = Page(site, listing, 2**62, 0, context.contact.offset_ms or 0, False)
    rules = Rules(True, 0, lambda _: False, lambda *_: False)
    context.queue.database.write(importing.store_page, context, page, listing.sightings, rules)
    ulid = listing.sightings[0].ulid
    return ulid if known_between(context.queue.database, site, ulid, ulid) else None
