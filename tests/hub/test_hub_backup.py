"""`prjobs backup` and `prjobs restore` on a hub, on a real PostgreSQL."""

import json
import os
import sqlite3
import threading
from contextlib import closing

import pytest

from prjobs.access.anchor import verify
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.cli.commands import run
from prjobs.jobs.states import UNREAD
from prjobs.upkeep.doctor import examine
from prjobs.upkeep.findings import NOTE
from prjobs.upkeep.inspection import open_read_only
from prjobs.upkeep.restore import SKIP, restore
from prjobs.upkeep.store_rows import FileCopy
from tests import verbs
from tests.hub.fault_proxy import FaultProxy
from tests.hub.stores import everything, in_database, in_file
from tests.postgres import driver
from tests.program import KILLED, Program

driver()

from prjobs.store.postgres import connect  # noqa: E402
from prjobs.upkeep.hub_backup import Hub, make_hub_backup, restore_hub, restore_in_place  # noqa: E402
from prjobs.upkeep.moving import move_to_database  # noqa: E402
from prjobs.upkeep.store_rows import DatabaseCopy  # noqa: E402
from tests.hub.opening import closed, opened, starts  # noqa: E402
from tests.hub.stores import wish, without_marks  # noqa: E402


@pytest.fixture
def hub(tmp_path, postgres_url):
    """A hub with rows in every table; the file that the store left is there for comparisons."""
    folder = everything(tmp_path / "data")
    move_to_database(wish(folder, postgres_url))
    return Hub(folder, postgres_url, Clock())


def like(hub):
    return hub.folder.path / "prjobs.sqlite3.moved"


def audit_of(hub):
    with closing(connect(hub.url)) as connection:
        return verify(DatabaseCopy(connection).fetch, hub.folder.path)[0]


def test_a_backup_is_of_one_moment_while_the_hub_serves(hub, tmp_path):
    appliance = opened(hub.folder, hub.url)
    stop, sent = threading.Event(), []

    def send():
        while not stop.is_set():
            sent.append(verbs.submit(appliance))

    thread = threading.Thread(target=send)
    thread.start()
    target = tmp_path / "one.sqlite3"
    try:
        while len(sent) < 5:
            pass
        made = make_hub_backup(hub, target)
        after = len(sent)
    finally:
        stop.set()
        thread.join()
        closed(appliance, hub.folder)
    found = in_file(target)
    assert made.jobs == len(found["job"]) and after > 5
    # Each job is there with the row of the log that was written with the job.
    known = {row[1] for row in found["change"]}
    newest = max(row[0] for row in found["job"])
    assert {row[0] for row in found["job"] if row[0] > newest - 5} <= known
    assert [path.name for path in tmp_path.iterdir() if ".new" in path.name] == []
    # The same file without a hub.
    alone = Folder(tmp_path / "alone")
    done = restore(alone, target, Clock())
    assert done.jobs == made.jobs and starts(alone) is True


def test_a_backup_has_every_row_and_refuses_to_overwrite(hub, tmp_path):
    target = tmp_path / "one.sqlite3"
    make_hub_backup(hub, target)
    assert in_file(target) == in_file(like(hub))
    with pytest.raises(Unusable, match="never overwrites"):
        make_hub_backup(hub, target)


@pytest.mark.slow
def test_a_restore_cancels_what_waits_and_gives_no_number_twice(hub, tmp_path):
    appliance = opened(hub.folder, hub.url)
    waiting = verbs.submit(appliance)
    closed(appliance, hub.folder)
    target = tmp_path / "one.sqlite3"
    make_hub_backup(hub, target)
    appliance = opened(hub.folder, hub.url)
    lost = verbs.submit(appliance)
    (cursor,) = appliance.queue.database.fetch("SELECT max(seq) FROM change")[0]
    verbs.make_token(appliance, "lost")
    with pytest.raises(Unusable, match="is in use by"):
        restore_hub(hub, target)
    closed(appliance, hub.folder)
    before = in_database(hub.url, like(hub))
    done = restore_hub(hub, target)
    assert done.cancelled >= 1 and done.are_locks_known and not done.needs_secret
    assert without_marks(in_file(done.replaced)) == without_marks(before)
    now = {row[1]: row for row in in_database(hub.url, like(hub))["job"]}
    assert lost.ulid not in now and "CANCELLED" in now[waiting.ulid] and UNREAD not in now[waiting.ulid]
    assert not audit_of(hub).finding
    appliance = opened(hub.folder, hub.url)
    later = verbs.submit(appliance)
    assert later.ulid > lost.ulid and later.seq > lost.seq
    assert appliance.queue.database.fetch("SELECT min(seq) FROM change WHERE job_seq = ?", (later.seq,))[0][0] > cursor
    assert [row.ulid for row in verbs.take(appliance)] == [later.ulid]
    closed(appliance, hub.folder)


