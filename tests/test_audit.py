"""The audit: what is recorded, and that whatever is done to the file is found and named."""

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import tracemalloc
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from prjobs.access import anchor, audit, audit_notes
from prjobs.access.audit import Actor, Entry
from prjobs.access.chain import START, Anchor, digest
from prjobs.access.identity import Identity
from prjobs.base.errors import Conflict
from prjobs.base.limits import OTHERS, Quota
from prjobs.base.settings import Settings
from prjobs.cli import audit as command
from prjobs.jobs import submission
from prjobs.jobs.requests import Command
from prjobs.store.models import Audit, AuditRow
from prjobs.store.schema import open_database
from prjobs.store.sqlite import FileConnection
from prjobs.store.transaction import Transaction
from prjobs.upkeep.backup import make_backup
from tests import stores

ALICE = Actor("auth0|alice", "127.0.0.1:50000 token a1")
ANN = Actor("auth0|ann", "10.0.0.7:50000 token b2", is_staff=True)

# As it stands in the manual.
CHECK = """
import hashlib, json

previous = "0" * 64
for line in open("audit.jsonl", encoding="utf-8"):
    row = json.loads(line)
    claimed = row.pop("hash")
    text = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == claimed, f"row {row['seq']} was changed"
    assert row["previous"] == previous, f"before row {row['seq']} a row was changed or removed"
    previous = claimed
print(f"unbroken; newest {row['seq']}:{previous}")
"""


def record(appliance, count=1, **texts):
    for _ in range(count):
        entry = Entry(**{"who": "ann", "what": "newjob", "target": "ulid", "where_from": "127.0.0.1:5", **texts})
        appliance.queue.database.write(audit.record, appliance.queue.clock.now_ms(), entry)


def rows(appliance):
    appliance.queue.database.write(lambda transaction: None)  # what was posted before is there now
    return list(audit.list_rows(appliance.queue.database.fetch))


def verify(folder, *anchors):
    with reading(folder) as fetch:
        return anchor.verify(fetch, folder.path, anchors)[0]


@contextmanager
def reading(folder):
    """A reader of the store, as the command has it."""
    if not stores.on_postgresql():
        with command._store(folder) as fetch:
            yield fetch
        return
    with closing(stores.engine(folder.path, stores.placed(folder.path, Settings()))) as engine:
        yield engine.fetch


def tamper(folder, *statements):
    """Somebody with the file and sqlite3, or with the password of the database."""
    with stores.intruding(folder.path) as connection:
        for statement in statements:
            if callable(statement):
                statement(connection)
            else:
                connection.execute(statement)


def rehash(*seqs):
    """Statement for `tamper`: give these rows hashes that are right again."""

    def run(connection):
        store = connection.execute("SELECT value FROM fact WHERE name = 'identity'").fetchone()[0]
        for seq in seqs:
            row = AuditRow(*connection.execute("SELECT * FROM audit WHERE seq = ?", (seq,)).fetchone())
            before = connection.execute("SELECT hash FROM audit WHERE seq < ? ORDER BY seq DESC", (seq,)).fetchone()
            row = row._replace(previous=before[0] if before else START.hash)
            values = (row.previous, digest(store, row), seq)
            connection.execute("UPDATE audit SET previous = ?, hash = ? WHERE seq = ?", values)

    return run


@pytest.fixture
def ten(appliance, folder):
    """An appliance with ten rows, its anchor at the last."""
    anchor.save_anchor(appliance.desk)
    for number in range(10):
        record(appliance, target=f"job {number}", detail="Ünïcode   and \x00 and 🔭")
        appliance.queue.clock.advance(1)
    anchor.save_anchor(appliance.desk)
    return appliance


# ---- what is recorded


