"""The length of the campaigns by chance."""

import os

# 1 in CI. `TEST_PRJOBS_TIMES=10 pytest -m long` makes the campaigns that multiply by it ten times as long.
TIMES = int(os.environ.get("TEST_PRJOBS_TIMES", "1"))
