"""The texts of messages: the sentence of each alarm, the advice, and the link to the monitor."""

import socket
from collections.abc import Sequence
from typing import NamedTuple

from prjobs.base.clock import moment
from prjobs.base.manual import section_of
from prjobs.base.marks import marked
from prjobs.base.notices import Code
from prjobs.base.settings import Settings
from prjobs.base.sockets import EVERY_ADDRESS, address_for_others, is_loopback
from prjobs.monitor.alarms import KINDS, PROBLEM, SAFETY, SILENT, STOP, WHAT_TO_DO, code_of
from prjobs.monitor.board import Alarm
from prjobs.monitor.told import AGAIN, BOTH, OVER, RAISED
from prjobs.notify.news import Message, News

# Many services cut longer texts off.
LISTED = 5
SENTENCE_CHARS = 240
_WORST_FIRST = {RAISED: 0, AGAIN: 1, BOTH: 2, OVER: 3}
_KINDS = list(KINDS)
_TITLES = {RAISED: "", AGAIN: "Still: ", BOTH: "Was: ", OVER: "Over: "}
# The page has a card for each notice; a phone has the message alone.
_ADVICE = {
    **WHAT_TO_DO,
    Code.DISK_LOW: "Make room on the disk of the server. Until then only stops, closing and parking are taken.",
    Code.CLOCK: "Check the clock of the server.",
    Code.BACKUP: "Make a backup with “prjobs backup”.",
}
GRAVE = frozenset({STOP, SAFETY, SILENT, PROBLEM})


class Link(NamedTuple):
    """The address of the monitor for the reader of a message, with a / at the end, and words on who reaches it."""

    url: str
    where: str = ""

    def __str__(self) -> str:
        return f"Monitor: {self.url}{self.where}"


def compose(news: Sequence[News], link: Link, is_demo: bool) -> Message:
    """Return a message with all news, the worst first."""
    ranked = sorted(news, key=_rank)
    listed, more = ranked[:LISTED], len(ranked) - LISTED
    first = ranked[0]
    title = f"{_TITLES[first.what]}{first.alarm.site or 'prjobs'}: {KINDS[first.alarm.kind]}"
    title += f" and {len(ranked) - 1} more" if len(ranked) > 1 else ""
    parts = [_paragraph(one, link) for one in listed]
    parts += [f"And {more} more."] if more > 0 else []
    title = f"[demo] {title}" if is_demo else title
    return Message(title, "\n\n".join([*parts, str(link)]), _tone(first), tuple(ranked), tuple(listed))


def _rank(one: News) -> tuple[int, int, int, str]:
    return _WORST_FIRST[one.what], _KINDS.index(one.alarm.kind), one.alarm.since_ms, one.alarm.key


def _tone(first: News) -> str:
    if first.what in (OVER, BOTH):
        return "success"
    return "failure" if first.alarm.kind in GRAVE else "warning"


def _paragraph(one: News, link: Link) -> str:
    alarm, times = one.alarm, f" Raised {one.times} times." if one.times > 1 else ""
    sentence = _sentence(alarm)
    match one.what:
        case "over":
            return f"Over since {_clock(alarm.cleared_ms)}: {sentence}{times}"
        case "raised and over":
            return f"Raised at {_clock(alarm.raised_ms)}, over since {_clock(alarm.cleared_ms)}: {sentence}{times}"
    since = f" Raised at {_clock(alarm.raised_ms)}, not acknowledged." if one.what == AGAIN else ""
    todo = _todo(code_of(alarm), link)
    return f"{sentence}{since}{times}{f' {todo}' if todo else ''}"


def _todo(code: str, link: Link) -> str:
    """Return the advice for an alarm, or the address of the advice."""
    section = section_of(code)
    return _ADVICE.get(code) or (f"What to do: {link.url}{section}" if section else "")


def _sentence(alarm: Alarm) -> str:
    text = marked(alarm.sentence)
    text = f"{text[:SENTENCE_CHARS]}…" if len(text) > SENTENCE_CHARS else text
    return text if text.endswith((".", "…", "!", "?")) else f"{text}."


def _clock(time_ms: int | None) -> str:
    return moment(time_ms or 0).strftime("%H:%M UTC on %d %b")


def link_of(settings: Settings, port: int) -> Link:
    """Return the address of the monitor for messages."""
    host = settings.host
    if settings.monitor_url:
        return Link(f"{settings.monitor_url.removesuffix('/')}/")
    if is_loopback(host):
        return Link(f"http://127.0.0.1:{port}/", f" on the machine {socket.gethostname()} alone")
    name = address_for_others() if host in EVERY_ADDRESS else host
    return Link(f"http://{f'[{name}]' if ':' in name else name}:{port}/")
