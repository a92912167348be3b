"""The head of a relayed connection: a standby of a hub tells the active process whose connection follows.

The first byte begins no HTTP request. The active process takes a head only with a proof by the hub's secret, a head for
itself, made just now, and only once: else anybody could claim to be a program on this machine.
"""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec

from prjobs.base.clock import Clock

MAGIC = b"\0prjobs relay "
# The longest head, and the most names of the standby's machine in a head.
HEAD_BYTES = 16 * 1024
NAMES = 50
# The clocks of the processes are set by the database's, a request's way takes a moment.
AGE_MS = 30_000
# A key of its own: the secret also signs tokens.
_PURPOSE = b"prjobs: the head of a relayed connection"


class Relayed(msgspec.Struct, frozen=True):
    """A relayed connection: the address of the client, and the names and addresses of the standby's machine."""

    client: str
    names: tuple[str, ...]
    # The id of the active process, the time of the standby's clock, and a random text.
    active: str
    time_ms: int
    nonce: str


def _sign(secret: bytes, body: bytes) -> str:
    return hmac.digest(hmac.digest(secret, _PURPOSE, hashlib.sha256), body, hashlib.sha256).hex()


class HeadWriter:
    """Writes the heads of a standby. `names` are the names and addresses of its machine for clients."""

    def __init__(self, secret: bytes, clock: Clock, names: Sequence[str]) -> None:
        self._secret, self._clock, self._names = secret, clock, tuple(names)[:NAMES]

    def head(self, client: str, active: str, local: str) -> bytes:
        """Return the head for a connection of the client to the active process with the id.

        `local` is the address of this machine to which the client connected.
        """
        nonce = self._clock.random_bytes(16).hex()
        # The zone of an IPv6 address means nothing elsewhere.
        address = local.partition("%")[0]
        names = (*self._names, f"[{address}]" if ":" in address else address)
        body = msgspec.json.encode(Relayed(client, names, active, self._clock.now_ms(), nonce))
        return MAGIC + _sign(self._secret, body).encode() + b" " + body + b"\n"


class HeadReader:
    """Reads the heads of connections relayed to this process; `own_id()` is its id among the processes of the hub.

    A process has a new id after each start, so no head is good after a restart.
    """

    def __init__(self, secret: bytes, clock: Clock, own_id: Callable[[], str]) -> None:
        self._secret, self._clock, self._own_id = secret, clock, own_id
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
        if relayed.active != self._own_id() or not self._is_new(relayed):
            return None
        return relayed

    def _is_new(self, relayed: Relayed) -> bool:
        now_ms = self._clock.now_ms()
        if abs(now_ms - relayed.time_ms) > AGE_MS:
            return False
        while self._seen and next(iter(self._seen.values())) < now_ms - 2 * AGE_MS:
            self._seen.popitem(last=False)
        if relayed.nonce in self._seen:
            return False
        self._seen[relayed.nonce] = now_ms
        return True
