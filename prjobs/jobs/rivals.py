"""Rivals: two programs at the same queue of a site. Each job reaches only the faster program."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The sign by which a poll of one rival is told from a poll of the other."""

    ADDRESS = "address"
    CONNECTION = "connection"
    TIME = "time"


class Rival(NamedTuple):
    """One of two programs: the address, the connection if lasting, the usual gap between polls."""

    address: str
    peer: str
    gap_s: float


class Rivals(NamedTuple):
    """Two programs that poll the same queue."""

    kind: Kind
    first: Rival
    second: Rival

    @property
    def slower_s(self) -> float:
        """The longer of the two usual gaps."""
        return max(self.first.gap_s, self.second.gap_s)


class KnownRivals(NamedTuple):
    """Two programs that were found, until `until_s` unless found again."""

    rivals: Rivals
    until_s: float
