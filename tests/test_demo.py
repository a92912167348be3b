"""The simulated observatory against a real server, and simulated users against a small service of the endpoints."""

import json
import math
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import bottle
import pytest
import requests

from prjobs.base import catalogue
from prjobs.base.settings_sources import load_settings
from prjobs.client import Client
from prjobs.demo.observatory import Behaviour, _frames, simulated
from prjobs.demo.running import Demo, demo_settings
from prjobs.demo.users import TARGETS, Command, Habits, User, Users
from prjobs.observatory import Job
from prjobs.server import Server
from tests import verbs
from tests.clocks import ManualClock
from tests.program import Program
from tests.serving import Serving
from tests.waiting import wait_for

SITE = "mrc1"


class Service:
    """The queue of every site in memory; `broken` is the status that it answers everything with (0: well)."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.reports: list[tuple[str, str, Any]] = []
        self.polls: Counter[str] = Counter()
        self.poll_ids: list[Any] = []
        self.broken: int | str = 0
        self.poll_answer: Any = None
        self.changed = threading.Condition()
        app = bottle.Bottle()
        for handler in (
            self.newjob,
            self.getnewjobs,
            self.updatejobstatus,
            self.startjob,
            self.getrecentjobs,
        ):
            app.post(f"/{handler.__name__}", callback=self._answering(handler))
        self._serving = Serving(app)
        self.url, self.close = self._serving.url, self._serving.close

    def _answering(self, handler: Callable[[Any], Any]) -> Callable[[], Any]:
        def answer() -> Any:
            if self.broken == "text":
                return "<html>no json</html>"
            if self.broken:
                return bottle.HTTPResponse("down for a while", int(self.broken))
            with self.changed:
                value = handler(json.loads(bottle.request.body.read()))
                self.changed.notify_all()
            return value if isinstance(value, bottle.HTTPResponse) else json.dumps(value)

        return answer

    def newjob(self, asked: Any) -> Any:
        number = len(self.jobs)
        job = {
            "site": asked["site"],
            "ulid": f"{number:026}",
            "timestamp_ms": number,
            "deviceType": asked["device"],
            "deviceInstance": asked["instance"],
            "status": "UNREAD",
            **{key: asked[key] for key in ("action", "required_params", "optional_params", "user_name", "user_id")},
        }
        self.jobs.append(job | {"asked": asked, "token": bottle.request.get_header("Authorization")})
        return job

    def getnewjobs(self, asked: Any) -> Any:
        self.polls[asked["site"]] += 1
        self.poll_ids.append(asked.get("poll_id"))
        if self.poll_answer is not None:
            return self.poll_answer
        new = [job for job in self.jobs if job["site"] == asked["site"] and job["status"] == "UNREAD"]
        for job in new:
            job["status"] = "RECEIVED"
        return new

    def updatejobstatus(self, asked: Any) -> Any:
        job = next((job for job in self.jobs if job["ulid"] == asked["ulid"]), None)
        if job is None or job["site"] != asked["site"]:
            return bottle.HTTPResponse("no such job", 404)
        job["status"] = asked["newStatus"]
        self.reports.append((job["action"], asked["newStatus"], asked["secondsUntilComplete"]))
        return {"ulid": job["ulid"], "statusId": job["status"], "secondsUntilComplete": 0}

    def startjob(self, asked: Any) -> Any:
        return self.updatejobstatus(asked | {"newStatus": "STARTED"})

    def getrecentjobs(self, asked: Any) -> Any:
        return [job for job in self.jobs if job["site"] == asked["site"]]

    def words(self, action: str) -> list[str]:
        return [word for name, word, _ in self.reports if name == action]

    def statuses(self) -> list[str]:
        return [job["status"] for job in self.jobs]


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.url, timeout_s=5) as client:
        yield client


class Site:
    """A simulated observatory at a real server, and a user there."""

    def __init__(self, url: str, token: str, **settings: Any) -> None:
        self.users = Client(url, token)
        behaviour = Behaviour(**{"pace": 1000.0, "failure_probability": 0.0, **settings})
        self.program = simulated(Client(url), SITE, behaviour, random.Random(1))
        self.first: list[str] = []

    def send(self, device: str, action: str, required: Any = None, optional: Any = None) -> str:
        whose = {"user_id": "auth0|alice", "user_name": "Alice A."}
        return str(self.users.new_job(SITE, device, "", action, required, optional, **whose)["ulid"])

    def timeline(self, ulid: str) -> list[Any]:
        return list(self.users.api("GET", f"jobs/{ulid}")["timeline"])

    def words(self, ulid: str) -> list[str]:
        return [one["status"] for one in self.timeline(ulid)]

    def assert_reaches(self, ulid: str, status: str) -> None:
        wait_for(lambda: self.words(ulid)[-1] == status)


@pytest.fixture
def make_site(server: Server) -> Iterator[Callable[..., Site]]:
    """Make a simulated observatory that does not fail unless asked to, a thousand times faster than real.

    It begins with the jobs given first.
    """
    token = verbs.make_token(server.appliance, "auth0|alice", "admin")
    with ExitStack() as running:

        def make(*first: tuple[str, str], **settings: Any) -> Site:
            site = Site(server.url, token, **settings)
            site.first = [site.send(*one) for one in first]
            running.enter_context(site.program)
            return site

        yield make


def test_a_command_starts_and_completes_at_the_pace(make_site: Callable[..., Site]) -> None:
    site = make_site(pace=90.0)
    ulid = site.send("mount", "go")
    site.assert_reaches(ulid, "COMPLETE")
    told = [(one["status"], one["estimate_s"]) for one in site.timeline(ulid)]
    assert told[2:] == [("STARTED", 1), ("COMPLETE", 0)]


def test_an_exposure_tells_of_its_frames(make_site: Callable[..., Site]) -> None:
    site = make_site(pace=100.0)
    ulid = site.send("camera", "expose", {"time": "5"}, {"count": "4"})
    site.assert_reaches(ulid, "COMPLETE")
    # Of the reports of progress, some may be left out.
    words = list(dict.fromkeys(site.words(ulid)))
    assert words == ["UNREAD", "RECEIVED", "STARTED", "EXPOSING", "COMPLETE"]
    notes = [one["note"] for one in site.timeline(ulid) if one["status"] == "EXPOSING"]
    assert set(notes) <= {"0%: frame 1 of 4", "25%: frame 2 of 4", "50%: frame 3 of 4", "75%: frame 4 of 4"}


@pytest.mark.parametrize(
    ("count", "frames"), [(None, 1), ("x", 1), ([], 1), (10**30, 10), (-5, 1), (float(2), 2), ("500", 10)]
)
def test_odd_counts_of_frames(count: Any, frames: int) -> None:
    document = {"ulid": "1", "deviceType": "camera", "deviceInstance": "", "action": "expose"}
    assert _frames(Job(document | {"required_params": {}, "optional_params": {"count": count}})) == frames


@pytest.mark.slow
def test_devices_move_side_by_side_and_the_camera_waits(make_site: Callable[..., Site]) -> None:
    asked = [("mount", "go"), ("filter_wheel", "set_name"), ("focuser", "move_absolute"), ("camera", "expose")]
    site = make_site(*asked, ("mount", "park"), pace=40.0)
    site.assert_reaches(site.first[-1], "COMPLETE")
    began, ended = {}, {}
    for ulid in site.first:
        for one in site.timeline(ulid):
            if one["status"] == "STARTED":
                began.setdefault(ulid, one["seq"])
            if one["status"] == "COMPLETE":
                ended[ulid] = one["seq"]
    *before, camera, park = site.first
    assert max(began[one] for one in before) < ended[before[0]]
    assert max(ended[one] for one in before) < began[camera] < ended[camera] < began[park]


def test_the_observatory_itself_is_apart(make_site: Callable[..., Site]) -> None:
    site = make_site(pace=10.0)
    going = site.send("camera", "expose", {"time": "6000"})
    site.assert_reaches(going, "EXPOSING")
    site.assert_reaches(site.send("obs", "configure_sun_safety", {"mode": "off"}), "COMPLETE")
    assert site.words(going)[-1] == "EXPOSING"


@pytest.mark.slow
def test_a_stop_aborts_everything_at_once(make_site: Callable[..., Site]) -> None:
    site = make_site(pace=30.0)
    for device, action, required in (
        ("camera", "stop", {}),
        ("all", "cancel_all_commands", {}),
        ("dome", "CANCEL", {}),
        ("sequencer", "run", {"script": "stopScript"}),
    ):
        going = site.send("camera", "expose", {"time": "6000"})
        waiting = site.send("mount", "go", {"ra": "1", "dec": "2"})
        site.assert_reaches(going, "EXPOSING")
        wait_for(lambda ulid=waiting: site.words(ulid)[-1] == "RECEIVED")
        stop = site.send(device, action, required)
        for ulid, status in ((stop, "COMPLETE"), (going, "ABORTED"), (waiting, "ABORTED")):
            site.assert_reaches(ulid, status)
        site.assert_reaches(site.send("focuser", "home"), "COMPLETE")


def test_failures_and_commands_that_nobody_knows(make_site: Callable[..., Site]) -> None:
    site = make_site(failure_probability=1.0)
    for device, action, why in (
        ("mount", "go", "a simulated fault of the mount"),
        ("mount", "spin", "the simulated mount knows no spin"),
        ("toaster", "spin", "this program knows no spin for a toaster"),
    ):
        ulid = site.send(device, action)
        site.assert_reaches(ulid, "FAILED")
        assert site.timeline(ulid)[-1]["note"] == why


def test_an_enclosure_station_runs_enclosure_commands_only(make_site: Callable[..., Site]) -> None:
    site = make_site(devices={"enclosure"})
    site.assert_reaches(site.send("enclosure", "open"), "COMPLETE")
    site.assert_reaches(site.send("mount", "go"), "FAILED")


@pytest.mark.slow
def test_every_command_of_the_catalogue_is_carried_out(make_site: Callable[..., Site]) -> None:
    site = make_site(pace=100_000.0)
    by_kind: dict[bool, list[catalogue.Command]] = {True: [], False: []}
    for command in catalogue.commands():
        by_kind[command.command_class == "stop"].append(command)
    others = [site.send(one.device, one.action, one.required, one.optional) for one in by_kind[False]]
    for ulid in others:
        site.assert_reaches(ulid, "COMPLETE")
    # A stop would withdraw another one that waits.
    for one in by_kind[True]:
        site.assert_reaches(site.send(one.device, one.action, one.required, one.optional), "COMPLETE")


def some_users(client: Client, **settings: Any) -> Users:
    users = [User(f"demo|{name}", name, client) for name in ("Ann K.", "Tim B.", "Wera S.")]
    return Users(users, SITE, Habits(enclosure_site="mrc", **settings), random.Random(3), ManualClock())


def all_night(users: Users, hours: float = 8.0) -> list[tuple[float, Command]]:
    steps = ((now_s, users.step_once(now_s)) for now_s in range(int(hours * 3600)))
    return [(now_s, command) for now_s, command in steps if command]


def test_users_send_what_the_page_sends(service: Service, client: Client) -> None:
    some_users(client).step_once(0.0)
    asked = service.jobs[0]["asked"]
    assert (asked["site"], asked["device"], asked["action"]) == ("mrc", "enclosure", "open")
    assert (asked["user_id"], asked["user_name"]) == ("demo|Ann K.", "Ann K.")
    assert (asked["mount"], asked["timestamp"], asked["user_roles"]) == ("mount1", 1_700_000_000, [])


def test_a_night_of_users(service: Service, client: Client) -> None:
    sent = all_night(some_users(client))
    assert 100 < len(sent) < 1000
    assert len(service.jobs) == len(sent)
    assert {job["user_name"] for job in service.jobs} == {"Ann K.", "Tim B.", "Wera S."}
    assert {command.device for _, command in sent} >= {
        "mount",
        "camera",
        "filter_wheel",
        "focuser",
        "sequencer",
    }
    assert any(catalogue.command_class(c.device, c.action, c.required) == "stop" for _, c in sent)
    for job in service.jobs:
        assert catalogue.find(job["deviceType"], job["action"], job["required_params"])
        assert (job["site"] == "mrc") == (job["deviceType"] == "enclosure")


def test_users_send_the_parameters_of_the_catalogue(service: Service, client: Client) -> None:
    for _, command in all_night(some_users(client)):
        entry = catalogue.find(command.device, command.action, command.required)
        assert entry is not None
        assert set(command.required) == set(entry.required)
        assert set(command.optional) <= set(entry.optional)


def test_users_do_not_ask_for_more_than_the_telescope_can_do(client: Client, service: Service) -> None:
    sent = all_night(some_users(client, stop_probability=0.0))
    work_s = sum(command.usual_s() for _, command in sent)
    assert 0.4 < work_s / sent[-1][0] < 1.05


def test_pace_quickens_the_users(client: Client, service: Service) -> None:
    slow, quick = all_night(some_users(client), 1), all_night(some_users(client, pace=6), 1)
    assert len(quick) > 3 * len(slow)


def test_users_press_again_what_did_not_arrive(service: Service) -> None:
    service.close()
    with Client(service.url, timeout_s=0.05) as nowhere:
        assert some_users(nowhere).step_once(0.0) is None
    revived = Service()
    with Client(revived.url) as client:
        assert some_users(client).step_once(0.0) is not None
    revived.close()


def test_users_go_on_when_they_are_refused(service: Service, client: Client) -> None:
    users = some_users(client)
    service.broken = 401
    assert users.step_once(0.0) == Command("enclosure", "open")
    service.broken = 0
    assert users.step_once(100.0) == Command("mount", "unpark")


def test_without_users_nothing_is_sent(service: Service) -> None:
    assert all_night(Users([], SITE), 1) == []


def test_targets_are_on_the_sky() -> None:
    for target in TARGETS:
        assert 0 <= target.ra_h < 24
        assert math.fabs(target.dec_deg) < 75


def test_the_demo_brings_jobs_to_their_end(service: Service) -> None:
    users = [("demo|ann", "Ann K.", "one"), ("demo|tim", "Tim B.", "two")]
    stop = threading.Event()
    threads = Demo(service.url, users, ["mrc1"], 2000.0, stations={"mrc1": "mrc"}).start(stop)
    try:
        with service.changed:
            done = service.changed.wait_for(lambda: service.statuses().count("COMPLETE") >= 2, timeout=60)
    finally:
        stop.set()
    for thread in threads:
        thread.join(60)
    assert done
    assert len(threads) == 3
    assert not any(thread.is_alive() for thread in threads)
    assert service.jobs[0]["token"] == "Bearer one"
    assert service.jobs[0]["user_name"] == "Ann K."


@pytest.mark.slow
def test_the_demo_has_a_sky_reservations_and_a_station_that_reports(program: Program) -> None:
    program.serve("--demo")
    ask = lambda path: requests.get(f"{program.url}/api/{path}", timeout=60).json()  # noqa: E731

    def ended() -> list[Any]:
        # A few jobs in a hundred fail, as at a real site.
        ends = ("done", "failed")
        return [one for one in ask("jobs?site=wema")["jobs"] if one["device"] == "enclosure" and one["phase"] in ends]

    [job] = wait_for(ended)[:1]
    assert (job["action"], job["user_name"]) == ("open", "Ann K.")
    assert {one["site"] for one in ask("now")["sites"]} == {"mrc1", "wema"}
    assert ask("now")["rules"]["stations"] == {"mrc1": "wema"}
    sky = ask("sky?site=mrc1")
    assert sky["dusk_ms"] and sky["dawn_ms"] and 0 <= sky["lst_h"] < 24
    first, *later = ask("reservations?site=mrc1")["reservations"]
    assert first["creator"] == "Ann K." and first["start_ms"] <= ask("now")["time_ms"] < first["end_ms"]
    assert len(later) == 5
    # The users whose hour it is not do not try.
    refused = [one for one in ask("jobs?site=mrc1")["jobs"] if one["user_name"] != "Ann K."]
    assert refused == []
    program.stop()
    program.serve("--demo")
    assert len(ask("reservations?site=mrc1")["reservations"]) == 6


def test_the_settings_of_a_demo_give_way_to_the_operators(tmp_path: Path) -> None:
    (tmp_path / "prjobs.toml").write_text('reservations = "none"\nsite_places = ["mrc1=1,2,3"]\n')
    settings = demo_settings(*load_settings(tmp_path, {}, {"stations": "dome=mrc1"}))
    assert (settings.reservations, settings.site_places, settings.stations) == ("none", ["mrc1=1,2,3"], ["dome=mrc1"])
    assert settings.site_zones == ["mrc1=America/Los_Angeles", "wema=America/Los_Angeles"]
