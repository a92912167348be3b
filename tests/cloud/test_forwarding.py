"""Jobs asked for at the site and handed to the cloud: each runs exactly once, whatever becomes of the request."""

import time

import pytest

from prjobs.base.errors import BadRequest, Unauthorized
from prjobs.base.settings import Settings
from prjobs.jobs import lookup, submission
from prjobs.jobs.requests import Command
from tests import provider
from tests.cloud.campaign import STEPS, Campaign
from tests.cloud.cloud_model import SITE
from tests.cloud.stories import forwarder, report, take
from tests.program import JOB
from tests.verbs import USER
from tests.waiting import wait_for


def forward(world, action="expose", device="camera"):
    command = Command(SITE, device, "c1", action, "u", "U", "[]", '{"time":0.5}', '{"bin":"1,1"}', {})
    return forwarder(world).submit(command, "a token", USER).row


def marked(world, row):
    return [one for one in world.cloud.records.values() if one["optional_params"].get("prjobs_ulid") == row.ulid]


def test_the_answer_is_the_clouds_job_and_it_runs_once(world):
    row = forward(world)
    assert row.ulid in world.cloud.records and row.status == "UNREAD" and row.required_params == '{"time":0.5}'
    assert take(world) == [row.ulid]
    report(world, row.ulid, "COMPLETE")
    world.pass_time(200)
    assert take(world) == [] and world.cloud.status_of(row.ulid) == "COMPLETE"


def test_a_lost_answer_is_found_by_its_marker(world):
    world.plan = ["lost answer"]
    row = forward(world)
    assert row.status == "UNREAD" and take(world) == []
    world.pass_time(200)
    (record,) = marked(world, row)
    assert (
        take(world) == [record["ulid"]]
        and lookup.find_job(world.appliance.queue.database, row.ulid).status == "FORWARDED"
    )


def test_a_lost_request_runs_as_a_job_of_the_site(world):
    world.plan = ["lost request"]
    row = forward(world)
    world.pass_time(100)
    assert take(world) == []
    world.pass_time(60)
    assert take(world) == [row.ulid] and world.cloud.records == {}


def test_the_marker_is_looked_for_after_a_restart_and_an_outage(world):
    world.plan = ["lost answer"]
    row = forward(world)
    world.stop()
    world.outage_until_ms = world.clock.true_ms + 600_000
    for _ in range(70):
        world.step(10_000)
    world.pass_time(300)
    (record,) = marked(world, row)
    assert take(world) == [record["ulid"]]


def test_an_unreachable_cloud_delays_nothing(world):
    world.plan = ["tls"]
    row = forward(world)
    assert take(world) == [row.ulid]
    world.pass_time(200)
    assert world.cloud.records == {}


def test_a_link_that_is_down_is_not_even_asked(world):
    world.appliance.cloud.memory.failed(0, "down")
    row = forward(world)
    assert take(world) == [row.ulid]


@pytest.mark.parametrize(("status", "error"), [(401, Unauthorized), (400, BadRequest)])
def test_a_refusal_is_passed_on_and_the_job_does_not_run(world, status, error):
    words = b"Someone else has a reservation right now. Please see the calendar for details."
    world.network.call = lambda *_: world.cloud.answer(words, status)
    with pytest.raises(error, match="Someone else has a reservation"):
        forward(world)
    assert take(world) == []


def test_a_refusal_that_is_no_plain_sentence_is_not_shown(world):
    world.network.call = lambda *_: world.cloud.answer(b"<script>", 400)
    with pytest.raises(BadRequest, match="The cloud refused the job"):
        forward(world)


# A program's first poll counts as a flush once the next one comes: the stop itself would leave a second time.
once = pytest.mark.parametrize("link_settings", [{"redeliver_stop": False}], ids=["once"])


@once
@pytest.mark.parametrize("action", ["stop", "cancel_all_commands"])
def test_a_stop_is_delivered_at_once_and_its_copy_is_not_run(world, action):
    row = forward(world, action)
    assert take(world) == [row.ulid]
    wait_for(lambda: world.cloud.records)
    world.pass_time(60)
    assert take(world) == []
    (record,) = marked(world, row)
    assert record["statusId"].startswith("FORWARDED#")


