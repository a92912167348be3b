"""The store, a SQLite file or a PostgreSQL database: tables, migrations, and the one writer."""

import sys

# peewee and its extensions import each driver that is installed, and connect through SQLite's alone: the driver of
# PostgreSQL, with asyncio, is a third of the start of a command. A hub imports the driver where the hub connects.
if "psycopg" not in sys.modules:
    sys.modules["psycopg"] = None  # type: ignore[assignment]
    import playhouse.migrations  # noqa: F401

    del sys.modules["psycopg"]
