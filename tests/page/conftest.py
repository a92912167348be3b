"""A real browser for the page: the machine's own Chromium, driven by playwright."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from prjobs.monitor.rules import rules_of
from tests.page.axe import list_grave
from tests.page.calling import STATIC, Call
from tests.page.chromium import NoBrowser, launched
from tests.page.here import Here
from tests.page.tour import House
from tests.page.watching import COUNT_TONES, Observatory, log_in
from tests.program import Program
from tests.waiting import PATIENCE_S


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless browser; without one the tests of the page are skipped."""
    try:
        with launched() as browser:
            yield browser
    except NoBrowser as missing:
        pytest.skip(str(missing))


class _Files(SimpleHTTPRequestHandler):
    extensions_map = {".js": "text/javascript", ".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml"}

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="session")
def files() -> Iterator[str]:
    """The folder static/ on a web server that knows nothing else; its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(STATIC)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def call(browser: Any, files: str) -> Iterator[Call]:
    """The functions of static/, in a browser that is in New York."""
    context = browser.new_context(timezone_id="America/New_York")
    page = context.new_page()
    page.goto(f"{files}/favicon.svg")
    call = Call(page)
    call("rules.js", "takeRules", msgspec.to_builtins(rules_of({})))
    yield call
    context.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open pages of their own, each with its own cookies. What the page complains about is in `page.complaints`."""
    contexts = []

    def open_page(url: str, theme: str = "dark", width: int = 1280, height: int = 800, **named: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **named)
        contexts.append(context)
        context.add_cookies([{"name": "prjobs_theme", "value": theme, "url": url.partition("#")[0]}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda said: page.complaints.append(said.text) if "Content Security" in said.text else None)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def found(browser: Any) -> Callable[..., list[str]]:
    """`found(page, theme)`: what is grave, one line for each rule and element."""
    return partial(list_grave, pytest.importorskip("axe_playwright_python.sync_playwright").Axe())


@pytest.fixture
def here(browser: Any, tmp_path: Path, patient: None) -> Iterator[Here]:
    """The program in this process, to be served. Asked for after the browser: nothing starts where there is none."""
    here = Here(tmp_path / "here")
    yield here
    here.kill()


@pytest.fixture
def served(here: Here) -> Here:
    """The program, served from this process; a stop in doubt stays in doubt and does not come once more."""
    here.serve(redeliver_stop=False)
    return here


@pytest.fixture
def process(browser: Any, program: Program) -> Program:
    """The program as a process of its own, serving: one that can be killed."""
    program.serve()
    return program


@pytest.fixture
def alice(served: Here) -> str:
    """The token of an ordinary user."""
    return served.token("auth0|alice", "--name", "Alice A.")


@pytest.fixture
def admin(served: Here) -> str:
    """The token of an administrator, user id staff."""
    return served.token("staff", "--role", "admin")


@pytest.fixture
def page(served: Here, admin: str, observatory: Observatory, open_page: Callable[..., Any]) -> Any:
    """The monitor in the hands of an administrator, when the site saf has asked for jobs; its tones are counted."""
    observatory.fetch()
    page = open_page(served.url)
    page.add_init_script(COUNT_TONES)
    log_in(page, served.url, admin)
    return page


@pytest.fixture
def observatory(served: Here) -> Iterator[Observatory]:
    """The program of the site saf."""
    observatory = Observatory(served)
    yield observatory
    observatory.hang_up()


@pytest.fixture(scope="session")
def house(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A busy house with everything that the monitor can show, for tests that look; the tokens of a tour stay."""
    house = House(tmp_path_factory.mktemp("house") / "data")
    yield house
    house.close()
