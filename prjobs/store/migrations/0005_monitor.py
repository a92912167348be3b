"""When each job was picked up, began and ended, as columns; and the alarms, which the server keeps from now on."""

STATEMENTS = [
    "ALTER TABLE job ADD COLUMN picked_up_ms BIGINT",
    "ALTER TABLE job ADD COLUMN started_ms BIGINT",
    "ALTER TABLE job ADD COLUMN ended_ms BIGINT",
    """CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL)""",
    "CREATE UNIQUE INDEX alarm_key_raised ON alarm (key, raised_ms)",
    "CREATE INDEX alarm_cleared ON alarm (cleared_ms)",
    "DELETE FROM fact WHERE name LIKE 'ack:%'",
]
WAITING = {"UNREAD", "HELD", "FORWARDING"}
PHASES = {
    "COMPLETE": "done",
    "COMPLETED": "done",
    "FAILED": "failed",
    "ERROR": "failed",
    "ABORTED": "failed",
    "CANCELLED": "gone",
    "EXPIRED": "gone",
    "FORWARDED": "gone",
}


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement)
    db.connection().executemany(
        "UPDATE job SET picked_up_ms = ?, started_ms = ?, ended_ms = ? WHERE seq = ?", times(db)
    )


def times(db):
    """(picked_up_ms, started_ms, ended_ms, job_seq) of every job that ever left its queue; one job in memory."""
    log = db.execute_sql(
        "SELECT job_seq, status, time_ms FROM change WHERE queue IN ('primary', 'both') ORDER BY job_seq, seq"
    )
    job, picked_up, started, ended, finished = None, None, None, None, ""
    for job_seq, status, time_ms in log:
        if job_seq != job:
            if picked_up or started or ended:
                yield picked_up, started, ended, job
            job, picked_up, started, ended, finished = job_seq, None, None, None, ""
        word = status.upper()
        before, finished = finished, PHASES.get(word, "")
        if finished:
            ended = ended if finished == before else time_ms
            continue
        ended = None
        if word in WAITING:
            picked_up = started = None
        elif word == "RECEIVED":
            picked_up = time_ms if picked_up is None else picked_up
        elif started is None:
            started = time_ms
    if picked_up or started or ended:
        yield picked_up, started, ended, job
