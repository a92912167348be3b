"""The way from a standby to the active process of the hub, looked at each second in a thread of its own.

A connection of a client that cannot be passed on brings the next look forward.
"""

import hmac
import logging
import socket
import threading
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from prjobs.access.relayed import HeadWriter
from prjobs.access.server_proof import CHALLENGE_BYTES, PATH, prove
from prjobs.base.clock import Clock
from prjobs.base.sockets import Address
from prjobs.web.relay import Relay
from prjobs.web.relay_pair import Target

logger = logging.getLogger(__name__)
LOOK_S = 1.0
# Many clients may fail at once.
SOONEST_S = 0.05
# The longest look at an address. Windows takes two seconds to tell that nobody listens.
ANSWER_S = 2.5
# The answer has a few hundred bytes.
ANSWER_BYTES = 4096
# A busy process may answer late: connections are passed on until so many looks in a row failed.
FAILED_LOOKS = 2


class Process(NamedTuple):
    """A process of the hub: the id, and the URL for the others."""

    id: str
    url: str


class _Proof(msgspec.Struct):
    proof: str


class Reach:
    """Aims the relay at the active process, once the process has proved to be that member of the hub.

    `notice()` is called when the address of a process that gave its proof begins to refuse connections.
    """

    def __init__(self, relay: Relay, writer: HeadWriter, secret: bytes, clock: Clock) -> None:
        self._relay, self._writer, self._secret, self._clock = relay, writer, secret, clock
        self._active: Process | None = None
        self._proved: Target | None = None
        self._failed = 0
        # Set by the look that found the address of the active process refusing connections.
        self.has_died = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, active: Process | None, stop: threading.Event) -> None:
        """Look at this active process from now on, at none with None, until the stop."""
        if active != self._active:
            self._active = active
            self.has_died.clear()
        if active is None:
            self._relay.aim(None)
        elif self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(stop,), name="reach", daemon=True)
            self._thread.start()

    def refuses(self, member: str) -> bool:
        """Return True if the address of the member, which gave its proof there, refuses a connection now."""
        proved = self._proved
        if proved is None or proved.id != member:
            return False
        try:
            self._open(proved.address).close()
        except OSError as error:
            # Any other failure says nothing about the process.
            return isinstance(error, ConnectionRefusedError)
        return False

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if active := self._active:
                self._look(active)
            stop.wait(SOONEST_S)
            self._relay.has_failed.wait(LOOK_S)
            self._relay.has_failed.clear()

    def _look(self, active: Process) -> None:
        try:
            target = self._find(active)
        except ConnectionRefusedError:
            if self._proved and self._proved.id == active.id:
                self.has_died.set()
            # The process may still answer what it has begun.
            self._aim(active, None, "refuses connections", kept=active.id)
            return
        except Exception as error:
            self.has_died.clear()
            self._failed += 1
            if self._failed >= FAILED_LOOKS:
                self._aim(active, None, f"gives no proof that it belongs to this hub: {error}")
            return
        self.has_died.clear()
        self._failed, self._proved = 0, target
        self._aim(active, target, "is reached")

    def _aim(self, active: Process, target: Target | None, said: str, kept: str = "") -> None:
        if active != self._active:
            # This process is active by now, or another one is.
            return
        if (self._relay.target is None) != (target is None):
            logger.info("the active process at %s %s", active.url, said)
        self._relay.aim(target, kept)

    def _find(self, active: Process) -> Target:
        """Return the process at the first address that gives its proof. Raise OSError, ValueError."""
        addresses = _addresses_of(active.url)
        proved = self._proved
        if proved and proved.id == active.id and proved.address in addresses:
            addresses.sort(key=lambda address: address != proved.address)
        failures: list[Exception] = []
        for address in addresses:
            try:
                self._require_proof(active, address)
            except (OSError, ValueError) as error:
                failures.append(error)
            else:
                return Target(active.id, active.url, address)
        # Refused only if every address refuses.
        raise next((one for one in failures if not isinstance(one, ConnectionRefusedError)), failures[0])

    def _require_proof(self, active: Process, address: Address) -> None:
        challenge = self._clock.random_bytes(CHALLENGE_BYTES).hex()
        # With a head of its own: a process that is a standby by now must not pass the question on.
        head = self._writer.head("127.0.0.1", active.id, "127.0.0.1")
        asked = f"GET {PATH}?challenge={challenge} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        answer, end_s = b"", self._clock.elapsed_s() + ANSWER_S
        with closing(self._open(address)) as opened:
            opened.sendall(head + asked.encode())
            while len(answer) < ANSWER_BYTES and (left_s := end_s - self._clock.elapsed_s()) > 0:
                opened.settimeout(left_s)
                if not (more := opened.recv(ANSWER_BYTES)):
                    break
                answer += more
        said, _, body = answer.partition(b"\r\n\r\n")
        if not said.startswith(b"HTTP/1.1 200 "):
            raise ValueError("it does not answer as the active process")
        expected = prove(self._secret, challenge, urlsplit(active.url).port or 80)
        if not hmac.compare_digest(msgspec.json.decode(body, type=_Proof).proof.encode(), expected.encode()):
            raise ValueError("its secret is another one")

    @staticmethod
    def _open(address: Address) -> socket.socket:
        family, kind, protocol, place = address
        opened = socket.socket(family, kind, protocol)
        try:
            opened.settimeout(ANSWER_S)
            opened.connect(place)
        except OSError:
            opened.close()
            raise
        return opened


def _addresses_of(url: str) -> list[Address]:
    """Return the addresses of a URL's host and port. Raise OSError for an unknown name, ValueError for no URL."""
    parts = urlsplit(url)
    if not parts.hostname:
        # A command at a terminal acts for a moment: it has no address.
        raise ValueError("it has no address")
    found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    return [(family, kind, protocol, place) for family, kind, protocol, _, place in found]
