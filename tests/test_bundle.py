"""The support bundle: what is in it, and that neither secrets nor names of people are."""

import itertools
import json
import os
import re
import stat
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prjobs.access import tokens
from prjobs.access.audit import Actor, Entry, record
from prjobs.access.tokens import NewToken
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.opening import close_appliance, open_appliance
from prjobs.upkeep import backup, bundle
from prjobs.upkeep.bundle import CONTENTS, Wish, write_bundle
from prjobs.upkeep.scrubbing import Scrubber, people
from prjobs.upkeep.vocabulary import vocabulary
from tests.harm import overwrite
from tests.verbs import make_token, submit

# In no text of prjobs, and whole in each spelling of a text around it.
MARK = "qzxw"
ODD = ["|", " ", '"', "\\", "'", "<", ">", "é", "星", "\u202e", "🦊", "%", "#", "@", "/", ":", "=", "-", ".", "\u0301"]


def contents(target: Path) -> dict[str, str]:
    """Return the files of a bundle as text."""
    with zipfile.ZipFile(target) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name).decode() for name in packed.namelist()}


def written(folder: Folder, clock, target: Path, **wish: bool) -> dict[str, str]:
    write_bundle(folder, target, clock, Wish(**wish))
    return contents(target)


def require_none(found: dict[str, str], *marks: str) -> None:
    """Raise AssertionError if a mark is in any file, whatever the case of its letters."""
    for name, text in found.items():
        for at in (text.casefold().find(mark.casefold()) for mark in marks):
            assert at < 0, (name, text[max(0, at - 80) : at + 80])


def plant_log(folder: Folder, *texts: str) -> None:
    folder.logs.mkdir(exist_ok=True)
    with folder.log.open("a", encoding="utf-8") as file:
        file.writelines(f"2026-11-29 20:16:22.407Z WARNING worker-3 {text}\n" for text in texts)


# ---- the whole


@pytest.mark.slow
def test_the_program_says_what_is_in_the_file_beside_a_server(program, tmp_path):
    program.serve()
    token = program.token("auth0|ann", "--name", "Ann Karlsson")
    program.new_job(token, user_id="auth0|ann", user_name="Ann Karlsson")
    target = tmp_path / "help.zip"
    done = program.run("doctor", "--bundle", str(target))
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout and text in done.stdout for name, text in CONTENTS.items())
    found = contents(target)
    assert {"README.txt", *CONTENTS} == found.keys()
    require_none(found, "Karlsson", "auth0|ann", str(program.data))
    assert json.loads(found["health.json"])["health"]["ok"] is True
    assert {"folder", "server", "store"} <= {one["check"] for one in json.loads(found["findings.json"])}
    store = json.loads(found["store.json"])
    assert store["tables"]["job"] == 1 and store["page_count"] > 10 and store["migrations"][0].startswith("0001")
    assert any(sql.startswith("CREATE TABLE") and "user_id" in sql for sql in store["schema"])
    versions = json.loads(found["versions.json"])
    assert versions["sqlite"].startswith("3.")
    # A checkout that is not installed names no dependencies.
    if list(metadata.distributions(name="prjobs")):
        assert {"bottle", "waitress", "peewee"} <= versions["dependencies"].keys()
    assert json.loads(found["settings.json"])["port"]["source"] == "default"
    (line,) = [line for line in found["prjobs.log"].splitlines() if " newjob " in line]
    assert re.search(r"newjob saf [0-9A-Z]{26} by user-[0-9a-f]{8}: camera expose$", line)


