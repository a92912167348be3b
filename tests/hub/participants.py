"""The participants of a run in fast motion: sites at work, users, a person who looks, a cursor; what they were told."""

import heapq
import json
import random
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import msgspec

from tests.bench.load import build_request
from tests.hub.fast_time import Answer, FastTime, Steps
from tests.program import JOB

# Simulated seconds. The overlap is that of the link.
POLL_S, OVERLAP_S, WORK_S, FOLLOW_S = 5.0, 600.0, (10.0, 120.0), 1.0
# Each twelfth time also the requests that give all sites.
WATCH_S, ALL_EVERY = 5.0, 12
# At first the polling sites are alone, then the linked ones too: the cost of empty requests is measured.
QUIET_S = (60.0, 120.0)
USERS = 20
# The share of the jobs after which the user stops the site, before the next poll or soon after.
STOPS = 0.05
STOP = {"device": "all", "instance": "all", "action": "cancel_all_commands"}
Ask = Generator[bytes | float, Answer | None, bytes]


class Recent(msgspec.Struct):
    """What a site reads of a job."""

    ulid: str
    statusId: str
    action: str


class Numbered(msgspec.Struct):
    """A change, by its number alone."""

    seq: int


class Changes(msgspec.Struct):
    """An answer to the cursor."""

    seq: int
    changes: list[Numbered]
    more: bool


class Alarm(msgspec.Struct):
    """An alarm, by its key alone."""

    key: str


class Now(msgspec.Struct):
    """The state, by its alarms alone."""

    alarms: list[Alarm]


_RECENT = msgspec.json.Decoder(list[Recent])
_CHANGES = msgspec.json.Decoder(Changes)
_NOW = msgspec.json.Decoder(Now)


@dataclass(frozen=True)
class Plan:
    """The size of a run: `jobs` an hour for each site, and the share of the sites that is `relayed` by a standby."""

    sites: int = 1000
    hours: float = 8.0
    jobs: float = 6.0
    kills: int = 0
    relayed: float = 0.0
    seed: int = 1

    @property
    def end_s(self) -> float:
        """The simulated time after which users send nothing."""
        return QUIET_S[1] + self.hours * 3600


@dataclass
class Account:
    """What the participants were told, and what was wrong with it."""

    # Job -> site; site -> the stops, each with the moment of its answer.
    answered: dict[str, str] = field(default_factory=dict)
    stops: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    received: Counter[str] = field(default_factory=Counter)
    complete: set[str] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)
    alarms: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    took_s: dict[str, "array[float]"] = field(default_factory=lambda: defaultdict(lambda: array("f")))
    out_of_order: int = 0
    after_stop: int = 0
    users: int = USERS
    sites: int = 0

    def ask(self, kind: str, request: bytes) -> Ask:
        """Send a request and return the body of the answer; a refusal is counted."""
        answer = yield request
        assert answer is not None
        return self.note(kind, answer)

    def note(self, kind: str, answer: Answer) -> bytes:
        """Count an answer and return the body."""
        self.requests[kind] += 1
        self.took_s[kind].append(answer.took_s)
        if answer.status != 200:
            self.refused[f"{kind} {answer.status} {answer.body[:80].decode()}"] += 1
            return b""
        return answer.body


class Site:
    """A site at work: what it received, and what it has still to report."""

    def __init__(self, account: Account, time: FastTime, name: str, token: str, chance: random.Random) -> None:
        self.account, self.time, self.name = account, time, name
        self._token, self._chance = token, chance
        self._newest, self._has_asked_last = "", False
        self._working: list[tuple[float, str]] = []

    def polling(self, end_s: float) -> Steps:
        """Poll with a `poll_id`, take the jobs and report on them."""
        request, number = self._request("getnewjobs", {"site": self.name, "poll_id": "00000000"}), 0
        while not self._is_over:
            self._look_at_end(end_s)
            number += 1
            answer = yield request.replace(b"00000000", b"%08d" % number)
            assert answer is not None
            body = self.account.note("getnewjobs", answer)
            if body != b"[]":
                yield from self._work_on(_RECENT.decode(body or b"[]"), answer.sent)
            yield from self._complete()
            yield self.time.now_s + POLL_S
        self.account.sites -= 1

    def linked(self, end_s: float) -> Steps:
        """Read the recent jobs, take those that wait and report on them: RECEIVED first."""
        request = self._request("getrecentjobs", {"site": self.name, "timeRange": 10_000_000})
        while not self._is_over:
            self._look_at_end(end_s)
            real_s = self.time.real_s_since(self.time.now_s - OVERLAP_S) + POLL_S
            answer = yield request.replace(b"10000000", b"%8d" % (real_s * 1000))
            assert answer is not None
            body = self.account.note("getrecentjobs", answer)
            if body != b"[]":
                waiting = [job for job in _RECENT.decode(body or b"[]") if job.statusId.startswith("UNREAD")]
                for job in waiting:
                    yield from self._report(job.ulid, "RECEIVED")
                yield from self._work_on(waiting, answer.sent)
            yield from self._complete()
            yield self.time.now_s + POLL_S
        self.account.sites -= 1

    @property
    def _is_over(self) -> bool:
        return self._has_asked_last and not self._working

    def _look_at_end(self, end_s: float) -> None:
        """Note whether nobody sends any more: the next request is the last one that may bring jobs."""
        self._has_asked_last = self.time.now_s >= end_s and not self.account.users

    def _work_on(self, jobs: list[Recent], sent: int) -> Ask:
        account = self.account
        for job in jobs:
            account.received[job.ulid] += 1
            account.out_of_order += job.ulid <= self._newest
            # A stop that was answered before the request was sent.
            account.after_stop += any(stop > job.ulid and told < sent for told, stop in account.stops[self.name])
            self._newest = max(self._newest, job.ulid)
            yield from self._report(job.ulid, "STARTED")
            heapq.heappush(self._working, (self.time.now_s + self._chance.uniform(*WORK_S), job.ulid))
        return b""

    def _complete(self) -> Ask:
        while self._working and self._working[0][0] <= self.time.now_s:
            _, ulid = heapq.heappop(self._working)
            yield from self._report(ulid, "COMPLETE")
            self.account.complete.add(ulid)
        return b""

    def _report(self, ulid: str, status: str) -> Ask:
        body = {"site": self.name, "ulid": ulid, "newStatus": status, "secondsUntilComplete": WORK_S[1]}
        return (yield from self.account.ask("updatejobstatus", self._request("updatejobstatus", body)))

    def _request(self, name: str, body: dict[str, object]) -> bytes:
        return build_request(f"/{name}", json.dumps(body).encode(), self._token)


