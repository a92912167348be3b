"""The alarms in sent messages, for the log of a night."""

import msgspec

from prjobs.store.source import Store

# The news about an alarm in a message: raised, not acknowledged yet, over, or both raised and over.
RAISED, AGAIN, OVER, BOTH = "raised", "again", "over", "raised and over"


class Told(msgspec.Struct, frozen=True):
    """An alarm in a sent message: the time, the address without secrets, the news, and the alarm."""

    time_ms: int
    address: str
    news: str
    site: str
    kind: str
    sentence: str


def list_told(database: Store, since_ms: int, until_ms: int, site: str | None = None) -> list[Told]:
    """Return the alarms told between two moments, oldest first; alarms without a site are included."""
    where, parameters = ("AND a.site IN (?, '')", [site]) if site else ("", [])
    found = database.fetch(
        "SELECT t.time_ms, t.address, t.news, a.site, a.kind, a.sentence FROM told t "
        "JOIN alarm a ON a.key = t.key AND a.raised_ms = t.raised_ms "
        f"WHERE t.time_ms >= ? AND t.time_ms < ? {where} ORDER BY t.time_ms, t.id",
        (since_ms, until_ms, *parameters),
    )
    return [Told(*row) for row in found]
