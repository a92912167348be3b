"""The description of the API (OpenAPI 3.1), made from the routes and structures that answer requests.

https://spec.openapis.org/oas/v3.1.1.html
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from inspect import isfunction
from typing import Any

import msgspec

from prjobs.base import errors
from prjobs.base.errors import Refused
from prjobs.version import VERSION
from prjobs.web import openapi_words as words
from prjobs.web.answers import ErrorAnswer
from prjobs.web.endpoint import HTML, JSON, Needs, Route
from prjobs.web.openapi_errors import error_responses, part_of, ref_to
from prjobs.web.openapi_schemas import Schema, Schemas

_PART = re.compile(r"<(\w+)>")
# Any request may meet these: malformed, for another host, too long, at a defect, while the store fails.
ALWAYS = (
    errors.BadRequest,
    errors.WrongHost,
    errors.TooLarge,
    errors.HeadersTooLarge,
    errors.Internal,
    errors.Unavailable,
)
# The refusals of a token: none or a wrong one, one without the right, too many wrong ones.
OF_TOKEN = (errors.Unauthorized, errors.Forbidden, errors.TooMany)


def document(routes: Sequence[Route]) -> Schema:
    """Return the description of the routes; the routes of one handler are one operation under several paths."""
    schemas = Schemas(types_of(routes))
    paths: dict[str, Schema] = {}
    items: dict[str, Schema] = {}
    for route in routes:
        first = next(one for one in routes if one.handler is route.handler)
        path = path_of(route)
        if first is not route:
            name = first.path.strip("/")
            paths[path] = ref_to("pathItems", name)
            items.setdefault(name, _without_id(paths[first.path]))
            continue
        item = paths.setdefault(path, {"parameters": list(_path_parameters(route))} if "{" in path else {})
        item[route.method.lower()] = _operation(route, schemas)
        item.setdefault("options", _preflight(route))
    return {
        "openapi": "3.1.1",
        "info": {"title": "prjobs", "version": VERSION, "description": words.ABOUT, "license": words.LICENSE},
        "servers": [{"url": "/", "description": "The server that this description comes from."}],
        "tags": [{"name": name, "description": said} for name, said in words.TAGS.values()],
        "paths": paths,
        "components": {
            "schemas": schemas.without(route.query for route in routes),
            "responses": error_responses(),
            "headers": words.HEADERS,
            "parameters": words.REQUEST_HEADERS,
            "securitySchemes": words.SECURITY,
            "pathItems": items,
        },
    }


def path_of(route: Route) -> str:
    """Return the path of a route as the description writes it."""
    return _PART.sub(r"{\1}", route.path)


def _without_id(item: Schema) -> Schema:
    """Return the operations of a path for its other paths: an id may stand at one path alone."""
    return {
        method: {key: value for key, value in operation.items() if key != "operationId"}
        for method, operation in item.items()
    }


def types_of(routes: Iterable[Route]) -> list[Any]:
    """Return the types of all bodies, queries and answers."""
    found = [kind for route in routes for kind in (answer_of(route), route.body, route.query)]
    return list(dict.fromkeys([ErrorAnswer, *(kind for kind in found if kind is not None and kind is not str)]))


def answer_of(route: Route) -> Any:
    """Return the type of the route's JSON; None for another content."""
    answer = route.answer() if isfunction(route.answer) else route.answer
    return None if isinstance(answer, str | tuple) else answer


def refusals_of(route: Route) -> set[type[Refused]]:
    """Return the kinds of refusals that a request to the route may meet."""
    found: set[type[Refused]] = {*ALWAYS, *route.refuses}
    if route.needs != Needs.NOTHING:
        found |= {*OF_TOKEN}
    if route.method != "GET" or route.path.startswith("/api/"):
        # Of another web site's page.
        found.add(errors.Forbidden)
    if "<" in route.path:
        found.add(errors.NotFound)
    return found


