"""The check of every answer of the servers in this process against the description in /openapi.json."""

import json
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import jsonschema_rs
from bottle import HTTPError, Router
from waitress.buffers import ReadOnlyFileBasedBuffer

from prjobs.web import app, openapi
from prjobs.web.openapi_errors import part_of

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# Headers of HTTP itself, which no description names.
OF_HTTP = {"content-type", "content-length"}
# The answers outside of their description: a sentence each. A test that finds one here fails.
WRONG: list[str] = []


@cache
def document() -> dict[str, Any]:
    """Return the description, with structures of answers that allow no field more."""
    made = json.loads(openapi.encoded(app.described_routes()))
    for shape in made["components"]["schemas"].values():
        if "properties" in shape:
            shape.setdefault("additionalProperties", False)
    return made


def resolved(said: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the description, where it is a reference to a component, the component."""
    while "$ref" in said:
        _, _, kind, name = said["$ref"].split("/")
        said = document()["components"][kind][name]
    return said


@cache
def _router() -> Router:
    router = Router()
    for route in app.described_routes():
        item = resolved(document()["paths"][openapi.path_of(route)])
        router.add(route.path, route.method, item[route.method.lower()])
        router.add(route.path, "OPTIONS", item["options"])
    return router


@cache
def _validator(schema: str) -> Any:
    components = {"schemas": document()["components"]["schemas"]}
    return jsonschema_rs.validator_for({**json.loads(schema), "components": components})


def problems(method: str, path: str, status: int, headers: list[tuple[str, str]], body: bytes | None) -> list[str]:
    """Return the differences of an answer from its description; None for a body that is not at hand."""
    response = _response(method, path, status)
    if response is None:
        return ["the status is not described"]
    said = resolved(response)
    found = _header_problems(said.get("headers", {}), headers)
    content_type = next((value for name, value in headers if name.lower() == "content-type"), "")
    return found if method == "HEAD" else found + _body_problems(said.get("content", {}), content_type, body)


def _response(method: str, path: str, status: int) -> dict[str, Any] | None:
    try:
        operation, _ = _router().match({"REQUEST_METHOD": method, "PATH_INFO": path})
    except HTTPError as error:
        # Neither path nor method is of a route: the form of the refusal is that of the part of the interface.
        if method == "OPTIONS" and status == 204:
            return document()["components"]["responses"]["preflight"]
        if status not in (error.status_code, 400, 403, 404, 421):
            return None
        return document()["components"]["responses"][f"{part_of(method, path)}_{status}"]
    return operation["responses"].get(str(status))


def _header_problems(described: dict[str, Any], headers: list[tuple[str, str]]) -> list[str]:
    said = {name.lower(): resolved(header) for name, header in described.items()}
    values = {name.lower(): value for name, value in headers}
    found = [f"the header {name} is not described" for name in values.keys() - said.keys() - OF_HTTP]
    for name, header in said.items():
        if name in values and not _validator(json.dumps(header["schema"])).is_valid(values[name]):
            found.append(f"the header {name} is {values[name]}")
        if header.get("required") and name not in values:
            found.append(f"the header {name} is missing")
    return found


def _body_problems(content: dict[str, Any], content_type: str, body: bytes | None) -> list[str]:
    if not content:
        return [f"a body came: {body[:100]!r}"] if body else []
    described = content.get(content_type.partition(";")[0], content.get("*/*"))
    if described is None:
        return [f"the content type {content_type} is not described"]
    if body is None or "json" not in content_type:
        return []
    errors = _validator(json.dumps(described["schema"])).iter_errors(json.loads(body))
    return [f"{error.instance_path}: {error.message[:300]}" for error in errors][:5]


def checked(build: Callable[..., Wsgi]) -> Callable[..., Wsgi]:
    """Return the builder of an application that notes each answer outside of its description in `WRONG`."""

    def build_checked(appliance: Any) -> Wsgi:
        inner = build(appliance)

        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            started: list[Any] = []

            def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                started[:] = [int(status[:3]), list(headers)]
                return start_response(status, headers, *rest)

            result = inner(environ, start)
            method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
            try:
                found = problems(method, path, *started, _body(result))
            except Exception as error:
                found = [f"the check failed: {error!r}"]
            WRONG.extend(f"{method} {path} {started[0]}: {problem}" for problem in found)
            return result

        return application

    return build_checked


def _body(result: Iterable[bytes]) -> bytes | None:
    """Return the body of an answer that is there already; None for one that is made while it is sent."""
    if isinstance(result, ReadOnlyFileBasedBuffer):
        at = result.file.tell()
        body = result.file.read()
        result.file.seek(at)
        return body
    return b"".join(result) if isinstance(result, list | tuple) else None
