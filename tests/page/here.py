"""The program served from this process: it starts and stops in a moment, and its clock can be set ahead."""

import argparse
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from prjobs.access import tokens
from prjobs.access.audit import Actor
from prjobs.access.tokens import NewToken
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.server import Server
from tests.clocks import ClockAhead
from tests.program import Program

DAY_S = 86_400
# No test that shows the lists of tonight sets the clock ahead by more.
LONGEST_S = 6500


class Here(Program):
    """What tests of the page need of a `Program`: real HTTP, a real store, its chores. It cannot be killed, only ended.

    `after(seconds)` sets the clock ahead: a silence of ten minutes takes no ten minutes.
    """

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.clock = ClockAhead()
        # At noon the lists of tonight begin anew: no test sets the clock ahead over noon.
        since_noon_s = (self.clock.now_ms() // 1000 - DAY_S // 2) % DAY_S
        if since_noon_s + LONGEST_S >= DAY_S:
            self.clock.ahead_s = DAY_S - since_noon_s
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def server(self) -> Server:
        assert self._server is not None
        return self._server

    def serve(self, *flags: str, **settings: Any) -> str:
        """Start serving on a free port; returns the URL. Settings by name, no flags."""
        assert not flags
        made: Future[Server] = Future()
        self._thread = threading.Thread(target=self._run, args=(Settings(**{"port": 0, **settings}), made))
        self._thread.start()
        self._server = made.result(timeout=60)
        self.url = self._server.url
        return self.url

    def _run(self, settings: Settings, made: "Future[Server]") -> None:
        """Open and close in one thread: the folder's lock belongs to it."""
        try:
            server = Server(Folder(self.data), settings, self.clock)
        except Exception as error:
            made.set_exception(error)
            return
        made.set_result(server)
        server.run()

    def kill(self) -> None:
        """Nobody answers any more."""
        if self._server is None or self._thread is None:
            return
        self._server.stop()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()
        self._server = self._thread = None

    def after(self, seconds: float) -> None:
        """So much time has passed."""
        self.clock.ahead_s += seconds

    def set_clock(self, seconds: float) -> None:
        """Somebody sets the wall clock so much ahead."""
        self.clock.stepped_s += seconds

    def token(self, user_id: str = "auth0|alice", *flags: str) -> str:
        """A new token of the appliance's own; the flags are those of `prjobs token create`."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--name", default="")
        parser.add_argument("--role", action="append", default=[])
        asked = parser.parse_args(flags)
        new = NewToken(user_id, asked.name, asked.role, [], 1)
        return tokens.create_token(self.server.appliance.desk, new, Actor("tests", "tests"))[0]
