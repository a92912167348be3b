"""The states of a job and their meaning.

UNREAD     the job waits in the queue; after a crash the job is still handed out, unless expired by then.
RECEIVED   the job was handed out, and has no report; a crash does not change the state.
CANCELLED  the job was withdrawn before a poll; never handed out.
EXPIRED    no poll came in time; never handed out.
HELD       a cloud job, maybe withdrawn in the cloud, or handed out by another appliance, or with the link
           off: not handed out until a complete look at the cloud decides.
FORWARDING a job of the site on the way to the cloud; after a crash the link asks the cloud for the job.
FORWARDED  the job arrived in the cloud, and runs under the cloud's id.
Any other word is an observatory's report. Final and failed words are known, also at the beginning of a longer status
(`FAILED: guide star lost`); an unknown word counts as running and is shown unchanged.
"""

import re
from collections.abc import Iterable

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

# The queue looks for these words alone: at the beginning of a longer status they have no meaning.
WHOLE_WORDS = LINK_WORDS | {UNREAD}

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
# Site, queue, and the filters of the program's polls.
Program = tuple[str, str, str | None, str | None]
# The columns of a queue's status and estimate.
COLUMNS = {PRIMARY: ("status", "estimate_s"), ALTERNATE: ("alternate_status", "alternate_estimate_s")}

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


_FIRST_WORD = re.compile(r"[A-Za-z]+\b", re.ASCII)


def word_of(status: str) -> str:
    """Return the known word that the status is or begins with, in upper case; empty without one.

    A known word ends where no letter, digit or _ follows. Letter case does not matter.
    """
    found = _FIRST_WORD.match(status)
    word = found[0].upper() if found else ""
    return word if word in _PHASE_OF else ""


def phase_of(status: str) -> str:
    """Return the phase of a status."""
    word = word_of(status)
    is_part = word in WHOLE_WORDS and len(status) > len(word)
    return "running" if is_part or not word else _PHASE_OF[word]


def is_finished(status: str) -> bool:
    """Return True if a job with the status is over: no further report is expected."""
    return phase_of(status) not in OPEN_PHASES


_REPORTED = ("running", "done", "failed")


def is_report(status: str) -> bool:
    """Return True if a report set the status. ABORTED does not count: staff set it by closing a job."""
    return status != ABORTED and phase_of(status) in _REPORTED


def are_reports(column: str) -> str:
    """Return the SQL condition for a column with a status that a report set, as `is_report` has it."""
    return f"({column} <> '{ABORTED}' AND {in_phases(column, _REPORTED)})"


def in_phases(column: str, phases: Iterable[str]) -> str:
    """Return the SQL condition for a column with a status of these phases, as `phase_of` has it."""
    wanted = set(phases)
    words = [word for word, phase in _PHASE_OF.items() if phase in wanted]
    conditions = [_begins_with(column, words)] if words else []
    if "running" in wanted:
        conditions.append(f"NOT ({_begins_with(column, list(_PHASE_OF))})")
    return f"({' OR '.join(conditions) or '1 = 0'})"


def _begins_with(column: str, words: list[str]) -> str:
    exact = ", ".join(f"'{word}'" for word in words)
    longer = [_begins(column, word) for word in words if word not in WHOLE_WORDS]
    return " OR ".join([f"upper({column}) IN ({exact})", *longer])


def _begins(column: str, word: str) -> str:
    """Return the SQL condition for a column that begins with a word: no letter, digit or _ follows."""
    after = f"upper(substr({column}, {len(word) + 1}, 1))"
    goes_on = f"{after} BETWEEN 'A' AND 'Z' OR {after} BETWEEN '0' AND '9' OR {after} = '_'"
    return f"(upper(substr({column}, 1, {len(word)})) = '{word}' AND NOT ({goes_on}))"


def shown(status: str) -> str:
    """Return a status word for a sentence; a word with signs other than ASCII letters, digits and _ is described."""
    return status if status.isascii() and status.replace("_", "").isalnum() else "a word of the observatory's own"
