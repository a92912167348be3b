"""Alarms reach people: told once, again, over; through an outage, a kill and a hanging service; without secrets."""

import os

import pytest
import requests

from prjobs.access.audit import Actor
from prjobs.base.errors import Unusable
from prjobs.base.notices import Code
from prjobs.base.notify_addresses import parse_notify
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import load_settings
from prjobs.base.sites import sites_in_settings
from prjobs.monitor import alarms
from prjobs.monitor.alarms import NOTICE, PROBLEM, SILENT, STOP, Wrong
from prjobs.notify import delivery as delivering
from prjobs.notify import notifier as notifying
from prjobs.notify.heartbeat import Heartbeat
from prjobs.notify.news import TEST
from prjobs.notify.notifier import open_notifier, wants
from prjobs.notify.outbox import GATHER_S
from prjobs.notify.sending import _rendered, recipients
from prjobs.upkeep import chores
from tests.clocks import ClockAhead
from tests.disks import mounted
from tests.fake_services import FAILS, HANGS, REFUSES, WORKS, FakeHealthchecks, FakeNtfy
from tests.harm import fill_up
from tests.imported import RUN, named
from tests.proxy import Proxy
from tests.verbs import submit
from tests.waiting import wait_for

ANN = Actor("auth0|ann", "tests")
SECRET = "hush-topic"


@pytest.fixture
def ntfy():
    service = FakeNtfy()
    yield service
    service.close()


@pytest.fixture
def healthchecks():
    service = FakeHealthchecks()
    yield service
    service.close()


class Notified:
    """An appliance with a notifier, whose steps a test calls; alarms are raised as the watch does."""

    def __init__(self, appliance, clock):
        self.appliance, self.clock = appliance, clock
        self.board = appliance.board
        self.restart()

    def restart(self):
        """Begin again with what the store holds, as a process after a kill does."""
        self.notifier = open_notifier(self.board, self.appliance.desk.secret, 8642)
        for _, _, delivery in self.notifier._ways:
            # ntfy's own servers allow a message every few seconds.
            delivery._recipient.service.request_rate_per_sec = 0

    def find(self, *wrongs):
        """Settle these faults, and end all others."""
        alarms.settle(self.board, wrongs)
        self.step()

    def step(self, seconds=0.0):
        """Let time pass, and wait until no message is under way."""
        self.clock.advance(seconds)
        self.notifier.once()

        def is_idle():
            return all(one._under_way is None or one._results.qsize() for _, _, one in self.notifier._ways)

        wait_for(is_idle)
        self.notifier.once()


@pytest.fixture
def notified(make_appliance, clock, ntfy):
    def make(*addresses, **settings):
        return Notified(make_appliance(notify=list(addresses) or [ntfy.url()], **settings), clock)

    return make


def wrong(
    key="silent/saf", kind=SILENT, site="saf", sentence="The observatory at saf has not polled since 03:12 UTC.", **more
):
    return Wrong(key, kind, 1_700_000_000_000, lambda: sentence, site, **more)


# ---- told once, again, over


def test_it_works(notified, ntfy):
    one = notified()
    one.find(wrong())
    assert ntfy.requests == []
    one.step(5)
    (message,) = ntfy.messages
    assert (message["topic"], message["title"]) == (SECRET, "saf: the site does not poll")
    assert "has not polled since 03:12 UTC." in message["message"]
    assert "See whether the observatory program runs" in message["message"]
    assert message["message"].splitlines()[-1].startswith("Monitor: http://127.0.0.1:8642/")
    for _ in range(10):
        one.step(60)
    assert len(ntfy.messages) == 1
    one.step(300)
    assert ntfy.titles[1:] == ["Still: saf: the site does not poll"]
    one.step(60)
    assert len(ntfy.messages) == 2
    one.find()
    one.step(5)
    assert ntfy.titles[2:] == ["Over: saf: the site does not poll"]
    one.step(5000)
    assert len(ntfy.messages) == 3


