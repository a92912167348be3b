"""The states of a job and what they mean.

UNREAD     waiting in its queue; after a crash it is still handed out, unless it expired meanwhile.
RECEIVED   handed out; after a crash it stays so: delivered, not reported.
CANCELLED  withdrawn before anybody fetched it; never handed out.
EXPIRED    nobody fetched it in time; never handed out.
HELD       a cloud job that may have been withdrawn in the cloud, or that another appliance hands out, or whose link
           is off: not handed out until a complete look at the cloud decides.
FORWARDING a job of the site on its way to the cloud; after a crash the link finds out whether it arrived.
FORWARDED  it arrived, and runs under the id that the cloud gave it.
Any other word is an observatory's report. Words known to be final or failed have meaning; unknown ones count as
running and are shown as they are.
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

# Words of the cloud link: nobody may report them.
LINK_WORDS = frozenset({HELD, FORWARDING})

# The states of a hand-out, one answer that gave jobs away. After a crash OPEN becomes UNCONFIRMED at the next start.
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
OPEN_PHASES = frozenset({"waiting", "picked_up", "running"})


def phase_of(status: str) -> str:
    """The class of a status word; letter case does not matter for an observatory's words."""
    return _PHASE_OF.get(status) or _PHASE_OF.get(status.upper(), "running")


def is_finished(status: str) -> bool:
    """Whether nothing more is expected of a job with this status."""
    return phase_of(status) not in OPEN_PHASES


def words_of(phase: str) -> tuple[str, ...]:
    """The known status words of a phase; empty for `running`, which is every other word."""
    return tuple(word for word, known in _PHASE_OF.items() if known == phase)


def shown(status: str) -> str:
    """A status word for a sentence: only known words are repeated, an observatory's own are not."""
    return status if status.isascii() and status.replace("_", "").isalnum() else "a word of the observatory's own"
