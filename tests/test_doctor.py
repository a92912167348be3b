"""The doctor: what it finds, in whatever state the folder is; and that it changes nothing."""

import json
import os
import re
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from prjobs.appliance import Appliance
from prjobs.base.folder import Folder
from prjobs.jobs import handouts, proofs
from prjobs.jobs.saved_polls import save_polls
from prjobs.opening import close_appliance
from prjobs.store.models import JobRow
from prjobs.upkeep import backup, doctor
from prjobs.upkeep.doctor import has_reset_defect
from prjobs.upkeep.findings import NOTE, OK, WRONG, Finding
from tests import harm
from tests.clocks import ManualClock
from tests.harm import overwrite
from tests.program import Program
from tests.verbs import poll
from tests.waiting import wait_for

Submit = Callable[..., JobRow]


@pytest.fixture(autouse=True)
def any_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default port may be in use by something else on the machine that runs the tests."""
    monkeypatch.setenv("PRJOBS_PORT", "0")


@pytest.fixture
def closed(appliance: Appliance, folder: Folder, submit: Submit) -> Folder:
    """A folder with twenty jobs that nobody serves."""
    for number in range(20):
        submit(required_params=f'{{"text": "unusual word {number:03}"}}')
    close_appliance(appliance, folder)
    return folder


def found(folder: Folder, clock: ManualClock, check: str, deep: bool = False) -> list[Finding]:
    return [finding for finding in doctor.examine(folder, clock, deep) if finding.check == check]


def one(folder: Folder, clock: ManualClock, check: str, deep: bool = False) -> Finding:
    (finding,) = found(folder, clock, check, deep)
    return finding


def content(path: Path) -> dict[str, tuple[int, bytes]]:
    return {str(one): (one.stat().st_mtime_ns, one.read_bytes()) for one in path.rglob("*") if one.is_file()}


# ---- a well folder


def test_a_well_folder(closed: Folder, clock: ManualClock) -> None:
    findings = doctor.examine(closed, clock, deep=True)
    assert [finding for finding in findings if finding.level == WRONG] == []
    checks = {finding.check for finding in findings}
    assert checks >= {"folder", "settings", "server", "port", "secret", "store", "schema", "identity", "jobs", "clock"}
    assert checks >= {"polls", "handouts", "log", "disk", "backup", "sqlite"}


@pytest.mark.parametrize("deep", [False, True])
def test_it_changes_nothing(closed: Folder, clock: ManualClock, deep: bool) -> None:
    before = content(closed.path)
    doctor.examine(closed, clock, deep)
    assert content(closed.path) == before


@pytest.mark.slow
def test_the_program_beside_a_running_server(program: Program) -> None:
    program.serve()
    token = program.token()
    program.new_job(token)
    program.post("getnewjobs", {"site": "saf"})
    done = program.run("doctor", "--deep")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(line.split()[0] in (OK, NOTE, WRONG) for line in done.stdout.splitlines())
    assert f"The server at {program.url} is well." in done.stdout
    assert "ok     No job is damaged: 1 checked." in done.stdout
    # The file has no poll yet: the server writes them down once a minute.
    assert re.search(r"^ok     saf polled last \d+ s ago\.$", done.stdout, re.MULTILINE), done.stdout
    document = json.loads(program.run("doctor", "--json").stdout)
    assert document["ok"] is True
    assert {frozenset(finding) for finding in document["findings"]} == {
        frozenset({"level", "check", "sentence", "code", "manual"})
    }
    assert len(program.post("getnewjobs", {"site": "saf"}).json()) == 0
    assert program.stop()[0] == 0


def test_a_link_that_no_server_keeps(closed: Folder, clock: ManualClock) -> None:
    assert found(closed, clock, "cloud") == []
    (closed.path / "prjobs.toml").write_text('[cloud]\nmode = "standby"\nsites = ["saf", "mrc"]\n')
    finding = one(closed, clock, "cloud")
    assert (finding.level, "standby for saf, mrc; only a running server" in finding.sentence) == (NOTE, True)


@pytest.mark.slow
def test_the_program_after_a_kill(program: Program) -> None:
    program.serve()
    program.new_job(program.token())
    program.kill()
    done = program.run("doctor", "--deep")
    assert done.returncode == 0
    assert "note   The last stop was not clean" in done.stdout
    assert "No job is damaged: 1 checked" in done.stdout


@pytest.mark.slow
def test_a_server_that_is_not_well_says_so(program: Program) -> None:
    program.serve("--min-free-mb", "1000000000")
    wait_for(lambda: "WRONG  The server says: The disk is nearly full" in program.run("doctor").stdout)
    assert program.run("doctor").returncode == 1


# ---- the folder


def test_no_folder(program: Program) -> None:
    done = program.run("doctor")
    assert done.returncode == 1
    assert done.stdout.startswith(f"WRONG  {program.data} is not a folder")
    assert not program.data.exists()


def test_an_empty_folder(folder: Folder, clock: ManualClock) -> None:
    before = content(folder.path)
    assert [finding for finding in doctor.examine(folder, clock) if finding.level == WRONG] == []
    assert one(folder, clock, "store").sentence == "No jobs were ever stored here."
    assert content(folder.path) == before


def test_unreadable_settings(closed: Folder, clock: ManualClock) -> None:
    (closed.path / "prjobs.toml").write_text("keep_weeks = 3\n")
    finding = one(closed, clock, "settings")
    assert finding.level == WRONG
    assert "there is no setting named keep_weeks" in finding.sentence


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('cloud_mode = "primary"', "cloud_sites must name"),
        ('[cloud]\nmode = "standby"\nsites = ["saf"]', "cloud_base_url must be an address"),
        ('[cloud]\nmode = "shadow"\nsites = ["saf"]\nbase_url = "http://x/jobs"\nca_file = "no.pem"', "is not a file"),
        ('oidc_issuer = "https://login.example.org/"', "oidc_audience is empty"),
        ('oidc_certificate = "no.pem"', "no.pem cannot be read"),
        ('reservations = "calendar"', "calendar_url is empty"),
        ('host = "a..b"', "the host is no name or address"),
        ('host = "192.0.2.7"\nport = 8642', "192.0.2.7"),
    ],
)
def test_the_doctor_refuses_what_serve_refuses(program: Program, setting: str, said: str) -> None:
    program.data.mkdir()
    (program.data / "prjobs.toml").write_text(setting)
    served = program.run("serve")
    assert (served.returncode, served.stderr.count("\n")) == (1, 1) and said in served.stderr
    done = program.run("doctor", "--json")
    wrong = [finding["sentence"] for finding in json.loads(done.stdout)["findings"] if finding["level"] == WRONG]
    assert done.returncode == 1 and any(said in sentence for sentence in wrong), wrong


@pytest.mark.slow
def test_a_file_in_the_place_of_a_folder(program: Program) -> None:
    program.token()
    (program.data / "logs").rmdir()
    (program.data / "logs").write_text("")
    assert program.run("serve", "--port", "0").returncode == 1
    done = program.run("doctor")
    assert done.returncode == 1
    assert f"WRONG  {program.data / 'logs'} is a file, where prjobs needs a folder: move the file away." in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_secret_that_others_may_read(closed: Folder, clock: ManualClock) -> None:
    assert one(closed, clock, "secret").level == OK
    (closed.path / "secret").chmod(0o644)
    finding = one(closed, clock, "secret")
    assert finding.level == WRONG
    assert "chmod 600" in finding.sentence


def test_a_secret_that_this_user_may_not_read(
    closed: Folder, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_text

    def closed_to_us(path: Path, *arguments: Any, **named: Any) -> str:
        if path.name == "secret":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, *arguments, **named)

    monkeypatch.setattr(Path, "read_text", closed_to_us)
    finding = one(closed, clock, "secret")
    assert finding.level == WRONG
    assert "may not read the secret. Run prjobs as the user who made the folder" in finding.sentence


def test_a_secret_that_is_gone_or_cut(closed: Folder, clock: ManualClock) -> None:
    secret = closed.path / "secret"
    secret.write_text("abcd")
    assert "too short" in one(closed, clock, "secret").sentence
    secret.unlink()
    assert one(closed, clock, "secret").level == WRONG


def test_a_port_that_another_program_has(closed: Folder, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("PRJOBS_PORT", str(other.getsockname()[1]))
        finding = one(closed, clock, "port")
    assert finding.level == WRONG
    assert "stop the program that uses the port, or set another port" in finding.sentence
    assert one(closed, clock, "port").level == OK


def test_too_little_disk(closed: Folder, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRJOBS_MIN_FREE_MB", "1000000000")
    assert one(closed, clock, "disk").level == WRONG


def test_a_log_that_has_grown(closed: Folder, clock: ManualClock) -> None:
    with (closed.path / "prjobs.sqlite3-wal").open("wb") as file:
        file.truncate(100_000_000)
    finding = one(closed, clock, "log")
    assert (finding.level, "close other programs" in finding.sentence) == (WRONG, True)


def test_backups(closed: Folder, clock: ManualClock) -> None:
    assert one(closed, clock, "backup").level == NOTE
    made = backup.make_backup(closed, backup.default_target(closed, clock.now_ms())).path
    os.utime(made, (clock.now_ms() / 1000,) * 2)
    assert one(closed, clock, "backup", deep=True).level == OK
    clock.advance(50 * 3600)
    assert one(closed, clock, "backup").sentence.startswith(f"The newest backup, {made.name}, is 50 h old")
    overwrite(made, 8192, b"\xa5" * 4096 * 3)
    assert one(closed, clock, "backup", deep=True).level == WRONG


# ---- the store


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    "spoil",
    [
        harm.unlink,
        harm.empty,
        harm.text,
        harm.header,
        harm.truncate,
        harm.pages,
        harm.another,
        harm.newer,
    ],
)
def test_a_harmed_store(closed: Folder, clock: ManualClock, spoil: Callable[[Path], None], deep: bool) -> None:
    made = backup.make_backup(closed, backup.default_target(closed, clock.now_ms())).path
    spoil(closed.database)
    before = content(closed.path)
    findings = doctor.examine(closed, clock, deep)
    wrong = [finding for finding in findings if finding.level == WRONG]
    assert wrong
    assert any(f'prjobs restore "{made}"' in finding.sentence for finding in wrong)
    assert content(closed.path) == before


def test_a_flipped_bit_inside_a_row_is_named(closed: Folder, clock: ManualClock) -> None:
    with closing(sqlite3.connect(closed.database)) as connection:
        ulid = connection.execute("SELECT ulid FROM job WHERE required_params LIKE '%word 007%'").fetchone()[0]
    at = closed.database.read_bytes().index(b"unusual word 007")
    overwrite(closed.database, at, b"u\xf6usual")
    assert [finding.level for finding in found(closed, clock, "store")] == [OK]
    assert found(closed, clock, "jobs") == []
    (finding,) = found(closed, clock, "jobs", deep=True)
    assert (finding.level, ulid in finding.sentence) == (WRONG, True)


def test_a_clock_that_is_behind(closed: Folder, clock: ManualClock) -> None:
    assert one(closed, clock, "clock").level == OK
    clock.step(-7200)
    finding = one(closed, clock, "clock")
    assert finding == Finding(WRONG, "clock", "The clock is 2 h behind the newest change: set this machine's clock.")


def test_a_clock_that_was_ahead(appliance: Appliance, folder: Folder, clock: ManualClock, submit: Submit) -> None:
    clock.step(365 * 86_400)
    submit()
    clock.step(-365 * 86_400)
    submit()
    finding = one(folder, clock, "clock")
    assert (finding.level, "Ids run 365 days ahead" in finding.sentence) == (NOTE, True)


def test_polls(appliance: Appliance, folder: Folder, clock: ManualClock, submit: Submit) -> None:
    submit("saf")
    submit("mrc")
    handouts.begin_poll(appliance.queue, poll("saf"), "1.2.3.4:5")
    clock.advance(3)
    handouts.begin_poll(appliance.queue, poll("saf"), "1.2.3.4:5")
    save_polls(appliance.queue, folder)
    assert [finding.sentence for finding in found(folder, clock, "polls")] == ["saf polled last 0 s ago."]
    clock.advance(300)
    said = [(finding.level, finding.sentence) for finding in found(folder, clock, "polls")]
    assert said[0][0] == NOTE
    assert said[0][1].startswith("saf polled last 5 min ago, and 1 job waits: check that")
    assert said[1][1].startswith("mrc never polled, and 1 job waits")


def test_a_site_of_the_settings_that_never_polled_is_named(
    appliance: Appliance, folder: Folder, clock: ManualClock
) -> None:
    (folder.path / "prjobs.toml").write_text(
        'stations = ["wema=saf+mrc1"]\nredeliver = "never"\n[site]\nplaces = ["sfa=35.55,-105.87,2187"]\n'
        'zones = ["sfa=America/Denver", "saf=America/Denver"]\n'
    )
    for site in ("saf", "mrc1"):
        handouts.begin_poll(appliance.queue, poll(site), "1.2.3.4:5")
    save_polls(appliance.queue, folder)
    said = {finding.sentence: finding.level for finding in found(folder, clock, "polls")}
    unknown = [sentence for sentence in said if "no observatory of" in sentence]
    assert unknown == [
        "site_places and site_zones has the site sfa, and no observatory of sfa ever polled. "
        "Correct the setting if the name is wrong.",
        "stations has the site wema, and no observatory of wema ever polled. Correct the setting if the name is wrong.",
    ]
    assert {said[sentence] for sentence in unknown} == {NOTE}
    (folder.path / "prjobs.toml").write_text('site_zones = ["sfa=America/Denver"]\n')
    assert any("Did you mean saf?" in finding.sentence for finding in found(folder, clock, "polls"))


def test_names_that_differ_by_case_alone(appliance: Appliance, folder: Folder, clock: ManualClock) -> None:
    handouts.begin_poll(appliance.queue, poll("saf"), "1.2.3.4:5")
    save_polls(appliance.queue, folder)
    twins = "The names SAF and saf differ by letter case alone and count as different sites."
    assert twins not in [finding.sentence for finding in found(folder, clock, "polls")]
    (folder.path / "prjobs.toml").write_text('site_zones = ["SAF=America/Denver"]\n')
    assert Finding(NOTE, "polls", twins) in found(folder, clock, "polls")


def test_a_silent_observatory_is_wrong_while_it_is_served(
    appliance: Appliance, folder: Folder, clock: ManualClock, submit: Submit
) -> None:
    submit("mrc")
    clock.advance(300)
    lock = folder.lock()
    try:
        assert one(folder, clock, "polls").level == WRONG
        assert one(folder, clock, "server").level == WRONG
    finally:
        lock.release()


def test_unconfirmed_handouts(appliance: Appliance, folder: Folder, clock: ManualClock, submit: Submit) -> None:
    submit()
    assert handouts.take_jobs(appliance.queue, poll(), "1.2.3.4:5", None)
    proofs.connection_ended(appliance.queue, "1.2.3.4:5")
    appliance.queue.database.write(lambda transaction: None)
    finding = one(folder, clock, "handouts")
    assert (finding.level, finding.sentence.startswith("1 hand-outs of the last day")) == (NOTE, True)


@pytest.mark.parametrize(
    ("version", "has_it"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_versions_with_the_defect(version: tuple[int, ...], has_it: bool) -> None:
    assert has_reset_defect(version) is has_it


def test_levels_are_as_documented() -> None:
    said: dict[str, Any] = {"ok": OK, "note": NOTE, "WRONG": WRONG}
    assert all(name == level for name, level in said.items())
