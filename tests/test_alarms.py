"""The alarms: what is wrong, when it is raised and cleared, who has seen it, and what is kept of it."""

import threading

import pytest
import requests

from prjobs.access.audit import Actor
from prjobs.base.errors import NotFound, Unavailable
from prjobs.base.settings import Settings
from prjobs.jobs import handouts, lookup, proofs, redelivery, submission, withdrawals
from prjobs.jobs.requests import Command
from prjobs.jobs.saved_polls import save_polls
from prjobs.monitor import alarms, silence, sites, watched
from prjobs.monitor.watching import Watch
from prjobs.opening import close_appliance
from prjobs.upkeep.chores import Chores
from tests.clocks import ManualClock
from tests.stores import open_appliance, written
from tests.verbs import USER, make_token, poll, report, take
from tests.waiting import wait_for

ANN = Actor("auth0|ann", "tests")
PEER = "127.0.0.1:5000"


@pytest.fixture
def watch(appliance):
    return Watch(appliance.board)


@pytest.fixture
def look(appliance, watch):
    """One look; the keys that are raised after it, worst first."""

    def look():
        watch.once()
        return [alarm.key for alarm in alarms.list_alarms(appliance.board)]

    return look


def rows(appliance, columns="key, cleared_ms, seen_by"):
    return appliance.queue.database.fetch(f"SELECT {columns} FROM alarm ORDER BY id")


def raised(appliance):
    return alarms.list_alarms(appliance.board)[0]


def poll_twice(appliance, **named):
    """As a program that polls does, and a stray call does not."""
    for _ in range(2):
        take(appliance, **named)


def settle_writes(appliance):
    appliance.queue.database.write(lambda transaction: None)


# ---- stops


def test_it_works(appliance, submit, clock, look):
    assert look() == []
    stop = submit(device="all", action="stop")
    clock.advance(14.9)
    assert look() == []
    clock.advance(0.1)
    assert look() == [f"stop/{stop.ulid}"]
    alarm = raised(appliance)
    assert (alarm.kind, alarm.site, alarm.ulid, alarm.loud, alarm.ack) == ("stop", "saf", stop.ulid, True, None)
    assert (alarm.since_ms, alarm.raised_ms) == (stop.created_ms, clock.wall_ms)
    assert alarm.sentence.startswith("saf: “") and alarm.sentence.endswith(
        "” was sent at 22:13:20 UTC and is not picked up"
    )
    assert alarm.todo == "Use the hardware stop."
    take(appliance)
    assert look() == []
    assert rows(appliance) == [(f"stop/{stop.ulid}", clock.wall_ms, None)]


@pytest.mark.parametrize("step_s", [-7200, 7200])
def test_a_stop_is_late_by_elapsed_time_whatever_the_clock_says(submit, clock, look, step_s):
    stop = submit(device="all", action="stop")
    assert look() == []
    clock.step(step_s)
    assert look() == []
    clock.advance(15)
    assert f"stop/{stop.ulid}" in look()


def test_other_commands_may_wait(appliance, submit, clock, look):
    poll_twice(appliance)
    submit()
    clock.advance(60)
    assert look() == []


def test_a_stop_that_may_not_have_arrived(appliance, submit, clock, look, monkeypatch):
    monkeypatch.setattr(redelivery, "_may_stop_return", lambda *_: False)
    stop = submit(device="all", action="stop")
    clock.advance(2)
    handed_ms = clock.wall_ms
    take(appliance, PEER)
    assert look() == []
    proofs.connection_ended(appliance.queue, PEER)
    settle_writes(appliance)
    clock.advance(1)
    assert look() == [f"stop-doubt/{stop.ulid}"]
    alarm = raised(appliance)
    assert (alarm.kind, alarm.since_ms) == ("stop", handed_ms)
    assert alarm.sentence.endswith("was handed out at 22:13:22 UTC, and nothing shows that it arrived")
    assert "hardware stop" in alarm.todo
    report(appliance, stop, "COMPLETE")
    assert look() == []


def test_a_stop_that_waits_again_alarms_while_nobody_takes_it(appliance, submit, clock, look):
    stop = submit(device="all", action="stop")
    take(appliance, PEER)
    proofs.connection_ended(appliance.queue, PEER)
    settle_writes(appliance)
    clock.advance(15)
    assert f"stop/{stop.ulid}" in look()
    take(appliance, PEER)
    proofs.connection_ended(appliance.queue, PEER)
    settle_writes(appliance)
    clock.advance(1)
    assert look() == [f"stop-doubt/{stop.ulid}"]


