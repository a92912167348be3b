"""Notes of observers on nights, sites and jobs. No row is changed or removed, but for the mark of a struck-out note."""

STATEMENTS = (
    """CREATE TABLE observer_note (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, about TEXT NOT NULL,
        about_ms BIGINT NOT NULL, date TEXT NOT NULL, ulid TEXT NOT NULL, label TEXT NOT NULL, text TEXT NOT NULL,
        time_ms BIGINT NOT NULL, author_id TEXT NOT NULL, author TEXT NOT NULL, struck_ms BIGINT, struck_by TEXT)""",
    "CREATE INDEX observer_note_site ON observer_note (site, about_ms)",
    "CREATE INDEX observer_note_about ON observer_note (about_ms)",
    "CREATE INDEX observer_note_job ON observer_note (ulid) WHERE ulid <> ''",
)


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement)
