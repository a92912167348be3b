"""The data folder: everything that belongs to one appliance. Copying it moves the appliance.

prjobs.sqlite3  the store          prjobs.toml  the settings       secret   signs the tokens (0600)
identity.json   whose store it is  server.json  who serves it now  lock     held while it is served
backups/        logs/
"""

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


@dataclass(frozen=True)
class Folder:
    """Paths and small files of one data folder."""

    path: Path

    @property
    def database(self) -> Path:
        """The store."""
        return self.path / "prjobs.sqlite3"

    @property
    def backups(self) -> Path:
        """Where backups are kept."""
        return self.path / "backups"

    @property
    def logs(self) -> Path:
        """Where logs are kept."""
        return self.path / "logs"

    def create(self) -> None:
        """Make the folder, for its owner only. Unusable when it cannot be made or written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.backups, self.logs):
                folder.mkdir(exist_ok=True)
            probe = self.path / ".writable"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise Unusable(f"{self.path}: cannot write in the data folder: {error.strerror}.") from None

    def lock(self) -> FileLock:
        """Take the folder for this process. Unusable, naming who has it, when another one serves it."""
        lock = FileLock(self.path / "lock")
        try:
            # Whoever looks whether the folder is served holds the lock for a moment.
            lock.acquire(timeout=LOCK_S, poll_interval=0.02)
        except Timeout:
            server = self.server()
            who = f"process {server['pid']} at {server['url']}" if server else "another process"
            raise Unusable(f"{self.path} is served by {who} already: stop that one first.") from None
        except OSError as error:
            raise Unusable(f"{self.path}: cannot lock the data folder: {error.strerror}.") from None
        return lock

    def is_served(self) -> bool:
        """Whether a process holds the folder now."""
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
        """The bytes that sign tokens; made on first use, readable by the owner only. Unusable when it cannot be."""
        path = self.path / "secret"
        try:
            if not path.exists():
                _write(path, clock.random_bytes(SECRET_BYTES).hex(), mode=0o600)
        except OSError as error:
            raise Unusable(f"{path}: cannot write the secret: {error.strerror}.") from None
        return self.known_secret()

    def known_secret(self) -> bytes:
        """The secret of a folder that has one. Unusable when it has none or it cannot be read."""
        path = self.path / "secret"
        try:
            secret = bytes.fromhex(path.read_text().strip())
        except FileNotFoundError:
            raise Unusable(f"{self.path} is not the data folder of an appliance: it has no secret.") from None
        except (OSError, ValueError) as error:
            raise Unusable(f"{path}: cannot read the secret: {error}.") from None
        if len(secret) < SECRET_BYTES:
            raise Unusable(f"{path}: the secret is too short: remove it to make a new one; all tokens end then.")
        return secret

    def identity(self) -> dict[str, Any]:
        """Whose store it is: identity, last_ulid, demo. Empty for a new folder."""
        return _read_json(self.path / "identity.json")

    def write_identity(self, identity: dict[str, Any]) -> None:
        """Replace it in one step."""
        _write_json(self.path / "identity.json", identity)

    def server(self) -> dict[str, Any]:
        """Who serves the folder: pid and url. Empty when nobody said so."""
        return _read_json(self.path / "server.json")

    def write_server(self, url: str) -> None:
        """Say that this process serves the folder under the URL."""
        _write_json(self.path / "server.json", {"pid": os.getpid(), "url": url})

    def remove_server(self) -> None:
        """Nobody serves it any more. A file that stays is not believed: the lock says whether somebody does."""
        with suppress(OSError):
            (self.path / "server.json").unlink()

    def newest_backup(self) -> Path | None:
        """The backup that a person would restore first."""
        return max(self.backups.glob("*.sqlite3"), default=None, key=lambda path: path.stat().st_mtime)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    _write(path, json.dumps(value))


def _write(path: Path, text: str, mode: int = 0o666) -> None:
    """Replace the file in one step: after a power cut it is the old one or the new one, whole."""
    temporary = path.with_suffix(".new")
    with open(temporary, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Return when the names in the folder are on disk; Windows does that by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(temporary: Path, path: Path) -> None:
    """On Windows a file cannot be replaced while a virus scanner or an indexer has it open, for a moment."""
    for wait_s in REPLACE_WAITS_S:
        try:
            temporary.replace(path)
            return
        except PermissionError:
            time.sleep(wait_s)
    temporary.replace(path)
