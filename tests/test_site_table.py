"""The table of many sites: its rows, its feed, and what a page of a thousand sites asks for."""

import msgspec
import pytest
import requests

from prjobs.base.errors import Unusable
from prjobs.base.groups import groups_of, parse_groups
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import load_settings
from prjobs.base.sites import sites_in_settings
from prjobs.jobs import log, removal
from prjobs.monitor import alarms, site_rows
from prjobs.monitor.feed import GONE_LIMIT, Feed
from prjobs.monitor.open_work import OpenWork
from prjobs.monitor.rules import MANY_SITES, MAY_WORK_S, STOPPING_S, UNREPORTED_UNTIL_S
from prjobs.monitor.site_rows import RANKS
from prjobs.monitor.watching import Watch
from tests.clocks import ManualClock
from tests.verbs import USER, lock, make_token, report, submit, take


def everything(_site):
    return True


class Table:
    """The rows as a page sees them: it asks for what changed, a second later each time."""

    def __init__(self, appliance, clock):
        self._appliance, self._clock = appliance, clock
        self.rows, self.mark, self.sent = {}, "", 0

    def look(self, seconds=1.0):
        self._clock.advance(seconds)
        found = site_rows.refreshed(self._appliance.board).since(self.mark, everything, ())
        rows = [msgspec.json.decode(text) for text in found.rows]
        self.rows = {**({} if found.is_whole else self.rows), **{row["site"]: row for row in rows}}
        for site in found.gone:
            del self.rows[site]
        self.mark, self.sent = found.mark, len(rows)
        return self.rows


@pytest.fixture
def table(appliance, clock):
    return Table(appliance, clock)


def state(table, site="saf", seconds=1.0):
    return table.look(seconds)[site]["state"]


def test_it_works(make_server):
    clock = ManualClock()
    server = make_server(clock, groups=["north=saf+m*"])
    take(server.appliance)
    first = requests.get(f"{server.url}/api/sites", timeout=60).json()
    (row,) = first["sites"]
    assert first["whole"] and first["gone"] == []
    assert row == {
        "site": "saf",
        "rank": RANKS.index("idle"),
        "state": "idle",
        "under": "",
        "last_poll_ms": None,
        "alarm": "",
        "alarms": 0,
        "unseen": 0,
        "running": 0,
        "picked_up": 0,
        "waiting": 0,
        "groups": ["north"],
    }
    clock.advance(2)
    again = requests.get(f"{server.url}/api/sites", params={"since": first["mark"]}, timeout=60).json()
    assert (again["whole"], again["sites"], again["mark"]) == (False, [], first["mark"])


def test_the_states_of_a_site(appliance, clock, table):
    take(appliance)
    assert state(table) == "idle"
    job = submit(appliance)
    row = table.look()["saf"]
    assert (row["state"], row["waiting"]) == ("idle", 1)
    take(appliance)
    row = table.look()["saf"]
    assert (row["state"], row["waiting"], row["picked_up"]) == ("busy", 0, 1)
    report(appliance, job, "EXPOSING")
    row = table.look()["saf"]
    assert (row["state"], row["picked_up"], row["running"]) == ("busy", 0, 1)
    submit(appliance, device="all", action="cancel_all_commands")
    assert state(table) == "stopping"
    take(appliance)
    assert state(table) == "stopping"
    report(appliance, job, "COMPLETE")
    clock.advance(STOPPING_S - 5)
    take(appliance)
    assert state(table, seconds=4) == "idle"
    row = table.look(61)["saf"]
    assert (row["state"], row["last_poll_ms"]) == ("silent", appliance.queue.polls.of("saf", "primary").last_ms)
    assert row["rank"] == RANKS.index("site silent")


def test_a_picked_up_job_without_a_report_works_for_ten_minutes_and_counts_for_half_an_hour(appliance, clock, table):
    submit(appliance)
    take(appliance)
    assert state(table) == "busy"
    clock.advance(MAY_WORK_S)
    take(appliance)
    row = table.look()["saf"]
    assert (row["state"], row["picked_up"]) == ("idle", 1)
    clock.advance(UNREPORTED_UNTIL_S - MAY_WORK_S)
    assert table.look()["saf"]["picked_up"] == 0


