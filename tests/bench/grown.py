"""Stores of a given size, made by a few statements on the real schema: years of history, and a night of many jobs."""

import json
import random
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from prjobs.base.ulids import floor_ulid
from prjobs.store.models import JOB_COLUMNS, SENT, JobRow, checksum
from tests.bench import sending
from tests.bench.processes import Appliance

DAY_MS = 86_400_000
YEARS_MS = 2 * 365 * DAY_MS
NIGHT_MS = 10 * 3_600_000
# The last day of the store must still be the last day when the measures run.
FRESH_MS = 6 * 3_600_000
SITE, NIGHT_SITE = "saf", "wema"
STOPPED = [f"queue{number}" for number in range(1, 3)]
OLDEST = "oldest"
RECENT = 100


@dataclass(frozen=True)
class Size:
    """The numbers of rows; `share` of the largest store."""

    share: float

    @property
    def jobs(self) -> int:
        """All jobs."""
        return self._of(2_000_000)

    @property
    def night(self) -> int:
        """The jobs of one night at one site."""
        return self._of(100_000)

    @property
    def waiting(self) -> int:
        """The jobs that wait at each site of `STOPPED`."""
        return self._of(35_000)

    @property
    def sites(self) -> int:
        """The sites."""
        return max(10, self._of(1000))

    @property
    def rows(self) -> int:
        """The tokens, and the reservations."""
        return self._of(10_000)

    def _of(self, largest: int) -> int:
        return max(1, round(largest * self.share))


class Period:
    """Jobs in a row: the first number, how many, and the time in which they were sent."""

    def __init__(self, first: int, count: int, from_ms: int, to_ms: int) -> None:
        self.first, self.count, self.from_ms, self.to_ms = first, count, from_ms, to_ms

    @property
    def after(self) -> int:
        """The number after the last job."""
        return self.first + self.count


def night_date(now_ms: int) -> str:
    """The name of the last night that is over, from noon to noon UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime((_noon_ms(now_ms) - DAY_MS) / 1000))


def _noon_ms(now_ms: int) -> int:
    return (now_ms - DAY_MS // 2) // DAY_MS * DAY_MS + DAY_MS // 2


def prepare(folder: Path, size: Size) -> Path:
    """Make the store, or take the one of the last hours; its sites of `STOPPED` have their waiting jobs again."""
    made = folder / "made.json"
    now_ms = int(time.time() * 1000)
    if not made.exists() or now_ms - json.loads(made.read_text()) > FRESH_MS:
        Appliance(folder).stop()
        with _opened(folder) as connection:
            connection.execute("PRAGMA journal_mode = off")
            _fill(connection, size, now_ms)
            connection.execute("PRAGMA journal_mode = wal")
        made.write_text(json.dumps(now_ms))
    (folder / "prjobs.toml").write_text('reservations = "local"\nnewjob_rate = 10_000_000\nbackup_keep = 0\n')
    with _opened(folder) as connection:
        _wait_again(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


def _opened(folder: Path) -> "_Opened":
    return _Opened(folder / "prjobs.sqlite3")


class _Opened:
    """A connection without syncs; committed and closed at the end."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)

    def __enter__(self) -> sqlite3.Connection:
        self.connection.execute("PRAGMA synchronous = off")
        self.connection.execute("PRAGMA cache_size = -400000")
        self.connection.create_function("ulid_of", 2, _ulid, deterministic=True)
        self.connection.create_function("checksum_of", 1 + len(SENT), _checksum, deterministic=True)
        return self.connection

    def __exit__(self, *_error: object) -> None:
        self.connection.close()


def _ulid(created_ms: int, seq: int) -> str:
    return floor_ulid(created_ms)[:18] + f"{seq:08d}"


_ROW = JobRow(**{**dict.fromkeys(JobRow._fields, ""), "seq": 0})  # type: ignore[arg-type]


def _checksum(ulid: str, *sent: str) -> int:
    return checksum(ulid, _ROW._replace(**dict(zip(SENT, sent, strict=True))))


