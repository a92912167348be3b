"""The reason for a job's status: the message of a report, known words at the beginning of a status, and their lists."""

import itertools

import pytest
import requests

from prjobs.jobs.states import PHASES, in_phases, phase_of
from prjobs.monitor import views
from prjobs.monitor.views import Filter
from tests.program import JOB

WORDS = ("FAILED", "complete", "Error", "CANCELLED", "RECEIVED", "UNREAD", "HELD", "EXPOSING")
ENDS = ("", ": guide star lost", " - x", "(x)", "_OVER", "2", "X", "\N{EM DASH}x")


@pytest.fixture
def report(server, token):
    """Report on a new job over HTTP; the answer, and the job as the appliance's own API shows it."""
    headers = {"Authorization": f"Bearer {token}"}
    ulid = requests.post(f"{server.url}/newjob", json=JOB, headers=headers, timeout=60).json()["ulid"]
    requests.post(f"{server.url}/getnewjobs", json={"site": "saf"}, timeout=60)

    def report(name="updatejobstatus", **body):
        body = {"site": "saf", "ulid": ulid, **({"newStatus": "FAILED"} if name != "startjob" else {}), **body}
        answer = requests.post(f"{server.url}/{name}", json=body, timeout=60)
        return answer, requests.get(f"{server.url}/api/jobs/{ulid}", timeout=60).json()

    return report


def test_a_message_is_kept_in_the_log_and_shown_with_the_status(server, report):
    answer, job = report(message="guide star lost")
    assert answer.status_code == 200 and "message" not in answer.json()
    assert (job["phase"], job["note"], job["timeline"][-1]["note"]) == ("failed", *["guide star lost"] * 2)
    listed = requests.get(f"{server.url}/api/jobs", timeout=60).json()["jobs"]
    assert [one["note"] for one in listed] == ["guide star lost"]
    night = requests.get(f"{server.url}/api/night?site=saf", timeout=60).json()
    assert night["failed"]["first"][0]["note"] == "guide star lost"
    assert "FAILED: guide star lost" in requests.get(f"{server.url}/night?site=saf", timeout=60).text


def test_the_message_belongs_to_its_report_alone(report):
    assert report("startjob", message="slewing")[1]["note"] == "slewing"
    job = report(newStatus="COMPLETE", message=None)[1]
    assert (job["note"], [one["note"] for one in job["timeline"][-2:]]) == ("", ["slewing", ""])


@pytest.mark.parametrize("message", ["x" * 501, 7, True, ["x"], {"x": 1}, "two\nlines", "\x1b[2J"])
def test_another_message_is_refused_with_a_sentence(report, message):
    answer, job = report(message=message)
    assert answer.status_code == 400
    assert answer.text.startswith("message must be a text of at most 500 characters without control characters; ")
    assert job["status"] == "RECEIVED"


def test_500_characters_are_kept_whole(report):
    assert report(message="\N{HEBREW LETTER ALEF}" * 500)[1]["note"] == "\N{HEBREW LETTER ALEF}" * 500


def test_a_finished_job_becomes_unread_by_no_spelling(report):
    report(newStatus="FAILED: guide star lost")
    for status in ("UNREAD", "unread", "UNREAD: again", "HELD", "held: x", "FORWARDING"):
        answer, job = report(newStatus=status)
        assert (answer.status_code, job["status"]) == (409, "FAILED: guide star lost")


def test_the_database_and_the_functions_have_the_same_phases(appliance, submit):
    words = [word + end for word, end in itertools.product(WORDS, ENDS)]
    jobs = {submit().ulid: word for word in words}
    appliance.queue.database.write(
        lambda transaction: transaction.executemany(
            "UPDATE job SET status = ? WHERE ulid = ?", [(word, ulid) for ulid, word in jobs.items()]
        )
    )
    for phase in PHASES:
        found = appliance.queue.database.fetch(f"SELECT status FROM job WHERE {in_phases('status', [phase])}")
        assert sorted(word for (word,) in found) == sorted(word for word in words if phase_of(word) == phase)
    assert phase_of("FAILED: guide star lost") == phase_of("error 12") == "failed"
    assert phase_of("FAILED_OVER") == phase_of("FAILEDX") == phase_of("HELD THERE") == "running"
    listed = views.list_jobs(appliance.queue.database, Filter(status="failed"))[0]
    assert {row.status for row in listed} == {word for word in words if phase_of(word) == "failed" and word[0] == "F"}
