"""The refused polls of observatory programs, noted so that staff learn of them: the programs look at no status."""

import re
from typing import Any

from prjobs.base.errors import Refused
from prjobs.jobs.queue import Queue
from prjobs.jobs.refusals import RefusedPoll
from prjobs.jobs.refused_polls import note_refused
from prjobs.web import wire
from prjobs.web.endpoint import MAX_BODY

# Refusals that a program meets at each poll: a wrong token or Host header, or too many of them.
STATUSES = frozenset({401, 403, 421, 429})
# A wrong body or path: of a program that names its site, or else of anybody.
IF_NAMED = frozenset({400, 404})
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,60}\Z")


def note_refusal(queue: Queue, environ: dict[str, Any], refused: Refused) -> None:
    """Note the refusal if the request is a poll for jobs."""
    if refused.status not in STATUSES | IF_NAMED or environ["REQUEST_METHOD"] != "POST":
        return
    # Any page of the web can make a browser post here, and must not raise alarms: programs send neither header.
    if "HTTP_ORIGIN" in environ or "HTTP_SEC_FETCH_SITE" in environ:
        return
    if not str(environ["PATH_INFO"]).rstrip("/").endswith("getnewjobs"):
        return
    site = _site(environ)
    if refused.status in IF_NAMED and not site:
        return
    poll = RefusedPoll(site, str(environ["REMOTE_ADDR"]), refused.status, _reason(environ, refused))
    note_refused(queue, poll)


def _site(environ: dict[str, Any]) -> str:
    """Return the site that the body names; the body may have been read already."""
    body = environ["wsgi.input"]
    body.seek(0)
    return wire.site_of(body.read(MAX_BODY))


def _reason(environ: dict[str, Any], refused: Refused) -> str:
    """Return the sentence of the refusal, with the Host header where the header is the reason."""
    host = str(environ.get("HTTP_HOST", ""))
    asked = f" The program asks for {host}." if refused.status == 421 and _HOST.match(host) else ""
    return refused.sentence + asked
