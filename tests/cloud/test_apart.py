"""What the cloud refuses of one thing leaves the others alone: a site, a long look, a direction, a job."""

import msgspec
import pytest

from prjobs.cloud import status, tables
from prjobs.cloud.network import AMBIGUOUS, UNSENT, Failure, TooLong
from tests.cloud.model import DAY_MS, SITE
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import begin_backlog, report, take, told

HOUR_MS = 3_600_000
REFUSALS = [(502, {}), (403, {}), (401, {}), (429, {"retry-after": "3600"})]


def answering(world, which, answer):
    """Requests of which `which(name, body)` is true get `answer()`; counts them in the list that is returned."""
    original, met = world.network.call, []

    def call(name, body, token=None):
        if which(name, body):
            met.append(body)
            return answer()
        return original(name, body, token)

    world.network.call = call
    return met


def fail(failure):
    raise failure


@pytest.mark.parametrize(
    "answer",
    [
        *(
            lambda world, code=code, headers=headers: world.cloud.answer(b"{}", code, **headers)
            for code, headers in REFUSALS
        ),
        lambda _: fail(TooLong(AMBIGUOUS, "larger than 8 MB")),
        lambda _: fail(Failure(AMBIGUOUS, "no answer within 30 s")),
    ],
)
def test_a_site_that_cannot_be_read_leaves_the_others_in_step(answer):
    world = told(PLAIN, cloud_sites=["bad", SITE])
    world.observing = False
    answering(world, lambda _, body: body["site"] == "bad", lambda: answer(world))
    world.pass_time(40)
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time(20)
    assert take(world) == [ulid]
    report(world, ulid, "COMPLETE")
    world.pass_time(120)
    assert world.cloud.status_of(ulid) == "COMPLETE"
    status.note(world.appliance.cloud)
    said = {notice.code: notice.sentence for notice in world.appliance.queue.notices.all()}
    assert any("bad" in sentence for sentence in said.values()), said
    assert "cloud_down" not in said
    world.close()


def test_when_no_site_can_be_read_the_link_is_down(world):
    answering(world, lambda name, _: name == "getrecentjobs", lambda: world.cloud.answer(b"{}", 502))
    world.pass_time(240)
    assert status.state_of(world.appliance.cloud)[0] == "down"
    status.note(world.appliance.cloud)
    assert "cloud_unread" not in world.appliance.queue.notices


def is_wide(name, body):
    return name == "getrecentjobs" and body["timeRange"] > 6 * HOUR_MS


@pytest.mark.parametrize("failure", [None, Failure(AMBIGUOUS, "no answer"), Failure(UNSENT, "unreachable")])
def test_a_long_look_that_fails_stops_nothing_else(failure):
    """The daily look at the last day, which a table with one read unit a second may never answer."""
    world = told(msgspec.structs.replace(PLAIN, deep_first_s=60.0))
    world.observing = False
    world.pass_time(30)
    met = answering(world, is_wide, lambda: fail(failure) if failure else world.cloud.answer(b"{}", 502))
    world.pass_time(60)
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert take(world) == [ulid] and met
    report(world, ulid, "COMPLETE")
    world.pass_time(60)
    assert world.cloud.status_of(ulid) == "COMPLETE" and status.state_of(world.appliance.cloud)[0] == "in step"
    waiting = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    world.cloud.newjob("cancel_all_commands", delay_ms=0)
    world.pass_time(60)
    assert tables.cancel_of(world.appliance.queue.database, SITE) is None
    assert waiting not in take(world)
    assert "tried again" in world.appliance.queue.notices.sentence("cloud_look_back", SITE)
    world.close()


def test_a_walk_whose_pages_fail_leaves_the_table_its_units_and_new_jobs_their_way():
    """After an outage the walk asks for what a table with one read unit a second may not give."""
    world = told(msgspec.structs.replace(PLAIN, walk_pause_s=30.0))
    world.observing = False
    world.pass_time()
    world.outage_until_ms = world.clock.true_ms + DAY_MS
    world.clock.true_ms += DAY_MS
    met = answering(world, is_wide, lambda: world.cloud.answer(b"{}", 502))
    world.pass_time(120)
    before = len(met)
    for _ in range(5):
        ulid = world.cloud.newjob(delay_ms=0)
        world.pass_time(20)
        assert take(world) == [ulid]
        world.pass_time(100)
    assert 15 <= len(met) - before <= 21
    world.close()


def test_a_look_that_a_person_asked_for_ends_when_it_fails(world):
    answering(world, is_wide, lambda: world.cloud.answer(b"{}", 502))
    begin_backlog(world, world.clock.true_ms - 30 * DAY_MS, [], False)
    world.pass_time(60)
    view = world.appliance.cloud.memory.backlog.view()
    assert view.done and view.problems == [f"{SITE}: The cloud failed (502)."]
    begin_backlog(world, world.clock.true_ms - 1000, [], False)


def test_while_a_cancel_all_cannot_be_judged_statuses_of_later_jobs_are_sent(world):
    old = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    take(world)
    world.clock.true_ms += 8 * HOUR_MS
    world.pass_time(20)
    met = answering(world, is_wide, lambda: world.cloud.answer(b"{}", 502))
    world.cloud.newjob("cancel_all_commands", delay_ms=0)
    world.pass_time(20)
    later = world.cloud.newjob(delay_ms=0)
    world.pass_time(20)
    first = take(world)
    world.clock.true_ms += 5000
    assert later in [*first, *take(world)]
    for word in ("STARTED", "COMPLETE"):
        report(world, later, word)
        world.pass_time(60)
        assert world.cloud.status_of(later) == word
    assert met and tables.cancel_of(world.appliance.queue.database, SITE) is not None
    assert "jobs are held after a cancel_all" in world.appliance.queue.notices.sentence("cloud_judging", SITE)
    assert old not in world.cloud.records


