"""The times in which a site did not poll, as far as the store tells afterwards.

A poll without a job is not stored. But no poll came while a job waited; a hand-out has the gap to the poll before;
and a running server knows the last poll. A job that waited beside a later hand-out proves no silence: the polls asked
for other jobs.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from prjobs.jobs.polls import SILENT_AFTER_MS

WAITING, GAP, LAST_POLL = "a job waited", "the next poll fetched jobs", "not over yet"
ALARM = "an alarm"


class Polled(NamedTuple):
    """The known polls of a site: the last poll (None: not known), and the gap that counts as silence."""

    last_ms: int | None
    silent_after_ms: int


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A time without a poll, longer than the site's rule allows; `known_by` names the proofs."""

    site: str
    since_ms: int
    until_ms: int
    is_over: bool
    known_by: list[str]


class _Span(NamedTuple):
    since_ms: int
    until_ms: int
    known_by: frozenset[str]


class Quiet:
    """The collection of proofs between two moments that a site did not poll."""

    def __init__(self, polled: Mapping[str, Polled], since_ms: int, until_ms: int) -> None:
        self._polled, self._since_ms, self._until_ms = polled, since_ms, until_ms
        self._spans: defaultdict[str, list[_Span]] = defaultdict(list)
        self._polls: defaultdict[str, list[int]] = defaultdict(list)

    def waited(self, site: str, since_ms: int, until_ms: int | None) -> None:
        """Add a job that waited for a poll; None: until now."""
        self._add(site, since_ms, self._until_ms if until_ms is None else until_ms, WAITING)

    def polled_at(self, site: str, time_ms: int, gap_ms: int | None) -> None:
        """Add a poll that fetched jobs; the poll before was `gap_ms` earlier, None when not known."""
        if self._polls[site] and self._polls[site][-1] == time_ms:
            return
        self._polls[site].append(time_ms)
        if gap_ms is not None:
            self._add(site, time_ms - gap_ms, time_ms, GAP)

    def alarmed(self, site: str, since_ms: int, until_ms: int | None) -> None:
        """Add the time of an alarm of silence; None: until now."""
        self._add(site, since_ms, self._until_ms if until_ms is None else until_ms, ALARM)

    def _add(self, site: str, since_ms: int, until_ms: int, known_by: str) -> None:
        since_ms, until_ms = max(since_ms, self._since_ms), min(until_ms, self._until_ms)
        if until_ms - since_ms > self._rule_ms(site):
            self._spans[site].append(_Span(since_ms, until_ms, frozenset({known_by})))

    def _rule_ms(self, site: str) -> int:
        return self._polled[site].silent_after_ms if site in self._polled else SILENT_AFTER_MS

    def silences(self, site: str | None, now_ms: int) -> list[Silence]:
        """Return the known silences of one site or of all sites, by beginning."""
        for name, polled in self._polled.items():
            if polled.last_ms is not None and site in (None, name):
                self._polls[name].append(polled.last_ms)
                if now_ms - polled.last_ms > polled.silent_after_ms:
                    self._add(name, polled.last_ms, self._until_ms, LAST_POLL)
        found = [one for name in self._spans for one in self._of(name, now_ms)]
        return sorted(found, key=lambda one: (one.since_ms, one.site))

    def _of(self, site: str, now_ms: int) -> Iterator[Silence]:
        polls = sorted(self._polls[site])
        spans = [span for span in self._spans[site] if not _has_between(polls, span.since_ms, span.until_ms)]
        for span in _merged(spans):
            yield Silence(
                site=site,
                since_ms=span.since_ms,
                until_ms=span.until_ms,
                is_over=LAST_POLL not in span.known_by and span.until_ms < now_ms,
                known_by=sorted(span.known_by),
            )


def _has_between(times: list[int], since_ms: int, until_ms: int) -> bool:
    return bisect_right(times, since_ms) < bisect_left(times, until_ms)


def _merged(spans: list[_Span]) -> list[_Span]:
    merged: list[_Span] = []
    for span in sorted(spans, key=lambda span: span[:2]):
        if merged and span.since_ms < merged[-1].until_ms:
            last = merged.pop()
            merged.append(_Span(last.since_ms, max(last.until_ms, span.until_ms), last.known_by | span.known_by))
        else:
            merged.append(span)
    return merged