def test_a_stop_whose_hand_out_is_proved_is_no_alarm(appliance, submit, clock, look):
    submit(device="all", action="stop")
    take(appliance, PEER)
    proofs.heard(appliance.queue, PEER)
    settle_writes(appliance)
    clock.advance(1)
    assert look() == []
    proofs.connection_ended(appliance.queue, PEER)
    settle_writes(appliance)
    assert look() == []


def test_the_hand_out_of_another_command_in_doubt_is_no_alarm(appliance, submit, look):
    submit()
    take(appliance, PEER)
    proofs.connection_ended(appliance.queue, PEER)
    settle_writes(appliance)
    assert look() == []


# ---- closing and parking

SAFE = pytest.mark.parametrize(
    ("device", "name", "end"), [("enclosure", "close", "closed"), ("mount", "park", "parked")]
)


@SAFE
def test_closing_and_parking_are_watched_like_a_stop(appliance, submit, clock, look, device, name, end):
    job = submit(device=device, action=name)
    clock.advance(14.9)
    assert look() == []
    clock.advance(0.1)
    assert look() == [f"{name}/{job.ulid}"]
    assert (raised(appliance).kind, raised(appliance).loud) == ("safety", True)
    take(appliance, PEER)
    assert look() == []
    proofs.connection_ended(appliance.queue, PEER)
    settle_writes(appliance)
    assert look() == [f"{name}-doubt/{job.ulid}"]
    assert f"Look whether the {'roof' if name == 'close' else 'mount'} {end}" in raised(appliance).todo
    report(appliance, job, "COMPLETE")
    assert look() == []


def test_a_stop_that_was_thrown_away_waits_again_and_is_an_alarm(appliance, submit, clock, look):
    take(appliance, PEER)
    clock.advance(12)
    stop = submit(device="all", action="stop")
    take(appliance, PEER)
    clock.advance(1)
    handouts.begin_poll(appliance.queue, poll(), PEER)
    settle_writes(appliance)
    assert lookup.find_job(appliance.queue.database, stop.ulid).status == "UNREAD"
    clock.advance(14)
    assert f"stop/{stop.ulid}" in look()


@pytest.mark.parametrize(("device", "action"), [("enclosure", "close"), ("mount", "park")])
def test_what_makes_safe_and_was_thrown_away_is_an_alarm(appliance, submit, clock, look, device, action):
    take(appliance, PEER)
    clock.advance(12)
    job = submit(device=device, action=action)
    take(appliance, PEER)
    clock.advance(1)
    proofs.heard(appliance.queue, PEER)
    take(appliance, PEER)
    settle_writes(appliance)
    assert appliance.queue.database.fetch("SELECT maybe_flushed FROM handout") == [(1,)]
    assert f"{action}-doubt/{job.ulid}" in look()


@SAFE
def test_where_nobody_reports_somebody_must_look(appliance, submit, clock, look, device, name, end):
    job = submit(device=device, action=name)
    take(appliance, PEER)
    proofs.heard(appliance.queue, PEER)
    settle_writes(appliance)
    assert look() == []
    clock.advance(15)
    assert look() == [f"{name}-look/{job.ulid}"]
    thing = "roof" if name == "close" else "mount"
    said = f"was picked up at 22:13:20 UTC; nobody said that the {thing} {end}: look whether it {end}"
    assert raised(appliance).sentence.endswith(said)
    for _ in range(3):
        clock.advance(20 * 3600)
        take(appliance, PEER)
        assert look() == [f"{name}-look/{job.ulid}"]
    alarms.acknowledge(appliance.board, [f"{name}-look/{job.ulid}"], ANN)
    assert look() == [f"{name}-look/{job.ulid}"]
    clock.advance(1800)
    take(appliance, PEER)
    assert look() == []


def test_the_look_after_a_closing_outlives_the_process_and_a_day(folder, clock, patient):
    opened, _ = open_appliance(folder, Settings(), clock)
    command = Command("saf", "enclosure", "e", "close", "u", "U", "[]", "{}", "{}", {})
    job = submission.submit_job(opened.queue, command, USER)
    take(opened, PEER)
    clock.advance(20)
    watch = Watch(opened.board)
    watch.once()
    assert [alarm.key for alarm in alarms.list_alarms(opened.board)] == [f"close-look/{job.ulid}"]
    close_appliance(opened, folder)
    clock.advance(2 * 86_400)
    opened, _ = open_appliance(folder, Settings(), clock)
    Watch(opened.board).once()
    assert f"close-look/{job.ulid}" in [alarm.key for alarm in alarms.list_alarms(opened.board)]
    alarms.acknowledge(opened.board, [f"close-look/{job.ulid}"], ANN)
    clock.advance(1800)
    watch = Watch(opened.board)
    watch.once()
    watch.once()
    assert [alarm.key for alarm in alarms.list_alarms(opened.board) if "look" in alarm.key] == []
    close_appliance(opened, folder)
    opened, _ = open_appliance(folder, Settings(), clock)
    Watch(opened.board).once()
    assert [alarm.key for alarm in alarms.list_alarms(opened.board) if "look" in alarm.key] == []
    close_appliance(opened, folder)


