"""The link of a wall display: at an address that a tablet reaches, else with the setting to change."""

from urllib.parse import urlsplit

import pytest
import requests
import segno
from msgspec import to_builtins

from prjobs.base.sockets import address_for_others, is_own_host
from prjobs.web.wall_api import QUIET, qr_code
from tests.verbs import make_token

TOKEN = "eyJ.abc-_.x"


def ask(server, page, token=TOKEN, role="admin"):
    headers = {"Authorization": f"Bearer {make_token(server.appliance, 'staff', role)}"}
    return requests.post(f"{server.url}/api/wall", json={"token": token, "page": page}, headers=headers, timeout=60)


def test_where_only_this_machine_is_served_the_setting_to_change_is_named(server):
    made = ask(server, f"{server.url}/").json()
    assert made["link"] == f"{server.url}/login#token={TOKEN}&wall=1"
    assert made["qr"] is None
    assert "set host to 0.0.0.0" in made["sentence"] and "restart" in made["sentence"]


def test_where_other_machines_are_served_the_link_has_an_address_that_they_reach(make_server):
    server = make_server(host="0.0.0.0")
    made = ask(server, f"{server.url}/").json()
    link = urlsplit(made["link"])
    assert is_own_host(link.hostname) and link.hostname != "127.0.0.1" and link.port == server.listener.port
    assert (link.path, link.fragment, made["sentence"]) == ("/login", f"token={TOKEN}&wall=1", "")
    assert requests.get(f"http://{link.netloc}/login", timeout=60).status_code == 200
    assert made["qr"] == to_builtins(qr_code(made["link"]))


def test_a_page_that_came_from_an_address_of_others_keeps_it(server):
    for page in ("https://obs.example.org/", "https://obs.example.org/jobs/", "http://192.168.1.5:8642/"):
        made = ask(server, page).json()
        assert (made["link"], made["sentence"]) == (f"{page}login#token={TOKEN}&wall=1", "")
        assert made["qr"]["size"] > 2 * QUIET


def test_only_an_administrator_gets_one(server):
    assert ask(server, f"{server.url}/", role="viewer").status_code == 403
    assert requests.post(f"{server.url}/api/wall", json={}, timeout=60).status_code in (401, 403)


@pytest.mark.parametrize("wrong", ["javascript:alert(1)/", "http://a b/", "http://x/?q#/", "//x/", "http://u@x/"])
def test_other_addresses_are_refused(server, wrong):
    assert ask(server, wrong).status_code == 400
    assert ask(server, f"{server.url}/", token="a b").status_code == 400


def test_half_an_ipv6_address_is_refused_and_a_whole_one_is_not(server):
    answer = ask(server, "http://[/")
    assert answer.status_code == 400 and answer.json()["error"].startswith("page must be the address of the monitor")
    assert ask(server, "http://[::1]:8642/").status_code == 200


def test_a_token_too_long_for_a_code_gets_the_link_alone(server):
    longest = 2953 - len("https://obs.example.org/login#token=&wall=1")
    assert ask(server, "https://obs.example.org/", token="x" * longest).json()["qr"]
    made = ask(server, "https://obs.example.org/", token="x" * (longest + 1)).json()
    assert made["qr"] is None and "too long" in made["sentence"] and made["link"].endswith("x&wall=1")


def test_the_code_is_the_link():
    code, link = qr_code("http://x/"), segno.make("http://x/", error="l", micro=False)
    dark = sum(map(sum, link.matrix))
    assert code.path.count("M") == dark
    assert code.size == len(link.matrix) + 2 * QUIET


def test_the_address_for_others_is_this_machines():
    assert is_own_host(address_for_others())
