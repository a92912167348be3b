"""The monitor with many sites: a table with the worst first, a Now for each site, and no STOP without a chosen site."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from prjobs.access import tokens
from prjobs.access.tokens import NewToken
from prjobs.jobs import removal
from prjobs.monitor.rules import MANY_SITES
from prjobs.store.models import JobRow
from tests.page.here import Here
from tests.page.watching import hold, log_in, wait_text, wait_until
from tests.verbs import USER, lock, report, submit, take

OpenPage = Callable[..., Any]
COUNT = MANY_SITES + 4
NAMES = [f"s{number:02}" for number in range(COUNT)]
GROUPS = ["north=s0*", "south=s1*+s2*"]


class Sites:
    """Many sites without a program of their own: the test polls for all of them."""

    def __init__(self, here: Here) -> None:
        here.serve(groups=GROUPS, redeliver_stop=False)
        self.here, self.appliance = here, here.server.appliance
        for site in NAMES:
            submit(self.appliance, site=site)
            self.finish(site)

    def finish(self, site: str) -> None:
        for job in take(self.appliance, site=site):
            report(self.appliance, job, "COMPLETE")

    def poll(self, *but: str) -> None:
        for site in NAMES:
            if site not in but:
                self.finish(site)

    def silence(self, site: str) -> None:
        self.poll()
        self.here.after(100)
        self.poll(site)

    def stops(self) -> list[tuple[str, str]]:
        """Return site and user of each stop."""
        sql = "SELECT site, user_id FROM job WHERE action = 'cancel_all_commands' ORDER BY ulid"
        return [tuple(row) for row in self.appliance.queue.database.fetch(sql)]

    def token(self, user_id: str, *roles: str, sites: tuple[str, ...] = ()) -> str:
        return tokens.create_token(self.appliance.desk, NewToken(user_id, "", list(roles), list(sites), 1), USER)[0]


@pytest.fixture
def sites(here: Here) -> Sites:
    return Sites(here)


@pytest.fixture
def many(sites: Sites, open_page: OpenPage) -> Any:
    """The table in the hands of an administrator."""
    page = open_page(f"{sites.here.url}/favicon.ico", height=700)
    log_in(page, sites.here.url, sites.token("staff", "admin"))
    rows(page).nth(COUNT - 1).wait_for()
    return page


def rows(page: Any) -> Any:
    return page.locator(".site-rows tbody tr")


def row(page: Any, site: str) -> Any:
    return rows(page).filter(has=page.locator("td.r-site", has_text=re.compile(f"^{site}$")))


def names(page: Any) -> list[str]:
    return [text.strip() for text in page.locator(".site-rows tbody td.r-site").all_inner_texts()]


def wait_names(page: Any, wanted: list[str]) -> None:
    wait_until(page, lambda: names(page) == wanted)


def running(sites: Sites, site: str) -> JobRow:
    job = submit(sites.appliance, site=site, device="camera", action="expose")
    take(sites.appliance, site=site)
    report(sites.appliance, job, "EXPOSING", 600)
    return job


def chip(page: Any, name: str) -> Any:
    return page.locator(".site-table .chips .chip", has_text=name)


def test_many_sites_are_a_table_with_the_worst_first_and_filters_in_the_address(sites: Sites, many: Any) -> None:
    page = many
    assert page.locator(".site").count() == 0
    assert names(page) == NAMES
    wait_text(page.locator(".site-count"), f"{COUNT} sites, the worst first")

    sites.silence("s05")
    lock(sites.appliance, "s12")
    running(sites, "s03")
    page.mouse.move(2, 2)
    wait_names(page, ["s12", "s05", "s03", *[name for name in NAMES if name not in ("s12", "s05", "s03")]])
    wait_text(row(page, "s12"), "LOCKED OUT")
    wait_text(row(page, "s12"), "ann until unlocked: mirror cleaning")
    wait_text(row(page, "s05"), re.compile(r"SITE SILENT 1m"))
    wait_text(row(page, "s03"), "1 running")
    wait_text(page.locator(".site-group", has_text="north"), re.compile("10 sites.*1 SILENT.*1 BUSY", re.S))
    wait_text(page.locator(".site-group", has_text="south"), "1 LOCKED OUT")

    chip(page, "SILENT").click()
    wait_names(page, ["s05"])
    chip(page, "BUSY").click()
    wait_names(page, ["s05", "s03"])
    assert page.url.endswith("#/now?state=silent%2Cbusy")
    page.locator(".site-group", has_text="south").click()
    wait_names(page, [])
    wait_text(page.locator(".site-count"), f"0 of {COUNT} sites")
    page.go_back()
    wait_names(page, ["s05", "s03"])
    page.go_back()
    wait_names(page, ["s05"])
    page.reload()
    wait_names(page, ["s05"])
    assert chip(page, "SILENT").get_attribute("aria-pressed") == "true"
    chip(page, "SILENT").click()

    page.keyboard.press("/")
    page.keyboard.type("S1")
    wait_until(page, lambda: set(names(page)) == {name for name in NAMES if name.startswith("s1")})
    assert page.url.endswith("#/now?q=S1") and names(page)[0] == "s12"
    page.goto(f"{sites.here.url}/#/now?state=odd&group=west")
    wait_text(page.locator("#sites-problem"), "“odd” is no state")
    wait_text(page.locator("#sites-problem"), "No site is in a group “west”")
    assert page.complaints == []


def test_one_click_leads_to_a_sites_own_now_and_back_to_the_same_place(sites: Sites, many: Any) -> None:
    page = many
    running(sites, "s20")
    page.mouse.move(2, 2)
    wait_until(page, lambda: names(page)[0] == "s20")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == "s20"
    for _ in range(18):
        page.keyboard.press("ArrowDown")
    site = page.evaluate("document.activeElement.textContent")
    at = page.evaluate("scrollY")
    assert at > 0
    page.keyboard.press("Enter")
    wait_text(page.locator(".site-name"), site)
    assert page.locator(".site").count() == 1 and rows(page).first.is_hidden()
    assert page.url.endswith(f"#/now?site={site}")
    wait_text(page.locator("[data-stop] .stop-button >> visible=true"), site)
    wait_text(page.locator(".event"), "COMPLETE")
    page.go_back()
    row(page, site).wait_for()
    wait_until(page, lambda: page.evaluate("document.activeElement.textContent") == site)
    wait_until(page, lambda: abs(page.evaluate("scrollY") - at) <= 2)

    page.locator(".site-rows tbody tr", has_text="s20").locator("td.r-what").click()
    wait_text(page.locator(".state"), "BUSY")
    wait_text(page.locator(".work-row"), "EXPOSING")
    page.keyboard.press("Escape")
    rows(page).first.wait_for()
    page.goto(f"{sites.here.url}/#/now?site=nowhere")
    wait_text(page.locator("[data-stray]"), "No site “nowhere” is known here.")
    assert page.complaints == []


def test_no_stop_without_a_chosen_site(sites: Sites, many: Any) -> None:
    page = many
    buttons = page.locator("[data-stop] :is(.stop-button, .stop-here, .stop-more) >> visible=true")
    wait_text(page.locator("[data-stop]"), "choose a site")
    page.keyboard.down("Shift")
    page.keyboard.down("Escape")
    page.wait_for_timeout(1000)
    page.keyboard.up("Escape")
    page.keyboard.up("Shift")
    assert buttons.count() == 0 and sites.stops() == []

    find = page.get_by_label("Site to stop: type its name")
    find.fill("s1")
    assert page.locator(".stop-sites .chip").all_inner_texts() == [f"s1{number}" for number in range(8)]
    find.press("Enter")
    assert buttons.count() == 0
    find.fill("s13")
    find.press("Enter")
    wait_text(page.locator("[data-stop] .stop-button >> visible=true"), re.compile(r"HOLD TO STOP\s+s13"))
    assert page.get_by_text("Hold to stop all").is_hidden()
    hold(page)
    wait_text(page.locator(".stop-proof"), "s13: STOP sent")
    assert sites.stops() == [("s13", "staff")]
    take(sites.appliance, site="s13")
    wait_text(page.locator(".stop-proof li"), "picked up")
    # Whoever opened a site and left it has chosen none.
    page.goto(f"{sites.here.url}/#/now?site=s07")
    wait_text(page.locator("[data-stop] .stop-button >> visible=true"), "s07")
    page.locator(".now-back a").click()
    rows(page).first.wait_for()
    wait_until(page, lambda: buttons.count() == 0)
    assert page.complaints == []


def test_an_open_table_follows_and_moves_no_row_that_somebody_is_about_to_take(sites: Sites, many: Any) -> None:
    page = many
    link = row(page, "s04").locator("a")
    link.focus()
    at = page.evaluate("scrollY")
    sites.silence("s22")
    wait_text(row(page, "s22"), "SILENT")
    assert names(page) == NAMES and page.evaluate("scrollY") == at
    assert page.evaluate("document.activeElement.textContent") == "s04"
    fresh = page.locator(".site-table .fresh")
    fresh.wait_for()
    sites.here.after(100)
    sites.poll("s22", "s09")
    removal.remove_site(sites.appliance.queue, "s09", USER, force=True)
    wait_until(page, lambda: "s09" not in names(page))
    assert page.evaluate("document.activeElement.textContent") == "s04"
    # The button stays for the keyboard that comes to it from a row.
    fresh.focus()
    page.evaluate("new Promise((done) => setTimeout(() => requestAnimationFrame(done)))")
    assert fresh.is_visible() and names(page)[0] != "s22"
    page.keyboard.press("Enter")
    wait_until(page, lambda: names(page)[0] == "s22" and fresh.is_hidden())
    assert page.complaints == []


def test_the_address_forces_a_view_and_both_views_say_the_same_word(sites: Sites, many: Any) -> None:
    page = many
    sites.silence("s05")
    lock(sites.appliance, "s12")
    running(sites, "s03")
    submit(sites.appliance, site="s08", device="all", action="cancel_all_commands")
    wait_text(row(page, "s08"), "STOPPING")
    wait_text(row(page, "s05"), "SILENT")
    words = dict(zip(names(page), page.locator(".site-rows .r-word").all_inner_texts(), strict=True))
    page.goto(f"{sites.here.url}/#/now?view=panels")
    page.locator(".site").nth(COUNT - 1).wait_for()
    wait_text(page.locator(".site .state"), "STOPPING")
    shown = page.locator(".site").evaluate_all(
        "all => all.map((at) => [at.querySelector('.site-name').innerText, at.querySelector('.state').innerText])"
    )

    def plain(word: str) -> str:
        return re.sub(r" \d.*", "", word)

    assert {site: plain(word) for site, word in shown} == {site: plain(word) for site, word in words.items()}
    assert set(map(plain, words.values())) == {"SITE SILENT", "LOCKED OUT", "BUSY", "STOPPING", "IDLE"}
    assert page.complaints == []


def test_a_token_for_two_sites_shows_two_panels_and_reaches_no_other_site(sites: Sites, open_page: OpenPage) -> None:
    page = open_page(f"{sites.here.url}/favicon.ico")
    seen: list[str] = []
    log_in(page, sites.here.url, sites.token("auth0|two", sites=("s01", "s02")))
    page.on("response", lambda answer: seen.append(answer.text()) if "/api/" in answer.url else None)
    wait_until(page, lambda: page.locator(".site").count() == 2)
    assert sorted(page.locator(".site-name").all_inner_texts()) == ["s01", "s02"]
    for address in (
        "#/now?view=table",
        "#/now?site=s03",
        "#/site/s03",
        "#/jobs",
        "#/send",
        "#/now?view=panels&site=s03",
    ):
        page.goto(f"{sites.here.url}/#/{address}")
        page.wait_for_timeout(300)
        assert "s03" not in page.locator("main").inner_text(), address
    page.goto(f"{sites.here.url}/#/now?view=table")
    wait_until(page, lambda: names(page) == ["s01", "s02"])
    page.get_by_label("Site to stop: type its name").fill("s03")
    assert page.locator(".stop-sites .chip >> visible=true").count() == 0
    send = """async ([path, body]) => (await fetch(path, { method: "POST", body: JSON.stringify(body),
        headers: { "X-Prjobs-Page": "1", "Content-Type": "application/json" } })).status"""
    command = {"site": "s03", "device": "all", "instance": "all", "action": "cancel_all_commands"}
    command |= {"user_id": "auth0|two", "user_name": "", "user_roles": [], "required_params": {}, "optional_params": {}}
    assert page.evaluate(send, ["newjob", command]) == 403
    assert page.evaluate(send, ["api/make_safe", {"site": "s03"}]) == 403
    assert sites.stops() == []
    wait_until(page, lambda: len(seen) > 10)
    assert not re.search(r'"s(0[03-9]|[12]\d)"', "".join(seen))
    assert page.complaints == []
