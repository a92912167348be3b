"""/openapi.json: every route, field, status and header is described, and the description is valid OpenAPI."""

import re
import socket

import msgspec
import pytest
import requests
from openapi_spec_validator import validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from prjobs.base.errors import Refused
from prjobs.web import app, contract, openapi, pages
from prjobs.web.endpoint import Needs
from prjobs.web.openapi_fields import FIELDS
from prjobs.web.openapi_schemas import Schemas
from prjobs.web.openapi_words import PARTS, SENTENCES, TAGS
from tests import described
from tests.plain_http import read_answer

ROUTES = app.described_routes()
DOCUMENT = openapi.document(ROUTES)
EACH = pytest.mark.parametrize(
    "route", [*contract.DESCRIBED, *app.ROUTES, *pages.ROUTES], ids=lambda route: f"{route.method} {route.path}"
)


def item_of(path):
    """Return the operations of a path, by method."""
    item = DOCUMENT["paths"][re.sub(r"<(\w+)>", r"{\1}", path)]
    if "$ref" in item:
        return DOCUMENT["components"]["pathItems"][item["$ref"].rpartition("/")[2]]
    return item


@pytest.mark.slow
def test_the_description_is_valid():
    validate(DOCUMENT)
    with pytest.raises(OpenAPIValidationError):
        validate({name: part for name, part in DOCUMENT.items() if name != "info"})


@EACH
def test_every_route_is_described(route):
    """A new route says who may ask (`needs`) and the answer; its docstring is the summary, and its module has a tag."""
    assert isinstance(route.needs, Needs) and route.answer is not None
    assert route.handler.__module__.rpartition(".")[2] in TAGS, "openapi_words.TAGS lacks the module"
    operation = item_of(route.path)[route.method.lower()]
    assert operation["summary"]
    assert {"200", "400", "421", "500", "503"} <= operation["responses"].keys()


def test_every_route_that_answers_is_in_the_description(server):
    for route in app.build_routes(server.appliance):
        assert route.method.lower() in item_of(route.path), route.path


def test_the_five_endpoints_are_described_under_each_of_their_paths():
    for name in contract.ENDPOINTS:
        for path in contract.paths_of(name):
            (method, operation), _ = item_of(path).items()
            assert method == "post" and operation["requestBody"]["content"]["application/json"], path
    assert len([path for path in DOCUMENT["paths"] if "newjob" in path]) >= 14


def test_every_part_of_a_path_and_of_a_query_is_described():
    for route in ROUTES:
        assert set(re.findall(r"<(\w+)>", route.path)) <= PARTS.keys(), route.path
    items = [item for item in DOCUMENT["paths"].values() if "$ref" not in item]
    operations = [said for item in items for method, said in item.items() if method != "parameters"]
    for parameters in [item.get("parameters", []) for item in items] + [
        one.get("parameters", []) for one in operations
    ]:
        assert all(one.get("description") or "$ref" in one for one in parameters)


def test_every_field_is_described_by_a_sentence():
    """A field says `Meta(description=…)`, or stands in openapi_fields.FIELDS."""
    shapes = Schemas(openapi.types_of(ROUTES)).components
    fields = {
        (name, field): said["description"]
        for name, shape in shapes.items()
        for field, said in shape.get("properties", {}).items()
    }
    assert [place for place, said in fields.items() if not said.endswith(".")] == []
    assert [word for word in FIELDS if word not in {f for _, f in fields} | {f"{s}.{f}" for s, f in fields}] == []
    assert all("." not in name for name in shapes), "two structures have the same name"


@pytest.mark.parametrize("kind", Refused.__subclasses__())
def test_every_refusal_has_a_sentence(kind):
    assert SENTENCES[kind.code]


def test_everybody_may_read_it_and_an_idle_server_has_not_made_it(make_server):
    app._description.cache_clear()
    server = make_server(observatory_access="token")
    requests.get(f"{server.url}/healthz", timeout=60)
    assert app._description.cache_info().currsize == 0
    answer = requests.get(f"{server.url}/openapi.json", timeout=60)
    assert msgspec.json.decode(answer.content) == msgspec.to_builtins(DOCUMENT)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.json()["openapi"].startswith("3.1") and answer.json()["info"]["version"]


@pytest.mark.parametrize("path", ["/newjob", "/jobs/getnewjobs", "/api/tokens"])
@pytest.mark.parametrize(
    ("status", "head"),
    [
        (400, "Content-Length: x\r\n"),
        (413, f"Content-Length: {2**21}\r\n"),
        (421, "Content-Length: 0\r\nX-Forwarded-For: 1\r\n"),
        (431, f"X: {'x' * 20_000}\r\n"),
    ],
)
def test_a_request_that_reaches_no_endpoint_is_refused_as_described(server, path, status, head):
    host = "other.example" if status == 421 else "127.0.0.1"
    with socket.create_connection(("127.0.0.1", server.listener.port), timeout=60) as opened:
        opened.sendall(f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{head}\r\n".encode())
        told, body = read_answer(opened)
    first, *lines = told.split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    assert int(first.split()[1]) == status
    of_http = ("Date", "Server", "Connection", "Via")
    kept = [(name, value) for name, value in headers if name not in of_http]
    assert described.problems("POST", path, status, kept, body) == []


@pytest.mark.parametrize(
    ("status", "headers", "body", "problem"),
    [
        (200, {}, b'{"notes": []}', ""),
        (200, {"X-Other": "1"}, b'{"notes": []}', "the header x-other is not described"),
        (200, {"X-Content-Type-Options": "sniff"}, b'{"notes": []}', "the header x-content-type-options is sniff"),
        (200, {"Cache-Control": None}, b'{"notes": []}', "the header cache-control is missing"),
        (200, {"Content-Type": "text/html"}, b'{"notes": []}', "the content type text/html is not described"),
        (200, {}, b'{"notes": [1]}', "1 is not of type"),
        (200, {}, b'{"notes": [], "more": 1}', "'more' was unexpected"),
        (200, {}, b"{}", '"notes" is a required property'),
        (418, {}, b"{}", "the status is not described"),
        (429, {}, b'{"error": "x", "code": "too_many"}', "the header retry-after is missing"),
        (400, {}, b'{"error": "x", "code": "other"}', '"other" is not one of'),
        (401, {}, b'{"error": "x", "code": "unauthorized"}', "the header www-authenticate is missing"),
    ],
)
def test_the_check_of_all_answers_finds_what_is_not_described(status, headers, body, problem):
    usual = {"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    sent = [(name, value) for name, value in (usual | headers).items() if value is not None]
    found = described.problems("POST", "/api/commands/notes", status, sent, body)
    assert [problem in one for one in found] == [True] * bool(problem), found


def test_each_server_of_a_test_is_checked(server):
    requests.get(f"{server.url}/api/commands", timeout=60)
    (described.document()["paths"]["/api/commands"]["get"]["responses"]).pop("200")
    try:
        requests.get(f"{server.url}/api/commands", timeout=60)
        assert described.WRONG == ["GET /api/commands 200: the status is not described"]
    finally:
        described.WRONG.clear()
        described.document.cache_clear()
        described._router.cache_clear()
