"""The parts that all endpoints share: the declaration, the body and query of a request, the answer."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec
from bottle import request

from prjobs.base.decoding import convert, parse_object
from prjobs.base.errors import BadRequest, TooLarge

Shape = TypeVar("Shape", bound=msgspec.Struct)
MAX_BODY = 1 << 20
MAX_PAGE = 1_000_000
# The longest that a request is held, whatever `wait` says.
MAX_WAIT_S = 25.0
TOO_LARGE = "The body is too large: 1 MiB is the limit."
# A key of the request's environ, true for an answer whose arrival is to be proved.
IMPORTANT = "prjobs.important_answer"
# A key of the request's environ: the next pieces of a long answer, each made once the client has read those before.
PIECES = "prjobs.pieces"
JSON = "application/json"
HTML = "text/html; charset=utf-8"
ALWAYS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
encode_json = msgspec.json.Encoder().encode
_NUMBER = re.compile(r"-?\d{1,15}\Z")


@dataclass(slots=True, frozen=True)
class Answer:
    """The answer to a request. The headers are in the form of WSGI; a body of unknown length has no Content-Length."""

    status: int
    headers: list[tuple[str, str]]
    body: Iterable[bytes]


Handler = Callable[..., Answer]


class Route(NamedTuple):
    """An endpoint. The handler takes the appliance and the parts of the path; the manual has its first sentence."""

    method: str
    path: str
    handler: Handler


# ---- the request


def read_body() -> bytes:
    """Return the body of the request, whatever the Content-Type header says."""
    body: bytes = request.environ["wsgi.input"].read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise TooLarge(TOO_LARGE)
    return body


def parse_body(shape: type[Shape], empty: bytes = b"") -> Shape:
    """Return the body as a structure; `empty` stands for a body of no bytes. Raises BadRequest, naming the field."""
    return parse_object(read_body() or empty, shape)


def parse_query(shape: type[Shape]) -> Shape:
    """Return the query as a structure of texts; other names are ignored. Raises BadRequest, naming the field."""
    given = {name: query_text(name) for name in shape.__struct_fields__}
    return convert({name: text for name, text in given.items() if text is not None}, shape)


def require_names(names: Sequence[str]) -> None:
    """Raise BadRequest for other names in the query: a misspelled filter would give a list without the filter."""
    if unknown := set(request.query) - set(names):
        raise BadRequest(f"The query may hold {', '.join(names)}; {len(unknown)} other names came.")


def query_text(name: str) -> str | None:
    """Return a text of the query; None when absent or empty."""
    try:
        # Bottle hands out the bytes as Latin-1.
        return str(request.query.get(name, "")).encode("latin-1").decode() or None
    except UnicodeError:
        raise BadRequest(f"{name} must be a text in UTF-8; other bytes came.") from None


def query_number(name: str) -> int | None:
    """Return a whole number of the query; None when absent or empty."""
    text = query_text(name)
    if text is None:
        return None
    if not _NUMBER.match(text):
        raise BadRequest(f"{name} must be a whole number; something else came.")
    return int(text)


# ---- the answer


def reply(body: bytes | Iterable[bytes], content_type: str = JSON, *, status: int = 200, **headers: str) -> Answer:
    """Return an answer with this body; names of headers are given with underscores, and empty headers are left out."""
    named = {"Content-Type": content_type, **ALWAYS}
    for name, value in headers.items():
        if value:
            named[name.replace("_", "-")] = as_header(value)
    return answer_of(status, list(named.items()), body)


def as_header(value: str) -> str:
    """Return the value of a header in the form of WSGI: UTF-8, each byte as a character."""
    return value if value.isascii() else value.encode().decode("latin-1")


def answer_of(status: int, headers: list[tuple[str, str]], body: bytes | Iterable[bytes]) -> Answer:
    """Return an answer with these headers, and with the length of a body in one piece."""
    if not isinstance(body, bytes):
        return Answer(status, headers, body)
    headers.append(("Content-Length", str(len(body))))
    return Answer(status, headers, [body])


def in_page(values: Iterable[Any]) -> list[msgspec.Raw]:
    """Return the first of the values that fit into a page of a list, as JSON; at least one, if any."""
    page: list[msgspec.Raw] = []
    size = 0
    for value in values:
        text = encode_json(value)
        size += len(text)
        if page and size > MAX_PAGE:
            break
        page.append(msgspec.Raw(text))
    return page


def reply_json(value: Any, *, status: int = 200, **headers: str) -> Answer:
    """Return an answer of the appliance's own API."""
    return reply(encode_json(value), JSON, status=status, **headers)


def reply_in_pieces(pieces: Iterator[bytes]) -> Answer:
    """Return a long answer, whose pieces hold no thread while the client reads."""
    request.environ[PIECES] = pieces
    return reply(islice(pieces, 1))
