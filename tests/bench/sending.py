"""The requests that the measures send."""

import json
from typing import Any

from prjobs.jobs.requests import Command
from tests.bench.load import ask_once, build_request
from tests.bench.processes import Appliance

JOB = {
    "site": "saf",
    "device": "camera",
    "instance": "camera1",
    "action": "expose",
    "user_name": "A. Bench",
    "user_id": "auth0|bench",
    "required_params": {"time": "1", "image_type": "light"},
    "optional_params": {"bin": "1,1", "count": 1, "filter": "rp", "hint": "no hint"},
}


def command(site: str = "saf") -> Command:
    """The same command without HTTP."""
    params = [json.dumps(JOB[name]) for name in ("required_params", "optional_params")]
    sender = ("auth0|bench", "A. Bench", "[]")
    return Command(site, "camera", "camera1", "expose", *sender, *params, {})


def new_job(token: str, site: str = "saf") -> bytes:
    """A command for the site."""
    return build_request("/newjob", json.dumps({**JOB, "site": site}).encode(), token)


def poll(site: str = "saf", **more: Any) -> bytes:
    """A poll of the site."""
    return build_request("/getnewjobs", json.dumps({"site": site, **more}).encode())


def report(ulid: str, status: str, site: str = "saf") -> bytes:
    """A report on a job."""
    body = {"site": site, "ulid": ulid, "newStatus": status, "secondsUntilComplete": 10}
    return build_request("/updatejobstatus", json.dumps(body).encode())


def recent(site: str = "saf") -> bytes:
    """The jobs of the last day."""
    return build_request("/getrecentjobs", json.dumps({"site": site}).encode())


def send_jobs(ours: Appliance, count: int) -> list[str]:
    """Queue so many commands; their ids."""
    request = new_job(ours.token())
    return [json.loads(ask_once(ours.port, request)[1])["ulid"] for _ in range(count)]