def test_a_failed_closing_is_looked_after_and_a_newer_one_takes_its_place(appliance, submit, clock, look):
    first = submit(device="enclosure", action="close")
    take(appliance, PEER)
    report(appliance, first, "FAILED")
    assert look() == [f"close-look/{first.ulid}"]
    assert "was reported to have failed" in raised(appliance).sentence
    second = submit(device="enclosure", action="close")
    take(appliance, PEER)
    report(appliance, second, "STARTED")
    clock.advance(50)
    assert look() == []
    report(appliance, second, "COMPLETE")
    assert look() == []


@pytest.mark.parametrize(("device", "action"), [("all", "stop"), ("enclosure", "close"), ("mount", "park")])
def test_what_makes_safe_is_an_alarm_as_long_as_it_waits(folder, clock, patient, device, action):
    opened, _ = open_appliance(folder, Settings(), clock)
    command = Command("saf", device, "x", action, "u", "U", "[]", "{}", "{}", {})
    job = submission.submit_job(opened.queue, command, USER)
    watch, key = Watch(opened.board), f"{action}/{job.ulid}"
    for _ in range(3):
        clock.advance(50_000)
        watch.once()
        assert key in [alarm.key for alarm in alarms.list_alarms(opened.board)]
    close_appliance(opened, folder)
    clock.advance(86_400)
    opened, _ = open_appliance(folder, Settings(), clock)
    watch = Watch(opened.board)
    watch.once()
    assert key in [alarm.key for alarm in alarms.list_alarms(opened.board)]
    take(opened, PEER)
    proofs.heard(opened.queue, PEER)
    settle_writes(opened)
    watch.once()
    assert key not in [alarm.key for alarm in alarms.list_alarms(opened.board)]
    close_appliance(opened, folder)


@pytest.mark.sqlite("asks for the plans")
def test_the_search_for_old_jobs_that_wait_reads_waiting_jobs_alone(appliance):
    for sql in (*watched._SAFE_BEFORE, *(f"SELECT j.seq {waiting}" for waiting in silence.WAITING_BEFORE)):
        plan = appliance.queue.database.fetch(f"EXPLAIN QUERY PLAN {sql}", ("",))
        assert [row[-1].rpartition("USING INDEX ")[2].split()[0] for row in plan] in (["job_unread"], ["job_held"])


# ---- stops pressed again and again


def press(submit):
    return submit(device="all", action="stop")


def test_a_stop_pressed_again_and_again_is_late_from_the_first_press(appliance, submit, clock, look):
    poll_twice(appliance)
    for _ in range(2):
        stop = press(submit)
        clock.advance(9.5)
        found = look()
    assert found == [f"stop/{stop.ulid}"]
    clock.step(-7200)
    newer = press(submit)
    assert look() == [f"stop/{newer.ulid}"]
    take(appliance)
    clock.advance(30)
    last = press(submit)
    assert f"stop/{last.ulid}" not in look()
    clock.advance(15)
    assert f"stop/{last.ulid}" in look()


def test_presses_between_two_looks_and_before_a_start_count(appliance, submit, clock, look):
    look()
    for _ in range(9):
        stop = press(submit)
        clock.advance(1.9)
    assert f"stop/{stop.ulid}" in look()
    started = Watch(appliance.board)
    started.once()
    assert f"stop/{stop.ulid}" in [alarm.key for alarm in alarms.list_alarms(appliance.board)]


def test_a_stop_after_one_that_a_user_cancelled_is_late_by_itself(appliance, submit, clock, look):
    stop = press(submit)
    clock.advance(10)
    look()
    withdrawals.cancel_job(appliance.queue, stop.ulid, USER)
    clock.advance(10)
    newer = press(submit)
    assert look() == []
    clock.advance(15)
    assert f"stop/{newer.ulid}" in look()


