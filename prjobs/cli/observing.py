"""`prjobs observe`: a site's jobs carried out on devices behind an INDI or Alpaca server."""

import logging
import os
import re
import signal
import sys
import threading
from argparse import ArgumentTypeError
from collections.abc import Mapping
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
from prjobs.observing import alpaca_link, indi_link, program
from prjobs.observing.alpaca_site import AlpacaSite
from prjobs.observing.configuration import FILE_NAME, place_of, read
from prjobs.observing.faults import DeviceFault
from prjobs.observing.indi_site import IndiSite
from prjobs.observing.pointing import load_ephem
from prjobs.observing.proposing import proposal
from prjobs.observing.station import Station

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:]+\]|[^\s:/\[\]]+)(?::(?P<port>\d{1,5}))?\Z")


class Address(NamedTuple):
    """The address of a device server."""

    host: str
    port: int


def add_observe(observe: Parser) -> None:
    """Declare `observe`."""
    add_data(observe)
    servers = observe.add_mutually_exclusive_group()
    servers.add_argument("--indi", type=indi_address, metavar="HOST[:7624]", help="the INDI server of the devices")
    servers.add_argument(
        "--alpaca", type=alpaca_address, metavar="HOST[:11111]", help="the ASCOM Alpaca server of the devices"
    )
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
    return _address(text, indi_link.PORT)


def alpaca_address(text: str) -> Address:
    """Return host and port of an Alpaca server."""
    return _address(text, alpaca_link.PORT)


def _address(text: str, default: int) -> Address:
    found = _ADDRESS.match(text.strip())
    port = int(found["port"] or default) if found else 0
    if found is None or not 0 < port < 65_536:
        raise ArgumentTypeError(f"{text!r} is no address: write a host, or host:port")
    return Address(found["host"].strip("[]"), port)


def run_observe(asked: Namespace) -> None:
    """Carry out jobs until stopped, or list the devices."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    folder = folder_of(asked)
    if not (asked.indi or asked.alpaca):
        raise Unusable("Name the server of the devices: --indi HOST or --alpaca HOST.")
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
    with _server(asked, names) as server:
        _say_missing(server)
        station = Station(server.devices(), place, configuration)
        site = Observatory("", asked.site, client=client)
        tracking = program.register(site, station, images.resolve())
        ending = _ending()
        say(f"observing {asked.site} with {', '.join(names.values())}; images in {images.resolve()}; Ctrl-C ends it")
        program.run(site, station, tracking, ending)


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


def _server(asked: Namespace, names: Mapping[str, str]) -> IndiSite | AlpacaSite:
    if asked.indi:
        return IndiSite(asked.indi.host, asked.indi.port, names)
    return AlpacaSite(asked.alpaca.host, asked.alpaca.port, names)


def _say_missing(server: IndiSite | AlpacaSite) -> None:
    """Name the missing devices on stderr: their jobs fail."""
    try:
        offered = server.offered()
    except DeviceFault as fault:
        stderr(f"prjobs: {fault} Jobs fail until the server is there.")
        return
    for key, name in server.names.items():
        kind = key.partition(".")[0]
        if name not in offered[kind]:
            stderr(f"prjobs: the server has no {kind} {name}. {did_you_mean(name, offered[kind])}".rstrip())


def _list(asked: Namespace, folder: Folder) -> None:
    with _server(asked, {}) as server:
        try:
            offered = server.offered()
        except DeviceFault as fault:
            raise Unusable(str(fault)) from None
        print(proposal(offered, _known_place(folder, asked.site)), end="")
