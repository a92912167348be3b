"""`prjobs simulate`: a simulated observatory."""

import random
import signal
import threading

from prjobs.cli.running import require_client
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of, say
from prjobs.client import Client
from prjobs.demo.observatory import Behaviour, Observatory


def add_simulate(simulate: Parser) -> None:
    """Declare `simulate`."""
    add_data(simulate)
    simulate.add_argument("site", metavar="SITE")
    simulate.add_argument("--url", help="the service to poll (default: the server of the data folder)")
    simulate.add_argument("--pace", type=float, default=1.0, help="how many times faster than real (default: 1)")
    simulate.add_argument("--poll", type=float, default=3.0, metavar="S", help="seconds between polls (default: 3)")
    simulate.add_argument("--seed", type=int, help="the same seed gives the same luck")
    simulate.set_defaults(run=run_simulate)


def run_simulate(asked: Namespace) -> None:
    """Play an observatory until stopped."""
    client = Client(asked.url) if asked.url else require_client(folder_of(asked))
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda *_: stop.set())
    say(f"simulating {asked.site}; Ctrl-C ends it")
    behaviour = Behaviour(pace=asked.pace, poll_s=asked.poll * asked.pace)
    Observatory(client, asked.site, behaviour, random.Random(asked.seed)).run(stop)