@pytest.mark.slow
def test_it_never_overwrites_and_leaves_nothing_half_done(program, tmp_path):
    program.token()
    target = tmp_path / "help.zip"
    target.write_text("mine")
    done = program.run("doctor", "--bundle", str(target))
    assert (done.returncode, done.stdout) == (1, "") and "never overwrites a file" in done.stderr
    assert target.read_text() == "mine"
    done = program.run("doctor", "--bundle", str(tmp_path / "no" / "help.zip"))
    assert done.returncode == 1 and "is not a folder" in done.stderr and done.stderr.count("\n") == 1
    done = program.run("doctor", "--bundle", str(tmp_path / "other.zip"), "--json")
    assert json.loads(done.stdout) == {"bundle": str(tmp_path / "other.zip"), "contents": CONTENTS}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["help.zip", "other.zip", "program"]
    if os.name != "nt":
        assert stat.S_IMODE((tmp_path / "other.zip").stat().st_mode) == 0o600
    assert program.run("doctor", "--with-names").returncode == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt" or not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_leaves_no_file(folder, clock, tmp_path, monkeypatch):
    # The temporary file is a link to a device that is always full.
    target = tmp_path / "help.zip"
    full = tmp_path / "full.new"
    full.symlink_to("/dev/full")
    monkeypatch.setattr(bundle, "open", lambda *_, **__: full.open("wb"), raising=False)
    with pytest.raises(Unusable, match="the disk is full"):
        write_bundle(folder, target, clock, Wish())
    assert not target.exists() and [path.name for path in tmp_path.glob("help*")] == []


@pytest.mark.parametrize("state", ["no folder", "empty", "damaged", "cut", "no secret", "wrong settings"])
def test_it_works_whatever_the_state_of_the_folder(make_appliance, folder, clock, tmp_path, state):
    appliance = make_appliance()
    make_token(appliance, f"auth0|{MARK}")
    for _ in range(200):
        submit(appliance, user_id=f"auth0|{MARK}", user_name=f"{MARK} Ann")
    make_appliance()
    plant_log(folder, f"newjob saf by auth0|{MARK}: mount go")
    if state == "no folder":
        folder = Folder(tmp_path / "nothing")
    elif state == "empty":
        if os.name == "nt":
            pytest.skip("Windows removes no open file")
        folder.database.unlink()
    elif state == "damaged":
        overwrite(folder.database, 4096, b"\x55" * 40_000)
    elif state == "cut":
        folder.database.write_bytes(folder.database.read_bytes()[:9000])
    elif state == "no secret":
        (folder.path / "secret").unlink()
    else:
        (folder.path / "prjobs.toml").write_text(f'heartbeat_url = "{MARK}-secret"\nnope = "{MARK}"\n')
    found = written(folder, clock, tmp_path / "help.zip")
    require_none(found, MARK)
    assert {"README.txt", *CONTENTS} == found.keys()
    assert json.loads(found["findings.json"])


def test_pseudonyms_are_stable_and_of_no_use_without_the_folder(appliance, folder, clock, tmp_path):
    submit(appliance, user_id="auth0|ann", user_name="Ann Karlsson")
    submit(appliance, user_id="auth0|bob", user_name="Bob")
    plant_log(folder, "by auth0|ann", "by Ann Karlsson", "by auth0|bob")
    first = written(folder, clock, tmp_path / "1.zip")["prjobs.log"]
    again = written(folder, clock, tmp_path / "2.zip")["prjobs.log"]
    users = re.findall(r"user-[0-9a-f]{8}", first)
    assert first == again and users[0] == users[1] != users[2] and len(users) == 3
    (folder.path / "secret").write_text("00" * 48)
    other = written(folder, clock, tmp_path / "3.zip")["prjobs.log"]
    assert not set(users) & set(re.findall(r"user-[0-9a-f]{8}", other))


def test_with_names_the_names_stay_and_the_secrets_do_not(appliance, folder, clock, tmp_path):
    (folder.path / "prjobs.toml").write_text(f'notify = ["ntfys://ann:{MARK}1@ntfy.example.org/{MARK}2"]\n')
    submit(appliance, user_id="auth0|ann", user_name="Ann Karlsson")
    secret = (folder.path / "secret").read_text()
    plant_log(folder, f"by auth0|ann: unusual words {secret} {MARK}1 and https://x:{MARK}3@h/", f"once={MARK}4")
    found = written(folder, clock, tmp_path / "help.zip", with_names=True)
    assert "by auth0|ann: unusual words [secret]" in found["prjobs.log"]
    require_none(found, MARK, secret[:20])


