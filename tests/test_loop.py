"""The loop over the open sockets: fair turns, and no act on a socket that is closed."""

import select
import socket
import time

import pytest

from prjobs.web.loop import FIRST, TURN_S, Loop


class Opened:
    """A socket with data to read at all times; a read takes `cost_s`, and is noted in `reads`."""

    spent_s = 0.0
    accepting = False

    def __init__(self, loop, reads, cost_s=0.0):
        self.socket, self.client = socket.socketpair()
        self.client.send(b"x")
        # On Windows the pair is a connection by TCP: the data come a little later.
        assert select.select([self.socket], [], [], 60)[0]
        self._fileno = self.socket.fileno()
        self.loop, self.reads, self.cost_s = loop, reads, cost_s
        self.wants_read, self.also = True, None
        loop[self._fileno] = self

    def readable(self):
        return self.wants_read

    def writable(self):
        return False

    def handle_read_event(self):
        self.reads.append(self)
        time.sleep(self.cost_s)
        if self.also:
            self.also()

    def close(self):
        if self._fileno is not None:
            del self.loop[self._fileno]
            self._fileno = None
            self.socket.close()
            self.client.close()


@pytest.fixture
def opens():
    loop, reads, opened = Loop(), [], []

    def open_one(cost_s=0.0):
        opened.append(Opened(loop, reads, cost_s))
        return opened[-1]

    yield loop, reads, open_one
    for one in opened:
        one.close()
    loop.close()


def test_dear_sockets_take_turns_and_a_cheap_one_waits_for_none(opens):
    loop, reads, open_one = opens
    dear = [open_one(2 * TURN_S) for _ in range(5)]
    cheap = open_one()
    turns = 40
    for _ in range(turns):
        loop.turn(10)
    # A dear read ends the turn. A busy machine may make the cheap one look dear for some turns.
    assert set(reads) == {cheap, *dear}
    assert reads.count(cheap) > turns / 2 and len(reads) - reads.count(cheap) <= turns


def test_a_listening_socket_comes_first_also_after_much_work(opens):
    loop, reads, open_one = opens
    listening, cheap = open_one(TURN_S / 4), open_one()
    listening.accepting, listening.spent_s = True, FIRST
    for _ in range(20):
        before = len(reads)
        loop.turn(10)
        assert reads[before] is listening
    assert cheap in reads


def test_a_listening_socket_keeps_no_other_from_its_turn(opens):
    loop, reads, open_one = opens
    first, other = open_one(2 * TURN_S), open_one(2 * TURN_S)
    first.spent_s = FIRST
    for _ in range(5):
        loop.turn(10)
    assert (reads, first.spent_s) == ([first, other] * 5, FIRST)


@pytest.mark.parametrize("costs_s", [(0.0, 0.0), (2 * TURN_S, 0.0), (0.9 * TURN_S, 0.15 * TURN_S, 0.0)])
def test_each_turn_ends_with_a_hand_over(opens, costs_s):
    loop, reads, open_one = opens
    for cost_s in costs_s:
        open_one(cost_s)
    for _ in range(5):
        handed = []
        loop.turn(10, lambda handed=handed: handed.append(len(reads)))
        assert handed[-1] == len(reads)


def test_a_socket_is_asked_only_when_told(opens):
    loop, reads, open_one = opens
    one, other = open_one(), open_one()
    # A turn of a busy machine may end before the second socket.
    while not {one, other} <= set(reads):
        loop.turn(10)
    one.wants_read = False
    loop.tell(one)
    reads.clear()
    while reads.count(other) < 2:
        loop.turn(10)
    assert one not in reads
    one.wants_read = True
    loop.tell(one)
    while one not in reads:
        loop.turn(10)
    assert other in reads


def test_a_socket_closed_in_the_turn_is_not_read_nor_the_one_with_its_number(opens):
    loop, reads, open_one = opens
    made = []

    def close_the_other():
        other.close()
        made.append(open_one())

    one, other = open_one(), open_one()
    number = other._fileno
    other.spent_s, one.also = 1.0, close_the_other
    loop.turn(10)
    assert reads == [one] and number in {new._fileno for new in made} | {new.client.fileno() for new in made}
    one.also = None
    while not {one, *made} <= set(reads[1:]):
        loop.turn(10)
    assert set(reads[1:]) == {one, *made}


def test_a_closed_socket_is_registered_no_more(opens):
    loop, _, open_one = opens
    one = open_one()
    loop.turn(10)
    one.close()
    assert not loop._selector.get_map() and not loop
