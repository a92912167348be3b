"""The polls of a program, as sent by the library `requests`: seen, and marked if the answer is thrown away."""

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

ENDPOINT = "getnewjobs"
# `Session.request(method, url, params, data)`
_URL, _DATA = 1, 3


@dataclass(frozen=True)
class Poll:
    """A request for new jobs: the jobs service's base URL, and the site."""

    url: str
    site: str
    body: dict[str, Any]


def read_poll(args: tuple[Any, ...], named: dict[str, Any]) -> Poll | None:
    """Return the poll sent by a call of `Session.request`; None for any other request."""
    url = args[_URL] if len(args) > _URL else named.get("url")
    if not isinstance(url, str) or ENDPOINT not in url:
        return None
    base, _, rest = url.partition("?")[0].rstrip("/").rpartition(ENDPOINT)
    body = named.get("json")
    if body is None:
        data = args[_DATA] if len(args) > _DATA else named.get("data")
        body = json.loads(data) if isinstance(data, str | bytes | bytearray) else None
    if rest or not urlsplit(base).netloc or not isinstance(body, dict) or not isinstance(body.get("site"), str):
        return None
    return Poll(base.rstrip("/"), body["site"], body)


def mark_flush(poll: Poll, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of the call with `flush` in the body."""
    body = poll.body | {"flush": True}
    if named.get("json") is not None:
        return args, named | {"json": body}
    if len(args) > _DATA:
        return (*args[:_DATA], json.dumps(body), *args[_DATA + 1 :]), named
    return args, named | {"data": json.dumps(body)}


def watch(
    before: Callable[[Poll], bool], after: Callable[[Poll, list[Any], bool], object]
) -> Callable[[], None] | None:
    """Tell of each poll in the process, and return a function to end this; None without the library `requests`.

    `before` returns True for a flush; `after` gets the jobs of the answer too.
    """
    library = sys.modules.get("requests")
    if library is None:
        return None
    session: Any = library.Session
    original = session.request

    @wraps(original)
    def request(self: Any, *args: Any, **named: Any) -> Any:
        poll, is_flush = None, False
        sent, sent_named = args, named
        try:
            # The wrapped function is a method: its arguments begin after `self`.
            if poll := read_poll(args, named):
                is_flush = before(poll)
                if is_flush:
                    sent, sent_named = mark_flush(poll, args, named)
        except Exception:
            logger.exception("a poll was not understood; it is sent as it is")
            sent, sent_named = args, named
        answer = original(self, *sent, **sent_named)
        try:
            if poll is not None:
                documents = answer.json()
                after(poll, documents if isinstance(documents, list) else [], is_flush)
        except Exception:
            # An error page, for instance, at each poll of an outage.
            logger.debug("the answer to a poll was not understood", exc_info=True)
        return answer

    def end() -> None:
        if session.request is request:
            session.request = original

    session.request = request
    return end
