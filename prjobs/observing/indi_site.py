"""The devices of an INDI server by the names in observe.toml, and a proposal of that file."""

import json
from collections.abc import Mapping

from prjobs.base.places import Place
from prjobs.observing.configuration import KINDS
from prjobs.observing.handlers import Devices
from prjobs.observing.indi import IndiCamera, IndiDome, IndiFilterWheel, IndiFocuser, IndiMount, IndiRotator
from prjobs.observing.indi_link import IndiLink

# The bits of DRIVER_INTERFACE, by the standard of INDI.
INTERFACES = {"mount": 1, "camera": 2, "focuser": 8, "filter_wheel": 16, "rotator": 4096, "enclosure": 32}
PLACE = """\
# The place: degrees north and east, metres above the sea.
[site]
latitude_deg = {latitude}
longitude_deg = {longitude}
elevation_m = {elevation}
"""
LIMITS = """\
# The limits of motion; a job outside is refused.
[limits]
altitude_min_deg = 20
altitude_max_deg = 90
sun_distance_min_deg = 30
# Hours past the meridian; 12 is no limit.
past_meridian_max_h = 12
park_before_close = true
motion_under_closed_roof = false
"""


def devices_of(link: IndiLink, names: Mapping[str, str]) -> Devices:
    """Return the devices with these names, by kind."""

    def named(kind: str) -> str:
        return names.get(kind, "")

    return Devices(
        mount=IndiMount(link, named("mount")) if named("mount") else None,
        camera=IndiCamera(link, named("camera")) if named("camera") else None,
        focuser=IndiFocuser(link, named("focuser")) if named("focuser") else None,
        filter_wheel=IndiFilterWheel(link, named("filter_wheel")) if named("filter_wheel") else None,
        rotator=IndiRotator(link, named("rotator")) if named("rotator") else None,
        enclosure=IndiDome(link, named("enclosure")) if named("enclosure") else None,
    )


def proposal(link: IndiLink, place: Place | None) -> str:
    """Return an observe.toml with the devices that the server has."""
    bits = {name: _interfaces(link, name) for name in link.names()}
    found = ["# The devices, by their names at the server. Remove those that jobs must not use.", "[devices]"]
    for kind in KINDS:
        # A driver that is of one kind alone comes before one that is many things.
        fitting = sorted(
            (name for name in bits if bits[name] & INTERFACES[kind]), key=lambda name: bits[name].bit_count()
        )
        found += [f"{kind} = {json.dumps(fitting[0], ensure_ascii=False)}"] if fitting else [f"# {kind}: none is there"]
        found += [f"# {kind} = {json.dumps(name, ensure_ascii=False)}" for name in fitting[1:]]
    return "\n".join([*found, "", _place(place), LIMITS])


def _interfaces(link: IndiLink, name: str) -> int:
    found = link.find(name, "DRIVER_INFO")
    word = str(found.values.get("DRIVER_INTERFACE", "")) if found else ""
    return int(word) if word.isdecimal() else 0


def _place(place: Place | None) -> str:
    if place is None:
        # Not a guess: the altitude of every target would be wrong.
        lines = PLACE.format(latitude="", longitude="", elevation=0).splitlines()
        return "\n".join([lines[0], *("# " + line.rstrip() for line in lines[1:]), ""])
    return PLACE.format(latitude=place.latitude_deg, longitude=place.longitude_deg, elevation=place.elevation_m)