def test_an_acknowledged_alarm_is_not_repeated_but_its_end_is_told(notified, ntfy):
    one = notified()
    one.find(wrong())
    one.step(5)
    alarms.acknowledge(one.board, ["silent/saf"], ANN)
    one.step(5000)
    assert len(ntfy.messages) == 1
    alarms.forget(one.board, ["silent/saf"])
    one.step(1)
    assert ntfy.titles[1:] == ["Still: saf: the site does not poll"]
    alarms.acknowledge(one.board, ["silent/saf"], ANN)
    one.find()
    one.step(5)
    assert ntfy.titles[2:] == ["Over: saf: the site does not poll"]


def test_an_alarm_that_somebody_saw_at_once_is_not_sent(notified, ntfy):
    one = notified()
    one.find(wrong())
    alarms.acknowledge(one.board, ["silent/saf"], ANN)
    one.step(60)
    one.find()
    one.step(60)
    assert ntfy.messages == [] and stored(one) == []


def test_nothing_is_repeated_with_notify_again_min_0(notified, ntfy):
    one = notified(notify_again_min=0)
    one.find(wrong())
    one.step(5)
    one.step(100_000)
    assert len(ntfy.messages) == 1


def test_a_notice_without_a_sound_is_repeated_once_a_day(notified, ntfy):
    one = notified(ntfy.url(kinds="backup"))
    one.find(wrong(f"{NOTICE}/backup", NOTICE, "", "The backup failed.", loud=False))
    one.step(5)
    for _ in range(23):
        one.step(3600)
    assert ntfy.titles == ["prjobs: the server has a notice"]
    one.step(3600)
    assert ntfy.titles[1:] == ["Still: prjobs: the server has a notice"]


# ---- one message for what belongs together


def test_a_burst_is_one_message_with_the_worst_first(notified, ntfy):
    one = notified()
    faults = [wrong()]
    one.find(*faults)
    for number in range(8):
        faults.append(wrong(f"stuck/{number}", "stuck", sentence=f"saf: job {number} is stuck"))
        one.find(*faults)
        one.clock.advance(0.5)
    faults.append(wrong("stop/1", STOP, sentence="saf: “stop” was sent at 03:12:00 UTC and is not picked up"))
    one.find(*faults)
    one.step(1)
    (message,) = ntfy.messages
    assert message["title"] == "saf: a stop is late or in doubt and 9 more"
    assert message["message"].startswith("saf: “stop” was sent at 03:12:00 UTC and is not picked up.")
    assert "Use the hardware stop." in message["message"] and "And 5 more." in message["message"]
    one.find()
    one.step(5)
    assert len(ntfy.messages) == 2 and ntfy.titles[1].startswith("Over: saf:")


def test_a_flapping_alarm_does_not_flood(notified, ntfy):
    one = notified()
    for _ in range(60):
        one.find(wrong())
        one.step(10)
        one.find()
        one.step(10)
    # Twenty minutes: four messages in each ten, and what the second half of an alarm may add.
    assert 6 <= len(ntfy.messages) <= 9
    one.step(700)
    assert "Raised" in ntfy.messages[-1]["message"] and "times." in ntfy.messages[-1]["message"]
    one.step(5000)
    assert stored(one) == []


