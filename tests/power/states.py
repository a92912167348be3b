"""The choice of the states to look at: cuts between recorded steps, and what of the steps before is left."""

import random
from collections.abc import Iterator

from tests.power.disks import CONTENTS, NAMES, State
from tests.power.recording import CREATE, FOLDER, LINK, MARK, REMOVE, RENAME, SYNC, Recording

# Beside the many writes.
NOTABLE = frozenset({CREATE, FOLDER, LINK, REMOVE, RENAME, SYNC, MARK})


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


def before_second_cut(recording: Recording, chance: random.Random) -> State:
    """Return a state from which the program can go on: its start is not refused, and the store is a known one."""
    answers = restores = 0
    places: list[int] = []
    for number, step in enumerate(recording.steps):
        if step.kind == MARK:
            answers += "answer" in step.mark
            restores += step.mark.get("what") == "restore"
        if answers and not restores:
            places.append(number)
    return State(chance.choice(places), chance.choice(CONTENTS), chance.choice(NAMES), chance.getrandbits(32))


def anywhere(recording: Recording, count: int, chance: random.Random) -> Iterator[State]:
    """Yield states with cuts anywhere: near marks, names and syncs, and amid the writes."""
    steps, first = recording.steps, recording.first
    places = [number for number in range(first, len(steps)) if steps[number].kind in NOTABLE]
    for _ in range(count):
        near = chance.choice(places) + chance.randint(0, 1)
        cut = near if chance.random() < 0.7 else chance.randrange(first, len(steps))
        yield State(cut, chance.choice(CONTENTS), chance.choice(NAMES), chance.getrandbits(32))
