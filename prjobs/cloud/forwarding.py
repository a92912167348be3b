"""Forwarding: a job made at the site is handed to the cloud with the user's own token, and stands in both places.

The appliance stores the job first, as FORWARDING, and sends the job's id to the cloud as a marker. A clear answer
decides at once. Without a clear answer the request is never repeated: the sweeps look for the marker, and without the
marker the job runs at the site. So a job runs exactly once. A stop never waits: the site gets the stop at once, the
cloud gets a copy, and the copy never runs.

Few threads send the requests. The user's request waits a few seconds for the decision, and few of these wait at a time:
polls and stops need the workers.
"""

import logging
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from prjobs.access.audit import Act, Actor
from prjobs.base.catalogue import MAKES_SAFE
from prjobs.base.errors import BadRequest, Forbidden, Refused, Unauthorized
from prjobs.cloud import copies, importing
from prjobs.cloud.context import Context
from prjobs.cloud.network import CREDENTIALS, PERMANENT, UNSENT, Failure, Network
from prjobs.cloud.requesting import register_later, send
from prjobs.cloud.senders import Sender, Senders
from prjobs.jobs import lookup, submission
from prjobs.jobs.queue import write_command
from prjobs.jobs.requests import Command
from prjobs.jobs.states import CANCELLED, FORWARDED, FORWARDING, UNREAD
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

logger = logging.getLogger(__name__)
# The longest time that a user's request waits for the decision, and the time between two looks at the store.
DECISION_S = 5.0
LOOK_S = 0.25
# A request or a copy that waited longer for a thread is not sent: a late copy could withdraw newer jobs of the cloud.
STALE_S = 10.0
SENDERS, MOST_WAITING = 4, 40
REFUSED_NOTE = "the cloud refused the job"
UNREACHABLE_NOTE = "the cloud cannot be reached: it runs as a job of the site"
BUSY_NOTE = "the cloud is slow and the job was not sent there: it runs as a job of the site"
OPEN_NOTE = "on its way to the cloud, which has not answered: it runs at the site unless it shows up there soon"
_REFUSALS: dict[int, type[Refused]] = {401: Unauthorized, 403: Forbidden}


class Forwarded(NamedTuple):
    """The job to answer with, and a sentence for the user on where the job is; empty when the job waits as usual."""

    row: JobRow
    note: str = ""


@dataclass
class _Sending:
    """The request for a job: sent by a thread, awaited by the user's request. `ulid` is the job's id in the cloud."""

    command: Command
    row: JobRow
    token: str = field(repr=False)
    began_s: float
    refusal: Refused | None = None
    ulid: str | None = None
    done: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self) -> bool:
        """Return True for the first caller, who sends the request or decides not to."""
        return self._lock.acquire(blocking=False)


