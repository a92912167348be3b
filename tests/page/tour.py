"""A tour of everything that the monitor shows, in the hands of an administrator of a busy house.

`tour(page, house)` brings the page into one state after the other and yields its name; what is to be seen of it is
the caller's business.
"""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from tests.cloud.cloud_model import SITE
from tests.page.linked import Link
from tests.page.watching import Observatory, wait_text
from tests.waiting import wait_for

FLAGS = ("--reservations", "local", "--stations", "wema=saf", "--groups", "north=saf+mrc1")


class House:
    """Two sites, one of them linked to a cloud: jobs in every phase, a reservation, alarms, a refused status."""

    def __init__(self, folder: Path) -> None:
        self.link = Link(folder, *FLAGS)
        self.program = self.link.program
        self.url = self.program.url
        self.admin = self.program.token("staff", "--role", "admin", "--name", "Staff S.")
        self.refuse_a_status()
        self.fill()
        self.wait_for_alarms()

    def refuse_a_status(self) -> None:
        (refused,) = self.link.take()
        self.link.answers[refused] = 400
        self.link.observatory.report(refused, "ODD")

    def fill(self) -> None:
        send, observatory = self.new_job, self.link.observatory
        Observatory(self.program, "mrc1").fetch()
        done, failed, running, overdue = (send(action=f"act{number}") for number in range(4))
        self.send_many(20)
        observatory.fetch()
        observatory.report(done, "COMPLETE")
        observatory.report(failed, "FAILED")
        observatory.report(running, "EXPOSING", 600)
        observatory.report(overdue, "EXPOSING", 0)
        self.job = running
        self.send_many(3)
        send(device="all", instance="all", action="cancel_all_commands")
        self.reserve()

    def send_many(self, count: int) -> None:
        for number in range(count):
            self.new_job(action=f"more{number}")

    def new_job(self, **parts: Any) -> str:
        return str(self.program.new_job(self.admin, user_id="staff", site=SITE, **parts)["ulid"])

    def reserve(self) -> None:
        now_ms = round(time.time() * 1000)
        body = {"site": SITE, "creator_id": "ann", "creator": "Ann K.", "title": "M31", "force": True}
        hour = 3_600_000
        for start_ms in (now_ms - hour, now_ms + 2 * hour):
            self.api("POST", "reservations", {**body, "start_ms": start_ms, "end_ms": start_ms + 2 * hour})

    def api(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.admin}"}
        answer = requests.request(method, f"{self.url}/api/{path}", json=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait_for_alarms(self) -> None:
        """A stop that nobody picks up, and a status that the cloud does not take."""
        wait_for(lambda: {"stop", "notice"} <= {alarm["kind"] for alarm in self.api("GET", "now")["alarms"]})

    def close(self) -> None:
        self.link.close()


def log_in_quickly(page: Any, house: House) -> None:
    name = f"prjobs_login_{house.api('GET', 'now')['store']}"
    page.context.add_cookies([{"name": name, "value": house.admin, "url": house.url}])


# ---- one state each


def now(page: Any, house: House) -> None:
    page.goto(f"{house.url}/#/now")
    wait_text(page.locator(".alarm"), "Acknowledge")
    wait_text(page.locator(".work-row"), "EXPOSING")


def help_of_keys(page: Any, house: House) -> None:
    page.keyboard.press("?")
    page.locator("dialog[open]").wait_for()


def jobs(page: Any, house: House) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.locator("table.jobs tbody tr[data-phase]").nth(12).wait_for()


def jobs_with_a_wrong_filter(page: Any, house: House) -> None:
    page.fill("#filter", "colour:red status:waiting")
    page.locator("#filter").select_text()
    wait_text(page.locator("#filter-problem"), "is no filter")


def jobs_with_a_tip(page: Any, house: House) -> None:
    page.fill("#filter", "")
    page.hover("[data-part=link]")
    page.locator(".tip >> visible=true").wait_for()


def job(page: Any, house: House) -> None:
    page.goto(f"{house.url}/#/jobs/{house.job}")
    page.locator(".job-head h1").wait_for()


def job_to_close(page: Any, house: House) -> None:
    page.get_by_text("Close it…").click()
    page.locator("[data-part=closeNow]").click()
    wait_text(page.locator(".job .problem"), "Say why")


def job_as_json(page: Any, house: House) -> None:
    page.get_by_role("button", name="Raw JSON").click()
    wait_text(page.locator(".job-raw"), house.job)


def job_unknown(page: Any, house: House) -> None:
    page.goto(f"{house.url}/#/jobs/01KB0000000000000000000009")
    page.locator("[data-screen=job] [data-part=foot]:not(:empty)").wait_for()


def send(page: Any, house: House) -> None:
    page.goto(f"{house.url}/#/send")
    page.locator(".command").first.click()
    page.locator(".send-form summary").click()
    page.locator(".send-form input").first.fill("60")
    page.locator(".send-form input").first.select_text()


def send_by_hand(page: Any, house: House) -> None:
    page.get_by_role("button", name="by hand").click()
    page.locator(".send-form textarea").first.fill("{")
    wait_text(page.locator(".missing"), "is no JSON object")


def site(page: Any, house: House) -> None:
    page.goto(f"{house.url}/#/site/{SITE}")
    wait_text(page.locator(".card"), "asks")
    wait_text(page.locator(".parked"), "ODD")
    page.locator("svg.gaps").first.wait_for()
    page.locator(".settings > div").nth(10).wait_for()


def site_with_mistakes(page: Any, house: House) -> None:
    for form in ("[data-reservations]", "[data-tokens]"):
        page.locator(f"{form} form [data-part=submit]").click()
        wait_text(page.locator(f"{form} form .problem"), "Not sent")
    page.locator("[data-tokens] form").get_by_label(re.compile("^viewer")).check()
    page.locator("[data-part=giveup]").click()


def site_with_secrets(page: Any, house: House) -> None:
    page.locator("[data-tokens] form").get_by_label("user id").fill("tim")
    for made in ("[data-tokens]", "[data-wall-link]"):
        page.locator(f"{made} form [data-part=submit]").click()
        page.locator(f"{made} .made").wait_for()


def table_of_sites(page: Any, house: House) -> None:
    page.goto(f"{house.url}/#/now?view=table")
    page.locator(".site-rows tbody tr").nth(1).wait_for()
    page.locator(".site-group").wait_for()


def site_of_many(page: Any, house: House) -> None:
    page.locator(".site-rows tbody a").first.click()
    page.locator(".now-back a").wait_for()


def stop_that_fails(page: Any, house: House) -> None:
    """Its banner lies over every screen."""
    page.goto(f"{house.url}/#/now")
    page.route("**/newjob", lambda route: route.abort())
    page.locator("[data-stop] .stop-button >> visible=true").first.wait_for()
    page.locator("[data-stop] [data-part=more]").click()
    page.locator("[data-part=stop]").focus()
    page.keyboard.down(" ")
    wait_text(page.locator(".stop-trouble"), "use the hardware stop")
    page.keyboard.up(" ")


def wall(page: Any, house: House) -> None:
    page.goto(f"{house.url}/?wall=1")
    wait_text(page.locator(".work-row"), "EXPOSING")


def login(page: Any, house: House) -> None:
    page.goto(f"{house.url}/login")
    page.locator("[data-part=submit]").click()
    wait_text(page.locator(".problem"), "Paste a token first.")


def login_refused(page: Any, house: House) -> None:
    page.goto(f"{house.url}/login#once=wrong")
    wait_text(page.locator(".problem"), "This link does not log in.")
    page.fill("#token", "something")
    page.locator("#token").fill("")
    page.locator("#token").blur()


def night(page: Any, house: House) -> None:
    page.goto(f"{house.url}/night?site={SITE}")
    page.locator("h1").wait_for()


def manual(page: Any, house: House) -> None:
    page.goto(f"{house.url}/manual/program#beyond-the-original")
    page.locator("#beyond-the-original").wait_for()


def manual_search(page: Any, house: House) -> None:
    page.goto(f"{house.url}/manual")
    page.get_by_label("Search the manual").fill("stop")
    page.get_by_role("button", name="Search").click()
    page.locator("mark").first.wait_for()
    page.locator("#search").select_text()


def nothing_there(page: Any, house: House) -> None:
    page.goto(f"{house.url}/nothing-there")
    wait_text(page.locator("p"), "There is nothing at this address.")


State = Callable[[Any, House], None]
STATES: tuple[State, ...] = (
    now,
    help_of_keys,
    jobs,
    jobs_with_a_wrong_filter,
    jobs_with_a_tip,
    job,
    job_to_close,
    job_as_json,
    job_unknown,
    send,
    send_by_hand,
    site,
    site_with_mistakes,
    site_with_secrets,
    table_of_sites,
    site_of_many,
    stop_that_fails,
    wall,
    login,
    login_refused,
    night,
    manual,
    manual_search,
    nothing_there,
)


def begin_the_night(page: Any) -> None:
    """Let it be early in the afternoon where the browser is: at noon the list of tonight's jobs begins anew."""
    ahead_h = 14 - datetime.now(UTC).hour
    # Zones of this kind have the sign of the way back to UTC.
    zone = {"timezoneId": f"Etc/GMT{-ahead_h:+d}"}
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", zone)


def tour(page: Any, house: House) -> Iterator[str]:
    """The names of the states, one after the other, while the page is in them."""
    begin_the_night(page)
    log_in_quickly(page, house)
    for state in STATES:
        state(page, house)
        yield state.__name__
