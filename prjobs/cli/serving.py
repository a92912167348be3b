"""`prjobs serve`: the appliance itself."""

import argparse

from prjobs import server
from prjobs.base.folder import Folder
from prjobs.base.logs import log_failure
from prjobs.base.settings import RETIRED, Settings
from prjobs.base.settings_sources import load_settings, reference, retired_sentences
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of, say
from prjobs.hub_server import HubServer


def add_serve(serve: Parser) -> None:
    """Declare `serve`, with an option for each setting."""
    add_data(serve)
    serve.add_argument("--demo", action="store_true", help="with simulated observatories and users at work")
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


def _serve(asked: Namespace, folder: Folder) -> int:
    names = (*Settings.__struct_fields__, *RETIRED)
    flags = {name: getattr(asked, name) for name in names if getattr(asked, name) is not None}
    settings, origins = load_settings(folder.path, flags=flags)
    demo = None
    if asked.demo:
        # Imported late: a real server needs no simulated observatories, nor their client.
        from prjobs.demo.running import demo_settings, start_demo

        settings, demo = demo_settings(settings, origins), start_demo
    return 0 if server.serve(folder, settings, say, demo, retired_sentences(origins), hub=HubServer) else 1
