"""The camera's jobs: filter, frames, and a FITS file for each frame with the job in its header."""

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from prjobs.base.catalogue import ENCLOSURES
from prjobs.base.files import reason_of
from prjobs.observatory import Job, Observatory
from prjobs.observing import fits
from prjobs.observing.devices import Camera, HasEnded
from prjobs.observing.faults import DeviceFault
from prjobs.observing.fits import Card
from prjobs.observing.handlers import FilterJobs, by_instance, usual_s
from prjobs.observing.station import Station
from prjobs.observing.tracking import Tracking
from prjobs.observing.values import BadParameter, Exposure, exposure, has_light

SET_UP_S = 60.0


class CameraJobs:
    """The jobs of a camera. `filters` changes filters, `tracking` watches the mount; either may be None."""

    def __init__(
        self, station: Station, camera: Camera, images: Path, filters: FilterJobs | None, tracking: Tracking | None
    ) -> None:
        self.camera, self.guard = camera, station.guards[camera]
        self.settings, self.tracking = station.configuration.camera, tracking
        self.images, self.filters = images, filters

    def expose(self, job: Job) -> None:
        """Take the job's frames; the filter stays in the beam until the last one."""
        asked = exposure(job.required, job.optional, self.settings.optimal_bin)
        with ExitStack() as held:
            held.enter_context(self.guard.taken(job))
            if asked.filter_name:
                if self.filters is None:
                    raise BadParameter(f"The job asks for the filter {asked.filter_name}: no filter wheel is there.")
                held.enter_context(self.filters.guard.taken(job))
                self.filters.select(job, asked.filter_name)
            check = self._check_of_tracking(job)
            self.guard.follow(job, lambda: self.camera.set_up(asked), SET_UP_S)
            for frame in range(1, asked.count + 1):
                job.progress((frame - 1) / asked.count, f"frame {frame} of {asked.count}")
                self._expose(job, asked, check)
                self._write(job, asked, frame)

    def _check_of_tracking(self, job: Job) -> Callable[[], None]:
        """Return a function that raises DeviceFault for a job with light once the mount's tracking was ended."""
        tracking = self.tracking
        if tracking is None or not has_light(job.required):
            return lambda: None
        before = tracking.ends

        def check() -> None:
            if tracking.ends > before:
                raise DeviceFault(f"The exposure was ended: {tracking.reason}")

        return check

    def _expose(self, job: Job, asked: Exposure, check: Callable[[], None]) -> None:
        def begin() -> HasEnded:
            has_ended = self.camera.expose(asked)

            def look() -> bool:
                check()
                return has_ended()

            return look

        try:
            self.guard.follow(job, begin, asked.seconds + self.settings.readout_max_s)
            check()
        except DeviceFault:
            # An exposure that goes on would hold the next job up.
            with suppress(DeviceFault):
                self.guard.command(job, self.camera.abort)
            raise

    def _write(self, job: Job, asked: Exposure, frame: int) -> None:
        path = self.images / f"{job.ulid}-{frame:03d}.fits"
        try:
            fits.write(path, self.camera.image(cards(job, asked, frame)))
        except OSError as error:
            raise DeviceFault(f"The image {path.name} was not written to {path.parent}: {reason_of(error)}.") from error


def register_cameras(
    site: Observatory, station: Station, images: Path, filters: Mapping[str, FilterJobs], tracking: Tracking | None
) -> None:
    """Give the program the handlers of the cameras; `filters` by instance."""
    cameras = station.devices.cameras
    jobs = {
        instance: CameraJobs(station, camera, images, _wheel_of(instance, list(cameras), filters), tracking)
        for instance, camera in cameras.items()
    }
    if jobs:
        expose = by_instance({instance: one.expose for instance, one in jobs.items()})
        site.on("camera", "expose", seconds=usual_s, uses=at_work, after=roofs)(expose)


def _wheel_of(camera: str, cameras: list[str], filters: Mapping[str, FilterJobs]) -> FilterJobs | None:
    """Return the filter wheel with the number of the camera; a wheel for any instance is the first camera's."""
    if "" in filters:
        return filters[""] if camera == cameras[0] else None
    if camera == "":
        return next(iter(filters.values()), None)
    return next((wheel for name, wheel in filters.items() if _number(name) == _number(camera)), None)


def _number(instance: str) -> str:
    return instance[len(instance.rstrip("0123456789")) :]


def at_work(job: Job) -> Collection[str]:
    """Return the devices that must not move during the job: those before the camera, for frames with light."""
    return ("mount", "focuser", "rotator", "filter_wheel") if has_light(job.required) else ()


def roofs(job: Job) -> Collection[str]:
    """Return the enclosures, for frames with light: the frames are taken after an earlier opening."""
    return ENCLOSURES if has_light(job.required) else ()


def cards(job: Job, asked: Exposure, frame: int) -> list[Card]:
    """Return the cards with the job of an image."""
    found = [
        Card("OBJECT", asked.object_name, "object of the job"),
        Card("OBSERVER", job.user_name, "user who sent the job"),
        Card("USERID", job.user_id, "id of the user"),
        Card("JOBID", job.ulid, "ULID of the job"),
        Card("JOBFRAME", frame, "number of the frame in the job"),
        Card("JOBCOUNT", asked.count, "frames of the job"),
        Card("SITEID", str(job.document.get("site", "")), "site of the job"),
        Card("IMAGETYP", asked.image_type, "light, dark, bias or flat"),
    ]
    return found + ([Card("FILTER", asked.filter_name, "filter of the job")] if asked.filter_name else [])