def test_a_row_is_one_with_its_act(ten):
    def act(transaction):
        audit.record(transaction, ten.queue.clock.now_ms(), Entry("ann", "cancel", "x", "here"))
        raise Conflict("no")

    with pytest.raises(Conflict):
        ten.queue.database.write(act)
    record(ten)
    assert [row.seq for row in rows(ten)] == list(range(1, 12))
    assert verify_ok(ten)


def verify_ok(appliance):
    return anchor.verify(appliance.queue.database.fetch, appliance.queue.folder)[0].seq is None


def test_the_table_is_the_one_of_the_models(appliance):
    columns = stores.columns(appliance, "audit")
    assert columns == list(AuditRow._fields) == [field.column_name for field in Audit._meta.sorted_fields]


def test_our_own_code_can_only_add(ten):
    for sql in ("UPDATE audit SET who = 'x'", "DELETE FROM audit"):
        with pytest.raises(ten.queue.database.engine.errors, match="rows of the audit are never"):
            ten.queue.database.write(lambda transaction, sql=sql: transaction.execute(sql))
    assert len(rows(ten)) == 10


def test_texts_are_cut_and_made_fit(appliance):
    record(appliance, who="w" * 5000, detail="\ud800\0" + "d" * 5000)
    (row,) = rows(appliance)
    assert (len(row.who), len(row.detail), row.detail[:3]) == (200, 1000, "?\ufffdd")


JOB = {"instance": "i1", "user_name": "", "user_roles": "[]", "optional_params": "{}"}


def job(appliance, device, action, actor, **parts):
    values = {**JOB, "user_id": "auth0|alice", "required_params": '{"mode": "off"}', **parts}
    return submission.submit_job(
        appliance.queue, Command(site="saf", device=device, action=action, values={}, **values), actor
    )


@pytest.mark.parametrize(
    ("device", "action", "actor", "is_recorded"),
    [
        ("camera", "expose", ALICE, False),
        ("camera", "expose", ANN, True),
        ("enclosure", "open", ALICE, True),
        ("enclosure", "close", ALICE, True),
        ("Enclosure", "anything", ALICE, True),
        ("obs", "configure_sun_safety", ALICE, True),
        ("all", "observatory_restart", ALICE, True),
        ("mount", "stop", ALICE, False),
    ],
)
def test_staff_roof_safety_and_restart_are_recorded(appliance, device, action, actor, is_recorded):
    row = job(appliance, device, action, actor)
    found = [(one.who, one.what, one.target, one.where_from) for one in rows(appliance)]
    assert found == [(actor.who, "newjob", row.ulid, actor.where_from)] * is_recorded


def test_it_says_what_was_sent_and_in_whose_name(appliance):
    for actor in (ALICE, ANN):
        job(appliance, "obs", "configure_sun_safety", actor)
    own, others = [one.detail for one in rows(appliance)]
    assert own == 'saf obs i1 configure_sun_safety {"mode": "off"}'
    assert others == 'saf obs i1 configure_sun_safety in the name of auth0|alice {"mode": "off"}'


def test_who_and_where_from():
    assert audit.actor_of(None, "10.0.0.1:5") == Actor("unknown", "10.0.0.1:5")
    assert audit.actor_of(Identity("u", "U", ("owner",), (), "ab"), "[::1]:5") == Actor(
        "u", "[::1]:5 token ab", is_staff=True
    )
    assert audit.actor_of(Identity("u", "U"), "::1") == Actor("u", "::1 a provider's token")


# ---- refusals, bounded


def refuse(appliance, count, peer="10.0.0.1:5", identity=None):
    for _ in range(count):
        audit_notes.note(appliance.desk, audit.refusal(audit.actor_of(identity, peer), "saf mount go", "No."))


