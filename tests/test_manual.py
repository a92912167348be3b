"""The manual as the appliance serves it: its pages, its themes, its search."""

import re

import pytest
import requests

from prjobs.base.theme import THEMES
from prjobs.web.manual import INDEX, pages, search


def get(server, path, **named):
    return requests.get(f"{server.url}{path}", **named)


def test_it_works(server):
    answer = get(server, "/manual")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<a href="/manual/operate">Operate</a>' in answer.text


def test_every_page_is_whole(server):
    order = list(pages().values())
    for at, page in enumerate(order):
        text = get(server, page.address).text
        assert f"<title>{page.title} · prjobs manual</title>" in text
        assert text.count("<h1 ") == 1 and text.rstrip().endswith("</html>")
        assert re.findall(r"\{[a-z]+\}(?!/\.)", text.split("<main")[0]) == []
        for section in page.sections:
            assert f'id="{section.anchor}"' in text
        before, after = order[at - 1 : at], order[at + 1 : at + 2]
        assert re.findall(r'rel="prev" href="([^"]*)', text) == [one.address for one in before if at]
        assert re.findall(r'rel="next" href="([^"]*)', text) == [one.address for one in after]


def test_every_address_in_every_page_answers(server):
    addresses = set()
    for page in pages().values():
        text = get(server, page.address).text
        addresses |= set(re.findall(r'(?:href|src|action)="(/[^"#]*)', text))
    assert len(addresses) > 15
    assert [address for address in addresses if get(server, address).status_code != 200] == []


@pytest.mark.parametrize("name", ["nothing", INDEX, "..%2fprjobs", "page.html", "operate.md"])
def test_there_is_nothing_else(server, name):
    assert get(server, f"/manual/{name}").status_code == 404


@pytest.mark.parametrize("cookie", THEMES)
def test_the_theme_of_the_cookie_stands_in_the_first_bytes(server, cookie):
    theme = THEMES[cookie]
    for path in ("/manual", "/manual/operate", "/manual?q=stop"):
        answer = get(server, path, cookies={"prjobs_theme": cookie})
        assert f'data-theme="{theme.name}" data-level="{theme.level}"' in answer.text[:400]
        assert f'<body bgcolor="{theme.ground}">' in answer.text and answer.headers["Vary"] == "Cookie"


def test_it_needs_no_login_and_runs_no_script_of_others(make_server):
    server = make_server(observatory_access="token", name="closed")
    assert get(server, "/api/now").status_code == 401
    answer = get(server, "/manual/trouble")
    assert answer.status_code == 200
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


# ---- the search


def found(query):
    return [f"{result.page.name}#{result.section.anchor}" for result in search(query)]


def test_the_section_with_the_words_in_its_heading_comes_first():
    assert found("backups")[0] == "operate#backups"
    assert found("disk full")[0].startswith("trouble#the-disk-is")
    assert found("site silent")[0] == "trouble#the-site-is-silent"


def test_all_words_must_be_there_in_any_order_and_case():
    assert "settings#all-settings" in found("REDELIVER once")
    assert set(found("redeliver nginx")) < set(found("nginx")) or found("redeliver nginx") == []
    assert found("no_such_word") == []


def test_a_setting_a_command_a_route_and_an_error_are_found():
    for words, section in (
        ("min_free_mb", "settings#all-settings"),
        ("prjobs reserve add", "commands#all-commands"),
        ("/api/sky", "api#all-routes"),
        ("wrong_host", "api#errors"),
        ("SKIP LOCKED", "how-it-was-tried#other-services-on-the-same-work"),
    ):
        assert section in found(words), words


def test_the_words_are_marked_and_the_rows_are_shown(server):
    text = get(server, "/manual", params={"q": "expire_stop_s"}).text
    assert "<mark>expire_stop_s</mark>" in text and "seconds after which an unfetched stop expires" in text
    assert 'value="expire_stop_s"' in text


def test_what_is_asked_for_is_shown_as_text(server):
    for query in ('"><script>alert(1)</script>', "<b>", "&lt;", "{body}", "\\1", "(", "ä\ud800"):
        text = get(server, "/manual", params={"q": query.encode("utf-8", "surrogatepass")}).text
        assert "<script>alert" not in text and "<b>" not in text and text.count("</html>") == 1


def test_nothing_found_says_what_to_do(server):
    answer = get(server, "/manual", params={"q": "xyzzy"})
    assert answer.status_code == 200 and "Search for fewer words" in answer.text


def test_an_empty_search_is_the_index(server):
    assert get(server, "/manual?q=").text == get(server, "/manual?q=%20%20").text == get(server, "/manual").text


def test_a_very_long_search_is_cut(server):
    assert get(server, "/manual", params={"q": "backup " * 1000}).status_code == 200


# ---- links from refusals


def test_a_refusal_names_the_section_with_more(server):
    answer = get(server, "/api/now", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403 and set(answer.json()) == {"error", "code"}
    assert answer.headers["Link"] == '</manual/trouble#a-page-of-another-web-site-is-not-allowed>; rel="help"'
    assert "Link" not in get(server, "/nothing").headers


def test_the_page_of_a_refusal_links_to_the_section(make_server):
    server = make_server(observatory_access="token", name="closed")
    text = get(server, "/night", headers={"Accept": "text/html"}).text
    assert '<a href="/manual/secure#tokens-and-roles">In the manual</a>' in text
    assert "<a " not in get(server, "/nothing", headers={"Accept": "text/html"}).text
