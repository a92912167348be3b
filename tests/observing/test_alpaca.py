"""Jobs carried out on the Alpaca simulators, with a witness beside."""

import threading

import pytest

from prjobs.observing import fits, tracking
from prjobs.observing.alpaca_image import HEAD, fits_of
from prjobs.observing.alpaca_link import AlpacaLink
from prjobs.observing.alpaca_site import AlpacaSite
from prjobs.observing.faults import DeviceFault
from prjobs.observing.fits import Card
from prjobs.observing.limits import Limits
from tests.observing.alpaca import ALPACA_NAMES, Between
from tests.observing.headers import header_of
from tests.waiting import wait_for

UNDER_ROOF = Limits(motion_under_closed_roof=True)


@pytest.mark.long
def test_a_night_of_jobs_moves_every_device(make_alpaca_site, alpaca_witness):
    site, witness = make_alpaca_site(), alpaca_witness
    assert "The roof is closed" in site.outcome(site.send("mount", "unpark"))[1]
    assert site.outcome(site.send("enclosure", "open"))[0] == "COMPLETE"
    assert "parked" in site.outcome(site.go())[1]
    assert site.outcome(site.send("mount", "unpark")) == ("COMPLETE", "")
    target = site.target()
    assert site.outcome(site.go(target)) == ("COMPLETE", "")
    assert witness.mount.RightAscension == pytest.approx(target.ra_h, abs=0.02)
    assert witness.mount.Declination == pytest.approx(target.dec_deg, abs=0.1)
    others = [
        site.send("focuser", "move_absolute", position="5100"),
        site.send("focuser", "move_relative", position="-15"),
        site.send("filter_wheel", "set_name", filter_name="R"),
        site.send("rotator", "move_absolute", position="20"),
        site.send("rotator", "move_relative", position="-15"),
        site.send("mount", "set_tracking_off"),
        site.send("mount", "set_tracking_on"),
    ]
    assert [site.outcome(one) for one in others] == [("COMPLETE", "")] * len(others)
    assert witness.mount.Tracking
    assert site.outcome(site.send("enclosure", "close")) == ("COMPLETE", "")
    assert witness.mount.AtPark
    assert int(witness.dome.ShutterStatus) == 1


@pytest.mark.long
def test_an_exposure_is_a_file_with_the_job_in_its_header(make_alpaca_site):
    site = make_alpaca_site()
    optional = {"count": "2", "bin": '"2,2"', "filter": "R", "area": "50%", "object_name": "M31"}
    ulid = site.send("camera", "expose", optional, time="0.2", image_type="dark")
    assert site.outcome(ulid)[0] == "COMPLETE"
    files = sorted(site.images.iterdir())
    assert [path.name for path in files] == [f"{ulid}-001.fits", f"{ulid}-002.fits"]
    header = header_of(files[1])
    assert (header["JOBID"], header["JOBFRAME"], header["JOBCOUNT"]) == (ulid, 2, 2)
    assert (header["OBJECT"], header["OBSERVER"], header["USERID"]) == ("M31", "Zoe O'Hara", "auth0|alice")
    assert (header["NAXIS1"], header["NAXIS2"], header["XBINNING"]) == (256, 256, 2)
    assert (header["FILTER"], header["IMAGETYP"], header["EXPTIME"]) == ("R", "dark", 0.2)
    assert files[1].stat().st_size % fits.BLOCK == 0


@pytest.mark.long
def test_a_stop_ends_slew_and_exposure(make_alpaca_site, alpaca_witness):
    site, witness = make_alpaca_site(limits=UNDER_ROOF), alpaca_witness
    assert site.outcome(site.send("mount", "unpark")) == ("COMPLETE", "")
    slew, frames = site.go(site.target(11)), site.send("camera", "expose", time="60", image_type="dark")
    wait_for(lambda: witness.sees(slewing=True, exposing=True))
    assert site.outcome(site.stop()) == ("COMPLETE", "ended 2 running and 0 waiting jobs")
    stopped_s = witness.now_s()
    assert site.outcome(slew)[0] == site.outcome(frames)[0] == "ABORTED"
    wait_for(lambda: len(witness.since(stopped_s)) > 10)
    assert not any(look.slewing or look.exposing for look in witness.since(stopped_s)[1:])
    assert not witness.mount.Tracking
    assert list(site.images.glob("*")) == []


