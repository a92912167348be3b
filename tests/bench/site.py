"""`python -m tests.bench site`: a whole site at work, for two minutes.

200 observatories poll once a second on keep-alive connections, 50 monitor pages are open (each holds a request for
changes and looks at /api/now in between), and 20 commands a second are sent, fetched and reported on twice. With
`--held` the observatories hold their polls instead.
"""

import argparse
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.bench import sending
from tests.bench.crowd import Answer, Crowd, Steps
from tests.bench.load import build_request
from tests.bench.processes import Appliance, appliance
from tests.bench.rounds import percentile

OBSERVATORIES, PAGES, JOBS_A_SECOND = 200, 50, 20
POLL_EVERY_S, HELD_S = 1.0, 20
# As the page does it: static/live.js.
HOLD_S, NOW_EVERY_S, LEAST_PAUSE_S = 3, 2.5, 0.25
GRACE_S = 5.0
NOW = build_request("/api/now", b"", method="GET")


@dataclass
class Figures:
    """What was seen. Latencies in seconds by kind of request."""

    took_s: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    accepted: set[str] = field(default_factory=set)
    delivered: Counter[str] = field(default_factory=Counter)
    sent_s: dict[str, float] = field(default_factory=dict)
    delivered_s: dict[str, float] = field(default_factory=dict)
    sending: bool = True

    def note(self, kind: str, answer: Answer | None) -> bytes:
        """Count an answer; its body, empty when it failed."""
        assert answer is not None
        self.took_s.setdefault(kind, []).append(answer.took_s)
        if answer.status != 200:
            self.errors[f"{kind} {answer.status}"] += 1
            return b""
        return answer.body


def main(asked: argparse.Namespace) -> bool:
    """Run the load and print its figures; whether nothing was lost, delivered twice or refused."""
    seconds = 10.0 if asked.quick else asked.seconds
    chance = random.Random(asked.seed)
    with appliance() as ours:
        figures, memory = Figures(), [ours.rss_mb()]
        crowd = build_crowd(ours, figures, chance, asked.held)
        crowd.run(seconds)
        figures.sending = False
        crowd.run(GRACE_S)
        memory.append(ours.rss_mb())
        crowd.close()
    return _say(figures, memory, seconds)


def build_crowd(ours: Appliance, figures: Figures, chance: random.Random, held: bool = False) -> Crowd:
    """Everybody, each beginning at a moment of its own."""
    crowd = Crowd(ours.port)
    sites = [f"site{number:03d}" for number in range(OBSERVATORIES)]
    for name in sites:
        crowd.add(holder(name, figures) if held else observatory(name, figures), chance.random() * POLL_EVERY_S)
    for _ in range(PAGES):
        crowd.add(page(figures), chance.random() * NOW_EVERY_S)
    token = ours.token()
    for number in range(JOBS_A_SECOND):
        crowd.add(user(token, sites, figures, chance), number / JOBS_A_SECOND)
    return crowd


def observatory(name: str, figures: Figures) -> Steps:
    """Polls, and reports STARTED and COMPLETE on what it gets."""
    while True:
        yield from _work(name, figures.note("poll", (yield sending.poll(name))), figures)
        yield POLL_EVERY_S


def holder(name: str, figures: Figures) -> Steps:
    """Holds its polls, and reports STARTED and COMPLETE on what it gets."""
    while True:
        body = figures.note("held poll", (yield sending.poll(name, wait=HELD_S)))
        yield from _work(name, body, figures)
        if not body:
            # After an error, as a program does.
            yield POLL_EVERY_S


def _work(name: str, body: bytes, figures: Figures) -> Steps:
    for job in json.loads(body or b"[]"):
        figures.delivered[job["ulid"]] += 1
        figures.delivered_s.setdefault(job["ulid"], time.perf_counter())
        for status in ("STARTED", "COMPLETE"):
            figures.note("updatejobstatus", (yield sending.report(job["ulid"], status, name)))


def user(token: str, sites: list[str], figures: Figures, chance: random.Random) -> Steps:
    """One command a second, to any site."""
    while figures.sending:
        began_s = time.perf_counter()
        body = figures.note("newjob", (yield sending.new_job(token, chance.choice(sites))))
        if body:
            ulid = json.loads(body)["ulid"]
            figures.accepted.add(ulid)
            figures.sent_s[ulid] = began_s
        yield 1.0


def page(figures: Figures) -> Steps:
    """A monitor page: holds a request for changes, and looks at the state of all sites in between."""
    since = json.loads(figures.note("now", (yield NOW)) or b"{}").get("seq", 0)
    looked_s = time.monotonic()
    while True:
        path = f"/api/changes?since={since}&wait={HOLD_S}"
        found = json.loads(figures.note("changes", (yield build_request(path, b"", method="GET"))) or b"{}")
        since = found.get("seq", since)
        if time.monotonic() - looked_s >= NOW_EVERY_S and not found.get("more"):
            figures.note("now", (yield NOW))
            looked_s = time.monotonic()
        yield 0.0 if found.get("more") else max(LEAST_PAUSE_S, float(found.get("again_s", 1)))


def _say(figures: Figures, memory: list[float | None], seconds: float) -> bool:
    times = Counter(figures.delivered[ulid] for ulid in figures.accepted)
    twice = sum(count for often, count in times.items() if often > 1)
    print(f"{OBSERVATORIES} observatories, {PAGES} pages, {JOBS_A_SECOND} jobs/s, {seconds:.0f} s")
    arrived = [at_s - figures.sent_s[ulid] for ulid, at_s in figures.delivered_s.items() if ulid in figures.sent_s]
    for kind, took_s in [*sorted(figures.took_s.items()), ("from newjob to the observatory", arrived)]:
        middle, late = (percentile(took_s, share) * 1000 for share in (0.5, 0.99))
        print(f"{kind:30} {len(took_s):7,} answers   p50 {middle:8.1f} ms   p99 {late:8.1f} ms")
    print(f"errors                         {sum(figures.errors.values())} {dict(figures.errors) or ''}")
    print(f"jobs                           {len(figures.accepted)}: once {times[1]}, twice {twice}, lost {times[0]}")
    shown = " → ".join("not measured" if mb is None else f"{mb:.0f} MB" for mb in memory)
    print(f"memory                         {shown}")
    return not (figures.errors or twice or times[0])
