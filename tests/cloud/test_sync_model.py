"""The product's own core through days of faults: nothing lost, nothing twice, no status wrong at the end."""

import pytest

from tests.cloud.model import World
from tests.cloud.watching import Watch

JOBS = 2000
CHECK_EVERY = 400


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 10))])
def test_nothing_is_lost_doubled_or_wrong(seed):
    world = World(seed)
    watch = Watch(world)
    steps, original = 0, world.step

    def watched(ms):
        nonlocal steps
        original(ms)
        steps += 1
        if steps % CHECK_EVERY == 0:
            watch.check()

    world.step = watched
    try:
        report = world.live(JOBS).report()
        watch.check()
        watch.check_accounted()
    finally:
        world.close()
    assert (report["lost"], report["twice"], report["wrong"], report["unsent"]) == (0, 0, 0, 0), report
    # Nobody else reads the queue, whatever crashes and late effects make it look like.
    assert report["readers seen"] == 0
    assert report["jobs"] >= JOBS and report["faults"] > 100 and report["crashes"] > 10


@pytest.mark.slow
def test_the_same_seed_is_the_same_story():
    stories = []
    for _ in range(2):
        world = World(3)
        stories.append(world.live(100).report())
        world.close()
    assert stories[0] == stories[1]
