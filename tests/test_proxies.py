"""Proxies of the environment: real ones on loopback, for the cloud, the calendar and the provider."""

import json
import socket
import urllib.request

import pytest
from bottle import Bottle, request
from urllib3 import make_headers

from prjobs.access.http import Limits, Outside, get_json, post_json
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.proxies import proxy_for
from prjobs.base.settings import Settings
from prjobs.cloud.network import UNSENT, Failure
from prjobs.cloud.transport import Transport, open_transport
from tests.proxy import Proxy
from tests.secure_socket import secure_socket
from tests.serving import Serving

QUICK = Limits(connect_s=5, first_byte_s=5, total_s=10)
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def proxy():
    proxy = Proxy()
    yield proxy
    proxy.close()


def test_it_works(proxy, monkeypatch):
    """No name server knows the hosts: only the proxy can answer."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert post_json("http://calendar.invalid/dev/siteevents", {"site": "saf"}, QUICK, "environment") == []
    assert Transport("http://cloud.invalid/jobs", "", Clock(), "environment").call("getrecentjobs", {}).body == b"[]"
    assert [head.split("\r\n")[0] for head in proxy.heads] == [
        "POST http://calendar.invalid/dev/siteevents HTTP/1.1",
        "POST http://cloud.invalid/jobs/getrecentjobs HTTP/1.1",
    ]
    assert all(
        f"\r\nHost: {name}.invalid\r\n" in head for name, head in zip(["calendar", "cloud"], proxy.heads, strict=True)
    )


def test_a_tunnel_leads_to_a_secure_service_whose_certificate_is_checked(tmp_path, monkeypatch):
    secure = secure_socket(tmp_path)
    proxy = Proxy(secure.port)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    try:
        with pytest.raises(Outside, match=rf"^keys.invalid through the proxy 127.0.0.1:{proxy.port} has no secure"):
            get_json("https://keys.invalid/jwks.json", {}, QUICK, "environment")
        assert proxy.heads[0].startswith("CONNECT keys.invalid:443 HTTP/1.")
    finally:
        secure.close()
        proxy.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_proxys_own_password_is_sent_to_the_proxy_and_not_said(proxy, monkeypatch, scheme):
    proxy.status = 407
    secret = proxy.url.replace("://", "://ann:s%40cret@")
    monkeypatch.setenv(f"{scheme}_proxy", secret)
    said = []
    with pytest.raises(Outside) as outside:
        get_json(f"{scheme}://keys.invalid/", {}, QUICK, "environment")
    said.append(str(outside.value))
    with pytest.raises(Failure) as failure:
        Transport(f"{scheme}://cloud.invalid/jobs", "", Clock(), "environment").call("newjob", {})
    said.append(str(failure.value))
    assert failure.value.kind == UNSENT and failure.value.concerns_all
    login = make_headers(proxy_basic_auth="ann:s@cret")["proxy-authorization"]
    assert [f"proxy-authorization: {login}".lower() in head.lower() for head in proxy.heads] == [True, True]
    for sentence in said:
        assert "asks for a name and a password" in sentence and "cret" not in sentence
        assert f"through the proxy 127.0.0.1:{proxy.port}" in sentence


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_named(monkeypatch, scheme):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv(f"{scheme}_proxy", f"127.0.0.1:{port}")
    with pytest.raises(Outside, match=f"through the proxy 127.0.0.1:{port} cannot be reached"):
        get_json(f"{scheme}://keys.invalid/", {}, QUICK, "environment")
    with pytest.raises(Failure, match=f"through the proxy 127.0.0.1:{port} .no connection to the proxy") as failure:
        Transport(f"{scheme}://cloud.invalid/jobs", "", Clock(), "environment").call("newjob", {})
    assert failure.value.kind == UNSENT


def test_a_proxy_that_refuses_the_tunnel(proxy, monkeypatch):
    proxy.status = 403
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    with pytest.raises(Outside, match="answered 403"):
        get_json("https://keys.invalid/", {}, QUICK, "environment")
    with pytest.raises(Failure, match="the proxy answered 403"):
        Transport("https://cloud.invalid/jobs", "", Clock(), "environment").call("newjob", {})


def test_by_the_setting_and_no_proxy_nobody_asks_the_proxy(proxy, monkeypatch):
    app = Bottle()
    app.route("/<name>", "POST", lambda name: json.dumps([request.headers["Host"]]))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    with Serving(app) as serving:
        host = serving.url.partition("://")[2]
        assert post_json(f"{serving.url}/x", {}, QUICK, "none") == [host]
        assert json.loads(Transport(serving.url, "", Clock(), "none").call("x", {}).body) == [host]
        monkeypatch.setenv("NO_PROXY", "example.org,127.0.0.1")
        assert post_json(f"{serving.url}/x", {}, QUICK, "environment") == [host]
        assert json.loads(Transport(serving.url, "", Clock(), "environment").call("x", {}).body) == [host]
    assert proxy.heads == []


@pytest.mark.parametrize("text", ["socks5://127.0.0.1:1080", "http://", "http://[::1", "http://a:b:c", "file:///x"])
def test_a_proxy_of_another_kind_is_no_reason_not_to_start(monkeypatch, text):
    monkeypatch.setenv("ALL_PROXY", text)
    with pytest.raises(Unusable, match="no HTTP proxy"):
        proxy_for("https://cloud.invalid/")
    with pytest.raises(Outside, match="no HTTP proxy"):
        get_json("https://keys.invalid/", {}, QUICK, "environment")
    settings = Settings(cloud_mode="primary", cloud_base_url="https://cloud.invalid", cloud_sites=["saf"])
    with pytest.raises(Failure, match="no HTTP proxy") as failure:
        open_transport(settings, Clock()).call("newjob", {})
    assert failure.value.kind == UNSENT


def test_the_systems_settings_keep_loopback_out(monkeypatch):
    """Windows and macOS have proxies in settings of their own."""
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"http": "http://proxy.example:3128"})
    monkeypatch.setattr(urllib.request, "proxy_bypass", lambda host: host == "intranet")
    assert str(proxy_for("http://cloud.example/jobs")) == "proxy.example:3128"
    for url in ("http://127.0.0.1:8094/", "http://[::1]:8094/", "http://localhost/", "http://intranet/"):
        assert proxy_for(url) is None
    assert proxy_for("https://cloud.example/") is None