def _fill(connection: sqlite3.Connection, size: Size, now_ms: int) -> None:
    night_ms = _noon_ms(now_ms) - 14 * 3_600_000
    waiting = size.waiting * len(STOPPED)
    past = Period(1, size.jobs - size.night - waiting - RECENT, now_ms - YEARS_MS, night_ms - DAY_MS)
    night = Period(past.after, size.night, night_ms, night_ms + NIGHT_MS)
    queued = Period(night.after, waiting, now_ms - 7_200_000, now_ms - 3_600_000)
    recent = Period(queued.after, RECENT, now_ms - 3_600_000, now_ms)
    others = f"CASE WHEN i % 2 THEN '{SITE}' ELSE printf('site%04d', i / 2 % {size.sites - 7}) END"
    connection.execute("BEGIN")
    _add_jobs(connection, past, others, "COMPLETE")
    _add_jobs(connection, night, f"'{NIGHT_SITE}'", "COMPLETE")
    _add_jobs(connection, queued, f"'queue' || (1 + i % {len(STOPPED)})", "UNREAD")
    _add_jobs(connection, recent, f"'{SITE}'", "COMPLETE")
    connection.execute("UPDATE job SET device = ?1, action = ?1, user_name = ?1 WHERE seq = 1", (OLDEST,))
    connection.execute("UPDATE job SET status = 'OLDEST' WHERE seq = 1")
    connection.execute(
        "UPDATE job SET checksum = checksum_of(ulid, site, device, instance, action, required_params, optional_params) "
        "WHERE seq = 1"
    )
    _add_changes(connection)
    _add_access(connection, size, now_ms)
    connection.execute("COMMIT")


def _add_jobs(connection: sqlite3.Connection, period: Period, site: str, status: str) -> None:
    required, optional = (json.dumps(sending.JOB[name]) for name in ("required_params", "optional_params"))
    done = status == "COMPLETE"
    columns = {
        "seq": "i",
        "ulid": "ulid_of(at, i)",
        "site": site,
        "created_ms": "at",
        "device": "'camera'",
        "instance": "'camera1'",
        "action": "'expose'",
        "command_class": "'exposure'",
        "user_id": "'auth0|' || (i % 50)",
        "user_name": "'A. Bench'",
        "user_roles": "'[]'",
        "required_params": ":required",
        "optional_params": ":optional",
        "status": "CASE WHEN i % 21 THEN 'COMPLETE' ELSE 'FAILED' END" if done else "'UNREAD'",
        "estimate_s": "10" if done else "NULL",
        "alternate_status": "'EXPIRED'" if done else "'UNREAD'",
        "alternate_estimate_s": "NULL",
        "changed_ms": "at + 5000" if done else "at",
        "expires_ms": "at + 1800000" if done else "at + 864000000",
        "again_of": "NULL",
        "origin": "'local'",
        "attempts": "1",
        "checksum": f"checksum_of(ulid_of(at, i), {site}, 'camera', 'camera1', 'expose', :required, :optional)",
        "idempotency_key": "NULL",
        "picked_up_ms": "at + 1000" if done else "NULL",
        "started_ms": "at + 2000" if done else "NULL",
        "ended_ms": "at + 5000" if done else "NULL",
        "note": "''",
    }
    assert list(columns) == JOB_COLUMNS.split(", ")
    connection.execute(
        "WITH RECURSIVE number(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM number WHERE i + 1 < :after), "
        "sent AS (SELECT i, :from_ms + (:to_ms - :from_ms) * (i - :first) / (:after - :first) AS at FROM number) "
        f"INSERT INTO job ({JOB_COLUMNS}) SELECT {', '.join(columns.values())} FROM sent",
        {**vars(period), "after": period.after, "required": required, "optional": optional},
    )


# (status, queue, milliseconds after the job was sent, which jobs have the change)
_CHANGES = [
    ("UNREAD", "both", 0, "1"),
    ("RECEIVED", "primary", 1000, "status <> 'UNREAD'"),
    ("STARTED", "primary", 2000, "status <> 'UNREAD'"),
    ("EXPOSING", "primary", 3000, "status <> 'UNREAD' AND seq % 5 < 2"),
    ("", "primary", 5000, "status <> 'UNREAD'"),
    ("EXPIRED", "alternate", 1_800_000, "status <> 'UNREAD'"),
]


