"""Older versions of prjobs: the real code from the history, where a checkout has the history, and stores made by it.

`python -m tests.older` makes the stores in tests/older_stores/ that lack: a store for each schema that a version had.
"""

import json
import os
import sqlite3
import subprocess
import tarfile
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.opening import Purpose, Start, open_appliance
from prjobs.store.schema import MIGRATIONS
from prjobs.upkeep.upgrading import keep_older
from tests.program import Program

ROOT = Path(__file__).parents[1]
STORES = Path(__file__).with_name("older_stores")
FILES = ("identity.json", "audit.json", "secret")


@dataclass(frozen=True)
class Version:
    """An older version: the number of its last migration, and the last commit with it."""

    schema: str
    commit: str


def _git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=True).stdout


@cache
def has_history() -> bool:
    """Return True in a checkout with all commits: there each older version is tested, without exception."""
    try:
        return _git("rev-parse", "--is-shallow-repository").strip() == b"false" and bool(
            _git("rev-list", "-1", "HEAD", "--", str(MIGRATIONS))
        )
    except (OSError, subprocess.CalledProcessError):
        return False


@cache
def versions() -> dict[str, Version]:
    """Return the last version before each new schema, by the number of its last migration; empty without a history."""
    found = {}
    try:
        for path in sorted(MIGRATIONS.glob("[0-9]*.py"))[1:]:
            added = _git("log", "--format=%H", "--diff-filter=A", "--", f"*/migrations/{path.name}").split()
            before = _git("rev-list", "-1", f"{added[-1].decode()}^").decode().strip() if added else ""
            if before and (last := _last_migration(before)):
                found[last] = Version(last, before)
    except (OSError, subprocess.CalledProcessError):
        # Without git, or with the newest commits alone.
        return {}
    return found


def _last_migration(commit: str) -> str:
    names = _git("ls-tree", "-r", "--name-only", commit).decode().split()
    return max((Path(name).name[:4] for name in names if "/migrations/0" in name), default="")


def unpack(version: Version, folder: Path) -> Path:
    """Write the version's program into the folder."""
    with tarfile.open(fileobj=BytesIO(_git("archive", version.commit, "prjobs", "static"))) as archive:
        archive.extractall(folder, filter="data")
    return folder


class OlderProgram(Program):
    """`prjobs` of an older version on a data folder."""

    def __init__(self, data: Path, code: Path) -> None:
        super().__init__(data)
        self.env = {**os.environ, "PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"}
        self.code = code

    def run(self, *arguments: str, **named: Any) -> subprocess.CompletedProcess[str]:
        """One command of the older version."""
        return super().run(*arguments, **{"cwd": self.code, "env": self.env, **named})

    def serve(self, *flags: str, **named: Any) -> str:
        """Start the older version."""
        return super().serve(*flags, **{"cwd": self.code, "env": self.env, **named})


def upgrade(folder: Folder, clock: Clock | None = None) -> tuple[Appliance, Start]:
    """Open a store of an older version, as the server does."""
    clock = clock or Clock()
    return open_appliance(folder, Settings(), clock, Purpose(before_upgrade=partial(keep_older, folder, clock)))


# ---- stores


def use(program: Program) -> dict[str, str]:
    """Let users and an observatory use a served appliance: jobs in every phase. Returns the tokens by name."""
    # Ten years, the longest: the stores are used again.
    alice = program.token("auth0|alice", "--days", "3650")
    tokens = {"alice": alice, "staff": program.token("auth0|kim", "--role", "admin", "--days", "3650")}
    jobs = [program.new_job(tokens["alice"], required_params={"time": str(number)}) for number in range(4)]
    assert len(program.fetch(4)) == 4
    for job, words in zip(jobs, (["STARTED", "COMPLETE"], ["FAILED"], ["EXPOSING"], []), strict=True):
        for word in words:
            report = {"site": "saf", "ulid": job["ulid"], "newStatus": word, "secondsUntilComplete": 60}
            assert program.post("updatejobstatus", report).ok
    program.new_job(tokens["staff"], site="wema", device="mount", instance="mount1", action="park")
    program.new_job(tokens["alice"], site="wema")
    program.new_job(tokens["staff"], site="wema", device="screen", instance="s", action="cancel_all_commands")
    program.new_job(tokens["alice"])
    return tokens


def store_of(schema: str, folder: Path) -> dict[str, str]:
    """Write the stored data folder of an older schema into a new folder; return the tokens by name."""
    folder.mkdir(mode=0o700)
    kept: dict[str, Any] = json.loads((STORES / f"{schema}.json").read_text(encoding="utf-8"))
    for name, text in kept["files"].items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
    with closing(sqlite3.connect(folder / "prjobs.sqlite3")) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.executescript((STORES / f"{schema}.sql").read_text(encoding="utf-8"))
    (folder / "prjobs.sqlite3").chmod(0o600)
    return kept["tokens"]  # type: ignore[no-any-return]


def stored_schemas() -> list[str]:
    """Return the schemas with a store."""
    return sorted(path.stem for path in STORES.glob("*.sql"))


def make_store(version: Version, target: Path) -> None:
    """Use the version's real program on a new data folder, and write what it left as SQL and JSON."""
    with TemporaryDirectory() as name:
        program = OlderProgram(Path(name) / "data", unpack(version, Path(name) / "code"))
        program.serve()
        tokens = use(program)
        program.stop()
        files = {one: path.read_text() for one in FILES if (path := program.data / one).exists()}
        with closing(sqlite3.connect(program.data / "prjobs.sqlite3")) as connection:
            lines = "\n".join(connection.iterdump())
    target.mkdir(exist_ok=True)
    (target / f"{version.schema}.sql").write_text(lines + "\n", encoding="utf-8")
    kept = {"commit": version.commit, "files": files, "tokens": tokens}
    (target / f"{version.schema}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for one in versions().values():
        if one.schema not in stored_schemas():
            print(one.schema, one.commit)
            make_store(one, STORES)
