"""LOCKED OUT on every screen: set, seen, made longer and ended in a browser; in every theme and width."""

import re

import pytest
import requests

from prjobs.jobs import locking
from tests.page.watching import click_twice, log_in, wait_until

STATE = '[data-screen="now"] .site .state'
FORM = "[data-locks] form"


def headers(token):
    return {"Authorization": f"Bearer {token}"}


def lock(served, token=None, **body):
    body = {"site": "saf", "reason": "mirror cleaning", **body}
    answer = requests.post(f"{served.url}/api/lock", json=body, headers=headers(token) if token else {}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["lock"]


def field(page, name):
    return page.locator(FORM).get_by_label(re.compile(name)).first


def test_a_site_is_locked_and_unlocked_on_its_page(page, served, observatory):
    page.goto(f"{served.url}/#/site/saf")
    field(page, "reason").fill("mirror cleaning")
    field(page, "who goes in").fill("Ann K.")
    field(page, "hours").fill("2")
    page.locator(FORM).get_by_role("button", name="Lock the site").click()
    page.locator("[data-locks] .locks-word", has_text="LOCKED OUT").wait_for()
    row = page.locator(".lock-row")
    assert re.match(r"Ann K\. until .*\d\d:\d\d UTC \([12]h.*\): mirror cleaning", row.inner_text())
    # The stop went with the lock, for all devices.
    assert [job["action"] for job in observatory.fetch()] == ["cancel_all_commands"]
    row.get_by_role("button", name="An hour more").click()
    page.locator(".lock-row", has_text=re.compile(r"\((2h5\dm|3h00m)\)")).wait_for()
    click_twice(row.locator("[data-part=unlock]"))
    page.locator("[data-locks]:not([data-locked])").wait_for()
    assert requests.get(f"{served.url}/api/lock", timeout=60).json()["locks"] == [] and page.complaints == []


def test_the_number_of_jobs_at_the_telescope_says_when_there_may_be_more(call):
    for count, said in ((1, "1 job is"), (49, "49 jobs are"), (locking.NAMED, "50 or more jobs are")):
        made = {"under_way": [{"site": "saf", "label": "mount park"}] * count, "stops": [], "notes": []}
        assert call("locks.js", "madeWords", made)[0].startswith(f"{said} at the telescope already")


def test_the_panel_the_title_and_a_listener_are_told(page, served, admin):
    page.locator(STATE, has_text="IDLE").wait_for()
    lock(served, admin, name="Ann K.")
    lock(served, admin, name="Tim", reason="dome wheels")
    page.locator(STATE, has_text="LOCKED OUT").wait_for()
    page.wait_for_function("document.title.startsWith('saf LOCKED OUT')")
    locks = ["Ann K. until unlocked: mirror cleaning", "Tim until unlocked: dome wheels"]
    wait_until(page, lambda: page.locator(".site-locks li").all_inner_texts() == locks)
    assert page.locator("[data-announce]").inner_text() == "saf: LOCKED OUT"
    assert page.locator("[data-lock-line]").is_hidden()
    page.goto(f"{served.url}/#/jobs")
    line = page.locator("[data-lock-line]")
    line.wait_for()
    assert line.inner_text().startswith("LOCKED OUT · saf: Ann K. until unlocked: mirror cleaning · saf: Tim")


@pytest.mark.parametrize(("theme", "width"), [("day", 1400), ("dark", 390), ("red", 1400), ("red", 390)])
def test_silence_and_a_stop_are_seen_under_locked_out(served, observatory, admin, open_page, theme, width):
    """Whoever is in the dome must know whether the stop arrived."""
    observatory.poll()
    lock(served, admin, name="Ann K.", stop=True)
    page = open_page(served.url, theme=theme, width=width)
    page.locator(STATE, has_text="LOCKED OUT").wait_for()
    under = page.locator(".state-under")
    page.locator(".state-under", has_text="STOPPING").wait_for()
    served.after(600)
    page.locator(".state-under", has_text=re.compile(r"^SITE SILENT 1\dm\d\ds$")).wait_for()
    assert page.locator(STATE).inner_text() == "LOCKED OUT"
    box, word = under.bounding_box(), page.locator(STATE).bounding_box()
    assert box["y"] >= word["y"] + word["height"] and box["x"] + box["width"] <= width and box["height"] >= 28
    observatory.fetch()
    page.locator(".state-under", has_text="STOPPING").wait_for()
    assert page.complaints == []


def test_a_lock_of_a_site_without_a_panel_stands_in_a_line(page, served, admin):
    lock(served, admin, site="new", name="Ann", reason="wiring <b>now</b>")
    line = page.locator("[data-lock-line]", has_text="LOCKED OUT · new: Ann until unlocked: wiring <b>now</b>")
    line.wait_for()
    assert line.locator("b").count() == 0


def test_without_a_login_a_name_locks_and_ends_the_lock(served, observatory, open_page):
    observatory.fetch()
    page = open_page(f"{served.url}/#/site/saf")
    field(page, "reason").fill("wiring")
    page.locator(FORM).get_by_role("button", name="Lock the site").click()
    page.locator(f"{FORM} .problem", has_text="the name of the person in the dome is missing").wait_for()
    field(page, "who goes in").fill("Tim")
    page.locator(FORM).get_by_role("button", name="Lock the site").click()
    row = page.locator(".lock-row")
    row.wait_for()
    assert observatory.fetch() == []

    row.get_by_label("your name").fill("Ann")
    click_twice(row.locator("[data-part=unlock]"))
    row.locator(".problem", has_text="that of Tim").wait_for()
    row.get_by_label("your name").fill("tim")
    click_twice(row.locator("[data-part=unlock]"))
    page.locator("[data-locks]:not([data-locked])").wait_for()


def test_another_owner_and_a_user_cannot_unlock(served, admin, observatory, open_page):
    observatory.fetch()
    lock(served, admin)
    page = open_page(served.url)
    log_in(page, served.url, served.token("auth0|zoe", "--role", "owner"))
    page.goto(f"{served.url}/#/site/saf")
    row = page.locator(".lock-row", has_text="Only this person or an administrator ends the lock.")
    row.wait_for()
    assert row.get_by_role("button").filter(visible=True).count() == 0 and page.locator(FORM).is_visible()
    log_in(page, served.url, served.token("auth0|alice"))
    page.goto(f"{served.url}/#/site/saf")
    row.wait_for()
    assert page.locator(FORM).is_hidden()


def test_make_safe_says_that_its_motions_are_locked_out(page, served, admin):
    lock(served, admin)
    page.locator(STATE, has_text="LOCKED OUT").wait_for()
    requests.post(f"{served.url}/api/make_safe", json={"site": "saf"}, headers=headers(admin), timeout=60)
    said = page.get_by_text("saf: PARK: LOCKED OUT, it waits until the site is unlocked")
    said.wait_for()
    assert said.is_visible()


# Three in four of the pixels' lightness: seen from across a room, and without any colour.
@pytest.mark.parametrize("theme", ["day", "dark", "red", "red2", "red3"])
@pytest.mark.parametrize(("width", "wall"), [(1400, ""), (390, ""), (1920, "?wall=1")])
def test_locked_out_is_read_across_the_room_in_every_theme(served, admin, observatory, open_page, theme, width, wall):
    observatory.fetch()
    lock(served, admin, name="Ann K.")
    page = open_page(f"{served.url}/{wall}", theme=theme, width=width)
    word = page.locator(STATE, has_text="LOCKED OUT")
    word.wait_for()
    seen = word.evaluate(
        """(word) => {
            const style = getComputedStyle(word);
            const numbers = (text) => text.match(/[\\d.]+/g).slice(0, 3).map((one) => {
                const part = one / 255;
                return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
            });
            const light = ([red, green, blue]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue;
            const [one, other] = [light(numbers(style.color)), light(numbers(style.backgroundColor))];
            const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
            const box = word.getBoundingClientRect();
            return {contrast, size: parseFloat(style.fontSize), right: box.right, width: innerWidth};
        }"""
    )
    assert seen["size"] >= (28 if width < 500 else 60) and seen["right"] <= seen["width"]
    # The dimmer levels of the red theme are for eyes that are used to the dark.
    assert seen["contrast"] >= {"red2": 2.0, "red3": 1.3}.get(theme, 4.5)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
