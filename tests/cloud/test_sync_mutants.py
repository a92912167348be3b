"""Each safeguard removed alone is seen by a test; with all of them nothing is seen."""

import pytest

from tests.cloud.model import run_world
from tests.cloud.mutants import MUTATIONS, PLAIN
from tests.cloud.stories import (
    STORIES,
    cancel_before_they_run,
    cancel_over_pages,
    late_effect,
    many_at_once,
    power_cut_after_a_report,
    power_cut_in_flight,
    reported_after_a_cancel,
    reported_during_an_outage_with_a_cancel,
    restart_in_the_middle_of_a_walk,
    store_fails_for_a_quarter_of_an_hour,
    told_and_run_twice,
)

JOBS = 300
# What shows that the safeguard is missing: a story, or the counts of a run by chance with one of these seeds.
SEEN_BY_STORY = {
    "mark_before_the_jobs": store_fails_for_a_quarter_of_an_hour,
    "no_quarantine_no_repair": late_effect,
    "no_quarantine": late_effect,
    "no_rest_after_a_restart": power_cut_in_flight,
    "cancel_judged_by_one_page": cancel_over_pages,
    "cancel_not_held": cancel_before_they_run,
    "walk_without_progress_check": many_at_once,
    "pushes_before_it_has_read": reported_during_an_outage_with_a_cancel,
    "pushes_for_what_is_gone": reported_after_a_cancel,
    "copy_runs_too": told_and_run_twice,
    "status_before_its_log": power_cut_after_a_report,
    "mark_over_a_gap": restart_in_the_middle_of_a_walk,
}
SEEN_BY_CHANCE = {
    "overlap_of_five_seconds": "lost",
    "only_the_first_page": "lost",
    "wall_clock": "lost",
    "sent_before_it_is_sent": "wrong",
    "poll_id_forgotten": "unconfirmed",
    "believes_unread": "twice",
    "takes_the_clouds_queue": "lost",
    "portal_believed": "lost",
}
SEEDS = range(12)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_with_all_safeguards_every_story_ends_well(story):
    assert story(PLAIN) is None


@pytest.mark.parametrize("name", SEEN_BY_STORY)
def test_a_story_sees_that_it_is_missing(name):
    with MUTATIONS[name]() as timings:
        assert SEEN_BY_STORY[name](timings) is not None


@pytest.mark.long
@pytest.mark.parametrize("name", SEEN_BY_CHANCE)
def test_a_run_sees_that_it_is_missing(name):
    with MUTATIONS[name]() as timings:
        assert any(run_world(JOBS, seed, timings)[SEEN_BY_CHANCE[name]] for seed in SEEDS)


def test_every_mutation_is_looked_for():
    assert SEEN_BY_STORY.keys() | SEEN_BY_CHANCE.keys() == MUTATIONS.keys()