@pytest.mark.parametrize(("code", "headers"), REFUSALS)
def test_a_cloud_that_takes_no_statuses_is_still_read(world, code, headers):
    first = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert take(world) == [first]
    answering(world, lambda name, _: name == "updatejobstatus", lambda: world.cloud.answer(b"{}", code, **headers))
    world.pass_time(60)
    for _ in range(5):
        stop = world.cloud.newjob("stop", delay_ms=0)
        world.pass_time()
        assert take(world) == [stop]
        world.pass_time(60)
    state, sentence = status.state_of(world.appliance.cloud)
    assert state == "behind" and str(code) in sentence


def test_a_cloud_that_takes_statuses_again_is_in_step(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    take(world)
    refusing = [True]
    answering(world, lambda name, _: name == "updatejobstatus" and refusing, lambda: world.cloud.answer(b"{}", 401))
    world.pass_time(20)
    status.note(world.appliance.cloud)
    assert "401" in world.appliance.queue.notices.sentence("cloud_untaken")
    refusing.clear()
    world.pass_time(400)
    status.note(world.appliance.cloud)
    assert world.cloud.status_of(ulid) == "RECEIVED" and status.state_of(world.appliance.cloud)[0] == "in step"
    assert "cloud_untaken" not in world.appliance.queue.notices


@pytest.mark.slow
def test_one_job_that_is_denied_is_parked_and_holds_up_no_other(world):
    """Something in front of the cloud that dislikes one text."""
    denied, *others = [world.cloud.newjob(delay_ms=0) for _ in range(6)]
    world.pass_time()
    assert len(take(world)) == 6
    world.pass_time(20)

    def is_denied(name, body):
        return name == "updatejobstatus" and body["ulid"] == denied

    answering(world, is_denied, lambda: world.cloud.answer(b"{}", 403))
    for ulid in (denied, *others):
        report(world, ulid, "ODD")
    world.pass_time(700)
    assert [world.cloud.status_of(ulid) for ulid in others] == ["ODD"] * 5
    for ulid in others:
        report(world, ulid, "COMPLETE")
    for _ in range(200):
        world.step(600_000)
        world.pass_time(20)
    assert [one.ulid for one in status.describe(world.appliance.cloud).parked] == [denied]


def failing_for(world, ulid, words, status=502):
    """Have the cloud fail over statuses of a job with one of the words."""

    def is_odd(name, body):
        return name == "updatejobstatus" and body["ulid"] == ulid and body["newStatus"] in words

    answering(world, is_odd, lambda: world.cloud.answer(b"{}", status))


def test_two_failures_that_have_nothing_to_do_with_the_status_delay_it_by_seconds(world):
    unlucky, *others = [world.cloud.newjob(delay_ms=0) for _ in range(5)]
    world.pass_time()
    take(world)
    world.pass_time(20)
    words = ["STARTED"]
    failing_for(world, unlucky, words)
    report(world, unlucky, "STARTED")
    for word in ("ONE", "TWO"):
        for ulid in others:
            report(world, ulid, word)
        world.pass_time(45)
    assert world.appliance.cloud.memory.refused.keys() == {unlucky}
    words.clear()
    world.pass_time(90)
    assert world.cloud.status_of(unlucky) == "STARTED" and not world.appliance.cloud.memory.refused


@pytest.mark.parametrize("code", [400, 502])
def test_a_newer_status_does_not_wait_for_the_refused_one(world, code):
    refused, other = (world.cloud.newjob(delay_ms=0) for _ in range(2))
    world.pass_time()
    take(world)
    world.pass_time(20)
    failing_for(world, refused, ["ODD"], code)
    report(world, refused, "ODD")
    for _ in range(60):
        report(world, other, "STARTED")
        world.pass_time(60)
    assert world.link.pusher._waiting[refused].until_s - world.clock.elapsed_s() > 120
    report(world, refused, "COMPLETE")
    world.pass_time(40)
    assert world.cloud.status_of(refused) == "COMPLETE"


# ---- parked


@pytest.fixture
def parked(world):
    """A job whose status ODD is parked; `mended` lets the cloud take it."""
    bad, good = (world.cloud.newjob(delay_ms=0) for _ in range(2))
    world.pass_time()
    take(world)
    world.pass_time(20)
    broken = ["ODD"]

    def is_odd(name, body):
        return name == "updatejobstatus" and body["ulid"] == bad and body["newStatus"] in broken

    answering(world, is_odd, lambda: world.cloud.answer(b"{}", 502))
    report(world, bad, "ODD")
    for _ in range(3000):
        if status.describe(world.appliance.cloud).parked:
            break
        report(world, good, "STARTED")
        world.step(60_000)
        world.pass_time()
    return bad, broken


@pytest.mark.slow
def test_what_a_person_tries_again_is_sent_at_once(world, parked):
    ulid, broken = parked
    broken.clear()
    world.pass_time(40)
    status.decide_parked(world.appliance.cloud, ulid, give_up=False)
    world.pass_time(6)
    assert world.cloud.status_of(ulid) == "ODD"


@pytest.mark.slow
def test_what_is_refused_after_that_is_not_parked_at_once(world, parked):
    ulid, _ = parked
    world.pass_time(40)
    status.decide_parked(world.appliance.cloud, ulid, give_up=False)
    world.pass_time(120)
    assert status.describe(world.appliance.cloud).parked == []


@pytest.mark.slow
def test_another_status_of_a_parked_job_is_sent(world, parked):
    ulid, _ = parked
    report(world, ulid, "COMPLETE")
    world.pass_time(60)
    assert world.cloud.status_of(ulid) == "COMPLETE" and status.describe(world.appliance.cloud).parked == []
