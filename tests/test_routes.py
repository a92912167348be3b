"""Every route: its refusals have the form that its part of the interface promises."""

import pytest
import requests

from prjobs.base.errors import Refused
from prjobs.web.app import build_routes
from prjobs.web.contract import ENDPOINTS


def all_routes(server):
    found = {(route.method, route.path) for route in build_routes(server.appliance)}
    return sorted(
        (method, path.replace("<ulid>", "x").replace("<token_id>", "x").replace("<name>", "x"))
        for method, path in found
    )


def check_shape(answer, path):
    name = path.rstrip("/").rpartition("/")[2]
    if name.endswith("getnewjobs"):
        assert answer.json() == [] and answer.headers["X-Prjobs-Error"]
    elif path.startswith("/api/"):
        assert set(answer.json()) == {"error", "code"} and answer.headers["Content-Type"] == "application/json"
    else:
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.text and "\n" not in answer.text and "<" not in answer.text


@pytest.mark.slow
def test_a_wrong_method_everywhere(server):
    for _, path in all_routes(server):
        answer = requests.request("PATCH", server.url + path, data="{}")
        assert answer.status_code == 405 and answer.headers["Allow"], path
        check_shape(answer, path)


def test_a_bad_body_everywhere(server):
    for method, path in all_routes(server):
        if method in ("POST", "DELETE"):
            answer = requests.request(method, server.url + path, data=b"\xff{")
            assert 400 <= answer.status_code < 500 or path == "/api/logout", path
            if path != "/api/logout":
                check_shape(answer, path)


@pytest.mark.slow
def test_a_foreign_origin_everywhere(server):
    headers = {"Origin": "https://evil.example"}
    for method, path in all_routes(server):
        answer = requests.request(method, server.url + path, data="{}", headers=headers)
        if method in ("POST", "DELETE", "OPTIONS") or path.startswith("/api/"):
            assert answer.status_code == 403, path
            check_shape(answer, path)
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_wrong_host_everywhere(server):
    for method, path in all_routes(server):
        answer = requests.request(method, server.url + path, data="{}", headers={"Host": "evil.example"})
        assert answer.status_code == 421, path
        check_shape(answer, path)


def test_every_endpoint_of_the_contract_is_there(server):
    paths = {path for method, path in all_routes(server) if method == "POST"}
    assert {f"{prefix}{name}" for name in ENDPOINTS for prefix in ("/", "/jobs/", "/jobs", "/prod/")} <= paths


@pytest.mark.parametrize("kind", Refused.__subclasses__())
def test_every_kind_of_refusal_is_declared_whole(kind):
    assert 400 <= kind.status <= 507 and kind.code.replace("_", "").isalpha() and kind.__doc__
    assert kind.status not in (429, 503, 507) or kind.retry_after_s


def test_a_defect_is_an_internal_error_without_details(server, monkeypatch):
    from prjobs.jobs import lookup

    def broken(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(lookup, "list_since", broken)
    answer = requests.post(f"{server.url}/getrecentjobs", data='{"site": "saf"}')
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    monkeypatch.setattr("prjobs.jobs.handouts.take_jobs", broken)
    answer = requests.post(f"{server.url}/getnewjobs", data='{"site": "saf"}')
    assert (answer.status_code, answer.json()) == (500, [])


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "", "//", "http://a]b", "\u00ff"])
def test_an_origin_that_is_no_address_is_a_foreign_one(server, origin):
    for method, path in all_routes(server):
        if method in ("POST", "DELETE") or path.startswith("/api/"):
            answer = requests.request(method, server.url + path, data="{}", headers={"Origin": origin.encode()})
            assert answer.status_code == 403, path
            check_shape(answer, path)


def test_its_own_origin_everywhere(server):
    for method, path in all_routes(server):
        answer = requests.request(method, server.url + path, data=b"{", headers={"Origin": server.url})
        assert answer.status_code != 403 and answer.headers["Access-Control-Allow-Origin"] == server.url, path


def test_a_cookie_that_cannot_be_read_is_no_cookie(server):
    for method, path in all_routes(server):
        answer = requests.request(method, server.url + path, data=b"{", headers={"Cookie": "a/b=c"})
        assert answer.status_code < 500, path


def fetched(site, mode, dest, **more):
    return {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest, **more}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        (fetched("none", "navigate", "document"), 200),
        (fetched("same-origin", "cors", "empty"), 200),
        (fetched("cross-site", "navigate", "document"), 200),
        (fetched("same-site", "navigate", "document"), 200),
        (fetched("cross-site", "navigate", "iframe"), 403),
        (fetched("same-site", "navigate", "iframe"), 403),
        (fetched("cross-site", "no-cors", "image"), 403),
        (fetched("cross-site", "no-cors", "script"), 403),
        (fetched("cross-site", "cors", "empty", Origin="https://evil.example"), 403),
        (fetched("cross-site", "navigate", "document", **{"Sec-Purpose": "prefetch"}), 403),
        ({"Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Dest": "image"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://friend.example"}, 200),
    ],
)
@pytest.mark.parametrize("query", ["", "?site=saf&date=2026-01-01"])
def test_the_log_of_a_night_opens_in_a_window_and_in_no_foreign_page(make_server, headers, status, query):
    server = make_server(allowed_origins=["https://friend.example"])
    answer = requests.get(f"{server.url}/night{query}", headers=headers, timeout=60)
    assert answer.status_code == status
    if status != 200:
        check_shape(answer, "/night")
