"""What a link leaves behind when it is switched off, when a site leaves it, or when another appliance is primary.

Only a primary hands the cloud's jobs out: what waits is held, since the cloud still says UNREAD and somebody else may
run it. A job on its way to the cloud goes back to its site. Nothing of this is silent: a notice says what to do.
"""

import threading

from prjobs.base.errors import Unavailable
from prjobs.base.notices import Code
from prjobs.base.ulids import floor_ulid
from prjobs.cloud import markers, store
from prjobs.cloud.context import Context
from prjobs.cloud.markers import WHO
from prjobs.cloud.pushing import unsent_jobs
from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.states import ALTERNATE, FORWARDING, HELD, PRIMARY, UNREAD
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

NOTE_EVERY_S = 60.0
# Who left the cloud longer ago does not want to hear of it at every start.
UNSENT_MS = 7 * 86_400_000
GIVEN_BACK = "the link to the cloud is off for its site: it runs as a job of the site"
NOT_PRIMARY = "this appliance is not the one that hands the cloud's jobs out"


def linked_sites(context: Context) -> frozenset[str]:
    """The sites that are kept in step with the cloud."""
    settings = context.queue.settings
    return frozenset(settings.cloud_sites if settings.cloud_mode != "off" else ())


def hold_and_give_back(context: Context) -> None:
    """At the start: nothing may wait for ever for a link that is not there."""
    context.queue.database.write(_hold_and_give_back, context)
    note_held(context)
    _note_unsent(context)


def _hold_and_give_back(transaction: Transaction, context: Context) -> None:
    linked = linked_sites(context)
    sql = f"SELECT seq, site FROM job INDEXED BY job_forwarding WHERE status = '{FORWARDING}'"
    for seq, site in transaction.fetch(sql):
        if site not in linked:
            # Its own age decides whether it still runs.
            markers.decide(transaction, context, seq, UNREAD, GIVEN_BACK)
    primary = linked if context.queue.settings.cloud_mode == "primary" else frozenset()
    for queue in (PRIMARY, ALTERNATE):
        _hold(transaction, context, queue, primary)


def _hold(transaction: Transaction, context: Context, queue: str, primary: frozenset[str]) -> None:
    """What the queue handed out before, and came back, is ours: the cloud does not say UNREAD."""
    columns = ", ".join(f"j.{column}" for column in JobRow._fields)
    found = transaction.fetch(
        f"SELECT {columns} FROM job j WHERE j.{log.COLUMNS[queue][0]} = '{UNREAD}' AND j.origin = '{WHO}' "
        "AND NOT EXISTS (SELECT 1 FROM change c WHERE c.job_seq = j.seq AND c.queue = ? AND c.handout_id IS NOT NULL)",
        (queue,),
    )
    rows = [row for row in map(JobRow._make, found) if row.site not in primary]
    log.apply(transaction, rows, Event(queue, HELD, context.queue.clock.now_ms(), WHO, NOT_PRIMARY))
    if queue == PRIMARY:
        store.needs_no_push(transaction, [row.seq for row in rows])


# ---- what is said of it


def note_held(context: Context) -> None:
    """Jobs that are held and that no link looks at."""
    linked = linked_sites(context)
    found = context.queue.database.fetch(
        "SELECT site, ulid FROM job INDEXED BY job_held "
        f"WHERE status IN ('{HELD}', '{FORWARDING}') AND status = '{HELD}'"
    )
    left = [(site, ulid) for site, ulid in found if site not in linked]
    sentence = ""
    if left:
        sites = ", ".join(sorted({site for site, _ in left}))
        sentence = (
            f"Jobs of the cloud that are held: {len(left)}. Nobody decides about them, the link is off for {sites}: "
            f"switch it on, or withdraw them, the oldest by `prjobs cancel {min(ulid for _, ulid in left)}`."
        )
    context.queue.notices.say(Code.CLOUD_HELD, sentence)


def _note_unsent(context: Context) -> None:
    """Statuses of the last week that the cloud never got and that no link sends."""
    is_primary, since = (
        context.queue.settings.cloud_mode == "primary",
        floor_ulid(context.queue.clock.now_ms() - UNSENT_MS),
    )
    linked = linked_sites(context) if is_primary else frozenset()
    left = [site for _, site in unsent_jobs(context, since) if site not in linked]
    sites = ", ".join(sorted(set(left)))
    if linked_sites(context) & set(left):
        sentence = (
            f"Statuses of {sites} that did not reach the cloud while this appliance was primary: {len(left)}. Whoever "
            "reads that queue now may run these jobs again. They are sent when this appliance is primary again."
        )
    else:
        sentence = (
            f"Statuses that did not reach the cloud before the link was switched off for {sites}: {len(left)}. "
            "They are sent when it is on again."
        )
    context.queue.notices.say(Code.CLOUD_UNSENT, sentence if left else "")


def watch(context: Context, stop: threading.Event) -> None:
    """While the link is off: keep the notice up to date, as long as there is something to say."""
    while Code.CLOUD_HELD in context.queue.notices and not stop.wait(NOTE_EVERY_S):
        try:
            note_held(context)
        except Unavailable:
            continue
