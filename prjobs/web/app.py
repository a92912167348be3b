"""The WSGI application: guard, routes and the form of every refusal."""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from bottle import Bottle, HTTPError, HTTPResponse, request

from prjobs.access import web_origins
from prjobs.appliance import Appliance
from prjobs.base.errors import Internal, MethodNotAllowed, NotFound, Refused
from prjobs.base.logs import note_peer
from prjobs.base.notices import Code
from prjobs.jobs.queue import Queue
from prjobs.web import (
    access_api,
    cloud_api,
    contract,
    jobs_api,
    manual,
    monitor_api,
    night_api,
    poll_refusals,
    reservations_api,
    wall_api,
)
from prjobs.web.audited_acts import note_refusal
from prjobs.web.connection import UNKNOWN_PROXY
from prjobs.web.endpoint import Handler, Route, reply
from prjobs.web.guard import ALLOWED_HEADERS, Guard, cors_headers, preflight_headers
from prjobs.web.pages import get_file, get_icon, load_files
from prjobs.web.parsing import REACHED
from prjobs.web.respond import refusal, refusal_parts

logger = logging.getLogger(__name__)
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]
# The appliance's own API. The five endpoints of the contract stand in `contract.ROUTES`, under many paths each.
ROUTES = [
    *monitor_api.ROUTES,
    *jobs_api.ROUTES,
    *access_api.ROUTES,
    *reservations_api.ROUTES,
    *night_api.ROUTES,
    *cloud_api.ROUTES,
    *wall_api.ROUTES,
    *manual.ROUTES,
]
PROXY_SENTENCE = (
    "A proxy on this machine forwards requests to prjobs, and the setting trusted_proxy does not name it: its callers "
    "count as callers from elsewhere. If the proxy is yours, set trusted_proxy to the address from which it connects."
)
# The longest that a query for people may take.
LIMIT_S = 3.0
REASONS = {421: "Misdirected Request", 507: "Insufficient Storage"}


def build_app(appliance: Appliance) -> Wsgi:
    """Return the application for one appliance. Two applications share no state."""
    settings = appliance.queue.settings
    guard = Guard(settings.host, settings.allowed_hosts, settings.allowed_origins)
    routes = build_routes(appliance).wsgi

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ[REACHED] = True
        note_peer(environ["REMOTE_ADDR"])
        try:
            origin = guard.check(environ)
        except Refused as refused:
            answer = _with_cors(environ, start_response, guard.allowed_origin(environ))
            return _refuse(appliance, environ, answer, refused)
        if UNKNOWN_PROXY in environ:
            appliance.queue.notices.say(Code.UNKNOWN_PROXY, PROXY_SENTENCE)
        return routes(environ, _with_cors(environ, start_response, origin))  # type: ignore[no-any-return]

    return application


def _with_cors(environ: Environ, start_response: StartResponse, origin: str | None) -> StartResponse:
    """Return `start_response` with the headers that let pages of the origin read the answer."""
    if origin is None:
        return start_response
    extra = cors_headers(origin) + preflight_headers(environ)

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        return start_response(status, headers + extra, *rest)

    return start


def build_routes(appliance: Appliance) -> Bottle:
    """Return all routes; tests walk over the list."""
    app = Bottle()
    for plugin in list(app.plugins):
        app.uninstall(plugin)
    app.default_error_handler = partial(_error, appliance.queue)
    people = [Route(method, path, _limited(path, handler)) for method, path, handler in ROUTES]
    routes = [*contract.ROUTES, *people]
    for method, path, handler in routes:
        app.route(path, method, _answering(partial(handler, appliance), partial(note_refusal, appliance.desk)))
    for path in {path for _, path, _ in routes}:
        app.route(path, "OPTIONS", _options)
    files = load_files()
    for path, name in (("/", "index.html"), ("/login", "login.html")):
        app.route(path, "GET", _answering(lambda name=name: get_file(files, name)))
    app.route("/favicon.ico", "GET", _answering(partial(get_icon, files)))
    app.route("/static/<name>", "GET", _answering(lambda name: get_file(files, name)))
    return app


def _limited(path: str, handler: Handler) -> Handler:
    """Return the handler for people, who may ask for anything: each of its queries ends in time, but for a stop's."""
    if path == monitor_api.MAKE_SAFE:
        return handler

    def answer(appliance: Appliance, **parts: str) -> HTTPResponse:
        with appliance.queue.database.limited(LIMIT_S):
            return handler(appliance, **parts)

    return answer


def _answering(
    handler: Callable[..., HTTPResponse], note: Callable[[Refused], None] = lambda _refused: None
) -> Callable[..., HTTPResponse]:
    """Return the handler, with refusals noted and turned into answers, and defects into a log entry."""

    def answer(**parts: str) -> HTTPResponse:
        try:
            return handler(**parts)
        except Refused as refused:
            _log_refusal(request.environ, refused)
            note(refused)
            return refusal(refused, request.environ)
        except Exception:
            logger.exception("a defect in %s %s", request.method, request.path)
            return refusal(Internal("Internal error; the log of the appliance has the details."), request.environ)

    return answer


def _options(**_parts: str) -> HTTPResponse:
    return reply(b"", status=204, Allow="DELETE, GET, OPTIONS, POST", Access_Control_Allow_Headers=ALLOWED_HEADERS)


def _error(queue: Queue, error: HTTPError) -> HTTPResponse:
    """Return a refusal of Bottle's own in the form of this part of the interface."""
    if request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.environ:
        # After a refused preflight a page learns nothing: the request itself is refused, and the page can show why.
        return _options()
    if error.status_code == 405:
        refused: Refused = MethodNotAllowed("This method is not allowed here.")
    elif error.status_code == 404:
        refused = NotFound("There is nothing at this address.")
    else:
        logger.error("unexpected error %s: %s", error.status_code, error.exception, exc_info=error.exception)
        refused = Internal("Internal error; the log of the appliance has the details.")
    _log_refusal(request.environ, refused)
    poll_refusals.note_refusal(queue, request.environ, refused)
    answer = refusal(refused, request.environ)
    if "Allow" in error.headers:
        answer.set_header("Allow", error.headers["Allow"])
    return answer


def _refuse(appliance: Appliance, environ: Environ, start_response: StartResponse, refused: Refused) -> Iterable[bytes]:
    _log_refusal(environ, refused)
    poll_refusals.note_refusal(appliance.queue, environ, refused)
    if refused.topic == Code.WEB_ORIGIN:
        web_origins.note_refused(appliance.desk, str(environ.get("HTTP_ORIGIN", "")))
    status, content_type, headers, body = refusal_parts(refused, str(environ["PATH_INFO"]), environ)
    reason = REASONS.get(status, "Refused")
    start_response(
        f"{status} {reason}",
        [("Content-Type", content_type), ("Content-Length", str(len(body))), *headers.items()],
    )
    return [body]


def _log_refusal(environ: Environ, refused: Refused) -> None:
    level = logging.ERROR if refused.status >= 500 else logging.INFO
    asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'][:100]} from {environ.get('REMOTE_ADDR')}"
    logger.log(level, "%s: %s %s", asked, refused.status, refused.sentence)