def test_refusals_are_recorded_up_to_a_limit_and_the_rest_counted(appliance, clock):
    refuse(appliance, 100)
    refuse(appliance, 1, "10.0.0.2:7", Identity("bob", "Bob", (), (), "cd"))
    found = rows(appliance)
    assert len(found) == 11
    assert found[0][2:7] == ("unknown", "refused", "saf mount go", "10.0.0.1:5", "No.")
    assert found[-1][2:6] == ("bob", "refused", "saf mount go", "10.0.0.2:7 token cd")
    clock.advance(61)
    audit_notes.keep_once(appliance.desk)
    audit_notes.keep_once(appliance.desk)
    assert [row[2:] for row in rows(appliance)[11:]] == [
        (
            "unknown",
            "left out",
            "",
            "10.0.0.1",
            "90 more refusals within a minute",
            found[-1].hash,
            rows(appliance)[-1].hash,
        )
    ]
    refuse(appliance, 1)
    assert len(rows(appliance)) == 13


def test_refusals_that_go_on_all_night_are_recorded_up_to_a_limit_an_hour(appliance, clock):
    for _ in range(120):
        refuse(appliance, 20)
        clock.advance(60)
    clock.advance(3600)
    audit_notes.keep_once(appliance.desk)
    found = rows(appliance)
    assert len([row for row in found if row.what == "refused"]) == 120
    left_out = [int(row.detail.split()[0]) for row in found if row.what == "left out"]
    assert sum(left_out) == 120 * 20 - 120


def test_new_ports_and_endless_addresses_do_not_help(appliance):
    anchor.save_anchor(appliance.desk)
    object.__setattr__(appliance.desk, "refusals", Quota(limit=3, callers=5))
    for port in range(50):
        refuse(appliance, 1, f"10.0.0.1:{port}")
    for address in range(200):
        refuse(appliance, 1, f"fe80::{address:x}:5")
    assert len(rows(appliance)) == 3 + 4 + 3
    audit_notes.settle(appliance.desk)
    counted = {row.where_from: row.detail.split()[0] for row in rows(appliance) if row.what == "left out"}
    assert counted == {"10.0.0.1": "47", OTHERS: "193"}
    assert verify_ok(appliance)


def test_a_store_that_takes_nothing_refuses_no_refusal(appliance, caplog):
    appliance.queue.database.condition.lose("The file is gone.")
    refuse(appliance, 1)
    audit_notes.settle(appliance.desk)
    appliance.queue.database.condition.find()
    assert rows(appliance) == []
    assert "1 rows are missing from the audit" in caplog.text


def test_an_administrators_token_is_noted_once_an_hour_and_address(appliance, clock):
    admin, owner = Identity("root", "R", ("admin",), (), "ab"), Identity("own", "O", ("owner",), (), "cd")
    for peer in ("10.0.0.1:5", "10.0.0.1:6", "10.0.0.2:5"):
        audit_notes.note_use(appliance.desk, admin, peer)
        audit_notes.note_use(appliance.desk, owner, peer)
    clock.advance(3601)
    audit_notes.note_use(appliance.desk, admin, "10.0.0.1:5")
    found = [(row.who, row.what, row.target, row.where_from) for row in rows(appliance)]
    assert found == [
        ("root", "token use", "ab", f"{peer} token ab") for peer in ("10.0.0.1:5", "10.0.0.2:5", "10.0.0.1:5")
    ]


# ---- what is done to the file is found


def test_nothing_was_done(ten, folder):
    verdict = verify(folder)
    assert (verdict.rows, verdict.seq, verdict.last_ms - verdict.first_ms) == (10, None, 9000)
    assert verdict.newest == anchor.read_anchor(folder.path)


@pytest.mark.parametrize("column", [name for name in AuditRow._fields if name != "seq"])
@pytest.mark.parametrize(
    ("value", "seq"),
    [
        ("'7'", 1),
        ("'7'", 4),
        ("'7'", 10),
        *[
            pytest.param(value, 4, marks=pytest.mark.sqlite("stores a value of another type"))
            for value in ("x'00ff'", "CAST(x'ff41' AS TEXT)", "1.5")
        ],
    ],
)
def test_a_changed_column_is_found(ten, folder, column, value, seq):
    tamper(folder, f"UPDATE audit SET {column} = {value} WHERE seq = {seq}")
    verdict = verify(folder)
    assert (verdict.seq, verdict.rows) == (seq, seq - 1)
    assert verdict.finding == f"Row {seq} was changed."


