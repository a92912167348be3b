"""The parameters of jobs, in the spellings that are in use."""

import pytest

from prjobs.base.catalogue import commands
from prjobs.observing.values import BadParameter, area, bins, exposure, number


@pytest.mark.parametrize(
    ("value", "expected"),
    [("60", 60), (60, 60), ("-15", -15), (" 3.5 ", 3.5), ("10:07:24", 10 + 7 / 60 + 24 / 3600), ("-0:30", -0.5)],
)
def test_a_number_may_be_a_text(value, expected):
    assert number({"x": value}, "x") == pytest.approx(expected)


@pytest.mark.parametrize("value", ["ten", True, [], {}, "nan", "inf", "1e999", "10:61", "1" * 5000, 10**400])
def test_anything_else_is_no_number(value):
    with pytest.raises(BadParameter, match="not a number"):
        number({"x": value}, "x")


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_empty_value_is_missing(value):
    with pytest.raises(BadParameter, match="missing"):
        number({"x": value}, "x")
    assert number({"x": value}, "x", 7) == 7


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"optimal"', (3, 3)),
        ("optimal", (3, 3)),
        (None, (3, 3)),
        ("1,1", (1, 1)),
        ('"2,2"', (2, 2)),
        ("2x1", (2, 1)),
        ("2 2", (2, 2)),
        ([2, 2], (2, 2)),
        (2, (2, 2)),
        ("4", (4, 4)),
    ],
)
def test_a_binning(value, expected):
    assert bins(value, optimal=3) == expected


@pytest.mark.parametrize("value", ["wide", "0", "-1", "1.5", True, "17", "1,2,3", {}, "²"])
def test_no_binning(value):
    with pytest.raises(BadParameter, match="bin"):
        bins(value)


def test_an_area_is_a_share_of_the_chip():
    assert [area(word) for word in ("Full", "100%", None, "50%", '"71%"')] == [1, 1, 1, 0.5, 0.71]
    for word in ("0%", "101%", "corner"):
        with pytest.raises(BadParameter, match="area"):
            area(word)


def test_the_exposure_of_the_catalogue_can_be_taken():
    (command,) = [one for one in commands() if one.action == "expose"]
    asked = exposure(command.required, command.optional, optimal_bin=2)
    assert (asked.seconds, asked.count, asked.image_type, asked.bins) == (60, 10, "light", (2, 2))
    assert (asked.filter_name, asked.object_name, asked.area) == ("R", "M31", 1)


def test_a_bias_needs_no_time_and_takes_none():
    assert exposure({"image_type": "bias"}, {}).seconds == 0
    assert exposure({"image_type": "Sky Flat", "time": 2}, {}).image_type == "flat"
    for required, optional in (
        ({}, {}),
        ({"time": "-1"}, {}),
        ({"time": 1, "image_type": "portrait"}, {}),
        ({"time": 1}, {"count": "1.5"}),
        ({"time": 1}, {"count": 0}),
        ({"time": 1}, {"filter": ["R"]}),
    ):
        with pytest.raises(BadParameter):
            exposure(required, optional)