class Forwarder:
    """The way to the cloud of the jobs that users make here; `patience_s` is the longest wait for a decision."""

    def __init__(
        self, context: Context, network: Network, sender: Sender | None = None, patience_s: float = DECISION_S
    ) -> None:
        settings = context.queue.settings
        self._context = context
        self._network = network
        self._patience_s = patience_s
        self._jobs = sender or Senders("forward", SENDERS, MOST_WAITING)
        # One thread keeps the order of the stops.
        self._copies = sender or Senders("copy", 1, MOST_WAITING)
        # The other workers stay free, also while a third of them waits for the store, and a third for the provider.
        self._places = threading.Semaphore(settings.threads // 4)

    def submit(self, command: Command, token: str, actor: Actor) -> Forwarded:
        """Store a job and hand it to the cloud. Refused if the cloud refuses the job within the patience."""
        context = self._context
        if command.site not in context.linked_sites:
            return Forwarded(submission.submit_job(context.queue, command, actor))
        if command.makes_safe:
            row, is_new = self._store(command, UNREAD, actor)
            # The copy of a job that was removed here would run. A second copy of a stop would withdraw jobs that users
            # asked for in the cloud since the first.
            if is_new and not command.is_repeat:
                self.copy(row, token)
            return Forwarded(row)
        if not context.memory.is_reachable:
            row = submission.submit_job(context.queue, command, actor)
            register_later(context, command, row, token)
            return Forwarded(row, _sentence(row, UNREACHABLE_NOTE))
        row, is_new = self._store(command, FORWARDING, actor)
        if is_new:
            return self._forward(_Sending(command, row, token, context.queue.clock.elapsed_s()))
        # The same Idempotency-Key again: a second request would make a second job in the cloud.
        return self._whereabouts(row)

    def _store(self, command: Command, status: str, actor: Actor) -> tuple[JobRow, bool]:
        """Return the stored job, and True if it is new: False with a known idempotency key."""
        insert = partial(
            _insert, context=self._context, command=command, status=status, act=submission.act_of(command, actor)
        )
        stored: tuple[JobRow, bool] = write_command(self._context.queue, insert, makes_safe=command.makes_safe)
        return stored

    # ---- jobs

    def _forward(self, sending: _Sending) -> Forwarded:
        queue = self._context.queue
        is_taken = self._jobs.add(partial(self._send, sending))
        if not is_taken or (self._wait(sending) and not sending.done.is_set()):
            self._keep_here(sending)
        if sending.refusal:
            raise sending.refusal
        if sending.ulid:
            return Forwarded(lookup.find_job(queue.database, sending.ulid))
        return self._whereabouts(lookup.find_job(queue.database, sending.row.ulid))

    def _wait(self, sending: _Sending) -> bool:
        """Wait for the decision, for the patience at most; return False without a place to wait."""
        queue = self._context.queue
        if not self._places.acquire(blocking=False):
            return False
        try:
            end_s = sending.began_s + self._patience_s
            while queue.clock.elapsed_s() < end_s and not queue.stopping.is_set() and not self._is_decided(sending):
                (queue.stopping if sending.done.is_set() else sending.done).wait(LOOK_S)
        finally:
            self._places.release()
        return True

    def _is_decided(self, sending: _Sending) -> bool:
        if sending.refusal or sending.ulid:
            return True
        if self._is_open(sending):
            return False
        # The thread that decided ends in a moment. A stop at the site decides while the thread waits for the cloud.
        sending.done.wait(LOOK_S)
        return True

    def _is_open(self, sending: _Sending) -> bool:
        """Return True while nobody decided: neither a sweep, nor a stop that withdrew the job."""
        return lookup.find_job(self._context.queue.database, sending.row.ulid).status == FORWARDING

    def _keep_here(self, sending: _Sending) -> None:
        """Run the job at the site, unless a thread began to send the request."""
        if sending.claim():
            self._decide(sending.row, UNREAD, BUSY_NOTE)

    def _decide(self, row: JobRow, status: str, note: str) -> None:
        self._context.queue.database.write(copies.decide, self._context.queue, row.ulid, status, note)

    def _send(self, sending: _Sending) -> None:
        """Send the request and carry the decision out, in a thread of its own."""
        if not sending.claim():
            return
        try:
            if self._is_stale(sending.began_s):
                self._decide(sending.row, UNREAD, BUSY_NOTE)
            elif self._is_open(sending):
                self._exchange(sending)
        finally:
            sending.done.set()

    def _is_stale(self, began_s: float) -> bool:
        return self._context.queue.clock.elapsed_s() - began_s > STALE_S

    def _exchange(self, sending: _Sending) -> None:
        try:
            answer = send(self._network, sending.command, sending.row.ulid, sending.token)
        except Failure as failure:
            self._failed(sending, failure)
        else:
            sending.ulid = importing.import_answer(self._context, sending.row.site, answer)

    def _failed(self, sending: _Sending, failure: Failure) -> None:
        """Decide after a clear failure. After any other the sweeps decide."""
        if failure.kind in (CREDENTIALS, PERMANENT):
            sending.refusal = _REFUSALS.get(failure.status, BadRequest)(str(failure))
            self._decide(sending.row, CANCELLED, REFUSED_NOTE)
        elif failure.kind == UNSENT:
            register_later(self._context, sending.command, sending.row, sending.token)
            self._decide(sending.row, UNREAD, UNREACHABLE_NOTE)
        else:
            self._context.memory.awaited.add(sending.row.site)

    def _whereabouts(self, row: JobRow) -> Forwarded:
        """Return the job as waiting, the user's view during the search for the marker, and the place of the job."""
        notes = {FORWARDING: OPEN_NOTE, FORWARDED: row.note, UNREAD: row.note}
        note = notes.get(row.status, "")
        shown = {FORWARDING: UNREAD, FORWARDED: UNREAD}
        status, alternate = (shown.get(one, one) for one in (row.status, row.alternate_status))
        return Forwarded(row._replace(status=status, alternate_status=alternate), _sentence(row, note) if note else "")

    # ---- copies of stops

    def copy(self, row: JobRow, token: str) -> None:
        """Send the cloud a copy of a stop, close or park made at the site, without waiting."""
        context = self._context
        if row.command_class in MAKES_SAFE and row.site in context.linked_sites and context.memory.is_reachable:
            work = partial(self._send_copy, row, token, context.queue.clock.elapsed_s())
            if not self._copies.add(work):
                logger.warning("cloud: no copy of %s was sent: too many wait", row.ulid)

    def _send_copy(self, row: JobRow, token: str, began_s: float) -> None:
        if self._is_stale(began_s):
            return
        try:
            send(self._network, row, row.ulid, token)
        except Failure:
            # A repeated copy could arrive late and withdraw newer jobs: the site has the stop, which is enough.
            return


def _sentence(row: JobRow, note: str) -> str:
    return f"Job {row.ulid}: {note}."


def _insert(transaction: Transaction, context: Context, command: Command, status: str, act: Act) -> tuple[JobRow, bool]:
    last_seq = transaction.fetch("SELECT coalesce(max(seq), 0) FROM job")[0][0]
    row = submission.insert_job(transaction, context.queue, command, act, status)
    return row, row.seq > last_seq
