"""Stops that do not reach the devices at once, and a program that ends in the middle of a motion."""

import contextlib
import socket
import threading

import pytest

from prjobs.observing.indi_site import IndiSite
from prjobs.observing.limits import Limits
from tests.observing.indi import NAMES
from tests.observing.observer import Observer, with_devices
from tests.observing.station import Users
from tests.waiting import wait_for

pytestmark = pytest.mark.long
UNDER_ROOF = Limits(motion_under_closed_roof=True)


class Cable:
    """A connection to the INDI server that can be cut, while the server goes on."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._ends: list[socket.socket] = []
        self.is_cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)

    def cut(self) -> None:
        self.is_cut = True
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def mend(self) -> None:
        self.is_cut = False


def test_an_abort_that_did_not_arrive_is_sent_when_the_server_is_back(started, indi, witness):
    cable = Cable(indi.port)
    site = started(IndiSite("127.0.0.1", cable.port, NAMES), limits=UNDER_ROOF)
    frames = site.send("camera", "expose", time="100", image_type="dark")
    wait_for(lambda: witness.moves("camera"))
    cable.cut()
    status, message = site.outcome(site.stop())
    assert status == "FAILED"
    assert "nobody knows what its devices do" in message
    assert site.outcome(frames)[0] in ("ABORTED", "FAILED")
    assert witness.moves("camera")
    cable.mend()
    wait_for(lambda: not witness.moves("camera"))
    assert list(site.images.glob("*")) == []


def test_the_end_of_the_program_ends_motions(program, indi, witness, tmp_path):
    url = program.serve()
    observer = Observer(tmp_path, url, ("--indi", f"127.0.0.1:{indi.port}"), with_devices(NAMES))
    users = Users(url, program.token("auth0|alice", "--role", "admin"))
    frames = users.send("camera", "expose", time="100", image_type="dark")
    wait_for(lambda: witness.moves("camera"))
    assert observer.stop() == 0
    wait_for(lambda: not witness.moves("camera"))
    assert users.outcome(frames) == ("ABORTED", "the observing program ended")
