"""Durations and sizes of the link. Tests shorten the values; no settings, since only these values are proved."""

import msgspec


class Timings(msgspec.Struct, frozen=True):
    """Durations in milliseconds or seconds, sizes in bytes."""

    # Twenty times the 29 s that the calendar call may take before a job becomes visible.
    overlap_ms: int = 600_000
    margin_ms: int = 5_000
    # The Date header is in whole seconds: with a smaller margin a page cannot be told from the page before.
    least_margin_ms: int = 2_100
    # A page above this size may have been cut off at 1 MB.
    full_page_bytes: int = 600_000
    sweep_every_s: float = 5.0
    sweep_soon_s: float = 2.0
    # A page of 1 MB costs 128 read units, and the table has one a second.
    walk_pause_s: float = 30.0
    # A list above the size limit costs a whole download.
    too_long_s: float = 300.0
    deep_ms: int = 86_400_000
    deep_first_s: float = 600.0
    deep_every_s: float = 86_400.0
    cursor_every_s: float = 60.0
    cancel_after_s: float = 2.0
    # The gateway ends a request after 29 s; until then the request may take effect.
    quarantine_s: float = 35.0
    backoff_first_s: float = 1.0
    # With a longer pause people would wait too long for a cloud that answers again.
    backoff_most_s: float = 60.0
    # Each try of a long look may cost the table a minute of its read units.
    look_first_s: float = 30.0
    look_most_s: float = 600.0
    half_open_after: int = 5
    credentials_every_s: float = 300.0
    push_batch: int = 20
    # Fifteen tries in about a day.
    park_after: int = 15
    refused_first_s: float = 5.0
    repairs: int = 3
    marker_s: float = 120.0
    bell_every_s: float = 1.0
    bell_after_failure_s: float = 60.0


MAX_BODY = 8_000_000
DAY_MS = 86_400_000
