"""`prjobs serve --demo`: simulated observatories and users at work on a server that was just started."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from prjobs.access import reservations, reserving, tokens
from prjobs.access.audit import Actor
from prjobs.access.reservations import NewReservation
from prjobs.access.tokens import NewToken
from prjobs.appliance import Appliance
from prjobs.base.places import parse_zones
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import Origin
from prjobs.client import Client
from prjobs.demo.observatory import Behaviour, simulated
from prjobs.demo.users import Habits, User, Users
from prjobs.observatory import Observatory

SITE, STATION = "mrc1", "wema"
USERS = (("demo|ann", "Ann K."), ("demo|tim", "Tim B."), ("demo|wera", "Wera S."))
ACTOR = Actor("demo", "demo")
PACE = 6.0
TIMEOUT_S = 5.0
HOUR_MS = 3_600_000
RESERVED_HOURS = 12
SETTINGS: dict[str, Any] = {
    "reservations": "local",
    "stations": [f"{STATION}={SITE}"],
    "site_places": [f"{one}=34.459,-119.681,317" for one in (SITE, STATION)],
    "site_zones": [f"{one}=America/Los_Angeles" for one in (SITE, STATION)],
}


def demo_settings(settings: Settings, origins: Mapping[str, Origin]) -> Settings:
    """Return the settings with sky, station and reservations of the demo, where nobody set another value."""
    given = {name: value for name, value in SETTINGS.items() if origins[name].source == "default"}
    try:
        parse_zones(SETTINGS["site_zones"])
    except ValueError:
        # The machine has no list of time zones: its demo is in UTC.
        given.pop("site_zones", None)
    return msgspec.structs.replace(settings, **given)


def start_demo(server: Any) -> None:
    """Start the demo's threads, which end with the server."""
    users = []
    for user_id, user_name in USERS:
        # Only staff opens a roof; owners are held by reservations like other users.
        wanted = NewToken(user_id, user_name, roles=["owner"], days=30)
        token, _ = tokens.create_token(server.appliance.desk, wanted, ACTOR)
        users.append((user_id, user_name, token))
    reserve_hours(server.appliance)
    demo = Demo(server.url, users, [SITE], PACE, stations={SITE: STATION})
    demo.start(server.appliance.queue.stopping)


def reserve_hours(appliance: Appliance) -> None:
    """Reserve the telescope for each user in turn, an hour of every two, unless the demo has reservations to come."""
    now_ms = appliance.queue.clock.now_ms()
    if any(one.end_ms > now_ms for one in reservations.list_reservations(appliance.desk, SITE)):
        return
    for turn in range(RESERVED_HOURS // 2):
        user_id, user_name = USERS[turn % len(USERS)]
        start_ms = now_ms + 2 * turn * HOUR_MS
        asked = NewReservation(
            site=SITE,
            creator_id=user_id,
            start_ms=start_ms,
            end_ms=start_ms + HOUR_MS,
            creator=user_name,
            title="demo",
        )
        reserving.add_reservation(appliance.desk, asked, ACTOR)


@dataclass(frozen=True)
class Demo:
    """Simulated observatories and users of the appliance at `base_url`.

    `users` are (user_id, user_name, token). `stations`: the enclosure station of an observatory, which gets the
    enclosure commands. `pace` divides every duration.
    """

    base_url: str
    users: Sequence[tuple[str, str, str]]
    sites: Sequence[str]
    pace: float
    stations: Mapping[str, str] = field(default_factory=dict)

    def start(self, stop: threading.Event) -> list[threading.Thread]:
        """Start and return a thread for each observatory and for the users of each telescope; `stop` ends all."""
        programs = [self._observatory_at(site) for site in self.sites]
        programs += [self._observatory_at(station, frozenset({"enclosure"})) for station in self.stations.values()]
        acts = [partial(_run, program, stop) for program in programs]
        acts += [partial(self._users_at(site).run, stop) for site in self.sites]
        threads = [threading.Thread(target=act, name="demo", daemon=True) for act in acts]
        for thread in threads:
            thread.start()
        return threads

    def _observatory_at(self, site: str, devices: frozenset[str] | None = None) -> Observatory:
        """Return the simulated observatory of a site, with all devices or with these."""
        client = Client(self.base_url, timeout_s=TIMEOUT_S)
        return simulated(client, site, Behaviour(pace=self.pace, devices=devices))

    def _users_at(self, site: str) -> Users:
        """Return the users of a telescope, each with a client."""
        users = [
            User(user_id, user_name, Client(self.base_url, token=token, timeout_s=TIMEOUT_S))
            for user_id, user_name, token in self.users
        ]
        return Users(users, site, Habits(pace=self.pace, enclosure_site=self.stations.get(site)))


def _run(program: Observatory, stop: threading.Event) -> None:
    """Run a program until `stop` is set: the server ends, and takes no more reports."""
    with program:
        stop.wait()
