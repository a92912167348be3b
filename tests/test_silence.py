"""Silence and missing reports over real HTTP: what is said of a program that does not ask, or does not report."""

import json
import time

import pytest
import requests

from prjobs.base.notices import Code
from prjobs.monitor import silence
from prjobs.monitor.watchdog import list_reasons
from prjobs.monitor.watching import Watch
from tests.clocks import ManualClock
from tests.verbs import make_token
from tests.waiting import wait_for


def bearer(server, *roles, sites=()):
    return {"Authorization": f"Bearer {make_token(server.appliance, 'ann', *roles, sites=sites)}"}


class Site:
    """An observatory's program and a user's, at a server on a clock that the test sets."""

    def __init__(self, server, clock, site="saf"):
        self.server, self.clock, self.site = server, clock, site
        self.program = requests.Session()
        self.user = bearer(server, "admin")

    def post(self, name, body, **headers):
        """Ask over one connection, as a program does: each request proves that the answer before arrived."""
        return self.program.post(f"{self.server.url}/jobs/{name}", json={"site": self.site, **body}, headers=headers)

    def send(self, device="mount", action="go", **headers):
        who = {"user_id": "ann", "user_name": "Ann"}
        command = {"device": device, "instance": "x", "action": action, "required_params": {}, "optional_params": {}}
        answer = self.post("newjob", {**command, **who}, **self.user, **headers)
        assert answer.status_code == 200
        return answer

    def poll(self, times=1, gap_s=12.0):
        for number in range(times):
            self.clock.advance(gap_s if number else 0)
            found = self.post("getnewjobs", {}).json()
        return found

    def report(self, ulid, status):
        assert self.post("updatejobstatus", {"ulid": ulid, "newStatus": status}).status_code == 200

    def now(self):
        Watch(self.server.appliance.board).once()
        return requests.get(f"{self.server.url}/api/now", headers=self.user).json()

    def alarms(self):
        return {one["key"]: one for one in self.now()["alarms"]}

    def silences(self):
        """The kinds of the alarms. Notices left out: the chores tell of a token that ends whenever they look."""
        return {one["kind"] for one in self.alarms().values()} - {"notice"}


def test_it_works(make_server):
    """The focuser alone reports: nobody expects a report of the camera."""
    clock = ManualClock()
    saf = Site(make_server(clock), clock)
    expose, first, second = (saf.send(device).json()["ulid"] for device in ("camera", "focuser", "focuser"))
    saf.poll()
    saf.report(first, "COMPLETE")
    saf.poll(times=30)
    assert list(saf.alarms()) == [f"stuck/{second}"]
    saf.report(expose, "STARTED")
    third = saf.send("camera").json()["ulid"]
    saf.poll(times=30)
    assert f"stuck/{third}" in saf.alarms()
    assert saf.now()["sites"][0]["reporting"] == ["camera", "focuser"]


# ---- a site that never polled


def test_a_linked_site_reads_the_recent_jobs_instead_of_polling(make_server):
    """A person who reads the recent jobs is no program at the site."""
    clock = ManualClock()
    saf = Site(make_server(clock), clock)
    link, viewer = bearer(saf.server, "observatory", sites=("saf",)), bearer(saf.server, "viewer")
    saf.send()
    for _ in range(20):
        clock.advance(5)
        assert len(saf.post("getrecentjobs", {}, **link).json()) == 1
    assert saf.silences() == set()
    assert [(one["site"], one["silent"], one["usual_gap_ms"]) for one in saf.now()["sites"]] == [("saf", False, 5000)]
    clock.advance(61)
    saf.post("getrecentjobs", {}, **viewer)
    assert saf.silences() == {"silent"}


def test_readings_do_not_hide_the_silence_of_a_program(make_server):
    clock = ManualClock()
    saf = Site(make_server(clock), clock)
    link = bearer(saf.server, "observatory", sites=("saf",))
    saf.send()
    saf.poll(times=3)
    for _ in range(20):
        clock.advance(5)
        saf.post("getrecentjobs", {}, **link)
    assert saf.silences() == {"silent"}
    # A day later the program is forgotten: the site has a link instead.
    clock.advance(86_400)
    # The first token has ended by then.
    saf.post("getrecentjobs", {}, **bearer(saf.server, "observatory", sites=("saf",)))
    assert saf.silences() == set()


