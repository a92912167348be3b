"""The connections for reading of a hub's process: few, shared by all threads, the last used first.

A thread of its own opens the connections: a server that does not answer keeps no caller waiting for long.
"""

import logging
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

logger = logging.getLogger(__name__)
COUNT = 8
# Callers with more time than this leave two connections to the others: polls must not wait for long lists.
QUICK_S = 0.5
FOR_QUICK = 2
# After a failed try the next one comes after so long, twice as long each time.
AGAIN_S = 0.1
LONGEST_S = 2.0


class Reader(Protocol):
    """A connection for reading."""

    @property
    def is_usable(self) -> bool:
        """Return False after the server or the network ended the connection."""
        ...

    def close(self) -> object:
        """Close the connection."""
        ...


class NotOpened(Exception):
    """The server cannot be reached, or does not answer in time."""


class AllBusy(Exception):
    """All connections were in use for the whole time that the caller could wait."""


R = TypeVar("R", bound=Reader)


class Readers(Generic[R]):
    """At most eight connections, opened by `connect()` when they are needed."""

    def __init__(self, connect: Callable[[], R], errors: tuple[type[Exception], ...]) -> None:
        self._connect, self._errors = connect, errors
        self._changed = threading.Condition()
        self._idle: list[R] = []
        # The connections, by identity, that callers with much time have.
        self._slow: set[int] = set()
        # The connections in use and those that wait here.
        self._open = 0
        self._wanted = 0
        self._failure: Exception | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def take(self, limit_s: float) -> R:
        """Return a connection of the caller's own, to be given back. Raise NotOpened and AllBusy."""
        is_quick = limit_s <= QUICK_S
        with self._changed:
            if not self._is_free(is_quick):
                self._wait(limit_s, is_quick)
            connection = self._idle.pop()
            if not is_quick:
                self._slow.add(id(connection))
            return connection

    def _is_free(self, is_quick: bool) -> bool:
        return bool(self._idle) and (is_quick or len(self._slow) < COUNT - FOR_QUICK)

    def _wait(self, limit_s: float, is_quick: bool) -> None:
        self._start()
        self._wanted += 1
        self._changed.notify_all()
        try:
            # After a failure the caller does not wait: the thread goes on trying.
            self._changed.wait_for(lambda: self._is_free(is_quick) or self._failure or self._closed, limit_s)
        finally:
            self._wanted -= 1
        if self._is_free(is_quick):
            return
        if self._open >= COUNT or (self._idle and not self._closed):
            raise AllBusy("all connections for reading are in use")
        raise NotOpened("no connection for reading could be opened in time") from self._failure

    def give_back(self, connection: R) -> None:
        """Keep the connection for the next caller, or drop it if it is no more usable."""
        with self._changed:
            self._slow.discard(id(connection))
            if connection.is_usable and not self._closed:
                self._idle.append(connection)
            else:
                self._open -= 1
                connection.close()
            self._changed.notify_all()

    def drop_idle(self) -> None:
        """Close the idle connections, after a connection was found broken."""
        with self._changed:
            dropped, self._idle = self._idle, []
            self._open -= len(dropped)
        for connection in dropped:
            connection.close()

    def close(self) -> None:
        """Close all connections, those in use when they come back."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.drop_idle()

    # ---- the thread that connects

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="readers", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        pause_s = AGAIN_S
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._failure or self._is_one_missing())
                if self._closed:
                    return
            try:
                connection = self._connect()
            except self._errors as error:
                if self._failure is None:
                    logger.warning("no connection for reading: %s", str(error).strip())
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._closed, pause_s)
                pause_s = min(LONGEST_S, 2 * pause_s)
                continue
            pause_s = AGAIN_S
            with self._changed:
                self._failure = None
                self._open += 1
            self.give_back(connection)

    def _is_one_missing(self) -> bool:
        return self._wanted > len(self._idle) and self._open < COUNT
