"""The WSGI application: guard, routes and the form of every refusal."""

import logging
from collections.abc import Callable, Iterable
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from bottle import HTTPError, Router, request

from prjobs.access import web_origins
from prjobs.appliance import Appliance
from prjobs.base.errors import Internal, MethodNotAllowed, NotFound, Refused
from prjobs.base.logs import note_peer
from prjobs.base.notices import Code
from prjobs.jobs.queue import Queue
from prjobs.monitor import measuring
from prjobs.web import (
    access_api,
    cloud_api,
    contract,
    jobs_api,
    lock_api,
    manual,
    metrics,
    monitor_api,
    night_api,
    notes_api,
    now_api,
    openapi,
    pages,
    poll_refusals,
    reservations_api,
    sites_api,
    wall_api,
)
from prjobs.web.audited_acts import note_refusal
from prjobs.web.connection import UNKNOWN_PROXY
from prjobs.web.endpoint import ALWAYS, Answer, Handler, Needs, Route, reply
from prjobs.web.guard import ALLOWED_HEADERS, Guard, cors_headers, preflight_headers
from prjobs.web.parsing import REACHED
from prjobs.web.respond import refusal

logger = logging.getLogger(__name__)
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]


def get_openapi(_appliance: Appliance) -> Answer:
    """The description of the API for programs: OpenAPI 3.1."""
    return reply(_description(), Cache_Control="no-cache")


@cache
def _description() -> bytes:
    return openapi.encoded(described_routes())


# The appliance's own API. The five endpoints of the contract stand in `contract.ROUTES`, under many paths each.
ROUTES = [
    *now_api.ROUTES,
    *monitor_api.ROUTES,
    *sites_api.ROUTES,
    *jobs_api.ROUTES,
    *access_api.ROUTES,
    *reservations_api.ROUTES,
    *lock_api.ROUTES,
    *night_api.ROUTES,
    *notes_api.ROUTES,
    *cloud_api.ROUTES,
    *wall_api.ROUTES,
    *manual.ROUTES,
    *metrics.ROUTES,
    Route("GET", "/openapi.json", get_openapi, Needs.NOTHING, dict[str, Any]),
]
# The paths of the contract's endpoints, each counted as one endpoint.
_ENDPOINTS = {path: f"/{name}" for name in contract.ENDPOINTS for path in contract.paths_of(name)}
PROXY_SENTENCE = (
    "A proxy on this machine forwards requests to prjobs, and the setting trusted_proxy does not name it: its callers "
    "count as callers from elsewhere. If the proxy is yours, set trusted_proxy to the address from which it connects."
)
# The longest that a query for people may take.
LIMIT_S = 3.0
_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class _Router(Router):  # type: ignore[misc]
    """A router that compiles its patterns once: Bottle's compiles all patterns of the method with each new route."""

    def _compile(self, _method: str) -> None:
        pass

    def compile(self) -> None:
        """Make the added routes findable."""
        for method in self.dyna_routes:
            super()._compile(method)


def build_app(appliance: Appliance) -> Wsgi:
    """Return the application for one appliance. Two applications share no state."""
    settings = appliance.queue.settings
    guard = Guard(settings.host, settings.allowed_hosts, settings.allowed_origins)
    measures = appliance.board.measures
    measuring.begin(measures, appliance.queue)
    router = _Router()
    for route in build_routes(appliance):
        statuses = measures.requests_to(route.method, _ENDPOINTS.get(route.path, route.path))
        router.add(route.path, route.method, (route.handler, statuses))
    router.compile()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ[REACHED] = True
        note_peer(environ["REMOTE_ADDR"])
        request.bind(environ)
        try:
            origin = guard.check(environ)
        except Refused as refused:
            origin = guard.allowed_origin(environ)
            answer = _refuse(appliance, environ, refused)
            measures.unrouted[answer.status] += 1
        else:
            if UNKNOWN_PROXY in environ:
                appliance.queue.notices.say(Code.UNKNOWN_PROXY, PROXY_SENTENCE)
            answer = _routed(appliance, router, environ)
        headers = answer.headers
        if origin is not None:
            # These let pages of the origin read the answer.
            headers = headers + cors_headers(origin) + preflight_headers(environ)
        start_response(_LINES[answer.status], headers)
        return _body(answer, environ)

    return application


