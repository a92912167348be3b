"""The next steps after the first start of a new data folder, with commands to copy."""

import os
import shlex
import subprocess

from prjobs.base.folder import Folder, default_folder


def first_steps(folder: Folder, url: str) -> list[str]:
    """Return the next three steps as lines for the terminal."""
    return [
        "Next:",
        f"  1. Make a token for each user:     {_command(folder, 'token', 'create', '--user', 'ann')}",
        f"  2. Point the observatory's program at {url}/jobs",
        f"     or try without a telescope:     {_command(folder, 'simulate', 'saf')}",
        f"  3. Start prjobs with the machine:  {_command(folder, 'service', 'install')}",
    ]


def _command(folder: Folder, *words: str) -> str:
    """Return a command for this folder, quoted for the shell of the system."""
    path = folder.path.absolute()
    data = () if path == default_folder().absolute() else ("--data", str(path))
    command = ["prjobs", *words, *data]
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)
