"""The account of a service: the caller, the user behind sudo, or a named user."""

import getpass
import os
from pathlib import Path
from typing import Any

from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder, default_folder


def name_of_self() -> str:
    """Return the name of the user of the process; on Windows with the domain."""
    domain = os.environ.get("USERDOMAIN") if os.name == "nt" else None
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # A user id without a name, as containers have.
        name = str(os.getuid()) if os.name != "nt" else ""
    return f"{domain}\\{name}" if domain else name


def default_account() -> str:
    """Return the calling user, also behind sudo: a service should not run as root by chance."""
    behind = os.environ.get("SUDO_USER", "") if os.name != "nt" and os.geteuid() == 0 else ""
    return behind if behind else name_of_self()


def require_known(account: str) -> None:
    """Raise Unusable for an account unknown to the machine."""
    if os.name != "nt":
        _entry(account)


def folder_of_account(named: Path | None, account: str) -> Folder:
    """Return the data folder of a service: the named folder, else $PRJOBS_DATA, else the account's own."""
    if given := named or os.environ.get("PRJOBS_DATA"):
        return Folder(Path(given).resolve())
    if os.name == "nt" or account in ("", name_of_self()):
        return Folder(default_folder().resolve())
    return Folder(Path(_entry(account).pw_dir, ".local", "share", "prjobs"))


def as_account(account: str) -> dict[str, Any]:
    """Return the options of subprocess.run to run a command as the account; an empty account is the caller's."""
    known = ("PATH", "LANG", "LC_ALL", "HOME")
    environment = {name: os.environ[name] for name in known if name in os.environ}
    options: dict[str, Any] = {"cwd": "/", "env": environment}
    if not account or account == name_of_self():
        return options
    entry = _entry(account)
    environment["HOME"] = entry.pw_dir
    groups = os.getgrouplist(account, entry.pw_gid)
    return {**options, "user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}


def _entry(account: str) -> Any:
    import pwd

    try:
        return pwd.getpwnam(account)
    except (KeyError, ValueError):
        raise Unusable(f"There is no user {account} on this machine: name another one by --as NAME.") from None
