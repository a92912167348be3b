"""The doctor's checks of a hub: the database, its standbys, the processes; with `deep` every job and the audit.

Imported only for a hub: the library of PostgreSQL is an extra. Every check reads only, in short transactions.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import cast

import msgspec

from prjobs.access import anchor
from prjobs.base.clock import StoreClock
from prjobs.base.errors import Unusable
from prjobs.base.moves import require_there
from prjobs.base.progress import Counter, step
from prjobs.store import hub_state, joining
from prjobs.store.hub import has_schema, require_fit, unreached
from prjobs.store.hub_state import ACTIVE, SILENT, HubMember
from prjobs.store.models import JobRow
from prjobs.store.postgres import PostgresConnection, connect, shown
from prjobs.store.postgres_session import PostgresError
from prjobs.store.source import Store
from prjobs.upkeep.findings import NOTE, OK, WRONG, Finding, Findings, Patient
from prjobs.upkeep.inspection import newer_migrations, older_migrations
from prjobs.upkeep.row_checks import age, check_identity, check_rows, damaged_findings
from prjobs.version import VERSION

ANOTHER = (
    "The database of store_url is the store of another appliance: name the right database in store_url, or this hub's "
    "data folder by --data."
)
STATEMENT_S = 30
LONG_S = 600
CLOCK_MS = 1000
PAGE = 2000
STANDBYS = 20
_PLACE = (
    "SELECT current_setting('server_version'), pg_is_in_recovery()::int, "
    "current_setting('synchronous_standby_names'), pg_has_role('pg_read_all_stats', 'MEMBER')::int"
)


def check_database(patient: Patient) -> Findings:
    """Check the database of a hub and what is stored there."""
    url = patient.settings.store_url
    try:
        with closing(connect(url, STATEMENT_S)) as connection:
            connection.execute("SET default_transaction_read_only = on")
            yield from _check_connected(patient, connection)
    except PostgresError as error:
        yield Finding(WRONG, "database", str(unreached(url, error)))
    except Unusable as unusable:
        yield Finding(WRONG, "database", str(unusable))


def _check_connected(patient: Patient, connection: PostgresConnection) -> Findings:
    url = patient.settings.store_url
    try:
        require_fit(connection, url)
    except Unusable as unusable:
        yield Finding(WRONG, "database", str(unusable))
        return
    version, is_standby, synchronous, may_see = connection.fetch(_PLACE)[0]
    yield Finding(OK, "database", f"The database {shown(url)}: PostgreSQL {version}, encoding UTF8, fsync on.")
    if is_standby:
        sentence = "The server of store_url is a standby and takes no writes. Name the primary in store_url, or all "
        yield Finding(WRONG, "database", f"{sentence}hosts with target_session_attrs=read-write.")
    else:
        yield _check_standbys(connection, synchronous, bool(may_see))
    yield from _check_transactions(connection, bool(may_see))
    if not has_schema(connection):
        yield Finding(NOTE, "store", "No jobs were ever stored in the database.")
        return
    yield from _check_store(patient, connection)


def _check_standbys(connection: PostgresConnection, synchronous: str, may_see: bool) -> Finding:
    if not synchronous.strip():
        sentence = "The database has no synchronous standby: when its disk is lost, the newest answered requests are "
        return Finding(NOTE, "standby", f"{sentence}lost with the disk. Set synchronous_standby_names.")
    if not may_see:
        sentence = f"A synchronous standby is asked for ({synchronous}); the user of store_url may not see whether "
        return Finding(NOTE, "standby", f"{sentence}one is there. GRANT pg_read_all_stats to the user to see more.")
    found = [one for one in hub_state.list_standbys(connection.fetch, STANDBYS) if one.is_synchronous]
    if not found:
        sentence = f"No synchronous standby is there, and every write waits for one ({synchronous}): start the standby."
        return Finding(WRONG, "standby", sentence)
    said = "; ".join(f"{one.name}, {one.lag_bytes} bytes behind" for one in found)
    return Finding(OK, "standby", f"Synchronous standby: {said}.")


def _check_transactions(connection: PostgresConnection, may_see: bool) -> Findings:
    found = [
        f"A transaction of {one.user} ({one.program or 'no name'}) in the database {one.database} is open for "
        f"{age(one.age_s * 1000)}. As long as the transaction lasts, the server cannot remove old versions of rows. "
        f"End the program, or run SELECT pg_terminate_backend({one.pid})."
        for one in hub_state.list_long_transactions(connection.fetch, LONG_S)
    ]
    found += [
        f"The prepared transaction {name} is open for {age(age_s * 1000)}: run COMMIT PREPARED or ROLLBACK PREPARED."
        for name, age_s in hub_state.list_long_prepared(connection.fetch, LONG_S)
    ]
    yield from (Finding(NOTE, "transactions", sentence) for sentence in found)
    if not found:
        seen = "" if may_see else " that the user of store_url may see"
        yield Finding(OK, "transactions", f"No transaction{seen} is open for longer than {LONG_S // 60} minutes.")


def _check_store(patient: Patient, connection: PostgresConnection) -> Findings:
    if newer := newer_migrations(connection):
        sentence = f"The database was written by a newer prjobs ({newer[-1]}): install that version or newer."
        yield Finding(WRONG, "schema", sentence)
        return
    if older := older_migrations(connection):
        sentence = f"The schema is of an older version: the next start of a process adds {', '.join(older)}."
        yield Finding(NOTE, "schema", sentence)
    else:
        yield Finding(OK, "schema", "The schema is this version's.")
    yield check_identity(patient, connection, ANOTHER)
    yield from _check_joining(patient, connection)
    yield from _check_members(hub_state.list_members(connection.fetch))
    if patient.deep:
        yield from _check_jobs(connection)
        yield _check_audit(patient, connection)
    yield from check_rows(msgspec.structs.replace(patient, clock=_clock_of(connection)), connection)


def _clock_of(connection: PostgresConnection) -> StoreClock:
    """Return the clock of the database: the times in the store are this clock's."""
    clock = StoreClock()
    asked_ms = clock.own_ms()
    clock.measure(connection.fetch(f"SELECT {hub_state.NOW_MS}")[0][0], asked_ms)
    return clock


