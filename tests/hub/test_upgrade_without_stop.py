"""Two versions of prjobs side by side on one hub: the newer one takes over, the older one does not start again."""

import shutil
from pathlib import Path

import psycopg
import pytest

import prjobs
from tests.hub.processes import Hub, is_active
from tests.program import Program
from tests.waiting import wait_for

MIGRATION = """from prjobs.store.dialect import spelled


def up(migrator, db, **named):
    db.execute_sql(spelled("CREATE TABLE later (id {key}, name {text})", db))
"""


def newer_version(folder: Path) -> tuple[str, ...]:
    """Make a copy of prjobs with another version and one more migration; return the words that start the copy."""
    shutil.copytree(Path(prjobs.__file__).parent, folder / "prjobs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(Path(prjobs.__file__).parents[1] / "static", folder / "static")
    (folder / "prjobs" / "store" / "migrations" / "9000_later.py").write_text(MIGRATION)
    version = folder / "prjobs" / "version.py"
    version.write_text(version.read_text() + '\nVERSION = "999.0"\n')
    return ("-c", f"import sys; sys.path.insert(0, {str(folder)!r}); from prjobs.cli import main; sys.exit(main())")


@pytest.mark.long
def test_a_newer_version_takes_over_and_the_older_one_does_not_start_again(tmp_path: Path, postgres_url: str) -> None:
    hub = Hub(tmp_path, postgres_url)
    try:
        first = hub.add()
        token = hub.token(first)
        sent = [first.new_job(token)["ulid"]]
        second = Program(tmp_path / "data1", newer_version(tmp_path / "newer"))
        second.data.mkdir(mode=0o700)
        shutil.copy(first.data / "secret", second.data / "secret")
        hub.programs.append(second)
        hub.serve(second)
        assert "999.0" in second.first_lines[0]
        # The older process goes on beside the newer one.
        sent.append(first.new_job(token)["ulid"])
        assert first.stop()[0] == 0
        wait_for(lambda: is_active(second))
        assert second.fetch(2) == sent
        with psycopg.connect(postgres_url) as connection:
            assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
        older = Program(first.data).run("serve", "--port", "0", env=hub.environment)
        assert older.returncode == 1 and "newer prjobs (9000_later)" in older.stderr
        sent.append(second.new_job(token)["ulid"])
        assert second.fetch(1) == sent[2:]
    finally:
        hub.end()
