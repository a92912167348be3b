"""The search for rivals, two programs that poll the same queue, by the times of their polls.

Programs at two addresses, or on two lasting connections of one address, or with a new connection for each poll, are
told apart by intervals of their own. One program may use several connections, change its address, and flush: only
polls that overlap for some time, and that no single poll loop explains, are those of two programs.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from statistics import median
from typing import NamedTuple

from prjobs.jobs.flushes import KEPT, find_thrown_away, has_known_interval
from prjobs.jobs.recent_polls import AddressPolls, NotedPoll, Stream
from prjobs.jobs.rivals import Kind, Rival, Rivals

LEAST_POLLS = 3
# Requests that follow closer are a test of speed.
LEAST_GAP_S = 0.3
# Gaps of a few polls are equal within the first share, at most by the seconds; of more polls within the second share.
_EXACT_SHARE, _EXACT_S, _EQUAL_SHARE = 0.02, 0.15, 0.1
_EQUAL_GAPS = 4
# The flushes of one program stay below this share of the polls on a connection; nearly all polls of a rival misfit.
_MISFITS = 0.6
# Slower polls on ever new connections may be flushes at equal times, such as after each exposure.
_LONGEST_GAP_S = 16.5


class _Candidate(NamedTuple):
    """The polls of what may be a single program."""

    address: str
    peer: str
    stream: Stream
    gaps_s: list[float]

    @property
    def polls(self) -> Sequence[NotedPoll]:
        return self.stream.polls

    @property
    def rival(self) -> Rival:
        return Rival(self.address, self.peer, median(self.gaps_s))


def find_rivals(addresses: Sequence[AddressPolls], now_s: float) -> Rivals | None:
    """Return two programs among the polls of one queue; None when one program explains all polls."""
    whole = [one for one in (_candidate(polls, now_s) for polls in addresses) if one]
    for first, second in combinations(whole, 2):
        if _overlap(first, second) and ((_is_steady(first) and _is_steady(second)) or not _fit(first, second)):
            return Rivals(Kind.ADDRESS, first.rival, second.rival)
    for polls in addresses:
        if found := _at_address(polls, now_s):
            return found
    return None


def _at_address(polls: AddressPolls, now_s: float) -> Rivals | None:
    """Return two programs at one address, each with polls at equal times."""
    lasting = {peer for peer, one in polls.connections.items() if len(one.polls) >= LEAST_POLLS}
    found = [_candidate(polls.connections[peer], now_s, peer) for peer in lasting]
    main, others = split_by_time(polls.polls, lasting)
    found.append(_candidate(_stream(main), now_s))
    steady = [one for one in found if one and _is_steady(one)]
    for first, second in combinations(steady, 2):
        if _overlap(first, second) and not _fit(first, second):
            return Rivals(Kind.CONNECTION, first.rival, second.rival)
    loop, other = found[-1], _candidate(_stream(others), now_s)
    if loop and other and all(_is_steady(one) and one.rival.gap_s <= _LONGEST_GAP_S for one in (loop, other)):
        return Rivals(Kind.TIME, loop.rival, other.rival) if _overlap(loop, other) else None
    return None


def split_by_time(polls: Sequence[NotedPoll], lasting: set[str]) -> tuple[list[NotedPoll], list[NotedPoll]]:
    """Split the polls on ever new connections into those of one poll loop, and the others."""
    loose = [poll for poll in polls if poll.peer not in lasting]
    thrown = find_thrown_away(loose)
    main = [poll for poll, is_thrown in zip(loose, thrown, strict=True) if not is_thrown]
    return main, [poll for poll, is_thrown in zip(loose, thrown, strict=True) if is_thrown]


def _stream(polls: Sequence[NotedPoll]) -> Stream:
    made = Stream(polls[0].at_s if polls else 0.0)
    made.polls.extend(polls)
    return made


def _candidate(stream: Stream, now_s: float, peer: str = "") -> _Candidate | None:
    """Return the polls as those of a program that still polls; None for too few or too close polls."""
    if len(stream.polls) < LEAST_POLLS:
        return None
    gaps_s = list(_gaps_s(stream.polls))
    if median(gaps_s) < LEAST_GAP_S or now_s - stream.polls[-1].at_s > 2 * max(gaps_s) + 5:
        return None
    return _Candidate(stream.polls[0].address, peer, stream, gaps_s)


def _gaps_s(polls: Sequence[NotedPoll]) -> Iterator[float]:
    for before, after in pairwise(polls):
        yield after.at_s - before.at_s - before.took_s


def _overlap(first: _Candidate, second: _Candidate) -> bool:
    """Return True if each program polled three times while the other polled as well."""
    return all(
        one.stream.since_s <= other.polls[-LEAST_POLLS].at_s for one, other in ((first, second), (second, first))
    )


def _is_steady(one: _Candidate) -> bool:
    """Return True if the gaps are equal, or multiples of the interval of the known observatories."""
    usual_s = median(one.gaps_s)
    off_s = max(abs(gap_s - usual_s) for gap_s in one.gaps_s)
    if off_s <= min(_EXACT_SHARE * usual_s, _EXACT_S):
        return True
    if len(one.gaps_s) >= _EQUAL_GAPS and off_s <= _EQUAL_SHARE * usual_s:
        return True
    return has_known_interval(one.gaps_s)


def _fit(first: _Candidate, second: _Candidate) -> bool:
    """Return True if a single poll loop explains the polls of both as well as those of one."""
    since_s = max(first.polls[0].at_s, second.polls[0].at_s)
    both = sorted((*first.polls, *second.polls), key=lambda poll: poll.at_s)
    together = [poll for poll in both if poll.at_s >= since_s][-KEPT:]
    alone = [[poll for poll in together if poll in one.polls] for one in (first, second)]
    misfits = sum(find_thrown_away(together)) - sum(sum(find_thrown_away(polls)) for polls in alone)
    return misfits < max(1, _MISFITS * min(map(len, alone)))