@pytest.mark.parametrize(("device", "action"), [("all", "stop"), ("enclosure", "close"), ("mount", "park")])
def test_a_hand_out_without_a_proof_is_in_doubt_after_a_time(appliance, submit, clock, look, device, action):
    job = submit(device=device, action=action)
    take(appliance, PEER)
    clock.advance(24)
    key = f"{action}-doubt/{job.ulid}"
    assert key not in look()
    clock.advance(1)
    assert key in look()
    proofs.heard(appliance.queue, PEER)
    settle_writes(appliance)
    assert key not in look()


# ---- silence


def test_a_silent_site(appliance, submit, clock, look):
    for _ in range(5):
        take(appliance)
        clock.advance(20)
    polled_ms = clock.wall_ms - 20_000
    clock.advance(60)
    assert look() == []
    clock.advance(1)
    assert look() == [f"silent/saf/{polled_ms}"]
    assert raised(appliance).since_ms == polled_ms
    assert raised(appliance).sentence == "saf has been silent since 22:14:40 UTC"
    clock.advance(60)
    assert len(look()) == 1 and raised(appliance).sentence == "saf has been silent since 22:14:40 UTC"
    take(appliance)
    assert look() == []


def test_a_site_that_never_polled(appliance, submit, clock, look):
    poll_twice(appliance)
    job = submit(site="sfa")
    clock.advance(59)
    take(appliance)
    assert look() == []
    clock.advance(1)
    assert look() == ["never-polled/sfa"]
    alarm = raised(appliance)
    assert (alarm.kind, alarm.site, alarm.since_ms, alarm.loud) == ("silent", "sfa", job.created_ms, True)
    said = "No program has ever polled for jobs of sfa, and a job is open since 22:13:20 UTC. Did you mean saf?"
    assert alarm.sentence == said
    assert "prjobs sites remove" in alarm.todo and alarm.manual == "manual/trouble#a-site-never-polled"
    withdrawals.cancel_job(appliance.queue, job.ulid, ANN)
    assert look() == []


def test_a_site_of_the_settings_is_suggested(make_appliance, clock):
    opened = make_appliance(stations=["wema=saf"])
    submission.submit_job(opened.queue, Command("sfa", "mount", "m", "go", "u", "U", "[]", "{}", "{}", {}), USER)
    watch = Watch(opened.board)
    clock.advance(60)
    watch.once()
    assert raised(opened).sentence.endswith(". Did you mean saf?")


@pytest.mark.parametrize("is_picked_up", [False, True])
def test_a_site_that_polled_once(appliance, submit, clock, look, is_picked_up):
    jobs = [submit()] if is_picked_up else []
    take(appliance)
    polled_ms = clock.wall_ms
    if not is_picked_up:
        clock.advance(30)
        submit()
    clock.advance(60)
    assert look() == ([] if is_picked_up else [f"silent/saf/{polled_ms}"])
    clock.advance(1)
    assert look() == [f"silent/saf/{polled_ms}"]
    if jobs:
        report(appliance, jobs[0], "COMPLETE")
    else:
        take(appliance)
    assert look() == []


def test_a_job_makes_a_long_silence_an_alarm_again(appliance, submit, clock, look):
    poll_twice(appliance)
    polled_ms = clock.wall_ms
    clock.advance(3 * 86_400)
    assert look() == []
    submit()
    clock.advance(59)
    assert look() == []
    clock.advance(1)
    assert look() == [f"silent/saf/{polled_ms}"]
    clock.advance(86_400)
    assert look() == [f"silent/saf/{polled_ms}"]
    poll_twice(appliance)
    assert look() == []


def test_a_job_that_waits_since_days_is_an_alarm_after_a_start(folder, clock, patient):
    opened, _ = open_appliance(folder, Settings(), clock)
    command = Command("sfa", "mount", "m", "go", "u", "U", "[]", "{}", "{}", {})
    submission.submit_job(opened.queue, command, USER)
    clock.advance(3 * 86_400)
    close_appliance(opened, folder)
    opened, _ = open_appliance(folder, Settings(), clock)
    watch = Watch(opened.board)
    for wait_s, keys in ((0, []), (59, []), (1, ["never-polled/sfa"])):
        clock.advance(wait_s)
        watch.once()
        assert [alarm.key for alarm in alarms.list_alarms(opened.board)] == keys
    close_appliance(opened, folder)


def test_a_program_of_the_alternate_queue_polls(appliance, submit, clock, look):
    submit()
    for _ in range(10):
        take(appliance, alternate=True)
        clock.advance(12)
    assert look() == []
    clock.advance(60)
    assert [key.split("/")[0] for key in look()] == ["silent"]


