"""`python -m tests.bench stop`: the time from a stop to the end of the simulated mount's motion.

The appliance, `prjobs observe` and the INDI server with its simulators are processes. A witness at the INDI server sees
the end of the motion. The stops are sent by `newjob`, then with STOP on the page in Chromium.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.processes import scratch
from tests.observing.indi import LONG_SLEW_H, MOUNT, NAMES, IndiServer, Witness
from tests.observing.observer import Observer, with_devices
from tests.observing.station import Users
from tests.page.chromium import NoBrowser, launched
from tests.page.watching import log_in, wait_text
from tests.program import Program
from tests.waiting import wait_for

QUICK_ROUNDS = 5
BUTTON = "[data-stop] [data-part=stop]"


def main(asked: argparse.Namespace) -> bool:
    """Run the rounds and print median and worst; True: no figure is judged."""
    rounds = QUICK_ROUNDS if asked.quick else asked.rounds
    with scratch() as folder, site(folder) as (program, users, witness):
        _say("newjob", [stop_once(users, witness, lambda: by_newjob(users)) for _ in range(rounds)])
        try:
            with launched() as browser:
                page = browser.new_page()
                log_in(page, program.url, program.token("auth0|bob", "--role", "admin"))
                wait_text(page.locator(BUTTON), "HOLD TO STOP")
                _say("page, from the press", [stop_once(users, witness, lambda: by_page(page)) for _ in range(rounds)])
        except NoBrowser as missing:
            print(missing)
    return True


def _say(how: str, took_ms: list[float]) -> None:
    print(f"{how}: stops {len(took_ms)}, median {statistics.median(took_ms):.0f} ms, worst {max(took_ms):.0f} ms")


@contextmanager
def site(home: Path) -> Iterator[tuple[Program, Users, Witness]]:
    """Start the processes of a site, and open the roof."""
    program, devices = Program(home / "data"), IndiServer(home)
    try:
        url = program.serve()
        observer = Observer(home, url, ("--indi", f"127.0.0.1:{devices.port}"), with_devices(NAMES))
        users, witness = Users(url, program.token("auth0|alice", "--role", "admin")), Witness(devices.port)
        users.outcome(users.send("enclosure", "open"))
        try:
            yield program, users, witness
        finally:
            observer.kill()
    finally:
        program.kill()
        devices.kill()


def stop_once(users: Users, witness: Witness, stop: Callable[[], float]) -> float:
    """Begin a slew and stop it; the milliseconds to the witness's sight of the end. `stop` returns its begin."""
    ra_h = (witness.ra_h() + LONG_SLEW_H) % 24
    slew = users.send("mount", "go", ra=f"{ra_h:.5f}", dec="82", frame="apparent")
    wait_for(lambda: witness.moves("mount"))
    asked_s = stop()
    ended = wait_for(
        lambda: next(
            (
                one
                for one in witness.since(asked_s)
                if (one.device, one.name) == (MOUNT, "EQUATORIAL_EOD_COORD") and one.state != "Busy"
            ),
            None,
        )
    )
    status, message = users.outcome(slew)
    assert status == "ABORTED", (status, message)
    return (ended.time_s - asked_s) * 1000


def by_newjob(users: Users) -> float:
    """Send a stop; the time of the request."""
    asked_s = time.monotonic()
    users.stop()
    return asked_s


def by_page(page: Any) -> float:
    """Hold STOP until the page sends the stop; the time of the press."""
    page.locator(BUTTON).hover()
    asked_s = time.monotonic()
    page.mouse.down()
    page.locator("[data-holding]").wait_for(state="detached")
    page.mouse.up()
    return asked_s
