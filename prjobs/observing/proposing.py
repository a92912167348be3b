"""The proposal of an observe.toml."""

import json
from collections.abc import Mapping, Sequence

from prjobs.base.places import Place
from prjobs.observing.configuration import KINDS

PLACE = """\
# The place: degrees north and east, metres above the sea.
[site]
latitude_deg = {latitude}
longitude_deg = {longitude}
elevation_m = {elevation}
"""
LIMITS = """\
# The limits of motion; a job outside is refused, and the tracking of a mount outside ended.
[limits]
altitude_min_deg = 20
altitude_max_deg = 90
sun_distance_min_deg = 30
# Hours past the meridian; 12 is no limit.
past_meridian_max_h = 12
park_before_close = true
motion_under_closed_roof = false
while_tracking = true
"""


def proposal(offered: Mapping[str, Sequence[str]], place: Place | None) -> str:
    """Return an observe.toml with the first device of each kind; the others are comments."""
    found = ["# The devices, by their names at the server. Remove those that jobs must not use.", "[devices]"]
    for kind in KINDS:
        named = [f"{kind} = {json.dumps(name, ensure_ascii=False)}" for name in offered[kind]]
        found += [*named[:1], *(f"# {one}" for one in named[1:])] or [f"# {kind}: none is there"]
    return "\n".join([*found, "", _place(place), LIMITS])


def _place(place: Place | None) -> str:
    if place is None:
        # Not a guess: the altitude of every target would be wrong.
        lines = PLACE.format(latitude="", longitude="", elevation=0).splitlines()
        return "\n".join([lines[0], *("# " + line.rstrip() for line in lines[1:]), ""])
    return PLACE.format(latitude=place.latitude_deg, longitude=place.longitude_deg, elevation=place.elevation_m)
