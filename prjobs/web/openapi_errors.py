"""The description of the refusals: a response for each status in each form that a part of the interface promises."""

from typing import Any

from prjobs.base.errors import Refused
from prjobs.web import openapi_words as words
from prjobs.web.endpoint import JSON

Schema = dict[str, Any]
# The forms of a refusal: JSON, the empty list of a poll, a page or a line of text, a line of text.
API, POLL, PAGE, LINE = "api", "poll", "page", "line"


def part_of(method: str, path: str) -> str:
    """Return the form of the refusals of a request."""
    if path.rstrip("/").endswith("getnewjobs"):
        return POLL
    if path.startswith("/api/"):
        return API
    return PAGE if method == "GET" else LINE


def ref_to(part: str, name: str) -> Schema:
    """Return a reference to a component."""
    return {"$ref": f"#/components/{part}/{name}"}


def error_responses() -> dict[str, Schema]:
    """Return the responses by name: form and status."""
    by_status: dict[int, list[type[Refused]]] = {}
    for kind in Refused.__subclasses__():
        by_status.setdefault(kind.status, []).append(kind)
    found = {
        f"{form}_{status}": _response(form, status, by_status[status])
        for form in (API, POLL, PAGE, LINE)
        for status in sorted(by_status)
    }
    headers = {name: ref_to("headers", name) for name in words.PREFLIGHT_HEADERS}
    return {**found, "preflight": {"description": words.PREFLIGHT_ANSWER, "headers": headers}}


def _response(form: str, status: int, kinds: list[type[Refused]]) -> Schema:
    names = [*words.ALL_HEADERS, *words.OF_STATUS.get(status, ())]
    names += ["X-Prjobs-Error"] if form == POLL else ["Link"]
    names += words.ERROR_PAGE_HEADERS if form == PAGE else []
    headers = {name: ref_to("headers", name) for name in dict.fromkeys(names)}
    if "Retry-After" in headers:
        headers["Retry-After"] = {**words.HEADERS["Retry-After"], "required": True}
    said = " ".join((kind.__doc__ or "").split("\n")[0] for kind in kinds)
    return {"description": said, "headers": headers, "content": _content(form, kinds)}


def _content(form: str, kinds: list[type[Refused]]) -> Schema:
    if form == POLL:
        return {JSON: {"schema": {"type": "array", "maxItems": 0}, "example": []}}
    if form == API:
        codes = {"properties": {"code": {"enum": [kind.code for kind in kinds]}}}
        examples = {kind.code: {"value": {"error": example_of(kind), "code": kind.code}} for kind in kinds}
        return {JSON: {"schema": {"allOf": [ref_to("schemas", "ErrorAnswer"), codes]}, "examples": examples}}
    line = {words.TEXT: {"schema": {"type": "string"}, "examples": {k.code: {"value": example_of(k)} for k in kinds}}}
    return {**line, words.PAGE: {"schema": {"type": "string"}}} if form == PAGE else line


def example_of(kind: type[Refused]) -> str:
    """Return a sentence of the kind."""
    return words.SENTENCES.get(kind.code, "")
