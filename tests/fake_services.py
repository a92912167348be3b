"""A small ntfy and a small Healthchecks: real HTTP servers on this machine, which can be cut off, refuse or hang."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.waiting import wait_for

WORKS, REFUSES, FAILS, HANGS = "works", "refuses", "fails", "hangs"


class FakeService:
    """A server that notes each request; `cut` closes the port, and `restore` opens the same port again."""

    def __init__(self):
        self.mode = WORKS
        self.success = 200
        self.requests = []
        self.tries = 0
        self.let_go = threading.Event()
        self.port = 0
        self.restore()

    def restore(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def cut(self):
        self._server.shutdown()
        self._server.server_close()

    def close(self):
        self.let_go.set()
        self.cut()

    def answer(self, handler):
        self.tries += 1
        if self.mode == HANGS:
            self.let_go.wait(120)
            return None
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if self.mode == WORKS:
            self.requests.append((handler.path, body))
        return {WORKS: self.success, REFUSES: 403, FAILS: 500}[self.mode]


def _handler(service):
    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            status = service.answer(self)
            if status is None:
                return
            self.send_response(status)
            body = b"" if status == 204 else b"{}"
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, *_):
            """Say nothing."""

    return Handler


class FakeNtfy(FakeService):
    """ntfy: messages come as JSON to its root."""

    def url(self, topic="hush-topic", **options):
        words = "".join(f" | {name}={value}" for name, value in options.items())
        return f"ntfy://127.0.0.1:{self.port}/{topic}{words}"

    @property
    def messages(self):
        return [json.loads(body) for _, body in list(self.requests)]

    @property
    def titles(self):
        return [one["title"] for one in self.messages]

    def wait_for(self, count):
        """Return the messages once there are so many; there may be no more."""
        wait_for(lambda: len(self.requests) >= count)
        assert len(self.requests) == count, self.titles
        return self.messages


class FakeHealthchecks(FakeService):
    """Healthchecks: each GET is a sign of life."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/ping/hush-uuid"

    @property
    def beats(self):
        return len(self.requests)
