"""When a site was stopped last: what the cloud shows later of the time before is not run."""

STATEMENT = "CREATE INDEX job_cancel_all ON job (site, created_ms) WHERE lower(action) = 'cancel_all_commands'"


def up(migrator, db):
    db.execute_sql(STATEMENT)
