"""STOP held again before all of an earlier one went out: nothing that was still to come is lost, or comes twice."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.page.here import Here
from tests.page.watching import Observatory, hold, log_in, wait_text
from tests.waiting import wait_for

OpenPage = Callable[..., Any]
STOP, PARK, CLOSE = "cancel_all_commands", "park", "close"
PICKED_UP = re.compile(r"picked up \d\d:\d\d:\d\d$")


class Domes:
    """Two domes, the station that closes one of them, and somebody at the page; `got` is what each site was given."""

    def __init__(self, here: Here, page: Any) -> None:
        self.here, self.page = here, page
        self.sites = {site: Observatory(here, site) for site in ("saf", "mrc1", "wema")}
        self.got: dict[str, list[str]] = {site: [] for site in self.sites}
        self.steps = page.locator(".stop-proof li")
        self.trouble = page.locator(".stop-trouble")
        for site in self.sites:
            self.fetch(site)

    def fetch(self, site: str) -> list[str]:
        fetched = [job["action"] for job in self.sites[site].fetch()]
        self.got[site] += fetched
        return fetched

    def stop(self, site: str) -> None:
        self.page.click(f".stop-sites >> text={site}")
        hold(self.page)

    def make_safe(self, site: str) -> None:
        self.page.click(f".stop-sites >> text={site}")
        self.page.click("text=Stop and make safe")
        hold(self.page, part="safe")

    def make_safe_until_park(self, site: str) -> None:
        """Make it safe; it asks once, for the stop, and the park is sent."""
        self.make_safe(site)
        self.wait_step(f"{site}: STOP sent")
        self.fetch(site)
        self.until_sent(f"{site}: PARK")

    def wait_step(self, text: str | re.Pattern[str]) -> None:
        wait_text(self.steps, text)

    def until_sent(self, words: str) -> None:
        """Time goes by, and nobody asks for jobs."""

        def is_sent() -> bool:
            self.here.after(1)
            self.page.wait_for_timeout(300)
            return bool(self.steps.filter(has_text=f"{words} sent").count())

        wait_for(is_sent)

    def until_proved(self) -> None:
        """Time goes by and all sites ask, until each step is picked up or gave way; a while longer for what is late.

        Two polls of a site are 3 s apart: closer ones look like a flush, and what a flush got is in doubt.
        """
        proved, rounds_after = '[data-step="picked_up"], [data-step="replaced"]', 0

        def are_proved() -> bool:
            nonlocal rounds_after
            self.here.after(3)
            self.page.wait_for_timeout(300)
            for site in self.sites:
                self.fetch(site)
            rounds_after += self.steps.count() == self.page.locator(f".stop-proof li:is({proved})").count()
            return rounds_after > 6

        wait_for(are_proved)


@pytest.fixture
def domes(here: Here, open_page: OpenPage) -> Iterator[Domes]:
    here.serve(stations=["wema=saf"], redeliver_stop=False)
    page = open_page(here.url)
    domes = Domes(here, page)
    log_in(page, here.url, here.token("staff", "--role", "admin"))
    page.locator(".stop-sites >> text=wema").wait_for()
    yield domes
    assert page.complaints == []
    for observatory in domes.sites.values():
        observatory.hang_up()


def test_another_dome_is_stopped_before_the_first_is_safe(domes: Domes) -> None:
    domes.make_safe("saf")
    domes.wait_step("saf: STOP sent")
    assert domes.fetch("saf") == [STOP]
    domes.wait_step(PICKED_UP)
    domes.stop("mrc1")
    domes.wait_step("mrc1: STOP sent")
    assert domes.steps.all_inner_texts()[1:3] == ["saf: PARK comes next", "wema: CLOSE comes next"]
    domes.until_proved()
    assert domes.got == {"saf": [STOP, PARK], "mrc1": [STOP], "wema": [CLOSE]}
    told = ["saf: STOP sent", "saf: PARK sent", "wema: CLOSE sent", "mrc1: STOP sent"]
    assert [text[: len(words)] for text, words in zip(domes.steps.all_inner_texts(), told, strict=True)] == told
    assert domes.trouble.inner_text() == ""


def test_the_same_dome_is_stopped_again(domes: Domes) -> None:
    domes.make_safe("saf")
    domes.wait_step("saf: STOP sent")
    # The server withdraws the first stop for the second: no trouble.
    domes.stop("saf")
    domes.wait_step("saf: STOP gave way to the next STOP")
    assert domes.trouble.inner_text() == ""
    # The park waits for the last stop, though the first is out of the way.
    domes.here.after(10)
    domes.page.wait_for_timeout(4000)
    domes.wait_step("saf: PARK comes next")
    assert domes.fetch("saf") == [STOP]
    domes.until_proved()
    assert domes.got == {"saf": [STOP, PARK], "mrc1": [], "wema": [CLOSE]}
    assert domes.trouble.inner_text() == ""


def test_a_park_that_waits_is_sent_again_after_the_stop_that_withdraws_it(domes: Domes) -> None:
    domes.make_safe_until_park("saf")
    domes.stop("saf")
    domes.wait_step("saf: PARK comes next")
    assert domes.fetch("saf") == [STOP]
    domes.until_proved()
    assert domes.got == {"saf": [STOP, STOP, PARK], "mrc1": [], "wema": [CLOSE]}
    assert domes.trouble.inner_text() == ""


def test_a_stop_is_for_the_park_that_was_handed_out(domes: Domes) -> None:
    domes.make_safe_until_park("saf")
    assert domes.fetch("saf") == [PARK]
    domes.wait_step(re.compile("saf: PARK .* picked up"))
    domes.stop("saf")
    domes.until_proved()
    assert domes.got == {"saf": [STOP, PARK, STOP], "mrc1": [], "wema": [CLOSE]}


def test_made_safe_twice_it_parks_once_after_the_last_stop(domes: Domes) -> None:
    domes.make_safe("saf")
    domes.wait_step("saf: STOP sent")
    assert domes.fetch("saf") == [STOP]
    domes.make_safe("saf")
    wait_text(domes.steps.nth(3), "saf: STOP sent")
    domes.here.after(3)
    assert domes.fetch("saf") == [STOP]
    domes.until_proved()
    assert domes.got == {"saf": [STOP, STOP, PARK], "mrc1": [], "wema": [CLOSE]}


def test_made_safe_again_it_parks_again_what_the_stop_held_up(domes: Domes) -> None:
    domes.make_safe_until_park("saf")
    assert domes.fetch("saf") == [PARK]
    domes.wait_step(re.compile("saf: PARK .* picked up"))
    domes.make_safe("saf")
    domes.wait_step("saf: PARK comes next")
    domes.until_proved()
    assert domes.got == {"saf": [STOP, PARK, STOP, PARK], "mrc1": [], "wema": [CLOSE]}
    # All of that is over: everything comes again, and what is proved makes room.
    domes.make_safe("saf")
    domes.until_proved()
    assert domes.got == {"saf": [STOP, PARK] * 3, "mrc1": [], "wema": [CLOSE] * 2}
    assert domes.steps.count() == 3


def test_what_is_put_away_is_over(domes: Domes) -> None:
    domes.make_safe("saf")
    domes.wait_step("saf: STOP sent")
    domes.stop("mrc1")
    domes.wait_step("mrc1: STOP sent")
    away = domes.page.locator("text=Put this away")
    assert away.is_hidden()
    domes.fetch("mrc1")
    domes.here.after(6)
    away.click()
    wait_text(domes.steps.nth(2), "wema: CLOSE comes next")
    assert domes.steps.count() == 3 and away.is_hidden()
    domes.until_proved()
    assert domes.got == {"saf": [STOP, PARK], "mrc1": [STOP], "wema": [CLOSE]}
    away.click()
    assert domes.page.locator(".stop-proof").is_hidden()


def test_each_stop_that_nobody_picks_up_is_named(domes: Domes) -> None:
    domes.stop("saf")
    domes.wait_step("saf: STOP sent")
    domes.stop("mrc1")
    domes.wait_step("mrc1: STOP sent")
    domes.here.after(16)
    told = [f"Stop of {site} not picked up: use the hardware stop" for site in ("saf", "mrc1")]
    wait_text(domes.trouble, told[1])
    assert domes.trouble.inner_text().splitlines() == told
    # A stop elsewhere puts none of it out of sight.
    domes.stop("wema")
    domes.wait_step("wema: STOP sent")
    assert domes.trouble.inner_text().splitlines() == told