class Users:
    """Everybody besides the sites."""

    def __init__(self, account: Account, time: FastTime, plan: Plan) -> None:
        self.account, self.time, self.plan = account, time, plan

    def sending(self, token: str, sites: list[str], number: int) -> Steps:
        """Send jobs to any site; stop a site now and then, while the job may still wait there."""
        chance, account, sent = random.Random(f"{self.plan.seed} user {number}"), self.account, 0
        pause_s = USERS * 3600 / (self.plan.jobs * len(sites))
        at_s = QUIET_S[1]
        while (at_s := at_s + chance.expovariate(1 / pause_s)) < self.plan.end_s:
            yield max(at_s, self.time.now_s)
            site, stop_after_s, sent = chance.choice(sites), chance.uniform(0, POLL_S), sent + 2
            yield from self._send(token, {**JOB, "site": site}, f"{number}-{sent}")
            if chance.random() < STOPS:
                yield self.time.now_s + stop_after_s
                ulid = yield from self._send(token, {**JOB, "site": site, **STOP}, f"{number}-{sent + 1}")
                account.stops[site].append((self.time.moment, ulid))
        account.users -= 1

    def _send(self, token: str, job: dict[str, object], key: str) -> Generator[bytes | float, Answer | None, str]:
        """Send a job and return its id; an empty text after a refusal."""
        request = build_request("/newjob", json.dumps(job).encode(), token)
        head = f"\r\nIdempotency-Key: {self.plan.seed}-{key}\r\n\r\n".encode()
        body = yield from self.account.ask("newjob", request.replace(b"\r\n\r\n", head, 1))
        ulid: str = json.loads(body)["ulid"] if body else ""
        if ulid:
            self.account.answered[ulid] = str(job["site"])
        return ulid

    def watching(self, token: str) -> Steps:
        """Look at the table of sites and at the state as the page does with many sites; and at the metrics."""
        now = build_request("/api/now?sites=few", b"", token, "GET")
        everything = build_request("/api/now", b"", token, "GET")
        metrics = build_request("/metrics", b"", token, "GET")
        mark, looks = "", 0
        while self.account.users:
            looks += 1
            yield from self.account.ask("/api/now?sites=few", now)
            table = build_request(f"/api/sites?since={mark}", b"", token, "GET")
            body = yield from self.account.ask("/api/sites", table)
            mark = json.loads(body)["mark"] if body else ""
            if looks % ALL_EVERY == 0:
                body = yield from self.account.ask("/api/now", everything)
                if body:
                    self.account.alarms.update(alarm.key for alarm in _NOW.decode(body).alarms)
                yield from self.account.ask("/metrics", metrics)
            yield self.time.now_s + WATCH_S

    def following(self, token: str, is_over: Callable[[], bool]) -> Steps:
        """Follow the changes with a cursor, to the end."""
        since = 0
        while True:
            was_over = is_over()
            request = build_request(f"/api/changes?since={since}", b"", token, "GET")
            body = yield from self.account.ask("/api/changes", request)
            if body:
                found = _CHANGES.decode(body)
                self.account.seen.update(change.seq for change in found.changes)
                since = found.seq
                if found.more:
                    continue
            if was_over:
                return
            yield self.time.now_s + FOLLOW_S
