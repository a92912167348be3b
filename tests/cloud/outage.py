"""Days without a link, as the real program lives them: its clock is moved by libfaketime, the cloud's with it.

Only the wall clock moves, as on a machine that slept: with a monotonic clock that is moved as well, Python's own waits
never end under libfaketime.
"""

import itertools
import os
import time
from pathlib import Path
from typing import Any

import requests

from tests.cloud.campaign import Campaign
from tests.cloud.cloud_model import SITE

DAYS = 3
DAY_S = 86_400
# Ids are spread over so long before the outage; the first look takes in 24 hours.
SPREAD_MS = 20 * 3_600_000
WORDS = ("STARTED", "EXPOSING", "COMPLETE")
PATIENCE_S = 600


def library() -> Path | None:
    """Where libfaketime is; None when it is not installed (Debian: apt install libfaketime)."""
    places = itertools.chain(
        Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), Path("/usr/lib/faketime").glob("*")
    )
    return next((place for place in places if place.name == "libfaketimeMT.so.1"), None)


class Outage:
    """A site, its cloud, and a clock that both go by."""

    def __init__(self, folder: Path, jobs: int) -> None:
        self.campaign = Campaign(folder / "data", page=1200)
        self.jobs = jobs
        self.away_s = 0
        self.sent: list[tuple[str, str]] = []
        self._file = folder / "faketime"
        self._session = requests.Session()
        self.campaign.cloud.model.now_ms = self._cloud_now_ms
        self._watch_updates()

    def _cloud_now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.away_s * 1000

    def _watch_updates(self) -> None:
        model = self.campaign.cloud.model
        original = model.update

        def update(body: dict[str, Any]) -> bytes:
            self.sent.append((body["ulid"], body["newStatus"]))
            return original(body)

        model.update = update  # type: ignore[method-assign]

    def move_clocks(self, seconds: int) -> None:
        """The site's wall clock and the cloud's jump forward."""
        self.away_s += seconds
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"+{self.away_s}\n")
        fresh.rename(self._file)

    def start(self) -> None:
        """The program begins, with its jobs in the cloud."""
        self.move_clocks(0)
        self._add_old_jobs()
        faked = {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.campaign.program.serve(env={**os.environ, **faked})

    def _add_old_jobs(self) -> None:
        model = self.campaign.cloud.model
        for number in range(self.jobs):
            at_ms = time.time_ns() // 1_000_000 - SPREAD_MS + number * SPREAD_MS // self.jobs
            model.now_ms = lambda at_ms=at_ms: at_ms
            self.campaign.wanted += self.campaign.cloud.add(1)
        model.now_ms = self._cloud_now_ms

    def take(self, count: int) -> list[str]:
        """Poll until so many jobs came."""
        got: list[str] = []
        until = time.monotonic() + PATIENCE_S
        while len(got) < count and time.monotonic() < until:
            got += [job["ulid"] for job in self._post("getnewjobs", {"site": SITE})]
            time.sleep(0.05)
        return got

    def report(self, ulid: str, word: str) -> None:
        """The observatory reports."""
        self._post("updatejobstatus", {"site": SITE, "ulid": ulid, "newStatus": word})

    def _post(self, name: str, body: dict[str, Any]) -> Any:
        return self._session.post(f"{self.campaign.program.url}/{name}", json=body, timeout=60).json()

    def health(self) -> list[str]:
        """The codes of what health says."""
        found = self._session.get(f"{self.campaign.program.url}/healthz", timeout=60).json()
        return [one["code"] for one in found["notices"]]

    def wait_for(self, *words: str) -> bool:
        """Until every job in the cloud has one of these statuses; False when that does not happen."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if self.is_drained(*words):
                return True
            time.sleep(0.2)
        return False

    def is_drained(self, *words: str) -> bool:
        """Return True if every job in the cloud has one of these statuses."""
        statuses = self.campaign.cloud.statuses()
        return all(statuses[ulid] in words for ulid in self.campaign.wanted)


def live_through(folder: Path, jobs: int) -> dict[str, Any]:
    """Three days without a link: what was pushed, in which order, and how long a new job waited afterwards."""
    outage = Outage(folder, jobs)
    campaign = outage.campaign
    try:
        outage.start()
        got = outage.take(jobs)
        campaign.proxy.down = True
        # What left before is not of the outage; it has its answer by now.
        time.sleep(1)
        before = len(outage.sent)
        for word in WORDS:
            for ulid in got:
                outage.report(ulid, word)
            outage.move_clocks(DAY_S)
            time.sleep(1.5)
        said = outage.health()
        time.sleep(4)
        campaign.proxy.down = False
        began = time.monotonic()
        (fresh,) = campaign.cloud.add(1)
        found = outage.take(1)
        waited_s = time.monotonic() - began
        before_all = not outage.is_drained(WORDS[-1])
        drained = outage.wait_for(WORDS[-1])
        drained_s = time.monotonic() - began
        expected = [(ulid, WORDS[-1]) for ulid in sorted(got)]
        pushed = [one for one in outage.sent[before:] if one[0] != fresh]
        return {
            "jobs": jobs,
            "days": outage.away_s / DAY_S,
            "lost": len(set(campaign.wanted) - set(got)),
            "twice": len(got) - len(set(got)),
            "drained": drained,
            "in order, the latest status alone": pushed == expected,
            "new job": found == [fresh],
            "new job came before the backlog was sent": before_all,
            "new job waited s": round(waited_s, 1),
            "drained in s": round(drained_s),
            "notices": said,
        }
    finally:
        campaign.close()
