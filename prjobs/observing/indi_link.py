"""The connection to an INDI server: indipyclient in a thread, and the last state of each property.

The client of indipyclient sees no end of the stream from a killed server: `hardware` below looks for the end.
"""

import asyncio
import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from prjobs.base.errors import Unusable
from prjobs.observing.faults import DeviceFault

logger = logging.getLogger(__name__)
PORT = 7624
SEND_S = 3.0
# A device that does not confirm a command in this time does not work.
CONFIRM_S = 5.0
LOOK_S = 0.05
# A device presents its properties one by one, without a longer pause.
PRESENTED_S = 0.5
CONNECTION = "CONNECTION"
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Property:
    """The last state of a property of a device; `count` grows with every message about the property."""

    state: str
    values: dict[str, Any]
    count: int


class IndiLink:
    """The connection; the devices in `wanted` are connected to their hardware whenever the server appears."""

    def __init__(self, host: str, port: int = PORT, wanted: tuple[str, ...] = ()) -> None:
        self.address = f"{host}:{port}"
        self.changed = threading.Condition()
        self._wanted = wanted
        self._properties: dict[Key, Property] = {}
        self._said: dict[str, str] = {}
        self._defined_s: dict[str, float] = {}
        self._is_connected = False
        self._is_ending = False
        self._was_lost = False
        self._count = 0
        self._loop = asyncio.new_event_loop()
        self._client = _client(self, host, port)
        self._thread = threading.Thread(target=self._run, name=f"INDI {self.address}", daemon=True)

    def __enter__(self) -> "IndiLink":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_ending = True
        self._client.shutdown()
        self._thread.join(SEND_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._client.asyncrun())

    # ---- for the devices

    @property
    def is_connected(self) -> bool:
        """Return True while the server is there."""
        return self._is_connected

    def names(self) -> list[str]:
        """Return the names of the server's devices."""
        with self.changed:
            return sorted({device for device, _ in self._properties})

    def find(self, device: str, name: str) -> Property | None:
        """Return a property of a device; None for a missing property. Raise DeviceFault without a server."""
        with self.changed:
            if not self._is_connected:
                raise DeviceFault(f"The INDI server {self.address} is not there: nobody knows what its devices do.")
            return self._properties.get((device, name))

    def require(self, device: str, name: str) -> Property:
        """Return a property of a device. Raise DeviceFault if the device or the property is not there."""
        found = self.find(device, name)
        if found is None:
            known = self.find(device, CONNECTION)
            if known is None:
                raise DeviceFault(f"The INDI server {self.address} has no device {device}.")
            if known.values.get("CONNECT") != "On":
                raise DeviceFault(f"{device} is not connected to its hardware.")
            raise DeviceFault(f"{device} has no {name}.")
        return found

    def send(self, device: str, name: str, **values: Any) -> int:
        """Send new values of a property; return the count before. Raise DeviceFault if they cannot be sent."""
        before = self.require(device, name).count
        sent = asyncio.run_coroutine_threadsafe(self._client.send_newVector(device, name, members=values), self._loop)
        try:
            sent.result(SEND_S)
        except TimeoutError:
            raise DeviceFault(f"The INDI server {self.address} takes no commands.") from None
        return before

    def confirm(self, device: str, name: str, before: int, seconds: float = CONFIRM_S) -> Property:
        """Wait until the device has answered about a property. Raise DeviceFault if it does not."""
        until_s = time.monotonic() + seconds
        with self.changed:
            while (found := self.require(device, name)).count <= before:
                if not self.changed.wait(until_s - time.monotonic()) and time.monotonic() >= until_s:
                    raise DeviceFault(f"{device} does not answer: nobody knows what it does.")
        return found

    def await_presented(self, device: str, name: str) -> None:
        """Wait for a property of a device that is still presenting itself, as right after a loss of the server."""
        with self.changed:
            while self.find(device, name) is None:
                left_s = self._defined_s.get(device, 0) + PRESENTED_S - time.monotonic()
                if left_s <= 0:
                    return
                self.changed.wait(left_s)

    def said(self, device: str) -> str:
        """Return the last message of a device; empty without one."""
        return self._said.get(device, "")

    # ---- for the client, in its thread

    def take(self, event: Any) -> None:
        """Keep what the server said."""
        with self.changed:
            if event.eventtype in ("ConnectionMade", "ConnectionLost"):
                self._properties.clear()
                self._is_connected = event.eventtype == "ConnectionMade"
                self._tell()
            elif event.eventtype == "Delete":
                self._forget(event.devicename, event.vectorname)
            elif event.eventtype == "Define":
                self._defined_s[event.devicename] = time.monotonic()
                self._keep(event)
            elif event.vector is not None and event.eventtype != "TimeOut":
                self._keep(event)
            elif event.eventtype == "Message" and event.devicename:
                self._said[event.devicename] = event.message
            self.changed.notify_all()

    def _tell(self) -> None:
        """Log the loss of the server, and the end of a loss."""
        if not self._is_connected and not self._is_ending:
            self._was_lost = True
            logger.warning("The INDI server %s is gone: jobs fail until it is back.", self.address)
        elif self._is_connected and self._was_lost:
            logger.warning("The INDI server %s is back.", self.address)

    def _keep(self, event: Any) -> None:
        vector, self._count = event.vector, self._count + 1
        values = {name: _value(vector, name) for name in vector}
        self._properties[event.devicename, event.vectorname] = Property(vector.state, values, self._count)
        if getattr(event, "message", None):
            self._said[event.devicename] = event.message

    def _forget(self, device: str, name: str | None) -> None:
        for key in [key for key in self._properties if key[0] == device and name in (None, key[1])]:
            del self._properties[key]

    async def greet(self, event: Any) -> None:
        """Connect a device to the hardware when the server presents the device."""
        if event.eventtype != "Define":
            return
        key = event.devicename, event.vectorname
        is_wanted = event.vectorname == CONNECTION and event.devicename in self._wanted
        if is_wanted and event.vector["CONNECT"] != "On":
            await self._client.send_newVector(*key, members={"CONNECT": "On"})


def _value(vector: Any, name: str) -> Any:
    """Return a number as float, anything else as sent."""
    return vector.getfloatvalue(name) if vector.vectortype == "NumberVector" else vector[name]


def _client(link: IndiLink, host: str, port: int) -> Any:
    """Return a client of indipyclient with events for the link. Raise Unusable without the package."""
    try:
        from indipyclient import IPyClient
    except ImportError:
        raise Unusable('INDI needs the package indipyclient: `pip install "prjobs[indi]"`.') from None
    # Its lines of every attempt to connect say nothing that the link does not say.
    logging.getLogger("indipyclient").setLevel(logging.CRITICAL)

    class Client(IPyClient):  # type: ignore[misc]
        async def rxevent(self, event: Any) -> None:
            link.take(event)
            await link.greet(event)

        async def hardware(self) -> None:
            while not self.stop:
                await asyncio.sleep(LOOK_S)
                if self._reader is not None and self._reader.at_eof():
                    await self._clear_connection()

    client = Client(host, port)
    client.enableBLOBdefault = "Also"
    return client
