"""The link's durations and sizes. Tests shorten them; they are no settings, since only these values are proved."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """Durations in milliseconds or seconds, sizes in bytes."""

    # The calendar call before a job becomes visible takes up to 29 s; twenty times that.
    overlap_ms: int = 600_000
    margin_ms: int = 5_000
    # The Date header is whole seconds; below this a page cannot be told from the one before.
    least_margin_ms: int = 2_100
    # Pages end at 1 MB; a longer one than this may have been cut there.
    full_page_bytes: int = 600_000
    sweep_every_s: float = 5.0
    sweep_soon_s: float = 2.0
    # A page of 1 MB costs 128 read units of a table that has one a second.
    walk_pause_s: float = 30.0
    # A list that is not taken costs a whole download.
    too_long_s: float = 300.0
    deep_ms: int = 86_400_000
    deep_first_s: float = 600.0
    deep_every_s: float = 86_400.0
    cursor_every_s: float = 60.0
    cancel_after_s: float = 2.0
    # The gateway ends a request after 29 s: until then it may still take effect.
    quarantine_s: float = 35.0
    backoff_first_s: float = 1.0
    # Longer than this nobody should wait for a link that is there again.
    backoff_most_s: float = 60.0
    # A long look that fails is an addition; each try may cost a table a minute of its units.
    look_first_s: float = 30.0
    look_most_s: float = 600.0
    half_open_after: int = 5
    credentials_every_s: float = 300.0
    push_batch: int = 20
    park_after: int = 8
    # Eight tries in about a day.
    refused_s: tuple[float, ...] = (60, 300, 1200, 3600, 10_800, 21_600, 43_200)
    repairs: int = 3
    marker_s: float = 120.0
    bell_every_s: float = 1.0
    bell_after_failure_s: float = 60.0


MAX_BODY = 8_000_000
DAY_MS = 86_400_000
