"""A stop while a device of an INDI server presents its properties, one by one."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from prjobs.observing import indi_link
from prjobs.observing.indi import IndiDome
from prjobs.observing.indi_link import IndiLink

pytest.importorskip("indipyclient")


class Vector(dict[str, str]):
    """A property as the client of indipyclient has it."""

    vectortype = "SwitchVector"

    def __init__(self, state: str) -> None:
        super().__init__(ABORT="Off")
        self.state = state


class Presenting(IndiLink):
    """A link whose messages the test gives; an abort ends the turn of the dome."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1")
        self.sent: list[str] = []
        self.take(SimpleNamespace(eventtype="ConnectionMade"))

    def hear(self, name: str, state: str, eventtype: str = "Define") -> None:
        self.take(SimpleNamespace(eventtype=eventtype, devicename="Dome", vectorname=name, vector=Vector(state)))

    def send(self, device: str, name: str, **values: Any) -> int:
        before = self.require(device, name).count
        self.sent.append(name)
        self.hear("ABS_DOME_POSITION", "Idle", "Set")
        self.hear(name, "Ok", "Set")
        return before


def test_a_stop_waits_for_the_rest_of_a_device_that_appears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indi_link, "PRESENTED_S", 600.0)
    link = Presenting()
    for name in ("CONNECTION", "DOME_SHUTTER"):
        link.hear(name, "Ok")
    stopping = threading.Thread(target=IndiDome(link, "Dome").abort)
    stopping.start()
    link.hear("ABS_DOME_POSITION", "Busy")
    link.hear("DOME_ABORT_MOTION", "Idle")
    stopping.join(60)
    assert link.sent == ["DOME_ABORT_MOTION"]


def test_a_device_without_an_abort_is_waited_for_until_it_says_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indi_link, "PRESENTED_S", 0.05)
    link = Presenting()
    link.hear("DOME_SHUTTER", "Ok")
    IndiDome(link, "Dome").abort()
    assert link.sent == []
