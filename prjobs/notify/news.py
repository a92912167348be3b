"""The news about an alarm for a message."""

from typing import NamedTuple

from prjobs.monitor.board import Alarm


class News(NamedTuple):
    """An alarm with the news for a message, and the number of raises since the last message."""

    what: str
    alarm: Alarm
    times: int
