"""The answers of a standby of a hub to what it does not pass on to the active process: 503, and its own health."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from prjobs.base.errors import Refused, Unavailable
from prjobs.base.logs import note_peer
from prjobs.base.settings import Settings
from prjobs.web.endpoint import LAST, Answer, reply_json
from prjobs.web.guard import Guard, cors_headers, preflight_headers
from prjobs.web.parsing import REACHED
from prjobs.web.respond import refusal

RETRY_S = 2
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]


class Standby(Unavailable):
    """The process is a standby of the active process of a hub."""

    code = "standby"
    retry_after_s = RETRY_S


class StandbyApp:
    """The application of a standby. `active` is the URL of the active process; empty while unknown."""

    def __init__(self, settings: Settings) -> None:
        self._guard = Guard(settings.host, settings.allowed_hosts, settings.allowed_origins)
        self.active = ""
        # Whether connections are passed on to the active process.
        self.is_relaying: Callable[[], bool] = lambda: False

    @property
    def sentence(self) -> str:
        """The state of this process, for people."""
        again = "Repeat a stop until it is taken."
        if self.active:
            return f"This process of the hub is a standby. The active process is at {self.active}. {again}"
        return f"This process of the hub is a standby, and no process is active yet. {again}"

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request as WSGI wants."""
        environ[REACHED] = True
        # The client's next connection may be passed on.
        environ[LAST] = True
        note_peer(environ["REMOTE_ADDR"])
        try:
            origin = self._guard.check(environ)
            answer = self._answer(environ)
        except Refused as refused:
            origin = self._guard.allowed_origin(environ)
            answer = refusal(refused, environ)
        headers = answer.headers
        if origin is not None:
            headers = headers + cors_headers(origin) + preflight_headers(environ)
        status = HTTPStatus(answer.status)
        start_response(f"{status.value} {status.phrase}", headers)
        return () if environ["REQUEST_METHOD"] == "HEAD" else answer.body

    def _answer(self, environ: Environ) -> Answer:
        if environ["PATH_INFO"] != "/healthz":
            return refusal(Standby(self.sentence), environ)
        hub = {"role": Standby.code, "member": ""}
        if self.is_relaying():
            return reply_json({"ok": True, "problems": [], "notices": [], "hub": hub, "active": self.active})
        # In the shape of the health of an active process, and in that of a refusal.
        said = {"ok": False, "problems": [self._problem()], "notices": [], "hub": hub}
        error = {"error": self.sentence, "code": Standby.code, "active": self.active}
        return reply_json(said | error, status=503, Retry_After=str(RETRY_S))

    def _problem(self) -> dict[str, str]:
        return {"code": Standby.code, "sentence": self.sentence, "site": "", "manual": ""}


class Switch:
    """The application of a process of a hub: that of the standby, or that of the active process."""

    def __init__(self, app: Wsgi) -> None:
        self.app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request by the present application."""
        return self.app(environ, start_response)
