"""When to try the cloud again after it failed, and which credentials to send."""

from collections.abc import Callable

from prjobs.clock import Clock
from prjobs.cloud.answers import CREDENTIALS, Failure
from prjobs.cloud.timings import Timings


class Backoff:
    """Failures in a row, over the whole link: each doubles the longest pause, of which chance takes a part."""

    def __init__(self, clock: Clock, timings: Timings, token: Callable[[bool], str | None]) -> None:
        self._clock = clock
        self._timings = timings
        self._token = token
        self._reread = False
        self._failures = 0
        self._until_s = 0.0

    def token(self) -> str | None:
        """The token to send, if there is one; read again after the cloud refused it."""
        reread, self._reread = self._reread, False
        return self._token(reread)

    def worked(self) -> None:
        """The cloud gave a usable answer."""
        self._failures = 0
        self._until_s = 0.0

    def failed(self, failure: Failure) -> None:
        """It did not."""
        self._failures += 1
        pause_s = max(self.delay_s(self._failures), failure.retry_after_s)
        if failure.kind == CREDENTIALS:
            pause_s = self._timings.credentials_every_s
            self._reread = True
        self._until_s = self._clock.elapsed_s() + pause_s

    def delay_s(self, failures: int) -> float:
        """A pause by full jitter: anything up to the doubled one."""
        most = min(self._timings.backoff_most_s, self._timings.backoff_first_s * 2.0 ** min(failures, 12))
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
        return self._failures >= self._timings.half_open_after
