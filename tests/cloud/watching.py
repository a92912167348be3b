"""The invariants that only the wire shows, watched on every request of a modelled link; and those of the store."""

from collections.abc import Mapping
from typing import Any

import msgspec

from prjobs.cloud import invariants
from prjobs.cloud.network import Answer
from prjobs.cloud.sweep import DATE_STEP_MS
from tests.cloud.model import SITE, World


class Watch:
    """Stands between the link and its network; `broken` lists what went wrong, one line each."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._network = world.network
        self.broken: list[str] = []
        self._covered: list[tuple[int, int]] = []
        world.network = self

    @property
    def calls(self) -> int:
        return self._network.calls

    def call(self, name: str, body: Mapping[str, object], token: str | None = None) -> Answer:
        if name == "updatejobstatus":
            self._watch_push(dict(body))
        elif name == "newjob" and "prjobs_ulid" not in body["optional_params"]:
            self.broken.append("a job was sent without its marker")
        elif name == "getnewjobs" and not body.get("alternateQueue"):
            self.broken.append(f"the link called {name}")
        answer = self._network.call(name, body, token)
        if name == "getrecentjobs" and answer.status == 200:
            self._cover(int(body["timeRange"]), answer)
        return answer

    def _watch_push(self, body: dict[str, Any]) -> None:
        ulid, world = body["ulid"], self._world
        if body["newStatus"] in ("UNREAD", "HELD"):
            self.broken.append(f"I7 {ulid} was pushed as {body['newStatus']}")
        if any(getattr(effect, "ulid", None) == ulid for _, effect in world.cloud.late):
            self.broken.append(f"I6 {ulid} was pushed while another request of it could take effect")
        state = world.appliance.queue.database.fetch("SELECT state FROM cloud_job WHERE ulid = ?", (ulid,))
        if not state or state[0][0] == "GONE":
            self.broken.append(f"I8 {ulid} was pushed though {state}")

    def _cover(self, range_ms: int, answer: Answer) -> None:
        """Remember from when to when this answer is complete, by what the cloud really did."""
        try:
            documents = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            return
        now_ms = self._world.clock.true_ms
        cut = len(documents) >= self._world.cloud.page - 20
        newest = max((one["timestamp_ms"] for one in documents if "timestamp_ms" in one), default=now_ms)
        self._covered.append((now_ms - range_ms, newest if cut else now_ms))

    def check(self) -> None:
        """AssertionError with everything that is broken now."""
        world = self._world
        if world.appliance is not None:
            broken = invariants.broken(world.appliance.queue.database)
            self.broken += [f"{name}: {ulids[:3]}" for name, ulids in broken.items()]
            low_ms = world.appliance.queue.database.fetch("SELECT low_ms FROM cloud_site WHERE site = ?", (SITE,))
            if low_ms and not self._is_covered(low_ms[0][0]):
                self.broken.append(f"I2 the mark {low_ms[0][0]} is past what was read")
            if world.settings.cloud_mode == "primary":
                self.broken += [f"{ulid} is held, and nobody looks for it" for ulid in self._forgotten()]
        assert not self.broken, self.broken[:5]

    def _forgotten(self) -> list[str]:
        """Jobs that are held while no cancel_all is being judged."""
        assert self._world.appliance is not None
        sql = (
            "SELECT j.ulid FROM job j JOIN cloud_site s ON s.site = j.site WHERE s.cancel_ulid IS NULL "
            "AND j.origin = 'cloud' AND 'HELD' IN (j.status, j.alternate_status)"
        )
        return [ulid for (ulid,) in self._world.appliance.queue.database.fetch(sql)]

    def _is_covered(self, low_ms: int) -> bool:
        """Whether the answers, joined, reach from the first want to the mark without a gap."""
        if not self._covered:
            return True
        begin, reached = min(self._covered)
        for start, end in sorted(self._covered):
            if start <= reached + DATE_STEP_MS:
                reached = max(reached, end)
        joined = [(begin, reached)]
        self._covered = self._covered[-200:] if reached < low_ms else joined
        return low_ms <= reached + DATE_STEP_MS or low_ms < begin

    def check_accounted(self) -> None:
        """I9: what the cloud still shows as UNREAD long after it became visible waits here, or has a reason."""
        world = self._world
        status = dict(world.appliance.queue.database.fetch("SELECT ulid, status FROM job"))
        open_ulids = [ulid for ulid in world.cloud.records if world.cloud.status_of(ulid) == "UNREAD"]
        unaccounted = [ulid for ulid in open_ulids if ulid not in status]
        assert not unaccounted, f"I9 {unaccounted[:3]}"
