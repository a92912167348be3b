"""The words of the API's description that no route and no structure has: headers, authentication, examples."""

from typing import Any

from prjobs.web.endpoint import Needs

TEXT, PAGE = "text/plain", "text/html"
LICENSE = {"name": "MIT", "identifier": "MIT"}
ABOUT = (
    "The API of prjobs: the five endpoints of the Photon Ranch jobs service, under every path that deployed programs "
    "use, and the appliance's own endpoints.\n\n"
    "A refused request changed nothing. The body of a refusal is one line of text for a person; under /api/ it is JSON "
    "with `error` and `code`; for getnewjobs it is always the empty list, and the sentence is in the header "
    "X-Prjobs-Error. Another method than those of a path is answered with 405 and the header Allow, another path "
    "with 404.\n\n"
    "The body of a request is JSON in UTF-8, of at most 1 MiB, whatever its Content-Type says. Unknown fields are "
    "ignored. Redirects never occur. HEAD is answered as GET, without the body."
)

# The tag of each module of routes, with a sentence.
TAGS = {
    "contract": ("Jobs service", "The wire contract of the Photon Ranch jobs service."),
    "jobs_api": ("Jobs", "Jobs listed, looked at, cancelled, closed and sent again; the catalogue of commands."),
    "monitor_api": ("State", "The health of the server, changes, alarms, settings; *make safe*."),
    "now_api": ("Now", "The state of the server and its sites."),
    "sites_api": ("Sites", "The sites in a table, and the removal of a site."),
    "access_api": ("Access", "Tokens, logging in and out, and the question whether a caller may command."),
    "reservations_api": ("Reservations", "Reservations of sites."),
    "lock_api": ("Locks", "Locks of sites while somebody is in the dome: only stops are taken and handed out."),
    "night_api": ("Night", "The log of a night, and the sky over a site."),
    "notes_api": ("Notes", "Notes of observers on nights, sites and jobs."),
    "cloud_api": ("Cloud", "The link to the cloud, its parked statuses, and the import of older jobs."),
    "wall_api": ("Wall display", "The link for a wall display."),
    "pages": ("Pages", "The monitor and its files."),
    "manual": ("Manual", "The manual as web pages."),
    "metrics": ("Metrics", "The metrics for Prometheus, and a dashboard for Grafana."),
    "app": ("Description", "This description."),
    "guard": ("CORS", "The questions of browsers before requests of pages of other web sites."),
}

# ---- authentication

SECURITY: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of “prjobs token create”, or of the outside provider that the settings name.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "For programs that only know user and password: the password is the token, the user is ignored.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "prjobs_login_STORE",
        "description": "The login of a browser, set by POST /api/login. STORE is the `store` of GET /api/now. A change "
        "with the cookie needs the header X-Prjobs-Page: 1.",
    },
}
_BEARER: dict[str, list[str]] = {"bearer": []}
_COOKIE: dict[str, list[str]] = {"cookie": []}
TOKEN = [_BEARER, _COOKIE]
# The empty scheme stands for the setting observatory_access, which lets callers in without a token.
SCHEMES: dict[Needs, list[dict[str, list[str]]]] = {
    Needs.NOTHING: [{}],
    Needs.READER: [*TOKEN, {}],
    Needs.SCRAPER: [*TOKEN, {}],
    Needs.LOCKER: [*TOKEN, {}],
    Needs.LOCK_OWNER: [*TOKEN, {}],
    Needs.OBSERVATORY: [_BEARER, {"basic": []}, _COOKIE, {}],
}

# ---- headers


def _header(description: str, required: bool = False, **schema: Any) -> dict[str, Any]:
    return {"description": description, "required": required, "schema": {"type": "string", **schema}}


