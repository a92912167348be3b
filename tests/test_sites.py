"""What /api/now says of each site: who polls it, and how often."""

import requests

from prjobs.base.settings import Settings
from prjobs.jobs import log
from prjobs.jobs.saved_polls import save_polls
from prjobs.monitor import sites
from prjobs.opening import close_appliance
from tests.clocks import ManualClock
from tests.stores import open_appliance
from tests.verbs import take


def only(appliance):
    (site,) = sites.list_sites(appliance.board)
    return site


def test_it_works(make_server):
    clock = ManualClock()
    server = make_server(clock)
    for gap_s in (0, 3, 4, 3):
        clock.advance(gap_s)
        take(server.appliance)
    (site,) = requests.get(f"{server.url}/api/now").json()["sites"]
    last_ms = clock.wall_ms
    assert site["polls"] == {"primary": {"last_ms": last_ms, "usual_gap_ms": 3000, "gaps_ms": [3000, 4000, 3000]}}
    assert (site["last_poll_ms"], site["usual_gap_ms"]) == (last_ms, 3000)


def test_a_view_that_was_kept_says_as_of_which_change(appliance, clock, submit):
    take(appliance)
    before = only(appliance).seq
    sent = submit()
    kept = only(appliance)
    assert (kept.seq, kept.open) == (before, [])
    clock.advance(1)
    newer = only(appliance)
    assert newer.seq == log.last_seq(appliance.queue.database) > before
    assert [job.ulid for job in newer.open] == [sent.ulid]


def test_the_last_twenty_gaps(appliance, clock):
    take(appliance)
    for gap_s in range(1, 26):
        clock.advance(gap_s)
        take(appliance)
    assert only(appliance).polls["primary"].gaps_ms == [gap_s * 1000 for gap_s in range(6, 26)]


def test_a_site_that_never_polled(appliance, submit):
    submit()
    polls = only(appliance).polls
    assert set(polls) == {"primary"}
    assert (polls["primary"].last_ms, polls["primary"].usual_gap_ms, polls["primary"].gaps_ms) == (None, None, [])


def test_the_alternate_queue_is_told_apart(appliance, clock):
    take(appliance, alternate=True)
    clock.advance(5)
    take(appliance, alternate=True)
    polls = only(appliance).polls
    assert (polls["primary"].last_ms, polls["alternate"].last_ms) == (None, clock.wall_ms)
    assert polls["alternate"].gaps_ms == [5000]


def test_a_start_knows_the_usual_gap_and_no_gaps(folder, clock, patient):
    before, _ = open_appliance(folder, Settings(), clock)
    for _ in range(3):
        take(before)
        clock.advance(7)
    save_polls(before.queue, folder)
    close_appliance(before, folder)
    after, _ = open_appliance(folder, Settings(), clock)
    polls = only(after).polls["primary"]
    assert (polls.last_ms, polls.usual_gap_ms, polls.gaps_ms) == (clock.wall_ms - 7000, 7000, [])
    close_appliance(after, folder)
