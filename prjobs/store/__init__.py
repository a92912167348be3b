"""The SQLite file: tables, migrations, and the one writer."""
