"""What a link leaves behind when it is switched off, when a site leaves it, or when another appliance is primary.

Only a primary hands the cloud's jobs out: what waits is held, since the cloud still says UNREAD and somebody else may
run it. A job on its way to the cloud goes back to its site. Nothing of this is silent: a notice says what to do.
"""

import threading

from prjobs.appliance import Appliance
from prjobs.base.errors import Unavailable
from prjobs.base.ulids import floor_ulid
from prjobs.cloud import markers, store
from prjobs.cloud.markers import WHO
from prjobs.cloud.pushing import unsent_jobs
from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.states import ALTERNATE, FORWARDING, HELD, PRIMARY, UNREAD
from prjobs.store.database import Transaction
from prjobs.store.models import JobRow

NOTE_EVERY_S = 60.0
# Who left the cloud longer ago does not want to hear of it at every start.
UNSENT_MS = 7 * 86_400_000
HELD_BACK, UNSENT = "cloud_held", "cloud_unsent"
GIVEN_BACK = "the link to the cloud is off for its site: it runs as a job of the site"
NOT_PRIMARY = "this appliance is not the one that hands the cloud's jobs out"


def linked_sites(appliance: Appliance) -> frozenset[str]:
    """The sites that are kept in step with the cloud."""
    settings = appliance.settings
    return frozenset(settings.cloud_sites if settings.cloud_mode != "off" else ())


def hold_and_give_back(appliance: Appliance) -> None:
    """At the start: nothing may wait for ever for a link that is not there."""
    appliance.database.write(_hold_and_give_back, appliance)
    note_held(appliance)
    _note_unsent(appliance)


def _hold_and_give_back(transaction: Transaction, appliance: Appliance) -> None:
    linked = linked_sites(appliance)
    sql = f"SELECT seq, site FROM job INDEXED BY job_forwarding WHERE status = '{FORWARDING}'"
    for seq, site in transaction.fetch(sql):
        if site not in linked:
            # Its own age decides whether it still runs.
            markers.decide(transaction, appliance, seq, UNREAD, GIVEN_BACK)
    primary = linked if appliance.settings.cloud_mode == "primary" else frozenset()
    for queue in (PRIMARY, ALTERNATE):
        _hold(transaction, appliance, queue, primary)


def _hold(transaction: Transaction, appliance: Appliance, queue: str, primary: frozenset[str]) -> None:
    """What the queue handed out before, and came back, is ours: the cloud does not say UNREAD."""
    columns = ", ".join(f"j.{column}" for column in JobRow._fields)
    found = transaction.fetch(
        f"SELECT {columns} FROM job j WHERE j.{log.COLUMNS[queue][0]} = '{UNREAD}' AND j.origin = '{WHO}' "
        "AND NOT EXISTS (SELECT 1 FROM change c WHERE c.job_seq = j.seq AND c.queue = ? AND c.handout_id IS NOT NULL)",
        (queue,),
    )
    rows = [row for row in map(JobRow._make, found) if row.site not in primary]
    log.apply(transaction, rows, Event(queue, HELD, appliance.clock.now_ms(), WHO, NOT_PRIMARY))
    if queue == PRIMARY:
        store.needs_no_push(transaction, [row.seq for row in rows])


# ---- what is said of it


def note_held(appliance: Appliance) -> None:
    """Jobs that are held and that no link looks at."""
    linked = linked_sites(appliance)
    found = appliance.database.fetch(
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
    _say(appliance, HELD_BACK, sentence)


def _note_unsent(appliance: Appliance) -> None:
    """Statuses of the last week that the cloud never got and that no link sends."""
    is_primary, since = appliance.settings.cloud_mode == "primary", floor_ulid(appliance.clock.now_ms() - UNSENT_MS)
    linked = linked_sites(appliance) if is_primary else frozenset()
    left = [site for _, site in unsent_jobs(appliance, since) if site not in linked]
    sites = ", ".join(sorted(set(left)))
    if linked_sites(appliance) & set(left):
        sentence = (
            f"Statuses of {sites} that did not reach the cloud while this appliance was primary: {len(left)}. Whoever "
            "reads that queue now may run these jobs again. They are sent when this appliance is primary again."
        )
    else:
        sentence = (
            f"Statuses that did not reach the cloud before the link was switched off for {sites}: {len(left)}. "
            "They are sent when it is on again."
        )
    _say(appliance, UNSENT, sentence if left else "")


def _say(appliance: Appliance, code: str, sentence: str) -> None:
    if sentence:
        appliance.notices[code] = sentence
    else:
        appliance.notices.pop(code, None)


def watch(appliance: Appliance, stop: threading.Event) -> None:
    """While the link is off: keep the notice up to date, as long as there is something to say."""
    while HELD_BACK in appliance.notices and not stop.wait(NOTE_EVERY_S):
        try:
            note_held(appliance)
        except Unavailable:
            continue
