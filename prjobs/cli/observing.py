"""`prjobs observe`: a site's jobs carried out on devices behind an INDI server."""

import logging
import os
import re
import signal
import sys
import threading
import time
from argparse import ArgumentTypeError
from pathlib import Path
from typing import NamedTuple

from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.places import Place, parse_places
from prjobs.base.settings_sources import load_settings
from prjobs.base.suggestions import did_you_mean
from prjobs.cli.running import require_client
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of, say, stderr
from prjobs.client import Client
from prjobs.observatory import Observatory
from prjobs.observing import indi_link, program
from prjobs.observing.configuration import FILE_NAME, place_of, read
from prjobs.observing.handlers import Station
from prjobs.observing.indi_link import IndiLink
from prjobs.observing.indi_site import devices_of, proposal
from prjobs.observing.pointing import load_ephem

# A server presents its devices within this time.
PRESENT_S = 5.0
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:]+\]|[^\s:/\[\]]+)(?::(?P<port>\d{1,5}))?\Z")


class Address(NamedTuple):
    """The address of a device server."""

    host: str
    port: int


def add_observe(observe: Parser) -> None:
    """Declare `observe`."""
    add_data(observe)
    observe.add_argument("--indi", type=indi_address, metavar="HOST[:7624]", help="the INDI server of the devices")
    observe.add_argument("--site", metavar="SITE", help="the site whose jobs are carried out")
    observe.add_argument("--url", help="the jobs service (default: the server of the data folder)")
    observe.add_argument(
        "--config", type=Path, metavar="FILE", help=f"devices, place, limits (default: {FILE_NAME} in the data folder)"
    )
    observe.add_argument(
        "--images", type=Path, metavar="DIR", help="the folder of the FITS files (default: images in the data folder)"
    )
    observe.add_argument(
        "--list", action="store_true", help=f"print the text of {FILE_NAME} with the devices that are there"
    )
    observe.set_defaults(run=run_observe)


def indi_address(text: str) -> Address:
    """Return host and port of an INDI server."""
    found = _ADDRESS.match(text.strip())
    port = int(found["port"] or indi_link.PORT) if found else 0
    if found is None or not 0 < port < 65_536:
        raise ArgumentTypeError(f"{text!r} is no address: write a host, or host:port")
    return Address(found["host"].strip("[]"), port)


def run_observe(asked: Namespace) -> None:
    """Carry out jobs until stopped, or list the devices."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    folder = folder_of(asked)
    if not asked.indi:
        raise Unusable("Name the server of the devices: --indi HOST.")
    if asked.list:
        _list(asked, folder)
        return
    if not asked.site:
        raise Unusable("Name the site whose jobs are carried out: --site SITE.")
    configuration = read(asked.config or folder.path / FILE_NAME)
    place = place_of(configuration, _known_place(folder, asked.site))
    if place is None:
        raise Unusable(
            f"The place of {asked.site} is not known: write latitude_deg and longitude_deg into [site] of {FILE_NAME}."
        )
    load_ephem()
    images = asked.images or Path(configuration.images or folder.path / "images")
    images.mkdir(parents=True, exist_ok=True)
    client = Client(asked.url, os.environ.get("PRJOBS_TOKEN")) if asked.url else _local_client(folder)
    names = configuration.devices.as_dict()
    with IndiLink(asked.indi.host, asked.indi.port, tuple(names.values())) as link:
        _await_devices(link, tuple(names.values()))
        station = Station(devices_of(link, names), place, configuration)
        site = Observatory("", asked.site, client=client)
        program.register(site, station, images.resolve())
        ending = _ending()
        say(f"observing {asked.site} with {', '.join(names.values())}; images in {images.resolve()}; Ctrl-C ends it")
        program.run(site, station, ending)


def _local_client(folder: Folder) -> Client:
    # The operator's token ends after a minute, and programs on this machine need none.
    require_client(folder).close()
    return Client(str(folder.server()["url"]), os.environ.get("PRJOBS_TOKEN"))


def _ending() -> threading.Event:
    """Return the event that Ctrl-C and SIGTERM set."""
    ending = threading.Event()
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda *_: ending.set())
    return ending


def _known_place(folder: Folder, site: str | None) -> Place | None:
    """Return the place of a site in the settings of the data folder, if there is one."""
    if not folder.path.is_dir():
        return None
    return parse_places(load_settings(folder.path)[0].site_places).get(site or "")


def _await_devices(link: IndiLink, names: tuple[str, ...]) -> None:
    """Wait a moment for the devices, and name the missing devices on stderr: their jobs fail."""
    until_s = time.monotonic() + PRESENT_S
    while time.monotonic() < until_s and not set(names) <= set(link.names()):
        time.sleep(0.1)
    known = link.names()
    if not link.is_connected:
        stderr(f"prjobs: no INDI server answers at {link.address}: jobs fail until it is there.")
        return
    for name in names:
        if name not in known:
            stderr(f"prjobs: {link.address} has no device {name}. {did_you_mean(name, known)}".rstrip())


def _list(asked: Namespace, folder: Folder) -> None:
    with IndiLink(asked.indi.host, asked.indi.port) as link:
        before: list[str] = []
        until_s = time.monotonic() + PRESENT_S
        # Each driver presents itself at its own time.
        while time.monotonic() < until_s and (not before or before != link.names()):
            before = link.names()
            time.sleep(1.0)
        if not link.is_connected:
            raise Unusable(f"No INDI server answers at {link.address}.")
        print(proposal(link, _known_place(folder, asked.site)), end="")
