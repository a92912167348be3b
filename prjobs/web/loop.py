"""The loop over the open sockets: what each waits for is registered with the system, and changed when told.

waitress asks every connection at each turn what it waits for: with hundreds of held requests that takes longer than
the requests of the turn.
"""

import selectors
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from waitress import wasyncore

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
# The time after which a turn ends: sockets with dear requests wait for the next turn. And that of a part of it.
TURN_S, PART_S = 0.003, 0.0005
FIRST = -1.0


class Loop(dict[int, Any]):
    """The open sockets by number, as waitress registers and removes sockets. Only `tell` is for other threads.

    A socket's `spent_s` is the time for its requests lately: sockets with little come first in a turn.
    """

    def __init__(self) -> None:
        super().__init__()
        self._selector = selectors.DefaultSelector()
        self._changed: deque[Any] = deque()

    def __setitem__(self, number: int, opened: Any) -> None:
        super().__setitem__(number, opened)
        if not hasattr(opened, "spent_s"):
            # A listening socket, or that by which workers wake the loop: always first.
            opened.spent_s = FIRST
        self._changed.append(opened)

    def __delitem__(self, number: int) -> None:
        super().__delitem__(number)
        self._register(number, None, 0)

    def tell(self, opened: Any) -> None:
        """Note that the socket may wait for something else from now on. The loop looks at its next turn."""
        self._changed.append(opened)

    def turn(self, timeout_s: float, hand_over: Callable[[], None] = lambda: None) -> None:
        """Wait for ready sockets, then let them read and write; call `hand_over()` after each part of the turn."""
        while self._changed:
            self._look(self._changed.popleft())
        ready = self._selector.select(timeout_s)
        if len(ready) > 1:
            ready.sort(key=_key_cost)
        began_s = time.perf_counter()
        end_s, part_s = began_s + TURN_S, began_s + PART_S
        for key, events in ready:
            if not self._is_open(key.fd, key.data):
                continue
            _act(key.data, events & READ, events & WRITE)
            self._look(key.data)
            now_s = time.perf_counter()
            if key.data.spent_s != FIRST:
                key.data.spent_s += now_s - began_s
            began_s = now_s
            if now_s > part_s:
                hand_over()
                part_s = now_s + PART_S
            if now_s > end_s and key.data.spent_s != FIRST:
                break
        hand_over()

    def close(self) -> None:
        """Close the registration; the sockets stay open."""
        self._selector.close()

    def _is_open(self, number: int | None, opened: Any) -> bool:
        """Return False for a closed socket, whose number may be in use again."""
        return number is not None and self.get(number) is opened

    def _look(self, opened: Any) -> None:
        number = opened._fileno
        if not self._is_open(number, opened):
            return
        wanted = READ if opened.readable() else 0
        if opened.writable() and not opened.accepting:
            wanted |= WRITE
        self._register(number, opened, wanted)

    def _register(self, number: int, opened: Any, wanted: int) -> None:
        known = self._selector.get_map().get(number)
        if known is None:
            if wanted:
                self._selector.register(number, wanted, opened)
        elif not wanted:
            self._selector.unregister(number)
        elif known.events != wanted or known.data is not opened:
            self._selector.modify(number, wanted, opened)


def _key_cost(found: tuple[selectors.SelectorKey, int]) -> float:
    return float(found[0].data.spent_s)


def _act(opened: Any, reads: int, writes: int) -> None:
    try:
        if reads:
            opened.handle_read_event()
        # The end of the connection may have been read, and the socket closed.
        if writes and opened._fileno is not None:
            opened.handle_write_event()
    except OSError as error:
        if error.errno in wasyncore._DISCONNECTED:
            opened.handle_close()
        else:
            opened.handle_error()
    except Exception:
        opened.handle_error()
