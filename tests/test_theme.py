"""The theme of the cookie stands in the first bytes of every page that the server sends."""

import re
from pathlib import Path

import pytest
import requests

from prjobs.base.theme import THEMES, theme_of
from prjobs.web.pages import build_name
from prjobs.web.respond import error_page

STATIC = Path(__file__).parent.parent / "static"
PAGES = {"/": "index.html", "/login": "login.html", "/static/index.html": "index.html"}
# cookie -> (theme, level, color-scheme, theme-color, icon)
LOOKS = {
    "day": ("day", "", "light", "#f2f3f5", "favicon.svg"),
    "dark": ("dark", "", "dark", "#0b0e13", "favicon.svg"),
    "red": ("red", "", "dark", "#000000", "favicon-red.svg"),
    "red2": ("red", "2", "dark", "#000000", "favicon-red.svg"),
    "red3": ("red", "3", "dark", "#000000", "favicon-red.svg"),
}
HOSTILE = [
    "blue",
    "red4",
    "RED",
    "",
    '"><script>alert(1)</script>',
    '"red\\" onload=\\"x"',
    "red" * 1000,
]
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def ask(server, path, cookie=None, **headers):
    sent = {**headers, **({} if cookie is None else {"Cookie": f"prjobs_session=x; prjobs_theme={cookie}"})}
    return requests.get(server.url + path, headers=sent, timeout=60)


def look_of(page):
    """What the first bytes of a page say."""
    found = [
        re.search(pattern, page[:1200])
        for pattern in (
            r'<html lang="en" data-theme="(\w*)"',
            r'<html lang="en" data-theme="\w*" data-level="(\d?)"',
            r'<meta name="color-scheme" content="([^"]*)"',
            r'<meta name="theme-color" content="([^"]*)"',
            r'<link rel="icon"[^>]*href="[^"]*?(favicon[-a-z]*\.svg)"',
        )
    ]
    return tuple(match and match[1] for match in found)


@pytest.mark.parametrize("cookie", LOOKS)
def test_every_page_wears_the_theme_of_the_cookie(server, cookie):
    for path in (*PAGES, "/night"):
        answer = ask(server, path, cookie)
        assert look_of(answer.text) == LOOKS[cookie], path
        assert answer.headers["Vary"] == "Cookie"


def on_disk(name):
    """Return a page as on disk, with the name of the build that the server writes into it."""
    page = (STATIC / name).read_bytes()
    return page.replace(b'name="prjobs-build" content="', b'name="prjobs-build" content="' + build_name().encode())


def test_without_a_cookie_the_pages_are_as_they_are_on_disk(server):
    for path, name in PAGES.items():
        answer = ask(server, path)
        assert answer.content == on_disk(name)
        assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-cache", "Cookie")


def test_nothing_else_of_a_page_is_changed(server):
    for path, name in PAGES.items():
        plain, red = on_disk(name).decode(), ask(server, path, "red2").text
        changed = [line for line in red.splitlines() if line not in plain.splitlines()]
        assert len(changed) == 4 and len(red.splitlines()) == len(plain.splitlines())


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_cookie_is_ignored(server, value):
    for path, name in PAGES.items():
        assert ask(server, path, value).content == on_disk(name)
    assert "data-theme" not in ask(server, "/night", value).text
    refused = ask(server, "/nowhere", value, **BROWSER)
    assert "data-theme" not in refused.text and "alert" not in refused.text


def test_other_files_do_not_depend_on_it(server):
    for name in ("theme.js", "theme.css", "favicon.svg"):
        plain, red = (ask(server, f"/static/{name}", cookie) for cookie in (None, "red"))
        assert plain.content == red.content == (STATIC / name).read_bytes()
        assert "Vary" not in red.headers and red.headers["Cache-Control"] == "no-cache"


def test_the_icon_that_browsers_ask_for_by_themselves(server):
    for cookie, name in ((None, "favicon.svg"), ("day", "favicon.svg"), ("red3", "favicon-red.svg")):
        assert ask(server, "/favicon.ico", cookie).content == (STATIC / name).read_bytes()


def test_the_pages_script_and_sheet_have_the_same_colours():
    script = (STATIC / "theme.js").read_text(encoding="utf-8")
    sheet = (STATIC / "theme.css").read_text(encoding="utf-8")
    for theme in THEMES.values():
        assert re.search(rf'{theme.name}: "{theme.ground}"', script), theme
        level = rf'\[data-level="{theme.level}"\]' if theme.level else ""
        block = re.search(rf'data-theme="{theme.name}"\]{level} {{(.*?)}}', sheet, re.DOTALL)[1]
        assert f"--ground: {theme.ground};" in block and f"--text: {theme.text};" in block, theme


@pytest.mark.parametrize("cookie", [None, *LOOKS])
def test_what_a_browser_is_refused_is_a_page_in_its_theme(server, cookie):
    for path, status in (("/nowhere", 404), ("/night?date=x", 400), ("/static/nothing.js", 404), ("/newjob", 405)):
        answer = ask(server, path, cookie, **BROWSER)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        sentence = ask(server, path).text
        assert f"<p>{sentence}</p>" in answer.text
        if cookie:
            assert look_of(answer.text) == LOOKS[cookie]
            assert f"background:{THEMES[cookie].ground};color:{THEMES[cookie].text}" in answer.text
        else:
            assert "data-theme" not in answer.text and 'content="dark light"' in answer.text
        assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_a_sentence_stays_a_text():
    _, page = error_page("<b>&</b>", None)
    assert b"<p>&lt;b&gt;&amp;&lt;/b&gt;</p>" in page and b"<b>" not in page


def test_programs_get_sentences(server):
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        assert ask(server, "/nowhere", "red", **headers).headers["Content-Type"] == "text/plain; charset=utf-8"
    assert ask(server, "/api/nowhere", "red", **BROWSER).json()["code"] == "not_found"
    assert requests.post(f"{server.url}/getnewjobs", data="[", headers=BROWSER, timeout=60).json() == []
    wrong_host = ask(server, "/", "red", Host="evil.example", **BROWSER)
    assert wrong_host.status_code == 421 and look_of(wrong_host.text) == LOOKS["red"]


def test_it_takes_the_cookie_among_others():
    for sent, name in (
        ("a=b; prjobs_theme=red2; c=d", "red"),
        ("prjobs_theme=day", "day"),
        ('prjobs_theme="day"', "day"),
        ("a/b=c; ;;=; prjobs_theme=day; prjobs_theme", "day"),
        ("xprjobs_theme=day", None),
        ("a=prjobs_theme=day", None),
        ("", None),
        ("prjobs_theme", None),
    ):
        theme = theme_of({"HTTP_COOKIE": sent})
        assert (theme and theme.name) == name, sent