def test_a_job_for_a_site_that_never_polled(make_server):
    clock = ManualClock()
    server = make_server(clock, allowed_origins=["https://ui.example"])
    saf, sfa = Site(server, clock), Site(server, clock, "sfa")
    saf.poll(times=2)
    assert "X-Prjobs-Note" not in saf.send().headers
    answer = sfa.send(Origin="https://ui.example")
    said = "No program has ever polled for jobs of sfa: the job waits until a program does. Did you mean saf?"
    assert answer.headers["X-Prjobs-Note"] == said
    assert "X-Prjobs-Note" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.json()["statusId"].startswith("UNREAD#") and set(answer.json()) == set(saf.send().json())
    clock.advance(59)
    saf.poll()
    assert saf.alarms() == {}
    clock.advance(1)
    assert list(saf.alarms()) == ["never-polled/sfa"]
    again = requests.post(f"{server.url}/api/jobs/{answer.json()['ulid']}/again", json={}, headers=saf.user)
    assert (again.status_code, again.headers["X-Prjobs-Note"]) == (200, said)
    clock.advance(1)
    notes = {one["site"]: one["note"] for one in saf.now()["sites"]}
    assert notes == {"saf": "", "sfa": said}
    sfa.poll()
    assert "X-Prjobs-Note" not in sfa.send().headers


def test_a_token_for_one_site_learns_no_other_name(make_server):
    clock = ManualClock()
    server = make_server(clock)
    Site(server, clock).poll(times=2)
    sfa = Site(server, clock, "sfa")
    sfa.user = bearer(server, sites=("sfa",))
    assert "saf" not in sfa.send().headers["X-Prjobs-Note"]


# ---- removal


def remove(saf, site, **query):
    return requests.delete(f"{saf.server.url}/api/sites/{site}", params=query, headers=saf.user)


def sites_of(saf):
    saf.clock.advance(1)
    return [one["site"] for one in saf.now()["sites"]]


def test_a_site_that_was_a_typing_error_is_removed(make_server):
    clock = ManualClock()
    server = make_server(clock)
    saf, sfa = Site(server, clock), Site(server, clock, "sfa")
    saf.poll(times=2)
    ulid = sfa.send().json()["ulid"]
    clock.advance(60)
    saf.poll()
    assert list(saf.alarms()) == ["never-polled/sfa"]
    refused = remove(saf, "sfa")
    assert refused.status_code == 409 and refused.json()["error"].startswith("sfa has 1 job not finished: cancel what")
    requests.post(f"{server.url}/api/jobs/{ulid}/cancel", json={}, headers=saf.user)
    assert remove(saf, "sfa").json() == {"removed": "sfa", "cancelled": 0}
    assert sites_of(saf) == ["saf"] and saf.alarms() == {}
    assert [job["ulid"] for job in sfa.post("getrecentjobs", {"timeRange": 1000 * 3600}).json()] == [ulid]
    assert remove(saf, "sfa").json()["error"] == "No site of this name is known here. Did you mean saf?"
    sfa.poll()
    assert sites_of(saf) == ["saf", "sfa"]


def test_a_new_job_brings_a_site_back(make_server):
    clock = ManualClock()
    server = make_server(clock)
    sfa = Site(server, clock, "sfa")
    sfa.send()
    assert remove(sfa, "sfa", force="1").json()["cancelled"] == 1
    assert sites_of(sfa) == []
    sfa.send()
    assert sites_of(sfa) == ["sfa"]