@pytest.mark.long
def test_a_restore_into_a_new_database(hub, tmp_path, postgres_server):
    target = tmp_path / "one.sqlite3"
    make_hub_backup(hub, target)
    with postgres_server.database() as url:
        done = restore_hub(Hub(hub.folder, url, Clock()), target)
        assert done.replaced is None and not done.are_locks_known
        assert starts(hub.folder, url) is True


def test_a_backup_of_another_appliance_or_no_backup_is_refused(hub, tmp_path):
    other = everything(tmp_path / "other")
    (tmp_path / "text").write_text("no database")
    before = in_database(hub.url, like(hub))
    identity = (other.path / "identity.json").read_text()
    with closing(open_read_only(other.database)) as connection:
        assert FileCopy(connection).fetch("SELECT value FROM fact WHERE name = 'identity'")[0][0] in identity
    with closing(sqlite3.connect(other.database)) as connection, connection:
        connection.execute("UPDATE fact SET value = 'another' WHERE name = 'identity'")
    for source in (other.database, tmp_path / "text", tmp_path / "nothing"):
        with pytest.raises(Unusable):
            restore_hub(hub, source)
    assert in_database(hub.url, like(hub)) == before


@pytest.mark.long
@pytest.mark.parametrize("text", [b"COPY token", b"COMMIT"])
def test_a_broken_connection_leaves_the_database_as_before(hub, tmp_path, postgres_server, text):
    target = tmp_path / "one.sqlite3"
    make_hub_backup(hub, target)
    before, proxy = in_database(hub.url, like(hub)), FaultProxy(postgres_server.port)
    try:
        proxy.cut_at, proxy.before = text, True
        with pytest.raises(Unusable, match="cannot be used"):
            restore_hub(Hub(hub.folder, proxy.url(hub.url), Clock()), target)
    finally:
        proxy.stop()
    assert in_database(hub.url, like(hub)) == before
    assert starts(hub.folder, hub.url) is True


def test_a_database_that_was_set_back_is_made_safe_in_place(hub, postgres_server):
    """A copy of the database takes the place of the database, as after the restore of a base backup."""
    appliance = opened(hub.folder, hub.url)
    waiting = verbs.submit(appliance)
    closed(appliance, hub.folder)
    name = hub.url.rpartition("/")[2]
    postgres_server.execute(f"CREATE DATABASE earlier TEMPLATE {name}")
    try:
        appliance = opened(hub.folder, hub.url)
        lost = verbs.submit(appliance)
        closed(appliance, hub.folder)
        earlier = Hub(hub.folder, hub.url.replace(name, "earlier"), Clock())
        before = in_database(earlier.url, like(hub))
        assert "was set back" in starts(hub.folder, earlier.url)
        done = restore_in_place(earlier)
        assert done.cancelled >= 1 and not done.are_locks_known
        now = in_database(earlier.url, like(hub))
        assert all(now["numbers"][table] > number + SKIP - 1 for table, number in before["numbers"].items())
        assert not [row for row in now["job"] if UNREAD in row] and not now["lease"]
        assert not audit_of(earlier).finding
        assert json.loads((hub.folder.path / "identity.json").read_text())["last_ulid"] == lost.ulid
        appliance = opened(hub.folder, earlier.url)
        later = verbs.submit(appliance)
        assert later.ulid > lost.ulid > waiting.ulid and later.seq > lost.seq
        assert [row.ulid for row in verbs.take(appliance)] == [later.ulid]
        closed(appliance, hub.folder)
    finally:
        postgres_server.execute("DROP DATABASE earlier WITH (FORCE)")


# ---- a restore that is killed

NOTED, COMMITTED = "restore_noted", "restore_committed"


