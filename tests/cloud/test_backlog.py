"""Older jobs of the cloud: listed, and taken in when a person decides so, by the command beside a running server."""

import argparse
import json
import os
from datetime import UTC, datetime

import msgspec
import pytest
import requests

from prjobs.base.clock import Clock
from prjobs.base.errors import Conflict
from prjobs.cli.importing import _older_line
from prjobs.cli.terminal import past_ms
from prjobs.cloud import backlog
from prjobs.cloud.network import AMBIGUOUS, TooLong
from prjobs.jobs import lookup, submission
from prjobs.jobs.requests import Command
from tests.cloud.campaign import Campaign
from tests.cloud.cloud_model import SITE
from tests.cloud.model import DAY_MS, World
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import begin_backlog, take
from tests.cloud.watching import Watch
from tests.terminal import on_a_terminal
from tests.verbs import USER
from tests.waiting import wait_for

HOUR_MS = 3_600_000


@pytest.fixture
def make_world():
    """A world whose cloud has two old jobs, a script that never expires here and an exposure that does."""
    made = []

    def make(**settings):
        world = World(0, PLAIN, **{"cloud_import_hours": 1, "expire_exposure_s": 1800, **settings})
        world.faultiness, world.observing = 0.0, False
        world.old = [world.cloud.newjob(delay_ms=0)]
        world.clock.true_ms += 1000
        world.old.append(world.cloud.newjob("park", delay_ms=0, deviceType="mount"))
        world.clock.true_ms += DAY_MS
        world.cloud.settle()
        world.fresh = world.cloud.newjob(delay_ms=0)
        watch = Watch(world)
        world.pass_time()
        made.append((world, watch))
        return world

    yield make
    for world, watch in made:
        watch.check()
        world.close()


@pytest.fixture
def world(make_world):
    return make_world()


def ask(world, take_in, since_ms=None, sites=()):
    since_ms = world.clock.true_ms - 2 * DAY_MS if since_ms is None else since_ms
    begin_backlog(world, since_ms, list(sites), take_in)
    world.pass_time()
    return world.appliance.cloud.memory.backlog.view()


def test_what_a_stop_withdraws_is_said_before_it_is_taken(world):
    command = Command(SITE, "all", "all", "cancel_all_commands", "u", "U", "[]", "{}", "{}", {})
    submission.submit_job(world.appliance.queue, command, USER)
    world.pass_time(60)
    view = ask(world, take_in=False)
    exposure, park = world.old
    assert [(job.ulid, job.stopped) for job in view.jobs] == [(exposure, True), (park, False)]
    line = _older_line(msgspec.to_builtins(view.jobs[0]))
    assert line.endswith("CANCELLED: the site was stopped since: does not run")
    assert ask(world, take_in=True).taken == 2
    assert [lookup.find_job(world.appliance.queue.database, ulid).status for ulid in world.old] == [
        "CANCELLED",
        "UNREAD",
    ]


def test_a_list_changes_nothing(world):
    before = world.appliance.queue.database.fetch("SELECT count(*), max(seq) FROM change")
    found = ask(world, False)
    assert found.done and [job.ulid for job in found.jobs] == world.old and found.taken == 0
    assert [job.expired_s is None for job in found.jobs] == [False, True]
    assert world.appliance.queue.database.fetch("SELECT count(*), max(seq) FROM change") == before
    assert take(world) == [world.fresh]


def test_what_is_taken_in_keeps_its_age(world):
    found = ask(world, True)
    assert found.taken == 2
    exposure, park = world.old
    assert take(world) == [world.fresh, park]
    assert lookup.find_job(world.appliance.queue.database, exposure).status == "EXPIRED"
    world.pass_time()
    assert world.cloud.status_of(exposure) == "EXPIRED" and world.cloud.status_of(park) == "RECEIVED"


def test_the_mark_stays_where_it_is(world):
    low = world.appliance.queue.database.fetch("SELECT low_ms FROM cloud_site")
    ask(world, True)
    assert world.appliance.queue.database.fetch("SELECT low_ms FROM cloud_site")[0][0] >= low[0][0]
    fresh = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert fresh in take(world)


