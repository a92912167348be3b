"""Leftovers of a link switched off, of a site taken out of the link, and of a primary turned standby.

Only a primary hands the cloud's jobs out. Any other appliance holds the waiting jobs: the cloud says UNREAD, and a
primary elsewhere may run the jobs. A waiting stop goes on waiting: a stop twice does no harm. Jobs on the way to the
cloud go back to the site. Notices tell people the remedy.
"""

import threading

from prjobs.base.errors import Unavailable
from prjobs.base.notices import Code
from prjobs.base.ulids import floor_ulid
from prjobs.cloud import copies, tables
from prjobs.cloud.context import Context
from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.states import ALTERNATE, CLOUD, COLUMNS, FORWARDING, HELD, PRIMARY, UNREAD
from prjobs.store.models import BRIEF_COLUMNS, JobRow
from prjobs.store.transaction import Transaction

NOTE_EVERY_S = 60.0
# A link that was switched off longer ago is not worth a notice at every start.
UNSENT_MS = 7 * 86_400_000
GIVEN_BACK = "the link to the cloud is off for its site: it runs as a job of the site"
NOT_PRIMARY = "this appliance is not the one that hands the cloud's jobs out"


def hold_and_give_back(context: Context) -> None:
    """Hold the cloud's jobs and give back the site's jobs without a link, at the start; raise the notices."""
    context.queue.database.write(_hold_and_give_back, context)
    note_held(context)
    _note_unsent(context)


def _hold_and_give_back(transaction: Transaction, context: Context) -> None:
    sql = f"SELECT ulid, site FROM job INDEXED BY job_forwarding WHERE status = '{FORWARDING}'"
    for ulid, site in sorted(transaction.fetch(sql)):
        if site not in context.linked_sites:
            # The job's own age decides whether it still runs.
            copies.decide(transaction, context.queue, ulid, UNREAD, GIVEN_BACK)
    for queue_name in (PRIMARY, ALTERNATE):
        _hold(transaction, context, queue_name)


def _hold(transaction: Transaction, context: Context, queue_name: str) -> None:
    """Hold the waiting jobs of the cloud, except stops and jobs handed out before: the cloud knows of the hand-out."""
    found = transaction.fetch(
        f"SELECT {BRIEF_COLUMNS} FROM job WHERE {COLUMNS[queue_name][0]} = '{UNREAD}' AND origin = '{CLOUD}' "
        "AND command_class <> 'stop' AND NOT EXISTS (SELECT 1 FROM change c "
        "WHERE c.job_seq = job.seq AND c.queue = ? AND c.handout_id IS NOT NULL) ORDER BY seq",
        (queue_name,),
    )
    rows = [row for row in map(JobRow._make, found) if row.site not in context.primary_sites]
    log.apply(transaction, rows, Event(queue_name, HELD, context.queue.clock.now_ms(), CLOUD, NOT_PRIMARY))
    if queue_name == PRIMARY:
        tables.needs_no_push(transaction, [row.seq for row in rows])


# ---- notices


def note_held(context: Context) -> None:
    """Raise or end the notice of held jobs without a link."""
    found = context.queue.database.fetch(
        "SELECT site, ulid FROM job INDEXED BY job_held "
        f"WHERE status IN ('{HELD}', '{FORWARDING}') AND status = '{HELD}'"
    )
    held = [(site, ulid) for site, ulid in found if site not in context.linked_sites]
    sentence = ""
    if held:
        sites, oldest = ", ".join(sorted({site for site, _ in held})), min(ulid for _, ulid in held)
        sentence = (
            f"Jobs of the cloud that are held: {len(held)}. The link is off for {sites}, so that nobody decides about "
            f"them: switch the link on, or withdraw each job, the oldest by `prjobs cancel {oldest}`."
        )
    context.queue.notices.say(Code.CLOUD_HELD, sentence)


def _note_unsent(context: Context) -> None:
    """Raise or end the notice of the last week's unsent statuses without a link."""
    since = floor_ulid(context.queue.clock.now_ms() - UNSENT_MS)
    unsent = tables.unsent_jobs(context.queue.database, since)
    lacking = [site for _, site in unsent if site not in context.primary_sites]
    sites = ", ".join(sorted(set(lacking)))
    if set(context.linked_sites) & set(lacking):
        sentence = (
            f"Statuses of {sites} that did not reach the cloud while this appliance was primary: {len(lacking)}. The "
            "program that reads that queue now may run these jobs again. Make this appliance primary again to send "
            "the statuses."
        )
    else:
        sentence = (
            f"Statuses that did not reach the cloud before the link was switched off for {sites}: {len(lacking)}. "
            "Switch the link on again to send them."
        )
    context.queue.notices.say(Code.CLOUD_UNSENT, sentence if lacking else "")


def watch(context: Context, stop: threading.Event) -> None:
    """Keep the notice of held jobs up to date while the link is off and jobs are held."""
    while Code.CLOUD_HELD in context.queue.notices and not stop.wait(NOTE_EVERY_S):
        try:
            note_held(context)
        except Unavailable:
            continue
