"""An open data folder: the states of the packages, put together."""

from dataclasses import dataclass

from prjobs.access.desk import Desk
from prjobs.cloud.context import Context
from prjobs.jobs.queue import Queue
from prjobs.monitor.board import Board


@dataclass(frozen=True)
class Appliance:
    """The states for the verbs of each package. Made once, by the process that owns the folder."""

    desk: Desk
    queue: Queue
    board: Board
    cloud: Context