def test_a_lock_wins_and_what_is_under_it_is_said(appliance, clock, table):
    take(appliance)
    table.look()
    lock(appliance, "saf")
    row = table.look()["saf"]
    assert (row["state"], row["under"], row["rank"]) == ("locked", "", RANKS.index("locked"))
    row = table.look(120)["saf"]
    assert (row["state"], row["under"]) == ("locked", "silent")


def test_the_worst_comes_first_and_an_acknowledged_alarm_behind_those_nobody_saw(appliance, clock, table):
    watch = Watch(appliance.board)
    for site in ("dull", "held", "late"):
        take(appliance, site=site)
    lock(appliance, "held")
    submit(appliance, site="late", device="all", action="cancel_all_commands")
    clock.advance(20)
    for site in ("dull", "held"):
        take(appliance, site=site)
    watch.once()
    rows = table.look(0)
    assert sorted(rows, key=lambda site: rows[site]["rank"]) == ["late", "held", "dull"]
    assert (rows["late"]["alarm"], rows["late"]["alarms"], rows["late"]["unseen"]) == ("stop", 1, 1)
    (key,) = [alarm.key for alarm in appliance.board.alarms.raised() if alarm.site == "late"]
    alarms.acknowledge(appliance.board, [key], USER)
    rows = table.look()
    assert (rows["late"]["unseen"], rows["late"]["rank"]) == (0, RANKS.index("seen stop"))
    assert sorted(rows, key=lambda site: rows[site]["rank"]) == ["held", "late", "dull"]


def test_a_poll_alone_changes_no_row_and_a_removed_site_goes(appliance, clock, table):
    for site in ("saf", "mrc"):
        submit(appliance, site=site)
        take(appliance, site=site)
    assert set(table.look()) == {"saf", "mrc"}
    take(appliance, site="saf")
    table.look()
    assert table.sent == 0
    clock.advance(120)
    removal.remove_site(appliance.queue, "mrc", USER, force=True)
    assert set(table.look()) == {"saf"}


def test_one_query_for_all_sites_and_none_a_site(appliance, clock, table):
    for number in range(60):
        submit(appliance, site=f"s{number}")
    table.look()
    fetched = []
    database = appliance.queue.database
    fetch, database.fetch = database.fetch, lambda *asked: fetched.append(asked[0]) or fetch(*asked)
    try:
        for number in range(60):
            submit(appliance, site=f"s{number}", device="camera")
        fetched.clear()
        assert len(table.look()) == 60 and table.sent == 60
    finally:
        database.fetch = fetch
    assert len(fetched) <= 4, fetched


def test_the_rows_follow_the_log_as_a_new_reading_has_them(appliance, clock, table):
    jobs = [submit(appliance, site=f"s{number % 3}") for number in range(12)]
    take(appliance, site="s0")
    table.look()
    for job in jobs[:6]:
        take(appliance, site=job.site)
        report(appliance, job, "COMPLETE" if job.seq % 2 else "STARTED")
    submit(appliance, site="s1", device="all", action="stop")
    followed = table.look()
    fresh = OpenWork()
    fresh.follow(appliance.queue)
    for site, row in followed.items():
        work = fresh.of(site, appliance.queue.clock.now_ms())
        assert (row["running"], row["picked_up"], row["waiting"]) == (work.running, work.picked_up, work.waiting), site


# ---- the feed


def texts(found):
    return [msgspec.json.decode(text) for text in found.rows]


def test_a_mark_of_another_process_token_or_time_gives_all_rows():
    feed, other = Feed("a"), Feed("b")
    for one in (feed, other):
        one.take({"a": 1, "b": 2})
    mark = feed.since("", everything, ()).mark
    assert feed.since(mark, everything, ()).rows == []
    for strange in (other.since("", everything, ()).mark, f"{mark}9", "x", f"{mark}\u0663", mark.replace(".", "")):
        assert texts(feed.since(strange, everything, ())) == [1, 2], strange
    assert feed.since(mark, everything, ("a",)).is_whole


def test_a_page_that_missed_too_many_removals_gets_all_rows():
    feed = Feed("a")
    feed.take({f"s{number}": 0 for number in range(GONE_LIMIT + 5)} | {"kept": 1})
    mark = feed.since("", everything, ()).mark
    feed.take({"kept": 1})
    found = feed.since(mark, everything, ())
    assert (found.is_whole, texts(found)) == (True, [1])
    feed.take({})
    found = feed.since(found.mark, everything, ())
    assert (found.is_whole, found.gone) == (False, ["kept"])


# ---- what a page asks /api/now


