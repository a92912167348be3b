"""What users and a site's program do, called without HTTP; every part has a default."""

import json
from collections.abc import Sequence
from typing import Any

from prjobs.access import tokens
from prjobs.access.audit import NEWJOB, Act, Actor
from prjobs.access.tokens import NewToken
from prjobs.appliance import Appliance
from prjobs.jobs import handouts, locking, reports, submission
from prjobs.jobs.locking import Asked, Locked
from prjobs.jobs.requests import Command, PollRequest, StatusUpdate
from prjobs.store.models import JobRow

USER = Actor("auth0|alice", "tests")
ANN = Actor("auth0|ann", "tests", is_staff=True)


def poll(
    site: str = "saf",
    alternate: bool = False,
    poll_id: str | None = None,
    lease_s: float | None = None,
    device: str | None = None,
    instance: str | None = None,
    wait_s: float = 0.0,
) -> PollRequest:
    """Return what a site's program asks with."""
    return PollRequest(site, alternate, wait_s, poll_id, lease_s, device, instance)


def submit(appliance: Appliance, site: str = "saf", device: str = "mount", action: str = "go", **parts: str) -> JobRow:
    """Queue a command."""
    values = {
        "instance": f"{device}1",
        "user_id": "auth0|alice",
        "user_name": "Alice A.",
        "user_roles": "[]",
        "required_params": "{}",
        "optional_params": "{}",
        **parts,
    }
    command = Command(site=site, device=device, action=action, values={}, **values)
    return submission.submit_job(appliance.queue, command, USER)


def take(appliance: Appliance, peer: str = "127.0.0.1:5000", **parts: Any) -> list[JobRow]:
    """Poll once; return the jobs that were handed out."""
    asked = poll(**parts)
    noted = handouts.begin_poll(appliance.queue, asked, peer)
    rows = handouts.take_jobs(appliance.queue, asked, peer, noted)
    return rows if handouts.may_leave(appliance.queue, asked, noted) else []


def report(appliance: Appliance, job: JobRow, status: str, estimate_s: float = -1, alternate: bool = False) -> None:
    """Report a status of a job."""
    reports.update_status(appliance.queue, StatusUpdate(job.site, job.ulid, status, estimate_s, alternate), "tests")


def make_token(appliance: Appliance, user_id: str, *roles: str, sites: tuple[str, ...] = (), days: float = 1) -> str:
    """Make a token of the appliance's own."""
    new = NewToken(user_id, "", list(roles), list(sites), days)
    return tokens.create_token(appliance.desk, new, Actor("tests", "tests"))[0]


def lock(
    appliance: Appliance,
    site: str = "saf",
    user_id: str = "auth0|ann",
    reason: str = "mirror cleaning",
    seconds: int | None = None,
    stops: Sequence[Command] = (),
) -> Locked:
    """Lock a site out."""
    until_ms = None if seconds is None else appliance.queue.clock.now_ms() + seconds * 1000
    name = user_id.partition("|")[2]
    asked = Asked(site=site, user_id=user_id, user_name=name, reason=reason, until_ms=until_ms, stops=stops)
    return locking.lock(appliance.queue, asked, ANN)


def fill(appliance: Appliance, count: int) -> None:
    """Insert `count` jobs of 60 kB at saf: more than waits in a connection's buffers."""
    params = json.dumps({"a": "x" * 60_000})
    command = Command("saf", "camera", "camera1", "expose", "u", "U", "[]", params, "{}", {})
    queue, act = appliance.queue, Act(Actor("u", "t"), NEWJOB)
    queue.database.write(
        lambda transaction: [submission.insert_job(transaction, queue, command, act) for _ in range(count)]
    )
