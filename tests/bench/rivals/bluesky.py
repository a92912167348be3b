"""Bluesky's queue server with its HTTP server, on Redis that syncs each command."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.bench import sending
from tests.bench.load import ask_once
from tests.bench.rivals.programs import find_program, free_port, rivals_python
from tests.bench.rivals.rival import Refused, Rival, post

KEY = "benchkey"
STARTUP = {
    "plans.py": "def expose(time, image_type, bin, count, filter, hint):\n    yield from ()\n",
    "user_group_permissions.yaml": "user_groups: {root: {allowed_plans: [null]}, primary: {allowed_plans: [null]}}\n",
}


class Bluesky(Rival):
    """Its plans run in its own process and it has no take or report for a program outside.

    The nearest: a job is an item at the front of the queue, taking moves the first item to the back in one call, and
    a report updates the item's metadata. New items are at the front, so what was taken is never the first.
    """

    name = "Bluesky queue server + HTTP server + Redis"
    calls = "queue/item/add; queue/item/move front to back; queue/item/update of its meta twice"
    packages = ("bluesky-queueserver", "bluesky-httpserver", "uvicorn", "pandas")
    debian = {"redis-server": "redis-server"}
    keeps = ("STARTED", "COMPLETE")

    def start(self, folder: Path) -> None:
        """Start Redis, the manager and the HTTP server."""
        redis = free_port()
        program = find_program("redis-server")
        assert program is not None
        command = [program, "--bind", "127.0.0.1", "--port", str(redis), "--dir", str(folder), "--save", ""]
        self.programs.start([*command, "--appendonly", "yes", "--appendfsync", "always"], redis)
        control, info = free_port(), free_port()
        self.programs.start(self._manager(_startup(folder), redis, control, info), control)
        self.port = free_port()
        self.programs.start(self._http(), self.port, env=_http_settings(control, info))

    def _manager(self, startup: Path, redis: int, control: int, info: int) -> list[str]:
        addresses = {"redis-addr": f"127.0.0.1:{redis}", "zmq-control-addr": _tcp(control), "zmq-info-addr": _tcp(info)}
        flags = [word for name, address in addresses.items() for word in (f"--{name}", address)]
        quiet = ["--zmq-publish-console", "OFF", "--console-output", "OFF", "--silent"]
        return [str(rivals_python().with_name("start-re-manager")), "--startup-dir", str(startup), *flags, *quiet]

    def _http(self) -> list[str]:
        server = ["uvicorn", "--host", "127.0.0.1", "--port", str(self.port), "--log-level", "warning"]
        return [str(rivals_python()), "-m", *server, "--no-access-log", "bluesky_httpserver.server:app"]

    def submit(self, site: str) -> bytes:
        """Return queue/item/add to the front."""
        params = sending.JOB["required_params"] | sending.JOB["optional_params"]
        meta = {name: value for name, value in sending.JOB.items() if not name.endswith("_params")}
        item = {"item_type": "plan", "name": "expose", "kwargs": params, "meta": {**meta, "site": site}}
        return _ask("add", {"pos": "front", "item": item})

    def take(self, site: str) -> bytes:
        """Return queue/item/move from the front to the back."""
        return _ask("move", {"pos": "front", "pos_dest": "back"})

    def taken(self, answer: Any) -> dict[str, Any]:
        """Return the moved item."""
        if not answer["success"]:
            raise Refused(self, answer["msg"])
        return {answer["item"]["item_uid"]: answer["item"]}

    def report(self, job: Any, status: str) -> bytes:
        """Return queue/item/update with one more status."""
        meta = job["meta"]
        meta["reports"] = [*meta.get("reports", []), status]
        return _ask("update", {"item": job})

    def stored(self) -> dict[str, list[str]]:
        """Return the reports in the items of its queue."""
        request = post("/api/queue/get", {}, f"Authorization: ApiKey {KEY}").replace(b"POST", b"GET", 1)
        items = json.loads(ask_once(self.port, request)[1])["items"]
        return {item["item_uid"]: item["meta"].get("reports", ["UNREAD"]) for item in items}


def _ask(verb: str, document: dict[str, Any]) -> bytes:
    return post(f"/api/queue/item/{verb}", document, f"Authorization: ApiKey {KEY}")


def _tcp(port: int) -> str:
    return f"tcp://127.0.0.1:{port}"


def _startup(folder: Path) -> Path:
    """Write the plan that jobs are, and its list as the queue server wants it."""
    startup = folder / "startup"
    startup.mkdir(exist_ok=True)
    for name, text in STARTUP.items():
        (startup / name).write_text(text)
    command = [str(rivals_python().with_name("qserver-list-plans-devices")), "--startup-dir", "."]
    subprocess.run(command, check=True, capture_output=True, cwd=startup)
    return startup


def _http_settings(control: int, info: int) -> dict[str, str]:
    addresses = {"QSERVER_ZMQ_CONTROL_ADDRESS": _tcp(control), "QSERVER_ZMQ_INFO_ADDRESS": _tcp(info)}
    return {**os.environ, **addresses, "QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY": KEY}
