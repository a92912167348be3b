"""The camera of an INDI server, by the standard properties of INDI: https://docs.indilib.org/drivers/basic.html"""

import time

from prjobs.observing.devices import EXPOSES, HasEnded
from prjobs.observing.faults import DeviceFault
from prjobs.observing.fits import Card, with_cards
from prjobs.observing.indi_device import IndiDevice
from prjobs.observing.indi_link import CONFIRM_S, Property
from prjobs.observing.values import Exposure

FRAME_TYPES = {"light": "FRAME_LIGHT", "dark": "FRAME_DARK", "bias": "FRAME_BIAS", "flat": "FRAME_FLAT"}


class IndiCamera(IndiDevice):
    """A camera's main chip."""

    abort_property = "CCD_ABORT_EXPOSURE"
    moving = ("CCD_EXPOSURE",)
    blob = "CCD1"

    def set_up(self, exposure: Exposure) -> HasEnded:
        """Set frame type, binning and area, and have FITS files sent to this program."""
        if self.is_moving():
            # The image of that exposure would be taken for the job's.
            raise DeviceFault(f"{self.name} {EXPOSES}")
        steps = [
            self.switch("CCD_FRAME_TYPE", FRAME_TYPES[exposure.image_type]),
            *self._if_there("UPLOAD_MODE", "UPLOAD_CLIENT"),
            *self._if_there("CCD_TRANSFER_FORMAT", "FORMAT_FITS"),
            *self._if_there("CCD_COMPRESSION", "INDI_DISABLED"),
            *self._bins(exposure),
            *self._area(exposure),
        ]
        return lambda: all(has_ended() for has_ended in steps)

    def _if_there(self, name: str, member: str) -> list[HasEnded]:
        return [self.switch(name, member)] if self.has(name, member) else []

    def _bins(self, exposure: Exposure) -> list[HasEnded]:
        across, down = exposure.bins
        if not self.has("CCD_BINNING"):
            if exposure.bins != (1, 1):
                raise self.lacks("binning")
            return []

        def has_reached(found: Property) -> bool:
            return bool((found.values["HOR_BIN"], found.values["VER_BIN"]) == (across, down))

        return [self.change("CCD_BINNING", has_reached, HOR_BIN=across, VER_BIN=down)]

    def _area(self, exposure: Exposure) -> list[HasEnded]:
        if not self.has("CCD_FRAME"):
            if exposure.area < 1:
                raise self.lacks("area")
            return []
        chip = self.link.require(self.name, "CCD_INFO").values
        full = int(chip["CCD_MAX_X"]), int(chip["CCD_MAX_Y"])
        # Whole bins, else a driver moves the borders by itself.
        width, height = (
            max(one, int(size * exposure.area) // one * one) for size, one in zip(full, exposure.bins, strict=True)
        )
        x, y = (full[0] - width) // 2, (full[1] - height) // 2
        return [self.change("CCD_FRAME", lambda _found: True, X=x, Y=y, WIDTH=width, HEIGHT=height)]

    def expose(self, exposure: Exposure) -> HasEnded:
        """Begin an exposure, which ends with the image."""
        images, was_busy = self._images(), False
        # A driver takes no exposure of 0 s.
        before = self.link.send(self.name, "CCD_EXPOSURE", CCD_EXPOSURE_VALUE=max(exposure.seconds, 0.001))
        sent_s = time.monotonic()

        def has_ended() -> bool:
            nonlocal was_busy
            if self._images() > images:
                return True
            found = self.link.require(self.name, "CCD_EXPOSURE")
            if found.count <= before:
                if time.monotonic() - sent_s > CONFIRM_S:
                    raise DeviceFault(f"{self.name} does not answer: nobody knows what it does.")
                return False
            # After the state Ok the image may still be on the way.
            if found.state == "Alert" or (was_busy and found.state == "Idle"):
                raise self.fault("refused the exposure or failed" if found.state == "Alert" else "was stopped")
            was_busy = was_busy or found.state == "Busy"
            return False

        return has_ended

    def _images(self) -> int:
        return self.link.require(self.name, self.blob).count

    def image(self, cards: list[Card]) -> bytes:
        """Return the FITS file of the last exposure, with the cards in the header."""
        content = self.link.require(self.name, self.blob).values[self.blob]
        if not isinstance(content, bytes):
            raise DeviceFault(f"{self.name} sent no image.")
        return with_cards(content, cards)
