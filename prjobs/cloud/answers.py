"""What an answer of the cloud means. An answer counts only when nothing about it is in doubt."""

import email.utils
from collections.abc import Mapping
from typing import NamedTuple, Protocol

# The request did not leave; it may have taken effect; it was refused; we may not; it will never be taken.
UNSENT, AMBIGUOUS, REFUSED, CREDENTIALS, PERMANENT = "unsent", "ambiguous", "refused", "credentials", "permanent"
_PERMANENT = frozenset({400, 404, 405, 409, 413, 422})
MOST_RETRY_S = 3600.0
BETWEEN = "Something between here and the cloud answers instead of it (a portal, a proxy)."


class Answer(NamedTuple):
    """An answer as it came. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Network(Protocol):
    """The way to the cloud."""

    def call(self, name: str, body: Mapping[str, object], token: str | None = None) -> Answer:
        """POST the body to an endpoint. Raises Failure when no answer came."""
        ...


class Failure(Exception):
    """No usable answer. `kind` says what may have happened, the text says it to a person."""

    def __init__(self, kind: str, sentence: str, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def concerns_all(self) -> bool:
        """Whether nothing came of the cloud itself, so that no other request would fare better.

        An answer of it concerns what was asked alone: one site, one job, one long list.
        """
        return self.status < 400 and not isinstance(self, Overflow)

    @property
    def is_server_error(self) -> bool:
        """Whether the cloud itself failed over the request."""
        return self.status >= 500


class Overflow(Failure):
    """More jobs than the cloud lists at once came within two seconds: going on would skip some of them."""


class TooLong(Overflow):
    """A list larger than what is taken: it cannot be asked for in parts, and a part of it is not believed."""


def require_usable(answer: Answer) -> int:
    """The cloud's clock in Unix milliseconds, from the Date header. Failure for every answer but a plain 200."""
    status = answer.status
    retry_s = _retry_after_s(answer.headers)
    if status in (401, 403):
        # The original's gateway says 403 of a path that it does not have, too.
        hint = ": see whether cloud_base_url and cloud_token_file are right" if status == 403 else ""
        raise Failure(CREDENTIALS, f"The cloud refuses our credentials ({status}){hint}.", status)
    if status == 429 or (status == 503 and retry_s):
        raise Failure(REFUSED, f"The cloud asks to wait ({status}).", status, retry_s)
    if status in _PERMANENT:
        hint = ": see whether cloud_base_url is its address" if status in (404, 405) else ""
        raise Failure(PERMANENT, f"The cloud does not take our request ({status}){hint}.", status)
    if status >= 500:
        raise Failure(AMBIGUOUS, f"The cloud failed ({status}).", status)
    if status != 200 or answer.body.lstrip()[:1] == b"<":
        raise Failure(AMBIGUOUS, BETWEEN, status)
    return _date_ms(answer.headers)


def _date_ms(headers: Mapping[str, str]) -> int:
    try:
        return int(email.utils.parsedate_to_datetime(headers["date"]).timestamp() * 1000)
    except (KeyError, ValueError, TypeError):
        raise Failure(AMBIGUOUS, "The answer has no Date header.") from None


def _retry_after_s(headers: Mapping[str, str]) -> float:
    text = headers.get("retry-after", "")
    return min(float(text), MOST_RETRY_S) if text.isdigit() else 0.0
