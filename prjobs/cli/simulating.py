"""`prjobs simulate`: a simulated observatory."""

import random
import signal

from prjobs.cli.running import require_client
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of, say
from prjobs.client import Client
from prjobs.demo.observatory import Behaviour, simulated


def add_simulate(simulate: Parser) -> None:
    """Declare `simulate`."""
    add_data(simulate)
    simulate.add_argument("site", metavar="SITE")
    simulate.add_argument("--url", help="the service to poll (default: the server of the data folder)")
    simulate.add_argument("--pace", type=float, default=1.0, help="how many times faster than real (default: 1)")
    simulate.add_argument("--seed", type=int, help="the same seed gives the same luck")
    simulate.set_defaults(run=run_simulate)


def run_simulate(asked: Namespace) -> None:
    """Play an observatory until stopped."""
    client = Client(asked.url) if asked.url else require_client(folder_of(asked))
    program = simulated(client, asked.site, Behaviour(pace=asked.pace), random.Random(asked.seed))
    # A service manager ends the program as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say(f"simulating {asked.site}; Ctrl-C ends it")
    program.run()
