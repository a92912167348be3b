"""The simulated observatory and users against a small real service of the five endpoints."""

import json
import math
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bottle
import pytest
import requests

from prjobs.base import catalogue
from prjobs.base.settings_sources import load_settings
from prjobs.client import Client
from prjobs.demo.observatory import Behaviour, Observatory
from prjobs.demo.running import Demo, demo_settings
from prjobs.demo.users import TARGETS, Command, Habits, User, Users
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


def observatory(client: Client, **settings: Any) -> Observatory:
    """One that neither fails nor flushes unless asked to, and polls every second."""
    plain = {"flush": False, "failure_probability": 0.0, "poll_s": 1.0}
    return Observatory(client, SITE, Behaviour(**(plain | settings)), random.Random(1))


def send(client: Client, device: str, action: str, site: str = SITE, **params: Any) -> None:
    required, optional = params.get("required", {}), params.get("optional", {})
    client.new_job(site, device, "", action, required, optional, user_id="a", user_name="A")


def step(observatory: Observatory, until_s: float, start_s: float = 0.0) -> None:
    """Half a second at a time, on a clock that nobody waits for."""
    for half in range(int(start_s * 2), int(until_s * 2) + 1):
        observatory.step_once(half / 2)


def test_a_command_starts_and_completes(service: Service, client: Client) -> None:
    send(client, "mount", "go")
    step(observatory(client), 60)
    assert service.reports == [("go", "STARTED", 45), ("go", "COMPLETE", 0)]


def test_an_exposure_tells_of_its_frames(service: Service, client: Client) -> None:
    send(client, "camera", "expose", required={"time": "5"}, optional={"count": "4"})
    step(observatory(client), 70)
    assert service.words("expose") == ["STARTED", *["EXPOSING"] * 4, "COMPLETE"]
    estimates = [seconds for _, _, seconds in service.reports]
    assert estimates == sorted(estimates, reverse=True)
    assert estimates[0] == 49


def test_a_long_series_does_not_tell_of_every_frame(service: Service, client: Client) -> None:
    send(client, "camera", "expose", required={"time": "1"}, optional={"count": "500"})
    step(observatory(client, pace=60), 80)
    assert 5 <= service.words("expose").count("EXPOSING") <= 10
    assert service.statuses() == ["COMPLETE"]


@pytest.mark.parametrize("count", [None, "x", [], 10**30, -5, float(2)])
def test_odd_counts(service: Service, client: Client, count: Any) -> None:
    send(client, "camera", "expose", required={"time": "1"}, optional={"count": count})
    step(observatory(client, pace=1000), 10)
    assert service.statuses() == ["COMPLETE"]


def test_pace_shortens_durations_and_estimates(service: Service, client: Client) -> None:
    send(client, "mount", "go")
    step(observatory(client, pace=9), 6)
    assert service.reports == [("go", "STARTED", 5), ("go", "COMPLETE", 0)]


def test_devices_move_side_by_side_and_the_camera_waits(service: Service, client: Client) -> None:
    send(client, "mount", "go")
    send(client, "filter_wheel", "set_name")
    send(client, "focuser", "move_absolute")
    send(client, "camera", "expose", required={"time": "10"})
    send(client, "mount", "park")
    simulated = observatory(client)
    step(simulated, 1)
    assert service.statuses() == ["STARTED", "STARTED", "STARTED", "RECEIVED", "RECEIVED"]
    step(simulated, 53, start_s=1.5)
    assert service.statuses() == ["COMPLETE", "COMPLETE", "COMPLETE", "EXPOSING", "RECEIVED"]
    step(simulated, 80, start_s=53.5)
    assert service.statuses() == [*["COMPLETE"] * 4, "STARTED"]


def test_one_device_does_one_thing_at_a_time(service: Service, client: Client) -> None:
    for _ in range(3):
        send(client, "focuser", "move_relative")
    simulated = observatory(client)
    for half in range(60):
        simulated.step_once(half / 2)
        assert service.statuses().count("STARTED") <= 1
    assert service.statuses() == ["COMPLETE"] * 3


def test_the_observatory_itself_is_apart(service: Service, client: Client) -> None:
    send(client, "camera", "expose", required={"time": "600"})
    send(client, "obs", "configure_sun_safety", required={"mode": "off"})
    step(observatory(client), 3)
    assert service.statuses()[1] == "COMPLETE"


@pytest.mark.parametrize(
    ("device", "action", "required"),
    [
        ("camera", "stop", {}),
        ("all", "cancel_all_commands", {}),
        ("dome", "CANCEL", {}),
        ("sequencer", "run", {"script": "stopScript"}),
    ],
)
def test_a_stop_aborts_everything_at_once(
    service: Service, client: Client, device: str, action: str, required: Any
) -> None:
    send(client, "mount", "go")
    send(client, "camera", "expose", required={"time": "60"})
    simulated = observatory(client)
    step(simulated, 2)
    send(client, device, action, required=required)
    send(client, "focuser", "move_relative")
    step(simulated, 4, start_s=2.5)
    assert service.statuses() == ["ABORTED", "ABORTED", "COMPLETE", "STARTED"]
    assert service.words(action) == ["COMPLETE"]
    step(simulated, 20, start_s=4.5)
    assert service.statuses() == ["ABORTED", "ABORTED", "COMPLETE", "COMPLETE"]


