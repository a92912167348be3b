"""Alarms that are raised now, kept in memory, so that they are shown while the store is in trouble too."""

import threading

import msgspec

UNSAVED_LIMIT = 10_000


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person must look at, from `raised_ms` until its condition ended at `cleared_ms`.

    `since_ms`: since when it is so, which may be long before it was raised. `site` and `ulid` are empty when it is
    about none.
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


class OpenAlarms:
    """What is raised, by its key, and what of it the file does not know yet. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._raised: dict[str, Alarm] = {}
        self._unsaved: dict[tuple[str, int], Alarm] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._raised

    def raised(self) -> list[Alarm]:
        """All that are raised."""
        with self._lock:
            return list(self._raised.values())

    def adopt(self, alarm: Alarm) -> None:
        """It was raised before this process, and the file knows it."""
        with self._lock:
            self._raised[alarm.key] = alarm

    def add(self, alarm: Alarm) -> None:
        """Raise it, unless one of its key is raised."""
        with self._lock:
            if alarm.key not in self._raised:
                self._change(alarm)

    def clear(self, key: str, time_ms: int) -> None:
        """Its condition ended."""
        with self._lock:
            if alarm := self._raised.pop(key, None):
                self._keep(msgspec.structs.replace(alarm, cleared_ms=time_ms))

    def see(self, key: str, who: str | None, time_ms: int | None) -> bool:
        """Somebody has seen it, or nobody any more; False when it is not raised."""
        with self._lock:
            if alarm := self._raised.get(key):
                self._change(msgspec.structs.replace(alarm, seen_by=who, seen_ms=time_ms))
            return alarm is not None

    def _change(self, alarm: Alarm) -> None:
        self._raised[alarm.key] = alarm
        self._keep(alarm)

    def _keep(self, alarm: Alarm) -> None:
        self._unsaved[(alarm.key, alarm.raised_ms)] = alarm
        if len(self._unsaved) > UNSAVED_LIMIT:
            del self._unsaved[next(iter(self._unsaved))]

    def unsaved(self) -> list[Alarm]:
        """What the file does not know yet, as it is now."""
        with self._lock:
            return list(self._unsaved.values())

    def saved(self, alarms: list[Alarm]) -> None:
        """The file knows them as they are here; what changed meanwhile stays unsaved."""
        with self._lock:
            for alarm in alarms:
                if self._unsaved.get((alarm.key, alarm.raised_ms)) is alarm:
                    del self._unsaved[(alarm.key, alarm.raised_ms)]
