"""The metrics: what each counts, who may read them, and that names from outside do not make them grow."""

import json
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
import requests

from prjobs.appliance import Appliance
from prjobs.cloud import tables
from prjobs.monitor import measuring
from prjobs.monitor.alarms import KINDS
from prjobs.monitor.measures import OTHER, Measures, SiteLabels
from prjobs.server import Server
from prjobs.store.schema import schema_number
from prjobs.version import VERSION
from prjobs.web import metrics_sources
from prjobs.web.metric import COUNTER, HISTOGRAM, INFO
from prjobs.web.metrics import METRICS
from prjobs.web.metrics_of_hub import HUB_METRICS
from prjobs.web.metrics_sources import Look
from tests.clocks import ClockAhead, ManualClock
from tests.readme import MANUAL
from tests.scraping import OPENMETRICS, be_busy, scrape, value, values
from tests.verbs import make_token, report, submit, take
from tests.waiting import wait_for

FAR = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}


def post(server: Server, path: str, **headers: str) -> requests.Response:
    return requests.post(f"{server.url}{path}", data='{"site": "saf"}', headers=headers, timeout=60)


def test_it_works(server: Server) -> None:
    scrape(server.url)
    job = submit(server.appliance)
    submit(server.appliance, site="eco", device="camera", action="expose")
    post(server, "/getnewjobs")
    post(server, "/jobs/getnewjobs/")
    report(server.appliance, job, "COMPLETE")
    found = scrape(server.url)
    assert value(found, "prjobs_polls_total", site="saf", queue="primary") == 2
    assert value(found, "prjobs_jobs", site="saf") == value(found, "prjobs_jobs", phase="done") == 1
    assert value(found, "prjobs_jobs", site="eco", **{"class": "exposure", "phase": "waiting"}) == 1
    for phase, count in (("waiting", 2), ("picked_up", 1), ("done", 1), ("failed", 0)):
        assert value(found, "prjobs_job_changes_total", phase=phase) == count
    assert value(found, "prjobs_job_waiting_seconds_count", **{"class": "motion"}) == 1
    assert value(found, "prjobs_handouts_made_total") == 1
    assert value(found, "prjobs_handouts", state="CONFIRMED") == 1
    assert value(found, "prjobs_requests_total", method="POST", endpoint="/getnewjobs", status="200") == 2
    assert value(found, "prjobs_requests_total", endpoint="/metrics", status="200") == 1


# ---- the table


def written_table() -> dict[str, tuple[str, set[str]]]:
    """Name -> kind and labels of each metric in the manual."""
    text = (MANUAL / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+)( by [^|]*)? \| [^|]+ \|$", text, re.M)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


@pytest.fixture
def busy(make_server: Callable[..., Server]) -> Server:
    return be_busy(make_server)


@pytest.mark.parametrize("headers", [{}, OPENMETRICS], ids=["text", "openmetrics"])
def test_the_metrics_are_those_of_the_table(busy: Server, headers: dict[str, str]) -> None:
    found = scrape(busy.url, **headers)
    shown = {}
    for family in found.values():
        if family.name.startswith("process_"):
            continue
        kind = "info" if family.name.startswith("prjobs_build") else family.type
        name = {"counter": f"{family.name}_total", "info": "prjobs_build_info"}.get(kind, family.name)
        assert family.samples, f"{name} has no sample"
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert all(set(sample.labels) - {"le"} == labels for sample in family.samples)
        assert family.documentation == next(one.help for one in METRICS if one.name == name)
        shown[name] = (kind, labels)
    of_hub = {one.name: one for one in HUB_METRICS}
    assert shown == {name: row for name, row in written_table().items() if name not in of_hub}
    assert of_hub.keys() < written_table().keys()