@pytest.mark.slow
@pytest.mark.parametrize("half_s", [1, 2, 4])
def test_an_alarm_that_flaps_faster_than_alarms_gather_is_told(notified, ntfy, half_s):
    one = notified()
    for _ in range(30 // half_s):
        one.find(wrong())
        one.step(half_s)
        one.find()
        one.step(half_s)
    assert len(ntfy.messages) in (1, 2) and "saf" in ntfy.titles[0]
    for _ in range(570 // half_s):
        one.find(wrong())
        one.step(half_s)
        one.find()
        one.step(half_s)
    assert len(ntfy.messages) <= 2 * delivering.PACE
    one.step(700)
    assert "times." in ntfy.messages[-1]["message"]
    one.step(5000)
    assert stored(one) == []


def test_a_new_stop_is_told_although_much_was_told_before(notified, ntfy):
    one = notified()
    for number in range(delivering.PACE):
        one.find(wrong(f"stuck/{number}", "stuck"))
        one.step(5)
    before = len(ntfy.messages)
    assert before >= delivering.PACE
    stop = wrong("stop/1", STOP, sentence="saf: stop")
    one.find(stop)
    one.step(5)
    assert ntfy.titles[before:] == ["saf: a stop is late or in doubt and 1 more"]


# ---- outages


@pytest.mark.parametrize("how", ["cut", REFUSES, FAILS])
def test_an_outage_delays_a_message_and_loses_none(notified, ntfy, how):
    one = notified()
    ntfy.cut() if how == "cut" else setattr(ntfy, "mode", how)
    one.find(wrong())
    for _ in range(10):
        one.step(30)
    reasons = {"cut": "the service cannot be reached", REFUSES: "the service answered 403"}
    said = one.appliance.queue.notices.sentence(Code.NOTIFY)
    assert said.startswith("Messages to ntfy, address 1 have not got through since 22:13 UTC: ")
    assert reasons.get(how, "the service answered 500") in said and SECRET not in said
    ntfy.restore() if how == "cut" else setattr(ntfy, "mode", WORKS)
    one.step(60)
    assert ntfy.titles == ["saf: the site does not poll"]
    assert one.appliance.queue.notices.sentence(Code.NOTIFY) == ""
    one.step(60)
    assert len(ntfy.messages) == 1


def test_an_alarm_that_was_over_before_anything_left_is_one_message(notified, ntfy):
    one = notified()
    ntfy.cut()
    one.find(wrong())
    one.step(30)
    one.find()
    one.step(600)
    ntfy.restore()
    one.step(60)
    (message,) = ntfy.messages
    assert message["title"] == "Was: saf: the site does not poll"
    assert message["message"].startswith("Raised at 22:13 UTC on 14 Nov, over since 22:13 UTC on 14 Nov: The obs")
    one.step(5000)
    assert len(ntfy.messages) == 1 and stored(one) == []


def test_an_address_that_fails_does_not_hold_up_another(notified, ntfy):
    other = FakeNtfy()
    one = notified(ntfy.url(), other.url())
    other.mode = FAILS
    one.find(wrong())
    one.step(5)
    assert len(ntfy.messages) == 1 and other.messages == [] and other.tries == 1
    other.mode = WORKS
    one.step(60)
    assert len(ntfy.messages) == 1 and len(other.messages) == 1
    other.close()


def test_a_service_that_hangs_holds_nobody_up(notified, ntfy, monkeypatch):
    other = FakeNtfy()
    one = notified(ntfy.url(), other.url() + "?rto=60")
    other.mode = HANGS
    one.find(wrong())
    one.clock.advance(5)
    one.notifier.once()
    ntfy.wait_for(1)
    wait_for(lambda: other.tries)
    one.clock.advance(delivering.HANGS_S)
    one.notifier.once()
    one.clock.advance(delivering.HANGS_S)
    one.notifier.once()
    assert "the service does not answer" in one.appliance.queue.notices.sentence(Code.NOTIFY)
    one.clock.advance(3600)
    one.notifier.once()
    assert other.tries == 1
    other.mode = WORKS
    other.let_go.set()
    one.step()
    one.step(3600)
    assert len(other.messages) == 1
    other.close()


def test_a_locked_store_delays_no_message(notified, ntfy):
    one = notified()
    one.step()
    one.appliance.queue.database.lose("gone")
    one.find(wrong())
    one.step(5)
    one.step(5)
    assert len(ntfy.messages) == 1 and one.notifier._outboxes[0].is_unsaved
    one.appliance.queue.database.find()
    one.find(wrong())
    one.step()
    assert not one.notifier._outboxes[0].is_unsaved and len(stored(one)) == 1
    assert len(ntfy.messages) == 1


# ---- restarts


def stored(one):
    return one.appliance.queue.database.fetch("SELECT subject, told_ms, times FROM notification ORDER BY subject")


def test_a_restart_tells_nothing_twice_and_forgets_nothing(notified, ntfy):
    one = notified()
    one.find(wrong())
    one.step(5)
    one.restart()
    one.step(60)
    assert len(ntfy.messages) == 1
    one.step(900)
    assert ntfy.titles[1:] == ["Still: saf: the site does not poll"]
    one.restart()
    one.find()
    one.step(5)
    assert ntfy.titles[2:] == ["Over: saf: the site does not poll"]


def test_a_restart_in_an_outage_keeps_what_waits(notified, ntfy):
    one = notified()
    ntfy.cut()
    one.find(wrong(), wrong("stuck/1", "stuck"))
    one.step(30)
    one.find(wrong())
    one.restart()
    one.step(30)
    ntfy.restore()
    one.step(60)
    (message,) = ntfy.messages
    assert message["title"] == "saf: the site does not poll and 1 more"
    assert "Raised at 22:13 UTC" in message["message"]


def test_an_address_that_is_not_set_any_more_is_forgotten(notified, ntfy, make_appliance):
    one = notified()
    one.find(wrong())
    one.step(5)
    assert len(stored(one)) == 1
    other = notified(ntfy.url("another"))
    other.step(5)
    ((key, told_ms, _),) = stored(other)
    assert (key == "silent/saf" and told_ms is None) or len(ntfy.messages) == 2


def test_the_file_has_no_address(notified, ntfy, folder):
    one = notified(ntfy.url(name="Ann"))
    one.find(wrong())
    one.step(5)
    one.find()
    one.step(5)
    rows = one.appliance.queue.database.fetch("SELECT address, news, key FROM told ORDER BY id")
    assert rows == [("Ann (ntfy)", "raised", "silent/saf"), ("Ann (ntfy)", "over", "silent/saf")]
    for path in folder.path.glob("prjobs.sqlite3*"):
        assert SECRET.encode() not in path.read_bytes()


def test_each_alarm_comes_with_what_to_do(notified, ntfy):
    one = notified(monitor_url="https://p.example/jobs")
    one.find(
        wrong(),
        wrong(f"{PROBLEM}/disk_low", PROBLEM, "", "The disk is nearly full"),
        wrong(f"{NOTICE}/cloud_down", NOTICE, "", "The cloud does not answer."),
    )
    one.step(5)
    text = ntfy.messages[0]["message"]
    assert "See whether the observatory program runs and its network is up." in text
    assert "The disk is nearly full. Make room on the disk of the server." in text
    section = "manual/trouble#the-cloud-gives-no-usable-answer"
    assert f"The cloud does not answer. What to do: https://p.example/jobs/{section}" in text
    assert text.endswith("\n\nMonitor: https://p.example/jobs/")


# ---- who gets what


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {"silent", "stop", "disk_low"}),
        (" | kinds=stop", {"stop"}),
        (" | kinds=problem,silent", {"silent", "disk_low"}),
        (" | kinds=disk_low", {"disk_low"}),
        (" | kinds=notice", set()),
        (" | kinds=backup", {"backup"}),
        (" | sites=saf", {"silent", "disk_low"}),
        (" | kinds=stop | sites=saf", set()),
    ],
)
def test_an_address_says_kinds_and_sites(appliance, options, expected):
    (address,) = parse_notify([f"ntfys://topic{options}"])
    board = appliance.board
    alarms.settle(
        board,
        [
            wrong(),
            wrong("stop/1", STOP, "mrc"),
            wrong(f"{PROBLEM}/disk_low", PROBLEM, ""),
            wrong(f"{NOTICE}/backup", NOTICE, "", loud=False),
        ],
    )
    assert {alarms.code_of(alarm) for alarm in board.alarms.raised() if wants(address, alarm)} == expected