def test_one_stray_poll_is_no_alarm_and_no_site_for_long(appliance, clock, look):
    take(appliance, site="nowhere")
    assert "nowhere" in appliance.queue.polls.sites()
    clock.advance(3599)
    assert look() == [] and "nowhere" in appliance.queue.polls.sites()
    clock.advance(2)
    assert look() == [] and "nowhere" not in appliance.queue.polls.sites()


def test_a_site_that_is_silent_for_a_day_is_not_in_use(appliance, clock, look):
    poll_twice(appliance)
    clock.advance(86_400)
    assert len(look()) == 1
    clock.advance(1)
    assert look() == []


def test_silence_counts_by_elapsed_time(appliance, clock, look):
    take(appliance)
    clock.step(7200)
    assert look() == []


# ---- stuck


def test_a_job_past_its_own_estimate(appliance, submit, clock, look):
    job = submit(device="camera", action="expose")
    take(appliance)
    report(appliance, job, "STARTED", estimate_s=200)
    began_ms = clock.wall_ms
    for _ in range(25):
        clock.advance(10)
        take(appliance)
    assert look() == []
    clock.advance(0.1)
    assert look() == [f"stuck/{job.ulid}"]
    assert raised(appliance).since_ms == began_ms + 200_000
    assert raised(appliance).sentence.endswith("should have ended at 22:16:40 UTC by its own estimate")
    report(appliance, job, "STARTED", estimate_s=200)
    assert look() == []


@pytest.mark.parametrize("estimate_s", [-1, None])
def test_without_an_estimate_nothing_is_overdue(appliance, submit, clock, look, estimate_s):
    job = submit()
    take(appliance)
    report(appliance, job, "STARTED", estimate_s=estimate_s)
    for _ in range(80):
        clock.advance(50)
        take(appliance)
    assert look() == []


def poll_for(appliance, clock, seconds):
    for _ in range(round(seconds / 10)):
        clock.advance(10)
        take(appliance)


def test_a_missing_report_counts_only_for_a_device_that_reports(appliance, submit, clock, look):
    silent_job, other = submit(), submit(site="mrc1")
    take(appliance)
    take(appliance, site="mrc1", peer="127.0.0.1:7000")
    report(appliance, other, "STARTED")
    poll_for(appliance, clock, 300)
    before = set(look())
    assert f"stuck/{silent_job.ulid}" not in before
    clock.advance(1)
    first = submit()
    take(appliance)
    report(appliance, first, "COMPLETE")
    assert f"stuck/{silent_job.ulid}" in look()


def test_a_device_that_never_reports_is_not_expected_to(appliance, submit, clock, look):
    """At real sites the focuser alone reported for years."""
    _, focus = submit(), submit(device="focuser", action="move")
    take(appliance)
    report(appliance, focus, "COMPLETE")
    poll_for(appliance, clock, 310)
    assert look() == []
    (site,) = sites.list_sites(appliance.board)
    assert site.reporting == ["focuser"]
    again = submit(device="focuser", action="move")
    take(appliance)
    poll_for(appliance, clock, 310)
    assert look() == [f"stuck/{again.ulid}"]


def test_closing_a_job_is_no_report_of_the_device(appliance, submit, clock, look):
    job = submit()
    take(appliance)
    withdrawals.close_job(appliance.queue, job.ulid, ANN, "it is over")
    submit()
    take(appliance)
    poll_for(appliance, clock, 310)
    assert look() == []
    Watch(appliance.board).once()
    assert alarms.list_alarms(appliance.board) == [] and sites.list_sites(appliance.board)[0].reporting == []


def test_what_reports_is_known_after_a_start(appliance, submit, clock):
    focus, _ = submit(device="focuser", action="move"), submit()
    take(appliance)
    report(appliance, focus, "COMPLETE")
    again = submit(device="focuser", action="move")
    take(appliance)
    poll_for(appliance, clock, 310)
    Watch(appliance.board).once()
    assert [alarm.ulid for alarm in alarms.list_alarms(appliance.board)] == [again.ulid]


def test_a_stop_without_a_report_counts_from_when_its_device_reports(appliance, submit, clock, look):
    stop = submit(device="all", action="stop")
    take(appliance, PEER)
    proofs.heard(appliance.queue, PEER)
    settle_writes(appliance)
    assert look() == []
    poll_for(appliance, clock, 310)
    assert look() == []
    for device, late in (("mount", []), ("all", [f"stuck/{stop.ulid}"])):
        job = submit(device=device)
        take(appliance)
        report(appliance, job, "COMPLETE")
        assert look() == late