# The highest number that was given.
GIVEN = (
    "UPDATE door SET last_audit = {}"
    if stores.on_postgresql()
    else "UPDATE sqlite_sequence SET seq = {} WHERE name = 'audit'"
)
FORGED = (
    "INSERT INTO audit SELECT {}, time_ms, 'forger', what, target, where_from, detail, previous, hash "
    "FROM audit WHERE seq = {}"
)
SWAP = "UPDATE audit SET seq = CASE seq WHEN -3 THEN 4 ELSE 3 END WHERE seq IN (-3, -4)"


@pytest.mark.parametrize(
    ("statements", "seq", "words"),
    [
        (["DELETE FROM audit WHERE seq = 1"], 1, "Row 1 was removed"),
        (["DELETE FROM audit WHERE seq = 4"], 4, "Row 4 was removed"),
        (["DELETE FROM audit WHERE seq IN (4, 5, 8)"], 4, "Rows 4 to 5 were removed"),
        (["DELETE FROM audit WHERE seq = 10"], 10, "Row 10 was removed: the newest"),
        (["DELETE FROM audit WHERE seq > 7"], 8, "Rows 8 to 10 were removed: the newest"),
        (["DELETE FROM audit WHERE seq > 7", GIVEN.format(7)], 8, "8 to 10"),
        (["DELETE FROM audit", GIVEN.format(0)], 1, "Rows 1 to 10 were removed"),
        (["UPDATE audit SET seq = -seq WHERE seq IN (3, 4)", SWAP], 3, "Row 3 was changed"),
        (["UPDATE audit SET seq = 70 WHERE seq = 7"], 7, "Row 7 was removed"),
        (["UPDATE audit SET seq = -seq", "UPDATE audit SET seq = 1 - seq"], 1, "Row 1 was removed"),
        (["DELETE FROM audit WHERE seq = 4", "UPDATE audit SET seq = seq - 1 WHERE seq > 4"], 4, "Row 4 was changed"),
        ([FORGED.format(0, 5)], 0, "Row 0 was added"),
        ([FORGED.format(-7, 5)], -7, "Row -7 was added"),
        ([FORGED.format(11, 5)], 11, "Row 11 was changed"),
        (
            [
                "UPDATE audit SET seq = -seq WHERE seq > 4",
                "UPDATE audit SET seq = 1 - seq WHERE seq < 0",
                FORGED.format(5, 6),  # what stood at 5 is at 6 now
            ],
            5,
            "Row 5 was changed",
        ),
        (["UPDATE audit SET who = 'x' WHERE seq = 4", rehash(4)], 4, "Row 4 was changed together with its hash"),
        (["UPDATE audit SET who = 'x' WHERE seq = 1", rehash(1)], 1, "Row 1 was changed together with its hash"),
        (["UPDATE audit SET who = 'x' WHERE seq = 10", rehash(10)], 10, "Row 10 does not match its anchor"),
        (["UPDATE audit SET who = 'x' WHERE seq = 4", rehash(*range(4, 11))], 10, "all was written anew"),
        (
            [
                "DELETE FROM audit WHERE seq < 5",
                "UPDATE audit SET seq = seq - 4",
                "UPDATE audit SET what = 'y'",
                rehash(1),
            ],
            2,
            "Row 2 was changed",
        ),
        (["UPDATE fact SET value = 'another' WHERE name = 'identity'"], 1, "Row 1 was changed"),
    ],
)
def test_whatever_is_done_is_found_and_named(ten, folder, statements, seq, words):
    tamper(folder, *statements)
    verdict = verify(folder)
    assert verdict.seq == seq
    assert words in verdict.finding


