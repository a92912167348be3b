"""Other programs that hold the data folder: those that synchronise its files, and virus scanners.

A copy of a store under such a program is older than the store, mixed from two moments, or brought back over the store.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# Names of folders; the names of their marks, as patterns of pathlib.
_FOLDERS = {
    "OneDrive": re.compile(r"OneDrive( - .+)?|OneDrive-.+", re.I),
    "Dropbox": re.compile(r"Dropbox( \(.+\))?", re.I),
    "Google Drive": re.compile(r"Google ?Drive(-.+)?|My Drive", re.I),
    "iCloud": re.compile(r"iCloud ?Drive|Mobile Documents|com~apple~CloudDocs", re.I),
    "Nextcloud": re.compile(r"Nextcloud\d*|ownCloud\d*", re.I),
    "Syncthing": re.compile(r"Syncthing", re.I),
}
_MARKS = {
    "Dropbox": (".dropbox", ".dropbox.cache"),
    "Google Drive": (".tmp.drivedownload", ".tmp.driveupload"),
    "Nextcloud": (".nextcloudsync.log", ".owncloudsync.log", ".sync_*.db", "._sync_*.db"),
    "Syncthing": (".stfolder",),
}
# Variables that name a folder of the program, and files that list the folders.
_VARIABLES = {"OneDrive": ("OneDrive", "OneDriveConsumer", "OneDriveCommercial")}
_DROPBOX_LISTS = (
    ("APPDATA", "Dropbox/info.json"),
    ("LOCALAPPDATA", "Dropbox/info.json"),
    ("HOME", ".dropbox/info.json"),
)
CLAMAV = (Path("/etc/clamav/clamd.conf"), Path("/etc/clamd.d/scan.conf"), Path("/etc/clamd.conf"))
_WATCHED = re.compile(r"^\s*OnAccess(?:IncludePath|MountPath)\s+\"?(/[^\"\n]*?)\"?\s*$", re.M)
_SPARED = re.compile(r"^\s*OnAccessExcludePath\s+\"?(/[^\"\n]*?)\"?\s*$", re.M)


def synchroniser_of(folder: Path) -> str:
    """Return the name of the program that synchronises the folder with other machines; empty without any."""
    places = {place for path in (folder.absolute(), folder.resolve()) for place in (path, *path.parents)}
    return next((name for place in sorted(places) for name in _signs(place)), "")


def _signs(place: Path) -> Iterator[str]:
    """Yield the programs whose folder this is: by the name, a mark inside, a variable, or a list of the program."""
    yield from (name for name, pattern in _FOLDERS.items() if pattern.fullmatch(place.name))
    for name, marks in _MARKS.items():
        with suppress(OSError):
            if any(next(place.glob(mark), None) for mark in marks) and not _is_home_of(name, place):
                yield name
    for name, variables in _VARIABLES.items():
        if any(_is_same(place, os.environ.get(variable, "")) for variable in variables):
            yield name
    if any(_is_same(place, listed) for listed in _dropbox_folders()):
        yield "Dropbox"


def _is_home_of(name: str, place: Path) -> bool:
    """Return True for the home folder, where Dropbox keeps its settings in a folder with the name of its mark."""
    return name == "Dropbox" and (place / ".dropbox" / "info.json").exists()


def _is_same(place: Path, named: str) -> bool:
    return bool(named) and os.path.normcase(place) == os.path.normcase(Path(named).absolute())


def _dropbox_folders() -> Iterator[str]:
    """Yield the folders that Dropbox says it synchronises."""
    for variable, name in _DROPBOX_LISTS:
        with suppress(OSError, ValueError, AttributeError):
            if base := os.environ.get(variable):
                accounts = json.loads((Path(base) / name).read_text(encoding="utf-8"))
                yield from (str(account.get("path", "")) for account in accounts.values())


def scanner_of(folder: Path, clamav: tuple[Path, ...] = CLAMAV) -> str:
    """Return the name of a virus scanner that is set to hold up writes in the folder; empty if none is known."""
    path = folder.resolve()
    for file in clamav:
        with suppress(OSError):
            text = file.read_text(encoding="utf-8", errors="replace")
            if _holds(_WATCHED.findall(text), path) and not _holds(_SPARED.findall(text), path):
                return "ClamAV"
    if sys.platform == "win32" and _is_controlled(path):
        return "Microsoft Defender (controlled folder access)"
    return ""


def _holds(named: list[str], path: Path) -> bool:
    return any(path.is_relative_to(one) for one in named)


def _is_controlled(path: Path) -> bool:
    """Return True if Windows lets only known programs write in the folder, as in the user's documents."""
    if sys.platform != "win32":
        return False
    import winreg

    base = r"SOFTWARE\Microsoft\Windows Defender\Windows Defender Exploit Guard\Controlled Folder Access"
    own = [str(Path.home() / name) for name in ("Documents", "Pictures", "Videos", "Music", "Desktop", "Favorites")]
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, base) as key:
            if winreg.QueryValueEx(key, "EnableControlledFolderAccess")[0] != 1:
                return False
    except OSError:
        return False
    with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{base}\ProtectedFolders") as key:
        own += [winreg.EnumValue(key, index)[0] for index in range(winreg.QueryInfoKey(key)[1])]
    return _holds(own, path)
