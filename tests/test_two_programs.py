"""Two programs on one queue of a site: found by their polls, told to staff, and each of them gets every stop."""

import http.client
import json
from contextlib import ExitStack, closing
from functools import partial
from itertools import count
from pathlib import Path

import pytest
import requests

from prjobs.base.notices import Code
from prjobs.jobs import two_programs
from prjobs.upkeep.chores import Chores
from tests.clocks import ManualClock
from tests.verbs import make_token, report, submit, take

RECORDED = json.loads((Path(__file__).parent / "recorded_polls.json").read_text(encoding="utf-8"))


class World:
    """A server with a clock of its own, and programs that poll it by HTTP."""

    def __init__(self, make_server, connections):
        self.clock = ManualClock()
        self.server = make_server(self.clock)
        self.queue = self.server.appliance.queue
        self.chores = Chores(self.server.appliance, self.server.folder)
        self._connections = connections
        self._began_s = self.clock.elapsed

    def connect(self, address="127.0.0.1"):
        made = http.client.HTTPConnection("127.0.0.1", self.server.listener.port, source_address=(address, 0))
        return self._connections.enter_context(closing(made))

    def at(self, at_s):
        self.clock.advance(self._began_s + at_s - self.clock.elapsed)

    def poll(self, link, **more):
        link.request("POST", "/jobs/getnewjobs", json.dumps({"site": "saf", **more}))
        got = json.loads(link.getresponse().read())
        self.queue.database.write(lambda _: None)  # proofs that were posted are stored
        self.chores.once()
        return [job["ulid"] for job in got]

    def run(self, until_s, *programs):
        """Let programs poll, each given as (a list of times, what polls); return what each got."""
        got = [[] for _ in programs]
        for at_s, index in sorted((at_s, index) for index, (times, _) in enumerate(programs) for at_s in times):
            if at_s <= until_s:
                self.at(at_s)
                got[index] += programs[index][1]()
        return got

    def said(self):
        found = requests.get(f"{self.server.url}/healthz").json()["notices"]
        return {one["site"]: one["sentence"] for one in found if one["code"] == Code.TWO_PROGRAMS}

    def alarm(self):
        bearer = {"Authorization": f"Bearer {make_token(self.server.appliance, 'ann', 'admin')}"}
        found = requests.get(f"{self.server.url}/api/now", headers=bearer).json()["alarms"]
        return next((one for one in found if one["key"] == "notice/two_programs/saf"), None)


@pytest.fixture
def world(make_server):
    with ExitStack() as connections:
        yield World(make_server, connections)


def every(gap_s, until_s, from_s=0.0):
    return [from_s + gap_s * number for number in range(int((until_s - from_s) / gap_s) + 1)]


def port(link):
    return link.sock.getsockname()[1]


def test_two_connections_of_one_machine(world):
    one, two = world.connect(), world.connect()
    world.run(45, (every(3, 45), partial(world.poll, one)), (every(15, 45, 6.01), partial(world.poll, two)))
    sentence = world.said()["saf"]
    assert (
        f"one at 127.0.0.1:{port(one)} every 3.0 s" in sentence or f"at 127.0.0.1:{port(one)} every 3.0 s" in sentence
    )
    assert f"127.0.0.1:{port(two)} every 15 s" in sentence and "End the program that should not run." in sentence
    alarm = world.alarm()
    assert (alarm["sentence"], alarm["loud"]) == (sentence, True)
    assert alarm["manual"] == "manual/trouble#two-programs-poll-for-the-jobs-of-a-site"


def start_two(world, first="127.0.0.1", second="127.0.0.1"):
    """Let two programs poll for a minute; return what polls for each."""
    polls = [partial(world.poll, world.connect(first)), partial(world.poll, world.connect(second))]
    world.run(60, (every(3, 60), polls[0]), (every(4, 60, 1.3), polls[1]))
    assert "saf" in world.said()
    return polls


def test_it_ends_when_one_of_them_is_silent_for_a_while(world):
    one, _ = start_two(world)
    world.run(110, (every(3, 110, 63), one))
    assert "saf" in world.said()
    world.run(150, (every(3, 150, 113), one))
    assert world.said() == {} and world.alarm() is None


@pytest.mark.parametrize("addresses", [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "127.0.0.2")])
def test_each_gets_a_stop_once(world, addresses):
    one, two = start_two(world, *addresses)
    stop = submit(world.server.appliance, device="all", action="cancel_all_commands")
    got = world.run(80, (every(3, 80, 63), one), (every(4, 80, 61.3), two))
    assert got == [[stop.ulid], [stop.ulid]]
    notes = world.queue.database.fetch("SELECT note FROM change WHERE status = 'RECEIVED' ORDER BY seq")
    assert notes[-1] == (two_programs.NOTE,)
    job = submit(world.server.appliance)
    assert sorted(world.run(100, (every(3, 100, 83), one), (every(4, 100, 81.3), two))) == [[], [job.ulid]]


