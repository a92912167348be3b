"""A stop that others gave way to."""

from collections.abc import Callable

import pytest

from prjobs.appliance import Appliance
from prjobs.base.errors import Conflict
from prjobs.jobs.withdrawals import cancel_job
from prjobs.store.models import JobRow
from tests.verbs import USER, take

Submit = Callable[..., JobRow]


def test_a_stop_that_others_gave_way_to_cannot_be_cancelled(appliance: Appliance, submit: Submit) -> None:
    first, alone = submit(action="stop"), submit("tan", action="stop")
    second = submit(action="stop")
    with pytest.raises(Conflict):
        cancel_job(appliance.queue, second.ulid, USER)
    assert [row.ulid for row in take(appliance)] == [second.ulid]
    assert cancel_job(appliance.queue, alone.ulid, USER).status == "CANCELLED"
    with pytest.raises(Conflict):
        cancel_job(appliance.queue, first.ulid, USER)
