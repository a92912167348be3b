"""The news about an alarm, and a message with news."""

from typing import NamedTuple

from prjobs.monitor.board import Alarm


class News(NamedTuple):
    """An alarm with the news for a message, and the number of raises since the last message."""

    what: str
    alarm: Alarm
    times: int


class Message(NamedTuple):
    """A message: `tone` is failure, warning or success; `news` is the whole content, and `listed` is named."""

    title: str
    body: str
    tone: str
    news: tuple[News, ...] = ()
    listed: tuple[News, ...] = ()


TEST = Message(
    "prjobs: a test",
    "This is a test of the messages about alarms. There is nothing to do.",
    "success",
)