def _add_changes(connection: sqlite3.Connection) -> None:
    kinds = ", ".join(f"({n}, '{word}', '{queue}', {ms})" for n, (word, queue, ms, _) in enumerate(_CHANGES))
    has = " ".join(f"WHEN {n} THEN {which}" for n, (_, _, _, which) in enumerate(_CHANGES))
    connection.execute(
        "INSERT INTO handout (id, site, queue, time_ms, peer, state, maybe_flushed) "
        "SELECT seq, site, 'primary', picked_up_ms, '192.0.2.1:50000', 'CONFIRMED', 0 FROM job WHERE status <> 'UNREAD'"
    )
    connection.execute(
        f"WITH kind(n, word, queue, ms) AS (VALUES {kinds}) "
        "INSERT INTO change (job_seq, site, queue, status, estimate_s, time_ms, who, note, handout_id) "
        "SELECT seq, site, kind.queue, CASE n WHEN 4 THEN status ELSE word END, NULL, created_ms + ms, 'bench', '', "
        f"CASE n WHEN 1 THEN seq END FROM job CROSS JOIN kind WHERE CASE n {has} END ORDER BY seq, n"
    )


def _add_access(connection: sqlite3.Connection, size: Size, now_ms: int) -> None:
    sites = [site for (site,) in connection.execute("SELECT DISTINCT site FROM job INDEXED BY job_site_ulid")]
    chance = random.Random(14)
    connection.executemany(
        "INSERT INTO token (id, user_id, user_name, roles, sites, created_ms, expires_ms, created_by) "
        "VALUES (?, ?, ?, '[]', ?, ?, ?, 'bench')",
        [
            (f"{n:016x}", f"auth0|t{n}", f"T. {n}", json.dumps([chance.choice(sites)]), now_ms, now_ms + YEARS_MS)
            for n in range(size.rows)
        ],
    )
    begins = [now_ms + DAY_MS + chance.randrange(30 * DAY_MS) for _ in range(size.rows)]
    connection.executemany(
        "INSERT INTO reservation (site, source, event_id, start_ms, end_ms, creator_id, creator, title, created_by) "
        "VALUES (?, 'local', '', ?, ?, ?, 'A. Bench', '', 'bench')",
        [(chance.choice(sites), begin, begin + 3_600_000, f"auth0|t{n}") for n, begin in enumerate(begins)],
    )
    old_ms = now_ms - 3 * DAY_MS
    connection.executemany(
        "INSERT OR IGNORE INTO poll (site, queue, last_ms, usual_gap_ms) VALUES (?, 'primary', ?, 5000)",
        [(site, old_ms) for site in sites],
    )


def _wait_again(connection: sqlite3.Connection) -> None:
    """Give the sites of `STOPPED` their waiting jobs back, as before the stops of an earlier run."""
    marks = ", ".join("?" * len(STOPPED))
    stops = f"SELECT seq FROM job WHERE site IN ({marks}) AND command_class = 'stop'"
    withdrawn = f"SELECT seq FROM job WHERE site IN ({marks}) AND status = 'CANCELLED' AND command_class <> 'stop'"
    connection.execute("BEGIN")
    connection.execute(f"DELETE FROM change WHERE job_seq IN ({withdrawn}) AND status <> 'UNREAD'", STOPPED)
    connection.execute(
        "UPDATE job SET status = 'UNREAD', alternate_status = 'UNREAD', note = '', ended_ms = NULL, "
        f"changed_ms = created_ms WHERE seq IN ({withdrawn})",
        STOPPED,
    )
    connection.execute(f"DELETE FROM change WHERE job_seq IN ({stops})", STOPPED)
    connection.execute(f"DELETE FROM job WHERE seq IN ({stops})", STOPPED)
    connection.execute("COMMIT")
