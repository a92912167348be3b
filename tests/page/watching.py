"""Watching the monitor work: a site's program to play the observatory, and a pair of eyes."""

import re
from typing import Any

from tests.program import Program


class Observatory:
    """A site's program, as far as a test needs one: it asks for jobs and reports on them."""

    def __init__(self, program: Program, site: str = "saf") -> None:
        self.program = program
        self.site = site

    def fetch(self, **more: Any) -> list[dict[str, Any]]:
        answer = self.program.post("getnewjobs", {"site": self.site, **more})
        assert answer.status_code == 200
        return answer.json()

    def report(self, ulid: str, status: str, seconds: int | None = None) -> None:
        body = {"site": self.site, "ulid": ulid, "newStatus": status, "secondsUntilComplete": seconds}
        assert self.program.post("updatejobstatus", body).status_code == 200


def log_in(page: Any, url: str, token: str) -> None:
    page.goto(f"{url}/login")
    page.fill("#token", token)
    page.click("text=Log in >> visible=true >> nth=-1")
    page.wait_for_url(f"{url}/")


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
