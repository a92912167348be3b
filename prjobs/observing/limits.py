"""The limits of motion: refusals with the reason in words, before anything moves."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from prjobs.base.places import Place
from prjobs.observing.pointing import Position, altitude_deg, distance_deg, hour_angle_h, sun

RoofState = Literal["open", "closed", "moving", "unknown"]
Angle = Annotated[float, Meta(ge=-90, le=90)]


class OutsideLimits(Exception):
    """The limits do not allow the motion."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table [limits] of observe.toml."""

    altitude_min_deg: Angle = 20.0
    altitude_max_deg: Angle = 90.0
    sun_distance_min_deg: Annotated[float, Meta(ge=0, le=180)] = 30.0
    past_meridian_max_h: Annotated[float, Meta(ge=-12, le=12)] = 12.0
    park_before_close: bool = True
    motion_under_closed_roof: bool = False
    while_tracking: bool = True


def require_target(
    limits: Limits, position: Position, place: Place, time_s: float, *, what: str = "The target"
) -> None:
    """Raise OutsideLimits unless the mount may point to the position of date; `what` is there, in the words."""
    altitude = altitude_deg(position, place, time_s)
    if altitude < limits.altitude_min_deg:
        raise OutsideLimits(
            f"{what} is at an altitude of {altitude:.1f}°; the lower limit is {limits.altitude_min_deg:g}°."
        )
    if altitude > limits.altitude_max_deg:
        raise OutsideLimits(
            f"{what} is at an altitude of {altitude:.1f}°; the upper limit is {limits.altitude_max_deg:g}°."
        )
    distance = distance_deg(position, sun(time_s))
    if distance < limits.sun_distance_min_deg:
        raise OutsideLimits(f"{what} is {distance:.1f}° from the Sun; the limit is {limits.sun_distance_min_deg:g}°.")
    past_h = hour_angle_h(position, place, time_s)
    if past_h > limits.past_meridian_max_h:
        raise OutsideLimits(
            f"{what} is {past_h:.2f} h past the meridian; the limit is {limits.past_meridian_max_h:g} h."
        )


def require_roof(limits: Limits, roof: RoofState | None) -> None:
    """Raise OutsideLimits unless the mount may move under the roof; None: no roof is known to the program."""
    if roof in (None, "open") or limits.motion_under_closed_roof:
        return
    words = {"closed": "closed", "moving": "moving", "unknown": "in an unknown position"}[str(roof)]
    raise OutsideLimits(
        f"The roof is {words}: the mount does not move. Open the roof, or set motion_under_closed_roof in observe.toml."
    )