# ---- the server


def fast(server):
    for _, _, delivery in server.running.notifier._ways:
        delivery._recipient.service.request_rate_per_sec = 0


def log_of(server):
    return requests.get(f"{server.url}/api/night?site=saf", timeout=30).json()["told"]


def is_silent(server):
    raised = server.appliance.board.alarms.raised()
    return next((alarm.key for alarm in raised if alarm.kind == SILENT), None)


def poll(server, site="saf"):
    return requests.post(f"{server.url}/getnewjobs", json={"site": site}, timeout=30).json()


@pytest.fixture
def quick(monkeypatch):
    """The loops of a server in this process look more often."""
    monkeypatch.setattr(notifying, "STEP_S", 0.05)
    monkeypatch.setattr(chores, "TICK_S", 0.05)


def gather(server, clock):
    """Let the seconds pass in which alarms are gathered, once the notifier has seen the last one."""
    box = server.running.notifier._outboxes[0]
    wait_for(lambda: not server.running.notifier._changed and any(one.news for one in list(box._notes.values())))
    clock.ahead_s += GATHER_S


@pytest.mark.slow
def test_a_silent_site_and_a_late_stop_at_a_real_server(make_server, ntfy, healthchecks, quick):
    clock = ClockAhead()
    server = make_server(clock, notify=[ntfy.url()], heartbeat_url=healthchecks.url, monitor_url="https://p.example/")
    fast(server)
    wait_for(lambda: healthchecks.beats)
    poll(server), poll(server)
    clock.ahead_s += 70
    wait_for(lambda: is_silent(server))
    gather(server, clock)
    (message,) = ntfy.wait_for(1)
    assert message["title"] == "saf: the site does not poll"
    assert message["message"].endswith("Monitor: https://p.example/")
    beats = healthchecks.beats
    clock.ahead_s += 61
    submit(server.appliance, device="all", action="stop")
    wait_for(lambda: server.running.notifier._heartbeat._due_s < clock.elapsed_s())
    clock.ahead_s += 20
    wait_for(lambda: any(alarm.kind == "stop" for alarm in server.appliance.board.alarms.raised()))
    gather(server, clock)
    assert "a stop is late or in doubt" in ntfy.wait_for(2)[1]["title"]
    assert healthchecks.beats == beats
    clock.ahead_s += 15 * 60
    assert ntfy.wait_for(3)[2]["title"].startswith("Still: saf: a stop is late or in doubt and 1 more")
    poll(server)
    wait_for(lambda: server.appliance.board.alarms.raised() == [])
    gather(server, clock)
    assert ntfy.wait_for(4)[3]["title"].startswith("Over: saf:")
    clock.ahead_s += 61
    wait_for(lambda: healthchecks.beats > beats)
    told = wait_for(lambda: log_of(server) if len(log_of(server)) == 6 else None)
    assert [one["news"] for one in told] == ["raised", "raised", "again", "again", "over", "over"]
    assert {one["address"] for one in told} == {"ntfy, address 1"}
    assert "Messages about alarms" in requests.get(f"{server.url}/night?site=saf", timeout=30).text
    assert SECRET not in requests.get(f"{server.url}/night?site=saf", timeout=30).text