def restoring(hub, plan, *words):
    env = {**os.environ, "PRJOBS_STORE_URL": hub.url, "PRJOBS_FAIL": plan}
    return Program(hub.folder.path).run("restore", *words, env=env)


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", ["restore_copied", *(pytest.param(name, marks=pytest.mark.long) for name in (NOTED, COMMITTED))]
)
def test_a_killed_restore_leaves_the_old_or_the_new_store_whole(hub, tmp_path, point):
    target = tmp_path / "one.sqlite3"
    make_hub_backup(hub, target)
    appliance = opened(hub.folder, hub.url)
    later = verbs.submit(appliance)
    closed(appliance, hub.folder)
    before = in_database(hub.url, like(hub))
    assert restoring(hub, f"{point}:1", str(target)).returncode == KILLED
    now = in_database(hub.url, like(hub))
    if point == COMMITTED:
        assert later.ulid not in {row[1] for row in now["job"]}
    else:
        assert now == before
    assert [one.level for one in examine(hub.folder, Clock()) if one.check == "restore"] == [NOTE]
    # A half copy never has the name of a backup.
    whole = list(hub.folder.backups.glob("*.sqlite3"))
    assert len(whole) == (0 if point == "restore_copied" else 1)
    assert all(without_marks(in_file(path)) == without_marks(before) for path in whole)
    assert starts(hub.folder, hub.url) is True
    done = restoring(hub, "", str(target))
    assert done.returncode == 0, done.stderr
    now = in_database(hub.url, like(hub))
    assert {row[1] for row in now["job"]} == {row[1] for row in in_file(target)["job"]}
    kept = [in_file(path) for path in hub.folder.backups.glob("*.sqlite3")]
    assert any(later.ulid in {row[1] for row in found["job"]} for found in kept)
    assert not audit_of(hub).finding
    assert not [one for one in examine(hub.folder, Clock()) if one.check == "restore"]
    left = {path.name for path in (*hub.folder.path.iterdir(), *hub.folder.backups.iterdir())}
    assert not [name for name in left if "restoring" in name or ".new" in name]
    appliance = opened(hub.folder, hub.url)
    again = verbs.submit(appliance)
    assert again.ulid > later.ulid and again.seq > later.seq
    closed(appliance, hub.folder)


@pytest.mark.long
@pytest.mark.parametrize("point", [NOTED, COMMITTED])
def test_a_killed_restore_in_place_is_done_or_asked_for_again(hub, point):
    appliance = opened(hub.folder, hub.url)
    waiting = verbs.submit(appliance)
    closed(appliance, hub.folder)
    # The folder saw a change that the database lost.
    identity = hub.folder.identity()
    hub.folder.write_identity({**identity, "last_seq": identity["last_seq"] + 1})
    before = in_database(hub.url, like(hub))
    assert restoring(hub, f"{point}:1", "--in-place").returncode == KILLED
    if point == NOTED:
        assert in_database(hub.url, like(hub)) == before
        assert "Run `prjobs restore --in-place`" in starts(hub.folder, hub.url)
    else:
        assert starts(hub.folder, hub.url) is True
    done = restoring(hub, "", "--in-place")
    assert done.returncode == 0, done.stderr
    assert not audit_of(hub).finding
    appliance = opened(hub.folder, hub.url)
    later = verbs.submit(appliance)
    assert later.ulid > waiting.ulid and [row.ulid for row in verbs.take(appliance)] == [later.ulid]
    closed(appliance, hub.folder)


@pytest.mark.long
def test_the_commands(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PRJOBS_STORE_URL", hub.url)
    data, target = ("--data", str(hub.folder.path)), tmp_path / "one.sqlite3"
    assert run(["backup", str(target), *data]) == 0
    assert capsys.readouterr().out.strip() == str(target)
    assert run(["restore", str(target), *data]) == 0
    said = capsys.readouterr().out
    assert f"The database of store_url is now a copy of {target}" in said and "The store from before is kept in" in said
    assert run(["restore", "--in-place", *data]) == 0
    assert "is safe to start" in capsys.readouterr().out
    for words in (["restore"], ["restore", str(target), "--in-place"]):
        assert run([*words, *data]) == 1
        assert "one of both" in capsys.readouterr().err
    monkeypatch.delenv("PRJOBS_STORE_URL")
    assert run(["restore", "--in-place", *data]) == 1
    assert "for the database of a hub" in capsys.readouterr().err
    # A restore beside the hub would make a second store that starts.
    assert run(["restore", str(target), *data]) == 1
    assert "is in the database" in capsys.readouterr().err
