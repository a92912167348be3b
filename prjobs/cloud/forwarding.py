"""A job asked for at the site, handed to the cloud with its user's own token, so that it stands there as well.

The job is stored here first, as FORWARDING under an id of ours, and carries that id to the cloud as a marker. A clear
answer decides at once. Without one the request is never repeated: the sweeps look for the marker, and when it does not
appear the job becomes one of the site. So it runs exactly once whatever happens. A stop never waits: it is delivered
at once, and the cloud gets a copy that is not run a second time.
"""

import threading
from collections.abc import Callable

from prjobs.access import audit
from prjobs.access.audit import Act, Actor
from prjobs.base.errors import BadRequest, Forbidden, Refused, Unauthorized
from prjobs.cloud import late, markers, newjobs
from prjobs.cloud.answers import CREDENTIALS, PERMANENT, UNSENT, Answer, Failure, Network, require_usable
from prjobs.cloud.context import Context
from prjobs.jobs import lookup, submission
from prjobs.jobs.requests import Command
from prjobs.jobs.states import CANCELLED, FORWARDED, FORWARDING, UNREAD
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.store.transaction import Transaction

_REFUSALS: dict[int, type[Refused]] = {401: Unauthorized, 403: Forbidden}


def forwarder(context: Context, network: Network) -> Callable[[Command, str, Actor], JobRow]:
    """What the endpoint newjob calls with a command and its user's token."""

    def forward(command: Command, token: str, actor: Actor) -> JobRow:
        contact = context.contact
        reachable = contact.last_ms is not None and contact.down_since_ms is None
        if command.site not in context.queue.settings.cloud_sites:
            return submission.submit_job(context.queue, command, actor)
        if not reachable:
            row = submission.submit_job(context.queue, command, actor)
            if not command.makes_safe:
                late.remember(context, command, row, token)
            return row
        return submit(context, network, command, token, actor)

    return forward


def submit(context: Context, network: Network, command: Command, token: str, actor: Actor) -> JobRow:
    """The job as it is to be answered. Refused when the cloud refuses it for its user."""
    if command.makes_safe:
        row, is_new = context.queue.database.write(_store, context, command, UNREAD, actor, makes_safe=True)
        if not is_new:
            # A second copy of a stop would withdraw in the cloud what was asked for since.
            return row
        copy = threading.Thread(target=_send_copy, args=(network, command, row, token), name="forward", daemon=True)
        copy.start()
        return row
    row, is_new = context.queue.database.write(_store, context, command, FORWARDING, actor)
    if not is_new:
        # The same Idempotency-Key again: that request is on its way, or was decided.
        return _as_unread(row)
    try:
        answer = newjobs.send(network, command, row.ulid, token)
        require_usable(answer)
    except Failure as failure:
        if failure.kind == UNSENT:
            late.remember(context, command, row, token)
        return _without_answer(context, row, failure)
    return _with_answer(context, row, answer)


def _store(
    transaction: Transaction, context: Context, command: Command, status: str, actor: Actor
) -> tuple[JobRow, bool]:
    last_seq = transaction.fetch("SELECT coalesce(max(seq), 0) FROM job")[0][0]
    row = submission.insert_job(transaction, context.queue, command, Act(actor, audit.NEWJOB), status)
    return row, row.seq > last_seq


def _send_copy(network: Network, command: Command, row: JobRow, token: str) -> None:
    try:
        newjobs.send(network, command, row.ulid, token)
    except Failure:
        # The site has the command; the cloud is told nothing more.
        return


def _without_answer(context: Context, row: JobRow, failure: Failure) -> JobRow:
    if failure.kind in (CREDENTIALS, PERMANENT):
        _decide(context, row, CANCELLED, "the cloud refused it")
        raise _REFUSALS.get(failure.status, BadRequest)(str(failure)) from None
    if failure.kind == UNSENT:
        _decide(context, row, UNREAD, "the cloud cannot be reached: it runs as a job of the site")
        return row._replace(status=UNREAD, alternate_status=UNREAD)
    return _as_unread(row)


def _as_unread(row: JobRow) -> JobRow:
    """While the marker is looked for, its user sees a job that waits."""
    shown = {FORWARDING: UNREAD, FORWARDED: UNREAD}
    return row._replace(
        status=shown.get(row.status, row.status), alternate_status=shown.get(row.alternate_status, row.alternate_status)
    )


def _decide(context: Context, row: JobRow, status: str, note: str) -> None:
    context.queue.database.write(markers.decide, context, row.seq, status, note)


def _with_answer(context: Context, row: JobRow, answer: Answer) -> JobRow:
    """The cloud stored it: its record becomes a job here, by the same way as any other."""
    ulid = newjobs.take_in(context, row.site, answer)
    if ulid is None:
        return _as_unread(row)
    return lookup.find_job(context.queue.database, ulid)


# ---- what got no answer


def undecided(context: Context, site: str) -> list[JobRow]:
    """Jobs of the site whose marker is being looked for."""
    # Left to itself SQLite walks through all jobs of the site, since that index has them in order.
    sql = (
        f"SELECT {JOB_COLUMNS} FROM job INDEXED BY job_forwarding "
        f"WHERE site = ? AND status = '{FORWARDING}' ORDER BY ulid"
    )
    return [JobRow(*row) for row in context.queue.database.fetch(sql, (site,))]


def give_back(context: Context, row: JobRow) -> bool:
    """The marker did not appear in time: the job runs as one of the site."""
    note = "the cloud does not have it: it runs as a job of the site"
    return bool(context.queue.database.write(markers.decide, context, row.seq, UNREAD, note))