def test_few_sites_come_whole_and_many_only_by_name(make_server):
    server = make_server()
    for number in range(MANY_SITES):
        take(server.appliance, site=f"s{number:02}")
    server.appliance.queue.polls.named = frozenset(f"s{number:02}" for number in range(99))

    def ask(**query):
        answer = requests.get(f"{server.url}/api/now", params=query, timeout=60).json()
        return answer["site_count"], [site["site"] for site in answer["sites"]]

    names = [f"s{number:02}" for number in range(MANY_SITES)]
    assert ask(sites="few") == ask() == (MANY_SITES, names)
    assert ask(sites="named", site="s03,nowhere,s01") == (MANY_SITES, ["s03", "s01"])
    take(server.appliance, site="s98")
    server.appliance.board.names._made_s = server.appliance.board.sites._made_s = None
    assert ask(sites="few") == (MANY_SITES + 1, [])
    assert ask(sites="few", site="s98") == (MANY_SITES + 1, ["s98"])
    assert ask(sites="all") == (MANY_SITES + 1, [*names, "s98"])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"sites": "some"}, "sites must be all:"),
        ({"site": "a b"}, "site must be up to 20 sites"),
        ({"site": ",".join(["a"] * 21)}, "site must be up to 20 sites"),
        ({"site": "a,,b"}, "site must be up to 20"),
    ],
)
def test_a_wrong_query_is_refused_with_a_sentence(server, query, words):
    answer = requests.get(f"{server.url}/api/now", params=query, timeout=60)
    assert answer.status_code == 400 and answer.json()["error"].startswith(words), answer.text
    assert requests.get(f"{server.url}/api/sites", params={"since": "x" * 65}, timeout=60).status_code == 400


def test_alarms_that_did_not_change_are_left_out(make_server):
    clock = ManualClock()
    server = make_server(clock)
    watch = Watch(server.appliance.board)
    submit(server.appliance, device="all", action="cancel_all_commands")
    clock.advance(20)
    watch.once()

    def ask(mark="", **headers):
        now = requests.get(f"{server.url}/api/now", params={"alarms": mark}, headers=headers, timeout=60).json()
        return now["alarms"], now["alarms_mark"]

    (alarm, *_), mark = ask()
    assert ask(mark) == (None, mark)
    alarms.acknowledge(server.appliance.board, [alarm["key"]], USER)
    (seen, *_), newer = ask(mark)
    assert seen["ack"]["who"] == "auth0|alice" and newer != mark
    token = make_token(server.appliance, "auth0|two", sites=("mrc1",))
    assert ask(newer, Authorization=f"Bearer {token}")[0] == []


# ---- a token for two sites


def test_a_token_for_two_sites_neither_sees_nor_stops_another(make_server):
    """Ask by every way that names sites; the answers hold the name of no other site, and nothing is sent there."""
    clock = ManualClock()
    server = make_server(clock, groups=["mine=own1+own2", "theirs=alien*"], stations=["dome=own1+alien1"])
    appliance = server.appliance
    watch = Watch(appliance.board)
    for site in ("own1", "own2", "alien1", "alien2"):
        take(appliance, site=site)
        submit(appliance, site=site, device="all", action="cancel_all_commands")
    lock(appliance, "dome")
    lock(appliance, "alien2")
    clock.advance(30)
    watch.once()
    assert {alarm.site for alarm in appliance.board.alarms.raised()} >= {"own1", "alien1"}
    token = make_token(appliance, "auth0|two", sites=("own1", "own2"))
    headers = {"Authorization": f"Bearer {token}"}

    def get(path):
        return requests.get(f"{server.url}{path}", headers=headers, timeout=60)

    rows = get("/api/sites").json()
    assert [row["site"] for row in rows["sites"]] == ["own1", "own2"]
    whole = requests.get(f"{server.url}/api/sites", timeout=60).json()
    asked = ["/api/sites", f"/api/sites?since={whole['mark']}", "/api/now", "/api/now?sites=few"]
    asked += ["/api/now?sites=named&site=alien1,own1", "/api/changes?last=50", "/api/changes?since=0", "/api/jobs"]
    for path in [*asked, "/api/reservations", "/api/locks"]:
        answer = get(path)
        assert "alien" not in answer.text, path
        assert "theirs" not in answer.text, path
    for path in ("/api/changes?since=0&site=alien1", "/api/jobs?site=alien1", "/api/sky?site=alien1"):
        assert get(path).status_code == 403, path
    newest = log.last_seq(appliance.queue.database)
    sent = {"site": "alien1", "device": "all", "instance": "all", "action": "cancel_all_commands"}
    sent |= {"user_id": "auth0|two", "user_name": "", "user_roles": [], "required_params": {}, "optional_params": {}}
    refused = [
        requests.post(f"{server.url}/newjob", json=sent, headers=headers, timeout=60),
        requests.post(f"{server.url}/api/make_safe", json={"site": "alien1"}, headers=headers, timeout=60),
        requests.delete(f"{server.url}/api/sites/alien1", headers=headers, timeout=60),
    ]
    assert [answer.status_code for answer in refused] == [403] * 3
    raised = appliance.board.alarms.raised()
    (key,) = [alarm.key for alarm in raised if (alarm.site, alarm.kind) == ("alien1", "stop")]
    answer = requests.post(f"{server.url}/api/alarms/ack", json={"keys": [key]}, headers=headers, timeout=60)
    assert answer.status_code == 404
    assert log.last_seq(appliance.queue.database) == newest
    own = {**sent, "site": "own1"}
    assert requests.post(f"{server.url}/newjob", json=own, headers=headers, timeout=60).status_code == 200


