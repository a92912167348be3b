"""The choice of the states to look at: cuts between recorded steps, and what of the steps before is left."""

import random
from collections.abc import Iterator

from tests.power.disks import CONTENTS, NAMES, State
from tests.power.recording import CREATE, FOLDER, LINK, MARK, REMOVE, RENAME, SYNC, Recording, Step

NOTABLE = frozenset({CREATE, FOLDER, LINK, REMOVE, RENAME, SYNC})


def around_restore(recording: Recording, chance: random.Random) -> Iterator[State]:
    """Yield a state for both sides of every change of names and every sync of the restore, with the worst of each side.

    Before: everything unsynced is there but for the step itself. After: nothing is there that no sync has brought.
    """
    for number in steps_of_restore(recording):
        if recording.steps[number].kind in NOTABLE:
            yield State(number, "all", "journal, all", chance.getrandbits(32))
            yield State(number + 1, "none", chance.choice(("journal, none", "strict, none")), chance.getrandbits(32))


def in_restore(recording: Recording, count: int, chance: random.Random) -> Iterator[State]:
    """Yield states with cuts anywhere in the restore."""
    steps = steps_of_restore(recording)
    for _ in range(count):
        yield _any_state(chance.choice(steps), chance)


def steps_of_restore(recording: Recording) -> range:
    """Return the numbers of the steps between the question and the answer."""
    first = next(number for number, step in _marks(recording) if step.mark.get("what") == "restore")
    last = next(number for number, step in _marks(recording) if number > first)
    return range(first + 1, last)


def _marks(recording: Recording) -> Iterator[tuple[int, Step]]:
    return ((number, step) for number, step in enumerate(recording.steps) if step.kind == MARK)


def before_second_cut(recording: Recording, chance: random.Random) -> State:
    """Return a state from which the program can go on: its start is not refused, and the store is a known one."""
    answered = next(number for number, step in _marks(recording) if "answer" in step.mark)
    return _any_state(chance.randrange(answered, steps_of_restore(recording).start), chance)


def anywhere(recording: Recording, count: int, chance: random.Random) -> Iterator[State]:
    """Yield states with cuts anywhere: near marks, names and syncs, and amid the writes."""
    steps, first = recording.steps, recording.first
    places = [number for number in range(first, len(steps)) if steps[number].kind in {*NOTABLE, MARK}]
    for _ in range(count):
        near = chance.choice(places) + chance.randint(0, 1)
        yield _any_state(near if chance.random() < 0.7 else chance.randrange(first, len(steps)), chance)


def _any_state(cut: int, chance: random.Random) -> State:
    return State(cut, chance.choice(CONTENTS), chance.choice(NAMES), chance.getrandbits(32))
