"""Watching the monitor work: a site's program to play the observatory, and a pair of eyes."""

import json
import re
import socket
import struct
from collections.abc import Callable
from typing import Any

import requests

from tests.program import Program
from tests.waiting import Found, wait_for

# Counts what the page plays, in window.tones.
COUNT_TONES = """window.tones = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...at) { window.tones += 1; return start.apply(this, at); };"""


class Observatory:
    """A site's program, as far as a test needs one: it asks for jobs and reports on them, on one connection."""

    def __init__(self, program: Program, site: str = "saf") -> None:
        self.program = program
        self.site = site
        self.session = requests.Session()

    def fetch(self, **more: Any) -> list[dict[str, Any]]:
        return self._post("getnewjobs", {"site": self.site, **more}).json()

    def poll(self) -> list[dict[str, Any]]:
        """As a program does that asks again and again: one request alone makes no site that could fall silent."""
        return self.fetch() + self.fetch()

    def report(self, ulid: str, status: str, seconds: int | None = None) -> None:
        body = {"site": self.site, "ulid": ulid, "newStatus": status, "secondsUntilComplete": seconds}
        self._post("updatejobstatus", body)

    def hang_up(self) -> None:
        """The connection is reset; what it got last is proved by nothing."""
        pools = self.session.get_adapter(self.program.url).poolmanager.pools
        for pool in map(pools.get, pools.keys()):
            connection = pool._get_conn()
            if connection.sock is not None:
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    def _post(self, name: str, body: dict[str, Any]) -> requests.Response:
        answer = self.session.post(f"{self.program.url}/{name}", data=json.dumps(body), timeout=60)
        assert answer.status_code == 200
        return answer


def hold_first_answer(page: Any, url: str) -> list[tuple[Any, Any]]:
    """Keep the first answer of an address back; return the list that gets the request's route, and the answer."""
    held: list[tuple[Any, Any]] = []

    def answer(route: Any) -> None:
        found = route.fetch()
        if held:
            route.fulfill(response=found)
        else:
            held.append((route, found))

    page.route(url, answer)
    return held


def log_in(page: Any, url: str, token: str) -> None:
    """Log this browser in as the login page does, and open the monitor anew."""
    headers = {"X-Prjobs-Page": "1"}
    answer = page.context.request.post(f"{url}/api/login", data={"token": token}, headers=headers)
    assert answer.ok, answer.text()
    page.goto(f"{url}/")


def log_in_by_form(page: Any, url: str, token: str) -> None:
    """What a person does with a token."""
    page.goto(f"{url}/login")
    page.fill("#token", token)
    page.click("text=Log in >> visible=true >> nth=-1")
    page.wait_for_url(f"{url}/")


def press(page: Any, part: str = "stop") -> None:
    """Press the button that stops, or with `part` "safe" the one that makes safe as well, and do not let it go."""
    page.locator(f"[data-stop] [data-part={part}]").hover()
    page.mouse.down()


def hold(page: Any, part: str = "stop") -> None:
    """Hold such a button until it acts."""
    hold_button(page.locator(f"[data-stop] [data-part={part}]"))


def hold_button(button: Any) -> None:
    """Hold any button that stops until it acts."""
    button.hover()
    button.page.mouse.down()
    button.page.locator("[data-holding]").wait_for(state="detached")
    button.page.mouse.up()


def _pause_soon(page: Any) -> bool:
    """Pause the clock at a moment to come; False when that was over by then."""
    from playwright.sync_api import Error

    try:
        page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 0.5)
    except Error as error:
        assert "past" in str(error)
        return False
    return True


def stop_clock(page: Any) -> None:
    """Let no time pass in a page whose clock was installed, but by `page.clock.run_for`."""
    wait_for(lambda: _pause_soon(page))


def arm(button: Any) -> None:
    """Click a button that asks for a second click until it asks: the question may be over before anybody sees it."""
    armed = button.page.locator("[data-armed]")
    wait_until(button.page, lambda: button.click() or armed.count())


def click_twice(button: Any) -> None:
    """Click a button that asks for a second click, which must not come too soon; one that comes too late is a first."""
    armed = button.page.locator("[data-armed]")
    arm(button)
    while armed.count():
        button.page.wait_for_timeout(500)
        button.click()


def state_word(page: Any, site: str = "saf") -> Any:
    return page.locator(".site", has=page.locator(".site-name", has_text=re.compile(f"^{site}$"))).locator(".state")


def wait_text(locator: Any, text: str | re.Pattern[str]) -> None:
    locator.filter(has_text=text).first.wait_for()


def wait_change(locator: Any) -> None:
    """Wait until another text stands there than now."""
    text = locator.inner_text()
    wait_until(locator.page, lambda: locator.inner_text() != text)


def wait_until(page: Any, find: Callable[[], Found]) -> Found:
    """Wait as `wait_for` does, and let the page's requests and events reach the test meanwhile."""
    return wait_for(find, pause=lambda: page.wait_for_timeout(25))


def assert_live(page: Any) -> None:
    """Wait until the page has asked twice to be told at once of what changes; a page that nobody sees never does."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    wait_until(page, lambda: len([url for url in asked if re.search(r"/api/changes\?.*wait=[1-9]", url)]) >= 2)


def wait_tones(page: Any, count: int = 3) -> None:
    """Wait until so many tones were heard."""
    wait_until(page, lambda: page.evaluate("window.tones") >= count)