def test_an_alarm_about_many_names_names_no_site_to_a_token_for_some(appliance, submit, clock):
    for number in range(9):
        submit(site=f"alien{number}", device="all", action="cancel_all_commands")
    clock.advance(30)
    Watch(appliance.board).once()
    for listed in (
        alarms.list_alarms,
        lambda *asked: [msgspec.json.decode(text) for text in alarms.list_texts(*asked)],
    ):
        said = [str(msgspec.to_builtins(one)) for one in listed(appliance.board, lambda site: site in ("own1", "own2"))]
        assert any("wait at 9 sites" in one for one in said) and "alien" not in "".join(said)
        assert any("alien0" in str(msgspec.to_builtins(one)) for one in listed(appliance.board, everything))


# ---- groups


def load(folder, toml, **environment):
    (folder / "prjobs.toml").write_text(toml, encoding="utf-8")
    return load_settings(folder, environment)[0]


def test_groups_are_a_table_of_the_settings_file_or_a_text(tmp_path):
    settings = load(tmp_path, '[groups]\nnorth = ["saf", "mrc*"]\n"far south" = "e?o"\n')
    assert settings.groups == ["north=saf+mrc*", "far south=e?o"]
    assert load(tmp_path, "", PRJOBS_GROUPS="north=saf+mrc*, far south=e?o") == settings
    assert [groups_of(settings.groups, site) for site in ("saf", "mrc1", "eco", "echo", "SAF")] == [
        ("north",),
        ("north",),
        ("far south",),
        (),
        (),
    ]
    assert groups_of(["a=*", "b=saf"], "saf") == ("a", "b")
    assert "saf" in sites_in_settings(settings) and "mrc*" not in sites_in_settings(settings)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[groups]\nnorth = 3\n", "the group “north” must be a list of sites or patterns"),
        ('[groups]\nnorth = ["saf", 3]\n', "the group “north” must be a list of sites or patterns"),
        ("[groups]\nnorth = []\n", "the group “north” has an empty place"),
        ('[groups]\nnorth = ["s f"]\n', "the group “north” has “s f”: a site is up to 64 letters"),
        ('[groups]\nnorth = ["saf+x=y"]\n', "the group “north” has the character ="),
        ('[groups]\n"" = ["saf"]\n', "names no group"),
        ('[groups.north]\nsites = ["saf"]\n', "the group “north” must be a list of sites or patterns"),
        ('groups = ["north=saf", "north=mrc"]\n', "the group “north” is there twice"),
        ('groups = ["saf"]\n', "“saf” names no group: write NAME=SITE+SITE"),
    ],
)
def test_a_wrong_group_is_refused_at_the_start(tmp_path, toml, words):
    with pytest.raises(Unusable, match="groups: ") as refused:
        load(tmp_path, toml)
    assert words in str(refused.value)
    assert str(tmp_path) in str(refused.value)


def test_unknown_sites_in_a_group_are_fine_and_no_row(appliance):
    assert parse_groups(Settings(groups=["north=nowhere"]).groups) == {"north": ["nowhere"]}
    assert "nowhere" not in appliance.queue.polls.sites()
