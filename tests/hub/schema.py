"""Bringing an empty PostgreSQL up to date."""

import peewee
from playhouse.migrations import Runner

from prjobs.store.schema import MIGRATIONS


def bring_up_to_date(url: str) -> list[str]:
    """Give an empty database the whole schema, and return the migrations that ran after `postgresql.sql`."""
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute((MIGRATIONS / "postgresql.sql").read_text(encoding="utf-8"))
    parts = psycopg.conninfo.conninfo_to_dict(url)
    database = peewee.PostgresqlDatabase(parts.pop("dbname"), prefer_psycopg3=True, **parts)
    try:
        return Runner(database, str(MIGRATIONS)).up()
    finally:
        database.close()