def test_a_site_that_reported_yesterday_is_not_expected_to_report(appliance, submit, clock, look):
    first = submit()
    take(appliance)
    report(appliance, first, "COMPLETE")
    look()
    clock.advance(86_401)
    submit()
    take(appliance)
    clock.advance(1)
    poll_for(appliance, clock, 310)
    assert look() == []


def test_a_job_from_the_future_is_as_old_as_the_look_that_found_it(submit, clock, look):
    stop = submit(device="all", action="stop")
    clock.step(-3600)
    assert look() == []
    clock.advance(14)
    assert look() == []
    clock.advance(1)
    assert look() == [f"stop/{stop.ulid}"]


def test_a_missing_report_is_history_after_half_an_hour(appliance, submit, clock, look):
    first, job = submit(), submit()
    take(appliance)
    report(appliance, first, "COMPLETE")
    clock.advance(1)
    poll_for(appliance, clock, 300)
    assert look() == [f"stuck/{job.ulid}"]
    assert raised(appliance).sentence.endswith("was picked up at 22:13:20 UTC, and no report came since")
    poll_for(appliance, clock, 1500)
    assert look() == []


def test_what_was_there_before_the_start_is_watched(appliance, submit, clock):
    job, first = submit(), submit()
    take(appliance)
    report(appliance, first, "COMPLETE")
    clock.advance(1)
    poll_for(appliance, clock, 300)
    Watch(appliance.board).once()
    assert [alarm.key for alarm in alarms.list_alarms(appliance.board)] == [f"stuck/{job.ulid}"]


def test_a_closed_job_is_not_stuck_any_more(appliance, submit, clock, look):
    first, job = submit(), submit()
    take(appliance)
    report(appliance, first, "COMPLETE")
    clock.advance(1)
    poll_for(appliance, clock, 300)
    assert len(look()) == 1
    withdrawals.close_job(appliance.queue, job.ulid, USER, "camera hangs")
    assert look() == []


# ---- the house


def test_what_the_house_says_of_itself(appliance, look):
    appliance.queue.notices.say("disk_low", "The disk is nearly full.")
    for code, sentence in {"clock": "It moved.", "backup": "It failed.", "cloud_down": "It is down."}.items():
        appliance.queue.notices.say(code, sentence)
    assert look() == ["problem/disk_low", "notice/backup", "notice/clock", "notice/cloud_down"]
    found = alarms.list_alarms(appliance.board)
    assert [alarm.loud for alarm in found] == [True, False, True, True]
    assert {(alarm.site, alarm.ulid, alarm.todo) for alarm in found} == {("", "", "")}
    appliance.queue.notices.say("disk_low", "The disk is nearly full: less than before.")
    look()
    assert raised(appliance).sentence == "The disk is nearly full."
    appliance.queue.notices.end("disk_low")
    assert "problem/disk_low" not in look()


# ---- seen, cleared, raised again


def test_an_alarm_that_somebody_saw(appliance, clock, look):
    appliance.queue.notices.say("backup", "It failed.")
    appliance.queue.notices.say("disk_low", "Full.")
    look()
    alarms.acknowledge(appliance.board, ["problem/disk_low"], ANN)
    assert look() == ["notice/backup", "problem/disk_low"]
    seen = alarms.list_alarms(appliance.board)[1]
    assert (seen.ack.who, seen.ack.time_ms) == ("auth0|ann", clock.wall_ms)
    assert rows(appliance, "key, seen_by, seen_ms")[0] == ("problem/disk_low", "auth0|ann", clock.wall_ms)
    alarms.forget(appliance.board, ["problem/disk_low"])
    assert raised(appliance).ack is None and rows(appliance)[0] == ("problem/disk_low", None, None)
    with pytest.raises(NotFound):
        alarms.acknowledge(appliance.board, ["problem/other"], ANN)


def test_what_is_raised_again_is_a_new_alarm_that_nobody_saw(appliance, clock, look):
    appliance.queue.notices.say("disk_low", "Full.")
    look()
    alarms.acknowledge(appliance.board, ["problem/disk_low"], ANN)
    appliance.queue.notices.end("disk_low")
    clock.advance(1)
    assert look() == []
    with pytest.raises(NotFound):
        alarms.acknowledge(appliance.board, ["problem/disk_low"], ANN)
    appliance.queue.notices.say("disk_low", "Full again.")
    clock.advance(1)
    look()
    assert (raised(appliance).sentence, raised(appliance).ack) == ("Full again.", None)
    assert rows(appliance) == [
        ("problem/disk_low", clock.wall_ms - 1000, "auth0|ann"),
        ("problem/disk_low", None, None),
    ]


