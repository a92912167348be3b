"""The parts that all endpoints share: the declaration, the body and query of a request, the answer."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, NamedTuple, TypeVar, cast

import msgspec
from bottle import request
from msgspec import Meta

from prjobs.base.decoding import convert, parse_object
from prjobs.base.errors import BadRequest, NotFound, Refused, TooLarge

Shape = TypeVar("Shape", bound=msgspec.Struct)
Value = TypeVar("Value")
MAX_BODY = 1 << 20
MAX_PAGE = 1_000_000
# The longest that a request is held, whatever `wait` says.
MAX_WAIT_S = 25.0
TOO_LARGE = "The body is too large: 1 MiB is the limit."
# A key of the request's environ, true for an answer whose arrival is to be proved.
IMPORTANT = "prjobs.important_answer"
# A key of the request's environ: the connection is to be closed after the answer.
LAST = "prjobs.last_answer"
# A key of the request's environ: the next pieces of a long answer, each made once the client has read those before.
PIECES = "prjobs.pieces"
JSON = "application/json"
HTML = "text/html; charset=utf-8"
ALWAYS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
encode_json = msgspec.json.Encoder().encode
# A whole number in a query.
Whole = Annotated[int, Meta(ge=-(10**15), le=10**15, description="a whole number")]


class Answer(msgspec.Struct, frozen=True):
    """The answer to a request. The headers are in the form of WSGI; a body of unknown length has no Content-Length."""

    status: int
    headers: list[tuple[str, str]]
    body: Iterable[bytes]


Handler = Callable[..., Answer]


class Needs(StrEnum):
    """The callers that an endpoint answers, in a sentence for the description of the API."""

    NOTHING = "Everybody may ask, without a token."
    READER = "A token of any role; none where the setting observatory_access lets the caller read without a token."
    OBSERVATORY = (
        "A token of the role observatory, owner or admin for the site; none where the setting observatory_access lets "
        "the caller poll without a token. The token may be the password of Basic authentication."
    )
    SCRAPER = (
        "A token of any role, such as viewer; none on this machine, unless the setting observatory_access is token."
    )
    USER = "A token; its roles and sites decide what the user may do."
    COMMANDER = "A token of a user, owner or admin; the roles observatory and viewer alone may not command."
    STAFF = "A token of the role owner or admin."
    LOCKER = "A token of the role owner or admin; none on this machine where programs poll without a token."
    LOCK_OWNER = (
        "A token of the lock's user, or of the role admin for the site; for a lock without a token the name, on this "
        "machine."
    )
    ADMIN = "A token of the role admin."
    ADMIN_EVERYWHERE = "A token of the role admin, for every site."


class Route(NamedTuple):
    """An endpoint, with the description for /openapi.json and the manual: `needs` and `answer` at least.

    The handler takes the appliance and the parts of the path; the first line of the docstring is the summary. `answer`
    is the type of the JSON, a function that imports the type, or content types. `refuses` has the endpoint's own
    refusals: `openapi.py` adds the refusals of token, body and server. `sends` and `headers` name headers of request
    and answer.
    """

    method: str
    path: str
    handler: Handler
    needs: Needs | None = None
    answer: Any = None
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    refuses: tuple[type[Refused], ...] = ()
    sends: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    statuses: tuple[int, ...] = (200,)


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


def parse_number(text: str, missing: str) -> int:
    """Return the number in a path. Raise NotFound with the sentence for a text that is no number of a row."""
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise NotFound(missing)
    return int(text)


def parse_query(shape: type[Shape]) -> Shape:
    """Return the query as a structure; empty texts and other names are ignored. Raises BadRequest, naming the field."""
    if not request.environ.get("QUERY_STRING"):
        return convert({}, shape)
    given = {name: query_text(name) for name in shape.__struct_encode_fields__}
    return convert({name: text for name, text in given.items() if text is not None}, shape, strict=False)


def require_names(shape: type[msgspec.Struct]) -> None:
    """Raise BadRequest for other names in the query: a misspelled filter would give a list without the filter."""
    names = shape.__struct_encode_fields__
    if unknown := set(request.query) - set(names):
        raise BadRequest(f"The query may hold {', '.join(names)}; {len(unknown)} other names came.")


def query_text(name: str) -> str | None:
    """Return a text of the query; None when absent or empty."""
    try:
        # Bottle hands out the bytes as Latin-1.
        text = str(request.query.get(name, "")).encode("latin-1").decode()
    except UnicodeError:
        raise BadRequest(f"{name} must be a text in UTF-8; other bytes came.") from None
    if "\0" in text:
        raise BadRequest(f"{name} must be without the character U+0000.")
    return text or None


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


def in_page(values: Iterable[Value]) -> list[Value]:
    """Return the first values that fit into a page of a list, at least one value, if any; each as JSON already."""
    page: list[msgspec.Raw] = []
    size = 0
    for value in values:
        text = encode_json(value)
        size += len(text)
        if page and size > MAX_PAGE:
            break
        page.append(msgspec.Raw(text))
    return cast(list[Value], page)


def reply_json(value: Any, *, status: int = 200, **headers: str) -> Answer:
    """Return an answer of the appliance's own API."""
    return reply(encode_json(value), JSON, status=status, **headers)


def reply_in_pieces(pieces: Iterator[bytes]) -> Answer:
    """Return a long answer, whose pieces hold no thread while the client reads."""
    request.environ[PIECES] = pieces
    return reply(islice(pieces, 1))
