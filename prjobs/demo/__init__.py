"""The demo: simulated observatories and users, plain clients of a running appliance."""

import random
import re
import threading
from collections.abc import Mapping, Sequence

from prjobs.client import Client
from prjobs.demo.observatory import Observatory
from prjobs.demo.users import User, Users

TIMEOUT_S = 5.0
POLL_GAP_S = 4.0  # never quickened: calls under 2.5 s apart count as flushes whose jobs nobody carries out

Tokens = Mapping[str, str] | Sequence[tuple[str, str, str]]


def run_demo(
    base_url: str,
    tokens: Tokens,
    sites: Sequence[str],
    pace: float,
    stop: threading.Event,
    observatory_token: str | None = None,
    poll_gap_s: float = POLL_GAP_S,
) -> list[threading.Thread]:
    """Start a thread for each site's observatory and one for the users of each telescope; returns them all.

    `tokens`: user_id → token, or (user_id, user_name, token) each. A site with the name of another one but
    for its number ("mrc" of "mrc1") is its enclosure station and gets the enclosure commands. `stop` ends it.
    `poll_gap_s` is in real seconds, whatever the pace.
    """
    actors: list[Observatory | Users] = [
        observatory_at(base_url, site, sites, pace, observatory_token, poll_gap_s) for site in sites
    ]
    actors += [users_at(base_url, site, sites, pace, tokens) for site in sites if not is_station(site, sites)]
    threads = [
        threading.Thread(target=actor.run, args=(stop,), name=f"demo {actor.site}", daemon=True) for actor in actors
    ]
    for thread in threads:
        thread.start()
    return threads


def observatory_at(
    base_url: str,
    site: str,
    sites: Sequence[str],
    pace: float,
    token: str | None = None,
    poll_gap_s: float = POLL_GAP_S,
) -> Observatory:
    """The simulated observatory of a site, or its enclosure station."""
    devices = {"enclosure"} if is_station(site, sites) else None
    client = Client(base_url, token=token, timeout_s=TIMEOUT_S)
    return Observatory(client, site, pace, random.Random(), devices=devices, poll_s=poll_gap_s * pace)


def users_at(base_url: str, site: str, sites: Sequence[str], pace: float, tokens: Tokens) -> Users:
    """The users of a telescope, each with a client of their own."""
    users = [
        User(user_id, user_name, Client(base_url, token=token, timeout_s=TIMEOUT_S))
        for user_id, user_name, token in _named(tokens)
    ]
    return Users(users, site, _station_of(site, sites), pace, random.Random())


def is_station(site: str, sites: Sequence[str]) -> bool:
    """Whether a site is the enclosure station of another one."""
    return any(_station_of(other, sites) == site for other in sites)


def _station_of(site: str, sites: Sequence[str]) -> str | None:
    numbered = re.fullmatch(r"(.*\D)\d+", site)
    return numbered[1] if numbered and numbered[1] in sites else None


def _named(tokens: Tokens) -> list[tuple[str, str, str]]:
    if not isinstance(tokens, Mapping):
        return list(tokens)
    return [(user_id, user_id, token) for user_id, token in tokens.items()]
