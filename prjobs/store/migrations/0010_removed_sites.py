"""Sites that an operator removed: not shown any more, while the past jobs stay in the history."""

STATEMENT = """CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL)"""


def up(migrator, db):
    db.execute_sql(STATEMENT)
