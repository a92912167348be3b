"""The data folder: everything that belongs to one appliance. A copy of the folder is a copy of the appliance.

prjobs.sqlite3  the store                 prjobs.toml  the settings          secret  the signing key (0600)
identity.json   the store's identity      server.json  the serving process   lock    held by the serving process
backups/        logs/
"""

import errno
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable

SECRET_BYTES = 48
LOCK_S = 1.0
REPLACE_WAITS_S = (0.05, 0.1, 0.2)
# The answers of file systems that cannot sync a folder; PostgreSQL and others know the same.
FOLDER_SYNC_REFUSED = {errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


@dataclass(frozen=True)
class Folder:
    """The paths and small files of a data folder."""

    path: Path

    @property
    def database(self) -> Path:
        """The file of the store."""
        return self.path / "prjobs.sqlite3"

    @property
    def backups(self) -> Path:
        """The folder of the backups."""
        return self.path / "backups"

    @property
    def logs(self) -> Path:
        """The folder of the logs."""
        return self.path / "logs"

    def create(self) -> None:
        """Make the folder, for the owner only. Raises Unusable if the folder cannot be made or written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.backups, self.logs):
                folder.mkdir(exist_ok=True)
            probe = self.path / ".writable"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise Unusable(
                f"{self.path}: cannot write in the data folder: {error.strerror}. "
                "Give this user the right to write there, or choose another folder by --data."
            ) from None

    def lock(self) -> FileLock:
        """Take the lock of the folder for this process.

        Raises Unusable with the serving process if another process holds the lock.
        """
        lock = FileLock(self.path / "lock")
        try:
            # `is_served` of another process holds the lock for a moment: at once would fail for nothing.
            lock.acquire(timeout=LOCK_S, poll_interval=0.02)
        except Timeout:
            server = self.server()
            process = f"process {server['pid']} at {server['url']}" if server else "another process"
            raise Unusable(f"{self.path} is served by {process} already: stop that process first.") from None
        except OSError as error:
            raise Unusable(f"{self.path}: cannot lock the data folder: {error.strerror}.") from None
        return lock

    def is_served(self) -> bool:
        """Return True if a process serves the folder now."""
        if not self.path.exists():
            return False
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:
            return False
        lock.release()
        return False

    def secret(self, clock: Clock) -> bytes:
        """Return the bytes that sign tokens; make the secret on first use, readable by the owner only.

        Raises Unusable if the secret cannot be read or written.
        """
        path = self.path / "secret"
        try:
            if not path.exists():
                _write(path, clock.random_bytes(SECRET_BYTES).hex(), mode=0o600)
        except OSError as error:
            raise Unusable(f"{path}: cannot write the secret: {error.strerror}.") from None
        return self.known_secret()

    def known_secret(self) -> bytes:
        """Return the secret of an existing folder. Raises Unusable if the secret is missing or cannot be read."""
        path = self.path / "secret"
        try:
            secret = bytes.fromhex(path.read_text().strip())
        except FileNotFoundError:
            raise Unusable(f"{self.path} is not the data folder of an appliance: it has no secret.") from None
        except (OSError, ValueError) as error:
            raise Unusable(f"{path}: cannot read the secret: {error}.") from None
        if len(secret) < SECRET_BYTES:
            raise Unusable(
                f"{path}: the secret is too short. Remove the file: the next start makes a new secret; all tokens end."
            )
        return secret

    def identity(self) -> dict[str, Any]:
        """Return the identity of the store: identity, last_ulid, demo. Empty for a new folder."""
        return _read_json(self.path / "identity.json")

    def write_identity(self, identity: dict[str, Any]) -> None:
        """Replace the identity in one step."""
        _write_json(self.path / "identity.json", identity)

    def server(self) -> dict[str, Any]:
        """Return the pid and url of the process that serves the folder; empty without a server."""
        return _read_json(self.path / "server.json")

    def write_server(self, url: str) -> None:
        """Name this process as the server of the folder, under the URL."""
        _write_json(self.path / "server.json", {"pid": os.getpid(), "url": url})

    def remove_server(self) -> None:
        """Remove the server's name. A file that cannot be removed does no harm: `is_served` asks the lock."""
        with suppress(OSError):
            (self.path / "server.json").unlink()

    def newest_backup(self) -> Path | None:
        """Return the backup that changed last; None without a backup."""
        return max(self.backups.glob("*.sqlite3"), default=None, key=lambda path: path.stat().st_mtime)

    def restore_advice(self) -> str:
        """Return the sentence that names the backup to restore, and the command."""
        backup = self.newest_backup()
        if backup is None:
            return "There is no backup in its backups folder; `prjobs restore FILE` takes one from elsewhere."
        return f'The newest backup is {backup}: `prjobs restore "{backup}"` brings it back.'


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    _write(path, json.dumps(value))


def _write(path: Path, text: str, mode: int = 0o666) -> None:
    """Replace the file in one step: after a power cut the old or the new text is there, whole."""
    temporary = path.with_suffix(".new")
    with open(temporary, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until the names in the folder are on disk, where the file system can do so.

    Windows needs no such call. Many drivers of network drives refuse the call for folders: the file itself is synced,
    so their refusal is no error. Raise OSError for every other failure, such as a broken disk.
    """
    if os.name == "nt":
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EISDIR):  # a folder that takes files and shows none
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in FOLDER_SYNC_REFUSED:
            raise
    finally:
        os.close(descriptor)


def _replace(temporary: Path, path: Path) -> None:
    """Replace the file; try again for a moment while a virus scanner or an indexer on Windows has the file open."""
    for wait_s in REPLACE_WAITS_S:
        try:
            temporary.replace(path)
            return
        except PermissionError:
            time.sleep(wait_s)
    temporary.replace(path)
