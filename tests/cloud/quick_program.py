"""The real program with the link's waits shortened, so that a test needs seconds.

A late effect lasts 2 s at most in these tests, as it lasts 29 s at most in the cloud: the quarantine is longer in both.
"""

import os
import sys

from prjobs.cli import main
from prjobs.cloud import link, transport
from prjobs.cloud.timings import Timings

PAGE_VARIABLE = "QUICK_PAGE_BYTES"
QUICK = Timings(
    # Jobs become visible within 0.9 s here and within 29 s in the cloud: twenty times that in both. With ten minutes of
    # a campaign's jobs every sweep would be a walk over dozens of pages.
    overlap_ms=20_000,
    sweep_every_s=0.3,
    sweep_soon_s=0.1,
    walk_pause_s=0.1,
    cursor_every_s=1.0,
    cancel_after_s=1.2,
    quarantine_s=3.0,
    backoff_first_s=0.04,
    backoff_most_s=0.5,
    credentials_every_s=1.0,
    refused_first_s=0.001,
    marker_s=4.0,
    # What a page of so many records counts as cut above, as 600 kB do of 1 MB.
    full_page_bytes=int(os.environ.get(PAGE_VARIABLE, "50000")),
)

if __name__ == "__main__":
    link.STEP_S = 0.05
    link.Timings = lambda: QUICK
    transport.FIRST_BYTE_S = 2.0
    transport.WHOLE_S = 4.0
    sys.exit(main())
