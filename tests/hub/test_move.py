"""`prjobs move`: the store between a data folder and a database on a real PostgreSQL."""

import json
import os
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.moves import LEFT
from prjobs.store.schema import MIGRATIONS
from prjobs.upkeep.doctor import examine
from prjobs.upkeep.findings import NOTE, WRONG
from tests.disks import mounted
from tests.hub.fault_proxy import FaultProxy
from tests.hub.stores import everything, in_database, in_file, wish, without_marks
from tests.postgres import driver
from tests.program import KILLED, Program
from tests.terminal import on_a_terminal

driver()

from prjobs.store.hub import open_hub  # noqa: E402
from prjobs.upkeep.moving import move_to_database  # noqa: E402
from prjobs.upkeep.moving_back import move_to_folder  # noqa: E402
from tests import verbs  # noqa: E402
from tests.hub.opening import asked, closed, opened, starts  # noqa: E402


@pytest.fixture
def stored(tmp_path):
    return everything(tmp_path / "data")


def test_a_store_moves_there_and_back_and_every_table_is_equal(stored, postgres_url):
    before = in_file(stored.database)
    assert all(before.values()), "a table without rows tests nothing"
    done = move_to_database(wish(stored, postgres_url))
    assert (done.jobs, done.finished) == (len(before["job"]), False)
    assert Path(done.kept) == stored.path / "prjobs.sqlite3.moved" and not stored.database.exists()
    assert in_file(Path(done.kept)) == before
    assert in_database(postgres_url, Path(done.kept)) == before
    back = move_to_folder(wish(stored, postgres_url), stored)
    assert (back.jobs, back.where) == (done.jobs, str(stored.path))
    assert in_file(stored.database) == before


def test_of_both_stores_only_one_starts(stored, postgres_url, tmp_path):
    move_to_database(wish(stored, postgres_url))
    said = starts(stored)
    assert "set store_url" in said and f'prjobs move --to "{stored.path}"' in said
    assert starts(stored, postgres_url) is True
    second = Folder(tmp_path / "second")
    second.create()
    second.secret(Clock())
    assert "is not that of the hub" in starts(second, postgres_url)
    shutil.copy(stored.path / "secret", second.path / "secret")
    # A second process of the hub has a folder of its own.
    assert starts(second, postgres_url) is True
    move_to_folder(wish(stored, postgres_url), stored)
    assert starts(stored) is True
    for folder in (stored, second):
        assert f"left the database of store_url for the folder {stored.path.resolve()}" in starts(folder, postgres_url)
    assert "is missing or empty" in starts(second)


def test_ids_numbers_cursors_and_tokens_go_on(stored, postgres_url, tmp_path):
    secret = (stored.path / "secret").read_text()
    before = in_file(stored.database)
    last = json.loads((stored.path / "identity.json").read_text())["last_ulid"]
    move_to_database(wish(stored, postgres_url))
    appliance = opened(stored, postgres_url)
    row = verbs.submit(appliance)
    assert row.ulid > last and row.seq == before["numbers"]["job"] + 1
    (seq,) = appliance.queue.database.fetch("SELECT max(seq) FROM change")[0]
    assert seq > before["numbers"]["change"] == 400
    verbs.make_token(appliance, "ann")
    closed(appliance, stored)
    middle = in_database(postgres_url, stored.path / "prjobs.sqlite3.moved")
    assert middle["audit"][-1][0] == before["numbers"]["audit"] + 1
    new = Folder(tmp_path / "new")
    move_to_folder(wish(stored, postgres_url), new)
    assert (new.path / "secret").read_text() == secret
    assert without_marks(in_file(new.database)) == without_marks(middle)
    appliance = opened(new)
    later = verbs.submit(appliance)
    assert later.ulid > row.ulid and later.seq == row.seq + 1
    closed(appliance, new)