def test_a_name_of_common_words_is_replaced_and_one_that_nobody_knows_any_more_left_out(
    appliance, folder, clock, tmp_path
):
    submit(appliance, user_id="mark|job", user_name="Mark Job")
    plant_log(folder, "close saf by mark|job", "close saf by Mark Job", "close saf by auth0|olga", "told Mark of it")
    lines = written(folder, clock, tmp_path / "help.zip")["prjobs.log"].splitlines()
    assert re.search(r"close saf by user-\w{8}$", lines[0]) and lines[0][-13:] == lines[1][-13:]
    assert lines[2].endswith("close saf by auth0|…")
    assert "Mark" not in lines[3]


def test_the_account_of_this_machine_and_the_homes_of_others_are_left_out(folder, clock, tmp_path, monkeypatch):
    home = tmp_path / f"{MARK}-ann"
    home.mkdir()
    for variable in ("HOME", "USERPROFILE", "LOGNAME", "USER", "USERNAME"):
        monkeypatch.setenv(variable, str(home) if "HOME" in variable or "PROFILE" in variable else f"{MARK}-ann")
    (folder.path / "prjobs.toml").write_text(f"cloud_token_file = '{home}/token'\n")
    plant_log(folder, f"{home}/data cannot be read", f"/home/{MARK}/x", rf"C:\Users\{MARK}\x", f"started by {MARK}-ann")
    found = written(folder, clock, tmp_path / "help.zip")
    require_none(found, MARK)
    assert json.loads(found["settings.json"])["cloud_token_file"]["value"].endswith(("account/token", "account\\token"))


def test_a_backup_still_knows_the_names_that_a_damaged_store_hides(make_appliance, folder, clock, tmp_path):
    appliance = make_appliance()
    submit(appliance, user_id="stop|restart", user_name="Stop Restart")
    make_appliance()
    backup.make_backup(folder, backup.default_target(folder, clock.now_ms()))
    folder.database.write_bytes(b"not a store any more" * 1000)
    plant_log(folder, "close saf by stop|restart")
    text = written(folder, clock, tmp_path / "help.zip")["prjobs.log"]
    assert re.search(r"by user-\w{8}$", text.strip())


def test_the_words_of_the_log_stay_readable(folder, clock, tmp_path):
    said = (
        "the nightly backup failed: [Errno 28] No space left on device",
        "the chore backup waits: OperationalError: database is locked",
        "no IPv6 on this machine: prjobs does not listen on ::1",
    )
    plant_log(folder, *said)
    text = written(folder, clock, tmp_path / "help.zip")["prjobs.log"]
    assert all(one in text for one in said), text


# ---- marks everywhere


names = st.lists(st.sampled_from([MARK, *ODD, "Ann", "o", "al"]), min_size=1, max_size=6).map(
    lambda parts: f"{''.join(parts)}{MARK}"[:100]
)
secrets_of = st.text("abcdefgXYZ0123456789-_", min_size=3, max_size=30).map(lambda text: f"{MARK}{text}")
FORMS = [
    "token {}",
    "Authorization: Bearer {}",
    "https://ann:{}@hooks.example.org/x",
    "https://hooks.example.org/x?key={}&y=1",
    "GET /login#once={}",
    'Cookie: prjobs="{}"',
    "the password is {}.",
    "{{'secret': '{}'}}",
    "eyJhbGciOiJIUzI1NiJ9.{}.abcdefgh",
    "-----BEGIN PRIVATE KEY-----{}-----END PRIVATE KEY-----",
    "{}",
]
SAID = [
    "newjob saf by {}: mount go",
    "token for {} made by {}",
    'a browser of "{}" logged in',
    "({})",
    "{}@{}",
    "/home/{}/data cannot be read",
    "x{}x",
    "{!r}",
]


HOLD_USERS = {"token", "reservation", "observer_note", "lockout", "make_safe", "alarm", "removed_site", "change"}


def plant_people(appliance, user_id: str, user_name: str) -> None:
    """Write a row with the id and the name into each table that has users."""
    submit(appliance, user_id=user_id, user_name=user_name)
    actor = Actor(user_id, "127.0.0.1")
    appliance.queue.database.write(record, 1, Entry(user_id, "token made", user_name, "127.0.0.1", user_name))
    new = NewToken(user_id, user_name, days=30)
    tokens.create_token(appliance.desk, new, actor)
    filled = appliance.queue.database.write(_insert_rows, user_id, user_name)
    assert filled >= HOLD_USERS


