"""Days without a link with the real program and a clock that jumps; the whole size is in tests/bench/cloud.py."""

import sys

import pytest

from tests.cloud.outage import DAYS, library, live_through

JOBS = 200


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux" or library() is None, reason="libfaketime is not installed (apt)")
def test_a_backlog_of_days_drains_in_order_and_new_jobs_do_not_wait_for_it(tmp_path):
    told = live_through(tmp_path, JOBS)
    assert (told["lost"], told["twice"], told["days"]) == (0, 0, DAYS), told
    assert told["drained"] and told["in order, the latest status alone"], told
    assert told["new job"] and told["new job came before the backlog was sent"], told
    assert "clock" in told["notices"], told
