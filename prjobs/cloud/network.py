"""The network of the link: a call to the cloud, the answer, and the failures in answers.

An answer counts only if free of any doubt.
"""

import email.utils
from collections.abc import Mapping
from typing import NamedTuple, Protocol

# The request did not leave, may have taken effect, was refused, had its token refused, will never be taken.
UNSENT, AMBIGUOUS, REFUSED, CREDENTIALS, PERMANENT = "unsent", "ambiguous", "refused", "credentials", "permanent"
_PERMANENT = frozenset({400, 404, 405, 409, 413, 422})
_NO_RIGHT = (401, 403)
MOST_RETRY_S = 3600.0
SENTENCE_LENGTH = 300
BETWEEN = "A portal or a proxy answers in place of the cloud: log in there, or have it let the cloud's answers pass."


class Answer(NamedTuple):
    """An answer as received. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Network(Protocol):
    """The way to the cloud."""

    def call(self, name: str, body: Mapping[str, object], token: str | None = None) -> Answer:
        """POST the body to an endpoint. Raises Failure when no answer came."""
        ...


class Failure(Exception):
    """A call without a usable answer. `kind` is for programs, the text is a sentence for people."""

    def __init__(self, kind: str, sentence: str, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def concerns_all(self) -> bool:
        """True if the cloud itself gave no answer: any other request would fail as well.

        An error status concerns the request alone: a site, a job, a long list.
        """
        return self.status < 400 and not isinstance(self, Overflow)

    @property
    def is_server_error(self) -> bool:
        """True if the cloud itself failed over the request."""
        return self.status >= 500


class Overflow(Failure):
    """More jobs within two seconds than the cloud lists at once: going on would skip jobs."""


class TooLong(Overflow):
    """A list above the size limit: the cloud lists no parts, and a truncated list is not believed."""


def require_usable(answer: Answer) -> int:
    """Return the cloud's clock in Unix milliseconds, from the Date header. Failure unless the answer is a plain 200."""
    status = answer.status
    retry_s = _retry_after_s(answer.headers)
    if status in _NO_RIGHT:
        # The original's gateway answers 403 to an unknown path, too.
        check = "cloud_base_url and cloud_token_file" if status == 403 else "cloud_token_file"
        raise Failure(CREDENTIALS, f"The cloud refuses the credentials ({status}): check {check}.", status)
    if status == 429 or (status == 503 and retry_s):
        raise Failure(REFUSED, f"The cloud asks to wait ({status}).", status, retry_s)
    if status in _PERMANENT:
        hint = ": check that cloud_base_url is its address" if status in (404, 405) else ""
        raise Failure(PERMANENT, f"The cloud does not take the request ({status}){hint}.", status)
    if status >= 500:
        raise Failure(AMBIGUOUS, f"The cloud failed ({status}).", status)
    if status != 200 or answer.body.lstrip()[:1] == b"<":
        raise Failure(AMBIGUOUS, BETWEEN, status)
    return _date_ms(answer.headers)


def require_job_taken(answer: Answer) -> None:
    """Raise Failure after a refusal of a new job, with the cloud's own words, and after any unusable answer."""
    if answer.status in (*_NO_RIGHT, 400, 404, 413, 422):
        kind = CREDENTIALS if answer.status in _NO_RIGHT else PERMANENT
        raise Failure(kind, _refusal(answer), answer.status)
    require_usable(answer)


def _refusal(answer: Answer) -> str:
    """Return the cloud's own words if plain enough to show."""
    text = answer.body[:SENTENCE_LENGTH].decode(errors="replace").strip()
    plain = text.isprintable() and not set(text) & set("<>&{}") and len(answer.body) <= SENTENCE_LENGTH
    return f"The cloud refused the job: {text}" if text and plain else f"The cloud refused the job ({answer.status})."


def _date_ms(headers: Mapping[str, str]) -> int:
    try:
        return int(email.utils.parsedate_to_datetime(headers["date"]).timestamp() * 1000)
    except (KeyError, ValueError, TypeError):
        raise Failure(AMBIGUOUS, "The cloud's answer has no Date header: check what proxies remove.") from None


def _retry_after_s(headers: Mapping[str, str]) -> float:
    text = headers.get("retry-after", "")
    return min(float(text), MOST_RETRY_S) if text.isdigit() else 0.0
