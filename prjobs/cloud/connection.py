"""The connection to the cloud: the cloud's clock, the token, the pauses after failures, and the notes of failures."""

import logging
from collections.abc import Callable

from prjobs.base.clock import Clock
from prjobs.cloud.memory import Memory
from prjobs.cloud.network import AMBIGUOUS, CREDENTIALS, Answer, Failure, Network, TooLong
from prjobs.cloud.timings import Timings

logger = logging.getLogger(__name__)


def no_token(_again: bool) -> str | None:
    """Return None: the original's endpoints ask for no token."""
    return None


class Token:
    """The token for the cloud, if any; read again after a refusal."""

    def __init__(self, source: Callable[[bool], str | None]) -> None:
        self._source = source
        self._reread = False

    def __call__(self) -> str | None:
        reread, self._reread = self._reread, False
        return self._source(reread)

    def refused(self) -> None:
        """Have the token read again."""
        self._reread = True


class CloudTime:
    """The cloud's clock: its last Date header and the time elapsed since. Before the first header, the wall clock."""

    def __init__(self, clock: Clock, memory: Memory) -> None:
        self._clock = clock
        self._memory = memory
        self._anchor: tuple[int, float] | None = None

    def now_ms(self) -> int:
        """Return the cloud's time."""
        if self._anchor is None:
            return self._clock.now_ms()
        date_ms, at_s = self._anchor
        return date_ms + int((self._clock.elapsed_s() - at_s) * 1000)

    @property
    def is_known(self) -> bool:
        """True once the cloud answered."""
        return self._anchor is not None

    @property
    def heard_s(self) -> float:
        """The elapsed time of the last usable answer; long ago before the first answer."""
        return self._anchor[1] if self._anchor else -1e9

    def heard(self, date_ms: int) -> None:
        """Take the date of a usable answer."""
        self._anchor = (date_ms, self._clock.elapsed_s())
        now_ms = self._clock.now_ms()
        if self._memory.down_since_ms is not None:
            down_s = (now_ms - self._memory.down_since_ms) / 1000
            logger.info("cloud: answers again after %.0f s", down_s)
        self._memory.answered(now_ms, date_ms - now_ms)

    @property
    def offset_ms(self) -> int:
        """The cloud's clock minus the machine's."""
        return self.now_ms() - self._clock.now_ms()


class Backoff:
    """The pauses between tries of a request. Each failure in a row doubles the longest pause; chance takes a part.

    `first_s` and `most_s` are the longest pause after the first failure and after many.
    """

    def __init__(self, connection: "Connection", first_s: float, most_s: float) -> None:
        self._clock = connection.clock
        self._timings = connection.timings
        self._token = connection.token
        self._first_s = first_s
        self._most_s = most_s
        self.failures = 0
        self._until_s = 0.0

    def worked(self) -> None:
        """End the pause: the cloud gave a usable answer."""
        self.failures = 0
        self._until_s = 0.0

    def failed(self, failure: Failure) -> None:
        """Begin a pause."""
        self.failures += 1
        pause_s = max(self.delay_s(self.failures), failure.retry_after_s)
        if failure.kind == CREDENTIALS:
            self._token.refused()
            if self.half_open:
                pause_s = self._timings.credentials_every_s
        self._until_s = self._clock.elapsed_s() + pause_s

    def delay_s(self, failures: int) -> float:
        """Return a pause by full jitter: a random part of the longest pause."""
        most = min(self._most_s, self._first_s * 2.0 ** min(failures, 12))
        return most * int.from_bytes(self._clock.random_bytes(4)) / 2**32

    @property
    def must_wait(self) -> bool:
        """True during a pause."""
        return self._clock.elapsed_s() < self._until_s

    @property
    def wait_s(self) -> float:
        """The rest of the pause."""
        return max(0.0, self._until_s - self._clock.elapsed_s())

    @property
    def half_open(self) -> bool:
        """True after many failures in a row: the link sends single probes only."""
        return self.failures >= self._timings.half_open_after


class Connection:
    """The connection of a running link, shared by all parts."""

    def __init__(
        self, network: Network, clock: Clock, memory: Memory, timings: Timings, token: Callable[[bool], str | None]
    ) -> None:
        self._network = network
        self._memory = memory
        self.clock = clock
        self.timings = timings
        self.token = Token(token)
        self.time = CloudTime(clock, memory)
        self.backoff = self.new_backoff()

    def call(self, name: str, body: dict[str, object]) -> Answer:
        """POST the body to an endpoint of the cloud, with the token. Failure without an answer."""
        return self._network.call(name, body, self.token())

    def new_backoff(self) -> Backoff:
        """Return the pauses of an urgent request."""
        return Backoff(self, self.timings.backoff_first_s, self.timings.backoff_most_s)

    def look_backoff(self) -> Backoff:
        """Return the pauses of a long look: the cloud's table may lack read units for more."""
        return Backoff(self, self.timings.look_first_s, self.timings.look_most_s)

    def pause_s(self, failure: Failure) -> float:
        """Return the pause of a walk after a failure: a list above the size limit costs a whole download."""
        return self.timings.too_long_s if isinstance(failure, TooLong) else self.timings.walk_pause_s

    # ---- failures

    def failed(self, failure: Failure) -> None:
        """Note the link as down; without any answer of the cloud, pause all requests."""
        if failure.concerns_all:
            self.backoff.failed(failure)
        self._log(failure, self._memory.reason if self._memory.failures else "")
        self._memory.failed(self.clock.now_ms(), str(failure))

    def site_failed(self, site: str, failure: Failure, sites: int) -> None:
        """Note a failed list of a site's jobs. The link is down when the lists of all `sites` failed."""
        before = self._memory.site_failed(site, self.clock.now_ms(), str(failure))
        if len(self._memory.unread) == sites:
            self.failed(failure)
        else:
            self._log(failure, before)

    def sending_failed(self, failure: Failure) -> None:
        """Note a failure to send statuses."""
        before = self._memory.sending_failed(self.clock.now_ms(), str(failure))
        self._log(failure, before)

    def _log(self, failure: Failure, before: str) -> None:
        """Count the failure, and log the sentence unless logged just before."""
        if str(failure) != before:
            logger.warning("cloud: %s", failure)
        kind = failure.kind if failure.kind in (AMBIGUOUS, CREDENTIALS) else "refused"
        self._memory.counts[f"failures {kind}"] += 1