def test_names_follow_the_conventions() -> None:
    for metric in METRICS + HUB_METRICS:
        assert re.fullmatch(r"prjobs_[a-z]+(_[a-z]+)*", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == COUNTER)
        assert metric.name.endswith("_info") == (metric.kind == INFO)
        assert metric.name.endswith("_seconds") or metric.kind != HISTOGRAM
        assert ("Seconds" in metric.help) <= metric.name.endswith("_seconds")
        assert not re.search(r"_(ms|mb|kb|milliseconds|count|sum|bucket)$", metric.name)
        assert metric.help[0].isupper() or metric.help[0].isdigit()
        assert metric.help.endswith(".") and "|" not in metric.help
    names = [metric.name for metric in METRICS + HUB_METRICS]
    assert len(set(names)) == len(names)


def test_the_formats(server: Server) -> None:
    def content_type(accept: str) -> str:
        return requests.get(f"{server.url}/metrics", headers={"Accept": accept}, timeout=60).headers["Content-Type"]

    assert content_type("").startswith("text/plain; version=0.0.4")
    assert content_type("text/html,*/*").startswith("text/plain; version=0.0.4")
    assert content_type(OPENMETRICS["Accept"]).startswith("application/openmetrics-text; version=1.0.0")


def test_the_versions(server: Server) -> None:
    (sample,) = scrape(server.url)["prjobs_build_info"].samples
    assert sample.labels == {
        "version": VERSION,
        "python": ".".join(map(str, sys.version_info[:3])),
        "sqlite": sqlite3.sqlite_version,
        "schema": schema_number(),
    }
    (name,) = server.appliance.queue.database.fetch("SELECT max(name) FROM schema_migration")[0]
    assert name.startswith(schema_number())


# ---- what is counted


def test_waiting_times_by_class(server: Server) -> None:
    appliance = server.appliance
    scrape(server.url)
    submit(appliance, device="camera", action="expose")
    appliance.queue.database.write(
        lambda transaction: transaction.execute("UPDATE job SET created_ms = created_ms - 7000")
    )
    take(appliance)
    submit(appliance, device="camera", action="stop")
    take(appliance)
    found = scrape(server.url)
    for command_class, below, count in (("exposure", "5.0", 0), ("exposure", "10.0", 1), ("stop", "1.0", 1)):
        labels = {"class": command_class, "le": below}
        assert value(found, "prjobs_job_waiting_seconds_bucket", **labels) == count
    assert 7 <= value(found, "prjobs_job_waiting_seconds_sum", **{"class": "exposure"}) < 60


def test_a_job_that_was_given_back_and_comes_again_counts_its_last_pick_up_once(server: Server) -> None:
    appliance = server.appliance
    job = submit(appliance)
    take(appliance, lease_s=1)
    report(appliance, job, "UNREAD")
    take(appliance, poll_id="second")
    assert value(scrape(server.url), "prjobs_job_waiting_seconds_count") == 1


def test_the_commits_of_the_writer_are_timed(server: Server) -> None:
    before = value(scrape(server.url), "prjobs_commit_seconds_count")
    for _ in range(5):
        submit(server.appliance)
    found = scrape(server.url)
    assert value(found, "prjobs_commit_seconds_count") >= before + 5
    assert value(found, "prjobs_commit_seconds_bucket", le="+Inf") == value(found, "prjobs_commit_seconds_count")
    assert value(found, "prjobs_commit_seconds_sum") > 0


def test_hand_outs_by_state(server: Server) -> None:
    appliance = server.appliance
    jobs = []
    for number in range(3):
        submit(appliance)
        jobs += take(appliance, peer=f"127.0.0.1:{5000 + number}")
    report(appliance, jobs[0], "COMPLETE")
    take(appliance, peer="127.0.0.1:6000")
    wait_for(lambda: value(scrape(server.url), "prjobs_handouts", state="UNCONFIRMED") == 2)
    found = scrape(server.url)
    assert value(found, "prjobs_handouts", state="CONFIRMED") == 1
    assert value(found, "prjobs_handouts_made_total") == 3


