"""Lockouts of sites: one row for each lock, as each person in the dome has a lock of their own."""

STATEMENT = """CREATE TABLE lockout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL,
    reason TEXT NOT NULL, since_ms BIGINT NOT NULL, until_ms BIGINT, ended_ms BIGINT,
    ended_by TEXT NOT NULL DEFAULT '')"""


def up(migrator, db):
    db.execute_sql(STATEMENT)
    db.execute_sql("CREATE INDEX lockout_open ON lockout (site) WHERE ended_ms IS NULL")
