"""Watching the monitor work: a site's program to play the observatory, and a pair of eyes."""

import json
import re
from typing import Any

import requests

from tests.program import Program

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
        """The connection is gone; what it got last is proved by nothing."""
        self.session.close()

    def _post(self, name: str, body: dict[str, Any]) -> requests.Response:
        answer = self.session.post(f"{self.program.url}/{name}", data=json.dumps(body), timeout=30)
        assert answer.status_code == 200
        return answer


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


def hold(page: Any, seconds: float = 0.9, part: str = "stop") -> None:
    """Hold the button that stops, or with `part` "safe" the one that makes safe as well."""
    box = page.locator(f"[data-stop] [data-part={part}]").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.wait_for_timeout(seconds * 1000)
    page.mouse.up()


def state_word(page: Any, site: str = "saf") -> Any:
    return page.locator(".site", has=page.locator(".site-name", has_text=re.compile(f"^{site}$"))).locator(".state")


def wait_text(locator: Any, text: str | re.Pattern[str], timeout: int = 15_000) -> None:
    locator.filter(has_text=text).first.wait_for(timeout=timeout)


def wait_tones(page: Any, count: int = 3) -> None:
    """Until so many tones were heard; the page's policy forbids playwright's own waiting."""
    for _ in range(100):
        if page.evaluate("window.tones") >= count:
            return
        page.wait_for_timeout(100)
    raise AssertionError("silence")
