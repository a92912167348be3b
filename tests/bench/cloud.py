"""The long campaign of the cloud link. Prints jobs, faults, crashes, lost, twice and wrong statuses; all must be 0.

python -m tests.bench.cloud model [RUNS] [JOBS] [FIRST_SEED]   default 115 runs of 10,000 jobs, about 1 hour on 2 cores
python -m tests.bench.cloud tcp [JOBS] [FAULTS]                default 10,000 jobs and 1,000 faults, about 6 minutes
python -m tests.bench.cloud kills [KILLS]                      default 1,000 times kill -9, about 20 minutes
python -m tests.bench.cloud outage [JOBS]                      default 10,000 jobs, three days off, by libfaketime
"""

import logging
import multiprocessing
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from tests.cloud.campaign import Campaign
from tests.cloud.model import run_world
from tests.cloud.outage import library, live_through

# Users ask for so many jobs a second. The sweeps' overlap of them fits into a page of the cloud, as ten minutes of an
# observatory's do: otherwise every sweep is a walk, of whose pages three in ten fail, and statuses wait for its end.
RATE, PAGE = 40, 1200
SHOWN = ("lost", "twice", "wrong", "unsent", "ran though cancelled")


def one_run(asked: tuple[int, int]) -> tuple[int, dict[str, Any]]:
    """(seed, report) of one run of the model."""
    logging.disable(logging.CRITICAL)
    jobs, seed = asked
    try:
        return seed, run_world(jobs, seed)
    except Exception:
        return seed, {"error": traceback.format_exc()}


def run_model(runs: int, jobs: int, first: int) -> bool:
    """Many runs on all processors; whether all were clean."""
    total: Counter[str] = Counter()
    asked = [(jobs, seed) for seed in range(first, first + runs)]
    with multiprocessing.Pool() as pool:
        for seed, report in pool.imap_unordered(one_run, asked):
            if "error" in report:
                print(f"seed {seed}: {report['error']}", flush=True)
                total["errors"] += 1
                continue
            if any(report[name] for name in SHOWN):
                print(f"seed {seed}: {report}", flush=True)
                total["runs that show something"] += 1
            total.update({name: count for name, count in report.items() if isinstance(count, int)})
            total.update({f"({word})": count for word, count in report["counts"].items()})
            total["runs"] += 1
            if total["runs"] % 10 == 0 or total["runs"] == runs:
                print(f"runs of {jobs} jobs from seed {first}: {dict(total)}", flush=True)
    return not any(total[name] for name in (*SHOWN, "errors"))


def run_tcp(jobs: int, faults: int) -> bool:
    """The real program behind the fault proxy."""
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder) / "data", page=PAGE)
        try:
            campaign.start()
            campaign.proxy.share, campaign.proxy.left = 0.3, faults
            # A page of this cloud holds what comes in two seconds, several times over.
            campaign.send(jobs, RATE)
            while campaign.proxy.left:
                campaign.send(20, RATE)
            campaign.settle(600)
            report = campaign.report()
        finally:
            campaign.close()
    print(report, flush=True)
    return is_clean(report)


def is_clean(report: dict[str, int]) -> bool:
    """Whether nothing was lost, doubled or wrong."""
    return not (report["lost"] or report["twice"] or report["wrong status"])


def kill_often(asked: tuple[int, int]) -> dict[str, int]:
    """The real program, killed about every one and a half seconds and started again, while faults go on."""
    kills, seed = asked
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder) / "data", seed, PAGE)
        try:
            campaign.start()
            campaign.proxy.share, campaign.proxy.left = 0.1, 10**9
            for _ in range(kills):
                campaign.send(10, RATE)
                time.sleep(campaign.cloud.chance.random())
                campaign.kill()
            campaign.settle(600)
            return campaign.report()
        finally:
            campaign.close()


def run_kills(kills: int) -> bool:
    """Two campaigns side by side, half of the kills each: one waits for the start of a process most of the time."""
    asked = [(kills - kills // 2, 0), (kills // 2, 1)]
    with ProcessPoolExecutor(2) as pool:
        reports = list(pool.map(kill_often, [one for one in asked if one[0]]))
    for report in reports:
        print(report, flush=True)
    return all(is_clean(report) for report in reports)


def run_outage(jobs: int) -> bool:
    """Three days without a link, by libfaketime; then a backlog of so many statuses."""
    if library() is None:
        print("libfaketime is not installed: apt install libfaketime", flush=True)
        return False
    with tempfile.TemporaryDirectory() as folder:
        told = live_through(Path(folder), jobs)
    print(told, flush=True)
    clean = told["drained"] and told["in order, the latest status alone"] and told["new job"]
    return bool(clean and not told["lost"] and not told["twice"])


def main(words: list[str]) -> int:
    """0 when nothing was lost, doubled or wrong."""
    what, numbers = (words or ["model"])[0], [int(word) for word in words[1:]]
    if what == "model":
        clean = run_model(*(numbers + [115, 10_000, 0][len(numbers) :]))
    elif what == "tcp":
        clean = run_tcp(*(numbers + [10_000, 1000][len(numbers) :]))
    elif what == "outage":
        clean = run_outage(*(numbers or [10_000]))
    else:
        clean = run_kills(*(numbers or [1000]))
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
