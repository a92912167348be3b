"""`prjobs serve`, `prjobs simulate`, `prjobs settings`, `prjobs login`."""

import argparse
import logging
import random
import signal
import threading
from typing import Any

from prjobs import server
from prjobs.base.settings import Settings, load_settings, reference
from prjobs.cli.shared import Commands, close_output, folder_of, print_json, require_client
from prjobs.client import Client
from prjobs.demo.observatory import Observatory
from prjobs.demo.running import start_demo

logger = logging.getLogger(__name__)


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    serve = commands.add_parser("serve", parents=[shared], help="run the appliance")
    serve.add_argument("--demo", action="store_true", help="with simulated observatories and users at work")
    for name, default, description in reference():
        text = f"{description} (default: {_shown(default)})"
        serve.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", help=text.replace("%", "%%"))
    serve.set_defaults(run=run_serve)
    simulate = commands.add_parser("simulate", parents=[shared], help="run a simulated observatory for a site")
    simulate.add_argument("site", metavar="SITE")
    simulate.add_argument("--url", help="the service to poll (default: the server of the data folder)")
    simulate.add_argument("--pace", type=float, default=1.0, help="how many times faster than real (default: 1)")
    simulate.add_argument("--poll", type=float, default=3.0, metavar="S", help="seconds between polls (default: 3)")
    simulate.add_argument("--seed", type=int, help="the same seed gives the same luck")
    simulate.set_defaults(run=run_simulate)
    settings = commands.add_parser("settings", parents=[shared], help="what is in force, and where it came from")
    settings.add_argument("--json", action="store_true")
    settings.set_defaults(run=run_settings)
    login = commands.add_parser("login", parents=[shared], help="print a link that logs a browser in, once")
    login.set_defaults(run=run_login)


def _shown(value: Any) -> str:
    return ",".join(value) or "none" if isinstance(value, list) else str(value)


def run_serve(asked: argparse.Namespace) -> int:
    """Serve until stopped; 1 when the store could not be closed well."""
    folder = folder_of(asked)
    flags = {name: getattr(asked, name) for name in Settings.__struct_fields__ if getattr(asked, name) is not None}
    settings, _ = load_settings(folder.path, flags=flags)
    return 0 if server.serve(folder, settings, _say, start_demo if asked.demo else None) else 1


def _say(line: str) -> None:
    try:
        print(line, flush=True)
    except OSError as error:
        # Its output may stand on a full disk, or its reader be gone: an observatory is served all the same.
        close_output()
        logger.warning("what the start prints cannot be written: %s", error.strerror)


def run_simulate(asked: argparse.Namespace) -> None:
    """Play an observatory until stopped."""
    client = Client(asked.url) if asked.url else require_client(folder_of(asked))
    chance = random.Random(asked.seed)
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda *_: stop.set())
    _say(f"simulating {asked.site}; Ctrl-C ends it")
    Observatory(client, asked.site, pace=asked.pace, chance=chance, poll_s=asked.poll * asked.pace).run(stop)


def run_settings(asked: argparse.Namespace) -> None:
    """Every setting with its value and source."""
    _, origins = load_settings(folder_of(asked).path)
    if asked.json:
        print_json({name: {"value": origin.value, "source": origin.source} for name, origin in origins.items()})
        return
    for name, origin in origins.items():
        print(f"{name:20} {_shown(origin.value):24} {origin.source}")


def run_login(asked: argparse.Namespace) -> None:
    """A fresh one-time link; links printed before are worth nothing then."""
    folder = folder_of(asked)
    client = require_client(folder)
    key = client.api("POST", "/api/login-key", {})["once"]
    print(f"{folder.server()['url']}/login#once={key}")