def test_a_first_row_that_was_cut_free_is_found(ten, folder):
    def cut(connection):
        store = connection.execute("SELECT value FROM fact WHERE name = 'identity'").fetchone()[0]
        row = AuditRow(*connection.execute("SELECT * FROM audit WHERE seq = 1").fetchone())._replace(previous="f" * 64)
        connection.execute("UPDATE audit SET previous = ?, hash = ? WHERE seq = 1", (row.previous, digest(store, row)))

    tamper(folder, cut)
    assert (verify(folder).seq, "names one before it" in verify(folder).finding) == (1, True)


def test_the_anchor_is_neither_lost_nor_made_to_fit(ten, folder):
    path = folder.path / anchor.ANCHOR_FILE
    for content in (None, "", "[]", '{"seq": "x"}', '{"seq": 10}'):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        tamper(folder, "DELETE FROM audit WHERE seq = 10", GIVEN.format(9))
        anchor.save_anchor(ten.desk)
        assert "audit verify" in ten.queue.notices.sentence("audit")
        assert (path.read_text() if path.exists() else None) == content
        assert (verify(folder).seq, "audit.json is missing" in verify(folder).finding) == (10, True)


def test_a_server_never_moves_the_anchor_over_a_gap(ten, folder):
    before = anchor.read_anchor(folder.path)
    tamper(folder, "DELETE FROM audit WHERE seq > 8", GIVEN.format(8))
    record(ten, 5)
    anchor.save_anchor(ten.desk)
    assert anchor.read_anchor(folder.path) == before
    assert "audit" in ten.queue.notices
    assert (verify(folder).seq, "does not match its anchor" in verify(folder).finding) == (10, True)


def test_a_row_known_from_elsewhere_is_asked_for(ten, folder):
    known = Anchor(6, rows(ten)[5].hash)
    assert verify(folder, known).seq is None
    tamper(folder, "UPDATE audit SET who = 'x' WHERE seq = 2", rehash(*range(2, 11)))
    (folder.path / anchor.ANCHOR_FILE).write_text(json.dumps(Anchor(10, rows(ten)[-1].hash)._asdict()))
    assert verify(folder).seq is None
    assert verify(folder, known).seq == 6


