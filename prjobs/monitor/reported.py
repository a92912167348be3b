"""Stops, closings and parkings with a report, but without a hand-out.

A program with a token for the site may report so, and so may the cloud; the job leaves the queue without a sign of an
observatory's having the job. An alarm says so until a person looked, also after a restart. The appliance of a linked
site has the job, if the appliance read the recent jobs since: the alarm is for the report of a failure alone.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from prjobs.base.catalogue import MAKES_SAFE
from prjobs.base.clock import moment
from prjobs.base.errors import NotFound
from prjobs.base.ulids import floor_ulid
from prjobs.jobs.lookup import find_job
from prjobs.jobs.states import BOTH, PRIMARY, RETURNED, UNREAD, in_phases, phase_of, shown
from prjobs.monitor.alarms import REPORTED, SAFETY, Wrong
from prjobs.monitor.board import Board
from prjobs.monitor.rules import UNREPORTED_UNTIL_S
from prjobs.monitor.views import JobView, view_job
from prjobs.store.source import marks

DAY_MS = 86_400_000
_CLASSES = ", ".join(f"'{name}'" for name in sorted(MAKES_SAFE))
_OF_DAY = (
    f"SELECT seq FROM job WHERE (ulid > ? AND command_class IN ({_CLASSES}) "
    f"AND NOT {in_phases('status', ('waiting', 'gone'))}) OR ulid IN (%s) ORDER BY seq"
)
# A job that left the primary queue by a report, and who reported first. One of the cloud that never waited here is no
# loss.
_NEVER_HANDED = (
    "SELECT j.ulid, (SELECT c.who FROM change c WHERE c.job_seq = j.seq "
    f"AND c.queue = '{PRIMARY}' AND c.status <> '{UNREAD}' ORDER BY c.seq LIMIT 1) "
    "FROM job j WHERE j.seq IN (%s) AND EXISTS (SELECT 1 FROM change c WHERE c.job_seq = j.seq "
    f"AND c.queue IN ('{PRIMARY}', '{BOTH}') AND c.status = '{UNREAD}') AND j.status <> '{UNREAD}' AND NOT EXISTS ("
    "SELECT 1 FROM change c JOIN handout h ON h.id = c.handout_id "
    f"WHERE c.job_seq = j.seq AND c.queue = '{PRIMARY}' AND h.state <> '{RETURNED}')"
)
PAGE = 500
_SEEN = f"SELECT ulid FROM alarm WHERE key LIKE '%-{REPORTED}/%' AND seen_by IS NOT NULL AND cleared_ms IS NOT NULL"


class Reported:
    """The search for such jobs; the caller reads the changes of jobs, and notes what may have been reported."""

    def __init__(self, board: Board) -> None:
        self._board, self._queue = board, board.queue
        self._asked: set[int] = set()
        self._found: dict[str, JobView] = {}
        # The jobs after which somebody looked, and those whose alarm is raised.
        self._looked: set[str] = set()
        self._raised: set[str] = set()

    def read_day(self) -> None:
        """Note the jobs of the last day, and the older ones whose alarm is raised. Raise Unavailable."""
        database = self._queue.database
        self._looked = {ulid for (ulid,) in database.fetch(_SEEN)}
        raised = [alarm.ulid for alarm in self._board.alarms.raised() if f"-{REPORTED}/" in alarm.key]
        self._raised = set(raised)
        after = floor_ulid(self._queue.clock.now_ms() - DAY_MS)
        sql = _OF_DAY % marks(raised)
        self._asked.update(seq for (seq,) in database.fetch(sql, (after, *raised)))

    def note(self, seq: int, phase: str) -> None:
        """Note a changed stop, closing or parking. A withdrawn job counts only if a report said so."""
        if phase not in ("waiting", "gone"):
            self._asked.add(seq)

    def look(self) -> None:
        """Find the jobs without a hand-out among the noted ones. Raise Unavailable."""
        asked = sorted({*self._asked, *self._queue.reported})
        for page in (asked[at : at + PAGE] for at in range(0, len(asked), PAGE)):
            for ulid, who in self._queue.database.fetch(_NEVER_HANDED % marks(page), page):
                if ulid not in self._found and ulid not in self._looked:
                    self._add(ulid, who)
        self._asked.clear()
        self._queue.reported.difference_update(asked)

    def _add(self, ulid: str, who: str | None) -> None:
        with suppress(NotFound):
            job = view_job(find_job(self._queue.database, ulid))
            if ulid in self._raised or not self._queue.polls.went_over_link(job, job.status, who or ""):
                self._found[ulid] = job

    def find(self) -> Iterator[Wrong]:
        """Yield the jobs; an acknowledgement ends the alarm of each after half an hour."""
        now_ms = self._queue.clock.now_ms()
        for ulid, job in list(self._found.items()):
            key = f"{job.command_class}-{REPORTED}/{ulid}"
            seen_ms = self._board.alarms.seen_ms(key)
            if seen_ms is not None and now_ms - seen_ms >= UNREPORTED_UNTIL_S * 1000:
                self._looked.add(ulid)
                del self._found[ulid]
                continue
            # Only the report of a failure sounds.
            loud = phase_of(job.status) == "failed"
            yield Wrong(key, SAFETY, job.changed_ms, partial(_words, job), site=job.site, ulid=ulid, loud=loud)


def _words(job: JobView) -> str:
    when = f"{moment(job.changed_ms):%H:%M:%S} UTC"
    return f"{job.site}: “{job.label}” was reported at {when} as {shown(job.status)}, but never handed out here"
