"""The states of a job and their meaning.

UNREAD     the job waits in the queue; after a crash the job is still handed out, unless expired by then.
RECEIVED   the job was handed out, and has no report; a crash does not change the state.
CANCELLED  the job was withdrawn before a poll; never handed out.
EXPIRED    no poll came in time; never handed out.
HELD       a cloud job, maybe withdrawn in the cloud, or handed out by another appliance, or with the link
           off: not handed out until a complete look at the cloud decides.
FORWARDING a job of the site on the way to the cloud; after a crash the link asks the cloud for the job.
FORWARDED  the job arrived in the cloud, and runs under the cloud's id.
Any other word is an observatory's report. Final and failed words are known; an unknown word counts as running and is
shown unchanged.
"""

UNREAD = "UNREAD"
RECEIVED = "RECEIVED"
STARTED = "STARTED"
ABORTED = "ABORTED"
CANCELLED = "CANCELLED"
EXPIRED = "EXPIRED"
HELD = "HELD"
FORWARDING = "FORWARDING"
FORWARDED = "FORWARDED"

# Words of the cloud link. A report with such a word is refused: the link would take the job for its own.
LINK_WORDS = frozenset({HELD, FORWARDING})

# The states of a hand-out, an answer that gave jobs away. After a crash OPEN becomes UNCONFIRMED at the next start.
OPEN = "OPEN"
CONFIRMED = "CONFIRMED"
UNCONFIRMED = "UNCONFIRMED"
RETURNED = "RETURNED"

# The name under which the appliance itself stands in the log.
APPLIANCE = "appliance"
# The origin of the cloud's jobs, and the name under which the link to it stands in the log.
CLOUD = "cloud"

PRIMARY = "primary"
ALTERNATE = "alternate"
BOTH = "both"

PHASES = ("waiting", "picked_up", "running", "done", "failed", "gone")

_PHASE_OF = {
    UNREAD: "waiting",
    HELD: "waiting",
    FORWARDING: "waiting",
    FORWARDED: "gone",
    RECEIVED: "picked_up",
    "COMPLETE": "done",
    "COMPLETED": "done",
    "FAILED": "failed",
    "ERROR": "failed",
    ABORTED: "failed",
    CANCELLED: "gone",
    EXPIRED: "gone",
}
# An observatory may report any other word too.
WORDS = frozenset({*_PHASE_OF, STARTED})
OPEN_PHASES = frozenset({"waiting", "picked_up", "running"})


def phase_of(status: str) -> str:
    """Return the phase of a status word; letter case does not matter for an observatory's words."""
    return _PHASE_OF.get(status) or _PHASE_OF.get(status.upper(), "running")


def is_finished(status: str) -> bool:
    """Return True if a job with the status is over: no further report is expected."""
    return phase_of(status) not in OPEN_PHASES


def words_of(phase: str) -> tuple[str, ...]:
    """Return the known status words of a phase; empty for `running`, the phase of every unknown word."""
    return tuple(word for word, known in _PHASE_OF.items() if known == phase)


def shown(status: str) -> str:
    """Return a status word for a sentence; a word with signs other than ASCII letters, digits and _ is described."""
    return status if status.isascii() and status.replace("_", "").isalnum() else "a word of the observatory's own"
