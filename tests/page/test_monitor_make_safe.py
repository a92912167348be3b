"""Stop and make safe: begun at one page, carried out by the server, seen by all; and stops held side by side."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.page.here import Here
from tests.page.watching import Observatory, hold, log_in, press, stop_clock, wait_text, wait_until

OpenPage = Callable[..., Any]
STOP, PARK, CLOSE = "cancel_all_commands", "park", "close"
CLOCK = r"\d\d:\d\d:\d\d"


class Domes:
    """Two domes, the station that closes one of them, and Ann at the page; `got` is what each site was given."""

    def __init__(self, here: Here, open_page: OpenPage) -> None:
        self.here, self.open_page = here, open_page
        self.sites = {site: Observatory(here, site) for site in ("saf", "mrc1", "wema")}
        self.got: dict[str, list[str]] = {site: [] for site in self.sites}
        for site in self.sites:
            self.fetch(site)
        self.page = self.open("ann", "--name", "Ann K.")

    def open(self, *user: str) -> Any:
        page = self.open_page(self.here.url)
        log_in(page, self.here.url, self.here.token(*user))
        wait_text(page.locator(".link-state"), "live")
        return page

    def fetch(self, site: str) -> list[str]:
        fetched = [job["action"] for job in self.sites[site].fetch()]
        self.got[site] += fetched
        return fetched

    def stop(self, page: Any, site: str) -> None:
        page.click(f".stop-sites >> text={site}")
        hold(page)

    def make_safe(self, page: Any, site: str = "saf") -> None:
        page.click(f".stop-sites >> text={site}")
        page.click("text=Stop and make safe…")
        hold(page, part="safe")

    def until(self, page: Any, text: str | re.Pattern[str]) -> None:
        """Time goes by, and nobody asks for jobs, until a step says so."""

        def is_said() -> bool:
            self.here.after(1)
            page.wait_for_timeout(300)
            return bool(steps(page).filter(has_text=text).count())

        wait_until(page, is_said)


def steps(page: Any) -> Any:
    return page.locator(".stop-proof li")


def wait_step(page: Any, text: str | re.Pattern[str]) -> None:
    wait_text(steps(page), text)


@pytest.fixture
def domes(here: Here, open_page: OpenPage) -> Iterator[Domes]:
    here.serve(stations=["wema=saf"], redeliver_stop=False)
    domes = Domes(here, open_page)
    yield domes
    for observatory in domes.sites.values():
        observatory.hang_up()


def test_it_goes_on_when_its_page_is_closed_and_every_page_shows_it(domes: Domes) -> None:
    other, wall = domes.open("kim", "--name", "Kim"), domes.open("wall", "--role", "viewer")
    wall.goto(f"{domes.here.url}/?wall=1")
    page = domes.page
    page.click(".stop-sites >> text=saf")
    page.click("text=Stop and make safe…")
    wait_text(page.locator(".stop-why"), "then parks the mount, then closes the roof by wema. The server does it")
    hold(page, part="safe")
    head = re.compile(f"^Stop and make safe: saf, by Ann K., {CLOCK}$")
    for one in (page, other, wall):
        wait_step(one, head)
        wait_step(one, "saf: STOP sent")
        wait_step(one, "saf: PARK comes next")
        wait_step(one, "wema: CLOSE comes next")
    assert wall.locator("[data-part=stop]").is_hidden() and other.locator(".stop-clear").is_hidden()
    assert page.complaints == []
    page.context.close()

    assert domes.fetch("saf") == [STOP]
    wait_step(other, re.compile(f"^saf: STOP sent {CLOCK} → picked up {CLOCK}$"))
    domes.until(other, "saf: PARK sent")
    assert domes.fetch("saf") == [PARK]
    domes.until(other, "wema: CLOSE sent")
    assert domes.fetch("wema") == [CLOSE]
    for one in (other, wall):
        wait_step(one, re.compile(f"^saf: PARK sent {CLOCK} → picked up {CLOCK}$"))
        wait_step(one, re.compile(f"^wema: CLOSE sent {CLOCK} → picked up {CLOCK}$"))
        assert one.locator(".stop-trouble").inner_text() == ""
    domes.sites["saf"].fetch()
    domes.here.after(6)
    other.click("text=Put this away")
    assert other.locator(".stop-proof").is_hidden() and wall.locator(".stop-proof").is_visible()
    assert domes.got == {"saf": [STOP, PARK], "mrc1": [], "wema": [CLOSE]}
    assert other.complaints == wall.complaints == []


def test_an_answer_from_before_the_act_does_not_hide_it(domes: Domes) -> None:
    page = domes.page
    page.clock.install()
    page.reload()
    page.click(".stop-sites >> text=saf")
    page.click("text=Stop and make safe…")
    # No request ends because it takes long.
    stop_clock(page)
    held: list[tuple[Any, Any]] = []

    def hold_back(route: Any) -> None:
        held.append((route, route.fetch()))

    page.route("**/api/now*", hold_back)
    wait_until(page, lambda: page.clock.run_for(50) or held)
    press(page, part="safe")
    page.clock.run_for(1000)
    page.mouse.up()
    wait_step(page, "saf: STOP sent")
    route, answer = held[0]
    route.fulfill(response=answer)
    wait_until(page, lambda: page.clock.run_for(50) or len(held) > 1)
    assert steps(page).filter(has_text="saf: STOP sent").count() == 1
    page.unroute_all(behavior="ignoreErrors")


def test_what_nobody_picks_up_is_named_and_the_roof_is_closed_all_the_same(domes: Domes) -> None:
    domes.make_safe(domes.page)
    wait_step(domes.page, "saf: STOP sent")
    trouble = domes.page.locator(".stop-trouble")
    assert trouble.inner_text() == ""
    domes.until(domes.page, re.compile("^saf: STOP sent .* NOT PICKED UP for"))
    wait_text(trouble, "Stop of saf not picked up: use the hardware stop")
    domes.until(domes.page, "wema: CLOSE sent")
    assert domes.fetch("wema") == [CLOSE]
    wait_step(domes.page, re.compile("^wema: CLOSE sent .* picked up"))
    # The stop goes alone; what makes safe is not withdrawn by it.
    assert (domes.fetch("saf"), domes.fetch("saf")) == ([STOP], [PARK])
    wait_step(domes.page, re.compile("^saf: PARK sent .* picked up"))


def test_the_park_waits_for_a_stop_of_somebody_else(domes: Domes) -> None:
    other = domes.open("kim", "--name", "Kim")
    domes.make_safe(domes.page)
    wait_step(other, "saf: STOP sent")
    domes.stop(other, "saf")
    way = f"^saf: STOP sent {CLOCK} → gave way to the stop of Kim"
    wait_step(domes.page, re.compile(way))
    # The act goes on by the newer stop: its own is out of the way. Longer than the pause after a stop that was picked
    # up, and not as long as a stop is waited for.
    domes.here.after(6)
    domes.page.wait_for_timeout(2000)
    wait_step(domes.page, "saf: PARK comes next")
    assert domes.fetch("saf") == [STOP]
    wait_step(domes.page, re.compile(f"{way} → picked up {CLOCK}$"))
    domes.until(domes.page, "saf: PARK sent")
    assert domes.fetch("saf") == [PARK]
    assert domes.page.locator(".stop-trouble").inner_text() == ""


def test_made_safe_twice_the_second_act_takes_the_place_of_the_first(domes: Domes) -> None:
    domes.make_safe(domes.page)
    wait_step(domes.page, "saf: STOP sent")
    assert domes.fetch("saf") == [STOP]
    other = domes.open("kim", "--name", "Kim")
    domes.make_safe(other)
    for one in (domes.page, other):
        wait_step(one, "Stop and make safe: saf, by Kim")
        wait_text(steps(one).nth(1), "saf: STOP sent")
        wait_until(one, lambda one=one: steps(one).count() == 4)
    domes.here.after(3)
    assert domes.fetch("saf") == [STOP]
    domes.until(other, "saf: PARK sent")
    assert domes.fetch("saf") == [PARK]
    assert domes.got["saf"] == [STOP, STOP, PARK]


def test_an_act_that_cannot_be_begun_says_so_at_once(domes: Domes) -> None:
    domes.page.click("text=Stop and make safe…")
    domes.here.kill()
    hold(domes.page, part="safe")
    wait_text(domes.page.locator(".stop-trouble"), re.compile("^Stop of .* not sent: use the hardware stop$"))
    wait_step(domes.page, re.compile("STOP NOT SENT. The server cannot be reached.$"))
    assert domes.page.locator(".stop-trouble").is_visible()


# ---- stops side by side


def test_each_stop_that_nobody_picks_up_is_named(domes: Domes) -> None:
    page = domes.page
    domes.stop(page, "saf")
    wait_step(page, "saf: STOP sent")
    domes.stop(page, "mrc1")
    wait_step(page, "mrc1: STOP sent")
    domes.here.after(16)
    told = [f"Stop of {site} not picked up: use the hardware stop" for site in ("saf", "mrc1")]
    trouble = page.locator(".stop-trouble")
    wait_text(trouble, told[1])
    assert trouble.inner_text().splitlines() == told
    # A stop elsewhere puts none of it out of sight.
    domes.stop(page, "wema")
    wait_step(page, "wema: STOP sent")
    assert trouble.inner_text().splitlines() == told
    # What still waits cannot be put away.
    page.click("text=Put this away")
    assert steps(page).count() == 1


def test_the_same_dome_is_stopped_again(domes: Domes) -> None:
    page = domes.page
    domes.stop(page, "saf")
    wait_step(page, "saf: STOP sent")
    domes.stop(page, "saf")
    # The server withdraws the first stop for the second: no trouble.
    wait_step(page, "saf: STOP gave way to the next STOP")
    assert page.locator(".stop-trouble").inner_text() == ""
    assert domes.fetch("saf") == [STOP]
    wait_step(page, re.compile("^saf: STOP sent .* picked up"))
