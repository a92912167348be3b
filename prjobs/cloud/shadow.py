"""The report of a shadow on the present way of running jobs: waits, losses, possible second runs.

A shadow reads every five seconds: times are right to about five seconds, and the time without a shadow is unseen.
"""

import msgspec

from prjobs.base.ulids import ulid_ms
from prjobs.jobs.states import CANCELLED, HELD, RECEIVED, UNREAD, is_finished
from prjobs.store.source import Store

LOST_AFTER_MS = 600_000


class ShadowReport(msgspec.Struct, frozen=True, kw_only=True):
    """Counts, times in seconds, and ids of jobs for a person to look at."""

    jobs: int
    first_ms: int | None
    last_ms: int | None
    picked_up: int
    wait_median_s: float | None
    wait_p90_s: float | None
    wait_most_s: float | None
    withdrawn: int
    still_waiting: list[str]
    received_and_never_reported: list[str]
    set_back: list[str]


def report(database: Store) -> ShadowReport:
    """Return the report on all stored jobs of the cloud with runs elsewhere."""
    rows = database.fetch(
        "SELECT k.ulid, j.status, c.status, c.time_ms FROM cloud_job k JOIN job j ON j.seq = k.job_seq "
        "JOIN change c ON c.job_seq = j.seq AND c.queue <> 'alternate' AND c.who = 'cloud' "
        "WHERE k.state <> 'OURS' OR j.status = ? ORDER BY k.ulid, c.seq",
        (HELD,),
    )
    stories: dict[str, tuple[str, list[tuple[str, int]]]] = {}
    for ulid, status, word, time_ms in rows:
        stories.setdefault(ulid, (status, []))[1].append((word, time_ms))
    newest_ms = max((row[3] for row in rows), default=0)
    waits = sorted(filter(None, (_wait_s(ulid, changes) for ulid, (_, changes) in stories.items())))
    old = {ulid for ulid in stories if ulid_ms(ulid) < newest_ms - LOST_AFTER_MS}
    return ShadowReport(
        jobs=len(stories),
        first_ms=min(map(ulid_ms, stories), default=None),
        last_ms=max(map(ulid_ms, stories), default=None),
        picked_up=len(waits),
        wait_median_s=_share(waits, 0.5),
        wait_p90_s=_share(waits, 0.9),
        wait_most_s=waits[-1] if waits else None,
        withdrawn=sum(1 for status, _ in stories.values() if status == CANCELLED),
        still_waiting=[ulid for ulid in sorted(old) if stories[ulid][0] == HELD],
        received_and_never_reported=[ulid for ulid in sorted(old) if stories[ulid][0] == RECEIVED],
        set_back=[ulid for ulid, (_, changes) in stories.items() if _was_set_back([word for word, _ in changes])],
    )


def _wait_s(ulid: str, changes: list[tuple[str, int]]) -> float | None:
    """Return the wait from the request to the pick-up; None without a watched pick-up."""
    if changes[0][0] not in (UNREAD, HELD):
        return None
    taken = next((time_ms for word, time_ms in changes if word not in (UNREAD, HELD, CANCELLED)), None)
    return max(0.0, (taken - ulid_ms(ulid)) / 1000) if taken is not None else None


def _was_set_back(words: list[str]) -> bool:
    """Return True if a job became RECEIVED again after going on: a possible second hand-out."""
    later = [word for word in words if word not in (UNREAD, HELD)]
    return RECEIVED in later[1:] or any(is_finished(word) for word in later[:-1])


def _share(values: list[float], share: float) -> float | None:
    return values[min(len(values) - 1, int(len(values) * share))] if values else None


def lines(found: ShadowReport) -> list[str]:
    """Return the report as lines for a person."""
    said = [f"{found.jobs} jobs were watched, {found.picked_up} of them from the request to the pick-up."]
    if found.wait_median_s is not None:
        said.append(
            f"They waited {found.wait_median_s:.0f} s in the middle, one in ten over {found.wait_p90_s:.0f} s, "
            f"{found.wait_most_s:.0f} s at most."
        )
    for text, ulids in (
        (
            "taken from the queue and not reported on for ten minutes: lost on the way, or thrown away",
            found.received_and_never_reported,
        ),
        ("set back after they had gone on: may have run twice", found.set_back),
        ("waiting for longer than ten minutes", found.still_waiting),
    ):
        said.append(f"{len(ulids)} {text}{': ' + ', '.join(ulids[:10]) if ulids else '.'}")
    said.append(f"{found.withdrawn} withdrawn by a cancel_all before they were taken.")
    return said
