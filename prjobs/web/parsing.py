"""Requests that are not valid HTTP or too large: each gets a refusal in the contract's form."""

import re
from collections.abc import Callable, Iterable
from http.client import responses
from typing import Any

from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask
from waitress.utilities import BadRequest as InvalidRequest
from waitress.utilities import RequestEntityTooLarge, RequestHeaderFieldsTooLarge

from prjobs.base.errors import BadRequest, HeadersTooLarge, Internal, Refused, TooLarge
from prjobs.web.endpoint import TOO_LARGE
from prjobs.web.guard import allowed_origin, cors_headers
from prjobs.web.respond import refusal_parts

GETNEWJOBS = "/getnewjobs"
# A key of the request's environ, set once the request reaches the application.
REACHED = "prjobs.reached"
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# The most lines of a head; programs and browsers send about 20.
MAX_LINES = 100
# The bytes of a body in chunks that are no content: the lines around the chunks cost far more time than the content.
FRAMING = 1024
FRAMING_SHARE = 4
_SERVER = re.compile(r"^\w+://[^/]*")
_ORIGIN = re.compile(rb"^origin:[ \t]*([!-~]{1,200})[ \t]*\r?$", re.I | re.M)


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """The parser of one request. `asked_path` and `asked_origin` are for a refusal."""

    # Of a request that is refused before these are read.
    command = path = ""
    # The head of a refused request, as far as it came.
    _head = b""

    def received(self, data: bytes) -> int:
        """Take data of the request; return the number of bytes taken. What cannot be parsed is refused."""
        before = None if self.body_rcv is not None else self.header_plus
        try:
            if before is not None and _has_too_many_lines(before + data):
                self.error, self.completed = RequestHeaderFieldsTooLarge(""), True
                taken = len(data)
            else:
                taken = int(super().received(data))
            if self.chunked and not self.error:
                self._check_chunks()
        except Exception:
            # waitress lets errors through: of a number with 4,301 digits, of half an IPv6 address.
            self.error = InvalidRequest("")
            self.completed = True
        if self.error is None:
            return taken
        if before is not None:
            self._head = before + data
        # An error is answered at once; waitress would ask for the body of a request with this header.
        self.expect_continue = False
        # The rest is no request of its own: the connection ends.
        return len(data)

    def _check_chunks(self) -> None:
        """Refuse a body that holds a huge chunk, or more lines around its chunks than content."""
        size = len(self.body_rcv)
        if self.body_rcv.chunk_remainder > self.adj.max_request_body_size:
            self.error, self.completed = RequestEntityTooLarge(""), True
        elif self.body_bytes_received - size > FRAMING + size // FRAMING_SHARE:
            self.error, self.completed = InvalidRequest(""), True

    @property
    def asked_path(self) -> str:
        """The path of the request, as far as it can be read; a path with `getnewjobs` in it counts as that."""
        words = self._head.partition(b"\r\n")[0].decode("latin-1").split()
        path = _SERVER.sub("", words[1]).partition("?")[0] if len(words) > 1 else str(self.path)
        return GETNEWJOBS if "getnewjobs" in path else path

    @property
    def asked_origin(self) -> str:
        """The web origin of the request, as far as it can be read; empty for a program."""
        found = _ORIGIN.search(self._head)
        return found[1].decode() if found else str(self.headers.get("ORIGIN", ""))


def _has_too_many_lines(head: bytes) -> bool:
    # An ordinary head is short, and not counted.
    end = head.find(b"\r\n\r\n") if len(head) > 1024 else 0
    return head.count(b"\n", 0, end if end >= 0 else len(head)) > MAX_LINES


class Refusal(ErrorTask):  # type: ignore[misc]
    """The answer to a request that could not be parsed, or whose answer failed before its first byte."""

    def execute(self) -> None:
        """Answer with the refusal. The client may still be sending: a closed connection would lose the answer."""
        asked, server = self.channel.requests[0], self.channel.server
        refused = _refused(self.request.error.code)
        status, content_type, headers, body = refusal_parts(refused, asked.asked_path)
        self.status = f"{status} {responses[status]}"
        self.response_headers += [("Content-Type", content_type), *headers.items()]
        if allowed_origin(asked.asked_origin, server.allowed_origins):
            self.response_headers += cors_headers(asked.asked_origin)
        self.channel.lets_client_end = self.channel.is_refused = True
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


def refuse_malformed_proxy(application: Wsgi) -> Wsgi:
    """Return the application of waitress, whose own refusal of a trusted proxy's headers is plain text for all paths.

    The inner application marks each request that reaches it.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        result = application(environ, start_response)
        if REACHED in environ:
            return result
        refused = BadRequest("X-Forwarded-For or X-Forwarded-Proto of the proxy is malformed.")
        status, content_type, headers, body = refusal_parts(refused, str(environ["PATH_INFO"]), environ)
        named = [("Content-Type", content_type), ("Content-Length", str(len(body))), *headers.items()]
        start_response(f"{status} {responses[status]}", named)
        return [body]

    return answer


def _refused(code: int) -> Refused:
    known = {
        413: TooLarge(TOO_LARGE),
        431: HeadersTooLarge("The headers are too large: 16 KiB is the limit, in at most 100 lines."),
        500: Internal("Internal error; the log of the appliance has the details."),
    }
    return known.get(code, BadRequest("This is not a valid HTTP request."))