def _operation(route: Route, schemas: Schemas) -> Schema:
    summary, _, more = (route.handler.__doc__ or "").partition("\n")
    operation: Schema = {
        "operationId": route.handler.__name__,
        "tags": [words.TAGS.get(route.handler.__module__.rpartition(".")[2], ("Other",))[0]],
        "summary": summary.strip().rstrip("."),
        "description": "\n\n".join(filter(None, [" ".join(more.split()), str(route.needs or "")])),
        "security": words.SCHEMES.get(route.needs, words.TOKEN) if route.needs else [],
        "parameters": [*_query_parameters(route, schemas), *_header_parameters(route)],
        "responses": _responses(route, schemas),
    }
    if route.body:
        schema = schemas.of(route.body)
        required = schemas.components[route.body.__name__].get("required", [])
        operation["requestBody"] = {"required": bool(required), "content": {JSON: {"schema": schema}}}
    return operation


def _path_parameters(route: Route) -> Iterator[Schema]:
    for name in _PART.findall(route.path):
        yield {"name": name, "in": "path", "required": True, **words.PARTS.get(name, {"schema": {"type": "string"}})}


def _query_parameters(route: Route, schemas: Schemas) -> Iterator[Schema]:
    if route.query is None:
        return
    component = schemas.components[route.query.__name__]
    for name, schema in component["properties"].items():
        shown = {key: value for key, value in schema.items() if key != "description"}
        is_required = name in component.get("required", [])
        yield {
            "name": name,
            "in": "query",
            "required": is_required,
            "description": schema.get("description", ""),
            "schema": shown,
        }


def _header_parameters(route: Route) -> Iterator[Schema]:
    with_page = ("X-Prjobs-Page",) if route.method != "GET" and route.needs != Needs.NOTHING else ()
    for name in (*route.sends, *with_page):
        yield {"$ref": f"#/components/parameters/{name}"}


def _responses(route: Route, schemas: Schemas) -> Schema:
    part = part_of(route.method, route.path)
    found: Schema = {}
    for kind in sorted(refusals_of(route), key=lambda kind: kind.status):
        found[str(kind.status)] = ref_to("responses", f"{part}_{kind.status}")
    kind = answer_of(route)
    is_page = kind is None
    content = {JSON: {"schema": schemas.of(kind)}} if kind is not None else _other_content(route.answer)
    names = (*words.ALL_HEADERS, *(words.PAGE_HEADERS if is_page else ()), *route.headers)
    headers = {name: ref_to("headers", name) for name in names}
    for status in route.statuses:
        said: Schema = {"description": words.answer_said(kind, status), "headers": headers, "content": dict(content)}
        if str(status) in found:
            # The same status stands for the answer and for refusals.
            said["content"] |= {words.TEXT: {"schema": {"type": "string"}}}
            said["headers"] = headers | {"Retry-After": ref_to("headers", "Retry-After")}
        found[str(status)] = said
    return dict(sorted(found.items()))


def _other_content(answer: str | tuple[str, ...]) -> Schema:
    kinds = [answer] if isinstance(answer, str) else answer
    return {kind.partition(";")[0]: {"schema": {"type": "string"}} if kind == HTML else {} for kind in kinds}


def _preflight(route: Route) -> Schema:
    """Return the operation by which a browser asks whether a page of another web site may send the request."""
    kinds: set[type[Refused]] = {*ALWAYS, errors.Forbidden} - {errors.Unavailable}
    if "<" in route.path:
        kinds.add(errors.NotFound)
    part = part_of("OPTIONS", route.path)
    refusals = {str(kind.status): ref_to("responses", f"{part}_{kind.status}") for kind in kinds}
    return {
        "operationId": f"options_{route.handler.__name__.partition('_')[2]}_of_{route.method.lower()}",
        "tags": [words.TAGS["guard"][0]],
        "summary": words.PREFLIGHT,
        "security": [{}],
        "responses": {"204": ref_to("responses", "preflight"), **dict(sorted(refusals.items()))},
    }


def encoded(routes: Sequence[Route]) -> bytes:
    """Return the description as JSON."""
    return msgspec.json.encode(document(routes))