@pytest.mark.long
def test_a_camera_that_hangs_fails_its_jobs_and_a_stop_ends_the_slew(started, alpaca, alpaca_witness):
    between, witness = Between(alpaca.port), alpaca_witness
    site = started(AlpacaSite("127.0.0.1", between.server_port, ALPACA_NAMES), limits=UNDER_ROOF)
    # Short for those that hang, as long as ever for the others.
    for device in (site.station.devices.cameras[""], site.station.devices.focuser):
        device.link = AlpacaLink("127.0.0.1", between.server_port)
        device.link.answer_s = 0.5
    between.hangs = "/camera/"
    assert site.outcome(site.send("mount", "unpark")) == ("COMPLETE", "")
    slew = site.go(site.target(11))
    wait_for(lambda: witness.sees(slewing=True))
    status, message = site.outcome(site.send("camera", "expose", time="1", image_type="dark"))
    assert status == "FAILED"
    assert "hangs at /api/v1/camera/0/" in message
    assert witness.sees(slewing=True)
    status, message = site.outcome(site.stop())
    assert status == "FAILED"
    assert "hangs at /api/v1/camera/0/" in message
    assert site.outcome(slew)[0] == "ABORTED"
    assert not witness.look().slewing
    # Then nothing of the server answers.
    between.hangs = "/"
    status, message = site.outcome(site.send("focuser", "move_absolute", position="5"))
    assert (status, "hangs at /" in message) == ("FAILED", True)
    between.close()


@pytest.mark.long
def test_tracking_outside_the_limits_is_ended(make_alpaca_site, alpaca_witness, monkeypatch):
    monkeypatch.setattr(tracking, "EVERY_S", 0.05)
    site, witness = make_alpaca_site(limits=UNDER_ROOF), alpaca_witness
    assert site.outcome(site.send("mount", "unpark")) == ("COMPLETE", "")
    slew, watch, ending = site.go(), site.tracking, threading.Event()
    assert site.outcome(slew) == ("COMPLETE", "")
    threading.Thread(target=watch.run, args=(ending, site.program.add_message), daemon=True).start()
    assert witness.mount.Tracking
    watch.limits = Limits(altitude_min_deg=89)
    wait_for(lambda: not witness.mount.Tracking)
    wait_for(lambda: "the lower limit is 89°" in site.look(slew)[1])
    assert site.look(slew)[0] == "COMPLETE"
    ending.set()


def image_bytes(element: int, pixels: bytes, width: int, height: int) -> bytes:
    return HEAD.pack(1, 0, 1, 1, HEAD.size, 2, element, 2, width, height, 0) + pixels


def test_an_image_of_columns_becomes_rows(tmp_path):
    columns = [[0, 1, 65_535], [32_768, 4, 5]]
    pixels = b"".join(value.to_bytes(2, "little") for column in columns for value in column)
    for content in (image_bytes(8, pixels, 2, 3), columns):
        file = fits_of(content, [Card("JOBID", "x")])
        (tmp_path / "x.fits").write_bytes(file)
        header = header_of(tmp_path / "x.fits")
        assert (header["NAXIS1"], header["NAXIS2"], header["BITPIX"], header["BZERO"]) == (2, 3, 16, 32_768)
        data = file[fits.BLOCK : fits.BLOCK + 12]
        found = [int.from_bytes(data[at : at + 2], "big", signed=True) + 32_768 for at in range(0, 12, 2)]
        assert found == [0, 32_768, 1, 4, 65_535, 5]
        assert len(file) == 2 * fits.BLOCK


def test_other_numbers_keep_their_values():
    assert b"BITPIX  =                   32" in fits_of([[-1, 70_000]], [])
    assert b"BITPIX  =                  -64" in fits_of([[0.5, 1.0]], [])


@pytest.mark.parametrize(
    "content",
    [b"", image_bytes(8, b"\0\0", 2, 3), image_bytes(99, b"", 0, 0), [], [[1], [1, 2]], [[[1]]], HEAD.pack(*[1] * 11)],
)
def test_something_else_is_no_image(content):
    with pytest.raises(DeviceFault):
        fits_of(content, [])
