"""`prjobs service`: install, control and show the service to start the appliance with the machine."""

import os
import sys
from pathlib import Path

from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.settings_sources import load_settings
from prjobs.cli.terminal import Namespace, Parser, add_actions, add_data, folder_of, print_json, say
from prjobs.service import acts
from prjobs.service.accounts import default_account, folder_of_account, name_of_self
from prjobs.service.controls import control_of, installed_control, launch_of
from prjobs.service.installed import State
from prjobs.service.units import Launch, socket_unit, task, unit

SYSTEMD, WINDOWS = "systemd", "windows"


def add_service(parser: Parser) -> None:
    """Declare the actions of `service`."""
    service = add_actions(parser)
    texts = {
        "install": "install and start the service, which starts with the machine",
        "remove": "stop and remove the service; the data folder stays",
        "start": "start the service and wait until it answers",
        "stop": "stop the service",
        "status": "say whether the service is installed, runs and answers, and as whom",
    }
    actions = {name: add_data(service.add_parser(name, help=text)) for name, text in texts.items()}
    for name, run in (("install", run_install), ("remove", run_act), ("start", run_act), ("stop", run_act)):
        actions[name].set_defaults(run=run, act=name)
    actions["status"].set_defaults(run=run_status)
    actions["status"].add_argument("--json", action="store_true", help="one JSON object")
    for action in actions.values():
        action.add_argument("--user", action="store_true", help="the service of your own systemd, without root")
    text = "the user that runs prjobs (default: you, also behind sudo; on Windows an account of the service alone)"
    actions["install"].add_argument("--as", dest="account", metavar="NAME", help=text)
    _add_show(add_data(service.add_parser("show", help="print a systemd unit, or a task for Windows' Task Scheduler")))


def _add_show(showing: Parser) -> None:
    # Without a name the option asks for the unit of a user's own systemd, as with the other actions.
    text = "the user that runs the appliance (default: you); without NAME a unit for your own systemd"
    showing.add_argument("--user", nargs="?", const="", metavar="NAME", help=text)
    showing.add_argument(
        "--for", dest="kind", choices=(SYSTEMD, WINDOWS), default=WINDOWS if os.name == "nt" else SYSTEMD
    )
    showing.add_argument(
        "--socket", action="store_true", help="print the systemd socket unit, where connections wait during a restart"
    )
    showing.set_defaults(run=run_show)


def run_show(asked: Namespace) -> None:
    """Print the file; the system is not changed."""
    folder = folder_of(asked)
    settings = load_settings(folder.path, environment={})[0]
    if asked.socket:
        print(socket_unit(settings), end="")
        return
    path = folder.path.absolute()
    words = [sys.executable, "-P", "-m", "prjobs", "serve", "--data", str(path)]
    account = name_of_self() if asked.user is None or (asked.kind == WINDOWS and not asked.user) else asked.user
    launch = Launch(words, path, account).with_folders_of(settings)
    print(task(launch) if asked.kind == WINDOWS else unit(launch), end="")


def run_install(asked: Namespace) -> None:
    """Install the service and print the address."""
    if asked.user and asked.account:
        raise Unusable("--user installs a service of your own systemd, which runs as you: leave --as away.")
    control = control_of(asked.user)
    control.require_right()
    account = "" if asked.user else asked.account or ("" if os.name == "nt" else default_account())
    folder = folder_of_account(asked.data, account)
    if os.name != "nt" and not os.geteuid() and account == name_of_self():
        say(f"prjobs will run as {account}. --as NAME names a user with fewer rights.")
    acts.install(control, launch_of(folder, account), say)


def run_act(asked: Namespace) -> None:
    """Remove, start or stop the service, and say so."""
    getattr(acts, asked.act)(installed_control(asked.user), _named(asked), say)


def run_status(asked: Namespace) -> int:
    """Print the state of the service; return 0 if the service runs and the server answers."""
    service, url, sentences = acts.status(installed_control(asked.user), Folder(_named(asked) or folder_of(asked).path))
    if asked.json:
        known = {
            "installed": service is not None,
            "running": service is not None and bool(url) and service.state == State.RUNNING,
            "account": service.account if service else None,
            "data": str(service.folder) if service and service.folder else None,
            "url": url or None,
            "faults": service.faults if service else [],
        }
        print_json(known)
    else:
        print("\n".join(sentences))
    return 0 if service and url and service.state == State.RUNNING else 1


def _named(asked: Namespace) -> Path | None:
    named = asked.data or os.environ.get("PRJOBS_DATA")
    return Path(named).resolve() if named else None
