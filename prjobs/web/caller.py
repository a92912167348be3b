"""The caller of a request: the connection, and the identity that a token or the login cookie proves."""

import base64
from collections.abc import Callable, Sequence
from contextlib import suppress

from bottle import request
from msgspec.structs import replace

from prjobs.access import audit_notes, rights, tokens
from prjobs.access.audit import Actor
from prjobs.access.desk import Desk
from prjobs.access.identity import LOG_IN, Identity, User
from prjobs.base.cookies import cookies_of
from prjobs.base.errors import Forbidden, Refused, TooMany, Unauthorized, Unavailable
from prjobs.web import connection
from prjobs.web.endpoint import query_text

# The most login cookies of one request that are tried.
MOST_COOKIES = 3
PAGE_HEADER = "HTTP_X_PRJOBS_PAGE"
# A login that lasts less than four weeks is warned of in its last quarter.
WARNED_MS = 7 * 86_400_000
STAFF_ONLY = "Only an administrator or an owner may do this."


# ---- the token


def bearer_token(basic: bool = False) -> str | None:
    """Return the token of the Authorization header; with `basic`, also the password of Basic authentication."""
    scheme, _, value = str(request.environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if basic and scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    return None


def cookie_name(desk: Desk) -> str:
    """Return the name of the login cookie, different for two appliances on one machine: cookies ignore ports."""
    return f"prjobs_login_{desk.identity}"


def _sent_tokens(desk: Desk, basic: bool) -> list[str]:
    """Return the token of the Authorization header, else of the login cookies."""
    if not connection.shows_token():
        return []
    token = bearer_token(basic)
    if token is not None:
        return [token]
    cookies = list(filter(None, cookies_of(request.environ, cookie_name(desk))))
    if cookies and request.method not in ("GET", "HEAD") and request.environ.get(PAGE_HEADER) != "1":
        raise Forbidden("A change with the login cookie needs the header X-Prjobs-Page. Programs send a token.")
    return cookies[:MOST_COOKIES]


# ---- the identity


def identity(desk: Desk, basic: bool = False) -> Identity | None:
    """Return the identity of the token or the cookie; None without either. Raises Unauthorized for a wrong token."""
    sent = _sent_tokens(desk, basic)
    return identify(desk, *sent) if sent else None


def identity_if_good(desk: Desk) -> Identity | None:
    """Return the same where no token is needed: a wrong token counts as no failed attempt and gives None."""
    try:
        sent = _sent_tokens(desk, basic=True)
        return _identify(desk, sent) if sent else None
    except (Unauthorized, Forbidden, Unavailable):
        return None


def identify(desk: Desk, *sent: str) -> Identity:
    """Return the identity of the token or tokens. Wrong ones are counted: TooMany after too many from one address."""
    try:
        return _identify(desk, sent)
    except Unauthorized:
        count_failure(desk)
        raise


def _identify(desk: Desk, sent: Sequence[str]) -> Identity:
    found = tokens.identify(desk, sent[0]) if len(sent) == 1 else _only_user(desk, sent)
    request.environ[connection.IDENTITY] = found
    audit_notes.note_use(desk, found, connection.peer())
    return found


def _only_user(desk: Desk, sent: Sequence[str]) -> Identity:
    """Return the identity of the good ones of several login cookies, or raise the refusal of the first.

    A site of the same domain can set such a cookie, and must neither hide the user's own nor stand for another user.
    """
    good: list[Identity] = []
    refusals: list[Refused] = []
    for token in sent:
        try:
            good.append(tokens.identify(desk, token))
        except (Unauthorized, Unavailable) as refused:
            refusals.append(refused)
    if not good:
        raise refusals[0]
    if any(one.user_id != good[0].user_id for one in good):
        raise Unauthorized(LOG_IN + "the browser sent the logins of two users: delete the cookies of this address.")
    return good[0]


def count_failure(desk: Desk) -> None:
    """Count a wrong token or key of this address; right ones always pass. Raises TooMany."""
    if not desk.wrong_tokens.take(request.environ["REMOTE_ADDR"]):
        refused = TooMany("Too many wrong tokens from this address: wait a minute.")
        raise refused.about("wrong_tokens") from None


def actor(found: Identity | None, despite: str = "") -> Actor:
    """Return the caller as the audit names users and programs."""
    return connection.actor(found, despite)


def shown(found: Identity) -> User:
    """Return the user for the page, with when the login ends and from when the page warns of that."""
    user = User(found.user_id, found.user_name, found.roles, found.sites)
    if not found.ends_ms:
        return user
    warned_ms = min(WARNED_MS, (found.ends_ms - found.made_ms) // 4) if found.made_ms else WARNED_MS // 7
    return replace(user, login_ends_ms=found.ends_ms, login_warn_ms=found.ends_ms - warned_ms)


# ---- rights


def is_open(desk: Desk) -> bool:
    """Return True if the caller may read, fetch jobs and report without a token."""
    open_for = desk.settings.observatory_access
    return open_for == "open" or (open_for == "loopback" and connection.is_local())


def require_reader(desk: Desk) -> Identity | None:
    """Return the identity of a reader: any role, None where the observatory endpoints are open without a token."""
    return identity_if_good(desk) if is_open(desk) else require_identity(desk)


def require_observatory(desk: Desk) -> Identity | None:
    """Return the identity of an observatory program; None where no token is needed.

    The caller judges the site after the body, and a stranger's body is not read.
    """
    if is_open(desk):
        return None
    found = identity(desk, basic=True)
    if found is None:
        raise Unauthorized(LOG_IN + "from another machine this needs an observatory token.")
    rights.require_observatory(found)
    return found


def observatory_if_shown(desk: Desk, site: str) -> Identity | None:
    """Return the identity of a token for the site, where none is needed; None without a good one."""
    found = identity_if_good(desk)
    if found is None:
        return None
    with suppress(Forbidden):
        rights.require_observatory(found)
        require_site(found, site)
        return found
    return None


def require_identity(desk: Desk) -> Identity:
    """Return the identity of the caller. Raises Unauthorized without a token or login."""
    found = identity(desk)
    if found is None:
        raise Unauthorized(LOG_IN + "this needs a token.")
    return found


def require_commander(desk: Desk) -> Identity:
    """Return the identity of a user who may send commands. Raises Forbidden for observatories and viewers."""
    found = require_identity(desk)
    rights.require_commander(found)
    return found


def require_staff(desk: Desk, sentence: str = STAFF_ONLY) -> Identity:
    """Return the identity of an administrator or owner. Raises Forbidden with the sentence for others."""
    found = require_identity(desk)
    if not found.is_staff:
        raise Forbidden(sentence)
    return found


def require_admin(desk: Desk) -> Identity:
    """Return the identity of an administrator. Raises Forbidden for others."""
    found = require_identity(desk)
    rights.require_admin(found)
    return found


def require_admin_everywhere(desk: Desk) -> Identity:
    """Return the identity of an administrator of every site. Raises Forbidden for others."""
    found = require_admin(desk)
    if found.sites:
        raise Forbidden("Only an administrator of every site may do this.")
    return found


def require_site(found: Identity | None, site: str) -> None:
    """Raise Forbidden unless the identity reaches the site; None stands for a reader without a token."""
    if found is not None and not found.reaches(site):
        raise Forbidden("This token is not for this site.")


def reach(found: Identity | None) -> Callable[[str], bool]:
    """Return the test for the sites that a reader may see; None stands for a reader without a token."""
    return found.reaches if found else lambda _site: True


def sites_asked(desk: Desk) -> Sequence[str]:
    """Return the site of the query, else the sites of the reader's token; empty for all."""
    found = require_reader(desk)
    site = query_text("site")
    if site is None:
        return found.sites if found else ()
    require_site(found, site)
    return (site,)
