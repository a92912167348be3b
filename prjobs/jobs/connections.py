"""Hand-outs whose fate is not known yet, kept in memory: what never left, who got what, and on which connection.

An answer that was committed is not one that arrived. The next request on the same TCP connection proves that the
answer before it was read completely. What was committed too late for its answer waits here and leaves with a later one.
"""

import threading
from dataclasses import dataclass, replace
from typing import Any

from prjobs.base.clock import Clock
from prjobs.store.models import JobRow
from prjobs.web.wire import PollRequest, Program

FLUSH_GAP_S = 2.5
POLL_ID_S = 600.0
KEPT = 10_000
Queue = tuple[str, str]


@dataclass(frozen=True)
class Handed:
    """Jobs of one hand-out that an answer gives away, or will. `plain`: the poll had neither wait, poll_id nor lease.

    `late`: it was committed too late for its own poll. `whole`: one answer gave all of it.
    """

    id: int
    program: Program
    rows: list[JobRow]
    plain: bool
    poll_id: str | None = None
    lease_s: int | None = None
    late: bool = False
    whole: bool = True

    @property
    def queue(self) -> Queue:
        """(site, queue)."""
        return self.program[:2]


class OpenHandouts:
    """Who waits for which proof, and what waits to leave. All methods may be called from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._by_peer: dict[str, list[Handed]] = {}
        self._last: dict[Program, tuple[list[Handed], float]] = {}
        self._unsent: dict[Queue, list[Handed]] = {}
        # Hand-out -> job -> the poll_id of the answer that it left by.
        self._left: dict[int, dict[int, str | None]] = {}
        # Queue and poll_id -> the hand-outs of its answer, and when each left.
        self._answers: dict[tuple[Queue, str], dict[int, float]] = {}

    # ---- leaving

    def keep_unsent(self, given: list[Handed]) -> None:
        """Committed too late for its poll: it leaves with a later one of the queue."""
        with self._lock:
            for handed in given:
                unsent = self._unsent.setdefault(handed.queue, [])
                known = {row.seq for one in unsent if one.id == handed.id for row in one.rows}
                known.update(self._left.get(handed.id, ()))
                if rows := [row for row in handed.rows if row.seq not in known]:
                    unsent.append(replace(handed, rows=rows, late=True))
                elif not unsent:
                    del self._unsent[handed.queue]

    def unsent(self, queue: Queue) -> list[Handed]:
        """What of the queue was committed and never left, as it was handed out; the store knows what became of it."""
        return self._unsent.get(queue, [])

    def unsent_queues(self) -> list[Queue]:
        """Where something never left."""
        return list(self._unsent)

    def is_unsent(self, queue: Queue, job_seq: int) -> bool:
        """Whether the job was handed out and never left."""
        return any(row.seq == job_seq for handed in self.unsent(queue) for row in handed.rows)

    def forget_unsent(self, handed: Handed, job_seqs: set[int]) -> None:
        """These jobs of an unsent hand-out will not leave by it any more."""
        if job_seqs:
            with self._lock:
                self._take_out(handed, job_seqs, splits=False)

    def leave(self, given: list[Handed], poll: PollRequest, peer: str) -> list[Handed]:
        """The answer is about to leave on the peer's connection: what of it really does, as this poll's.

        What left by another poll a moment before does not leave again.
        """
        now_s, leaving = self._clock.elapsed_s(), []
        with self._lock:
            for handed in given:
                gone = self._left.get(handed.id, {})
                again = [row.seq for row in handed.rows if poll.poll_id and gone.get(row.seq) == poll.poll_id]
                if rows := [row for row in handed.rows if row.seq not in gone or row.seq in again]:
                    leaving.append(self._left_by(replace(handed, rows=rows), poll, now_s))
            if leaving:
                self._by_peer.setdefault(peer, []).extend(leaving)
                self._last[poll.program] = (leaving, now_s)
        return leaving

    def _left_by(self, handed: Handed, poll: PollRequest, now_s: float) -> Handed:
        whole = self._take_out(handed, {row.seq for row in handed.rows}) and handed.whole
        if handed.late or poll.poll_id:
            _bounded(self._left).setdefault(handed.id, {}).update({row.seq: poll.poll_id for row in handed.rows})
        if poll.poll_id:
            _bounded(self._answers).setdefault((handed.queue, poll.poll_id), {}).setdefault(handed.id, now_s)
        return replace(handed, program=poll.program, plain=poll.is_plain, poll_id=poll.poll_id, whole=whole)

    def _take_out(self, handed: Handed, job_seqs: set[int], splits: bool = True) -> bool:
        """These jobs are not unsent any more; whether nothing else of the hand-out is."""
        kept: list[Handed] = []
        is_last = True
        for one in self._unsent.get(handed.queue, []):
            rest = [row for row in one.rows if one.id != handed.id or row.seq not in job_seqs]
            if rest:
                is_last = is_last and one.id != handed.id
                is_split = splits and one.id == handed.id
                kept.append(replace(one, rows=rest, whole=one.whole and not is_split))
        if kept:
            self._unsent[handed.queue] = kept
        else:
            self._unsent.pop(handed.queue, None)
        return is_last

    # ---- repeating

    def answered(self, queue: Queue, poll_id: str) -> dict[int, set[int]]:
        """Hand-out -> jobs that left by this poll_id in the last ten minutes, as far as it is known here."""
        with self._lock:
            now_s = self._clock.elapsed_s()
            return {
                handout_id: {seq for seq, by in self._left.get(handout_id, {}).items() if by == poll_id}
                for handout_id, at_s in self._answers.get((queue, poll_id), {}).items()
                if now_s - at_s < POLL_ID_S
            }

    def has_left(self, handout_id: int) -> bool:
        """Whether jobs of the hand-out are known to have left."""
        return handout_id in self._left

    # ---- proving

    def ended(self, peer: str) -> list[Handed]:
        """What was open on this connection: proved when the peer spoke again, open to doubt when it closed."""
        if peer not in self._by_peer:
            return []
        with self._lock:
            return self._by_peer.pop(peer, [])

    def superseded(self, program: Program, peer: str | None) -> list[Handed]:
        """What other connections hold open of this program, now that it polls from this peer."""
        if not self._by_peer:
            return []
        with self._lock:
            found = []
            for other in [other for other in self._by_peer if other != peer]:
                found += [handed for handed in self._by_peer[other] if handed.program == program]
                self._by_peer[other] = [handed for handed in self._by_peer[other] if handed.program != program]
                if not self._by_peer[other]:
                    del self._by_peer[other]
            return found

    def flushed(self, program: Program, plain: bool) -> list[Handed]:
        """The answer just before, when this poll follows it too soon to be of the same poll loop."""
        if program not in self._last:
            return []
        with self._lock:
            before, at_s = self._last.pop(program, ([], 0.0))
        too_soon = self._clock.elapsed_s() - at_s < FLUSH_GAP_S
        return [handed for handed in before if plain and handed.plain and too_soon]


def _bounded(known: dict[Any, Any]) -> dict[Any, Any]:
    """Without the oldest when there are too many."""
    if len(known) >= KEPT:
        del known[next(iter(known))]
    return known