@pytest.mark.sqlite("watches the disk of the file")
def test_an_acknowledgement_lets_the_heart_beat_again_but_a_problem_does_not(
    make_server, healthchecks, quick, monkeypatch
):
    looks, look = [], Heartbeat.once
    monkeypatch.setattr(Heartbeat, "once", lambda heart: looks.append(look(heart)))
    clock = ClockAhead()
    server = make_server(clock, heartbeat_url=healthchecks.url, min_free_mb=10**9)
    wait_for(lambda: "problem/disk_low" in server.appliance.board.alarms)
    alarms.acknowledge(server.appliance.board, ["problem/disk_low"], ANN)
    clock.ahead_s += 61
    # The look that is under way may have read the clock before.
    before = len(looks)
    wait_for(lambda: len(looks) >= before + 3)
    assert server.running.notifier._heartbeat._asking is None and healthchecks.beats == 0
    other = make_server(clock, name="other", heartbeat_url=healthchecks.url)
    poll(other), poll(other)
    clock.ahead_s += 70
    wait_for(lambda: is_silent(other))
    beats = healthchecks.beats
    clock.ahead_s += 61
    alarms.acknowledge(other.appliance.board, [is_silent(other)], ANN)
    wait_for(lambda: healthchecks.beats > beats)


# ---- the heartbeat, and other services


