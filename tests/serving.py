"""A WSGI application on a free port of this machine, served by a thread of this process."""

import select
import threading
from types import TracebackType
from typing import Any

import waitress
from waitress import wasyncore


class Serving:
    """Serves from the start until `close`, or as a context manager; `url` is its address."""

    def __init__(self, app: Any, **settings: Any) -> None:
        self._sockets: dict[int, Any] = {}
        settings = {"threads": 8, "host": "127.0.0.1", "port": 0, **settings}
        self._server = waitress.create_server(app, self._sockets, **settings)
        self.url = f"http://127.0.0.1:{self._server.effective_port}"
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Serving":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving; connections end."""
        self._closing.set()
        self._thread.join()

    def _serve(self) -> None:
        """Close everything in the thread that waits for it: select() fails on a socket that another thread closed."""
        while not self._closing.is_set():
            wasyncore.loop(timeout=0.02, map=self._sockets, use_poll=hasattr(select, "poll"), count=1)
        self._server.task_dispatcher.shutdown()
        self._server.close()
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