def test_a_dry_run_changes_nothing(stored, postgres_url):
    before = in_file(stored.database)
    files = sorted(path.name for path in stored.path.iterdir())
    done = move_to_database(wish(stored, postgres_url, dry_run=True))
    assert done.jobs == len(before["job"]) and not done.kept
    assert asked(postgres_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    assert (
        sorted(path.name for path in stored.path.iterdir() if path.name != "lock") == files
        and in_file(stored.database) == before
    )
    assert starts(stored) is True


def test_a_database_in_use_is_refused_by_the_name_of_the_table(stored, postgres_url, tmp_path):
    other = everything(tmp_path / "other")
    move_to_database(wish(other, postgres_url))
    with pytest.raises(Unusable, match=r"is in use: table job has \d+ rows\. Choose an empty one"):
        move_to_database(wish(stored, postgres_url))
    move_to_folder(wish(other, postgres_url), other)
    with pytest.raises(Unusable, match="what a store left behind"):
        move_to_database(wish(stored, postgres_url))
    assert starts(stored) is True and starts(other) is True


def test_an_empty_store_of_a_hub_is_filled(stored, postgres_url, tmp_path):
    """A hub was started once before its first jobs came."""
    (tmp_path / "hub").mkdir()
    assert starts(Folder(tmp_path / "hub"), postgres_url) is True
    before = in_file(stored.database)
    move_to_database(wish(stored, postgres_url))
    assert in_database(postgres_url, stored.path / "prjobs.sqlite3.moved") == before


def test_a_database_with_a_living_process_is_refused(stored, postgres_url, tmp_path):
    (tmp_path / "hub").mkdir()
    appliance = opened(Folder(tmp_path / "hub"), postgres_url)
    with pytest.raises(Unusable, match=r"is in use by http://127.0.0.1:1: stop all processes"):
        move_to_database(wish(stored, postgres_url))
    with pytest.raises(Unusable, match=r"is in use by http://127.0.0.1:1: stop all processes"):
        move_to_folder(wish(Folder(tmp_path / "hub"), postgres_url), Folder(tmp_path / "new"))
    closed(appliance, Folder(tmp_path / "hub"))
    assert starts(stored) is True


def harmed(folder, sql, *values):
    with closing(sqlite3.connect(folder.database)) as connection, connection:
        connection.execute(sql, values)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE job SET user_name = 'a' || char(0) WHERE seq = 2", "user_name holds the character NUL"),
        ("UPDATE job SET note = CAST(x'ff41' AS TEXT) WHERE seq = 2", "note is no UTF-8"),
        ("UPDATE job SET attempts = 'many' WHERE seq = 2", "attempts is no whole number"),
        ("UPDATE job SET device = x'00' WHERE seq = 2", "device holds the character NUL"),
        ("UPDATE job SET required_params = '[]' WHERE seq = 2", "differs from its checksum"),
    ],
)
def test_rows_that_postgresql_cannot_store_and_damaged_ones_are_refused_by_name(stored, postgres_url, sql, said):
    harmed(stored, sql)
    (ulid,) = {row[1] for row in in_file_loosely(stored.database) if row[0] == 2}
    with pytest.raises(Unusable, match=f"job {ulid}.*{said}"):
        move_to_database(wish(stored, postgres_url))
    assert asked(postgres_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def in_file_loosely(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT seq, ulid FROM job").fetchall()


def test_a_changed_audit_is_refused(stored, postgres_url):
    harmed(stored, "DROP TRIGGER audit_unchanged")
    harmed(stored, "UPDATE audit SET who = 'somebody' WHERE seq = 2")
    with pytest.raises(Unusable, match="Row 2 was changed"):
        move_to_database(wish(stored, postgres_url))
    assert starts(stored) is True


def test_a_schema_of_a_newer_version_is_refused_and_an_older_one_upgraded(stored, postgres_url):
    open_hub(postgres_url, "")
    asked(postgres_url, "INSERT INTO schema_migration (name, applied) VALUES ('9999_new', CURRENT_TIMESTAMP)")
    with pytest.raises(Unusable, match="newer prjobs"):
        move_to_database(wish(stored, postgres_url))
    assert starts(stored) is True


@pytest.fixture
def newer(tmp_path, monkeypatch):
    """A version with one more migration."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    (folder / "9999_further.py").write_text(
        "from prjobs.store.dialect import spelled\n\n\ndef up(migrator, db):\n"
        "    db.execute_sql(spelled('CREATE TABLE further (id {key}, count {int} NOT NULL, name {text})', db))\n"
    )

    def use():
        for module in ("store.schema", "store.hub", "upkeep.store_rows", "upkeep.inspection"):
            monkeypatch.setattr(f"prjobs.{module}.MIGRATIONS", folder)

    return use


def test_stores_of_an_older_version_are_upgraded_but_by_no_dry_run(stored, postgres_url, newer):
    open_hub(postgres_url, "").close()
    newer()
    with pytest.raises(Unusable, match="a dry run changes nothing"):
        move_to_database(wish(stored, postgres_url, dry_run=True))
    assert "further" not in in_file(stored.database)
    move_to_database(wish(stored, postgres_url))
    kept = stored.path / "prjobs.sqlite3.moved"
    assert asked(postgres_url, "SELECT count(*) FROM further") == [(0,)]
    assert in_database(postgres_url, kept) == in_file(kept) and "further" in in_file(kept)
    assert list(stored.backups.glob("before-9999-*"))


@pytest.mark.long
def test_commands_without_a_server_say_where_the_store_is(stored, postgres_url):
    move_to_database(wish(stored, postgres_url))
    program = Program(stored.path)
    for words in (("token", "list"), ("token", "create", "--user", "ann"), ("doctor",)):
        done = program.run(*words)
        assert done.returncode == 1 and "is in the database" in done.stdout + done.stderr, words
    done = program.run("token", "list", env={**os.environ, "PRJOBS_STORE_URL": postgres_url})
    assert done.returncode == 0 and "auth0|alice" in done.stdout


# ---- crashes


def moved(program, to, plan="", **environment):
    env = {**os.environ, **environment, "PRJOBS_FAIL": plan}
    return program.run("move", "--to", str(to), env=env)


def told(folder, monkeypatch, url=""):
    """Return the levels of the doctor's findings on a move that was cut off: for the folder, and for the database."""
    with monkeypatch.context() as environment:
        if url:
            environment.setenv("PRJOBS_STORE_URL", url)
        found = [one for one in examine(folder, Clock()) if one.check in ("move", "joining", "store")]
    assert all("Run the same `prjobs move` command again" in one.sentence for one in found if one.check == "move")
    cut_off = [one for one in found if one.check == "move" or "was interrupted" in one.sentence]
    return [(one.check, one.level) for one in cut_off]


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        *(pytest.param(name, marks=pytest.mark.long) for name in ("move_filled", "move_committed", "move_named")),
        "move_finished",
    ],
)
def test_after_a_kill_one_store_is_the_truth_and_the_command_finishes_the_move(
    stored, postgres_url, point, monkeypatch
):
    program, before = Program(stored.path), in_file(stored.database)
    assert moved(program, postgres_url, f"{point}:1").returncode == KILLED
    is_named = point in ("move_named", "move_finished")
    assert told(stored, monkeypatch) == ([("move", WRONG)] if is_named else [])
    if point != "move_filled":
        assert told(stored, monkeypatch, postgres_url) == [("move", NOTE) if is_named else ("joining", WRONG)]
    here, there = starts(stored), starts(stored, postgres_url) if point != "move_filled" else "empty"
    if point in ("move_filled", "move_committed"):
        assert here is True and there is not True
        before = in_file(stored.database)
    else:
        assert here is not True and there is True
    done = moved(program, postgres_url)
    assert done.returncode == 0, done.stderr
    kept = stored.path / "prjobs.sqlite3.moved"
    assert in_file(kept) == before and not stored.database.exists()
    assert told(stored, monkeypatch) == told(stored, monkeypatch, postgres_url) == []
    found = in_database(postgres_url, kept)
    assert without_marks(found, "arriving") == without_marks(before)
    assert starts(stored) is not True and starts(stored, postgres_url) is True


