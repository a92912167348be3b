"""Jobs carried out on Debian's INDI simulators, with a witness beside."""

import re
import signal
import time

import pytest

from prjobs.observing import fits
from prjobs.observing.indi_site import IndiSite
from prjobs.observing.limits import Limits
from prjobs.observing.pointing import hour_angle_h
from tests.observing.headers import header_of
from tests.observing.indi import CAMERA, DOME, MOUNT, NAMES, IndiServer
from tests.observing.station import PLACE
from tests.waiting import wait_for

pytestmark = pytest.mark.long
UNDER_ROOF = Limits(motion_under_closed_roof=True)


def test_every_device_moves_to_its_goal(make_site, witness):
    site = make_site(limits=UNDER_ROOF)
    target = site.target(0.1, 88)
    assert site.outcome(site.go(target)) == ("COMPLETE", "")
    seen = witness.last(MOUNT, "EQUATORIAL_EOD_COORD").values
    assert abs(float(seen["RA"]) - target.ra_h) < 0.02
    assert abs(float(seen["DEC"]) - target.dec_deg) < 0.1
    others = [
        site.send("focuser", "move_absolute", position="51000"),
        site.send("focuser", "move_relative", position="-15"),
        site.send("filter_wheel", "set_name", filter_name="blue"),
        site.send("rotator", "move_absolute", position="20"),
        site.send("rotator", "move_relative", position="-15"),
        site.send("mount", "set_tracking_off"),
        site.send("mount", "set_tracking_on"),
    ]
    assert [site.outcome(one) for one in others] == [("COMPLETE", "")] * len(others)
    assert witness.last("Focuser Simulator", "ABS_FOCUS_POSITION").values["FOCUS_ABSOLUTE_POSITION"] == "50985"
    assert witness.last("Filter Simulator", "FILTER_SLOT").values["FILTER_SLOT_VALUE"] == "3"
    assert float(witness.last("Rotator Simulator", "ABS_ROTATOR_ANGLE").values["ANGLE"]) == pytest.approx(5)
    assert witness.last(MOUNT, "TELESCOPE_TRACK_STATE").values["TRACK_ON"] == "On"


def test_an_exposure_is_a_file_with_the_job_in_its_header(site):
    optional = {"count": "2", "bin": '"2,2"', "filter": "R", "area": "50%", "object_name": "M31"}
    ulid = site.send("camera", "expose", optional, time="0.2", image_type="light")
    assert site.outcome(ulid)[0] == "COMPLETE"
    files = sorted(site.images.iterdir())
    assert [path.name for path in files] == [f"{ulid}-001.fits", f"{ulid}-002.fits"]
    header = header_of(files[1])
    assert (header["JOBID"], header["JOBFRAME"], header["JOBCOUNT"]) == (ulid, 2, 2)
    assert (header["OBJECT"], header["OBSERVER"], header["USERID"]) == ("M31", "Zoe O'Hara", "auth0|alice")
    assert (header["NAXIS1"], header["NAXIS2"], header["XBINNING"]) == (320, 256, 2)
    assert (header["FILTER"], header["IMAGETYP"], header["SITEID"]) == ("R", "light", "saf")
    assert files[1].stat().st_size % fits.BLOCK == 0


def test_under_a_closed_roof_the_mount_does_not_move(site, witness):
    for action in ("unpark", "home", "park", "set_tracking_on"):
        assert "The roof is closed" in site.outcome(site.send("mount", action))[1]
    assert "The roof is closed" in site.outcome(site.go())[1]
    assert not witness.was_slewing()


def test_a_motion_outside_the_limits_is_refused_and_nothing_moves(make_site, witness):
    site = make_site(limits=UNDER_ROOF)
    refused = [
        (site.send("mount", "go", ra="10", dec="-89", frame="ICRS"), "lower limit is 20"),
        (site.send("mount", "go", ra="250", dec="10", frame="ICRS"), "hours"),
        (site.send("mount", "go", ra="ten", dec="10"), "not a number"),
        (site.send("mount", "home"), "no home position"),
        (site.send("filter_wheel", "set_name", filter_name="X"), "no filter X"),
        (site.send("camera", "expose", {"bin": "wide"}, time="1"), "bin"),
        (site.send("focuser", "move_absolute", position="900000"), "moves from 0 to"),
    ]
    for ulid, words in refused:
        status, message = site.outcome(ulid)
        assert status == "FAILED"
        assert words in message
    assert not witness.was_slewing()


def test_jobs_sent_together_wait_for_roof_and_slew(site, witness):
    opening, slew = site.send("enclosure", "open"), site.go(site.target(0.05, 89))
    dark = site.send("camera", "expose", time="0.1", image_type="dark")
    light, away = site.send("camera", "expose", time="0.5"), site.go(site.target(0.1, 89))
    assert [site.outcome(one)[0] for one in (opening, slew, dark, light, away)] == ["COMPLETE"] * 5

    def busy_s(device, name):
        return [one.time_s for one in witness.seen if (one.device, one.name, one.state) == (device, name, "Busy")]

    open_s, slews_s = witness.last(DOME, "DOME_SHUTTER").time_s, busy_s(MOUNT, "EQUATORIAL_EOD_COORD")
    exposures_s = busy_s(CAMERA, "CCD_EXPOSURE")
    # The dark is taken at once, the frame with light between the slews.
    assert exposures_s[0] < open_s < slews_s[0]
    of_light_s = [one for one in exposures_s if one > slews_s[0]]
    assert of_light_s[-1] < slews_s[-1]
    assert not any(of_light_s[0] <= one <= of_light_s[-1] for one in slews_s)


