"""The sums of each night at each site, which the screen of weeks reads; a chore fills them in from the history."""

STATEMENTS = (
    """CREATE TABLE night_sum (
        site TEXT NOT NULL, date TEXT NOT NULL, since_ms BIGINT NOT NULL, until_ms BIGINT NOT NULL,
        made_ms BIGINT NOT NULL, due BIGINT NOT NULL, is_closed INTEGER NOT NULL, sums TEXT NOT NULL,
        PRIMARY KEY (site, date))""",
    "CREATE INDEX night_sum_date ON night_sum (date)",
    "CREATE INDEX night_sum_due ON night_sum (made_ms, date) WHERE due > 0",
)


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement)
