"""The hand-out as an explicit-state model: one job, two programs, a cancel_all, a lock, crashes in every order.

Each step is one transaction of the writer, or the loss of memory. The model says what `prjobs.jobs.handouts` relies on;
each mutant takes one rule away and must fail.
"""

from collections import deque
from typing import NamedTuple

import pytest


class State(NamedTuple):
    """`given_up`: the hand-out was committed after its poll gave up, and is to be given back.

    `repeats`: its program got no answer and asks again with the same poll_id. `arrived` counts answers that arrived.
    `locked`: the site is locked out, and the job is no stop. `known`: the lock in memory, which spares idle polls work.
    """

    job: str = "UNREAD"
    handout: str = "-"
    given_up: bool = False
    repeats: bool = False
    arrived: int = 0
    cancelled: bool = False
    locked: bool = False
    known: bool = False


def given_back(state: State, mutant: str) -> State:
    """Every transaction begins with giving back what a poll gave up on."""
    if not state.given_up:
        return state
    if state.job != "RECEIVED":
        return state._replace(given_up=False)
    withdrawn = state.cancelled and mutant != "gives back what a cancel_all covers"
    return state._replace(job="CANCELLED" if withdrawn else "UNREAD", handout="RETURNED", given_up=False)


def steps(state: State, mutant: str):
    """Yield (name, next state, True if an answer arrived) for everything that can happen next."""
    written = given_back(state, mutant)
    if state.given_up:
        yield "the next transaction", written, False
    if written.job == "UNREAD" and may_leave(written, mutant):
        taken = written._replace(job="RECEIVED", handout="OPEN", repeats=False)
        yield "taken, arrives", taken._replace(arrived=written.arrived + 1), True
        lost = "OPEN" if mutant == "a lost answer stays open" else "UNCONFIRMED"
        yield "taken, the answer is lost", taken._replace(handout=lost, repeats=True), False
        yield "taken, committed too late", taken._replace(given_up=True, repeats=True), False
    if state.repeats:
        yield from repeated(state if mutant == "a repeat does not wait for the writer" else written, mutant)
    if not written.cancelled:
        job = "CANCELLED" if written.job == "UNREAD" else written.job
        yield "cancel_all", written._replace(job=job, cancelled=True), False
        # In the transaction in which a late hand-out was committed: nothing was given back yet.
        yield "cancel_all in the same transaction", state._replace(cancelled=True, job=waiting_cancelled(state)), False
    yield from locking(written, mutant)
    yield "crash", crashed(state, mutant), False
    if not state.given_up:
        yield "clean stop", crashed(state, ""), False


def may_leave(state: State, mutant: str) -> bool:
    """The store decides in the transaction of the hand-out; memory follows a commit later."""
    if mutant == "a lock holds nothing back":
        return True
    return not (state.known if mutant == "memory decides" else state.locked)


def locking(state: State, mutant: str):
    """Lock, unlock; the step of memory after the commit comes later than the next hand-out of the same commit."""
    if not state.locked:
        yield "lock", state._replace(locked=True), False
    else:
        yield "unlock", state._replace(locked=False), False
    if state.known != state.locked:
        yield "memory follows", state._replace(known=state.locked), False


def waiting_cancelled(state: State) -> str:
    return "CANCELLED" if state.job == "UNREAD" else state.job


def repeated(state: State, mutant: str):
    """The same poll_id again: the same job, unless it was given back or a cancel_all came since."""
    if state.job != "RECEIVED" or state.handout not in ("OPEN", "UNCONFIRMED"):
        return
    if state.cancelled and mutant != "a repeat gives what a cancel_all covers":
        yield "repeated, withdrawn", state._replace(job="CANCELLED", repeats=False), False
    elif state.locked and mutant != "a repeat gives jobs while locked":
        # The program has no answer: the job waits for the unlocking.
        yield "repeated, waits again", state._replace(job="UNREAD", handout="RETURNED", repeats=False), False
    else:
        yield "repeated, arrives", state._replace(arrived=state.arrived + 1, repeats=False), True


def crashed(state: State, mutant: str) -> State:
    """What is only in memory is gone, but for the locks, read at the start; a hand-out that was open is in doubt."""
    state = state._replace(known=state.locked)
    if mutant == "a lock ends with the process":
        state = state._replace(locked=False, known=False)
    if state.handout != "OPEN":
        return state._replace(given_up=False)
    if mutant == "open is unread after a crash":
        return state._replace(job="UNREAD", handout="RETURNED", given_up=False)
    return state._replace(handout="UNCONFIRMED", given_up=False)


def wrong(before: State, after: State, arrives: bool, is_unlocking: bool = False) -> str:
    if after.arrived > 1:
        return "delivered twice"
    if arrives and before.cancelled:
        return "delivered after a cancel_all"
    if arrives and before.locked:
        return "delivered while locked"
    if before.locked and not after.locked and not is_unlocking:
        return "unlocked by nobody"
    silent = after.job == "RECEIVED" and not after.arrived and after.handout != "UNCONFIRMED" and not after.given_up
    return "lost in silence" if silent else ""


def explore(mutant: str = "") -> tuple[str, int]:
    """Return the first wrong that is found, empty for none, and the number of states that were seen."""
    seen, waiting = {State()}, deque([State()])
    while waiting:
        state = waiting.popleft()
        for name, after, arrives in steps(state, mutant):
            if found := wrong(state, after, arrives, is_unlocking=name == "unlock"):
                return f"{found}: {name}", len(seen)
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return "", len(seen)


def test_it_holds():
    found, states = explore()
    assert found == "" and states > 10


@pytest.mark.parametrize(
    ("mutant", "found"),
    [
        ("gives back what a cancel_all covers", "delivered after a cancel_all"),
        ("a repeat does not wait for the writer", "delivered twice"),
        ("a repeat gives what a cancel_all covers", "delivered after a cancel_all"),
        ("open is unread after a crash", "delivered twice"),
        ("a lost answer stays open", "lost in silence"),
        ("a lock holds nothing back", "delivered while locked"),
        ("memory decides", "delivered while locked"),
        ("a repeat gives jobs while locked", "delivered while locked"),
        ("a lock ends with the process", "unlocked by nobody"),
    ],
)
def test_without_a_rule_it_fails(mutant, found):
    assert explore(mutant)[0].startswith(found)
