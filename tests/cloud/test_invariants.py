"""Every named check sees the breach that it is for, in a live file and by the doctor."""

import sqlite3

import pytest

from prjobs.base.clock import Clock
from prjobs.cloud import invariants
from prjobs.cloud.tables import GONE_NOTE
from prjobs.upkeep import doctor
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import report, take, told

BREACHES = {
    "i1_every_cloud_job_stands_with_its_mark": "DELETE FROM cloud_job",
    "i3_every_id_is_one_job": "UPDATE cloud_job SET site = 'other'",
    "i3_what_went_elsewhere_is_never_queued": "UPDATE cloud_job SET state = 'ELSEWHERE'",
    "i4_at_most_one_handout": "INSERT INTO change (job_seq, site, queue, status, time_ms, who, note, handout_id) "
    "SELECT job_seq, site, queue, status, time_ms, who, note, handout_id + 1 FROM change WHERE handout_id IS NOT NULL",
    "i5_the_log_is_the_outbox": "UPDATE job SET status = 'STARTED'",
    "i5_nothing_is_sent_before_it_is_logged": "UPDATE cloud_job SET pushed_seq = 1000",
    "i8_what_a_cancel_deleted_is_gone": f"UPDATE change SET status = 'CANCELLED', note = '{GONE_NOTE}'; "
    "UPDATE job SET status = 'CANCELLED'",
    "i9_every_job_is_accounted_for": "UPDATE change SET handout_id = NULL, who = 'cloud'",
    "i10_only_jobs_were_taken_in": "UPDATE job SET action = ''",
}


@pytest.fixture
def world():
    world = told(PLAIN)
    world.observing = False
    for _ in range(2):
        world.cloud.newjob(delay_ms=0)
        world.pass_time()
        if not world.received:
            report(world, take(world)[0], "RECEIVED")
    yield world
    world.close()


def test_a_healthy_file_breaks_none(world):
    assert invariants.broken(world.appliance.queue.database) == {}
    count = len(world.appliance.queue.database.fetch("SELECT 1 FROM cloud_job"))
    world.stop()
    (finding,) = [one for one in doctor.examine(world.folder, Clock(), deep=True) if one.check == "cloud"]
    assert (finding.level, count > 0) == ("ok", True)
    assert finding.sentence == f"All {len(invariants.CHECKS)} rules of the link hold for the {count} jobs of the cloud."


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_seen(world, name):
    path = world.folder.database
    world.stop()
    connection = sqlite3.connect(path)
    connection.executescript(BREACHES[name])
    connection.commit()
    assert name in invariants.broken(invariants.Looking(connection))
    connection.close()
    found = [
        finding.sentence for finding in doctor.examine(world.folder, Clock(), deep=True) if finding.check == "cloud"
    ]
    assert any(name.replace("_", " ") in sentence for sentence in found)


def test_every_check_has_its_breach():
    assert {check.__name__ for check in invariants.CHECKS} == BREACHES.keys()
