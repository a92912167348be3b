"""Silence and missing reports over real HTTP: what is said of a program that does not ask, or does not report."""

import requests

from prjobs.monitor.watching import Watch
from tests.clocks import ManualClock
from tests.verbs import make_token


class Site:
    """An observatory's program and a user's, at a server on a clock that the test sets."""

    def __init__(self, server, clock, site="saf"):
        self.server, self.clock, self.site = server, clock, site
        self.user = {"Authorization": f"Bearer {make_token(server.appliance, 'ann', 'admin')}"}

    def post(self, name, body, **headers):
        return requests.post(f"{self.server.url}/jobs/{name}", json={"site": self.site, **body}, headers=headers)

    def send(self, device="mount", action="go"):
        who = {"user_id": "ann", "user_name": "Ann"}
        command = {"device": device, "instance": "x", "action": action, "required_params": {}, "optional_params": {}}
        answer = self.post("newjob", {**command, **who}, **self.user)
        assert answer.status_code == 200
        return answer

    def poll(self, times=1, gap_s=12.0):
        for time in range(times):
            self.clock.advance(gap_s if time else 0)
            found = self.post("getnewjobs", {}).json()
        return found

    def report(self, ulid, status):
        assert self.post("updatejobstatus", {"ulid": ulid, "newStatus": status}).status_code == 200

    def now(self):
        Watch(self.server.appliance.board).once()
        return requests.get(f"{self.server.url}/api/now", headers=self.user).json()

    def alarms(self):
        return {one["key"]: one for one in self.now()["alarms"]}


def test_it_works(make_server):
    """The focuser alone reports: nobody expects a report of the camera."""
    clock = ManualClock()
    saf = Site(make_server(clock), clock)
    expose, first, second = (saf.send(device).json()["ulid"] for device in ("camera", "focuser", "focuser"))
    saf.poll()
    saf.report(first, "COMPLETE")
    saf.poll(times=30)
    assert list(saf.alarms()) == [f"stuck/{second}"]
    saf.report(expose, "STARTED")
    third = saf.send("camera").json()["ulid"]
    saf.poll(times=30)
    assert f"stuck/{third}" in saf.alarms()
    assert saf.now()["sites"][0]["reporting"] == ["camera", "focuser"]