def test_the_heart_beats_once_a_minute(make_appliance, clock, healthchecks):
    board = make_appliance(heartbeat_url=f"{healthchecks.url}?status=up").board
    heart = Heartbeat(board)

    def look():
        heart.once()
        if heart._asking:
            heart._asking.join(60)
        return healthchecks.beats

    assert look() == 0, "nothing is known before the first search for faults"
    alarms.settle(board, [])
    assert [look(), look()] == [1, 1]
    clock.advance(59)
    alarms.settle(board, [])
    assert look() == 1
    clock.advance(1)
    healthchecks.success = 204
    assert look() == 2
    clock.advance(60)
    assert look() == 2, "the search for faults stands still"
    alarms.settle(board, [])
    healthchecks.cut()
    assert look() == 2 and "refused" in heart._reason and "hush" not in heart._reason
    healthchecks.restore()
    clock.advance(59)
    alarms.settle(board, [wrong()])
    clock.advance(1)
    assert look() == 2, "an alarm is raised"
    alarms.acknowledge(board, ["silent/saf"], ANN)
    assert look() == 3 and heart._reason == ""
    board.queue.notices.say(Code.NOTIFY, "Messages do not get through.")
    clock.advance(60)
    alarms.settle(board, [])
    assert look() == 3, "messages do not get through"
    assert [path for path, _ in healthchecks.requests] == ["/ping/hush-uuid?status=up"] * 3


def test_a_message_is_text_for_services_of_every_form():
    message = TEST._replace(title="a <b>", body="saf: “<b>&” is late.\n\nStill.")
    addresses = [
        "mailto://u:p@example.org",
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
        "ntfys://t",
        "matrixs://u:p@h/",
    ]
    for one in recipients(Settings(notify=addresses)):
        made = _rendered(one.service, message)
        is_markup = str(getattr(made["body_format"], "value", made["body_format"])) == "html"
        assert ("<b>" in made["body"]) != is_markup, one.address.schema


def test_sites_of_an_address_are_sites_of_the_settings():
    assert sites_in_settings(Settings(notify=["ntfys://a | sites=saf,mrc1", "ntfys://b"])) == {
        "mrc1": ["notify"],
        "saf": ["notify"],
    }


def test_addresses_stand_in_a_variable_with_commas(tmp_path):
    text = "ntfys://a | kinds=stop,silent | sites=saf,mrc1, mailto://u:p@h.example?to=a@h.example,b@h.example"
    settings, _ = load_settings(tmp_path, {"PRJOBS_NOTIFY": text})
    first, second = parse_notify(settings.notify)
    assert (first.kinds, first.sites, second.url) == (("stop", "silent"), ("saf", "mrc1"), text.split(", ")[1])


# ---- the program: addresses in a wrong form, tests, secrets, a kill


def set_up(program, *lines):
    program.data.mkdir(exist_ok=True)
    (program.data / "prjobs.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("qqq://pass-word", "notify: address 2 (qqq): Apprise knows no service of this name."),
        ("ntfs://pass-word", "Did you mean ntfys?"),
        ("mailto://ann:pass-word@", "notify: address 2 (mailto): this is no address of the service"),
        ("tgram://pass-word", "notify: address 2 (tgram): this is no address of the service"),
        ("ntfys://pass-word | kinds=disk", "there is no kind of alarm named disk. Did you mean disk_low?"),
        ("ntfys://pass-word | kind=stop", "none of name, kinds, sites. Write it as in"),
        ("ntfys://pass-word|pass-word", "address 2 (ntfys) has an option that is none of name, kinds, sites"),
        ("ntfys://pass-word | sites=", "address 2 (ntfys): sites must be words with commas between them"),
        ("pass-word", "notify: address 2 names no service and address behind it."),
        ("ntfys://", "notify: address 2 names no service and address behind it."),
        ("json://127.0.0.1:1/pass-word", "address 2 is the same as address 1"),
    ],
)
def test_an_address_in_a_wrong_form_is_named(tmp_path, entry, said):
    (tmp_path / "prjobs.toml").write_text(f'notify = ["json://127.0.0.1:1/pass-word", "{entry}"]\n', encoding="utf-8")
    with pytest.raises(Unusable) as refused:
        recipients(load_settings(tmp_path, {})[0])
    assert said in str(refused.value) and "pass-word" not in str(refused.value)


