"""One case a test: what the link does with each kind of record, answer, mode and status."""

import msgspec
import pytest

from prjobs.access.audit import Act
from prjobs.base.errors import NotFound
from prjobs.cloud import importing, network, shadow, status, switched_off, tables, wire
from prjobs.cloud.network import AMBIGUOUS, CREDENTIALS, PERMANENT, REFUSED, Answer, Failure, require_usable
from prjobs.cloud.wire import Page
from prjobs.jobs import lookup, submission, withdrawals
from prjobs.jobs.requests import Command
from tests.cloud.model import SITE, World
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import report, take, told
from tests.verbs import USER

DATE = {"date": "Tue, 14 Nov 2023 22:13:20 GMT"}


def local(world, ulid):
    return lookup.find_job(world.appliance.queue.database, ulid)


def state_of(world, ulid):
    return world.appliance.queue.database.fetch("SELECT state FROM cloud_job WHERE ulid = ?", (ulid,))[0][0]


# ---- inbound


def test_a_job_of_the_cloud_runs_here_and_its_statuses_appear_there(world):
    ulid = world.cloud.newjob(delay_ms=0, required_params={"time": 0.5, "deep": [1, {"a": True}]})
    world.pass_time()
    row = local(world, ulid)
    assert (row.status, row.origin, row.user_name, row.user_roles) == ("UNREAD", "cloud", "Alice A.", '["observer"]')
    assert row.required_params == '{"time":0.5,"deep":[1,{"a":true}]}'
    assert world.cloud.status_of(ulid) == "UNREAD"
    assert take(world) == [ulid]
    world.pass_time()
    assert world.cloud.status_of(ulid) == "RECEIVED"
    report(world, ulid, "COMPLETE")
    world.pass_time()
    assert world.cloud.records[ulid]["statusId"] == f"COMPLETE#{ulid}"
    assert status.describe(world.appliance.cloud).state == "in step"


def test_ghosts_and_bad_ids_are_ignored_and_counted(world):
    good = world.cloud.newjob(delay_ms=0)
    world.pass_time(2)
    ghost = str(world.cloud.newjob(delay_ms=0))
    world.cloud.settle()
    world.cloud.put(ghost, {"site": SITE, "ulid": ghost, "statusId": f"STARTED#{ghost}"}, 0)
    far = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
    world.cloud.put(far, {**world.cloud.records[good], "ulid": far, "statusId": f"UNREAD#{far}"}, 0)
    world.cloud.put("zzz", {**world.cloud.records[good], "ulid": "zzz", "statusId": "UNREAD#zzz"}, 0)
    world.pass_time()
    assert take(world) == [good]
    assert world.appliance.cloud.memory.ghosts == 3


@pytest.mark.parametrize("params", [[1], "text", 5])
def test_a_job_whose_params_are_no_object_is_not_handed_out(world, params):
    world.cloud.newjob(delay_ms=0, required_params=params)
    world.pass_time()
    assert take(world) == []


ODD = [
    *({name: value} for name in ("required_params", "optional_params") for value in ([], "{}", "stop", 5)),
    *({name: value} for name in ("deviceType", "replicaStatusId") for value in (None, 5)),
    *({name: 5} for name in ("user_id", "user_name", "deviceInstance")),
    {"action": "run", "required_params": '{"script": "stopScript"}'},
]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_stop_with_odd_fields_is_a_stop(world, odd):
    before = world.cloud.newjob("goto", delay_ms=0, deviceType="mount")
    world.pass_time()
    stop = world.cloud.newjob(**{"action": "stop", "delay_ms": 0, **odd})
    world.pass_time(20)
    assert take(world) == [stop] and local(world, before).status == "CANCELLED"
    assert world.appliance.cloud.memory.ghosts == 0 and "cloud_odd" not in world.appliance.queue.notices


@pytest.mark.parametrize(
    ("action", "odd", "is_told"),
    [
        ("close", {"required_params": []}, True),
        ("park", {"user_id": 5}, True),
        ("stop", {"statusId": "UNREAD"}, True),
        ("park", {"user_id": 5, "statusId": "COMPLETE"}, False),
        ("expose", {"required_params": []}, False),
    ],
)
def test_a_stop_a_close_and_a_park_that_cannot_be_read_are_told(world, action, odd, is_told):
    device = {"close": "enclosure", "park": "mount"}.get(action, "camera")
    world.cloud.newjob(action, delay_ms=0, deviceType=device, **odd)
    world.pass_time()
    assert take(world) == [] and world.appliance.cloud.memory.ghosts == 1
    assert ("cloud_odd" in world.appliance.queue.notices) is is_told