def _check_joining(patient: Patient, connection: PostgresConnection) -> Findings:
    """Check for reasons to refuse a start of this folder, such as another secret or a database set back."""
    identity = patient.folder.identity()
    facts: dict[str, str] = dict(connection.fetch("SELECT name, value FROM fact"))
    try:
        require_there(identity, facts)
        joining.require_secret(patient.folder, identity, facts)
        if joining.SECRET in facts:
            yield Finding(OK, "joining", "The secret is the one of the hub's other processes.")
        elif joining.names_no_secret(facts):
            sentence = "The database names no secret of the hub: the next process that becomes active names its own. "
            yield Finding(NOTE, "joining", f"{sentence}Start a process first whose secret signed the tokens.")
        joining.require_not_set_back(cast(Store, connection), identity)
    except Unusable as unusable:
        yield Finding(WRONG, "joining", str(unusable))


# ---- the processes


def _check_members(members: list[HubMember]) -> Findings:
    living = [one for one in members if one.role != SILENT]
    active = [one for one in living if one.role == ACTIVE]
    if living and not active:
        yield Finding(WRONG, "members", "No process is active. One of those that are ready takes over within 15 s.")
    elif not living:
        yield Finding(NOTE, "members", "No process of the hub runs. Start one with `prjobs serve`.")
    elif len(living) == 1:
        yield Finding(NOTE, "members", "The active process is the only one: start a second one, ready to take over.")
    for one in living:
        role = "is active" if one.role == ACTIVE else "is ready to take over"
        yield Finding(OK, "members", f"{one.url} {role}: prjobs {one.version}, {_clock_words(one)}.")
        yield from _check_member(one)
    for url in dict.fromkeys(one.url for one in members if one.role == SILENT):
        if url not in {one.url for one in living}:
            last = min(one.age_ms for one in members if one.url == url)
            sentence = f"{url} gave no sign of life for {age(last)}. Start the process again, unless it was taken away."
            yield Finding(NOTE, "members", sentence)


def _clock_words(member: HubMember) -> str:
    behind = member.clock_offset_ms
    return f"its machine's clock is {abs(behind)} ms {'behind' if behind > 0 else 'ahead of'} the database's"


def _check_member(member: HubMember) -> Findings:
    if abs(member.clock_offset_ms) > CLOCK_MS:
        sentence = (
            f"The clock of the machine of {member.url} is wrong by {abs(member.clock_offset_ms) / 1000:.1f} s, or "
        )
        yield Finding(NOTE, "members", f"{sentence}the database's is: set both. prjobs uses the database's clock.")
    if member.version != VERSION:
        sentence = f"{member.url} runs prjobs {member.version}, and this is {VERSION}: finish the upgrade."
        yield Finding(NOTE, "members", sentence)


# ---- with `deep`


def _check_jobs(connection: PostgresConnection) -> Findings:
    counted = Counter(connection.fetch("SELECT count(*) FROM job")[0][0])
    with step("Checking each job", counted.share):
        damaged = list(_damaged_jobs(connection, counted))
    yield from damaged_findings(damaged, counted.done)


def _damaged_jobs(connection: PostgresConnection, counted: Counter) -> Iterator[str]:
    """Yield the id of each job that differs from its checksum. Pages of rows keep no transaction open for long."""
    there = {
        name
        for (name,) in connection.fetch(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = 'job'::regclass AND attnum > 0"
        )
    }
    names = [name for name in JobRow._fields if name in there]
    last = -1
    while rows := connection.fetch(
        f"SELECT {', '.join(names)} FROM job WHERE seq > ? ORDER BY seq LIMIT ?", (last, PAGE)
    ):
        counted.done += len(rows)
        jobs = [JobRow(**dict(zip(names, values, strict=True))) for values in rows]
        last = jobs[-1].seq
        yield from (job.ulid for job in jobs if not job.is_sound)


def _check_audit(patient: Patient, connection: PostgresConnection) -> Finding:
    with step("Checking the audit"):
        joins = not patient.folder.identity()
        verdict, behind = anchor.verify(connection.fetch, patient.folder.path, joins=joins)
    if verdict.seq is not None:
        return Finding(WRONG, "audit", f"The audit is broken: {verdict.finding}")
    unseen = " This folder has no anchor of its own yet." if behind is None else ""
    return Finding(OK, "audit", f"The audit is unbroken: {verdict.rows} rows checked.{unseen}")