@pytest.mark.slow
def test_a_server_does_not_start_with_an_address_in_a_wrong_form(program):
    set_up(program, 'notify = ["ntfys://topic", "mailto://ann:pass-word@"]')
    for words in (("serve", "--port", "0"), ("notify", "test"), ("doctor",), ("settings",)):
        done = program.run(*words)
        output = done.stdout + done.stderr
        is_named = "notify: address 2 (mailto): this is no address of the service" in output
        assert (done.returncode == 1) == is_named == (words != ("settings",)), output
        assert "pass-word" not in output
    assert "pass-word" not in (program.data / "logs" / "prjobs.log").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_command_says_for_each_address_whether_a_test_went(program, ntfy, healthchecks):
    assert program.run("notify", "test").returncode == 1
    other = FakeNtfy()
    set_up(
        program,
        f'notify = ["{ntfy.url(name="Ann")}", "{other.url("hush-other")}"]',
        f'heartbeat_url = "{healthchecks.url}"',
    )
    done = program.run("notify", "test")
    beat = f"heartbeat http://127.0.0.1:{healthchecks.port}/…"
    assert done.stdout.splitlines() == ["Ann (ntfy): sent", "ntfy, address 2: sent", f"{beat}: sent"]
    assert (done.returncode, done.stderr, ntfy.titles, healthchecks.beats) == (0, "", ["prjobs: a test"], 1)
    other.mode = REFUSES
    healthchecks.mode = FAILS
    done = program.run("notify", "test")
    assert "ntfy, address 2: failed: the service answered 403" in done.stdout
    assert f"{beat}: failed: 127.0.0.1:{healthchecks.port} answered with status 500" in done.stdout
    assert (done.returncode, done.stderr) == (1, "") and "hush" not in done.stdout
    other.close()
    done = program.run("notify", "test", "--json")
    assert '"sent": false, "reason": "the service cannot be reached"' in done.stdout and "hush" not in done.stdout


def everything_said(program, token):
    """Return all that people and programs get to see, and every file but the settings."""
    headers = {"Authorization": f"Bearer {token}"}
    paths = ("healthz", "healthz?for=watchdog", "api/now", "api/settings", "api/night", "night", "api/audit")
    texts = [requests.get(f"{program.url}/{path}", headers=headers, timeout=30).text for path in paths]
    commands = (
        ("settings",),
        ("settings", "--json"),
        ("doctor",),
        ("doctor", "--json"),
        ("night",),
        ("night", "--json"),
    )
    for words in commands:
        done = program.run(*words)
        texts += [done.stdout, done.stderr]
    files = [path for path in program.data.rglob("*") if path.is_file() and path.name != "prjobs.toml"]
    return "\n".join(texts) + "".join(path.read_bytes().decode("latin-1") for path in files)


