"""What users and a site's program do, called without HTTP; every part has a default."""

from typing import Any

from prjobs.access import tokens
from prjobs.access.audit import Actor
from prjobs.access.tokens import NewToken
from prjobs.appliance import Appliance
from prjobs.jobs import handouts, reports
from prjobs.jobs.requests import PollRequest, StatusUpdate
from prjobs.store.models import JobRow

USER = Actor("auth0|alice", "tests")


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


def take(appliance: Appliance, peer: str = "127.0.0.1:5000", **parts: Any) -> list[JobRow]:
    """Poll once; return the jobs that were handed out."""
    asked = poll(**parts)
    gap_ms = handouts.begin_poll(appliance.queue, asked, peer)
    return handouts.take_jobs(appliance.queue, asked, peer, gap_ms)


def report(appliance: Appliance, job: JobRow, status: str, estimate_s: float = -1, alternate: bool = False) -> None:
    """Report a status of a job."""
    reports.update_status(appliance.queue, StatusUpdate(job.site, job.ulid, status, estimate_s, alternate), "tests")


def make_token(appliance: Appliance, user_id: str, *roles: str, sites: tuple[str, ...] = (), days: float = 1) -> str:
    """Make a token of the appliance's own."""
    new = NewToken(user_id, "", list(roles), list(sites), days)
    return tokens.create_token(appliance.desk, new, Actor("tests", "tests"))[0]