def test_a_stop_ends_slew_and_exposure(make_site, witness):
    site = make_site(limits=UNDER_ROOF)
    slew, frames = site.go(site.target(3)), site.send("camera", "expose", time="60", image_type="dark")
    wait_for(witness.is_slewing)
    wait_for(lambda: witness.state(CAMERA, "CCD_EXPOSURE") == "Busy")
    stop = site.stop()
    assert site.outcome(stop) == ("COMPLETE", "ended 2 running and 0 waiting jobs")
    stopped_s = witness.now_s()
    assert site.outcome(slew)[0] == site.outcome(frames)[0] == "ABORTED"
    wait_for(lambda: witness.seen[-1].time_s > stopped_s + 1)
    assert witness.state(CAMERA, "CCD_EXPOSURE") == "Idle"
    assert {one.state for one in witness.since(stopped_s) if one.name == "EQUATORIAL_EOD_COORD"} == {"Idle"}
    assert list(site.images.glob("*")) == []


def test_a_mount_that_tracks_into_a_limit_stops_and_the_exposure_fails(make_site, witness):
    site = make_site(limits=UNDER_ROOF)
    slew, frames = site.go(site.target(0.05, 89)), site.send("camera", "expose", time="60")
    assert site.outcome(slew) == ("COMPLETE", "")
    wait_for(lambda: witness.moves("camera"))
    watch, tell, position = site.tracking, site.program.add_message, site.station.devices.mount.position(time.time())
    # About when the mount's position is in the meridian: the hour angle goes from 12 to -12 once a day.
    meridian_s = time.time() - hour_angle_h(position, PLACE, time.time()) * 3600
    watch.limits = Limits(past_meridian_max_h=0.5)
    watch.look_once(meridian_s, tell)
    assert (watch.ends, witness.last(MOUNT, "TELESCOPE_TRACK_STATE").values["TRACK_ON"]) == (0, "On")
    watch.look_once(meridian_s + 3600, tell)
    status, message = site.outcome(frames)
    assert status == "FAILED"
    said = re.match(r"The exposure was ended: The tracking was ended. The mount is (\S+) h past the meridian", message)
    assert float(said[1]) == pytest.approx(1, abs=0.05)
    wait_for(lambda: witness.last(MOUNT, "TELESCOPE_TRACK_STATE").values["TRACK_ON"] == "Off")
    wait_for(lambda: not witness.moves("camera"))
    wait_for(lambda: site.look(slew) == ("COMPLETE", watch.reason))
    assert list(site.images.glob("*")) == []
    watch.look_once(meridian_s + 7200, tell)
    assert watch.ends == 1


def test_a_stop_ends_a_roof_that_opens(site, witness):
    opening = site.send("enclosure", "open")
    wait_for(lambda: witness.state(DOME, "DOME_SHUTTER") == "Busy")
    assert site.outcome(site.stop())[0] == "COMPLETE"
    assert site.outcome(opening)[0] == "ABORTED"
    assert witness.state(DOME, "DOME_SHUTTER") == "Alert"
    assert "unknown position" in site.outcome(site.go())[1]
    # The mount is parked before the roof closes: a stop before that leaves the roof.
    closing = site.send("enclosure", "close")
    wait_for(lambda: witness.state(MOUNT, "TELESCOPE_PARK") == "Busy")
    assert site.outcome(site.stop())[0] == "COMPLETE"
    assert site.outcome(closing)[0] == "ABORTED"
    assert witness.state(DOME, "DOME_SHUTTER") == "Alert"


def test_a_server_that_hangs_fails_the_stop(make_site, indi, witness):
    site = make_site(limits=UNDER_ROOF)
    slew = site.go(site.target(3))
    wait_for(witness.is_slewing)
    indi.signal(signal.SIGSTOP)
    try:
        status, message = site.outcome(site.stop())
    finally:
        indi.signal(signal.SIGCONT)
    assert (status, site.outcome(slew)[0]) == ("FAILED", "ABORTED")
    assert "does not answer" in message


def test_two_cameras_expose_at_once_each_with_a_wheel_of_its_own(started, tmp_path):
    home = tmp_path / "two"
    home.mkdir()
    devices = IndiServer(home, ("ccd", "guide", "wheel"))
    try:
        cameras = {"camera.camera1": CAMERA, "camera.camera2": "Guide Simulator"}
        names = {**cameras, "filter_wheel.filter_wheel2": NAMES["filter_wheel"]}
        site = started(IndiSite("127.0.0.1", devices.port, names))
        first = site.send("camera", "expose", time="100", instance="camera1")
        site.await_status(first, "STARTED")
        second = site.send("camera", "expose", {"filter": "R"}, time="0.2", instance="Camera2")
        assert site.outcome(second)[0] == "COMPLETE"
        assert site.look(first)[0] == "STARTED"
        assert [header_of(path)["INSTRUME"] for path in site.images.iterdir()] == ["Guide Simulator"]
        refused = site.send("camera", "expose", time="1", instance="camera3")
        assert site.outcome(refused) == ("FAILED", "The site has no camera camera3, but camera1, camera2.")
        assert site.outcome(site.stop())[0] == "COMPLETE"
        without = site.send("camera", "expose", {"filter": "R"}, time="1", instance="camera1")
        assert "no filter wheel is there" in site.outcome(without)[1]
    finally:
        devices.kill()