def test_a_cancel_in_the_cloud_covers_what_is_on_its_way(world):
    world.plan = ["lost answer"]
    row = forward(world)
    world.cloud.newjob("cancel_all_commands", delay_ms=0)
    world.clock.true_ms += 1000
    world.cloud.settle()
    stop = max(world.cloud.records)
    world.pass_time(300)
    assert take(world) == [stop] and marked(world, row) == []


@pytest.mark.slow
def test_over_http(tmp_path):
    campaign = Campaign(tmp_path / "data")
    try:
        program = campaign.program
        keys = provider.Keys()
        certificate = tmp_path / "provider.pem"
        certificate.write_text(keys.certificate, encoding="utf-8")
        program.serve(
            "--cloud-newjob",
            "forward",
            *("--oidc-issuer", provider.ISSUER, "--oidc-audience", provider.AUDIENCE),
            *("--oidc-certificate", str(certificate)),
        )
        wait_for(lambda: campaign.cloud.calls.get("getrecentjobs"))
        own = program.new_job(program.token(), site=SITE)["ulid"]
        token = keys.token()
        wait_for(lambda: program.new_job(token, site=SITE)["ulid"] in campaign.cloud.model.records)
        assert f"Bearer {token}" not in campaign.cloud.tokens  # the proxy of these tests forwards no headers
        assert own not in {
            record["optional_params"].get("prjobs_ulid") for record in campaign.cloud.model.records.values()
        }
        campaign.wanted = list(campaign.cloud.model.records)
        campaign.observatory.start()
        campaign.proxy.plan = ["swallow"] * 2
        answers = [program.post("newjob", {**JOB, "site": SITE}, token) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        time.sleep(6)
        campaign.wanted = list(campaign.cloud.model.records)
        campaign.settle()
        assert all(count == 1 for count in campaign.observatory.received.values())
        assert set(campaign.cloud.statuses().values()) == {STEPS[-1]}
    finally:
        campaign.close()


def test_it_is_off_unless_asked_for():
    assert Settings().cloud_newjob == "local"


def test_the_same_key_again_is_not_forwarded_again(world):
    command = Command(SITE, "camera", "c", "expose", "u", "U", "[]", "{}", "{}", {}, idempotency_key="k")
    world.plan = ["lost answer"]
    first, again = (forwarder(world).submit(command, "a token", USER).row for _ in range(2))
    assert first.ulid == again.ulid and len(marked(world, first)) == 1
    world.pass_time(60)
    assert len(take(world)) == 1


# ---- the copy of a stop


def stop_with(world, key=None):
    """A cancel_all at the site whose copy has arrived in the cloud."""
    command = Command(SITE, "all", "all", "cancel_all_commands", "u", "U", "[]", "{}", "{}", {}, idempotency_key=key)
    return forwarder(world).submit(command, "a token", USER).row


def test_what_the_copy_of_a_stop_deleted_is_not_reported_on(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert take(world) == [ulid]
    world.pass_time()
    stop_with(world)
    world.pass_time(20)
    assert ulid not in world.cloud.records
    report(world, ulid, "FAILED")
    world.pass_time(60)
    assert world.cloud.ghosts == 0 and ulid not in world.cloud.records


def test_the_copy_of_a_stop_leaves_the_jobs_of_the_site_alone(world):
    stop = stop_with(world)
    command = Command(SITE, "camera", "c1", "expose", "u", "U", "[]", "{}", "{}", {})
    after = submission.submit_job(world.appliance.queue, command, USER)
    world.pass_time(20)
    assert take(world) == [stop.ulid]
    world.clock.true_ms += 5000
    assert take(world) == [after.ulid]


@once
def test_a_stop_with_the_same_key_is_copied_once(world):
    first = stop_with(world, "key")
    world.pass_time(20)
    take(world)
    after = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert stop_with(world, "key").ulid == first.ulid
    world.pass_time()
    assert after in world.cloud.records and take(world) == [after]
