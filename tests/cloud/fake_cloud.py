"""The original service as a program of its own, with all its traps: `python -m tests.cloud.fake_cloud PORT`.

Beside the five endpoints: POST /control/newjob?count=5&action=expose&delay_ms=0, POST /control/plan?fault=502,portal,…
(what the next requests get), GET /control/state (every record).
"""

import random
import sys
import threading
import time

import msgspec
from bottle import Bottle, HTTPResponse, request

from tests.cloud.cloud_model import SITE, CloudModel
from tests.serving import Serving

STATUS_FAULTS = {"500", "502", "503", "504", "429", "400", "401", "403", "404"}


class FakeCloud:
    """A cloud that is served over HTTP by a thread of this process."""

    def __init__(self, seed: int = 0, page: int = 120, port: int = 0) -> None:
        self.chance = random.Random(seed)
        self.model = CloudModel(lambda: time.time_ns() // 1_000_000, self.chance, page)
        self.lock = threading.Lock()
        self.plan: list[str] = []
        self.calls: dict[str, int] = {}
        self.tokens: list[str | None] = []
        self.serving = Serving(self.app(), port=port, clear_untrusted_proxy_headers=True)
        self.url = self.serving.url

    def stop(self) -> None:
        """Stop serving."""
        self.serving.close()

    def app(self) -> Bottle:
        """The program's routes."""
        app = Bottle()
        app.route("/<name>", "POST", self.endpoint)
        app.route("/control/newjob", "POST", self.control_newjob)
        app.route("/control/plan", "POST", self.control_plan)
        app.route("/control/state", "GET", lambda: msgspec.json.encode(self.model.records).decode())
        return app

    def endpoint(self, name: str) -> HTTPResponse:
        """One of the five endpoints, or what the plan has for this request."""
        body = msgspec.json.decode(request.body.read())
        with self.lock:
            self.model.settle()
            self.calls[name] = self.calls.get(name, 0) + 1
            self.tokens.append(request.get_header("Authorization"))
            fault = self.plan.pop(0) if self.plan else request.query.get("fault", "")
            if fault in STATUS_FAULTS:
                return HTTPResponse(b'{"message": "Internal server error"}', int(fault), {"Content-Type": "text/plain"})
            if fault == "portal":
                return HTTPResponse(b"<html>Welcome to the hotel</html>", 200)
            if fault == "redirect":
                return HTTPResponse(b"", 302, {"Location": "http://127.0.0.1:1/"})
            answer = self.model.call(name, body)
        text = answer.body[: len(answer.body) // 2] if fault == "cut" else answer.body
        if fault == "lost":
            return HTTPResponse(b"", 504)
        return HTTPResponse(text, answer.status, {"Content-Type": "application/json", "Date": answer.headers["date"]})

    def control_newjob(self) -> str:
        """Users ask for jobs."""
        query = request.query
        delay = query.get("delay_ms")
        return msgspec.json.encode(
            self.add(int(query.get("count", 1)), query.get("action", "expose"), int(delay) if delay else None)
        ).decode()

    def control_plan(self) -> str:
        """What the next requests get."""
        self.plan += request.query.get("fault", "").split(",")
        return "[]"

    def add(self, count: int = 1, action: str = "expose", delay_ms: int | None = 0) -> list[str]:
        """Users ask for jobs; their ids."""
        with self.lock:
            return [self.model.newjob(action, delay_ms) for _ in range(count)]

    def statuses(self) -> dict[str, str]:
        """The status of every record that is a job."""
        with self.lock:
            self.model.settle()
            return {ulid: self.model.status_of(ulid) for ulid, one in self.model.records.items() if "action" in one}


if __name__ == "__main__":
    cloud = FakeCloud(port=int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(f"a fake cloud for the site {SITE} at {cloud.url}", flush=True)
    threading.Event().wait()