def _insert_rows(transaction, user_id: str, user_name: str) -> set[str]:
    filled = set()
    for (table,) in transaction.fetch("SELECT name FROM sqlite_master WHERE type = 'table'"):
        columns = transaction.fetch(f'SELECT name, type, pk FROM pragma_table_info("{table}")')
        names = [name for name, *_ in columns]
        if table in ("job", "audit") or not any(re.fullmatch(IDS, name) for name in names):
            continue
        values = [_value(*column, user_id, user_name) for column in columns]
        marks = ", ".join("?" * len(names))
        transaction.execute(f'INSERT INTO "{table}" ({", ".join(names)}) VALUES ({marks})', values)
        filled.add(table)
    return filled


IDS = r"user_id|creator_id|author_id|\w+_by|who"
PLAIN = {"site": "saf", "sites": "[]", "roles": "[]", "queue": "primary", "job_seq": 1, "source": "local"}


def _value(name: str, kind: str, pk: int, user_id: str, user_name: str) -> object:
    """Return a value for a column: the id of the user, a plain one, or the name in every other text."""
    if re.fullmatch(IDS, name):
        return user_id
    if name in PLAIN:
        return PLAIN[name]
    return (None if pk else 1) if "INT" in kind else user_name


@pytest.mark.long
@settings(max_examples=25)
@given(user_id=names, user_name=names, hidden=secrets_of, form=st.sampled_from(FORMS), said=st.sampled_from(SAID))
def test_no_planted_secret_and_no_planted_name_is_in_any_bundle(
    tmp_path_factory, clock, user_id, user_name, hidden, form, said
):
    folder = Folder(tmp_path_factory.mktemp("planted") / "data")
    folder.create()
    appliance, _ = open_appliance(folder, Settings(), clock)
    plant_people(appliance, user_id, user_name)
    # Each place has a secret of its own: none is hidden because another place made it known.
    own = (f"{hidden}{number}" for number in itertools.count())
    lines = {
        "notify": [f"ntfys://ann:{next(own)}@ntfy.example.org/{next(own)}", f"json://h/{next(own)} | kinds=stop"],
        "heartbeat_url": f"https://hc.example.org/{next(own)}",
        "cloud_base_url": f"https://ann:{next(own)}@h.example.org/jobs",
        "oidc_jwks_url": f"https://{next(own)}@h.example.org/keys?key={next(own)}#{next(own)}",
        "oidc_userinfo_url": f"https://h.example.org/x?token={next(own)}",
        "oidc_certificate": f"-----BEGIN PRIVATE KEY-----{next(own)}-----END PRIVATE KEY-----",
        "cloud_token_file": "token",
    }
    (folder.path / "token").write_text(f"{next(own)}\n")
    text = "\n".join(f"{name} = {json.dumps(value)}" for name, value in lines.items())
    (folder.path / "prjobs.toml").write_text(text)
    plant_log(folder, form.format(next(own)), said.format(user_id, user_name), said.format(user_name, user_id))
    proxy, token, calendar = (next(own) for _ in range(3))
    plant_log(folder, f"no connection to http://ann:{proxy}@proxy.example.org:3128", f"sent {token}", f"by {calendar}")
    environment = {"HTTPS_PROXY": f"http://ann:{proxy}@proxy.example.org:3128", "PRJOBS_TOKEN": token}
    target = tmp_path_factory.mktemp("bundle") / "help.zip"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        require_none(written(folder, clock, target), MARK)
        assert MARK.encode() not in target.read_bytes()
    close_appliance(appliance, folder)


@settings(max_examples=200)
@given(user_id=names, text=st.sampled_from(SAID))
def test_a_line_with_a_name_has_a_pseudonym_or_nothing(user_id, text):
    scrubber = Scrubber(frozenset(), people([(user_id, "")], b"key"), vocabulary())
    assert MARK not in scrubber.line(text.format(user_id, user_id))
