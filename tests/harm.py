"""What becomes of a store's file on a bad disk, or in the wrong hands."""

import sqlite3
from contextlib import closing
from pathlib import Path

PAGE_BYTES = 4096


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def execute(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def unlink(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("this is a letter\n" * 3000)


def header(path: Path) -> None:
    overwrite(path, 0, b"\0" * 100)


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 // PAGE_BYTES * PAGE_BYTES)


def one_page(path: Path) -> None:
    overwrite(path, path.stat().st_size // 2 // PAGE_BYTES * PAGE_BYTES, b"\xa5" * PAGE_BYTES)


def pages(path: Path) -> None:
    for number in range(2, path.stat().st_size // PAGE_BYTES):
        overwrite(path, number * PAGE_BYTES, b"\xa5" * PAGE_BYTES)


def foreign(path: Path) -> None:
    """Put the database of another program in its place."""
    path.unlink()
    execute(path, "CREATE TABLE job (a)")


def another(path: Path) -> None:
    """Make it the store of another appliance."""
    execute(path, "UPDATE fact SET value = 'another' WHERE name = 'identity'")


def newer(path: Path) -> None:
    """Make it the store of a later version."""
    execute(path, "INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2099-01-01')")


def fill_up(disk: Path) -> Path:
    """Another program's file that takes all that is left."""
    filling = disk / "filling"
    with filling.open("ab", buffering=0) as file:
        for size in (1_000_000, PAGE_BYTES, 1):
            try:
                while True:
                    file.write(b"\xa5" * size)
            except OSError:
                continue
    return filling