def test_a_look_that_finds_nothing_new_writes_nothing(appliance, submit, clock, look):
    appliance.queue.notices.say("disk_low", "Full.")
    submit(device="all", action="stop")
    clock.advance(20)
    look()
    before = written(appliance)
    for _ in range(5):
        clock.advance(1)
        assert len(look()) == 2
    assert written(appliance) == before
    appliance.queue.notices.end("disk_low")
    look()
    assert written(appliance) != before


@pytest.mark.slow
def test_there_are_never_more_than_can_be_read(appliance, submit, clock, look):
    appliance.queue.polls.named = frozenset(f"s{number}" for number in range(alarms.LIMIT + 3))
    for number in range(alarms.LIMIT + 3):
        submission.submit_job(
            appliance.queue, Command(f"s{number}", "all", "", "stop", "u", "U", "[]", "{}", "{}", {}), USER
        )
    appliance.queue.notices.say("backup", "It failed.")
    clock.advance(20)
    assert len(look()) == alarms.LIMIT


def test_alarms_without_a_sound_give_way_to_all_others(appliance):
    """A hub of a thousand linked sites has hundreds of stops that were reported, but not handed out there."""
    quiet = [alarms.Wrong(f"stop-reported/{n}", alarms.SAFETY, n, str, "saf", loud=False) for n in range(alarms.LIMIT)]
    alarms.settle(appliance.board, [*quiet, alarms.Wrong("silent/saf/1", alarms.SILENT, 1, str, "saf")])
    assert len(appliance.board.alarms.raised()) == alarms.LIMIT
    assert "silent/saf/1" in appliance.board.alarms


# ---- a start, and a store in trouble


def test_a_restart_keeps_what_is_still_wrong_and_clears_the_rest(folder, clock, patient):
    before, _ = open_appliance(folder, Settings(), clock)
    poll_twice(before)
    clock.advance(100)
    before.queue.notices.say("clock", "It moved.")
    Watch(before.board).once()
    key = next(alarm.key for alarm in alarms.list_alarms(before.board) if alarm.kind == "silent")
    alarms.acknowledge(before.board, [key], ANN)
    close_appliance(before, folder)
    clock.advance(5)
    after, _ = open_appliance(folder, Settings(), clock)
    assert {alarm.key for alarm in alarms.list_alarms(after.board)} == {key, "notice/clock"}
    Watch(after.board).once()
    (alarm,) = alarms.list_alarms(after.board)
    assert (alarm.key, alarm.ack.who, alarm.raised_ms) == (key, "auth0|ann", clock.wall_ms - 5000)
    assert sorted(rows(after)) == [("notice/clock", clock.wall_ms, None), (key, None, "auth0|ann")]
    close_appliance(after, folder)


def test_a_start_after_a_pause_gives_sites_time_to_come_back(folder, clock, patient):
    before, _ = open_appliance(folder, Settings(), clock)
    poll_twice(before)
    poll_twice(before, site="mrc1")
    before.queue.database.write(lambda transaction: None)
    save_polls(before.queue, folder)
    close_appliance(before, folder)
    clock.advance(3600)
    after, _ = open_appliance(folder, Settings(), clock)
    watch = Watch(after.board)
    clock.advance(60)
    take(after, site="mrc1")
    watch.once()
    assert alarms.list_alarms(after.board) == []
    clock.advance(1)
    watch.once()
    assert [alarm.site for alarm in alarms.list_alarms(after.board)] == ["saf"]
    close_appliance(after, folder)


def test_a_store_in_trouble_hides_no_alarm_and_gets_it_later(appliance, submit, clock, look):
    stop = submit(device="all", action="stop")
    assert look() == []
    clock.advance(20)
    appliance.queue.database.condition.lose("The file was deleted.")
    assert look() == [f"stop/{stop.ulid}", "problem/store"]
    alarms.acknowledge(appliance.board, ["problem/store"], ANN)
    assert alarms.list_alarms(appliance.board)[1].ack.who == "auth0|ann"
    with pytest.raises(Unavailable):
        rows(appliance)
    appliance.queue.database.condition.find()
    clock.advance(1)
    assert look() == [f"stop/{stop.ulid}"]
    assert rows(appliance) == [(f"stop/{stop.ulid}", None, None), ("problem/store", clock.wall_ms, "auth0|ann")]


