"""The services that the state of every package shares: settings, clock, database, notices."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from prjobs.base.clock import Clock
from prjobs.base.failpoints import Failpoints
from prjobs.base.notices import Notices
from prjobs.base.settings import Settings
from prjobs.store.source import Store


@dataclass(frozen=True, kw_only=True)
class Common:
    """An open data folder. `identity` names the store; `stopping` is set when the process is to end."""

    folder: Path
    settings: Settings
    clock: Clock
    database: Store
    identity: str
    demo: bool = False
    notices: Notices = field(default_factory=Notices)
    failpoints: Failpoints = field(default_factory=Failpoints)
    stopping: threading.Event = field(default_factory=threading.Event)
