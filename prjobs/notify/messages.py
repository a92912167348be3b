"""The texts of messages: the sentence of each alarm, the advice, and the link to the monitor."""

import socket
from collections.abc import Sequence
from typing import NamedTuple

from prjobs.base.clock import moment
from prjobs.base.marks import marked
from prjobs.base.settings import Settings
from prjobs.base.sockets import EVERY_ADDRESS, address_for_others, is_loopback
from prjobs.monitor.alarms import KINDS, PROBLEM, SAFETY, SILENT, STOP, WHAT_TO_DO, code_of
from prjobs.monitor.board import Alarm
from prjobs.monitor.told import AGAIN, BOTH, OVER, RAISED
from prjobs.notify.news import News

# Many services cut longer texts off.
LISTED = 5
SENTENCE_CHARS = 240
_WORST_FIRST = {RAISED: 0, AGAIN: 1, BOTH: 2, OVER: 3}
_KINDS = list(KINDS)
_TITLES = {RAISED: "", AGAIN: "Still: ", BOTH: "Was: ", OVER: "Over: "}
GRAVE = frozenset({STOP, SAFETY, SILENT, PROBLEM})


class Message(NamedTuple):
    """A message: `tone` is failure, warning or success; `news` is the whole content, and `listed` is named."""

    title: str
    body: str
    tone: str
    news: tuple[News, ...] = ()
    listed: tuple[News, ...] = ()


def compose(news: Sequence[News], link: str, is_demo: bool) -> Message:
    """Return a message with all news, the worst first."""
    ranked = sorted(news, key=_rank)
    listed, more = ranked[:LISTED], len(ranked) - LISTED
    first = ranked[0]
    title = f"{_TITLES[first.what]}{first.alarm.site or 'prjobs'}: {KINDS[first.alarm.kind]}"
    title += f" and {len(ranked) - 1} more" if len(ranked) > 1 else ""
    parts = [_paragraph(one) for one in listed]
    parts += [f"And {more} more."] if more > 0 else []
    title = f"[demo] {title}" if is_demo else title
    return Message(title, "\n\n".join([*parts, link]), _tone(first), tuple(ranked), tuple(listed))


def _rank(one: News) -> tuple[int, int, int, str]:
    return _WORST_FIRST[one.what], _KINDS.index(one.alarm.kind), one.alarm.since_ms, one.alarm.key


def _tone(first: News) -> str:
    if first.what in (OVER, BOTH):
        return "success"
    return "failure" if first.alarm.kind in GRAVE else "warning"


def _paragraph(one: News) -> str:
    alarm, times = one.alarm, f" Raised {one.times} times." if one.times > 1 else ""
    sentence = _sentence(alarm)
    match one.what:
        case "over":
            return f"Over since {_clock(alarm.cleared_ms)}: {sentence}{times}"
        case "raised and over":
            return f"Raised at {_clock(alarm.raised_ms)}, over since {_clock(alarm.cleared_ms)}: {sentence}{times}"
    since = f" Raised at {_clock(alarm.raised_ms)}, not acknowledged." if one.what == AGAIN else ""
    todo = WHAT_TO_DO.get(code_of(alarm), "")
    return f"{sentence}{since}{times}{f' {todo}' if todo else ''}"


def _sentence(alarm: Alarm) -> str:
    text = marked(alarm.sentence)
    text = f"{text[:SENTENCE_CHARS]}…" if len(text) > SENTENCE_CHARS else text
    return text if text.endswith((".", "…", "!", "?")) else f"{text}."


def _clock(time_ms: int | None) -> str:
    return moment(time_ms or 0).strftime("%H:%M UTC on %d %b")


def link_of(settings: Settings, port: int) -> str:
    """Return the line of a message with the address of the monitor."""
    host = settings.host
    if settings.monitor_url:
        return f"Monitor: {settings.monitor_url}"
    if is_loopback(host):
        return f"Monitor: http://127.0.0.1:{port}/ at the machine {socket.gethostname()}"
    name = address_for_others() if host in EVERY_ADDRESS else host
    return f"Monitor: http://{f'[{name}]' if ':' in name else name}:{port}/"


TEST = Message(
    "prjobs: a test",
    "This is a test of the messages about alarms. There is nothing to do.",
    "success",
)