def test_an_anchor_that_cannot_be_written_is_said_and_ends_by_itself(ten, folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        record(ten)
        anchor.save_anchor(ten.desk)
    assert "the disk is full" in ten.queue.notices.sentence("audit")
    anchor.save_anchor(ten.desk)
    assert "audit" not in ten.queue.notices
    assert anchor.read_anchor(folder.path).seq == 11


# ---- restore


def restored(folder, backup, is_recorded):
    """What a restore does to the audit: the backup's rows, numbers that go on, and a row of its own."""
    entry = anchor.restore_entry(folder.path, backup)
    with closing(sqlite3.connect(folder.database)) as store:
        given = audit.highest_given(lambda sql, parameters: store.execute(sql, parameters).fetchall())
    for side in ("", "-wal", "-shm"):
        folder.database.with_name(f"{folder.database.name}{side}").unlink(missing_ok=True)
    folder.database.write_bytes(backup.read_bytes())
    with closing(sqlite3.connect(folder.database, factory=FileConnection)) as store:
        store.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit'", (given,))
        if is_recorded:
            audit.record(Transaction(store), 1_700_000_100_000, entry)
        store.commit()


@pytest.mark.sqlite("restores a backup of the file")
@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_restore_ends_the_chain_only_when_it_is_recorded(ten, folder, tmp_path, is_recorded):
    backup = make_backup(folder, tmp_path / "five.sqlite3").path
    record(ten, 5)
    anchor.save_anchor(ten.desk)
    ten.queue.database.close()
    restored(folder, backup, is_recorded)
    if not is_recorded:
        assert (verify(folder).seq, verify(folder).finding[:20]) == (11, "Rows 11 to 15 were r")
        return
    assert (verify(folder).seq, verify(folder).newest.seq) == (None, 16)
    again = open_database(folder.database)
    again.start(lambda _sites: None)
    try:
        assert anchor._holds(again.fetch, anchor.read_anchor(folder.path), audit.newest(again.fetch))
        again.write(audit.record, 1, Entry("a", "b", "c", "d"))
    finally:
        again.close()
    assert (verify(folder).seq, verify(folder).rows) == (None, 12)
    (folder.path / anchor.ANCHOR_FILE).unlink()
    assert verify(folder).seq == 18


# ---- many, at once, killed


def test_eight_at_once_make_one_chain(appliance, folder):
    anchor.save_anchor(appliance.desk)
    threads = [threading.Thread(target=record, args=(appliance, 50), kwargs={"who": f"t{n}"}) for n in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        anchor.save_anchor(appliance.desk)
        assert verify(folder).seq is None
    assert (verify(folder).seq, verify(folder).rows) == (None, 400)


@pytest.mark.slow
def test_ten_thousand_rows_need_no_memory(appliance, folder):
    anchor.save_anchor(appliance.desk)
    entry = Entry("auth0|alice", "newjob", "x" * 26, "127.0.0.1:5 token 0123456789abcdef", "d" * 300)
    for _ in range(20):
        appliance.queue.database.write(audit_notes._append_all, 1_700_000_000_000, [entry] * 500)
    tracemalloc.start()
    try:
        assert verify(folder).rows == 10_000
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


KILLED = """
import sys, threading
from pathlib import Path
from prjobs.access import anchor, audit
from prjobs.access.audit import Entry
from prjobs.base.clock import Clock
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.opening import open_appliance

folder = Folder(Path(sys.argv[1]))
folder.create()
appliance, _ = open_appliance(folder, Settings(store_url=sys.argv[2]), Clock())
anchor.save_anchor(appliance.desk)

def work(name):
    for number in range(100_000):
        appliance.queue.database.write(audit.record, 1_700_000_000_000, Entry(name, "newjob", str(number), "here"))
        sys.stdout.write("x")
        sys.stdout.flush()

for name in "abcd":
    threading.Thread(target=work, args=(name,), daemon=True).start()
while True:
    anchor.save_anchor(appliance.desk)
"""


@pytest.mark.parametrize("answered", [1, 40, 300])
def test_a_kill_leaves_a_chain_that_holds(folder, answered):
    url = stores.placed(folder.path, Settings()).store_url
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder.path), url], stdout=subprocess.PIPE)
    with process:
        count = len(process.stdout.read(answered))
        process.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        count += len(process.stdout.read())
    verdict = verify(folder)
    assert verdict.seq is None, verdict.finding
    assert verdict.rows >= count >= answered
    assert anchor.read_anchor(folder.path).seq <= verdict.newest.seq


# ---- the commands


def run(capfd, folder, *words):
    """The command's exit code, stdout and stderr."""
    from prjobs.cli import main

    code = main(["audit", *map(str, words), "--data", str(folder.path)])
    return code, *capfd.readouterr()


@pytest.mark.sqlite("the command reads the file")
def test_verify_says_how_far_it_holds(ten, folder, capfd):
    newest = rows(ten)[-1]
    assert run(capfd, folder, "verify") == (
        0,
        f"10 rows, unbroken, from 2023-11-14 22:13:20 to 2023-11-14 22:13:29 UTC; newest 10:{newest.hash}\n",
        "",
    )
    record(ten, 2)
    assert (
        "2 rows newer than the anchor: just added, or the last stop was not clean." in run(capfd, folder, "verify")[1]
    )
    assert json.loads(run(capfd, folder, "verify", "--json")[1])["anchor_behind"] == 2
    assert run(capfd, folder, "verify", "--anchor", f"10:{newest.hash}")[0] == 0
    assert run(capfd, folder, "verify", "--anchor", f"10:{'0' * 64}")[0] == 1


