"""The control of services for the operating system, and the command of a service."""

import os
import sys

from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.service.installed import Control
from prjobs.service.units import Launch


def control_of(is_user: bool) -> Control:
    """Return the control of the machine's services, or of the user's own systemd."""
    if os.name == "nt":
        if is_user:
            raise Unusable("--user is for systemd. On Windows the service is the machine's: leave --user away.")
        from prjobs.service.windows import Windows

        return Windows()
    from prjobs.service.systemd import Systemd

    return Systemd(True, " --user") if is_user else Systemd()


def installed_control(is_user: bool) -> Control:
    """Return the control with the installed service: the user's, where the machine has no service."""
    control = control_of(is_user)
    if is_user or os.name == "nt" or control.installed():
        return control
    own = control_of(True)
    return own if own.installed() else control


def launch_of(folder: Folder, account: str) -> Launch:
    """Return the launch of a server of the folder by a service."""
    if os.name == "nt":
        from prjobs.service.windows import account_named, words_of

        return Launch(words_of(folder.path), folder.path, account_named(account))
    words = [sys.executable, "-P", "-m", "prjobs", "serve", "--data", str(folder.path)]
    return Launch(words, folder.path, account)