HEADERS = {
    "Cache-Control": _header("`no-store`; for pages and files `no-cache`.", required=True),
    "X-Content-Type-Options": _header("`nosniff`.", required=True, const="nosniff"),
    "Access-Control-Allow-Origin": _header("The web origin of the request, where the server answers its pages."),
    "Access-Control-Expose-Headers": _header("The headers of the answer that such a page can read."),
    "Access-Control-Allow-Methods": _header("The methods for pages of an allowed web origin."),
    "Access-Control-Allow-Headers": _header("The headers for pages of an allowed web origin."),
    "Access-Control-Max-Age": _header("The seconds for which a browser may keep this answer."),
    "Access-Control-Allow-Private-Network": _header("`true` where the browser asked for it."),
    "Allow": _header("The methods that the path accepts.", required=True),
    "Vary": _header("The headers of the request on which the answer depends."),
    "Content-Disposition": _header("The name under which a browser saves the file."),
    "Link": _header('The section of the manual about a refusal: `</manual/trouble#…>; rel="help"`.'),
    "Retry-After": _header("The seconds after which the request may be sent again.", pattern="^[0-9]+$"),
    "WWW-Authenticate": _header("The scheme of the token.", required=True, const="Bearer"),
    "Set-Cookie": _header("The login cookie, which scripts cannot read.", required=True),
    "X-Prjobs-Error": _header(
        "The sentence of the refusal; letters outside of ASCII are replaced by a question mark.", required=True
    ),
    "X-Prjobs-Note": _header(
        "A sentence for the sender: when no program polls for the site, when an earlier job stands for this one, or "
        "where a job is that was forwarded to the cloud."
    ),
    "X-Prjobs-Reservations": _header(
        "The source of the judgement on reservations: `none`, `local`, `live`, or `cached age=S` (S: seconds, or "
        "`never`)."
    ),
    "Content-Security-Policy": _header("The sources that the page may use."),
    "Referrer-Policy": _header("`no-referrer`."),
    "X-Frame-Options": _header("`DENY`."),
    "Cross-Origin-Opener-Policy": _header("`same-origin`."),
    "Cross-Origin-Resource-Policy": _header("`same-origin`."),
    "Refresh": _header("The seconds after which the browser asks again by itself."),
}
ALL_HEADERS = (
    "Cache-Control",
    "X-Content-Type-Options",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
    "Vary",
)
PAGE_HEADERS = (
    "Content-Security-Policy",
    "Referrer-Policy",
    "X-Frame-Options",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy",
)
ERROR_PAGE_HEADERS = ["Content-Security-Policy", "Referrer-Policy", "Refresh"]
PREFLIGHT_HEADERS = (
    "Allow",
    "Access-Control-Allow-Headers",
    "Access-Control-Allow-Methods",
    "Access-Control-Max-Age",
    "Access-Control-Allow-Private-Network",
    *ALL_HEADERS,
)
# The headers of refusals beside those of all answers, by status.
OF_STATUS = {
    401: ("WWW-Authenticate", "X-Prjobs-Reservations"),
    403: ("X-Prjobs-Reservations",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
    507: ("Retry-After",),
}
REQUEST_HEADERS = {
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A text of the sender's own for this command: a repeated request with the key gives the same "
        "job, and no second one.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    },
    "X-Prjobs-Page": {
        "name": "X-Prjobs-Page",
        "in": "header",
        "description": "`1`: needed for a change with the login cookie, so that no other web site can make one.",
        "schema": {"type": "string", "const": "1"},
    },
}
PREFLIGHT = "Tell a browser whether a page of the web origin may send the request"
PREFLIGHT_ANSWER = "The methods and headers that pages of the web origin may use."

# ---- parts of paths

PARTS: dict[str, Any] = {
    "ulid": {"description": "The id of a job, 26 characters.", "schema": {"type": "string"}},
    "site": {"description": "The code of a site.", "schema": {"type": "string"}},
    "token_id": {"description": "The id of a token, as GET /api/tokens lists it.", "schema": {"type": "string"}},
    "reservation_id": {"description": "The id of a reservation, a number.", "schema": {"type": "string"}},
    "lock_id": {"description": "The id of a lock, a number.", "schema": {"type": "string"}},
    "note_id": {"description": "The id of a note, a number.", "schema": {"type": "string"}},
    "name": {"description": "The name of a file of the monitor.", "schema": {"type": "string"}},
    "page": {"description": "The name of a page of the manual, such as `install`.", "schema": {"type": "string"}},
}

# ---- answers

# A sentence of each code, as prjobs says it.
SENTENCES = {
    "bad_request": "Error: missing required key device",
    "unknown_name": "creator_id: no token, no recent job and no event of the calendar names this user. If the name is "
    "right, force the reservation (--force; in a request force: true).",
    "unauthorized": "Someone else has a reservation right now. Please see the calendar for details.",
    "forbidden": "A token of an observatory or a viewer may not send commands.",
    "not_found": "There is no job with this ulid at this site.",
    "method_not_allowed": "This method is not allowed here.",
    "conflict": "The job is over: its status stays as it is.",
    "too_large": "The body is too large: 1 MiB is the limit.",
    "wrong_host": "The Host header does not name this appliance; the setting allowed_hosts adds names.",
    "locked_out": "saf is LOCKED OUT: somebody is in the dome, locked by Ann K. until 2026-11-29 21:00 UTC (mirror "
    "cleaning). Only stops are taken and handed out until every lock has ended.",
    "too_many": "Too many wrong tokens from this address: wait a minute.",
    "headers_too_large": "The headers are too large: 16 KiB is the limit, in at most 100 lines.",
    "internal": "Internal error; the log of the appliance has the details.",
    "unavailable": "The store is locked by another program: send the request again.",
    "took_too_long": "The search took too long: ask for a shorter time.",
    "disk_full": "The disk is nearly full.",
}


def answer_said(kind: Any, status: int) -> str:
    """Return the description of an answer."""
    if status == 204:
        return "Done; the answer has no body."
    if kind is None:
        return "The page or file."
    if doc := getattr(kind, "__doc__", "") if isinstance(kind, type) else "":
        return doc.strip().split("\n")[0]
    return "The answer."
