"""A short run in fast motion; `python -m tests.hub.motion` runs a long one with a thousand sites."""

from pathlib import Path

import pytest

from tests import postgres

postgres.driver()

from tests.hub.motion import judge, motion  # noqa: E402
from tests.hub.participants import Plan  # noqa: E402


@pytest.mark.long
def test_sites_in_fast_motion_get_every_job_once_and_in_order(tmp_path: Path, postgres_url: str) -> None:
    with motion(tmp_path, postgres_url, Plan(sites=30, hours=0.1, jobs=40, relayed=0.5)) as one:
        one.run()
        verdict = judge(one.hub, one.account)
    print(verdict)
    assert verdict.is_clean, verdict
    assert verdict.jobs > 50
    assert verdict.stops > 0
    # Every change of every job, and nothing else, was seen: the jobs themselves, and what became of them.
    assert len(one.account.seen) > verdict.reports > verdict.jobs
