"""The file observe.toml: the names of the devices, the place, the limits."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from prjobs.base.decoding import convert
from prjobs.base.errors import BadRequest, Unusable
from prjobs.base.places import Place
from prjobs.base.suggestions import did_you_mean
from prjobs.observing.limits import Limits

FILE_NAME = "observe.toml"
Table = TypeVar("Table", bound=msgspec.Struct)
KINDS = ("mount", "camera", "focuser", "filter_wheel", "rotator", "enclosure")


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table [devices]: the name of each device at the server; None without the device.

    Of cameras and filter wheels also tables, with a name for each instance of jobs.
    """

    mount: str | None = None
    camera: str | dict[str, str] | None = None
    focuser: str | None = None
    filter_wheel: str | dict[str, str] | None = None
    rotator: str | None = None
    enclosure: str | None = None

    def as_dict(self) -> dict[str, str]:
        """Return the names of the devices by kind, as `camera`, or by kind and instance, as `camera.camera2`."""
        found: dict[str, str] = {}
        for kind in KINDS:
            named = getattr(self, kind)
            if isinstance(named, dict):
                found |= {f"{kind}.{instance.strip().lower()}": name for instance, name in named.items()}
            elif named:
                found[kind] = named
        return found


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table [site]: degrees north and east, metres above the sea."""

    latitude_deg: Annotated[float, Meta(ge=-90, le=90)]
    longitude_deg: Annotated[float, Meta(ge=-180, le=360)]
    elevation_m: float = 0.0


class CameraSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table [camera]: the binning for `"optimal"`, and the longest time from an exposure's end to its image."""

    optimal_bin: Annotated[int, Meta(ge=1, le=16)] = 1
    readout_max_s: Annotated[float, Meta(gt=0)] = 60.0


class Configuration(msgspec.Struct, frozen=True):
    """The whole file. `filters`: the wheel's name for each name that jobs use."""

    devices: Named = msgspec.field(default_factory=Named)
    site: Site | None = None
    limits: Limits = msgspec.field(default_factory=Limits)
    camera: CameraSettings = msgspec.field(default_factory=CameraSettings)
    filters: dict[str, str] = {}
    images: str | None = None


TABLES: dict[str, type[msgspec.Struct]] = {
    "devices": Named,
    "site": Site,
    "limits": Limits,
    "camera": CameraSettings,
}


def read(path: Path) -> Configuration:
    """Return the file's content. Raise Unusable with the reason for a file that cannot be read or used."""
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise Unusable(f"{path} is missing: `prjobs observe … --list` prints one with the devices.") from None
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Unusable(f"{path} is no TOML: {error}") from None
    try:
        configuration = _configuration(found)
    except BadRequest as wrong:
        raise Unusable(f"{path}: {wrong.sentence}") from None
    if not configuration.devices.as_dict():
        raise Unusable(f"{path} names no device in the table [devices].")
    return configuration


def _configuration(found: dict[str, Any]) -> Configuration:
    """Return the tables of the file, each checked by itself: a sentence then names the setting."""
    known = (*TABLES, "filters", "images")
    if unknown := next((name for name in found if name not in known), None):
        raise BadRequest(f"{unknown} is unknown. {did_you_mean(unknown, known)}".strip())
    tables: dict[str, Any] = {name: _table(found[name], name, shape) for name, shape in TABLES.items() if name in found}
    filters, images = found.get("filters", {}), found.get("images")
    if not isinstance(filters, dict) or not all(isinstance(name, str) for name in filters.values()):
        raise BadRequest('[filters] must have the name of a filter for each name, such as R = "Red".')
    if not isinstance(images, str | None):
        raise BadRequest("images must be the name of a folder.")
    return Configuration(**tables, filters=filters, images=images)


def _table(found: object, name: str, shape: type[Table]) -> Table:
    if not isinstance(found, dict):
        raise BadRequest(f"{name} must be a table: [{name}].")
    for one in found:
        if one not in shape.__struct_fields__:
            raise BadRequest(f"[{name}] {one} is unknown. {did_you_mean(one, shape.__struct_fields__)}".strip())
    try:
        return convert(found, shape)
    except BadRequest as wrong:
        raise BadRequest(f"[{name}] {wrong.sentence}") from None


def place_of(configuration: Configuration, known: Place | None) -> Place | None:
    """Return the place in the file, else the place in the settings of the appliance; None without a place."""
    site = configuration.site
    return known if site is None else Place(site.latitude_deg, site.longitude_deg, site.elevation_m)
