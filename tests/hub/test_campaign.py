"""A short campaign of kills, restarts and failovers; `python -m tests.hub.campaign` runs a long one."""

import pytest

from tests import postgres

postgres.driver()

from tests.hub import campaign  # noqa: E402


@pytest.mark.long(about_s=120)
def test_nothing_is_lost_given_twice_missed_or_out_of_order():
    postgres.require_server()
    verdict = campaign.run(kills=30, restarts=5, failovers=2)
    print(verdict)
    assert verdict.is_clean, verdict
    assert verdict.jobs > 30