@pytest.mark.long
@pytest.mark.parametrize("point", ["move_filled", "move_committed", "move_finished"])
@pytest.mark.parametrize("place", ["same folder", "new folder"])
def test_after_a_kill_on_the_way_back_the_same_holds(stored, postgres_url, point, place, tmp_path, monkeypatch):
    move_to_database(wish(stored, postgres_url))
    to = stored if place == "same folder" else Folder(tmp_path / "new")
    program = Program(stored.path)
    before = in_database(postgres_url, stored.path / "prjobs.sqlite3.moved")
    assert moved(program, to.path, f"{point}:1", PRJOBS_STORE_URL=postgres_url).returncode == KILLED
    assert "in the database" in starts(to)
    assert told(to, monkeypatch) == [("move", WRONG)]
    if point == "move_filled":
        assert starts(stored, postgres_url) is True
    else:
        assert "left the database" in starts(stored, postgres_url)
    done = moved(program, to.path, PRJOBS_STORE_URL=postgres_url)
    assert done.returncode == 0, done.stderr
    assert without_marks(in_file(to.database)) == without_marks(before)
    assert told(to, monkeypatch) == []
    assert starts(to) is True and "left the database" in starts(stored, postgres_url)


# ---- the way to the database, and the disk


@pytest.fixture
def spoiled(postgres_server, postgres_url):
    """A way to the database that can be cut, and the address of the database by this way."""
    proxy = FaultProxy(postgres_server.port)
    yield proxy, proxy.url(postgres_url)
    proxy.stop()


