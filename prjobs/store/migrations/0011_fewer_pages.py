"""Fewer pages a write: no table of numbers for jobs, changes and hand-outs, and no index of expiries.

Rebuilding the tables would take minutes for a long history, so only the text of their schema changes: SQLite documents
this way for changes without a part in the file's format (https://www.sqlite.org/lang_altertable.html). A build of
SQLite that forbids it keeps the tables as they are: each write costs a page more.
"""

from peewee import OperationalError

TABLES = ("job", "change", "handout")
FORGET = f"UPDATE sqlite_master SET sql = replace(sql, ' AUTOINCREMENT', '') WHERE type = 'table' AND name IN {TABLES}"


def up(migrator, db):
    db.execute_sql("DROP INDEX job_expires")
    # From now on the numbers of removed rows are facts.
    db.execute_sql(
        f"INSERT INTO fact (name, value) SELECT 'last number of ' || name, seq FROM sqlite_sequence "
        f"WHERE name IN {TABLES}"
    )
    version = db.execute_sql("PRAGMA schema_version").fetchone()[0]
    db.execute_sql("PRAGMA writable_schema = ON")
    try:
        db.execute_sql(FORGET)
    except OperationalError:
        return
    # Every open connection reads the schema anew.
    db.execute_sql(f"PRAGMA schema_version = {version + 1}")
    db.execute_sql("PRAGMA writable_schema = RESET")
    db.execute_sql(f"DELETE FROM sqlite_sequence WHERE name IN {TABLES}")