@pytest.mark.long
def test_a_full_disk_a_kill_and_no_secret_anywhere(program, ntfy, healthchecks):
    other = FakeNtfy()
    other.mode = REFUSES
    set_up(
        program,
        f'notify = ["{ntfy.url()}", "{other.url("hush-other")}", "json://ann:hush-word@127.0.0.1:9/hush-path"]',
        f'heartbeat_url = "{healthchecks.url}?key=hush-key"',
        "min_free_mb = 1000000000",
        'log_level = "debug"',
    )
    program.serve()
    (message,) = wait_for(lambda: ntfy.messages)
    assert message["title"] == "prjobs: the server has a problem"
    assert message["message"].startswith("The disk is nearly full: ")
    wait_for(lambda: other.tries)
    token = program.token("auth0|ann", "--role", "admin")
    night = requests.get(f"{program.url}/api/night", timeout=30)
    said = everything_said(program, token)
    assert "hush" not in said and night.status_code == 200
    assert '"value":["ntfy://…","ntfy://…","json://…"]' in said
    wait_for(lambda: '"news":"raised"' in requests.get(f"{program.url}/api/night", timeout=30).text)
    program.kill()
    other.mode = WORKS
    program.serve()
    # The second address has not heard of the disk before the kill; the first one has, and hears nothing twice.
    (message,) = wait_for(lambda: other.messages)
    assert message["title"] == "prjobs: the server has a problem"
    assert len(ntfy.messages) == 1 and healthchecks.beats == 0
    program.stop()
    set_up(program, f'notify = ["{ntfy.url()}"]', f'heartbeat_url = "{healthchecks.url}"')
    program.serve()
    wait_for(lambda: len(ntfy.messages) == 2)
    assert ntfy.titles[1] == "Over: prjobs: the server has a problem"
    wait_for(lambda: healthchecks.beats)
    program.stop()
    errors = program.data / "logs" / "prjobs.log"
    assert "sent to ntfy, address 1: prjobs: the server has a problem" in errors.read_text(encoding="utf-8")
    other.close()


@pytest.mark.long
def test_a_disk_without_any_room_is_told(program, ntfy, tmp_path):
    (tmp_path / "disk").mkdir()
    with mounted(tmp_path / "disk", "size=24m"):
        program.data = tmp_path / "disk" / "data"
        set_up(program, f'notify = ["{ntfy.url()}"]', "min_free_mb = 1")
        program.serve()
        token = program.token()
        program.new_job(token)
        filling = fill_up(tmp_path / "disk")
        (message,) = wait_for(lambda: ntfy.messages)
        assert message["title"].startswith("prjobs: the server has a problem")
        assert "disk is" in message["message"]
        filling.unlink()
        wait_for(lambda: ntfy.titles[-1].startswith("Over: prjobs: the server has a problem"))
        told = wait_for(lambda: "raised" in requests.get(f"{program.url}/api/night", timeout=30).text)
        assert told and program.stop()[0] == 0
        assert len({(one["title"], one["message"]) for one in ntfy.messages}) == len(ntfy.messages) <= 3


@pytest.mark.long
def test_a_hanging_service_holds_up_neither_a_poll_nor_the_stop_of_the_process(program, ntfy, healthchecks):
    ntfy.mode = healthchecks.mode = HANGS
    set_up(
        program,
        f'notify = ["{ntfy.url()}?rto=600"]',
        f'heartbeat_url = "{healthchecks.url}"',
        "min_free_mb = 1000000000",
    )
    program.serve()
    wait_for(lambda: ntfy.tries)
    assert program.post("getnewjobs", {"site": "saf"}).json() == []
    code, _, errors = program.stop()
    assert code == 0 and "broken off" not in errors


def test_without_the_settings_nothing_is_imported_and_nothing_is_sent(program):
    program.launcher = ("-c", RUN)
    program.serve()
    assert requests.get(f"{program.url}/healthz", timeout=30).status_code == 200
    code, output, _ = program.stop()
    assert code == 0 and not named(output) & {"apprise", "requests", "prjobs.notify"}


@pytest.mark.slow
def test_no_proxy_is_asked_unless_the_setting_says_so(program, ntfy, healthchecks):
    proxy = Proxy(ntfy.port)
    environment = {**os.environ, "HTTP_PROXY": proxy.url, "http_proxy": proxy.url, "NO_PROXY": "", "no_proxy": ""}
    lines = [f'notify = ["{ntfy.url()}"]', f'heartbeat_url = "{healthchecks.url}"']
    set_up(program, *lines, 'proxies = "none"')
    assert program.run("notify", "test", env=environment).returncode == 0
    assert (proxy.heads, len(ntfy.messages), healthchecks.beats) == ([], 1, 1)
    set_up(program, *lines)
    done = program.run("notify", "test", env=environment)
    assert len(proxy.heads) == 2 and "failed" not in done.stdout, done.stdout
    proxy.close()
