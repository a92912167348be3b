"""The users and sites that are known here, to find typing errors in the names of others."""

import msgspec

from prjobs.access.desk import Desk
from prjobs.access.reservations import LOCAL
from prjobs.base.notices import Code
from prjobs.base.sites import same_but_case, sites_in_settings

# The newest jobs among which users are looked for.
NEWEST = 100_000
NAMED = 5
_SENDERS = f"SELECT DISTINCT user_id FROM (SELECT user_id FROM job ORDER BY seq DESC LIMIT {NEWEST}) AS newest"


def known_users(desk: Desk) -> set[str]:
    """Return the users with a token or a recent job, and those whom the calendar names."""
    fetch = desk.database.fetch
    named = fetch("SELECT DISTINCT creator_id FROM reservation WHERE source <> ?", (LOCAL,))
    return {row[0] for row in [*named, *fetch(_SENDERS), *fetch("SELECT DISTINCT user_id FROM token")]}


def known_sites(desk: Desk, polled: set[str]) -> set[str]:
    """Return the sites with polls or jobs, and those that a setting, a valid token or the calendar names."""
    answered = {row[0] for row in desk.database.fetch("SELECT site FROM calendar_answer")}
    return polled | answered | _given_sites(desk)


def _given_sites(desk: Desk) -> set[str]:
    # Thousands of tokens share a few lists of sites.
    lists = desk.database.fetch("SELECT DISTINCT sites FROM token WHERE revoked_ms IS NULL")
    return {*sites_in_settings(desk.settings), *(site for (one,) in lists for site in msgspec.json.decode(one))}


def named_sites(desk: Desk) -> frozenset[str]:
    """Return the sites that a setting, a valid token or a reservation names: no program invented those."""
    reserved = desk.database.fetch("SELECT DISTINCT site FROM reservation")
    return frozenset(_given_sites(desk).union(site for (site,) in reserved))


def watch_once(desk: Desk, polled: set[str]) -> None:
    """Raise a notice while names of known sites differ by letter case alone, from a site's first appearance on."""
    found = same_but_case(known_sites(desk, polled))
    # A caller may poll for many invented names: a notice of all would fill the page.
    desk.notices.say(Code.SITE_NAMES, " ".join(found[:NAMED]))
