"""Requests to the cloud for new jobs, in the users' names."""

from prjobs.access import tokens
from prjobs.cloud import wire
from prjobs.cloud.context import Context
from prjobs.cloud.memory import Unregistered
from prjobs.cloud.network import Answer, Network, require_job_taken
from prjobs.jobs.requests import Command
from prjobs.store.models import JobRow

LATE_S = 600.0
MOST_UNREGISTERED = 1000


def send(network: Network, command: Command | JobRow, marker: str, token: str) -> Answer:
    """Ask the cloud for the job and return the answer. Failure, with the cloud's own words after a refusal."""
    answer = network.call("newjob", wire.newjob_body(command, marker), token)
    require_job_taken(answer)
    return answer


def register_later(context: Context, command: Command, row: JobRow, token: str) -> None:
    """Remember a job of the site and the user's token, to register the job once the cloud answers."""
    waiting = context.memory.unregistered
    if context.queue.settings.cloud_late_register == "on" and len(waiting) < MOST_UNREGISTERED:
        until_s = context.queue.clock.elapsed_s() + min(LATE_S, valid_s(token, context.queue.clock.now_ms()))
        waiting.setdefault(row.ulid, Unregistered(command, until_s, token))


def valid_s(token: str, now_ms: int) -> float:
    """Return the rest of the token's validity by its own claim; the token was verified before."""
    try:
        return tokens.left_s(token, now_ms)
    except (ValueError, KeyError):
        return LATE_S
