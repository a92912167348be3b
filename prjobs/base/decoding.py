"""Decoding of bytes, files and environments into typed structures, with refusals that name the field.

msgspec decodes; this module turns the errors of msgspec into sentences for a person.
"""

import re
from array import array
from functools import cache
from itertools import accumulate
from typing import Any, TypeVar

import msgspec

from prjobs.base.errors import BadRequest, kind_of

MAX_DEPTH = 64
# Making lists and objects of a body stops every other thread: 500,000 take 0.2 seconds. A job has a few.
MAX_CONTAINERS = 20_000
_GENERIC = msgspec.json.Decoder()
_PATH = re.compile(r"- at `\$\.(\w+)")
_MISSING = re.compile(r"missing required field `(\w+)`")
_UNKNOWN = re.compile(r"contains unknown field `(.+)`")

T = TypeVar("T", bound=msgspec.Struct)


def parse_json(body: bytes) -> Any:
    """Return the JSON value in the bytes. Raises BadRequest unless the body is a single JSON document in UTF-8.

    Refused too: NaN, Infinity, lone surrogates, more than 64 levels, numbers beyond a double or a reasonable
    integer, text after the document. The format is RFC 8259.
    """
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _require_simple(body)
    try:
        return _GENERIC.decode(body)
    except UnicodeDecodeError:
        raise BadRequest("The body is not JSON in UTF-8.") from None
    except msgspec.ValidationError:
        raise BadRequest("The JSON body holds a number with too many digits or too large to store.") from None
    except msgspec.DecodeError as wrong:
        raise BadRequest(_json_sentence(body, wrong)) from None


def parse_object(body: bytes, shape: type[T]) -> T:
    """Return the bytes as a structure of the appliance's own API; a byte order mark is skipped.

    Raises BadRequest with a sentence that names the field.
    """
    value = parse_json(strip_mark(body))
    if type(value) is not dict:
        raise BadRequest(f"The body must be a JSON object; {kind_of(value)} came.")
    return convert(value, shape)


def convert(value: dict[str, Any], shape: type[T], *, strict: bool = True) -> T:
    """Return decoded JSON as a structure; a text may hold a number unless `strict`.

    Raises BadRequest with a sentence that names the field.
    """
    try:
        found = msgspec.convert(value, shape, strict=strict)
    except msgspec.ValidationError as wrong:
        raise BadRequest(sentence_of(wrong, value, shape)) from None
    for name in shape.__struct_encode_fields__:
        if _holds_nul(value.get(name)):
            raise BadRequest(f"{name} must be without the character U+0000.")
    return found


def _holds_nul(value: Any) -> bool:
    """Return True if a text, or a text in a list, holds U+0000. Objects are stored as JSON, with an escape for it."""
    return "\0" in value if isinstance(value, str) else isinstance(value, list) and any(map(_holds_nul, value))


def _json_sentence(body: bytes, wrong: Exception) -> str:
    if not body.strip():
        return "The body is empty; a JSON object was expected."
    if re.search(rb"[:\[,]\s*-?(NaN|Infinity)", body):
        return "The body is not JSON: NaN and Infinity are no JSON numbers."
    if re.search(rb"\\u[dD][89aAbB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])", body):
        return "The body is not valid JSON: it holds half of a surrogate pair."
    place = re.search(r"\(byte \d+\)", str(wrong))
    return f"The body is not valid JSON{' ' + place[0] if place else ': it is cut off'}."


_QUOTES_AND_BRACKETS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_OTHERS = bytes(set(range(256)) - set(b'"[{]}'))
_STRETCH = 16_384


def _require_simple(body: bytes) -> None:
    """Raise BadRequest for too many levels, or too many lists and objects; of bytes that are no JSON anything passes.

    Counted on the bytes, in short stretches: a few milliseconds for a megabyte.
    """
    steps, level, opened = _brackets(body), 0, 0
    for begin in range(0, len(steps), _STRETCH):
        stretch = steps[begin : begin + _STRETCH]
        levels = list(accumulate(array("b", stretch), initial=level))
        level, opened = levels[-1], opened + stretch.count(b"\x01")
        if max(levels) > MAX_DEPTH:
            raise BadRequest(f"The body is nested too deep: {MAX_DEPTH} levels of JSON are the limit.")
        if opened > MAX_CONTAINERS:
            raise BadRequest(f"The body holds too many lists and objects: {MAX_CONTAINERS} are the limit.")


def _brackets(body: bytes) -> bytes:
    """Return the brackets outside of texts, as steps of a level: 1 for an opening bracket, 255 (-1) for a closing."""
    unescaped = body.replace(rb"\\", b"").replace(rb"\"", b"")
    # A text without brackets leaves two quotes. So do the ends of two neighbours, whose brackets then go as one text's.
    marks = unescaped.translate(_QUOTES_AND_BRACKETS, _OTHERS).replace(b'""', b"")
    return b"".join(marks.split(b'"')[::2])


def strip_mark(body: bytes) -> bytes:
    """Return the body without a UTF-8 byte order mark."""
    return body[3:] if body.startswith(b"\xef\xbb\xbf") else body


def sentence_of(error: msgspec.ValidationError, value: dict[str, Any], shape: type[msgspec.Struct]) -> str:
    """Return msgspec's error for `value` as a sentence with the field, the expected and the received value."""
    text = str(error)
    if missing := _MISSING.search(text):
        return f"Error: missing required key {missing[1]}"
    if unknown := _UNKNOWN.search(text):
        return f"{unknown[1]} is unknown"
    path = _PATH.search(text)
    if not path:
        return text
    expected = descriptions(shape).get(path[1], "something else")
    return f"{path[1]} must be {expected}; {kind_of(value.get(path[1]))} came."


@cache
def descriptions(shape: type[msgspec.Struct]) -> dict[str, str]:
    """Return the description that each field of a structure declares, by the field's name on the wire."""
    schema = msgspec.json.schema(shape, ref_template="{name}")["$defs"][shape.__name__]
    return {name: _described(field) for name, field in schema["properties"].items()}


def _described(field: dict[str, Any]) -> str:
    either = [field, *field.get("anyOf", [])]
    return next((part["description"] for part in either if "description" in part), "")
