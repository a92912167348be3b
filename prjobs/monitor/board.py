"""The state of the monitor: the raised alarms, and values that many pages ask for.

Alarms are in memory first, so that the page shows alarms while the store fails.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from prjobs.base.clock import Clock
from prjobs.jobs import log
from prjobs.jobs.queue import Queue
from prjobs.monitor.measures import Measures

UNSAVED_LIMIT = 10_000
KEEP_S = 1.0
# Time alone moves jobs out of the day.
COUNT_EVERY_S = 60.0
# So many jobs are counted in a second, at most, however many pages are open.
JOBS_A_SECOND = 50_000
CHANGES = 100_000


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """A condition for a person to look at, raised at `raised_ms` and over at `cleared_ms`.

    `since_ms` is the start of the condition, maybe long before `raised_ms`. `site` and `ulid` are empty for an alarm
    without a site or a job.
    """

    key: str
    kind: str
    site: str
    ulid: str
    sentence: str
    since_ms: int
    raised_ms: int
    cleared_ms: int | None = None
    seen_by: str | None = None
    seen_ms: int | None = None
    loud: bool = True


class RaisedAlarms:
    """The raised alarms by key, and the changes not yet in the file. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._raised: dict[str, Alarm] = {}
        # Grows with each change of a raised alarm.
        self.number = 0
        self._unsaved: dict[tuple[str, int], Alarm] = {}
        # The elapsed time of the last search for faults.
        self.searched_s: float | None = None
        self._tell: Callable[[Alarm], object] | None = None

    def __contains__(self, key: str) -> bool:
        return key in self._raised

    def raised(self) -> list[Alarm]:
        """Return all raised alarms."""
        with self._lock:
            return list(self._raised.values())

    def follow(self, tell: Callable[[Alarm], object]) -> None:
        """Call `tell` with each raised alarm, and from now on with each changed or cleared alarm: it must not wait."""
        with self._lock:
            self._tell = tell
            for alarm in self._raised.values():
                tell(alarm)

    def adopt(self, alarm: Alarm) -> None:
        """Take over an alarm of an earlier process from the file."""
        with self._lock:
            self._raised[alarm.key] = alarm
            self.number += 1

    def add(self, alarm: Alarm) -> None:
        """Raise an alarm, unless an alarm with the same key is raised."""
        with self._lock:
            if alarm.key not in self._raised:
                self._change(alarm)

    def reword(self, key: str, sentence: str) -> None:
        """Replace the sentence of a raised alarm; the file gets the sentence with the next other change."""
        with self._lock:
            if alarm := self._raised.get(key):
                self._raised[key] = msgspec.structs.replace(alarm, sentence=sentence)
                self.number += 1

    def clear(self, key: str, time_ms: int) -> None:
        """Clear an alarm at the end of its condition."""
        with self._lock:
            if alarm := self._raised.pop(key, None):
                self._keep(msgspec.structs.replace(alarm, cleared_ms=time_ms))

    def see(self, key: str, who: str | None, time_ms: int | None) -> bool:
        """Set or, with None, remove the acknowledgement of an alarm. Return False if the alarm is not raised."""
        with self._lock:
            if alarm := self._raised.get(key):
                self._change(msgspec.structs.replace(alarm, seen_by=who, seen_ms=time_ms))
            return alarm is not None

    def seen_ms(self, key: str) -> int | None:
        """Return the time of an alarm's acknowledgement; None without one, or when the alarm is not raised."""
        alarm = self._raised.get(key)
        return alarm.seen_ms if alarm else None

    def _change(self, alarm: Alarm) -> None:
        self._raised[alarm.key] = alarm
        self._keep(alarm)

    def _keep(self, alarm: Alarm) -> None:
        self.number += 1
        self._unsaved[(alarm.key, alarm.raised_ms)] = alarm
        if self._tell:
            self._tell(alarm)
        if len(self._unsaved) > UNSAVED_LIMIT:
            del self._unsaved[next(iter(self._unsaved))]

    def unsaved(self) -> list[Alarm]:
        """Return the alarms with changes not yet in the file."""
        with self._lock:
            return list(self._unsaved.values())

    def saved(self, alarms: list[Alarm]) -> None:
        """Mark these alarms as saved. An alarm that changed after the list was made stays unsaved."""
        with self._lock:
            for alarm in alarms:
                if self._unsaved.get((alarm.key, alarm.raised_ms)) is alarm:
                    del self._unsaved[(alarm.key, alarm.raised_ms)]


