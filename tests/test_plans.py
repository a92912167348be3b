"""The statements of polls, commands, reports and stops find their rows by a key: none grows with the history."""

import re

import pytest

from prjobs.jobs import expiry, handouts, leases, lookup, proofs
from tests.verbs import poll, report, take

# The tables that grow with the history, and their names in the statements.
GROWING = re.compile(r"SCAN (job|change|handout|audit|[a-z])( |$)")
PEER = "127.0.0.1:5000"


@pytest.fixture
def statements(appliance):
    """Run a verb; return each statement for SQLite, with the values."""
    database = appliance.queue.database

    def statements(verb):
        found = []

        def trace(step):
            database.write(lambda transaction: transaction.execute("SELECT 1").connection.set_trace_callback(step))
            database.fetch("SELECT 1")
            database.engine._local.connection.set_trace_callback(step)

        trace(found.append)
        verb()
        trace(None)
        return [text for text in found if re.match("SELECT [^1]|SELECT 1 F|UPDATE|DELETE|INSERT|WITH", text)]

    return statements


def scans(appliance, texts):
    """The steps of the plans that walk through a table that grows."""
    plans = [(text, appliance.queue.database.fetch(f"EXPLAIN QUERY PLAN {text}")) for text in dict.fromkeys(texts)]
    return [(step[3], text) for text, plan in plans for step in plan if GROWING.match(step[3])]


def test_no_statement_of_a_hot_verb_walks_through_the_history(appliance, submit, statements, clock):
    queue = appliance.queue
    waiting, closing = submit(), submit(device="enclosure", action="close")
    verbs = [
        submit,
        lambda: submit(idempotency_key="k"),
        lambda: take(appliance, peer=PEER),
        lambda: take(appliance, peer=PEER),
        lambda: report(appliance, waiting, "STARTED"),
        lambda: report(appliance, waiting, "COMPLETE"),
        lambda: report(appliance, closing, "STARTED"),
        lambda: report(appliance, waiting, "STARTED", alternate=True),
        submit,
        lambda: take(appliance, lease_s=30, poll_id="a"),
        lambda: take(appliance, lease_s=30, poll_id="a"),
        lambda: submit(action="stop"),
        lambda: take(appliance, alternate=True),
        lambda: take(appliance, peer="127.0.0.1:5001"),
        lambda: proofs.connection_ended(queue, PEER),
        lambda: handouts.begin_poll(queue, poll(), "127.0.0.1:5002"),
        lambda: (clock.advance(3000), expiry.expire_once(queue)),
        lambda: leases.return_once(queue),
        lambda: list(lookup.list_since(queue.database, "saf", 0)),
    ]
    seen = [text for verb in verbs for text in statements(verb)]
    assert len(set(seen)) > 30
    assert scans(appliance, seen) == []


def test_the_look_at_all_waiting_jobs_reads_only_those(appliance, submit, statements):
    """By the indexes of the waiting jobs alone: the rest of the history is larger by far."""
    for site in ("saf", "mrc", "saf"):
        submit(site=site)
    looks = [text for text in statements(lambda: expiry.expire_once(appliance.queue)) if "INDEXED BY" in text]
    plans = {row[3] for text in looks for row in appliance.queue.database.fetch(f"EXPLAIN QUERY PLAN {text}")}
    steps = {
        f"{index} ({by})" for index in ("job_unread", "job_alternate_unread") for by in ("site>?", "site=? AND seq>?")
    }
    assert {plan.replace("COVERING ", "").removeprefix("SEARCH job USING INDEX ") for plan in plans} == steps


def test_a_scan_would_be_found(appliance):
    assert scans(appliance, ["SELECT 1 FROM job j WHERE j.device = 'm'", "SELECT 1 FROM change WHERE who = 'u'"])
