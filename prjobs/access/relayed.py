"""The head of a relayed connection: a standby of a hub tells the active process whose connection follows.

The first byte begins no HTTP request. The active process takes a head only with a proof by the hub's secret, a head for
its own address, made just now, and only once: else anybody could claim to be a program on this machine.
"""

import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from prjobs.base.clock import Clock

MAGIC = b"\0prjobs relay "
# The longest head, with the names of the standby's machine.
HEAD_BYTES = 4096
# The clocks of the processes are set by the database's, a request's way takes a moment.
AGE_MS = 30_000
# A key of its own: the secret also signs tokens.
_PURPOSE = b"prjobs: the head of a relayed connection"


class Relayed(msgspec.Struct, frozen=True):
    """A relayed connection: the address of the client, and the names and addresses of the standby's machine."""

    client: str
    names: tuple[str, ...]
    # The URL of the active process, the time of the standby's clock, and a random text.
    active: str
    time_ms: int
    nonce: str


def _sign(secret: bytes, body: bytes) -> str:
    return hmac.digest(hmac.digest(secret, _PURPOSE, hashlib.sha256), body, hashlib.sha256).hex()


class HeadWriter:
    """Writes the heads of a standby. `names` are the names and addresses of its machine for clients."""

    def __init__(self, secret: bytes, clock: Clock, names: Sequence[str]) -> None:
        self._secret, self._clock, self._names = secret, clock, tuple(names)

    def head(self, client: str, active: str, local: str) -> bytes:
        """Return the head for a connection of the client to the active process at the URL.

        `local` is the address of this machine to which the client connected.
        """
        nonce = self._clock.random_bytes(16).hex()
        names = (*self._names, f"[{local}]" if ":" in local else local)
        body = msgspec.json.encode(Relayed(client, names, active, self._clock.now_ms(), nonce))
        return MAGIC + _sign(self._secret, body).encode() + b" " + body + b"\n"


class HeadReader:
    """Reads the heads of relayed connections to this process, at `address`, its URL among the processes of the hub."""

    def __init__(self, secret: bytes, clock: Clock, address: str) -> None:
        self._secret, self._clock, self._address = secret, clock, address
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, int] = OrderedDict()

    def read(self, line: bytes) -> Relayed | None:
        """Return the content of a head, without its line end; None for a head without a good proof."""
        sign, _, body = line.removeprefix(MAGIC).partition(b" ")
        if not hmac.compare_digest(sign, _sign(self._secret, body).encode()):
            return None
        try:
            relayed = msgspec.json.decode(body, type=Relayed)
        except msgspec.MsgspecError:
            return None
        if relayed.active != self._address or not self._is_new(relayed):
            return None
        return relayed

    def _is_new(self, relayed: Relayed) -> bool:
        now_ms = self._clock.now_ms()
        if abs(now_ms - relayed.time_ms) > AGE_MS:
            return False
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < now_ms - 2 * AGE_MS:
                self._seen.popitem(last=False)
            if relayed.nonce in self._seen:
                return False
            self._seen[relayed.nonce] = now_ms
        return True
