"""The condition of an open store: what keeps the store from working now."""

import logging
from collections.abc import Callable

from prjobs.base.errors import Fault, Trouble
from prjobs.store.engine import Connection, Engine

logger = logging.getLogger(__name__)


class Condition:
    """The condition of an open store: the trouble of the last use, until a transaction succeeds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._trouble: Trouble | None = None
        self._replaced: Trouble | None = None
        # Called at each new trouble.
        self.tell: Callable[[], object] = lambda: None
        # False from a fault of the disk or the file on, until a transaction that really writes is on disk.
        self.is_proved = True
        # Another object after each commit and each fault: a row read with another one may have changed since. A number
        # that several threads count could go back to one that it had before.
        self.version = object()

    @property
    def trouble(self) -> Trouble | None:
        """Return the trouble that keeps the store from working now; None while the store works."""
        return self._replaced or self._trouble

    def note(self, error: Exception) -> Trouble:
        """Remember and return the trouble behind an error of the engine; log new trouble."""
        trouble = self._engine.trouble_of(error)
        self.version = object()
        before, self._trouble = self._trouble, trouble
        self.is_proved &= trouble.fault == Fault.LOCKED
        if trouble != before:
            logger.error("%s (%s)", trouble.sentence, error)
            self.tell()
        return trouble

    def committed(self) -> None:
        """Note a commit, before any caller learns of it.

        Ends the trouble with another program's lock; a COMMIT without a change proves nothing about the disk.
        """
        self.version = object()
        if self.is_proved:
            self._trouble = None

    def prove(self, connection: Connection) -> None:
        """End the trouble if the disk takes a write; raise an error of the engine if not."""
        self._engine.prove(connection)
        self.is_proved, self._trouble = True, None
        self.version = object()

    def lose(self, sentence: str) -> None:
        """Refuse reads and writes from now on: another file is in the place of the opened file."""
        if self._replaced is None:
            logger.error("%s", sentence)
        self._replaced = Trouble(Fault.REPLACED, sentence)

    def find(self) -> None:
        """Allow reads and writes again: the opened file is back in its place."""
        self._replaced = None
        self.version = object()

    def require_present(self) -> None:
        """Raise Unavailable while another file is in the place of the opened file."""
        if self._replaced:
            raise self._replaced.refusal()
