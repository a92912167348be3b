"""When to try the cloud again after it failed, and which credentials to send."""

from collections.abc import Callable

from prjobs.base.clock import Clock
from prjobs.cloud.answers import CREDENTIALS, Failure
from prjobs.cloud.timings import Timings


class Token:
    """The token to send, if there is one; read again after the cloud refused it."""

    def __init__(self, source: Callable[[bool], str | None]) -> None:
        self._source = source
        self._reread = False

    def __call__(self) -> str | None:
        reread, self._reread = self._reread, False
        return self._source(reread)

    def refused(self) -> None:
        """The cloud did not accept it."""
        self._reread = True


class Backoff:
    """Failures in a row of one thing that is tried: each doubles the longest pause, of which chance takes a part.

    `first_s` and `most_s` are the longest pause after the first failure and after many.
    """

    def __init__(
        self, clock: Clock, timings: Timings, token: Token, first_s: float | None = None, most_s: float | None = None
    ) -> None:
        self._clock = clock
        self._timings = timings
        self._token = token
        self._first_s = timings.backoff_first_s if first_s is None else first_s
        self._most_s = timings.backoff_most_s if most_s is None else most_s
        self.failures = 0
        self._until_s = 0.0

    def worked(self) -> None:
        """The cloud gave a usable answer."""
        self.failures = 0
        self._until_s = 0.0

    def failed(self, failure: Failure) -> None:
        """It did not."""
        self.failures += 1
        pause_s = max(self.delay_s(self.failures), failure.retry_after_s)
        if failure.kind == CREDENTIALS:
            self._token.refused()
            if self.half_open:
                pause_s = self._timings.credentials_every_s
        self._until_s = self._clock.elapsed_s() + pause_s

    def delay_s(self, failures: int) -> float:
        """A pause by full jitter: anything up to the doubled one."""
        most = min(self._most_s, self._first_s * 2.0 ** min(failures, 12))
        return most * int.from_bytes(self._clock.random_bytes(4)) / 2**32

    @property
    def must_wait(self) -> bool:
        """Whether the cloud is to be left alone now."""
        return self._clock.elapsed_s() < self._until_s

    @property
    def wait_s(self) -> float:
        """How long it is still to be left alone."""
        return max(0.0, self._until_s - self._clock.elapsed_s())

    @property
    def half_open(self) -> bool:
        """Whether only one probe at a time is sent, since nothing worked for a while."""
        return self.failures >= self._timings.half_open_after