def test_jobs_of_a_batch_run_in_the_order_of_their_times(service: Service, client: Client) -> None:
    for action in ("home", "move_absolute"):
        send(client, "focuser", action)
    service.jobs.reverse()
    step(observatory(client), 2)
    assert service.reports[0][:2] == ("home", "STARTED")


def test_failures(service: Service, client: Client) -> None:
    send(client, "mount", "go")
    step(observatory(client, failure_probability=1.0), 60)
    assert service.words("go") == ["STARTED", "FAILED"]


def test_what_it_does_not_know_fails(service: Service, client: Client) -> None:
    send(client, "dome", "spin")
    step(observatory(client), 1)
    assert service.words("spin") == ["FAILED"]


def test_an_enclosure_station_runs_enclosure_commands_only(service: Service, client: Client) -> None:
    send(client, "enclosure", "open")
    send(client, "mount", "go")
    step(observatory(client, devices={"enclosure"}), 100)
    assert service.words("open") == ["STARTED", "COMPLETE"]
    assert service.words("go") == ["FAILED"]


def test_every_command_of_the_catalogue_is_carried_out(service: Service, client: Client) -> None:
    simulated = observatory(client, pace=10_000)
    for number, command in enumerate(catalogue.commands()):
        send(client, command.device, command.action, required=command.required, optional=command.optional)
        simulated.poll_once()
        for half in range(3):
            simulated.step_once(number * 10 + half)
    assert service.statuses() == ["COMPLETE"] * len(catalogue.commands())


def test_it_polls_every_few_seconds(service: Service, client: Client) -> None:
    step(observatory(client, poll_s=4.0), 400)
    assert 90 <= service.polls[SITE] <= 110


def test_it_flushes_when_it_starts(service: Service, client: Client) -> None:
    send(client, "mount", "go")
    simulated = observatory(client, flush=True)
    step(simulated, 3)
    assert service.statuses() == ["RECEIVED"]
    send(client, "mount", "park")
    step(simulated, 6, start_s=3.5)
    assert service.statuses() == ["RECEIVED", "STARTED"]


def test_it_flushes_after_polls_when_asked_to(service: Service, client: Client) -> None:
    observatory(client, flush_probability=1.0).poll_once()
    assert service.polls[SITE] == 2


@pytest.mark.parametrize("broken", [500, 503, 404, 302, "text"])
def test_a_broken_service_does_not_stop_it(service: Service, client: Client, broken: int | str) -> None:
    simulated = observatory(client, flush=True)
    service.broken = broken
    step(simulated, 3)
    service.broken = 0
    step(simulated, 6, start_s=3.5)
    send(client, "mount", "go")
    step(simulated, 60, start_s=6.5)
    assert service.words("go") == ["STARTED", "COMPLETE"]


@pytest.mark.parametrize("broken", [503, 429, "text"])
def test_reports_that_could_not_be_told_are_told_later(service: Service, client: Client, broken: int | str) -> None:
    send(client, "mount", "go")
    simulated = observatory(client)
    step(simulated, 10)
    service.broken = broken
    step(simulated, 60, start_s=10.5)
    assert service.words("go") == ["STARTED"]
    service.broken = 0
    step(simulated, 62, start_s=60.5)
    assert service.words("go") == ["STARTED", "COMPLETE"]


def test_a_refused_report_does_not_hold_up_the_others(service: Service, client: Client) -> None:
    send(client, "mount", "go")
    send(client, "focuser", "home")
    simulated = observatory(client)
    simulated.poll_once()
    service.jobs[0]["ulid"] = "somebody deleted it"
    step(simulated, 60)
    assert service.words("home") == ["STARTED", "COMPLETE"]


@pytest.mark.parametrize("odd", [None, 3, "job", [], {}, {"ulid": "U"}, {"deviceType": "mount", "action": 5}])
def test_what_is_not_a_job_is_left_out(service: Service, client: Client, odd: Any) -> None:
    send(client, "mount", "go")
    service.poll_answer = [odd, service.jobs[0]]
    assert observatory(client).poll_once() == 1


def test_nobody_there_at_all(service: Service) -> None:
    service.close()
    with Client(service.url, timeout_s=0.05) as client:
        step(observatory(client), 3)
    assert service.polls.total() == 0


def test_a_poll_id_is_kept_until_there_is_an_answer(service: Service, client: Client) -> None:
    simulated = observatory(client, poll_ids=True)
    service.poll_answer = {"not": "a list"}
    simulated.poll_once()
    service.poll_answer = None
    simulated.poll_once()
    simulated.poll_once()
    first, again, other = service.poll_ids
    assert first == again != other


def test_run_ends_when_told_to_and_survives_bugs(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()

    def broken_clock() -> float:
        stop.set()
        raise ArithmeticError("no time")

    Observatory(client, SITE, now=broken_clock).run(stop)
    assert "a step of the simulated observatory failed" in caplog.text


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
    threads = Demo(service.url, users, ["mrc1"], 2000.0, poll_gap_s=0.1, stations={"mrc1": "mrc"}).start(stop)
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
