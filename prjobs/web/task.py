"""One request in a worker, with an answer at once or in pieces."""

from collections.abc import Iterator
from typing import Any

from waitress.task import WSGITask

from prjobs.base.sockets import LOOPBACKS
from prjobs.web.endpoint import IMPORTANT, LAST, PIECES
from prjobs.web.guard import RELAYED
from prjobs.web.holding import HELD, Held

# The heads of the last answers. waitress makes each anew, which takes a tenth of an empty poll.
HEADS = 64
_heads: dict[tuple[Any, ...], bytes] = {}


class Suspended(BaseException):
    """The client has not read the piece of a long answer yet. Passes through waitress: the request stays unanswered."""


class Task(WSGITask):  # type: ignore[misc]
    """One request."""

    wrote_header: bool
    environ: dict[str, Any]
    pieces: Iterator[bytes] | None = None

    def __init__(self, channel: Any, request: Any, held: Held | None = None) -> None:
        super().__init__(channel, request)
        self._held = held

    def execute(self) -> None:
        """Answer the request; of a long answer write the next piece."""
        if self.pieces is None:
            super().execute()
            # Bottle keeps the environ until the thread's next request.
            self.pieces = self.environ.pop(PIECES, None)
            if self.pieces is None:
                return
        else:
            piece = next(self.pieces, None)
            if piece is None:
                return
            self.write(piece)
        self.channel.suspended = self
        raise Suspended

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment. The address ::1 becomes 127.0.0.1 for rights, limits and the trusted proxy."""
        environ: dict[str, Any] = super().get_environment()
        if environ["REMOTE_ADDR"] == LOOPBACKS[1]:
            environ["REMOTE_ADDR"] = LOOPBACKS[0]
        if self.channel.relayed is not None:
            environ[RELAYED] = self.channel.relayed
        if self._held:
            environ[HELD] = self._held
            environ["wsgi.input"].seek(0)
        return environ

    def build_response_header(self) -> bytes:
        """Return the head of the answer: for an answer like one of the same second, the same head."""
        if LAST in self.environ:
            self.request.headers["CONNECTION"] = "close"
        if self.version != "1.1" or self.content_length is None or "CONNECTION" in self.request.headers:
            return bytes(super().build_response_header())
        key = (int(self.start_time), self.status, self.content_length, *self.response_headers)
        if (head := _heads.get(key)) is None:
            if len(_heads) >= HEADS:
                _heads.clear()
            head = _heads[key] = super().build_response_header()
        return head

    def write(self, data: bytes) -> None:
        """Send header and body in one packet, where waitress sends two: a packet costs as much as an empty poll."""
        if IMPORTANT in self.environ and not self.wrote_header:
            self.channel.note_important_answer()
        if self.wrote_header or not data or not self.has_body or self.content_length is None:
            super().write(data)
            return
        header = self.build_response_header()
        body = data[: self.content_length]
        self.content_bytes_written += len(body)
        self.wrote_header = True
        self.channel.write_soon(header + body)