class Shared:
    """A cached value, at most a second old: one caller makes the value for all."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._made_s: float | None = None
        self._value: Any = None

    def get(self, make: Callable[[], Any]) -> Any:
        """Return the value of the last second, else call `make()`; one caller makes the value while the others wait."""
        with self._lock:
            now_s = self._clock.elapsed_s()
            if self._made_s is None or now_s - self._made_s >= KEEP_S:
                self._value = make()
                self._made_s = now_s
            return self._value

    @property
    def last(self) -> Any:
        """Return the last value, however old, for `make()` to start from; None before the first."""
        return self._value


class AlarmTexts:
    """The alarms in the form for pages, made anew after a change only."""

    def __init__(self, process: str) -> None:
        # Another process counts other changes.
        self.process = process
        self._made: tuple[int, Any] = (-1, None)

    def get(self, number: int, make: Callable[[], Any]) -> Any:
        """Return the value for the number of the last change, else call `make()`."""
        made = self._made
        if made[0] != number:
            self._made = made = (number, make())
        return made[1]


class SharedBySite:
    """A value of each site, at most a second old: one caller makes it for all."""

    LIMIT = 1000

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._shared: dict[str, Shared] = {}

    def get(self, site: str, make: Callable[[], Any]) -> Any:
        """Return the site's value of the last second, else call `make()`."""
        with self._lock:
            if site not in self._shared and len(self._shared) >= self.LIMIT:
                self._shared.clear()
            shared = self._shared.setdefault(site, Shared(self._clock))
        return shared.get(make)


class Counted(NamedTuple):
    """The day of a site as counted at `made_s` of elapsed time after change `seq`, and the number of jobs."""

    made_s: float
    seq: int
    jobs: int
    day: Any


class Days:
    """The last day of each site, kept until the site changes; callers hold `lock`.

    Counting reads every job of the day: a site is counted anew only after a change there, and a site of very many jobs
    only every few seconds.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._seq = 0
        self._days: dict[str, Counted] = {}
        self._changed: set[str] = set()

    def follow(self, queue: Queue) -> None:
        """Find the sites with changes since the last call."""
        newest = log.last_seq(queue.database)
        if not self._seq <= newest <= self._seq + CHANGES:
            self._days.clear()
        elif newest > self._seq:
            sql = "SELECT DISTINCT site FROM change WHERE seq > ? AND seq <= ?"
            self._changed.update(site for (site,) in queue.database.fetch(sql, (self._seq, newest)))
        self._seq = newest

    def of(self, queue: Queue, site: str, count: Callable[[Queue, str], tuple[int, Any]]) -> Any:
        """Return the day of a site; `count` returns the number of jobs and the day."""
        now_s, counted = queue.clock.elapsed_s(), self._days.get(site)
        if counted is not None:
            wait_s = counted.jobs / JOBS_A_SECOND if site in self._changed else COUNT_EVERY_S
            if now_s - counted.made_s < min(wait_s, COUNT_EVERY_S):
                return counted.day
        self._changed.discard(site)
        if len(self._days) > 2 * queue.polls.LIMIT:
            self._days.clear()
        self._days[site] = counted = Counted(now_s, self._seq, *count(queue, site))
        return counted.day

    def seq_of(self, site: str) -> int:
        """Return the number of the newest change that the day of a site surely has. Raises KeyError before `of`."""
        return self._days[site].seq


@dataclass(frozen=True)
class Board:
    """The state that the verbs of this package take: the queue, the raised alarms, the sites, the counts.

    `sites`, `site`, `names` and `table`, the rows of the table of sites, are kept for a second.
    """

    queue: Queue
    sites: Shared
    site: SharedBySite
    names: Shared
    table: Shared
    alarm_texts: AlarmTexts
    alarms: RaisedAlarms = field(default_factory=RaisedAlarms)
    days: Days = field(default_factory=Days)
    measures: Measures = field(default_factory=Measures)


def new_board(queue: Queue) -> Board:
    """Return the board of a queue."""
    clock = queue.clock
    return Board(
        queue=queue,
        sites=Shared(clock),
        site=SharedBySite(clock),
        names=Shared(clock),
        table=Shared(clock),
        alarm_texts=AlarmTexts(clock.random_bytes(4).hex()),
    )
