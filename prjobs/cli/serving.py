"""`prjobs serve`: the appliance itself."""

import argparse
from collections.abc import Callable

from prjobs import server
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.logs import log_failure
from prjobs.base.settings import RETIRED, Settings
from prjobs.base.settings_sources import load_settings, reference, retired_sentences
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of, say
from prjobs.serving.hub import HubServer

Demo = Callable[[server.Server], None]


def add_serve(serve: Parser) -> None:
    """Declare `serve`, with an option for each setting."""
    add_data(serve)
    serve.add_argument("--demo", action="store_true", help="with simulated observatories and users at work")
    serve.add_argument("--indi", action="store_true", help="with --demo: a site more, with the simulators of INDI")
    for name, default, description in reference():
        value = (",".join(default) or "none") if isinstance(default, list) else default
        text = f"{description} (default: {value})"
        serve.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", help=text.replace("%", "%%"))
    for name in RETIRED:
        serve.add_argument(f"--{name.replace('_', '-')}", help=argparse.SUPPRESS)
    serve.set_defaults(run=run_serve)


def run_serve(asked: Namespace) -> int:
    """Serve until stopped; return 1 if the store could not be closed well."""
    folder = folder_of(asked)
    try:
        return _serve(asked, folder)
    except Exception as error:
        log_failure(folder, error)
        raise


def _with_simulators(demo: Demo | None, folder: Folder) -> Demo:
    """Return the demo with the simulators of INDI."""
    if demo is None:
        raise Unusable("--indi goes with --demo. For devices of a site, use `prjobs observe`.")
    from prjobs.demo.simulators import require_simulators, start_simulators

    require_simulators()
    others = demo

    def start(started: server.Server) -> None:
        others(started)
        start_simulators(started, folder.path.resolve(), say)

    return start


def _serve(asked: Namespace, folder: Folder) -> int:
    names = (*Settings.__struct_fields__, *RETIRED)
    flags = {name: getattr(asked, name) for name in names if getattr(asked, name) is not None}
    settings, origins = load_settings(folder.path, flags=flags)
    demo: Demo | None = None
    if asked.demo:
        # Imported late: a real server needs no simulated observatories, nor their client.
        from prjobs.demo.running import demo_settings, start_demo

        settings, demo = demo_settings(settings, origins), start_demo
    if asked.indi:
        demo = _with_simulators(demo, folder)
    return 0 if server.serve(folder, settings, say, demo, retired_sentences(origins), hub=HubServer) else 1
