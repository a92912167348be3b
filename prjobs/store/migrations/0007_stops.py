"""Every stop withdraws what is older, not only a cancel_all: the stops of a site by their number."""

STATEMENTS = [
    "DROP INDEX job_cancel_all",
    "CREATE INDEX job_stop ON job (site, seq) WHERE command_class = 'stop'",
]


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement)