def test_twice_is_once(world):
    assert ask(world, True).taken == 2
    again = ask(world, True)
    assert again.jobs == [] and again.taken == 0
    assert take(world) == [world.fresh, world.old[1]] and take(world) == []


def test_only_what_waits_there_since_then(world):
    world.cloud.update({"site": SITE, "ulid": world.old[0], "newStatus": "COMPLETE", "secondsUntilComplete": -1})
    assert [job.ulid for job in ask(world, False).jobs] == [world.old[1]]
    assert ask(world, False, since_ms=world.clock.true_ms - HOUR_MS).jobs == []


def test_after_a_power_cut_it_can_be_asked_again(world):
    def cut(where):
        if where == "after the commit":
            raise RuntimeError("the power is cut")

    begin_backlog(world, world.clock.true_ms - 2 * DAY_MS, [], True)
    world.appliance.queue.database._cut = cut
    with pytest.raises(RuntimeError):
        world.pass_time()
    world.stop()
    world.pass_time()
    assert ask(world, True).jobs == [] and world.old[1] in take(world)


def test_an_old_cancel_all_runs_and_what_is_older_does_not(make_world):
    world = make_world(expire_exposure_s=100_000)
    exposure, later = world.old
    # The later of the two becomes a cancel_all that the cloud has not carried out yet.
    world.cloud.put(later, {**world.cloud.records[later], "action": "cancel_all_commands"}, 0)
    assert ask(world, True).taken == 2
    # Both stand there still: the cloud did not delete the older one, but the stop withdraws it.
    world.pass_time(20)
    assert take(world) == [later]
    world.clock.true_ms += 5000
    assert take(world) == [world.fresh]
    assert lookup.find_job(world.appliance.queue.database, exposure).status == "CANCELLED"


def test_a_standby_holds_what_it_takes_in(make_world):
    world = make_world(mode="standby")
    assert ask(world, True).taken == 2 and take(world) == []
    assert lookup.find_job(world.appliance.queue.database, world.old[1]).status == "HELD"


@pytest.mark.parametrize("mode", ["off", "shadow"])
def test_a_link_that_takes_nothing_in_refuses(make_world, mode):
    world = make_world()
    world.stop()
    world.settings = world.settings.__class__(cloud_mode=mode, cloud_sites=[SITE])
    world.start()
    with pytest.raises(Conflict, match="takes nothing in"):
        begin_backlog(world, 0, [], True)


def test_one_at_a_time_and_known_sites(world):
    with pytest.raises(Conflict, match="not in cloud_sites"):
        begin_backlog(world, 0, ["other"], False)
    begin_backlog(world, 0, [], False)
    with pytest.raises(Conflict, match="already"):
        begin_backlog(world, 0, [SITE], False)


def test_a_list_that_is_too_long_is_said(world):
    original = world.network.call

    def call(name, body, token=None):
        if name == "getrecentjobs" and body["timeRange"] > DAY_MS:
            raise TooLong(AMBIGUOUS, "larger than 8 MB")
        return original(name, body, token)

    world.network.call = call
    found = ask(world, True)
    assert found.done and found.problems == [f"{SITE}: larger than 8 MB"] and found.taken == 0


def test_more_than_a_person_can_look_at_is_said(world, monkeypatch):
    monkeypatch.setattr(backlog, "MOST", 1)
    found = ask(world, False)
    assert found.done and "ask for a shorter time" in found.problems[0]


def test_an_outage_is_waited_for(world):
    world.outage_until_ms = world.clock.true_ms + 60_000
    assert not ask(world, False).done
    world.pass_time(400)
    assert len(world.appliance.cloud.memory.backlog.view().jobs) == 2


# ---- the command


@pytest.fixture
def campaign(tmp_path):
    campaign = Campaign(tmp_path / "data")
    yield campaign
    campaign.close()


