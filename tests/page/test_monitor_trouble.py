"""The monitor when things go wrong: hostile names, a dead server, a silent one, a wrong clock."""

import re
from collections.abc import Callable
from typing import Any

from prjobs.base.marks import marked
from tests.odd_texts import OTHERS, TURNING
from tests.page.calling import Call
from tests.page.here import Here
from tests.page.watching import Observatory, log_in, state_word, stop_clock, wait_text, wait_until
from tests.program import Program

OpenPage = Callable[..., Any]
HOSTILE = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"


# ---- what must not happen


def test_hostile_names_stay_text(served: Program, observatory: Observatory, open_page: OpenPage) -> None:
    admin = served.token("staff", "--role", "admin")
    evil = {
        "user_name": HOSTILE,
        "user_id": "x'\"><b>",
        "device": "<b>cam</b>",
        "action": "<i>go",
        "instance": "'\"&lt;",
        "required_params": {HOSTILE: HOSTILE},
        "optional_params": {"object_name": "\u202eevil", "__proto__": 1},
    }
    sent = served.new_job(admin, **evil)
    observatory.fetch()
    observatory.report(sent["ulid"], "<s>struck</s>", 20)
    page = open_page(served.url)
    wait_text(page.locator(".work-row"), HOSTILE)
    wait_text(page.locator(".work-row"), "<s>struck</s>")
    page.keyboard.press("j")
    wait_text(page.locator("table.jobs tbody tr"), "<b>cam</b>")
    page.goto(f"{served.url}/#/jobs/{sent['ulid']}")
    wait_text(page.locator(".json:visible").first, HOSTILE)
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script, main s, main b").count() == 0
    assert page.complaints == []


def test_direction_characters_are_marks_and_the_page_does_as_prjobs_does(
    served: Program, admin: str, observatory: Observatory, page: Any, call: Call
) -> None:
    texts = [f"M{char}31" for char in TURNING + OTHERS] + ["\U0001f469\u200d\U0001f680", "Hβ\u202f3 nm", "\u05d0"]
    assert [call("marks.js", "marked", text) for text in texts] == [marked(text) for text in texts]
    turned = "Ann\u202ekcab\u2066\u200f"
    names = {"device": f"cam{turned}", "instance": turned, "action": f"go{turned}", "user_name": turned}
    sent = served.new_job(admin, user_id="staff", required_params={"object": turned}, **names)
    observatory.fetch()
    for address in ("#/now", "#/jobs", f"#/jobs/{sent['ulid']}"):
        page.goto(f"{served.url}/{address}")
        wait_text(page.locator("main >> visible=true"), "Ann<U+202E>kcab<U+2066><U+200F>")
        assert not set(page.locator("body").inner_text()) & set("\u202e\u2066\u200f")


def test_the_server_dies_and_comes_back(process: Program, open_page: OpenPage) -> None:
    process.new_job(process.token())
    page = open_page(process.url)
    wait_text(page.locator(".work-row"), "waiting")
    wait_text(page.locator(".link-state"), "live")
    port = process.url.rpartition(":")[2]

    process.kill()
    wait_text(page.locator(".not-live-word"), "NOT LIVE")
    assert page.locator("[role=alert]", has_text="NOT LIVE").is_visible()
    wait_text(state_word(page), "NOT LIVE")
    assert page.title().startswith("NOT LIVE")
    # The page turns paler by and by.
    wait_until(page, lambda: float(page.locator("main").evaluate("main => getComputedStyle(main).opacity")) < 1)

    process.serve("--port", port)
    # The page tries by itself too: the button may be gone by now.
    page.locator("text=Try now").evaluate("button => button.click()")
    page.locator(".not-live-word >> visible=true").wait_for(state="hidden")
    wait_text(page.locator(".link-state"), "live")
    Observatory(process).fetch()
    wait_text(page.locator(".work-row"), "picked up")


def test_a_server_that_holds_its_tongue_is_not_live(served: Program, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/favicon.ico")
    page.clock.install()
    page.goto(served.url)
    wait_text(page.locator(".link-state"), "live")
    stop_clock(page)
    unanswered: list[Any] = []

    def hold(route: Any) -> None:
        unanswered.append(route)

    page.route("**/api/**", hold)
    wait_until(page, lambda: page.clock.run_for(10) or unanswered)
    page.clock.run_for(7000)
    assert re.match("updated [6-9] s ago", page.locator(".link-state").inner_text())
    assert page.locator(".not-live-word").is_hidden()
    page.clock.run_for(4000)
    wait_text(page.locator(".not-live-word"), "NOT LIVE")
    page.unroute_all(behavior="ignoreErrors")
    # While no time passes the page does not try by itself.
    page.click("text=Try now")
    page.clock.resume()
    wait_text(page.locator(".link-state"), "live")


def test_another_data_folder_behind_the_same_address(process: Program, tmp_path: Any, open_page: OpenPage) -> None:
    sent = process.new_job(process.token(), action="of_the_old_house")
    page = open_page(f"{process.url}/#/jobs")
    wait_text(page.locator("table.jobs tbody tr"), "of_the_old_house")
    process.kill()
    other = Program(tmp_path / "other")
    try:
        other.serve("--port", process.url.rpartition(":")[2])
        wait_text(page.locator(".foot >> visible=true"), "No jobs in this night")
        assert sent["ulid"] not in page.content()
    finally:
        other.kill()


def test_the_page_asks_one_thing_at_a_time_and_not_too_often(served: Program, open_page: OpenPage) -> None:
    page = open_page(served.url)
    wait_text(page.locator(".link-state"), "live")
    flying, most, asked = set(), [0], []

    def sent(request: Any) -> None:
        asked.append(request.url)
        flying.add(request)
        most[0] = max(most[0], len(flying))

    def ended(request: Any) -> None:
        flying.discard(request)

    page.on("request", sent)
    page.on("requestfinished", ended)
    page.on("requestfailed", ended)
    page.wait_for_timeout(8000)
    assert most[0] == 1
    assert 1 <= len(asked) <= 10


def test_where_reading_needs_a_login_the_page_says_so(here: Here, open_page: OpenPage) -> None:
    here.serve(observatory_access="token")
    page = open_page(here.url)
    wait_text(page.locator(".notice-alert"), "Reading needs a login")
    log_in(page, here.url, here.token("auth0|alice"))
    wait_text(page.locator(".link-state"), "live")
    assert page.locator(".notice-alert >> visible=true").count() == 0


def test_a_wrong_clock_here_is_said_and_does_no_harm(served: Program, alice: str, open_page: OpenPage) -> None:
    served.new_job(alice)
    page = open_page(f"{served.url}/favicon.ico")
    page.add_init_script("{ const now = Date.now; Date.now = () => now() + 3600000; }")
    page.goto(served.url)
    wait_text(page.locator(".notice >> visible=true"), "ahead of the server's")
    wait_text(page.locator(".work-row"), re.compile(r"for \d+ s"))
    assert page.locator(".not-live-word").is_hidden()
