"""All devices of a site as a program of `prjobs.observatory`."""

import logging
import threading
from pathlib import Path

from prjobs.observatory import Job, Observatory
from prjobs.observing.exposing import register_cameras
from prjobs.observing.faults import DeviceFault
from prjobs.observing.handlers import (
    FilterJobs,
    FocuserJobs,
    MountJobs,
    RoofJobs,
    RotatorJobs,
    by_instance,
    usual_s,
)
from prjobs.observing.station import Station
from prjobs.observing.tracking import Tracking

logger = logging.getLogger(__name__)
ENDS = "the observing program ended"


def register(site: Observatory, station: Station, images: Path) -> Tracking | None:
    """Give the program the handlers of all devices, and the stop; return the watch over the mount, if there is one."""
    devices, limits, tracking = station.devices, station.configuration.limits, None
    if devices.mount and limits.while_tracking:
        tracking = Tracking(devices.mount, station.guards[devices.mount], limits, station.place)
    filters = {instance: FilterJobs(station, wheel) for instance, wheel in devices.filter_wheels.items()}
    if filters:
        names, homes = ({key: getattr(one, act) for key, one in filters.items()} for act in ("set_name", "home"))
        site.on("filter_wheel", "set_name", seconds=usual_s)(by_instance(names))
        site.on("filter_wheel", "home", seconds=usual_s)(by_instance(homes))
    if devices.mount:
        MountJobs(station, devices.mount, tracking).register(site)
    if devices.enclosure:
        RoofJobs(station, devices.enclosure).register(site)
    if devices.focuser:
        FocuserJobs(station, devices.focuser).register(site)
    if devices.rotator:
        RotatorJobs(station, devices.rotator).register(site)
    register_cameras(site, station, images, filters, tracking)

    @site.on_stop
    def stop(job: Job) -> None:
        logger.warning("stop by %s: all motion and exposures end", job.user_name or job.user_id)
        station.abort()

    return tracking


def run(site: Observatory, station: Station, tracking: Tracking | None, ending: threading.Event) -> None:
    """Work until the event; end the motions that are under way then."""
    with site:
        if tracking:
            watch = (ending, site.add_message)
            threading.Thread(target=tracking.run, args=watch, name="tracking", daemon=True).start()
        ending.wait()
        if not (site.work.stop_all(ENDS) or station.owes_abort):
            return
        try:
            station.abort()
        except DeviceFault as error:
            logger.error("a job ran when the program ended: %s", error)