def old_jobs(campaign, hours, count=2, action="expose"):
    """Records that wait in the cloud since so many hours."""
    model, now = campaign.cloud.model, campaign.cloud.model.now_ms
    model.now_ms = lambda: now() - hours * HOUR_MS
    try:
        ulids = campaign.cloud.add(count, action)
        with campaign.cloud.lock:
            model.settle()
    finally:
        model.now_ms = now
    return sorted(ulids)


@pytest.mark.slow
def test_the_command_beside_a_server(campaign):
    old = old_jobs(campaign, 30)
    program = campaign.program
    program.serve("--expire-exposure-s", "1800", "--expire-script-s", "0")
    wait_for(lambda: campaign.cloud.calls.get("getrecentjobs"))
    if os.name != "nt":
        code, _, shown = on_a_terminal(program, ("import", "--since", "36h"))
        assert code == 1 and "Reading the jobs in the cloud: 0 s" in shown
    listed = program.run("import", "--since", "36h")
    assert listed.returncode == 1 and "Reading" not in listed.stderr, listed.stderr
    assert all(ulid in listed.stdout for ulid in old) and listed.stdout.count("EXPIRED") == 2
    assert "add --yes" in listed.stderr and "2 of them expired" in listed.stderr
    assert program.post("getnewjobs", {"site": SITE}).json() == []
    assert campaign.cloud.statuses()[old[0]] == "UNREAD"
    taken = program.run("import", "--since", "36h", "--site", SITE, "--yes", "--json")
    assert taken.returncode == 0 and json.loads(taken.stdout)["taken"] == 2
    wait_for(lambda: set(campaign.cloud.statuses().values()) == {"EXPIRED"})
    assert program.post("getnewjobs", {"site": SITE}).json() == []
    nothing = program.run("import", "--since", "36h")
    assert nothing.returncode == 0 and "Nothing" in nothing.stderr


@pytest.mark.slow
def test_what_is_no_longer_than_it_may_be_is_handed_out(campaign):
    old = old_jobs(campaign, 30)
    program = campaign.program
    program.serve()
    wait_for(lambda: campaign.cloud.calls.get("getrecentjobs"))
    assert program.run("import", "--since", "2d", "--yes").returncode == 0
    assert [job["ulid"] for job in program.post("getnewjobs", {"site": SITE}).json()] == old
    wait_for(lambda: set(campaign.cloud.statuses().values()) == {"RECEIVED"})


@pytest.mark.slow
def test_the_command_without_a_server_or_link_refuses(campaign, tmp_path):
    program = campaign.program
    alone = program.run("import", "--since", "36h")
    assert alone.returncode == 1 and "No server runs" in alone.stderr
    program.serve("--cloud-mode", "off")
    off = program.run("import", "--since", "36h")
    assert off.returncode == 1 and "takes nothing in" in off.stderr
    wrong = program.run("import", "--since", "yesterday")
    assert wrong.returncode == 2 and "36h" in wrong.stderr


@pytest.mark.slow
def test_it_is_for_staff(campaign):
    program = campaign.program
    program.serve()
    token = program.token()
    for answer in (
        program.post("api/cloud/import", {"since_ms": 0}, token),
        requests.get(f"{program.url}/api/cloud/import", headers={"Authorization": f"Bearer {token}"}, timeout=60),
    ):
        assert answer.status_code == 403, answer.text
    assert program.post("api/cloud/import", {"since_ms": 0}).status_code == 401


@pytest.mark.parametrize(
    ("text", "hours"), [("36h", 36), ("7d", 168), ("90m", 1.5), ("2h", 2)], ids=["36h", "7d", "90m", "2h"]
)
def test_a_moment_is_so_long_ago(text, hours):
    assert abs(Clock().now_ms() - past_ms(text) - hours * HOUR_MS) < 5000


def test_a_moment_is_a_date():
    expected = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
    assert past_ms("2026-11-20") == past_ms("2026-11-20T00:00") == past_ms("2026-11-20T01:00+01:00") == expected
    with pytest.raises(argparse.ArgumentTypeError):
        past_ms("noon")
