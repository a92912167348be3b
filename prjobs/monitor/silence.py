"""Sites whose program does not poll: a program that stopped, and a site that never polled although a job is open."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from prjobs.access import ending_tokens
from prjobs.base.clock import moment
from prjobs.base.errors import Unavailable
from prjobs.jobs.polls import Poller
from prjobs.jobs.states import ALTERNATE, FORWARDING, HELD, OPEN_PHASES, PRIMARY, UNREAD, phase_of
from prjobs.jobs.unpolled import site_meant
from prjobs.monitor.alarms import NEVER, SILENT, Wrong
from prjobs.monitor.board import Board
from prjobs.monitor.rules import LISTED_S, OPEN_S

# A job may wait longer than a day. The hints keep SQLite from walking through all older jobs.
WAITING_BEFORE = [
    f"FROM job j INDEXED BY {index} WHERE {condition} AND j.ulid <= ?"
    for index, condition in (
        ("job_unread", f"j.status = '{UNREAD}'"),
        ("job_held", f"j.status IN ('{HELD}', '{FORWARDING}')"),
    )
]

# The most alarms of sites that never polled.
NEVER_LIMIT = 20
# The most open jobs of a site that are kept in memory, besides waiting ones; the oldest one counts. A program that
# reports nothing leaves a hundred thousand jobs open in a busy night.
KEPT_LIMIT = 10_000


class OpenJob(NamedTuple):
    """A job in its present phase; over unless the phase is an open one."""

    seq: int
    site: str
    created_ms: int
    phase: str


class Silence:
    """The search for silent sites; the jobs that are open are kept in memory, as the caller reads their changes."""

    def __init__(self, board: Board) -> None:
        self._board, self._queue = board, board.queue
        self._began_s = board.queue.clock.elapsed_s()
        # Site -> the open jobs by number, about the oldest first, each with the elapsed time of the request.
        self._open: dict[str, dict[int, float]] = {}
        # The open jobs that wait. Few of a hundred thousand open jobs do: a flag for each would take megabytes.
        self._waiting: set[int] = set()

    def read_waiting(self, until_ulid: str) -> None:
        """Note the waiting jobs up to an id. Raise Unavailable."""
        for waiting in WAITING_BEFORE:
            sql = f"SELECT j.seq, j.site, j.created_ms, j.status {waiting} ORDER BY j.ulid"
            for seq, site, created_ms, status in self._queue.database.fetch(sql, (until_ulid,)):
                self.note(OpenJob(seq, site, created_ms, phase_of(status)))

    def note(self, job: OpenJob) -> None:
        """Note the present phase of a job."""
        jobs, clock = self._open.setdefault(job.site, {}), self._queue.clock
        if job.phase == "waiting":
            self._waiting.add(job.seq)
        else:
            self._waiting.discard(job.seq)
        if job.phase not in OPEN_PHASES:
            jobs.pop(job.seq, None)
        elif job.seq not in jobs and (job.phase == "waiting" or len(jobs) < KEPT_LIMIT):
            jobs[job.seq] = clock.elapsed_s() - max(0, clock.now_ms() - job.created_ms) / 1000

    def _oldest(self, site: str) -> tuple[int, float] | None:
        """Return number and age of the oldest open job of a site. A picked-up job is history after a day."""
        jobs, now_s = self._open.get(site, {}), self._queue.clock.elapsed_s()
        found, over = None, []
        for seq, began_s in jobs.items():
            if seq in self._waiting or now_s - began_s <= LISTED_S:
                found = seq, now_s - began_s
                break
            over.append(seq)
        for seq in over:
            del jobs[seq]
        return found

    def find(self, sites: Iterable[str]) -> Iterator[Wrong]:
        """Yield the sites whose program does not poll.

        No site could poll while the server was down: after a start each site gets its usual time before an alarm.
        """
        up_s = self._queue.clock.elapsed_s() - self._began_s
        polls = self._queue.polls
        for site in self._open:
            # Without a look the jobs of a site that never reports would stay in memory.
            self._oldest(site)
        never = []
        for site in sites:
            poller = polls.of(site, PRIMARY) or polls.of(site, ALTERNATE)
            if poller is None:
                never.append(self._never_polled(site, up_s))
            elif polls.has_place(site) and (wrong := self._silent(site, poller, up_s)):
                yield wrong
        # A user may send jobs to many invented names: the oldest alarms stand for all.
        yield from sorted(filter(None, never), key=self._rank)[:NEVER_LIMIT]

    def _silent(self, site: str, poller: Poller, up_s: float) -> Wrong | None:
        # Read the last poll before the silence: a poll in between ends this silence, and must not name a new alarm.
        last_ms = poller.last_ms
        key = f"{SILENT}/{site}/{last_ms}"
        silence_ms = self._queue.polls.silence_ms(poller)
        is_new_here = poller.last_elapsed_s is None and up_s * 1000 <= poller.silent_after_ms
        if silence_ms <= poller.silent_after_ms or (is_new_here and key not in self._board.alarms):
            return None
        # A single poll may come from a test by hand, and a program that is silent for a day may be out of use: an open
        # job shows that somebody counts on the site.
        is_in_use = poller.usual_gap_ms is not None and silence_ms <= LISTED_S * 1000
        oldest = self._oldest(site)
        if not is_in_use and (oldest is None or oldest[1] < OPEN_S):
            return None
        return Wrong(key, SILENT, last_ms, partial(self._silence_words, site, last_ms), site)

    def _silence_words(self, site: str, last_ms: int) -> str:
        known = [f"{site} has been silent since {_clock(last_ms)}", *self._refusal(site)]
        with suppress(Unavailable):
            known += ending_tokens.ended_between(self._queue, site, last_ms, self._queue.clock.now_ms())
        return ". ".join(known)

    def _never_polled(self, site: str, up_s: float) -> Wrong | None:
        oldest, key = self._oldest(site), f"{NEVER}/{site}"
        if oldest is None:
            return None
        seq, open_s = oldest
        waited_s = min(open_s, up_s) if seq <= self._queue.first_seq else open_s
        if waited_s < OPEN_S and key not in self._board.alarms:
            return None
        since_ms = self._queue.clock.now_ms() - round(open_s * 1000)
        return Wrong(key, SILENT, since_ms, partial(self._absence_words, site, since_ms), site)

    def _rank(self, wrong: Wrong) -> tuple[bool, bool, int]:
        is_raised = wrong.key in self._board.alarms
        return not self._queue.polls.is_reached(wrong.site), not is_raised, wrong.since_ms

    def _absence_words(self, site: str, since_ms: int) -> str:
        said = f"No program has ever polled for jobs of {site}, and a job is open since {_clock(since_ms)}"
        meant = site_meant(self._queue, site)
        return ". ".join([said, *self._refusal(site), *filter(None, [meant])])

    def _refusal(self, site: str) -> list[str]:
        """Return the reason for a silence as far as refused polls tell."""
        refused = self._queue.refused.of(site)
        return [refused.sentence.removesuffix(".")] if refused else []


def _clock(time_ms: int) -> str:
    return moment(time_ms).strftime("%H:%M:%S UTC")
