"""`prjobs serve --demo`: simulated observatories and users at work on a server that was just started."""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prjobs.access import tokens
from prjobs.access.audit import Actor
from prjobs.access.tokens import NewToken
from prjobs.client import Client
from prjobs.demo.observatory import Behaviour, Observatory
from prjobs.demo.users import Habits, User, Users

SITES = ("mrc1", "mrc")
USERS = (("demo|ann", "Ann K."), ("demo|tim", "Tim B."), ("demo|wera", "Wera S."))
PACE = 6.0
TIMEOUT_S = 5.0
# Two calls closer than 2.5 s would look like a loop and a flush: the pace does not shorten the gap.
POLL_GAP_S = 4.0


def start_demo(server: Any) -> None:
    """Start the demo's threads, which end with the server."""
    users = []
    for user_id, user_name in USERS:
        wanted = NewToken(user_id, user_name, days=30)
        token, _ = tokens.create_token(server.appliance.desk, wanted, Actor("demo", "demo"))
        users.append((user_id, user_name, token))
    Demo(server.url, users, SITES, PACE).start(server.appliance.queue.stopping)


@dataclass(frozen=True)
class Demo:
    """Simulated observatories and users of the appliance at `base_url`.

    `users` are (user_id, user_name, token). A site with the name of another site but for the number ("mrc" of
    "mrc1") is the enclosure station of the other site and gets the enclosure commands. `pace` divides every duration
    but the seconds between polls, `poll_gap_s`.
    """

    base_url: str
    users: Sequence[tuple[str, str, str]]
    sites: Sequence[str]
    pace: float
    poll_gap_s: float = POLL_GAP_S

    def start(self, stop: threading.Event) -> list[threading.Thread]:
        """Start and return a thread for each observatory and for the users of each telescope; `stop` ends all."""
        actors: list[Observatory | Users] = [self._observatory_at(site) for site in self.sites]
        actors += [self._users_at(site) for site in self.sites if not is_station(site, self.sites)]
        threads = [
            threading.Thread(target=actor.run, args=(stop,), name=f"demo {actor.site}", daemon=True) for actor in actors
        ]
        for thread in threads:
            thread.start()
        return threads

    def _observatory_at(self, site: str) -> Observatory:
        """Return the simulated observatory of a site, or of the enclosure station."""
        devices = frozenset({"enclosure"}) if is_station(site, self.sites) else None
        behaviour = Behaviour(pace=self.pace, devices=devices, poll_s=self.poll_gap_s * self.pace)
        return Observatory(Client(self.base_url, timeout_s=TIMEOUT_S), site, behaviour)

    def _users_at(self, site: str) -> Users:
        """Return the users of a telescope, each with a client."""
        users = [
            User(user_id, user_name, Client(self.base_url, token=token, timeout_s=TIMEOUT_S))
            for user_id, user_name, token in self.users
        ]
        return Users(users, site, Habits(pace=self.pace, enclosure_site=_station_of(site, self.sites)))


def is_station(site: str, sites: Sequence[str]) -> bool:
    """Return True if the site is the enclosure station of another site."""
    return any(_station_of(other, sites) == site for other in sites)


def _station_of(site: str, sites: Sequence[str]) -> str | None:
    numbered = re.fullmatch(r"(.*\D)\d+", site)
    return numbered[1] if numbered and numbered[1] in sites else None