def _routed(appliance: Appliance, router: Router, environ: Environ) -> Answer:
    try:
        (handler, statuses), parts = router.match(environ)
    except HTTPError as error:
        answer = _not_routed(appliance.queue, error)
        statuses = appliance.board.measures.unrouted
    else:
        answer = handler(**parts)
    statuses[answer.status] += 1
    return answer


def _body(answer: Answer, environ: Environ) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] != "HEAD":
        return answer.body
    if close := getattr(answer.body, "close", None):
        close()
    return ()


def described_routes() -> list[Route]:
    """Return all routes as declared, without those for a browser's question by OPTIONS, which each path has."""
    return [*contract.ROUTES, *ROUTES, *pages.ROUTES]


def build_routes(appliance: Appliance) -> list[Route]:
    """Return all routes, with handlers that take the parts of the path alone and refuse nothing by an exception."""
    people = [route._replace(handler=_limited(route)) for route in ROUTES]
    programs = contract.ROUTES
    if appliance.queue.settings.store_url:
        programs = [route._replace(handler=contract.answering_soon(route.handler)) for route in programs]
    routes = [*programs, *people, *pages.ROUTES]
    # An upgrade may replace the files under a running server, whose own page stays whole.
    pages.load_files()
    note = partial(note_refusal, appliance.desk)
    found = [route._replace(handler=_answering(partial(route.handler, appliance), note)) for route in routes]
    return found + [Route("OPTIONS", path, _options) for path in {route.path for route in routes}]


def _limited(route: Route) -> Handler:
    """Return the handler for people, who may ask for anything: each of its queries ends in time.

    A stop and a lock are not limited.
    """
    if route.path in (monitor_api.MAKE_SAFE, lock_api.LOCK):
        return route.handler

    def answer(appliance: Appliance, **parts: str) -> Answer:
        with appliance.queue.database.limited(LIMIT_S):
            return route.handler(appliance, **parts)

    return answer


def _answering(handler: Callable[..., Answer], note: Callable[[Refused], None]) -> Callable[..., Answer]:
    """Return the handler, with refusals noted and turned into answers, and defects into a log entry."""

    def answer(**parts: str) -> Answer:
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


def _options(**_parts: str) -> Answer:
    headers = {"Allow": "DELETE, GET, OPTIONS, POST", "Access-Control-Allow-Headers": ALLOWED_HEADERS, **ALWAYS}
    return Answer(204, list(headers.items()), [])


def _not_routed(queue: Queue, error: HTTPError) -> Answer:
    """Return the refusal of a request without a route, in the form of this part of the interface."""
    if request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.environ:
        # After a refused preflight a page learns nothing: the request itself is refused, and the page can show why.
        return _options()
    refused: Refused = NotFound("There is nothing at this address.")
    if error.status_code == 405:
        refused = MethodNotAllowed("This method is not allowed here.")
        refused.headers = {**refused.headers, "Allow": error.headers["Allow"]}
    _log_refusal(request.environ, refused)
    poll_refusals.note_refusal(queue, request.environ, refused)
    return refusal(refused, request.environ)


def _refuse(appliance: Appliance, environ: Environ, refused: Refused) -> Answer:
    _log_refusal(environ, refused)
    poll_refusals.note_refusal(appliance.queue, environ, refused)
    if refused.topic == Code.WEB_ORIGIN:
        web_origins.note_refused(appliance.desk, str(environ.get("HTTP_ORIGIN", "")))
    return refusal(refused, environ)


def _log_refusal(environ: Environ, refused: Refused) -> None:
    level = logging.ERROR if refused.status >= 500 else logging.INFO
    asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'][:100]} from {environ.get('REMOTE_ADDR')}"
    logger.log(level, "%s: %s %s", asked, refused.status, refused.sentence)