def test_held_polls_are_counted_and_held_pages_are_not(server: Server) -> None:
    with requests.Session() as program, requests.Session() as page:
        held = [
            Thread(
                target=program.post,
                args=(f"{server.url}/getnewjobs",),
                kwargs={"data": '{"site": "saf", "wait": 20}', "timeout": 60},
            ),
            Thread(target=page.get, args=(f"{server.url}/api/changes?since=0&wait=20",), kwargs={"timeout": 60}),
        ]
        for thread in held:
            thread.start()
        wait_for(lambda: server.appliance.queue.waiters.held == 2)
        assert value(scrape(server.url), "prjobs_held_polls") == 1
        submit(server.appliance)
        for thread in held:
            thread.join(60)
    found = scrape(server.url)
    assert value(found, "prjobs_held_polls") == 0
    # The handlers ran twice.
    assert value(found, "prjobs_requests_total", endpoint="/getnewjobs") == 1
    assert value(found, "prjobs_requests_total", endpoint="/api/changes") == 1


def test_a_site_that_is_locked_out(server: Server) -> None:
    for site in ("saf", "eco"):
        take(server.appliance, site=site)
    assert value(scrape(server.url), "prjobs_site_locked_out") == 0
    token = make_token(server.appliance, "auth0|ann", "admin")
    body, headers = '{"site": "saf", "reason": "mirror cleaning"}', {"Authorization": f"Bearer {token}"}
    answer = requests.post(f"{server.url}/api/lock", data=body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    found = scrape(server.url)
    assert [value(found, "prjobs_site_locked_out", site=site) for site in ("saf", "eco")] == [1, 0]


def test_alarms_by_kind_and_acknowledged(make_server: Callable[..., Server]) -> None:
    clock = ClockAhead()
    server = make_server(clock)
    appliance = server.appliance
    for _ in range(3):
        take(appliance)
    clock.ahead_s += 120
    wait_for(lambda: value(scrape(server.url), "prjobs_alarms", kind="silent") == 1)
    found = scrape(server.url)
    assert {labels["kind"] for labels in labels_of(found, "prjobs_alarms")} == set(KINDS)
    assert value(found, "prjobs_alarms_unacknowledged", kind="silent") == 1
    assert value(found, "prjobs_site_silent", site="saf") == 1
    assert value(found, "prjobs_poll_age_seconds", site="saf") >= 120
    token = make_token(appliance, "auth0|ann", "admin")
    (key,) = [alarm.key for alarm in appliance.board.alarms.raised() if alarm.kind == "silent"]
    body, headers = json.dumps({"keys": [key]}), {"Authorization": f"Bearer {token}"}
    assert requests.post(f"{server.url}/api/alarms/ack", data=body, headers=headers, timeout=60).status_code == 200
    found = scrape(server.url)
    assert value(found, "prjobs_alarms", kind="silent") == 1
    assert value(found, "prjobs_alarms_unacknowledged", kind="silent") == 0


def labels_of(found, series):
    return [dict(labels) for name, labels in values(found) if name == series]


def test_the_links_backlog(busy: Server) -> None:
    queue = busy.appliance.queue
    for _ in range(3):
        job = submit(busy.appliance)
        queue.database.write(tables.remember, job.ulid, job.site, job.seq, tables.OURS)
    take(busy.appliance)
    queue.clock.ahead_s += 100
    # The link counts in its own thread.
    wait_for(lambda: value(scrape(busy.url), "prjobs_cloud_unsent_statuses") == 3)
    found = scrape(busy.url)
    assert value(found, "prjobs_cloud_unsent_age_seconds") >= 100
    assert value(found, "prjobs_cloud_parked_statuses") == 0
    assert sum(one.value for one in found["prjobs_cloud_state"].samples) == 1


def test_a_server_without_a_link_says_nothing_of_one(server: Server) -> None:
    assert [name for name, _ in values(scrape(server.url)) if name.startswith("prjobs_cloud")] == []


def test_the_store_the_disk_and_the_backup(busy: Server) -> None:
    found = scrape(busy.url)
    assert value(found, "prjobs_store_bytes") == busy.folder.database.stat().st_size
    assert value(found, "prjobs_disk_free_bytes") > 0
    assert value(found, "prjobs_disk_needed_bytes") == busy.appliance.queue.settings.min_free_mb * 1_000_000
    busy.appliance.queue.clock.ahead_s += 3600
    assert 3500 < value(scrape(busy.url), "prjobs_backup_age_seconds") < 7200


def test_metrics_of_a_store_in_trouble_tell_what_memory_knows(server: Server) -> None:
    submit(server.appliance)
    before = scrape(server.url)
    server.appliance.queue.database.lose("The store was taken away.")
    found = scrape(server.url)
    assert value(found, "prjobs_healthy") == 0
    assert value(found, "prjobs_job_changes_total") == value(before, "prjobs_job_changes_total") == 1
    assert found["prjobs_handouts"].samples == []
    assert found.keys() == before.keys()


# ---- who may read


def asked(server: Server, token: str = "", **headers: str) -> int:
    given = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{server.url}/metrics", headers={**given, **headers}, timeout=60).status_code


@pytest.mark.parametrize("trusted", ["", "127.0.0.1"])
def test_a_caller_from_elsewhere_needs_a_token(make_server: Callable[..., Server], trusted: str) -> None:
    server = make_server(trusted_proxy=trusted)
    assert asked(server) == asked(server, "wrong") == 200
    assert asked(server, **FAR) == asked(server, "wrong", **FAR) == 401
    for role in ("viewer", "observatory", "owner", "admin"):
        assert asked(server, make_token(server.appliance, f"of {role}", role), **FAR) == 200


def test_without_a_token_the_setting_open_opens_nothing_and_the_setting_token_closes_this_machine(
    make_server: Callable[..., Server],
) -> None:
    server = make_server(trusted_proxy="127.0.0.1", observatory_access="open")
    assert (asked(server), asked(server, **FAR)) == (200, 401)
    server = make_server(name="closed", observatory_access="token")
    viewer = make_token(server.appliance, "grafana", "viewer")
    assert (asked(server), asked(server, viewer)) == (401, 200)


def test_a_token_for_a_site_shows_no_name_of_another(make_server: Callable[..., Server]) -> None:
    server = make_server(observatory_access="token")
    for site in ("saf", "eco"):
        submit(server.appliance, site=site)
        take(server.appliance, site=site)
    scoped = make_token(server.appliance, "of saf", "viewer", sites=("saf",))
    found = scrape(server.url, Authorization=f"Bearer {scoped}")
    assert {labels.get("site") for series in values(found) for labels in [dict(series[1])]} == {"saf", None}
    everywhere = make_token(server.appliance, "of all", "viewer")
    assert value(scrape(server.url, Authorization=f"Bearer {everywhere}"), "prjobs_jobs", site="eco") == 1


def test_only_get_and_head(server: Server) -> None:
    assert requests.head(f"{server.url}/metrics", timeout=60).status_code == 200
    assert requests.post(f"{server.url}/metrics", timeout=60).status_code == 405


# ---- bounded


@pytest.mark.slow
def test_invented_names_do_not_make_the_metrics_grow(server: Server) -> None:
    appliance = server.appliance
    submit(appliance, site="real")
    take(appliance, site="real")
    scrape(server.url)

    def flood(begin: int) -> int:
        for number in range(begin, begin + 200):
            take(appliance, site=f"invented{number:05d}")
        for number in range(begin, begin + 25):
            requests.get(f"{server.url}/invented/{number}", timeout=60)
            requests.get(f"{server.url}/api/jobs/{number:026d}", timeout=60)
            requests.request(f"METHOD{number}", f"{server.url}/{number}", timeout=60)
        return len(values(scrape(server.url)))

    first = flood(0)
    for times in range(1, 4):
        assert flood(times * 1000) <= first
    found = scrape(server.url)
    sites = {labels["site"] for labels in labels_of(found, "prjobs_polls_total")}
    assert "real" in sites and len(sites) <= SiteLabels.POLLED + 2
    assert value(found, "prjobs_polls_total") == 1 + 4 * 200
    routed = value(found, "prjobs_requests_total", endpoint="/api/jobs/<ulid>", status="404")
    assert (routed, value(found, "prjobs_requests_total", endpoint=OTHER, status="404")) == (100, 200)
    assert not [1 for _, labels in values(found) if "invented/" in str(labels)]


def test_a_thousand_sites_share_a_hundred_labels_and_named_sites_come_first(appliance: Appliance) -> None:
    labels, polls = SiteLabels(), appliance.queue.polls
    for number in range(1000):
        polls.know(f"site{number:04d}")
        polls.polled(f"site{number:04d}", "primary")
    labels.add(polls)
    assert len(labels.sites()) == SiteLabels.WITH_JOBS
    polls.named = frozenset({"named", "site0999"})
    labels.add(polls)
    assert {"named", "site0999"} < set(labels.sites())
    polls.named = frozenset(f"named{number}" for number in range(500))
    labels.add(polls)
    assert len(labels.sites()) == SiteLabels.NAMED
    assert labels.of("named499") == OTHER and labels.of("site0999") == "site0999"


def test_all_sites_count_together_with_other(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SiteLabels, "WITH_JOBS", 3)
    monkeypatch.setattr(SiteLabels, "POLLED", 2)
    for number in range(10):
        submit(server.appliance, site=f"site{number}")
        take(server.appliance, site=f"site{number}")
    found = scrape(server.url)
    for series in ("prjobs_jobs", "prjobs_polls_total"):
        assert len({labels["site"] for labels in labels_of(found, series)}) == 4
        assert value(found, series, site=OTHER) == 7 and value(found, series) == 10
    assert {labels["site"] for labels in labels_of(found, "prjobs_poll_age_seconds")}.isdisjoint({OTHER})


@pytest.mark.slow
def test_the_number_of_series_is_bounded_by_the_declarations(server: Server) -> None:
    """Requests of every route: no label has a value that a caller chose."""
    measured = server.appliance.board.measures
    endpoints = {endpoint for _, endpoint in measured.requests}
    for path in ("/getnewjobs", "/jobs/getnewjobs", "/static/x.js", "/static/y.js", "/manual/a", "/api/jobs/x?y=z"):
        requests.get(f"{server.url}{path}", timeout=60)
        requests.options(f"{server.url}{path}", timeout=60)
    assert {endpoint for _, endpoint in measured.requests} == endpoints
    assert len(endpoints) < 200 and not [one for one in endpoints if "?" in one]


# ---- counters


def test_counters_never_go_down(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SiteLabels, "POLLED", 5)
    monkeypatch.setattr(server.appliance.queue.polls, "STRANGERS", 8)
    names = {metric.name for metric in METRICS if metric.kind == COUNTER}
    names |= {f"{one.name}_{end}" for one in METRICS if one.kind == HISTOGRAM for end in ("count", "sum", "bucket")}
    before: dict[object, float] = {}
    polled = 0
    for step in range(12):
        for number in range(6):
            take(server.appliance, site=f"s{step * 3 + number}")
            polled += 1
        submit(server.appliance, site=f"s{step}")
        if step % 4 == 3:
            server.appliance.queue.polls.forget(f"s{step * 3}")
        now = values(scrape(server.url))
        assert [key for key, old in before.items() if now.get(key, -1) < old] == []
        before = {key: number for key, number in now.items() if key[0] in names}
    assert sum(number for (name, _), number in before.items() if name == "prjobs_polls_total") == polled


def test_a_change_of_jobs_counts_once_however_often_somebody_looks(server: Server) -> None:
    for count in range(1, 5):
        submit(server.appliance)
        for _ in range(2):
            assert value(scrape(server.url), "prjobs_job_changes_total", phase="waiting") == count


def test_nothing_from_before_the_start_counts(appliance: Appliance) -> None:
    for _ in range(3):
        submit(appliance)
    take(appliance)
    fresh = Measures()
    measuring.begin(fresh, appliance.queue)
    submit(appliance)
    measuring.follow_log(fresh, appliance.queue)
    assert fresh.changes == {(OTHER, "motion", "waiting"): 1}
    assert fresh.waited == {} and measuring.count_handouts(fresh, appliance.queue) == 0


def test_a_long_log_is_counted_step_by_step(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "CHANGES", 10)
    for _ in range(25):
        submit(server.appliance)
    counts = [value(scrape(server.url), "prjobs_job_changes_total") for _ in range(2)]
    assert counts == [10, 10]
    for _ in range(25):
        submit(server.appliance)
    counts = [value(scrape(server.url), "prjobs_job_changes_total") for _ in range(4)]
    assert counts == [20, 30, 35, 35]


@pytest.mark.slow
def test_requests_of_many_connections_at_once_all_count(server: Server) -> None:
    def ask() -> None:
        with requests.Session() as program:
            for _ in range(100):
                program.get(f"{server.url}/static/nothing.js", timeout=60)
                program.post(f"{server.url}/getnewjobs", data='{"site": "saf"}', timeout=60)

    threads = [Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = scrape(server.url)
    assert value(found, "prjobs_requests_total", endpoint="/static/<name>", status="404") == 600
    assert value(found, "prjobs_requests_total", endpoint="/getnewjobs", status="200") == 600
    assert value(found, "prjobs_polls_total", site="saf") == 600


def test_no_thread_loses_a_count(appliance: Appliance) -> None:
    statuses = appliance.board.measures.unrouted
    before = sys.getswitchinterval()

    def count() -> None:
        for _ in range(100_000):
            statuses[404] += 1

    threads = [Thread(target=count) for _ in range(4)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert statuses[404] == 400_000


# ---- the cost


@contextmanager
def steps_of(appliance: Appliance) -> Iterator[list[int]]:
    """Count the steps of SQLite in this thread, in thousands."""
    counted = [0]

    def count() -> bool:
        counted[0] += 1
        return False

    appliance.queue.database.fetch("SELECT 1")
    connection = appliance.queue.database.engine._local.connection
    connection.set_progress_handler(count, 100)
    try:
        yield counted
    finally:
        connection.set_progress_handler(None, 0)


def look(appliance: Appliance) -> None:
    at = Look(appliance, lambda _site: True)
    measuring.follow_polls(at.measures, at.queue.polls)
    measuring.follow_log(at.measures, at.queue)
    for metric in METRICS:
        list(metric.source(at))


def test_a_look_reads_nothing_of_the_history(appliance: Appliance, clock: ManualClock) -> None:
    def cost() -> int:
        look(appliance)
        clock.advance(60)
        with steps_of(appliance) as counted:
            look(appliance)
        return counted[0]

    submit(appliance)
    small = cost()
    for number in range(120):
        submit(appliance, site=f"s{number % 5}", device="camera", action="expose")
        for job in take(appliance, site=f"s{number % 5}"):
            report(appliance, job, "COMPLETE")
    clock.advance(2 * 86_400)
    assert cost() <= small + 40
    assert cost() < 100


def test_the_jobs_of_a_busy_day_are_counted_again_after_a_time_in_proportion(
    appliance: Appliance, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "JOBS_A_SECOND", 1)
    at = Look(appliance, lambda _site: True)
    for _ in range(5):
        submit(appliance)
    assert sum(count for _, count in metrics_sources.jobs(at)) == 5
    submit(appliance)
    clock.advance(4)
    assert sum(count for _, count in metrics_sources.jobs(at)) == 5
    clock.advance(2)
    assert sum(count for _, count in metrics_sources.jobs(at)) == 6
