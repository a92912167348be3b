"""The way from a standby to the active process of the hub, looked at each second."""

import hmac
import json
import logging
import socket
from contextlib import closing
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prjobs.access.relayed import HeadWriter
from prjobs.access.server_proof import CHALLENGE_BYTES, PATH, prove
from prjobs.base.clock import Clock
from prjobs.base.sockets import Address
from prjobs.web.relay import Relay, Target

if TYPE_CHECKING:
    from prjobs.store.members import Active

logger = logging.getLogger(__name__)
# The longest wait for each step of a look.
STEP_S = 1.0
# A busy process may answer late: connections are passed on until so many looks in a row failed.
FAILED_LOOKS = 3


class Reach:
    """Aims the relay at the active process, once the process has proved to know the secret of the hub."""

    def __init__(self, relay: Relay, writer: HeadWriter, secret: bytes, clock: Clock) -> None:
        self._relay, self._writer, self._secret, self._clock = relay, writer, secret, clock
        self._proved = ""
        self._failed = 0
        # The id of a member that gave its proof before, and whose address refuses connections now; else empty.
        self.died = ""

    def look(self, active: "Active") -> None:
        """Look whether the active process can be reached, and have the relay pass connections on if so."""
        try:
            target = Target(active.url, _address_of(active.url))
            is_proved = self._is_proved(target)
        except ConnectionRefusedError:
            self._refused(active)
        except (OSError, HTTPException, ValueError) as error:
            self._failed += 1
            if self._failed >= FAILED_LOOKS:
                self._aim(None, f"gives no answer: {error}")
        else:
            self._failed = 0
            if is_proved:
                self._proved, self.died = active.id, ""
                self._aim(target, "is reached")
            else:
                self._aim(None, "does not prove that it is a process of this hub")

    def end(self) -> None:
        """Pass nothing on: this process acts itself, or ends."""
        self._relay.aim(None)

    def _refused(self, active: "Active") -> None:
        if self._proved == active.id:
            self.died = active.id
        self._aim(None, "refuses connections")

    def _aim(self, target: Target | None, said: str) -> None:
        before = self._relay.target
        if before != target:
            url = (target or before).url  # type: ignore[union-attr]
            logger.info("the active process at %s %s", url, said)
        self._relay.aim(target)

    def _is_proved(self, target: Target) -> bool:
        """Return True if the process knows the secret of the hub. Raise OSError, HTTPException, ValueError."""
        challenge = self._clock.random_bytes(CHALLENGE_BYTES).hex()
        family, kind, protocol, address = target.address
        with closing(socket.socket(family, kind, protocol)) as opened:
            opened.settimeout(STEP_S)
            opened.connect(address)
            # A process that is a standby by now must not pass this on.
            head = self._writer.head("127.0.0.1", target.url, "127.0.0.1")
            asked = f"GET {PATH}?challenge={challenge} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            opened.sendall(head + asked.encode())
            answer = HTTPResponse(opened)
            answer.begin()
            said = json.loads(answer.read())
        proof = said.get("proof") if isinstance(said, dict) else None
        expected = prove(self._secret, challenge, urlsplit(target.url).port or 80)
        return isinstance(proof, str) and proof.isascii() and hmac.compare_digest(proof, expected)


def _address_of(url: str) -> Address:
    """Return the address of a URL's host and port. Raise OSError for an unknown name."""
    parts = urlsplit(url)
    found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    return family, kind, protocol, address