def test_a_stop_from_just_before_they_were_found(world):
    one, two = (partial(world.poll, world.connect()) for _ in range(2))
    stop = submit(world.server.appliance, device="all", action="stop")
    got = world.run(60, (every(3, 60), one), (every(15, 60, 6.01), two))
    assert got == [[stop.ulid], [stop.ulid]]


@pytest.mark.parametrize("event", ["something newer was handed out", "a report came", "two minutes passed"])
def test_a_stop_does_not_go_to_the_second_program_when(world, event):
    one, two = start_two(world)
    stop = submit(world.server.appliance, device="all", action="stop")
    world.at(63)
    assert one() == [stop.ulid]
    if event == "something newer was handed out":
        newer = submit(world.server.appliance)
        world.at(66)
        assert one() == [newer.ulid]
    elif event == "a report came":
        report(world.server.appliance, stop, "COMPLETE")
    else:
        world.run(183, (every(3, 183, 66), one))
    world.at(184)
    assert two() == []


def test_two_programs_with_a_new_connection_for_each_poll(world):
    def poll_anew():
        with closing(world.connect()) as link:
            return world.poll(link)

    stop = []

    def slow():
        if len(stop) == 0 and world.clock.elapsed > 1060:
            stop.append(submit(world.server.appliance, device="all", action="stop").ulid)
        return poll_anew()

    got = world.run(100, (every(3, 100), poll_anew), (every(7.1, 100, 1.3), slow))
    assert "Both open a new connection for each poll." in world.said()["saf"]
    assert got == [stop, stop]


def test_two_observatory_programs_as_recorded(world):
    """Two programs of the known kind, with their flushes, at two addresses."""
    links = [world.connect(address) for address in ("127.0.0.1", "127.0.0.2")]
    times = [[at_s for at_s, *_ in RECORDED[site]] for site in ("n0", "n1")]
    world.run(120, *((times[n], partial(world.poll, links[n])) for n in range(2)))
    sentence = world.said()["saf"]
    assert "127.0.0.1 every" in sentence and "127.0.0.2 every" in sentence


# ---- no alarm


@pytest.fixture
def alone(appliance, clock):
    """Poll as one program does, without HTTP: poll(at_s, peer) is told True if two programs were found by then."""
    began_s = clock.elapsed

    def ask(at_s, peer, **parts):
        clock.advance(max(0, began_s + at_s - clock.elapsed))
        take(appliance, peer, **parts)
        two_programs.find_once(appliance.queue)
        return [one for one in appliance.queue.notices.all() if one.code == Code.TWO_PROGRAMS]

    return ask


PORTS = {
    "one connection": lambda number, flush: 5000,
    "a connection for each poll": lambda number, flush: 5000 + number,
    "a connection for the flushes": lambda number, flush: 5000 + flush,
    "two connections by turns": lambda number, flush: 5000 + number % 2,
    "a new connection now and then": lambda number, flush: 5000 + number // 7,
}


@pytest.mark.parametrize("connections", PORTS)
@pytest.mark.parametrize("site", RECORDED)
def test_one_program_as_recorded_raises_no_alarm(alone, site, connections):
    for number, (at_s, _, _, flush) in enumerate(RECORDED[site]):
        assert not alone(at_s, f"10.0.0.5:{PORTS[connections](number, flush)}"), at_s


@pytest.mark.parametrize("connections", PORTS)
@pytest.mark.parametrize("gap_s", [1, 3, 4, 13.3, 15, 60])
def test_a_steady_program_raises_no_alarm(alone, gap_s, connections):
    for number in range(60):
        flush = number % 7 == 3
        assert not alone(number * gap_s + flush, f"10.0.0.5:{PORTS[connections](number, flush)}")


@pytest.mark.parametrize("times", [[31], [31, 44]])
@pytest.mark.parametrize("address", ["10.0.0.5", "10.0.0.9"])
def test_a_poll_by_hand_raises_no_alarm(alone, times, address):
    ports = count(6000)
    for at_s in sorted([*every(3, 120), *times]):
        assert not alone(at_s, f"{address}:{next(ports)}" if at_s in times and at_s % 3 else "10.0.0.5:5000")


def test_a_program_that_moves_to_another_address_raises_no_alarm(alone):
    for at_s in every(3, 300):
        assert not alone(at_s, "10.0.0.5:5000" if at_s < 150 else "10.0.0.9:5000")


def test_queues_and_filters_are_programs_of_their_own(alone):
    for at_s in every(3, 120):
        for number, parts in enumerate(({}, {"alternate": True}, {"device": "mount"}, {"site": "wema"})):
            assert not alone(at_s + number / 4, f"10.0.0.{number}:5000", **parts)


def test_a_test_of_speed_raises_no_alarm(alone):
    for number in range(400):
        assert not alone(number * 0.01, f"10.0.0.5:{5000 + number % 8}")
