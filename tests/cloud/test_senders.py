"""Copies of stops on their way to the cloud: a cloud that does not answer holds one thread and few copies."""

import threading

from prjobs.cloud.senders import Senders
from tests.waiting import wait_for


def test_a_flood_of_copies_holds_one_thread_and_a_bounded_number_of_copies():
    release, begun, sent = threading.Event(), threading.Event(), []

    def send(number):
        begun.set()
        assert release.wait(60)
        sent.append(number)

    before = threading.active_count()
    senders = Senders("test copy", 1, 40)
    assert senders.add(lambda: send(0))
    assert begun.wait(60)
    taken = [number for number in range(1, 500) if senders.add(lambda number=number: send(number))]
    assert taken == list(range(1, 41))
    assert threading.active_count() == before + 1
    release.set()
    wait_for(lambda: sent == list(range(41)))
    assert senders.add(lambda: send(41))
    wait_for(lambda: sent[-1] == 41)


def test_a_failing_copy_does_not_end_the_thread():
    sent = []
    senders = Senders("test copy", 1, 40)
    assert senders.add(lambda: 1 / 0)
    assert senders.add(lambda: sent.append(1))
    wait_for(lambda: sent == [1])
