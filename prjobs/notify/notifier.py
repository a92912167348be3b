"""The notifier: news of alarms for each address, and the heartbeat. The thread of the notifier waits for no service."""

import hashlib
import hmac
import logging
import threading
from collections import deque
from collections.abc import Sequence

from prjobs.base.errors import Unavailable
from prjobs.base.notices import Code
from prjobs.base.notify_addresses import Address
from prjobs.monitor.alarms import code_of
from prjobs.monitor.board import Alarm, Board
from prjobs.notify import outbox
from prjobs.notify.delivery import Delivery, Recipient
from prjobs.notify.heartbeat import Heartbeat
from prjobs.notify.messages import Link, compose, link_of
from prjobs.notify.outbox import Outbox

logger = logging.getLogger(__name__)
STEP_S = 1.0
# Alarms that changed since the last step; a step takes a second, and 500 alarms are raised at most.
CHANGED = 20_000


class Notifier:
    """The messages to all recipients. `once` is called every second."""

    def __init__(self, board: Board, recipients: Sequence[Recipient], secret: bytes, link: Link) -> None:
        self._board, self._link = board, link
        queue = board.queue
        self._database, self._settings = queue.database, queue.settings
        self._again_s = queue.settings.notify_again_min * 60.0
        self._ways = [
            (one.address, _outbox(board, one.address, secret), Delivery(one, queue.clock)) for one in recipients
        ]
        self._outboxes = [one for _, one, _ in self._ways]
        self._heartbeat = Heartbeat(board) if queue.settings.heartbeat_url else None
        self._changed: deque[Alarm] = deque(maxlen=CHANGED)
        self._is_loaded = False
        board.alarms.follow(self._changed.append)

    def once(self) -> None:
        """Note the changed alarms, send due messages, and keep the state in the store."""
        self._load()
        while self._changed:
            self._note(self._changed.popleft())
        outbox.save(self._database, self._outboxes)
        for _, box, delivery in self._ways:
            self._deliver(box, delivery)
        outbox.save(self._database, self._outboxes)
        failures = [delivery.failure for _, _, delivery in self._ways if delivery.failure]
        said = f"{' '.join(failures)} Look with `prjobs notify test`." if failures else ""
        self._board.queue.notices.say(Code.NOTIFY, said)
        if self._heartbeat:
            self._heartbeat.once()

    def _load(self) -> None:
        if self._is_loaded:
            return
        self._is_loaded = True
        try:
            for box in self._outboxes:
                box.load()
            outbox.forget_others(self._database, self._outboxes)
        except Unavailable as unavailable:
            logger.warning("what was told before is not known, alarms may be told again: %s", unavailable)

    def _note(self, alarm: Alarm) -> None:
        for address, box, _ in self._ways:
            if wants(address, alarm):
                box.note(alarm)

    def _deliver(self, box: Outbox, delivery: Delivery) -> None:
        if sent := delivery.take_sent():
            box.told(sent.news, sent.listed)
            logger.info("sent to %s: %s", delivery.name, sent.title)
        if delivery.is_free and box.is_due(self._again_s):
            message = compose(box.news(self._again_s), self._link, self._board.queue.demo)
            if delivery.is_within_pace(message):
                delivery.begin(message)

    def run(self, stop: threading.Event) -> None:
        """Repeat until told to stop, despite all failures. A message under way is not awaited."""
        while not stop.is_set():
            try:
                self.once()
            except Exception:
                logger.exception("notify failed and goes on")
                stop.wait(5)
            stop.wait(STEP_S)


def open_notifier(board: Board, secret: bytes, port: int) -> Notifier:
    """Return the notifier of the settings; prjobs listens on `port`. Raise Unusable for an address in a wrong form."""
    settings = board.queue.settings
    found: Sequence[Recipient] = ()
    if settings.notify:
        # Imported late: a heartbeat alone needs no library of services.
        from prjobs.notify.sending import recipients

        found = recipients(settings)
    return Notifier(board, found, secret, link_of(settings, port))


def _outbox(board: Board, address: Address, secret: bytes) -> Outbox:
    # The file, which goes into backups, has no address.
    key = hmac.new(secret, f"notify {address.url}".encode(), hashlib.sha256).hexdigest()[:24]
    return Outbox(board.queue.database, board.queue.clock, key, str(address))


def wants(address: Address, alarm: Alarm) -> bool:
    """Return True if the address gets messages about the alarm.

    An alarm of the server itself goes to every address, and an alarm without a sound to addresses with the name.
    """
    if alarm.site and address.sites and alarm.site not in address.sites:
        return False
    code = code_of(alarm)
    if code in address.kinds:
        return True
    return alarm.loud and (not address.kinds or alarm.kind in address.kinds)
