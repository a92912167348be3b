"""Decoding of bytes, files and environments into typed structures, with refusals that name the field.

msgspec decodes; this module turns the errors of msgspec into sentences for a person.
"""

import re
from functools import cache
from typing import Any, TypeVar

import msgspec

from prjobs.base.errors import BadRequest, kind_of

MAX_DEPTH = 64
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
    try:
        value = _GENERIC.decode(body)
    except RecursionError:
        raise BadRequest("The body is nested too deep to be JSON for a job.") from None
    except UnicodeDecodeError:
        raise BadRequest("The body is not JSON in UTF-8.") from None
    except msgspec.ValidationError:
        raise BadRequest("The JSON body holds a number with too many digits or too large to store.") from None
    except msgspec.DecodeError as wrong:
        raise BadRequest(_json_sentence(body, wrong)) from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise BadRequest(f"The body is nested too deep: {MAX_DEPTH} levels of JSON are the limit.")
    return value


def parse_object(body: bytes, shape: type[T]) -> T:
    """Return the bytes as a structure of the appliance's own API; a byte order mark is skipped.

    Raises BadRequest with a sentence that names the field.
    """
    value = parse_json(strip_mark(body))
    if type(value) is not dict:
        raise BadRequest(f"The body must be a JSON object; {kind_of(value)} came.")
    return convert(value, shape)


def convert(value: dict[str, Any], shape: type[T]) -> T:
    """Return decoded JSON as a structure. Raises BadRequest with a sentence that names the field."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as wrong:
        raise BadRequest(sentence_of(wrong, value, shape)) from None


def _json_sentence(body: bytes, wrong: Exception) -> str:
    if not body.strip():
        return "The body is empty; a JSON object was expected."
    if re.search(rb"[:\[,]\s*-?(NaN|Infinity)", body):
        return "The body is not JSON: NaN and Infinity are no JSON numbers."
    if re.search(rb"\\u[dD][89aAbB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])", body):
        return "The body is not valid JSON: it holds half of a surrogate pair."
    place = re.search(r"\(byte \d+\)", str(wrong))
    return f"The body is not valid JSON{' ' + place[0] if place else ': it is cut off'}."


def _depth(value: object) -> int:
    deepest, todo = 0, [(value, 1)]
    while todo:
        at, depth = todo.pop()
        deepest = max(deepest, depth)
        if isinstance(at, dict | list):
            todo += [(inner, depth + 1) for inner in (at.values() if isinstance(at, dict) else at)]
    return deepest


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
