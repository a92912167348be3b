"""The doctor's checks of the store itself."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from prjobs.base.errors import Unusable
from prjobs.base.progress import Counter, step
from prjobs.cloud import invariants
from prjobs.opening import require_store
from prjobs.store.models import JobRow
from prjobs.store.schema import require_writable
from prjobs.store.sqlite import trouble_of
from prjobs.upkeep.findings import NOTE, OK, WRONG, Finding, Findings, Patient
from prjobs.upkeep.inspection import damages, has_log, older_migrations, open_read_only, require_ours
from prjobs.upkeep.row_checks import check_identity, check_rows, damaged_findings


def check_store(patient: Patient) -> Findings:
    """Check the store: the file, the jobs, the clock, polls and hand-outs."""
    path = patient.folder.database
    if not patient.has_store:
        yield _without_store(patient)
        return
    try:
        require_writable(path)
    except Unusable as unusable:
        yield Finding(WRONG, "store", str(unusable))
        return
    try:
        with closing(open_read_only(path, still=not patient.is_served and not has_log(path))) as connection:
            connection.text_factory = _any_text
            yield from _check_open(patient, connection)
    except sqlite3.Error as error:
        sentence = f"{path} cannot be read: {trouble_of(error, path).sentence} {patient.folder.restore_advice()}"
        yield Finding(WRONG, "store", sentence)


def _any_text(stored: bytes) -> str:
    return stored.decode(errors="replace")


def _without_store(patient: Patient) -> Finding:
    identity = patient.folder.identity()
    try:
        require_store(patient.folder, identity, demo=bool(identity.get("demo")))
    except Unusable as unusable:
        return Finding(WRONG, "store", str(unusable))
    return Finding(NOTE, "store", "No jobs were ever stored here.")


def _check_open(patient: Patient, connection: sqlite3.Connection) -> Findings:
    try:
        require_ours(connection, patient.folder.database)
    except Unusable as unusable:
        yield Finding(WRONG, "store", f"{unusable} {patient.folder.restore_advice()}")
        return
    if older_migrations(connection):
        yield Finding(
            NOTE,
            "schema",
            "The schema is of an older version; the next start makes a backup, then brings the schema up to date.",
        )
    else:
        yield Finding(OK, "schema", "The schema is this version's.")
    another = f"{patient.folder.database} is the store of another appliance. {patient.folder.restore_advice()}"
    yield check_identity(patient, connection, another)
    if found := damages(connection, patient.deep):
        sentence = f"{patient.folder.database} is damaged ({found[0]}). {patient.folder.restore_advice()}"
        yield Finding(WRONG, "store", sentence)
    else:
        yield Finding(OK, "store", "The file is whole." if patient.deep else "The file is whole by a quick check.")
    if patient.deep:
        yield from _check_jobs(connection)
        yield from _check_cloud(connection)
    yield from check_rows(patient, connection)


def _check_jobs(connection: sqlite3.Connection) -> Findings:
    """Check each job against its checksum: SQLite's own check does not see a flipped bit inside a row."""
    counted = Counter(connection.execute("SELECT count(*) FROM job").fetchone()[0])
    with step("Checking each job", counted.share):
        damaged = list(_damaged_jobs(connection, counted))
    yield from damaged_findings(damaged, counted.done)


def _damaged_jobs(connection: sqlite3.Connection, counted: Counter) -> Iterator[str]:
    """Yield the id of each job that differs from its checksum, and count the jobs."""
    # A store of an older version lacks the youngest columns.
    names = [name for _, name, *_ in connection.execute("PRAGMA table_info(job)") if name in JobRow._fields]
    for values in connection.execute(f"SELECT {', '.join(names)} FROM job ORDER BY seq"):
        counted.done += 1
        row = JobRow(**dict(zip(names, values, strict=True)))
        if not row.is_sound:
            yield str(row.ulid)


def _check_cloud(connection: sqlite3.Connection) -> Findings:
    """Check the rules that hold for every job of the cloud at all times."""
    with step("Checking the jobs of the cloud"):
        broken = invariants.sentences(connection)
    yield from (Finding(WRONG, "cloud", sentence) for sentence in broken)
    if not broken and (count := invariants.jobs_of(connection)):
        said = f"All {len(invariants.CHECKS)} rules of the link hold for the {count} jobs of the cloud."
        yield Finding(OK, "cloud", said)
