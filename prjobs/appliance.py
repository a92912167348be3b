"""What the verbs work with: the store, the clock, the ids, the settings, and what is only known in memory."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prjobs.access.desk import Reserved
from prjobs.access.provider import Provider
from prjobs.base.clock import Clock
from prjobs.base.deadlines import Deadlines
from prjobs.base.failpoints import Failpoints
from prjobs.base.limits import Rate
from prjobs.base.quota import Quota
from prjobs.base.settings import Settings
from prjobs.base.ulids import Ulids
from prjobs.cloud.contact import Contact
from prjobs.jobs.bell import Bell
from prjobs.jobs.connections import OpenHandouts
from prjobs.jobs.polls import Presence
from prjobs.monitor.board import OpenAlarms
from prjobs.monitor.glance import Glance
from prjobs.store.database import Database


@dataclass(frozen=True)
class Appliance:
    """One open data folder with everything that verbs need. Made once, by the process that owns the folder."""

    folder: Path
    settings: Settings
    clock: Clock
    database: Database
    ulids: Ulids
    secret: bytes
    bell: Bell
    presence: Presence
    glance: Glance
    expiries: Deadlines
    leases: Deadlines
    handouts: OpenHandouts
    provider: Provider
    wrong_tokens: Rate
    new_jobs: Rate
    refusals: Quota
    token_uses: Quota
    store: str
    demo: bool = False
    alarms: OpenAlarms = field(default_factory=OpenAlarms)
    contact: Contact = field(default_factory=Contact)
    reserved: Reserved = field(default_factory=Reserved)
    failpoints: Failpoints = field(default_factory=Failpoints)
    stopping: threading.Event = field(default_factory=threading.Event)
    problems: dict[str, str] = field(default_factory=dict)
    verified: dict[str, dict[str, Any]] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)
    # Site -> the elapsed time at which this process withdrew everything of it last.
    stopped: dict[str, float] = field(default_factory=dict)
