"""An upgrade from each older schema, and the way back with the older version itself."""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from peewee import SqliteDatabase
from playhouse.migrations import Runner

from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.notices import Code
from prjobs.base.settings import Settings
from prjobs.opening import close_appliance, open_appliance
from prjobs.store.schema import MIGRATIONS
from prjobs.upkeep import upgrading
from prjobs.upkeep.inspection import damages, open_read_only
from prjobs.upkeep.restore import restore
from prjobs.upkeep.upgrading import say_upgraded
from tests import harm, older, verbs
from tests.clocks import ManualClock
from tests.disks import mounted
from tests.program import KILLED, Program
from tests.waiting import wait_for

NAMES = sorted(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))
LAST = NAMES[-1]
# The store of a schema without one is made from the store before: no version had the schema for its last one, or the
# schema is younger than the last run of `python -m tests.older`.
STORED = {name[:4]: max(one for one in older.stored_schemas() if one <= name[:4]) for name in NAMES}
OLDER = sorted(STORED.keys() - {LAST[:4]})
VERSIONS = [schema for schema in OLDER if STORED[schema] == schema or schema in older.versions()]
NOT_COMPARED = {"fact", "sqlite_sequence", "schema_migration", "poll"}


def look(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(open_read_only(path)) as connection:
        return connection.execute(sql).fetchall()


def tables(path: Path) -> dict[str, list[str]]:
    """The tables and their columns."""
    names = [name for (name,) in look(path, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: [row[1] for row in look(path, f"PRAGMA table_info({name})")] for name in names}


def contents(path: Path, of: dict[str, list[str]]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the tables, in these columns."""
    return {
        name: sorted(look(path, f"SELECT {', '.join(columns)} FROM {name}"), key=repr)
        for name, columns in of.items()
        if name not in NOT_COMPARED
    }


def dump(path: Path) -> list[str]:
    with closing(open_read_only(path)) as connection:
        return list(connection.iterdump())


def older_folder(schema: str, path: Path) -> tuple[Folder, dict[str, str]]:
    """A data folder of the older schema, and the tokens in it."""
    tokens = older.store_of(STORED[schema], path)
    folder = Folder(path)
    if STORED[schema] != schema:
        database = SqliteDatabase(str(folder.database))
        Runner(database, str(MIGRATIONS)).up(next(name for name in NAMES if name.startswith(schema)))
        database.close()
    folder.create()
    return folder, tokens


def upgrade(folder: Folder, clock: Clock | None = None) -> Appliance:
    return older.upgrade(folder, clock)[0]


def after(schema: str) -> str:
    """The number of the first migration after the schema."""
    return next(name for name in NAMES if name > f"{schema}_~")[:4]


@pytest.mark.parametrize("schema", OLDER)
def test_an_upgrade_begins_with_a_backup_and_keeps_everything(schema: str, tmp_path: Path) -> None:
    folder, _ = older_folder(schema, tmp_path / "data")
    before, columns = dump(folder.database), tables(folder.database)
    rows = contents(folder.database, columns)
    newest = look(folder.database, "SELECT max(seq) FROM change")[0][0]
    appliance = upgrade(folder)
    try:
        assert contents(folder.database, columns) == rows
        (kept,) = folder.before_backups()
        assert kept.name.startswith(f"before-{after(schema)}-")
        assert sorted(dump(kept)) == sorted(before)
        with closing(open_read_only(kept)) as connection:
            assert damages(connection) == []
        verbs.submit(appliance)
        assert look(folder.database, "SELECT max(seq) FROM change")[0][0] == newest + 1
        say_upgraded(appliance.queue, folder)
        assert str(kept) in appliance.queue.notices.sentence(Code.UPGRADED)
    finally:
        close_appliance(appliance, folder)
    # This version restores the backup as well.
    done = restore(folder, kept, Clock())
    assert done.jobs == len(rows["job"])
    assert look(folder.database, "SELECT max(seq) FROM change")[0][0] > newest + 1


@pytest.mark.slow
def test_the_start_says_so_and_a_start_of_this_schema_makes_no_backup(program: Program) -> None:
    folder, tokens = older_folder("0010", program.data)
    program.serve()
    job = program.new_job(tokens["alice"])
    assert job["ulid"] in program.fetch()
    (kept,) = folder.before_backups()

    def notices() -> list[str]:
        shown = requests.get(f"{program.url}/healthz", timeout=30).json()["notices"]
        return [one["sentence"] for one in shown if one["code"] == "upgraded"]

    # The chores of a server raise the notice, a moment after the first answer.
    (sentence,) = wait_for(notices)
    assert str(kept) in sentence
    code, _, errors = program.stop()
    assert code == 0
    assert "is of an older version: a backup is made before the upgrade" in errors
    assert f"the store as it was before the upgrade is kept in {kept}" in errors
    assert str(kept) in folder.log.read_text()
    program.serve()
    assert folder.before_backups() == [kept]
    assert program.run("audit", "verify").returncode == 0
    findings = json.loads(program.run("doctor", "--deep", "--json").stdout)["findings"]
    about_the_store = {one["level"] for one in findings if one["check"] in ("store", "schema", "jobs", "identity")}
    assert about_the_store == {"ok"}


def test_a_command_that_opens_an_older_store_keeps_it_too(program: Program) -> None:
    folder, _ = older_folder("0009", program.data)
    made = program.run("token", "create", "--user", "auth0|bob")
    assert made.returncode == 0
    assert len(folder.before_backups()) == 1
    assert "kept in" in made.stderr


def test_nobody_else_opens_a_store() -> None:
    root = MIGRATIONS.parents[1]
    opening = [path for path in root.rglob("*.py") if "open_appliance(" in path.read_text(encoding="utf-8")]
    named = {path.relative_to(root).as_posix() for path in opening if "before_upgrade=" in path.read_text("utf-8")}
    assert named == {"opening.py", "server.py", "cli/stored.py"}
    # A hub's database has backups of its own.
    assert {path.relative_to(root).as_posix() for path in opening} == named | {"serving/hub.py"}


def test_whoever_keeps_no_backup_upgrades_nothing(tmp_path: Path) -> None:
    folder, _ = older_folder("0010", tmp_path / "data")
    before = dump(folder.database)
    with pytest.raises(Unusable, match="this process upgrades no store"):
        open_appliance(folder, Settings(), Clock())
    assert dump(folder.database) == before


# ---- no backup, no upgrade


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    with mounted(place, "size=2m"):
        yield place


@pytest.mark.slow
def test_a_full_disk_refuses_the_upgrade_and_changes_nothing(small_disk: Path, program: Program) -> None:
    folder, _ = older_folder("0010", small_disk / "data")
    before = dump(folder.database)
    filling = small_disk / "filling"
    free = shutil.disk_usage(small_disk).free
    filling.write_bytes(b"x" * (free - 60_000))
    program.data = folder.path
    said = program.run("serve", "--port", "0")
    assert said.returncode == 1
    assert "no upgrade begins without a backup. No backup was made: the disk is too full" in said.stderr
    assert "Nothing was changed: remove the cause and start again, or go on with the older version." in said.stderr
    assert dump(folder.database) == before
    assert list(folder.backups.iterdir()) == []
    filling.unlink()
    program.serve()
    assert len(folder.before_backups()) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no rights of this kind")
def test_a_backup_that_cannot_be_written_refuses_the_upgrade(tmp_path: Path) -> None:
    folder, _ = older_folder("0010", tmp_path / "data")
    folder.backups.rmdir()
    folder.backups.write_text("a file in the way")
    before = dump(folder.database)
    with pytest.raises(Unusable, match="no upgrade begins without a backup"):
        upgrade(folder)
    assert dump(folder.database) == before


def test_a_damaged_older_store_is_not_upgraded(tmp_path: Path) -> None:
    folder, _ = older_folder("0010", tmp_path / "data")
    root = look(folder.database, "SELECT rootpage FROM sqlite_master WHERE name = 'change'")[0][0]
    harm.overwrite(folder.database, (root - 1) * harm.PAGE_BYTES, b"\xa5" * harm.PAGE_BYTES)
    before = folder.database.read_bytes()
    with pytest.raises(Unusable, match="no upgrade begins without a backup"):
        upgrade(folder)
    assert folder.database.read_bytes() == before


# ---- how long they are kept


@pytest.mark.slow
def test_upgrades_that_fail_again_and_again_fill_no_disk(program: Program) -> None:
    folder, _ = older_folder("0010", program.data)
    for _ in range(2):
        with pytest.raises(AssertionError, match=str(KILLED)):
            program.serve(env={**os.environ, "PRJOBS_FAIL": "migrate_middle:1"})
        program.process = None
    assert len(folder.before_backups()) == 1
    # Another content is another backup.
    with closing(sqlite3.connect(folder.database)) as connection, connection:
        connection.execute("UPDATE job SET site = 'wema' WHERE site = 'saf'")
    program.serve()
    assert len(folder.before_backups()) == 2


def test_the_newest_three_stay_whatever_backup_keep_says(tmp_path: Path) -> None:
    clock = ManualClock()
    names = []
    for number in range(5):
        folder, _ = older_folder("0010", tmp_path / f"data{number}")
        folder.backups.rmdir()
        if names:
            shutil.copytree(tmp_path / f"data{number - 1}" / "backups", folder.backups)
        else:
            folder.backups.mkdir()
            (folder.backups / "before-the-storm.sqlite3").write_text("mine")
        clock.advance(86_400)
        with closing(sqlite3.connect(folder.database)) as connection, connection:
            connection.execute("UPDATE job SET user_name = ?", (str(number),))
        close_appliance(upgrade(folder, clock), folder)
        names.append(folder.before_backups()[-1].name)
    assert [path.name for path in folder.before_backups()] == names[-upgrading.KEPT :]
    assert (folder.backups / "before-the-storm.sqlite3").exists()


def test_an_interrupted_backup_leaves_nothing_for_long(tmp_path: Path) -> None:
    folder, _ = older_folder("0010", tmp_path / "data")
    (folder.backups / "before-0011-20260101-000000.sqlite3.77.new").write_bytes(b"half")
    close_appliance(upgrade(folder), folder)
    assert [path.name for path in folder.backups.iterdir()] == [folder.before_backups()[0].name]


def test_the_notice_ends_after_a_day(tmp_path: Path) -> None:
    folder, _ = older_folder("0010", tmp_path / "data")
    clock = ManualClock()
    appliance = upgrade(folder, clock)
    try:
        for hours, is_said in ((0, True), (23, True), (2, False)):
            clock.advance(hours * 3600)
            say_upgraded(appliance.queue, folder)
            assert (Code.UPGRADED in appliance.queue.notices) == is_said
    finally:
        close_appliance(appliance, folder)


# ---- the way back


def test_an_older_version_names_the_way_back(tmp_path: Path) -> None:
    folder, _ = older_folder("0010", tmp_path / "data")
    close_appliance(upgrade(folder), folder)
    (kept,) = folder.before_backups()
    too_new = kept.with_name("before-9999-20990101-000000.sqlite3")
    shutil.copy(kept, too_new)
    with closing(sqlite3.connect(folder.database)) as connection, connection:
        connection.execute("INSERT INTO schema_migration (name, applied) VALUES ('9998_newer', '2099-01-01')")
    with pytest.raises(Unusable, match=r"newer prjobs \(9998_newer\).*`prjobs restore \"[^\"]*before-0011-"):
        upgrade(folder)


@pytest.mark.long
@pytest.mark.parametrize("schema", VERSIONS)
def test_the_older_version_itself_brings_everything_back(schema: str, program: Program, tmp_path: Path) -> None:
    """The manual's page Upgrade, step by step."""
    version = older.versions().get(schema)
    if not older.has_history():
        pytest.skip("this checkout has no history with the older version")
    assert version is not None
    folder, tokens = older_folder(schema, program.data)
    columns = tables(folder.database)
    rows = contents(folder.database, columns)
    jobs = look(folder.database, "SELECT ulid, status FROM job ORDER BY seq")
    newest = look(folder.database, "SELECT max(seq) FROM change")[0][0]
    program.serve()
    newer = [program.new_job(tokens["alice"])["ulid"] for _ in range(5)]
    program.fetch(5)
    assert program.stop()[0] == 0
    given = look(folder.database, "SELECT (SELECT max(seq) FROM job), (SELECT max(seq) FROM change)")[0]
    (kept,) = folder.before_backups()

    old = older.OlderProgram(folder.path, older.unpack(version, tmp_path / "code"))
    refused = old.run("serve", "--port", "0")
    assert refused.returncode == 1 and "newer prjobs" in refused.stderr
    done = old.run("restore", str(kept))
    assert done.returncode == 0, done.stderr
    old.serve()
    try:
        found = look(folder.database, "SELECT ulid, status FROM job ORDER BY seq")
        wanted = [(ulid, "CANCELLED" if status == "UNREAD" else status) for ulid, status in jobs]
        assert found == wanted
        back = contents(folder.database, columns)
        assert back["token"] == rows["token"]
        for name in {"audit", "reservation"} & columns.keys():
            assert [row for row in rows[name] if row not in back[name]] == [], name
        again = old.new_job(tokens["alice"])["ulid"]
        assert again > max(newer)
        assert old.fetch() == [again]
        # A reader's cursor from the newer version stands for nothing else.
        assert look(folder.database, "SELECT seq FROM job ORDER BY seq DESC LIMIT 1")[0][0] > given[0]
        assert min(look(folder.database, f"SELECT seq FROM change WHERE seq > {newest}"))[0] > given[1]
        assert old.run("doctor", "--deep").returncode == 0
        if "audit" in old.run("--help").stdout:
            assert old.run("audit", "verify").returncode == 0
    finally:
        assert old.stop()[0] == 0
    # And up again.
    program.serve()
    wait_for(lambda: program.post("getnewjobs", {"site": "saf"}).ok)
    assert len(folder.before_backups()) == 2
    assert again in [job["ulid"] for job in program.post("getrecentjobs", {"site": "saf", "timeRange": 10**12}).json()]


# ---- nobody is asked for a newer version


WATCH = """
import os, sys
def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        with open(os.environ["ASKED"], "a") as file:
            file.write(f"{event} {arguments[1:] if event.endswith(('connect', 'sendto')) else arguments}\\n")
sys.addaudithook(note)
"""


def test_no_connection_leaves_the_process_at_a_start(program: Program, tmp_path: Path) -> None:
    folder, tokens = older_folder("0010", program.data)
    asked = tmp_path / "asked"
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "ASKED": str(asked)}
    assert program.run("--version", data=False, env=env).stdout.startswith("prjobs ")
    check = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9))"
    program.run("-c", check, data=False, launcher=(), env=env)
    assert "127.0.0.1" in asked.read_text(), "the test sees connections"
    program.serve(env=env)
    program.new_job(tokens["alice"])
    assert program.fetch()
    assert program.stop()[0] == 0
    own = ("127.0.0.1", "::1", "0.0.0.0")
    assert [line for line in asked.read_text().splitlines() if not any(address in line for address in own)] == []
    assert folder.before_backups()
