"""`python -m tests.bench hub`: one process of a hub on PostgreSQL against one appliance with a file, in turns.

A PostgreSQL of its own on this machine, with fsync. Then the floors without prjobs, and the time until another process
serves after a clean stop and after a kill. Ratios carry over to other machines, the absolute figures do not.
"""

import argparse
import shutil
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench import sending, wakeup
from tests.bench.commits import BODY
from tests.bench.load import Load, Lost, ask_once, build_request
from tests.bench.processes import Appliance, scratch
from tests.bench.rounds import FULL, QUICK, Plan, compare, percentile
from tests.bench.writing import commits, new_jobs, updates
from tests.postgres import PostgresServer, reason_for_none

CLIENTS = (1, 8, 32)
HEALTH = build_request("/healthz", b"", method="GET")
LONGEST_S = 60.0
ROW = "{:<58} {:>12} {:>12} {:>7}"
TABLES = """
CREATE TABLE job (seq BIGINT PRIMARY KEY, ulid TEXT COLLATE "C" NOT NULL UNIQUE, site TEXT COLLATE "C" NOT NULL,
    status TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX job_unread ON job (site, seq) WHERE status = 'UNREAD';
CREATE TABLE change (seq BIGINT PRIMARY KEY, job_seq BIGINT NOT NULL, status TEXT NOT NULL);
CREATE INDEX change_job_seq ON change (job_seq);
CREATE TABLE door (id BIGINT PRIMARY KEY); INSERT INTO door VALUES (1);
"""


def main(asked: argparse.Namespace) -> bool:
    """Print the table; False without a PostgreSQL."""
    if reason := reason_for_none():
        print(f"no figures: {reason}")
        return False
    plan = QUICK if asked.quick else FULL
    with ExitStack() as stack:
        server, folder = PostgresServer(), stack.enter_context(scratch())
        stack.callback(server.stop)
        file = stack.enter_context(running(Appliance(folder / "file")))
        hub = stack.enter_context(running(member(folder / "hub", server.url)))
        print(ROW.format("what", "hub", "file", "ratio"), flush=True)
        # First, while no job waits.
        _print_waking(plan, hub, file)
        _print_rates(plan, hub, file)
        _print_floors(plan, server.url)
        _print_takeovers(1 if plan.quick else 3, folder, server.url, hub)
    return True


@contextmanager
def running(process: Appliance) -> Iterator[Appliance]:
    """The process, stopped at the end."""
    try:
        yield process
    finally:
        process.stop()


def member(folder: Path, url: str, first: Path | None = None) -> Appliance:
    """One more process of the hub, with the secret of the first."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "prjobs.toml").write_text(f'store_url = "{url}"\n')
    if first:
        shutil.copy(first / "secret", folder / "secret")
    return Appliance(folder)


# ---- rates


def _print_rates(plan: Plan, hub: Appliance, file: Appliance) -> None:
    both = (hub, file)
    polls = [[sending.poll("quiet")] for _ in both]
    jobs = [new_jobs(one).requests for one in both]
    reports = [updates(one).requests for one in both]
    for name, requests in (("empty poll", polls), ("newjob", jobs), ("report", reports)):
        for clients in CLIENTS:
            loads = [Load(one.port, given, clients) for one, given in zip(both, requests, strict=True)]
            found = compare(plan, *(_rate(plan, load) for load in loads))
            what = f"{name}, {clients} client{'s' * (clients > 1)}"
            print(
                ROW.format(what, f"{found.ours:,.0f}/s", f"{found.reference:,.0f}/s", f"{found.ratio:.2f}"), flush=True
            )
            for load in loads:
                load.close()


def _rate(plan: Plan, load: Load) -> Callable[[], float]:
    return lambda: load.run(plan.round_s).rate


# ---- the floors


def _print_floors(plan: Plan, url: str) -> None:
    """Print a round trip and a durable insert without prjobs, for each engine."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection, commits() as raw:
        connection.execute("CREATE SCHEMA floor; SET search_path = floor")
        connection.execute(TABLES)
        cursor = connection.cursor()

        def look() -> None:
            cursor.execute("SELECT seq FROM job WHERE site = %s AND status = 'UNREAD'", ("quiet",), prepare=True)
            cursor.fetchall()

        numbers = iter(range(1, 10**9))

        def insert() -> None:
            number = next(numbers)
            with connection.transaction():
                cursor.execute("SELECT id FROM door WHERE id = 1 FOR UPDATE")
                cursor.execute("INSERT INTO job VALUES (%s, %s, 'saf', 'UNREAD', %s)", (number, str(number), BODY))
                cursor.execute("INSERT INTO change VALUES (%s, %s, 'UNREAD')", (number, number))

        file = sqlite3.connect(raw.path)

        def look_in_file() -> None:
            file.execute("SELECT seq FROM job WHERE site = ? AND status = 'UNREAD'", ("quiet",)).fetchall()

        _print_floor(plan, "floor: one indexed SELECT", look, look_in_file)
        _print_floor(plan, "floor: insert job and change, one client", insert, raw.add)
        file.close()


def _print_floor(plan: Plan, what: str, ours: Callable[[], None], reference: Callable[[], None]) -> None:
    found = compare(plan, lambda: _repeated(ours, plan.round_s), lambda: _repeated(reference, plan.round_s))
    us = [f"{1_000_000 / rate:,.0f} µs" for rate in (found.ours, found.reference)]
    print(ROW.format(what, *us, f"{found.ratio:.2f}"), flush=True)


def _repeated(act: Callable[[], None], seconds: float) -> float:
    count, began_s = 0, time.perf_counter()
    while time.perf_counter() - began_s < seconds:
        act()
        count += 1
    return count / (time.perf_counter() - began_s)


# ---- waking, and taking over


def _print_waking(plan: Plan, hub: Appliance, file: Appliance) -> None:
    """Print the time from the sending of newjob until a held poll has the job."""
    woken = [wakeup.wake_often(one, plan.quick) for one in (hub, file)]
    for share, name in ((0.5, "median"), (0.99, "p99")):
        hub_s, file_s = (percentile(one, share) for one in woken)
        ms = [f"{one * 1000:.1f} ms" for one in (hub_s, file_s)]
        print(ROW.format(f"held poll answered after newjob was sent, {name}", *ms, f"{hub_s / file_s:.2f}"), flush=True)


def _print_takeovers(times: int, folder: Path, url: str, active: Appliance) -> None:
    """Print the time until another process serves, after a clean stop and after a kill."""
    # Imported late: the library of PostgreSQL is an extra.
    from prjobs.store.members import LOOK_S, SETTLED_S

    number = 0
    for name, end in (("a clean stop", Appliance.stop), ("a kill", Appliance.kill)):
        took_s = []
        for _ in range(times):
            number += 1
            other = member(folder / f"other{number}", url, folder / "hub")
            # Just after its start a process takes no missing connection for an end.
            time.sleep(SETTLED_S + LOOK_S)
            began_s = time.perf_counter()
            end(active)
            took_s.append(_served_after(other, began_s))
            active = other
        seconds = f"{statistics.median(took_s):.1f} s"
        print(ROW.format(f"another process serves after {name} of the active one", seconds, "", ""), flush=True)
    active.stop()


def _served_after(process: Appliance, began_s: float) -> float:
    while time.perf_counter() - began_s < LONGEST_S:
        if b'"role":"active"' in ask_once(process.port, HEALTH)[1]:
            return time.perf_counter() - began_s
        time.sleep(0.02)
    raise Lost("no process took over")