def test_a_site_in_use_is_removed_by_force_alone(make_server):
    clock = ManualClock()
    # The chores may expire the waiting job of an hour ago, before the removal counts it or after.
    server = make_server(clock, expire_motion_s=0)
    saf = Site(server, clock)
    saf.poll(times=3)
    stop, picked_up = saf.send("all", "stop"), saf.send()
    saf.poll()
    clock.advance(3600)
    refused = remove(saf, "saf")
    assert refused.status_code == 409 and "A program polled for jobs of saf at 2023-11-14 22:13:44 UTC" in refused.text
    waiting = saf.send().json()["ulid"]
    keys = {one.split("/")[0] for one in saf.alarms()}
    assert {"silent"} <= keys
    assert remove(saf, "saf", force="1").json() == {"removed": "saf", "cancelled": 2}
    assert sites_of(saf) == [] and saf.alarms() == {}
    job = requests.get(f"{server.url}/api/jobs/{waiting}", headers=saf.user).json()
    assert (job["status"], job["note"]) == ("CANCELLED", "the site was removed")
    (entry,) = server.appliance.queue.database.fetch("SELECT who, target, detail FROM audit WHERE what = 'site remove'")
    assert entry == ("ann", "saf", "by force, 2 jobs cancelled")
    assert stop.ok and picked_up.ok
    assert saf.poll() == [] and sites_of(saf) == ["saf"]


def test_who_may_remove_a_site(make_server):
    clock = ManualClock()
    server = make_server(clock)
    sfa = Site(server, clock, "sfa")
    sfa.send()
    for roles, sites, status in (((), (), 403), (("owner",), (), 403), (("admin",), ("saf",), 403), (None, (), 401)):
        sfa.user = {} if roles is None else bearer(server, *roles, sites=sites)
        assert remove(sfa, "sfa", force="1").status_code == status
    sfa.user = bearer(server, "admin")
    assert [remove(sfa, site).status_code for site in ("nowhere", "a b", "..%2Fx", "x" * 70)] == [404] * 4
    assert remove(sfa, "sfa", forced="1").status_code == 400


@pytest.mark.slow
def test_the_terminal_removes_a_site_for_good(program):
    url = program.serve()
    token = program.run("token", "create", "--user", "ann", "--role", "admin").stdout.strip()
    requests.post(f"{url}/getnewjobs", json={"site": "saf"})
    sent = program.run("send", "sfa", "mount", "m", "go")
    assert "note: no observatory of the site sfa has polled here yet" in sent.stderr
    assert sent.stderr.rstrip().endswith("Did you mean saf?")
    # The view of the sites may be a second old.
    wait_for(lambda: "never polled  1 waiting in 24 h" in program.run("sites", "list").stdout)
    listed = [json.loads(line) for line in program.run("sites", "list", "--json").stdout.splitlines()]
    assert [(one["site"], one["note"][-18:]) for one in listed] == [("saf", ""), ("sfa", " Did you mean saf?")]
    refused = program.run("sites", "remove", "sfa")
    assert "sfa has 1 job not finished: cancel what waits" in refused.stderr
    program.run("cancel", sent.stdout.strip())
    assert program.run("sites", "remove", "sfa").stderr.strip() == "the site sfa is removed"
    assert program.run("sites", "remove", "saf").stderr.startswith("prjobs: A program polled for jobs of saf")
    program.stop()
    assert "sfa" not in program.run("sites", "list").stdout
    assert sent.stdout.strip() in program.run("jobs", "--site", "sfa").stdout
    url = program.serve()
    shown = requests.get(f"{url}/api/now", headers={"Authorization": f"Bearer {token}"}).json()["sites"]
    assert [one["site"] for one in shown] == ["saf"]
    program.run("send", "sfa", "mount", "m", "go")
    program.stop()
    assert (
        program.run("sites", "remove", "sfa", "--force").stderr.strip()
        == "the site sfa is removed; 1 job was cancelled"
    )
    assert "sfa" not in program.run("sites", "list").stdout


# ---- the watchdog


def watchdog(saf, status, **headers):
    Watch(saf.server.appliance.board).once()
    answer = requests.get(f"{saf.server.url}/healthz", params={"for": "watchdog"}, headers=headers)
    assert answer.status_code == status and answer.json()["ok"] is (status == 200)
    assert requests.get(f"{saf.server.url}/healthz").status_code == 200
    return [(one["kind"], one["site"], one["sentence"]) for one in answer.json()["reasons"]]


