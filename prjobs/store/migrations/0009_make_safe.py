"""Acts that stop, park and close a site step by step, kept until each step was sent."""

STATEMENT = """CREATE TABLE make_safe (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, since_ms BIGINT NOT NULL, ended_ms BIGINT,
    replaced INTEGER NOT NULL DEFAULT 0, user_id TEXT NOT NULL, user_name TEXT NOT NULL, act TEXT NOT NULL)"""


def up(migrator, db):
    db.execute_sql(STATEMENT)
    db.execute_sql("CREATE INDEX make_safe_since ON make_safe (since_ms)")
