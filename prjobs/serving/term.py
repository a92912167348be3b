"""The time in which a process of a hub is the active one, or waits to be."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from prjobs.serving.running import Running

if TYPE_CHECKING:
    from prjobs.store.members import Member

JOIN_S = 3.0
DOUBTED = "The database of the hub gave no answer for ten seconds, so another process may be active."
REPLACED = "Another process of this hub has become the active one."


class Term:
    """The time in which this process is the active one. `withdraw()` puts the standby's answers in place."""

    def __init__(self, member: "Member", withdraw: Callable[[], object]) -> None:
        self.member = member
        self._withdraw = withdraw
        self.running: Running | None = None
        # Set once another process is active, or the process is to end.
        self.is_over = threading.Event()
        self.is_replaced = False
        self._signing: threading.Thread | None = None

    def sign(self) -> None:
        """Give signs of life from now on, in a thread of its own, until the term is over."""
        self._signing = threading.Thread(
            target=self.member.keep_signing, args=(self.is_over, self.replace, self.doubt), name="signing", daemon=True
        )
        self._signing.start()

    def leave(self) -> None:
        """Let another process take over."""
        self.is_over.set()
        if self._signing:
            # A last sign of life after the end would show this process among the members.
            self._signing.join(JOIN_S)
        self.member.leave()

    def replace(self) -> None:
        """Stop acting at once: another process is active. Any thread may call, several times."""
        if not self.is_replaced:
            self.is_replaced = True
            self.stop_if_replaced()
            self.is_over.set()

    def doubt(self, is_doubted: bool) -> None:
        """Refuse reads and writes while another process may be active; go on when this process is known as active."""
        if self.running and not self.is_replaced:
            database = self.running.appliance.queue.database
            if is_doubted:
                database.lose(DOUBTED)
            else:
                database.find()

    def stop_if_replaced(self) -> None:
        """Stop acting if another process is active."""
        if self.is_replaced and self.running:
            self._withdraw()
            self.running.appliance.queue.database.lose(REPLACED)
            self.running.let_go()