@pytest.mark.long
@pytest.mark.parametrize(("text", "before"), [(b"COPY token", True), (b"COMMIT", True), (b"COMMIT", False)])
def test_a_broken_connection_leaves_the_store_in_the_folder(stored, postgres_url, spoiled, text, before):
    proxy, way = spoiled
    found = in_file(stored.database)
    proxy.cut_at, proxy.before = text, before
    with pytest.raises(Unusable, match="cannot be used"):
        move_to_database(wish(stored, way))
    proxy.cut_at = b""
    assert in_file(stored.database) == found and starts(stored) is True
    found = in_file(stored.database)
    assert move_to_database(wish(stored, way)).jobs == len(found["job"])
    assert in_database(postgres_url, stored.path / "prjobs.sqlite3.moved") == found


@pytest.mark.long
@pytest.mark.parametrize(("text", "before"), [(b"FROM token", True), (b"COMMIT", True), (b"COMMIT", False)])
def test_on_the_way_back_it_leaves_one_store_as_well(stored, postgres_url, spoiled, text, before, tmp_path):
    proxy, way = spoiled
    move_to_database(wish(stored, postgres_url))
    found, new = in_file(stored.path / "prjobs.sqlite3.moved"), Folder(tmp_path / "new")
    proxy.cut_at, proxy.before = text, before
    with pytest.raises(Unusable, match="cannot be used"):
        move_to_folder(wish(stored, way), new)
    proxy.cut_at = b""
    assert "is in the database" in starts(new)
    # Only an answer to COMMIT that got lost leaves the database behind.
    assert (LEFT in dict(asked(postgres_url, "SELECT name, value FROM fact"))) is (text == b"COMMIT" and not before)
    assert move_to_folder(wish(stored, way), new).jobs == len(found["job"])
    assert in_file(new.database) == found


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mount")
def test_a_full_disk_leaves_the_store_in_the_database(stored, postgres_url, tmp_path):
    move_to_database(wish(stored, postgres_url))
    new = Folder(tmp_path / "small")
    new.path.mkdir()
    with mounted(new.path, "size=200k"):
        with pytest.raises(Unusable, match="disk is full"):
            move_to_folder(wish(stored, postgres_url), new)
        assert not [path for path in new.path.iterdir() if path.name.startswith(("moving", "identity", "prjobs"))]
    assert starts(stored, postgres_url) is True


@pytest.mark.long
def test_another_folder_is_never_overwritten(stored, postgres_url, tmp_path):
    other = everything(tmp_path / "other")
    (other.path / "identity.json").write_text(json.dumps({"identity": "another", "demo": False}))
    move_to_database(wish(stored, postgres_url))
    with pytest.raises(Unusable, match="holds a store already"):
        move_to_folder(wish(stored, postgres_url), other)
    other.database.unlink()
    with pytest.raises(Unusable, match="is of another appliance"):
        move_to_folder(wish(stored, postgres_url), other)
    keyed = Folder(tmp_path / "keyed")
    keyed.create()
    keyed.secret(Clock())
    with pytest.raises(Unusable, match="has another secret"):
        move_to_folder(wish(stored, postgres_url), keyed)
    assert starts(stored, postgres_url) is True


# ---- the command


STEPS = ["Checking the file for damage", "Checking each row", "Copying the store", "Checking the copy"]
STEPS += ["Checking each job", "Checking the audit"]


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="Windows has no pty")
def test_the_command_shows_its_steps_on_a_terminal_and_nothing_in_a_pipe(stored, postgres_url):
    program, words = Program(stored.path), ("move", "--to", postgres_url, "--dry-run")
    code, output, shown = on_a_terminal(program, words)
    assert code == 0 and "Nothing was changed." in output, (output, shown)
    for name in STEPS:
        assert re.search(rf"{name}: (\d+ %, )?\d+ s", shown), (name, shown)
    assert shown.rstrip("\r\n").rpartition("\r")[2].strip() == "" and "\n" not in shown
    done = program.run(*words, "--json")
    said = json.loads(done.stdout)
    assert done.stderr == "" and said["dry_run"] is True and said["jobs"] > 5 and said["where"].startswith("test_")


@pytest.mark.long
@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("mysql://db/prjobs", "is no database that prjobs knows"),
        ("postgresql://nobody:secret@[::1/prjobs", "The address of the database cannot be read"),
        ("postgresql://nobody:sec%ret@db/secret", "The address of the database cannot be read"),
        ("", "name a database or a folder"),
        ("somewhere", "set store_url to name the database"),
        ("postgresql://nobody:secret@127.0.0.1:1/prjobs", "prjobs at 127.0.0.1 cannot be used"),
    ],
)
def test_a_wrong_target_is_refused_without_its_password(stored, to, said):
    done = Program(stored.path).run("move", "--to", to)
    assert done.returncode == 1 and said in done.stderr and "sec" not in done.stderr
    assert starts(stored) is True
