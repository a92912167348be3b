"""The original service as it behaves, traps included, on a clock that is given. No network, no threads.

An id is made before its record becomes visible; reads are eventually consistent and end after a page, oldest first;
updatejobstatus makes ghosts; fractions are refused with 502 for ever; cancel_all_commands deletes; getnewjobs marks
one by one and may die half way.
"""

import bisect
import itertools
import random
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import msgspec
from ulid import ULID

from prjobs.base.ulids import floor_ulid
from prjobs.cloud.network import Answer

PAGE = 120
# What a page of that many records of the model may hold before it counts as cut, as 600 kB do of 1 MB.
FULL_BYTES = 36_000
VISIBLE_AFTER_MS = (50, 200, 900, 6000, 28_000)
STALE_MS = (0, 0, 0, 300, 1000)
SITE = "saf"
NEWJOB_KEYS = ("site", "device", "instance", "action", "user_name", "user_id", "optional_params", "required_params")
encode = msgspec.json.encode


class CloudModel:
    """The records of one site. `now_ms` is the cloud's own clock; `chance` gives the ids and the delays."""

    def __init__(self, now_ms: Callable[[], int], chance: random.Random, page: int = PAGE) -> None:
        self.now_ms = now_ms
        self.chance = chance
        self.page, self.page_bytes = page, 10**9
        self.records: dict[str, dict[str, Any]] = {}
        self.texts: dict[str, bytes] = {}
        self.born: dict[str, int] = {}
        self.keys: list[str] = []
        self.pending: list[tuple[int, str, dict[str, Any]]] = []
        self.late: list[tuple[int, Callable[[], object]]] = []
        self.visible: set[str] = set()
        self.newest_stop = ""
        self.deleted: set[str] = set()
        self.ghosts = 0

    # ---- what users do

    def newjob(self, action: str = "expose", delay_ms: int | None = None, **changes: Any) -> str:
        """Ask for a job; it becomes visible after the calendar call."""
        now = self.now_ms()
        ulid = str(ULID.from_int((now << 80) | self.chance.getrandbits(80)))
        record = {
            "site": SITE,
            "ulid": ulid,
            "statusId": f"UNREAD#{ulid}",
            "replicaStatusId": f"UNREAD#{ulid}",
            "user_name": "Alice A.",
            "user_id": "auth0|alice",
            "user_roles": '["observer"]',
            "timestamp_ms": now,
            "deviceType": "camera",
            "deviceInstance": "camera1",
            "action": action,
            "required_params": {"time": "1", "image_type": "light"},
            "optional_params": {"bin": "1,1", "count": 1, "filter": "w"},
            **changes,
        }
        delay = self.chance.choice(VISIBLE_AFTER_MS) if delay_ms is None else delay_ms
        self.pending.append((now + delay, ulid, record))
        if action.lower() in ("stop", "cancel", "cancel_all_commands"):
            self.newest_stop = max(self.newest_stop, ulid)
        return ulid

    def settle(self) -> None:
        """Let happen what was due until now."""
        now = self.now_ms()
        if self.pending:
            due = sorted((entry for entry in self.pending if entry[0] <= now), key=lambda entry: entry[:2])
            for at_ms, ulid, record in due:
                if record["action"] == "cancel_all_commands":
                    self._delete_before(ulid)
                self.put(ulid, record, at_ms)
                self.visible.add(ulid)
            self.pending = [entry for entry in self.pending if entry[0] > now]
        if self.late:
            due_late = sorted((entry for entry in self.late if entry[0] <= now), key=lambda entry: entry[0])
            self.late = [entry for entry in self.late if entry[0] > now]
            for _, effect in due_late:
                effect()

    def _delete_before(self, ulid: str) -> None:
        # The original's query ends after a page as well, and spares the newest.
        doomed = self._page(0, bisect.bisect_left(self.keys, ulid))
        for key in doomed:
            if self.status_of(key) == "UNREAD":
                self.deleted.add(key)
            self.records.pop(key)
            self.texts.pop(key, None)
            self.born.pop(key, None)
        del self.keys[: len(doomed)]

    def _page(self, first: int, last: int | None = None) -> list[str]:
        """The ids from one place on, as far as a page goes."""
        return self._page_of(self.keys[first:last])

    def _page_of(self, keys: list[str]) -> list[str]:
        keys = keys[: self.page]
        if self.page_bytes >= 10**9:
            return keys
        sizes = itertools.accumulate(len(self.texts[key]) for key in keys)
        return [key for key, size in zip(keys, sizes, strict=True) if size <= self.page_bytes]

    def put(self, ulid: str, record: dict[str, Any], born_ms: int) -> None:
        """Store a record under its id."""
        if ulid not in self.records:
            bisect.insort(self.keys, ulid)
        self.records[ulid] = record
        self.born[ulid] = born_ms
        self.texts[ulid] = encode(record)

    def status_of(self, ulid: str) -> str:
        """The status word of a record."""
        return str(self.records[ulid].get("statusId", "")).rpartition("#")[0]

    # ---- the endpoints

    def call(self, name: str, body: dict[str, Any]) -> Answer:
        """The answer of an endpoint, without any fault of the way there."""
        handler = {
            "newjob": self.newjob_of,
            "getrecentjobs": self.getrecentjobs,
            "getnewjobs": self.getnewjobs,
            "updatejobstatus": self.update,
            "startjob": self.startjob,
        }
        if refusal := _refusal(name, body):
            return self.answer(refusal.encode(), 400)
        try:
            return self.answer(handler[name](body))
        except (KeyError, TypeError):
            return self.answer(b'{"message": "Internal server error"}', 502)

    def answer(self, body: bytes, status: int = 200, **headers: str) -> Answer:
        """With the Date header that the gateway sets."""
        return Answer(status, {"date": formatdate(self.now_ms() // 1000, usegmt=True), **headers}, body)

    def newjob_of(self, body: dict[str, Any]) -> bytes:
        """A user's own request."""
        parts = {"deviceType": body["device"], "deviceInstance": body["instance"]}
        parts |= {name: body[name] for name in ("site", "user_name", "user_id", "required_params", "optional_params")}
        _refuse_fractions(body)
        ulid = self.newjob(body["action"], 0, **msgspec.json.decode(encode(parts)))
        self.settle()
        return encode({**self.records[ulid], "table_response": {"ResponseMetadata": {"HTTPStatusCode": 200}}})

    def getrecentjobs(self, body: dict[str, Any]) -> bytes:
        range_ms = body.get("timeRange", 86_400_000)
        if not isinstance(range_ms, int | float):
            raise TypeError("a text is not divided")
        if body["site"] != SITE:
            return b"[]"
        page = self._page(bisect.bisect_left(self.keys, floor_ulid(self.now_ms() - int(range_ms))))
        stale = self.now_ms() - self.chance.choice(STALE_MS)
        return b"[" + b",".join([self.texts[key] for key in page if self.born[key] <= stale]) + b"]"

    def update(self, body: dict[str, Any]) -> bytes:
        # What it reads of the alternate queue it ignores.
        return self._set(body, "statusId", body["newStatus"])

    def startjob(self, body: dict[str, Any]) -> bytes:
        return self._set(body, "replicaStatusId" if body.get("alternateQueue") else "statusId", "STARTED")

    def _set(self, body: dict[str, Any], key: str, status: str) -> bytes:
        ulid, estimate = body["ulid"], body.get("secondsUntilComplete", -1)
        _refuse_fractions(estimate)
        record = self.records.get(ulid)
        if record is None:
            self.ghosts += 1
            record = {"site": body["site"], "ulid": ulid}
        record = {**record, key: f"{status}#{ulid}", "secondsUntilComplete": estimate}
        self.put(ulid, record, self.born.get(ulid, self.now_ms()))
        return encode({"ResponseMetadata": {"HTTPStatusCode": 200}})

    def getnewjobs(self, body: dict[str, Any], dies_after: int | None = None) -> bytes:
        word = "replicaStatusId" if body.get("alternateQueue") else "statusId"
        if body["site"] != SITE:
            return b"[]"
        found = self._page_of([key for key in self.keys if str(self.records[key].get(word)).startswith("UNREAD#")])
        documents = [self.texts[key] for key in found]
        for count, key in enumerate(found):
            if count == dies_after:
                raise TypeError("throttled")
            self.put(key, {**self.records[key], word: f"RECEIVED#{key}"}, self.born[key])
        return b"[" + b",".join(documents) + b"]"


def _refusal(name: str, body: dict[str, Any]) -> str:
    """The original's words where it looks at all; elsewhere a missing key ends in 502."""
    if name == "newjob" and (missing := [key for key in NEWJOB_KEYS if key not in body]):
        return f"Error: missing required key {missing[0]}"
    if name in ("updatejobstatus", "startjob") and not {"site", "ulid"} <= body.keys():
        return "Requires 'site' and 'jobId' in the body payload."
    return ""


def _refuse_fractions(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("boto3 refuses fractions")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_fractions(inner)
