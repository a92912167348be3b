"""The state of the link to the cloud: the queue that it serves, and what is known of the cloud."""

from dataclasses import dataclass, field

from prjobs.cloud.contact import Contact
from prjobs.jobs.queue import Queue


@dataclass(frozen=True)
class Context:
    """What the verbs of this package work with."""

    queue: Queue
    contact: Contact = field(default_factory=Contact)
