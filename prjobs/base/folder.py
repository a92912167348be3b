"""The data folder: everything that belongs to one appliance. A copy of the folder is a copy of the appliance.

prjobs.sqlite3  the store                 prjobs.toml  the settings          secret  the signing key (0600)
identity.json   the store's identity      server.json  the serving process   lock    held by the serving process
backups/        logs/
"""

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.files import make_folder, reason_of, remove, write_whole
from prjobs.base.private import close_to_others

if TYPE_CHECKING:
    from filelock import FileLock

SECRET_BYTES = 48
LOCK_S = 1.0
# A backup from before an upgrade: the first migration of the upgrade, and the time in UTC.
BEFORE = re.compile(r"before-(\d{4})-(\d{8}-\d{6})\.sqlite3")
IDENTITY_ADVICE = (
    "Look for prjobs.sqlite3 beside the file. With the store in place, move the file away: the next start writes a new "
    "one from the store. Without the store, move the file away and restore a backup by `prjobs restore FILE`."
)


def default_folder(demo: bool = False) -> Path:
    """Return the data folder for commands without --data: the platform's per-user data folder."""
    # Imported late: with --data no default is needed.
    import platformdirs

    return Path(platformdirs.user_data_dir("prjobs-demo" if demo else "prjobs", appauthor=False))


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

    @property
    def log(self) -> Path:
        """The log file; older ones have a number at the end."""
        return self.logs / "prjobs.log"

    def create(self) -> None:
        """Make the folder, for the owner only. Raises Unusable if the folder cannot be made or written."""
        try:
            for folder in (self.path, self.backups, self.logs):
                make_folder(folder)
            probe = self.path / ".writable"
            probe.write_bytes(b"")
            remove(probe)
        except OSError as error:
            raise Unusable(
                f"{self.path}: cannot write in the data folder: {reason_of(error)}. "
                "Give this user the right to write there, or choose another folder by --data."
            ) from None

    def lock(self) -> "FileLock":
        """Take the lock of the folder for this process.

        Raises Unusable with the serving process if another process holds the lock.
        """
        # Imported late: a command that only reads the store takes no lock.
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / "lock", mode=0o600)
        try:
            # `is_served` of another process holds the lock for a moment: at once would fail for nothing.
            lock.acquire(timeout=LOCK_S, poll_interval=0.02)
        except Timeout:
            server = self.server()
            process = f"process {server['pid']} at {server['url']}" if server else "another process"
            raise Unusable(f"{self.path} is served by {process} already: stop that process first.") from None
        except OSError as error:
            raise Unusable(f"{self.path}: cannot lock the data folder: {reason_of(error)}.") from None
        if os.name != "nt":
            # Older versions made the file for all users, and each of them could take the lock and prevent a start.
            close_to_others(self.path / "lock")
        return lock

    def is_served(self) -> bool:
        """Return True if a process serves the folder now."""
        if not self.path.exists():
            return False
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / "lock", mode=0o600)
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
                write_whole(path, clock.random_bytes(SECRET_BYTES).hex())
                # On Windows the file has the rights of the folder, which may be everybody's.
                close_to_others(path)
        except OSError as error:
            raise Unusable(f"{path}: cannot write the secret: {reason_of(error)}.") from None
        return self.known_secret()

    def known_secret(self) -> bytes:
        """Return the secret of an existing folder. Raises Unusable if the secret is missing or cannot be read."""
        path = self.path / "secret"
        try:
            secret = bytes.fromhex(path.read_text().strip())
        except FileNotFoundError:
            raise Unusable(f"{self.path} is not the data folder of an appliance: it has no secret.") from None
        except PermissionError:
            raise Unusable(
                f"{path}: this user may not read the secret. Run prjobs as the user who made the folder"
                + (", or as an administrator." if os.name == "nt" else ".")
            ) from None
        except (OSError, ValueError) as error:
            raise Unusable(f"{path}: cannot read the secret: {error}.") from None
        if len(secret) < SECRET_BYTES:
            raise Unusable(
                f"{path}: the secret is too short. Remove the file: the next start makes a new secret; all tokens end."
            )
        return secret

    def identity(self) -> dict[str, Any]:
        """Return the identity of the store: identity, last_ulid, demo, on a hub last_seq. Empty for a new folder.

        Raises Unusable for a damaged file: taken for a new folder, the folder would open as an empty queue.
        """
        path = self.path / "identity.json"
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            damage = "" if isinstance(value, dict) and value.get("identity") else "it names no identity"
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Unusable(f"{path} cannot be read: {reason_of(error)}. {IDENTITY_ADVICE}") from None
        except ValueError:
            damage = "it is no JSON object"
        if damage:
            raise Unusable(f"{path} is damaged: {damage}. {IDENTITY_ADVICE}")
        return value  # type: ignore[no-any-return]

    def write_identity(self, identity: dict[str, Any]) -> None:
        """Replace the identity in one step."""
        write_whole(self.path / "identity.json", json.dumps(identity))

    def server(self) -> dict[str, Any]:
        """Return the pid and url of the process that serves the folder; empty without a server.

        With a standby, `active` is the URL of the hub's active process, or an empty text.
        """
        return _read_json(self.path / "server.json")

    def write_server(self, url: str, active: str | None = None, member: str = "") -> None:
        """Name this process as the server of the folder, under the URL.

        For a process of a hub also the id among the members; `active` makes the process a standby.
        """
        named = {"pid": os.getpid(), "url": url} | ({} if active is None else {"active": active})
        named |= {"member": member} if member else {}
        write_whole(self.path / "server.json", json.dumps(named))

    def remove_server(self) -> None:
        """Remove the server's name. A file that cannot be removed does no harm: `is_served` asks the lock."""
        with suppress(OSError):
            (self.path / "server.json").unlink()

    def newest_backup(self) -> Path | None:
        """Return the backup that changed last; None without a backup."""
        return max(self.backups.glob("*.sqlite3"), default=None, key=lambda path: path.stat().st_mtime)

    def require_outside(self, named: str) -> None:
        """Raise Unusable unless `named` is a full path outside of the data folder."""
        # Resolving the path of a share that hangs would keep the server from starting.
        path = Path(os.path.normpath(named))
        if not Path(named).is_absolute():
            raise Unusable(f"backup_copy is {named}: give the full path of the folder.")
        if any(path.is_relative_to(own) for own in (self.path.absolute(), self.path.resolve())):
            raise Unusable(f"backup_copy is {named}, in the data folder: choose a folder on another disk or machine.")

    def before_backups(self) -> list[Path]:
        """Return the backups from before upgrades, oldest first."""
        found = [match for path in self.backups.glob("before-*.sqlite3") if (match := BEFORE.fullmatch(path.name))]
        return [self.backups / match[0] for match in sorted(found, key=lambda match: match[2])]

    def way_back_advice(self, last_migration: int) -> str:
        """Return the sentence with the command that brings back the store from before an upgrade.

        The sentence is empty without a backup that the version with this last migration can open.
        """
        fits = [path for path in self.before_backups() if int(path.name[7:11]) <= last_migration + 1]
        if not fits:
            return ""
        return f'Or go back to the store from before the upgrade by `prjobs restore "{fits[-1]}"`.'

    def restore_advice(self) -> str:
        """Return the sentence that names the backup to restore, and the command."""
        backup = self.newest_backup()
        if backup is None:
            return "There is no backup in its backups folder; `prjobs restore FILE` takes one from elsewhere."
        return f'The newest backup is {backup}: `prjobs restore "{backup}"` brings it back.'


def _read_json(path: Path) -> dict[str, Any]:
    """Return the object in the file; empty for a missing or damaged file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
