"""The state of the link to the cloud: the queue of jobs and the link's memory."""

from dataclasses import dataclass, field

from prjobs.cloud.memory import Memory
from prjobs.jobs.queue import Queue


@dataclass(frozen=True)
class Context:
    """The state for the verbs of the package."""

    queue: Queue
    memory: Memory = field(default_factory=Memory)

    @property
    def is_primary(self) -> bool:
        """True if the appliance hands the cloud's jobs out and sends their statuses."""
        return self.queue.settings.cloud_mode == "primary"

    @property
    def linked_sites(self) -> tuple[str, ...]:
        """The sites kept in step with the cloud, without repeats; none while the link is off."""
        settings = self.queue.settings
        return () if settings.cloud_mode == "off" else tuple(dict.fromkeys(settings.cloud_sites))

    @property
    def primary_sites(self) -> frozenset[str]:
        """The sites with jobs of the cloud to hand out here."""
        return frozenset(self.linked_sites if self.is_primary else ())
