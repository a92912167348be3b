"""The machine's own Chromium, driven by playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# The first one is Chromium without a window: a page costs a third less CPU.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
INSTALL = "The browser tests need a Chromium and playwright (Debian: apt install chromium; pip install playwright)."


class NoBrowser(Exception):
    """Chromium or playwright is not installed."""


@contextmanager
def launched() -> Iterator[Any]:
    """Start a headless browser. Raise NoBrowser without one."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowser(INSTALL) from None
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise NoBrowser(INSTALL)
    with sync_playwright() as playwright:
        # Scroll bars are part of what must be red, so they are not hidden here.
        browser = playwright.chromium.launch(
            executable_path=found, args=FLAGS, ignore_default_args=["--hide-scrollbars"]
        )
        yield browser
        browser.close()