def test_the_watchdog_hears_of_a_silent_site(make_server):
    clock = ManualClock()
    saf = Site(make_server(clock), clock)
    saf.poll(times=2)
    assert watchdog(saf, 200) == []
    clock.advance(61)
    assert watchdog(saf, 503) == [("silent", "saf", "saf has been silent since 22:13:32 UTC")]
    keys = list(saf.alarms())
    requests.post(f"{saf.server.url}/api/alarms/ack", json={"keys": keys}, headers=saf.user)
    assert len(watchdog(saf, 503)) == 1
    saf.poll()
    assert watchdog(saf, 200) == []


def test_the_watchdog_hears_of_a_late_stop_and_of_loud_alarms(make_server):
    clock = ManualClock()
    server = make_server(clock)
    saf = Site(server, clock)
    saf.poll(times=2)
    saf.send("all", "stop")
    clock.advance(15)
    assert [kind for kind, _, _ in watchdog(saf, 503)] == ["stop"]
    saf.poll(times=2)
    notices = server.appliance.queue.notices
    notices.say(Code.BACKUP, "The backup failed.")
    assert watchdog(saf, 200) == []
    notices.say(Code.POLL_REFUSED, "A poll was refused.", "saf")
    assert watchdog(saf, 503) == [("notice", "saf", "A poll was refused.")]
    requests.post(f"{server.url}/api/alarms/ack", json={"key": "notice/poll_refused/saf"}, headers=saf.user)
    assert watchdog(saf, 200) == []


def test_the_watchdog_is_told_no_job_that_it_may_not_read(make_server):
    clock = ManualClock()
    saf = Site(make_server(clock, observatory_access="token"), clock)
    saf.send("all", "stop")
    clock.advance(15)
    assert watchdog(saf, 503) == [("stop", "saf", "a stop is late or in doubt")]
    (said,) = watchdog(saf, 503, **saf.user)
    assert "is not picked up" in said[2]


def test_the_watchdog_hears_of_a_search_that_stands_still(make_server):
    clock = ManualClock()
    server = make_server(clock)
    Watch(server.appliance.board).once()
    server.appliance.board.alarms.searched_s = clock.elapsed_s() - 31
    (reason,) = list_reasons(server.appliance.board, lambda _site: True)
    assert (reason.kind, reason.sentence.split(":")[0]) == ("search", "The search for faults has not run for 31 s")


def test_the_question_of_another_watchdog(server):
    assert requests.get(f"{server.url}/healthz?for=watchdgo").status_code == 400
    assert "reasons" not in requests.get(f"{server.url}/healthz").json()


@pytest.mark.slow
def test_a_real_watchdog(program):
    """A real server and its own search: 503 once the stop is late."""
    url = program.serve()
    assert requests.get(f"{url}/healthz?for=watchdog").status_code == 200
    program.run("cancel", "--all", "saf")

    def reasons():
        answer = requests.get(f"{url}/healthz?for=watchdog")
        return answer.status_code == 503 and answer.json()["reasons"]

    assert [one["kind"] for one in wait_for(reasons)] == ["stop"]
    with requests.Session() as program_of_saf:

        def polls():
            return program_of_saf.post(f"{url}/getnewjobs", json={"site": "saf"}).ok

        # Polls closer together look like a flush, which throws the stop away.
        assert wait_for(lambda: polls() and not reasons(), pause=lambda: time.sleep(3))


def test_memory_holds_the_oldest_open_jobs_of_a_site_and_every_waiting_one(appliance, monkeypatch):
    """A program that reports nothing leaves each of its jobs open for a day."""
    monkeypatch.setattr(silence, "KEPT_LIMIT", 3)
    kept, now_ms = silence.Silence(appliance.board), appliance.queue.clock.now_ms()
    for seq in range(1, 11):
        kept.note(silence.OpenJob(seq, "saf", now_ms, "picked_up"))
    for seq in (11, 12):
        kept.note(silence.OpenJob(seq, "saf", now_ms, "waiting"))
    assert list(kept._open["saf"]) == [1, 2, 3, 11, 12]
    for seq in (1, 2, 11):
        kept.note(silence.OpenJob(seq, "saf", now_ms, "done"))
    assert kept._oldest("saf")[0] == 3
    kept.note(silence.OpenJob(3, "saf", now_ms, "failed"))
    assert kept._oldest("saf")[0] == 12
