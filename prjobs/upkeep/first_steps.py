"""The next steps after the first start of a new data folder, with commands to copy."""

import os
import shlex
import subprocess
from pathlib import Path

from prjobs.base.folder import Folder, default_folder
from prjobs.service.installed import NAME, PRIVILEGED

PLACE = "in a terminal of an administrator" if os.name == "nt" else "in a terminal"


def first_steps(folder: Folder, url: str) -> list[str]:
    """Return the next three steps as lines for the terminal."""
    return [
        "Next:",
        f"  1. Make a token for each user:     {_command(folder, 'token', 'create', '--user', 'ann')}",
        f"  2. Point the observatory's program at {url}/jobs",
        f"     or try without a telescope:     {_command(folder, 'simulate', 'saf')}",
        f"  3. Start prjobs with the machine: stop this server by Ctrl-C, then run {PLACE}",
        f"     to install the service:         {command_to_install(folder)}",
    ]


def command_to_install(folder: Folder) -> str:
    """Return the command that installs the service of the folder, for a terminal after the end of the server."""
    path = folder.path.absolute()
    # Behind sudo the variables of this terminal are gone, such as XDG_DATA_HOME, and the folder of the home is left.
    is_found = os.name == "nt" or path == Path.home() / ".local" / "share" / NAME
    return f"{PRIVILEGED} {_quoted('service', 'install', *_data(path, is_found))}"


def _command(folder: Folder, *words: str) -> str:
    """Return a command for this folder, quoted for the shell of the system."""
    return _quoted(NAME, *words, *_data(folder.path.absolute()))


def _data(path: Path, is_found: bool = True) -> tuple[str, ...]:
    """Return the option for the folder; nothing for the folder that a command finds by itself."""
    return () if is_found and path == default_folder().absolute() else ("--data", str(path))


def _quoted(*words: str) -> str:
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
