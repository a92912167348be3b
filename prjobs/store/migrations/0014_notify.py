"""The messages about alarms: what each address knows of each alarm, and the log of what was sent."""


def up(migrator, db):
    db.execute_sql(
        "CREATE TABLE notification (address TEXT NOT NULL, subject TEXT NOT NULL, key TEXT NOT NULL, "
        "raised_ms BIGINT NOT NULL, told_ms BIGINT, times INTEGER NOT NULL, PRIMARY KEY (address, subject))"
    )
    db.execute_sql(
        "CREATE TABLE told (id INTEGER NOT NULL PRIMARY KEY, time_ms BIGINT NOT NULL, address TEXT NOT NULL, "
        "news TEXT NOT NULL, key TEXT NOT NULL, raised_ms BIGINT NOT NULL)"
    )
    db.execute_sql("CREATE INDEX told_time ON told (time_ms)")
