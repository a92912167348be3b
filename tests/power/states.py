"""The choice of the states to look at: cuts between recorded steps, and what of the steps before is left."""

import random
from collections.abc import Iterator

from tests.power.disks import CONTENTS, NAMES
from tests.power.judging import State
from tests.power.recording import CREATE, FOLDER, LINK, MARK, REMOVE, RENAME, SYNC, Recording

NAMING = frozenset({CREATE, FOLDER, LINK, REMOVE, RENAME})


def around_restore(recording: Recording, chance: random.Random) -> Iterator[State]:
    """Yield a state for both sides of every rename and every sync of the restore, with what is worst for each side.

    Before: everything unsynced is there but for the step itself. After: nothing is there that no sync has brought.
    """
    steps = recording.steps
    inside = False
    for number, step in enumerate(steps):
        if step.kind == MARK:
            inside = step.mark.get("what") == "restore" or (inside and "answer" not in step.mark)
        elif inside and step.kind in (RENAME, SYNC):
            yield State(number, "all", "journal, all", chance.getrandbits(32))
            yield State(number + 1, "none", chance.choice(("journal, none", "strict, none")), chance.getrandbits(32))


def anywhere(recording: Recording, count: int, chance: random.Random) -> Iterator[State]:
    """Yield states with cuts anywhere: near marks, names and syncs, and in the midst of the writes."""
    steps = recording.steps
    places = [number for number, step in enumerate(steps) if step.kind in NAMING or step.kind in (SYNC, MARK)]
    for _ in range(count):
        cut = chance.choice(places) + chance.randint(0, 1) if chance.random() < 0.7 else chance.randrange(len(steps))
        yield State(cut, chance.choice(CONTENTS), chance.choice(NAMES), chance.getrandbits(32))