@pytest.mark.sqlite("the command reads the file")
def test_verify_names_the_row(ten, folder, capfd):
    tamper(folder, "UPDATE audit SET who = 'x' WHERE seq = 4")
    assert run(capfd, folder, "verify") == (1, "", "prjobs: Row 4 was changed. 3 rows before it, unbroken.\n")
    code, out, errors = run(capfd, folder, "verify", "--json")
    said = json.loads(out)
    assert (code, said["ok"], said["seq"], said["finding"], errors) == (1, False, 4, "Row 4 was changed.", "")


@pytest.mark.sqlite("the command reads the file")
def test_without_a_store_or_rows(appliance, folder, tmp_path, capfd):
    assert run(capfd, folder, "verify")[:2] == (0, "0 rows: nothing was recorded yet.\n")
    assert run(capfd, folder, "export") == (0, "", "0 rows exported\n")
    nowhere = type(folder)(tmp_path / "nowhere")
    code, _, errors = run(capfd, nowhere, "verify")
    assert (code, errors.count("\n"), "holds no appliance" in errors) == (1, 1, True)
    assert not nowhere.path.exists()


@pytest.mark.sqlite("the command reads the file")
def test_an_export_is_checked_without_prjobs(ten, folder, tmp_path, capfd):
    path = tmp_path / "audit.jsonl"
    assert run(capfd, folder, "export", path) == (0, "", "10 rows exported\n")
    plain = [sys.executable, "-I", "-c", CHECK]
    done = subprocess.run(plain, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == f"unbroken; newest {verify(folder).newest}\n", done.stderr
    lines = path.read_text(encoding="utf-8").splitlines()
    for wrong in (lines[1:], lines[:3] + lines[4:], [*lines[:3], lines[3].replace("ann", "eve"), *lines[4:]]):
        path.write_text("\n".join(wrong), encoding="utf-8")
        done = subprocess.run(plain, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "AssertionError" in done.stderr


@pytest.mark.sqlite("the command reads the file")
def test_an_export_is_checked_by_prjobs(ten, folder, tmp_path, capfd):
    path = tmp_path / "audit.jsonl"
    run(capfd, folder, "export", path)
    newest = verify(folder).newest
    assert run(capfd, folder, "verify", "--file", path, "--anchor", newest)[:2] == (
        0,
        f"10 rows, unbroken, from 2023-11-14 22:13:20 to 2023-11-14 22:13:29 UTC; newest {newest}\n",
    )
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(lines[:9]), encoding="utf-8")
    assert run(capfd, folder, "verify", "--file", path)[0] == 0
    assert "Row 10 was removed" in run(capfd, folder, "verify", "--file", path, "--anchor", newest)[2]
    other = json.dumps({**json.loads(lines[4]), "store": "another"})
    path.write_text("\n".join([*lines[:4], other, *lines[5:]]), encoding="utf-8")
    assert "Row 5 was changed" in run(capfd, folder, "verify", "--file", path)[2]
    for text in ("x", "[]", "{}", '{"store": "a"}'):
        path.write_text(text)
        assert "line 1 is no row of an audit" in run(capfd, folder, "verify", "--file", path)[2]
    assert run(capfd, folder, "verify", "--file", Path("missing"))[0] == 1


@pytest.mark.sqlite("the command reads the file")
def test_an_export_to_the_output_and_never_over_a_file(ten, folder, tmp_path, capfd):
    code, out, _ = run(capfd, folder, "export")
    assert (code, [json.loads(line)["seq"] for line in out.splitlines()]) == (0, list(range(1, 11)))
    path = tmp_path / "there"
    path.write_text("mine")
    code, _, errors = run(capfd, folder, "export", path)
    assert (code, path.read_text(), "cannot be made" in errors) == (1, "mine", True)


def test_the_check_stands_in_the_manual():
    page = Path(__file__).parent.parent / "static" / "manual" / "secure.md"
    assert CHECK in page.read_text(encoding="utf-8")
