"""`python -m tests.bench stop`: the time from a stop's newjob to the end of the simulated mount's motion.

The appliance, `prjobs observe` and the INDI server with its simulators are processes. A witness at the INDI server sees
the end of the motion.
"""

import argparse
import statistics
import time
from pathlib import Path

from tests.bench.processes import scratch
from tests.observing.indi import MOUNT, NAMES, IndiServer, Witness
from tests.observing.observer import Observer
from tests.observing.station import Users
from tests.program import Program
from tests.waiting import wait_for

QUICK_ROUNDS = 5


def main(asked: argparse.Namespace) -> bool:
    """Run the rounds and print median and worst; True: no figure is judged."""
    with scratch() as folder:
        took_ms = run(folder, QUICK_ROUNDS if asked.quick else asked.rounds)
    print(f"stops {len(took_ms)}, median {statistics.median(took_ms):.0f} ms, worst {max(took_ms):.0f} ms")
    return True


def run(home: Path, rounds: int) -> list[float]:
    """Stop a slew again and again; the milliseconds of each."""
    program, devices = Program(home / "data"), IndiServer(home)
    try:
        url = program.serve()
        observer = Observer(home, url, ("--indi", f"127.0.0.1:{devices.port}"), NAMES)
        users, witness = Users(url, program.token("auth0|alice", "--role", "admin")), Witness(devices.port)
        users.outcome(users.send("enclosure", "open"))
        try:
            return [stop_once(users, witness) for _ in range(rounds)]
        finally:
            observer.kill()
    finally:
        program.kill()
        devices.kill()


def stop_once(users: Users, witness: Witness) -> float:
    """Begin a slew and stop it; the milliseconds from the request to the witness's sight of the end."""
    ra_h = (witness.ra_h() + 11) % 24
    users.send("mount", "go", ra=f"{ra_h:.5f}", dec="82", frame="apparent")
    wait_for(lambda: witness.moves("mount"))
    asked_s = time.monotonic()
    stop = users.stop()
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
    users.outcome(stop)
    return (ended.time_s - asked_s) * 1000
