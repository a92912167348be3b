"""The statements of the package mean the same on both engines: the check at the end of a run finds what does not."""

import pytest

from prjobs.jobs import lookup
from tests import statements
from tests.hub.preparing import Preparing, never_noted
from tests.postgres import driver
from tests.statements import Statement

driver()


@pytest.fixture(scope="module")
def preparing(postgres_server):
    with postgres_server.database() as url:
        preparing = Preparing(url)
        yield preparing
        preparing.close()


@pytest.mark.parametrize(
    ("sql", "kinds", "said"),
    [
        ("INSERT OR IGNORE INTO fact (name, value) VALUES (?, ?)", [{"str"}, {"str"}], "syntax error"),
        ("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", [{"str"}, {"str"}], "syntax error"),
        ("SELECT max(seq, ?) FROM job", [{"int"}], "function max(bigint, bigint) does not exist"),
        ("SELECT seq FROM job WHERE site IN ()", [], "syntax error"),
        ("SELECT seq FROM job WHERE site IS ?", [{"str"}], "syntax error"),
        ("SELECT seq, max(time_ms) FROM change", [], "must appear in the GROUP BY"),
        ("SELECT seq FROM job WHERE rowid = 1", [], 'column "rowid" does not exist'),
        ("SELECT printf('%d', seq) FROM job", [], "functions that do not mean the same: printf"),
        ("SELECT ifnull(again_of, '') FROM job", [], "functions that do not mean the same: ifnull"),
        ("SELECT sum(attempts) FROM job", [], "a NUMERIC"),
        ("SELECT status = 'UNREAD' FROM job", [], "a truth value"),
        ("SELECT EXISTS (SELECT 1 FROM job)", [], "a truth value"),
        ("UPDATE alarm SET loud = ?", [{"bool"}], "is a bool"),
        ("UPDATE alarm SET loud = ?", [{"int", "bool"}], "is a bool"),
        ("SELECT seq FROM job WHERE created_ms = ?", [{"int", "str"}], "more than one type"),
        ("SELECT seq FROM job WHERE site = ?", [{"int"}], "operator does not exist: text = bigint"),
        ("SELECT id FROM handout WHERE maybe_flushed", [], "must be type boolean"),
        ("SELECT seq FROM job ORDER BY expires_ms", [], "ORDER BY expires_ms"),
        ("SELECT j.seq FROM job j ORDER BY j.seq, j.ended_ms DESC LIMIT ?", [{"int"}], "ORDER BY ended_ms"),
        ("SELECT 1 FROM fact WHERE name = 'a' AND CAST(value AS BIGINT) > ?", [{"int"}], "a CAST of a text"),
        ("SELECT 1 FROM fact WHERE CAST(value AS BIGINT) > ?", [{"int"}], "a CAST of a text"),
        ("SELECT seq FROM job WHERE site = ? AND ulid = :ulid", [{"str"}], "named parameters beside ?"),
        ("SELECT seq FROM job WHERE lower(site) = lower(?)", [{"str"}], "lower or upper of a parameter"),
        ("PRAGMA user_version", [], "for one engine alone"),
        ("SELECT seq FROM job LIMIT 1,2", [], "syntax"),
        ("SELECT no_such_column FROM job", [], "does not exist"),
    ],
)
def test_what_the_engines_take_differently_is_found(preparing, sql, kinds, said):
    found = preparing.faults(Statement(sql, "x.py:1", {str(place): kind for place, kind in enumerate(kinds)}))
    assert said in "\n".join(found)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT seq FROM job INDEXED BY job_unread WHERE site = ? AND status = 'UNREAD' ORDER BY seq",
        "SELECT seq FROM job WHERE site = ? AND ended_ms IS NOT NULL ORDER BY ended_ms",
        "SELECT seq FROM job WHERE site = ? ORDER BY ended_ms NULLS FIRST, seq",
        "SELECT expires_ms FROM token WHERE id = ? ORDER BY expires_ms",
        "SELECT seq FROM job WHERE instr(lower(site), ?) > 0",
        "SELECT CASE WHEN status = 'sum(x)' THEN 1 ELSE 0 END FROM job WHERE site LIKE ?",
        "INSERT INTO fact (name, value) VALUES ('AND CAST(x AS BIGINT)', ?) ON CONFLICT (name) DO NOTHING",
        "SELECT max(last) FROM (SELECT CAST(value AS BIGINT) AS last FROM fact WHERE name = ?) AS known",
    ],
)
def test_what_both_take_alike_passes(preparing, sql):
    assert preparing.faults(Statement(sql, "x.py:1", {"0": {"str", "NoneType"}})) == []


def test_a_statement_is_noted_with_the_place_and_the_kinds_of_its_values(appliance, monkeypatch):
    monkeypatch.setattr(statements, "NOTED", {})
    queue = appliance.queue
    assert not lookup.has_waiting_stop(queue.database, "saf", "primary")
    queue.database.fetch("SELECT 'by a test'")
    queue.database.write(lambda transaction: transaction.fetch("SELECT 'by a test'"))
    # The appliance itself may run others at the same time.
    (found,) = [one for one in statements.NOTED.values() if one.place.startswith("jobs/lookup.py:")]
    assert found.sql.startswith("SELECT 1 FROM job WHERE site = ?")
    assert "SELECT 'by a test'" not in statements.NOTED
    assert found.kinds == {"0": {"str"}}


@pytest.mark.slow
def test_statements_in_the_source_that_no_test_runs_are_found():
    everything = never_noted([])
    assert {place.partition(":")[0] for place in everything} >= {"jobs/expiry.py", "jobs/log.py", "night/due.py"}
    assert not any(place.startswith(("upkeep/", "store/migrations/")) for place in everything)
    assert len(never_noted(["SELECT min(seq) FROM change WHERE seq > ?"])) < len(everything)
