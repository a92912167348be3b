"""The rights of other users of the machine to the data folder: none, as the folder is made."""

import os
import stat
import subprocess
from pathlib import Path, PureWindowsPath

from prjobs.base.errors import Unusable

# Everyone, authenticated users, users: the groups of Windows with every local user in them, in each language.
EVERYBODY = ("*S-1-1-0", "*S-1-5-11", "*S-1-5-32-545")
# The owner, the system, the administrators.
_ALLOWED = ("*S-1-3-4:F", "*S-1-5-18:F", "*S-1-5-32-544:F")
ICACLS_S = 10.0
DRIVE_REMOTE = 4


def others_may_write(path: Path) -> bool:
    """Return True if users of the file's group, or all users, may write the file or folder. False on Windows."""
    return os.name != "nt" and bool(path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def require_private(folder: Path) -> None:
    """Raise Unusable for a folder that other users may write: they could put another store in the place of ours."""
    if others_may_write(folder):
        raise Unusable(
            f"Other users may write in {folder}: they could replace the store. Take the right from them by "
            f"`{command_to_close(folder)}`, or choose another folder by --data."
        )


def others_may_read(path: Path) -> bool | None:
    """Return True if other users may read the file or folder; None if the rights cannot be read."""
    if os.name != "nt":
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    found = [_icacls(path, "/findsid", group) for group in EVERYBODY]
    listed = _icacls(path)
    if listed is None or ":(" not in listed or None in found:
        return None
    return any(str(path).lower() in str(text).lower() for text in found)


def command_to_close(path: Path) -> str:
    """Return the command that takes all rights to the file from other users, for a person to run."""
    if os.name != "nt":
        return f'chmod {700 if path.is_dir() else 600} "{path}"'
    return f'icacls "{path}" /inheritance:r /grant:r {" ".join(_ALLOWED)}'


def close_to_others(path: Path) -> bool:
    """Take all rights to the file from other users. Return False if the rights could not be changed."""
    if os.name == "nt":
        return _icacls(path, "/inheritance:r", "/grant:r", *_ALLOWED) is not None
    try:
        path.chmod(path.stat().st_mode & stat.S_IRWXU)
    except OSError:
        return False
    return True


def give(folder: Path, sid: str) -> bool:
    """Give the account of the security identifier all rights to a folder on Windows, and to all in the folder."""
    return _icacls(folder, "/grant", f"*{sid}:(OI)(CI)F", "/T", "/Q") is not None


def take(folder: Path, sid: str) -> bool:
    """Take the rights of `give` back."""
    return _icacls(folder, "/remove", f"*{sid}", "/T", "/Q") is not None


def let_write(folder: Path, sid: str) -> bool:
    """Let the account write and delete files in a folder with files of others, on Windows."""
    return _icacls(folder, "/grant", f"*{sid}:(OI)(CI)M", "/Q") is not None


def let_write_no_more(folder: Path, sid: str) -> bool:
    """Take the right of `let_write` back."""
    return _icacls(folder, "/remove", f"*{sid}", "/Q") is not None


def is_named(path: Path, sid: str) -> bool | None:
    """Return True if the rights to the file or folder name the account on Windows; None if they cannot be read."""
    listed, found = _icacls(path), _icacls(path, "/findsid", f"*{sid}")
    if listed is None or found is None or ":(" not in listed:
        return None
    return str(path).lower() in found.lower()


def is_on_share(named: str) -> bool:
    """Return True for a share of Windows or a drive letter of a share: the machine of the share gives the rights."""
    drive = PureWindowsPath(named).drive
    if drive.startswith("\\\\"):
        return True
    if os.name != "nt":
        return False
    # Imported late: other systems need no library of Windows.
    import ctypes

    return bool(vars(ctypes)["WinDLL"]("kernel32").GetDriveTypeW(f"{drive}\\") == DRIVE_REMOTE)


def _icacls(path: Path, *arguments: str) -> str | None:
    """Return the output of Windows' own command; None if the command fails. Its output names the path, not the SID."""
    program = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "icacls.exe")
    try:
        done = subprocess.run(
            [program, path, *arguments], capture_output=True, timeout=ICACLS_S, check=True, errors="replace"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
