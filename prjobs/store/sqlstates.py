"""The states of PostgreSQL's errors as faults of the store.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from prjobs.base.errors import Fault, Trouble

_FAULTS = {
    "53100": Fault.FULL,
    "55P03": Fault.LOCKED,
    "25006": Fault.READ_ONLY,
    "XX001": Fault.DAMAGED,
    "XX002": Fault.DAMAGED,
}
_SENTENCES = {
    Fault.LOCKED: "Another process holds the database.",
    Fault.FULL: "The disk of the database is full.",
    Fault.READ_ONLY: "The database takes no writes: it is a standby.",
    Fault.DAMAGED: "The database is damaged.",
    Fault.NOT_OPENED: "The database cannot be reached.",
}
# The classes of connection, resources, operator's intervention, system errors and internal errors; and a transaction
# that paused for too long, a standby, and a wait for a lock that ended.
_TROUBLE_CLASSES = ("08", "53", "57", "58", "XX")
_TROUBLE = ("25P03", "25006", "55P03")
# The library's own errors have no state. Refused users and missing databases are met while connecting.
_CONNECTING_CLASSES = ("08", "57", "28", "3D")
# After these, nobody knows yet whether a COMMIT was carried out.
_CUT_CLASSES = ("08", "57", "58", "XX")


def trouble_of(state: str | None, error: BaseException) -> Trouble:
    """Return the fault of an error in this state, with a sentence for a person."""
    if state is None or state[:2] in _CONNECTING_CLASSES:
        return Trouble(Fault.NOT_OPENED, _SENTENCES[Fault.NOT_OPENED])
    fault = _FAULTS.get(state, Fault.OTHER)
    return Trouble(fault, _SENTENCES.get(fault, f"The database does not answer as expected: {error}"))


def is_trouble(state: str) -> bool:
    """Return True if the server or the network is at fault, so that the whole transaction is lost."""
    return state in _TROUBLE or state[:2] in _TROUBLE_CLASSES


def is_cut(state: str | None) -> bool:
    """Return True if a COMMIT with this error may have been carried out all the same."""
    return state is None or state[:2] in _CUT_CLASSES