def test_what_was_seen_while_an_older_state_was_on_its_way_is_kept(appliance, clock):
    """The chore and a page write at once: the later state wins."""
    appliance.queue.notices.say("disk_low", "Full.")
    watch, busy, go = Watch(appliance.board), threading.Event(), threading.Event()

    def hold(transaction):
        busy.set()
        go.wait(60)

    appliance.queue.database.post(hold)
    busy.wait(60)
    looking = threading.Thread(target=watch.once)
    looking.start()
    wait_for(lambda: "problem/disk_low" in appliance.board.alarms)
    seeing = threading.Thread(target=alarms.acknowledge, args=(appliance.board, ["problem/disk_low"], ANN))
    seeing.start()
    wait_for(lambda: alarms.list_alarms(appliance.board)[0].ack)
    go.set()
    looking.join(60)
    seeing.join(60)
    settle_writes(appliance)
    assert rows(appliance) == [("problem/disk_low", None, "auth0|ann")]
    assert appliance.board.alarms.unsaved() == []


def test_the_chores_watch(appliance, folder, clock):
    chores = Chores(appliance, folder)
    chores.once()
    appliance.queue.notices.say("calendar", "It is not as it should be.")
    chores.once()
    assert alarms.list_alarms(appliance.board) == []
    clock.advance(1)
    chores.once()
    assert [alarm.key for alarm in alarms.list_alarms(appliance.board)] == ["notice/calendar"]


# ---- over HTTP


def test_the_page_gets_them_and_acknowledges_them(make_server):
    clock = ManualClock()
    server = make_server(clock)
    appliance = server.appliance
    headers = {"Authorization": f"Bearer {make_token(appliance, 'auth0|ann', 'owner')}"}
    appliance.queue.notices.say("backup", "It failed.")
    Watch(appliance.board).once()
    (alarm,) = requests.get(f"{server.url}/api/now").json()["alarms"]
    assert alarm == {
        "key": "notice/backup",
        "kind": "notice",
        "site": "",
        "ulid": "",
        "sentence": "It failed.",
        "todo": "",
        "manual": "manual/trouble#the-nightly-backup-failed",
        "since_ms": clock.wall_ms,
        "raised_ms": clock.wall_ms,
        "loud": False,
        "ack": None,
    }

    def ask(method, key, headers=headers):
        return requests.request(method, f"{server.url}/api/alarms/ack", json={"key": key}, headers=headers, timeout=60)

    assert ask("POST", "notice/backup", headers={}).status_code == 401
    (seen,) = ask("POST", "notice/backup").json()["alarms"]
    assert seen["ack"] == {"who": "auth0|ann", "time_ms": clock.wall_ms}
    assert requests.get(f"{server.url}/api/now").json()["alarms"] == [seen]
    (again,) = ask("DELETE", "notice/backup").json()["alarms"]
    assert again == alarm
    for method in ("POST", "DELETE"):
        assert (ask(method, "notice/other").status_code, ask(method, "").status_code) == (404, 400)


def test_a_token_for_one_site_sees_no_alarm_of_another(make_server):
    clock = ManualClock()
    server = make_server(clock)
    appliance = server.appliance
    for site in ("saf", "mrc1"):
        poll_twice(appliance, site=site)
    clock.advance(100)
    appliance.queue.notices.say("backup", "It failed.")
    Watch(appliance.board).once()
    headers = {"Authorization": f"Bearer {make_token(appliance, 'wall', 'viewer', sites=('saf',))}"}
    found = requests.get(f"{server.url}/api/now", headers=headers).json()["alarms"]
    assert [alarm["site"] for alarm in found] == ["saf", ""]
    other = next(alarm.key for alarm in alarms.list_alarms(appliance.board) if alarm.site == "mrc1")
    asked = requests.post(f"{server.url}/api/alarms/ack", json={"key": other}, headers=headers, timeout=60)
    assert asked.status_code in (403, 404)
    assert all(alarm.ack is None for alarm in alarms.list_alarms(appliance.board))


@pytest.mark.parametrize("role", ["viewer", "observatory"])
def test_who_only_looks_acknowledges_nothing(make_server, role):
    server = make_server()
    server.appliance.queue.notices.say("backup", "It failed.")
    Watch(server.appliance.board).once()
    headers = {"Authorization": f"Bearer {make_token(server.appliance, 'wall', role)}"}
    for method in ("POST", "DELETE"):
        url, body = f"{server.url}/api/alarms/ack", {"key": "notice/backup"}
        assert requests.request(method, url, json=body, headers=headers, timeout=60).status_code == 403
    assert alarms.list_alarms(server.appliance.board)[0].ack is None