def test_a_known_job_is_never_queued_again(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert take(world) == [ulid]
    world.pass_time(60)
    world.cloud.update({"site": SITE, "ulid": ulid, "newStatus": "UNREAD", "secondsUntilComplete": -1})
    world.pass_time(60)
    assert take(world) == [] and world.cloud.status_of(ulid) == "RECEIVED"
    assert "cloud_reset" in world.appliance.queue.notices


def test_a_second_reader_is_noticed_and_its_job_not_run_here(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    world.cloud.getnewjobs({"site": SITE})
    world.pass_time()
    assert take(world) == [] and state_of(world, ulid) == tables.ELSEWHERE and local(world, ulid).status == "RECEIVED"
    assert "cloud_reader" in world.appliance.queue.notices
    world.cloud.update({"site": SITE, "ulid": ulid, "newStatus": "COMPLETE", "secondsUntilComplete": -1})
    world.pass_time()
    assert local(world, ulid).status == "COMPLETE"


def test_a_second_reader_of_a_job_that_was_handed_out_here_is_noticed(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert take(world) == [ulid]
    world.cloud.getnewjobs({"site": SITE})
    world.pass_time()
    said = world.appliance.queue.notices.sentence("cloud_reader")
    assert f"saf, job {ulid}, seen" in said and f"Handed out here as well: {ulid}. Only one program may" in said
    assert status.describe(world.appliance.cloud).notices == [said]
    assert world.cloud.status_of(ulid) == "RECEIVED"


def test_what_the_cloud_shows_after_our_own_words_is_no_second_reader(world):
    """Told with an answer, told in doubt, told by the process before: nobody else has the job."""
    told = [world.cloud.newjob(delay_ms=0)]
    world.pass_time()
    take(world)
    world.pass_time(20)
    doubted = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert take(world) == [doubted]
    world.plan = [None, "lost answer"]
    world.pass_time(6)
    assert world.cloud.status_of(doubted) == "RECEIVED" and world.link.pusher.count == 1
    for ulid in (*told, doubted):
        report(world, ulid, "STARTED")
    world.pass_time(4)
    assert "cloud_reader" not in world.appliance.queue.notices
    world.stop()
    world.start()
    world.pass_time()
    assert world.cloud.status_of(doubted) == "RECEIVED" and "cloud_reader" not in world.appliance.queue.notices


def test_what_a_hub_withdrew_has_no_second_reader(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert take(world) == [ulid]
    world.cloud.call("updatejobstatus", {"site": SITE, "ulid": ulid, "newStatus": "CANCELLED"})
    world.pass_time()
    assert "cloud_reader" not in world.appliance.queue.notices


def test_a_site_that_switches_reports_here_on_jobs_it_got_from_the_cloud(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.clock.true_ms += 1000
    world.cloud.settle()
    world.cloud.getnewjobs({"site": SITE})
    world.pass_time()
    assert take(world) == []
    report(world, ulid, "COMPLETE")
    world.pass_time()
    assert world.cloud.status_of(ulid) == "COMPLETE" and state_of(world, ulid) == tables.OURS


def test_a_stranger_who_keeps_changing_a_status_is_answered_three_times(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    take(world)
    world.pass_time(60)
    for _ in range(5):
        world.cloud.update({"site": SITE, "ulid": ulid, "newStatus": "HACKED", "secondsUntilComplete": -1})
        world.pass_time(60)
    assert world.cloud.status_of(ulid) == "HACKED" and world.appliance.cloud.memory.counts["repaired"] == 3


def test_what_grew_stale_while_the_link_was_down_expires():
    world = World(0, PLAIN, expire_exposure_s=1800)
    world.faultiness, world.observing = 0.0, False
    world.pass_time()
    old = world.cloud.newjob(delay_ms=0)
    world.outage_until_ms = world.clock.true_ms + 7_200_000
    world.step(7_100_000)
    fresh = world.cloud.newjob(delay_ms=0)
    world.pass_time(600)
    assert take(world) == [fresh]
    world.pass_time()
    assert world.cloud.status_of(old) == "EXPIRED"
    world.close()


# ---- modes


def test_a_standby_reads_along_and_takes_over_when_told(world):
    world.close()
    standby = World(0, PLAIN, mode="standby")
    standby.faultiness, standby.observing = 0.0, False
    kept, taken = standby.cloud.newjob(delay_ms=0), standby.cloud.newjob(delay_ms=0)
    standby.pass_time()
    assert take(standby) == [] and local(standby, kept).status == "HELD"
    assert set(standby.cloud.records) and standby.cloud.status_of(kept) == "UNREAD"
    standby.cloud.update({"site": SITE, "ulid": taken, "newStatus": "RECEIVED", "secondsUntilComplete": -1})
    standby.stop()
    standby.settings = standby.settings.__class__(cloud_mode="primary", cloud_sites=[SITE], expire_exposure_s=0)
    standby.pass_time(20)
    assert take(standby) == [kept] and state_of(standby, taken) == tables.ELSEWHERE
    standby.close()
    world.__init__(0, PLAIN)


def test_a_shadow_watches_and_reports_what_it_saw():
    world = World(0, PLAIN, mode="shadow")
    world.faultiness, world.observing = 0.0, False
    world.pass_time()
    lost, twice, well = (world.cloud.newjob(delay_ms=0) for _ in range(3))
    world.pass_time(60)
    for ulid, words in (
        (lost, ["RECEIVED"]),
        (twice, ["RECEIVED", "STARTED", "RECEIVED"]),
        (well, ["RECEIVED", "COMPLETE"]),
    ):
        for word in words:
            world.cloud.update({"site": SITE, "ulid": ulid, "newStatus": word, "secondsUntilComplete": -1})
            world.pass_time()
    for _ in range(80):
        world.step(10_000)
    last = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert take(world) == [] and world.cloud.status_of(last) == "UNREAD"
    found = shadow.report(world.appliance.queue.database)
    assert (found.jobs, found.picked_up, found.set_back) == (4, 3, [twice])
    assert found.received_and_never_reported == sorted([lost, twice])
    assert 55 < found.wait_median_s < 90 and "of a cancel_all" not in "\n".join(shadow.lines(found))

    world.close()


# ---- cancel_all in both directions


def command(action="go"):
    return Command(SITE, "mount", "m", action, "u", "U", "[]", "{}", "{}", {})


def test_a_cancel_at_the_site_withdraws_cloud_jobs_and_says_so_there(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    stop = submission.submit_job(world.appliance.queue, command("cancel_all_commands"), USER)
    assert take(world) == [stop.ulid]
    world.pass_time()
    assert local(world, ulid).status == "CANCELLED" and world.cloud.status_of(ulid) == "CANCELLED"
    assert stop.ulid not in world.cloud.records


def test_a_cancel_in_the_cloud_withdraws_older_jobs_of_the_site_too(world):
    world.pass_time()
    older = submission.submit_job(world.appliance.queue, command(), USER)
    world.pass_time(40)
    stop = world.cloud.newjob("cancel_all_commands", delay_ms=0)
    world.pass_time(20)
    assert take(world) == [stop] and local(world, older.ulid).status == "CANCELLED"
    newer = submission.submit_job(world.appliance.queue, command(), USER)
    world.pass_time()
    assert take(world) == [newer.ulid]


def test_a_status_of_a_job_that_the_cloud_deleted_makes_no_ghost(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    take(world)
    world.pass_time()
    world.cloud.newjob("cancel_all_commands", delay_ms=0)
    world.pass_time()
    report(world, ulid, "COMPLETE")
    world.pass_time(20)
    assert ulid not in world.cloud.records and world.cloud.ghosts == 0
    assert state_of(world, ulid) == tables.GONE and local(world, ulid).status == "COMPLETE"


def test_held_jobs_stay_held_while_the_link_is_down(world):
    for _ in range(3):
        world.cloud.newjob(delay_ms=0)
    world.pass_time()
    stop = world.cloud.newjob("cancel_all_commands", delay_ms=0)
    world.pass_time(6)
    world.outage_until_ms = world.clock.true_ms + 3_600_000
    world.pass_time(60)
    assert set(take(world)) <= {stop}


# ---- outbound


def test_a_job_of_the_site_itself_is_never_sent(world):
    world.pass_time()
    row = submission.submit_job(world.appliance.queue, command(), USER)
    assert take(world) == [row.ulid]
    world.pass_time()
    assert world.cloud.records == {} and world.link.pusher.count == 0


def test_a_status_that_the_cloud_refuses_for_ever_is_parked_and_others_go_on(world):
    bad, good = world.cloud.newjob(delay_ms=0), world.cloud.newjob(delay_ms=0)
    world.pass_time()
    original = world.cloud.update

    def update(body):
        if body["ulid"] == bad and body["newStatus"] != "RECEIVED":
            raise KeyError("a permanent 502")
        return original(body)

    world.cloud.update = update
    take(world)
    world.pass_time()
    report(world, bad, "ODD")
    for _ in range(400):
        report(world, good, "STARTED")
        world.step(600_000)
        world.pass_time(10)
    (parked,) = status.describe(world.appliance.cloud).parked
    assert (parked.ulid, parked.status) == (bad, "ODD") and "cloud_parked" in world.appliance.queue.notices
    world.cloud.update = original
    status.decide_parked(world.appliance.cloud, bad, give_up=False)
    world.pass_time(20)
    assert world.cloud.status_of(bad) == "ODD" and status.describe(world.appliance.cloud).parked == []
    with pytest.raises(NotFound):
        status.decide_parked(world.appliance.cloud, bad, give_up=True)


def test_nothing_is_parked_while_the_cloud_fails_for_everyone(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    take(world)
    world.next_fault = lambda: "5xx"
    for _ in range(300):
        world.step(300_000)
    assert (
        status.describe(world.appliance.cloud).parked == [] and status.describe(world.appliance.cloud).state == "down"
    )
    world.next_fault = lambda: None
    world.pass_time(700)
    assert world.cloud.status_of(ulid) == "RECEIVED"


def test_only_the_latest_status_is_sent_after_days(world):
    ulids = [world.cloud.newjob(delay_ms=0) for _ in range(50)]
    world.pass_time()
    take(world)
    world.outage_until_ms = world.clock.true_ms + 3 * 86_400_000
    sent = []
    original = world.cloud.update
    world.cloud.update = lambda body: (sent.append((body["ulid"], body["newStatus"])), original(body))[1]
    for word in ("STARTED", "EXPOSING", "COMPLETE"):
        for ulid in ulids:
            report(world, ulid, word)
        world.step(86_400_000)
    world.pass_time(700)
    assert sent == [(ulid, "COMPLETE") for ulid in sorted(ulids)]


# ---- answers


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(200, {}, b"[]"), AMBIGUOUS),
        (Answer(200, {"date": "yesterday"}, b"[]"), AMBIGUOUS),
        (Answer(200, DATE, b"<html>"), AMBIGUOUS),
        (Answer(302, DATE, b""), AMBIGUOUS),
        (Answer(307, DATE, b""), AMBIGUOUS),
        (Answer(401, DATE, b""), CREDENTIALS),
        (Answer(403, DATE, b""), CREDENTIALS),
        (Answer(400, DATE, b""), PERMANENT),
        (Answer(404, DATE, b""), PERMANENT),
        (Answer(413, DATE, b""), PERMANENT),
        (Answer(429, DATE, b""), REFUSED),
        (Answer(503, {**DATE, "retry-after": "7"}, b""), REFUSED),
        (Answer(500, DATE, b""), AMBIGUOUS),
        (Answer(502, DATE, b""), AMBIGUOUS),
        (Answer(504, DATE, b""), AMBIGUOUS),
        (Answer(204, DATE, b""), AMBIGUOUS),
    ],
)
def test_only_a_plain_200_counts(answer, kind):
    with pytest.raises(Failure) as failure:
        require_usable(answer)
    assert failure.value.kind == kind


def test_the_date_and_the_wait_are_read():
    assert require_usable(Answer(200, DATE, b"[]")) == 1_700_000_000_000
    with pytest.raises(Failure) as failure:
        require_usable(Answer(429, {**DATE, "retry-after": "99999"}, b""))
    assert failure.value.retry_after_s == network.MOST_RETRY_S


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[", b'"x"', b"\xff", b"[" * 100_000])
def test_a_list_of_jobs_is_a_list(body):
    with pytest.raises(Failure):
        wire.read_listing(body, SITE, 0)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"ResponseMetadata": {"HTTPStatusCode": 500}}', b"\xff"])
def test_a_stored_status_is_said_to_be_stored(body):
    with pytest.raises(Failure):
        wire.read_status_answer(body)


def test_what_is_sent_is_what_the_original_takes():
    body = wire.status_body(SITE, "u", "A" * 100 + "\ud800", 12)
    assert len(body["newStatus"]) == 64 and body["secondsUntilComplete"] == 12
    assert wire.status_body(SITE, "u", "x\ud800", None) == {
        "site": SITE,
        "ulid": "u",
        "newStatus": "x?",
        "secondsUntilComplete": -1,
    }


def test_a_mark_is_not_raised_over_a_gap(world):
    world.pass_time()
    low_ms = tables.mark_of(world.appliance.queue.database, SITE)
    listing = wire.Listing([], 0, 0)
    page = Page(site=SITE, listing=listing, start_ms=low_ms + 5000, mark_ms=low_ms + 9000, offset_ms=0, is_last=True)
    world.appliance.queue.database.write(importing.store_page, world.appliance.queue, page, [], world.link.rules)
    assert tables.mark_of(world.appliance.queue.database, SITE) == low_ms


@pytest.mark.sqlite("restores a backup of the file")
def test_a_restored_backup_does_not_overwrite_what_the_cloud_knows(tmp_path):
    from prjobs.base.clock import Clock
    from prjobs.upkeep import backup, restore

    world = told(PLAIN)
    world.observing = False
    ulid, waiting = world.cloud.newjob(delay_ms=0), world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert set(take(world)) == {ulid, waiting}
    world.pass_time()
    world.stop()
    backup.make_backup(world.folder, tmp_path / "old.sqlite3")
    world.pass_time(60)
    report(world, ulid, "COMPLETE")
    world.pass_time()
    world.stop()
    restore.restore(world.folder, tmp_path / "old.sqlite3", Clock())
    world.pass_time(120)
    assert world.cloud.status_of(ulid) == "COMPLETE" and take(world) == []
    report(world, waiting, "COMPLETE")
    world.pass_time()
    assert world.cloud.status_of(waiting) == "COMPLETE"
    world.close()


def test_the_links_own_words_come_from_nobody_else(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    take(world)
    assert report(world, ulid, "HELD") is None and local(world, ulid).status == "RECEIVED"
    other = world.cloud.newjob(delay_ms=0)
    world.clock.true_ms += 1
    world.cloud.settle()
    world.cloud.update({"site": SITE, "ulid": other, "newStatus": "HELD", "secondsUntilComplete": -1})
    world.cloud.newjob("cancel_all_commands", delay_ms=60_000)
    world.pass_time(100)
    assert local(world, other).status != "HELD" and other not in take(world)


def test_a_held_job_can_be_cancelled_by_a_person():
    world = World(0, PLAIN, mode="standby")
    world.faultiness, world.observing = 0.0, False
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert withdrawals.cancel_job(world.appliance.queue, ulid, USER).status == "CANCELLED"
    world.close()


@pytest.mark.sqlite("restores a backup of the file")
def test_a_restored_job_on_its_way_to_the_cloud_does_not_run_at_the_site(tmp_path):
    from prjobs.base.clock import Clock
    from prjobs.upkeep import backup, restore

    world = told(PLAIN)
    world.observing = False
    world.pass_time()
    command = Command(SITE, "mount", "m", "goto", "u", "U", "[]", "{}", "{}", {})
    queue = world.appliance.queue
    ulid = queue.database.write(submission.insert_job, queue, command, Act(USER, "newjob"), "FORWARDING").ulid
    world.stop()
    backup.make_backup(world.folder, tmp_path / "old.sqlite3")
    assert restore.restore(world.folder, tmp_path / "old.sqlite3", Clock()).cancelled == 1
    world.settings = msgspec.structs.replace(world.settings, cloud_mode="off")
    opened = world.start()
    switched_off.hold_and_give_back(opened.cloud)
    assert take(world) == []
    row = lookup.find_job(opened.queue.database, ulid)
    assert (row.status, row.alternate_status, row.note) == ("CANCELLED", "CANCELLED", restore.NOTE)
    world.close()
