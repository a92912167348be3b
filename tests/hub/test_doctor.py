"""The doctor on a hub: the database, its standbys, the processes, the jobs; the address is never shown whole."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from prjobs.base.clock import StoreClock
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.opening import Purpose, close_appliance, open_appliance
from prjobs.upkeep.doctor import examine
from prjobs.upkeep.findings import NOTE, OK, WRONG, Finding
from prjobs.version import VERSION
from tests import verbs
from tests.postgres import PostgresServer, driver, require_server
from tests.program import Program
from tests.waiting import wait_for

psycopg = driver()

from prjobs.store import hub_state  # noqa: E402
from prjobs.store.hub import make_schema  # noqa: E402
from prjobs.store.members import Member  # noqa: E402
from prjobs.store.postgres import connect  # noqa: E402
from prjobs.upkeep import hub_checks  # noqa: E402
from tests.hub.opening import starts  # noqa: E402

PASSWORD = "a-long-password"
Found = Callable[..., list[Finding]]


def with_password(url: str) -> str:
    return url.replace("prjobs@", f"prjobs:{PASSWORD}@")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "data")
    folder.create()
    return folder


@pytest.fixture
def found(folder: Folder, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Found:
    """Return the findings of a check; no finding ever has the password."""
    monkeypatch.setenv("PRJOBS_STORE_URL", with_password(postgres_url))
    monkeypatch.setenv("PRJOBS_PORT", "0")

    def look(*checks: str, deep: bool = False) -> list[Finding]:
        findings = examine(folder, StoreClock(), deep)
        assert not [one for one in findings if PASSWORD in one.sentence or "postgresql://" in one.sentence]
        assert not [one for one in findings if one.check in ("log", "disk", "backup", "sqlite", "copy")]
        return [one for one in findings if one.check in checks]

    return look


def levels(findings: list[Finding]) -> list[str]:
    return [one.level for one in findings]


@pytest.fixture
def hub(folder: Folder, postgres_url: str) -> Iterator[Member]:
    """A store with five jobs; its process is active, and given up in a moment."""
    with closing(connect(postgres_url)) as connection:
        make_schema(connection)
    clock = StoreClock()
    member = Member(postgres_url, "http://one:8642", clock)
    assert member.take_over() is None
    appliance, _ = open_appliance(folder, Settings(store_url=postgres_url), clock, Purpose(member=member.id))
    for _ in range(5):
        verbs.submit(appliance)
    verbs.make_token(appliance, "auth0|ann", "admin")
    close_appliance(appliance, folder)
    yield member


def sql(url: str, text: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text)


def sign_in(url: str, address: str) -> None:
    """Show one more process among the members, ready to take over."""
    columns = "(id, url, version, started_ms, seen_ms)"
    now = hub_state.NOW_MS
    sql(url, f"INSERT INTO member {columns} VALUES ('{address}', '{address}', '{VERSION}', {now}, {now})")


def test_an_empty_database(found: Found) -> None:
    (database,) = found("database")
    assert database.level == OK
    assert all(word in database.sentence for word in ("test_", "127.0.0.1", "PostgreSQL 1", "UTF8", "fsync on"))
    assert [one.level for one in found("store")] == [NOTE]
    (standby,) = found("standby")
    assert standby.level == NOTE and "no synchronous standby" in standby.sentence


def test_a_store_in_order(found: Found, hub: Member) -> None:
    assert levels(found("schema", "identity", "jobs", "audit", deep=True)) == [OK] * 4
    (jobs,) = found("jobs", deep=True)
    assert "5 checked" in jobs.sentence
    assert found("jobs", "audit") == []
    assert levels(found("clock", "handouts", "transactions")) == [OK] * 3
    assert [one for one in examine_all(found) if one.level == WRONG] == []


def examine_all(found: Found) -> list[Finding]:
    names = ("folder", "settings", "server", "port", "secret", "database", "standby", "transactions", "schema")
    return found(*names, "identity", "members", "jobs", "audit", "clock", "polls", "handouts", "tokens", deep=True)


def test_a_damaged_job_and_a_changed_row_of_the_audit_are_found(found: Found, hub: Member, postgres_url: str) -> None:
    sql(postgres_url, 'UPDATE job SET required_params = \'{"text": "other"}\' WHERE seq = 3')
    sql(
        postgres_url,
        "ALTER TABLE audit DISABLE TRIGGER ALL; UPDATE audit SET detail = 'nothing' WHERE seq = 1; "
        "ALTER TABLE audit ENABLE TRIGGER ALL",
    )
    (job,) = found("jobs", deep=True)
    (audit,) = found("audit", deep=True)
    assert job.level == audit.level == WRONG
    assert "is damaged" in job.sentence and "Row 1" in audit.sentence


def test_the_walk_over_jobs_goes_page_by_page(
    found: Found, hub: Member, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_checks, "PAGE", 2)
    sql(postgres_url, "UPDATE job SET action = 'other' WHERE seq = 5")
    (job,) = found("jobs", deep=True)
    assert job.level == WRONG


def test_members_with_clocks_and_versions(found: Found, hub: Member, postgres_url: str) -> None:
    (only, active) = found("members")
    assert (only.level, active.level) == (NOTE, OK) and "only one" in only.sentence
    assert active.sentence.startswith("http://one:8642 is active: prjobs ") and " ms " in active.sentence
    sign_in(postgres_url, "http://two:8642")
    sql(postgres_url, "UPDATE member SET version = '0.1', clock_offset_ms = -90000 WHERE url = 'http://two:8642'")
    said = found("members")
    assert [one.level for one in said if "two" in one.sentence] == [OK, NOTE, NOTE]
    assert "two:8642 is ready to take over: prjobs 0.1, its machine's clock is 90000 ms ahead of" in said[0].sentence
    assert any("wrong by 90.0 s" in one.sentence for one in said)
    assert any("finish the upgrade" in one.sentence for one in said)


def test_members_that_are_gone(found: Found, hub: Member, postgres_url: str) -> None:
    sign_in(postgres_url, "http://two:8642")
    sql(postgres_url, f"UPDATE member SET seen_ms = seen_ms - 60000 WHERE id = '{hub.id}'")
    first, ready, gone = found("members")
    assert first.level == WRONG and "No process is active" in first.sentence
    assert (ready.level, gone.level) == (OK, NOTE) and "http://one:8642 gave no sign of life for" in gone.sentence
    sql(postgres_url, "UPDATE member SET seen_ms = 0")
    assert "No process of the hub runs" in found("members")[0].sentence


def test_a_transaction_that_somebody_forgot(
    found: Found, hub: Member, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(postgres_url, application_name="forgotten") as other:
        other.execute("SELECT 1")
        assert levels(found("transactions")) == [OK]
        monkeypatch.setattr(hub_checks, "LONG_S", 0)
        said = [one for one in found("transactions") if "forgotten" in one.sentence]
        assert levels(said) == [NOTE] and f"pg_terminate_backend({other.info.backend_pid})" in said[0].sentence


def test_a_schema_of_another_version(found: Found, hub: Member, postgres_url: str) -> None:
    sql(postgres_url, "INSERT INTO schema_migration (name, applied) VALUES ('9999_later', CURRENT_TIMESTAMP)")
    (newer,) = found("schema")
    assert newer.level == WRONG and "9999_later" in newer.sentence and found("members", "jobs", deep=True) == []
    sql(postgres_url, "DELETE FROM schema_migration WHERE name = '9999_later' OR name >= '0016'")
    (older,) = found("schema")
    assert older.level == NOTE and "0016" in older.sentence


def test_a_store_of_another_appliance(found: Found, hub: Member, folder: Folder) -> None:
    folder.write_identity({**folder.identity(), "identity": "another"})
    (identity,) = found("identity")
    assert identity.level == WRONG and "store_url" in identity.sentence


def test_a_folder_that_could_not_join(
    found: Found, hub: Member, folder: Folder, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert levels(found("joining")) == [OK]
    folder.write_identity({**folder.identity(), "last_seq": 10**9})
    (_, set_back) = found("joining")
    assert set_back.level == WRONG and "set back" in set_back.sentence
    sql(postgres_url, "DELETE FROM fact WHERE name = 'secret'")
    assert [one.level for one in found("joining") if "names no secret" in one.sentence] == [NOTE]
    hub.leave()
    assert "set back" in starts(folder, postgres_url) and "named no secret" not in caplog.text
    folder.write_identity({**folder.identity(), "last_seq": 0})
    for is_said in (True, False):
        caplog.clear()
        assert starts(folder, postgres_url) is True
        said = [text for text in caplog.messages if "named no secret until now" in text]
        assert len(said) == is_said and all(f"the one of {folder.path}" in text for text in said)
    path = folder.path / "secret"
    path.unlink()
    sql(postgres_url, "DELETE FROM fact WHERE name = 'secret'")
    assert starts(folder, postgres_url) is True and "a new one, made in" in caplog.text
    path.write_text(path.read_text().strip()[::-1])
    (secret,) = found("joining")
    assert secret.level == WRONG and "not that of the hub" in secret.sentence


@pytest.mark.parametrize(
    "address", ["postgresql://prjobs:a-long-password@127.0.0.1:1/none", "postgresql://x:a-long-password/y@h/z"]
)
def test_a_database_out_of_reach(found: Found, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("PRJOBS_STORE_URL", address)
    (database,) = found("database")
    assert database.level == WRONG and "store_url" in database.sentence


@pytest.mark.slow
def test_the_command_reads_only_and_never_shows_the_address(
    folder: Folder, hub: Member, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRJOBS_STORE_URL", with_password(postgres_url))
    monkeypatch.setenv("PRJOBS_PORT", "0")

    def counted() -> tuple[object, ...]:
        with psycopg.connect(postgres_url) as connection:
            sql = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del), pg_stat_get_db_xact_rollback(oid) "
            found = connection.execute(f"{sql}FROM pg_stat_user_tables, pg_database GROUP BY oid LIMIT 1").fetchone()
            return found or ()

    before = counted()
    done = Program(folder.path).run("doctor", "--deep", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"]) == (0, True), done.stdout
    assert {"database", "standby", "transactions", "members", "jobs", "audit"} <= {
        one["check"] for one in found["findings"]
    }
    shown = done.stdout + done.stderr
    assert PASSWORD not in shown and "postgresql://" not in shown
    assert counted()[0] == before[0]


def standby_is_there(one: Finding) -> bool:
    return one.check == "standby" and one.level == OK


@pytest.mark.long
def test_servers_that_are_not_fit_and_standbys(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    require_server()
    server = PostgresServer(fsync="off", max_wal_senders="5")
    monkeypatch.setenv("PRJOBS_PORT", "0")
    try:
        monkeypatch.setenv("PRJOBS_STORE_URL", server.url)
        unfit = [one for one in examine(folder, StoreClock()) if one.check == "database"]
        assert levels(unfit) == [WRONG] and "fsync" in unfit[0].sentence
        server.settings["fsync"] = "on"
        server.restart()
        server.execute("ALTER SYSTEM SET synchronous_standby_names = 'far'")
        server.execute("SELECT pg_reload_conf()")
        (standby,) = [one for one in examine(folder, StoreClock()) if one.check == "standby"]
        assert standby.level == WRONG and "No synchronous standby is there" in standby.sentence
        # A commit would wait for the standby.
        server.execute("SET synchronous_commit = local; CREATE ROLE plain LOGIN")
        monkeypatch.setenv("PRJOBS_STORE_URL", server.url.replace("prjobs@", "plain@"))
        (standby,) = [one for one in examine(folder, StoreClock()) if one.check == "standby"]
        assert standby.level == NOTE and "pg_read_all_stats" in standby.sentence
        second = PostgresServer(server)
        try:
            server.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            server.execute("SELECT pg_reload_conf()")
            monkeypatch.setenv("PRJOBS_STORE_URL", server.url)
            in_order = wait_for(lambda: [one for one in examine(folder, StoreClock()) if standby_is_there(one)])
            assert "standby, " in in_order[0].sentence and "bytes behind" in in_order[0].sentence
            with closing(connect(server.url)) as connection:
                (seen,) = hub_state.list_standbys(connection.fetch, 5)
            assert (seen.name, seen.is_synchronous) == ("standby", 1) and seen.lag_s >= 0 <= seen.lag_bytes
            monkeypatch.setenv("PRJOBS_STORE_URL", second.url)
            said = [one for one in examine(folder, StoreClock()) if one.check == "database" and one.level == WRONG]
            assert "takes no writes" in said[0].sentence
        finally:
            second.stop()
    finally:
        server.stop()
