"""The functions behind the table of many sites: the filter in the address, the order, the groups, the finder."""

from typing import Any

import pytest

from tests.page.calling import Call


def row(site: str, **parts: Any) -> dict[str, Any]:
    plain = {"rank": 9, "state": "idle", "under": "", "last_poll_ms": None, "alarms": 0, "unseen": 0, "groups": []}
    return {"site": site, **plain, **parts}


ROWS = [
    row("saf", groups=["north"]),
    row("mrc1", rank=2, state="locked", under="silent", groups=["north", "lab"]),
    row("eco", rank=1, state="busy", alarms=1, groups=["south"]),
]


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", ["saf", "mrc1", "eco"]),
        ("state=idle,locked", ["saf", "mrc1"]),
        ("state=silent", ["mrc1"]),
        ("alarms=1", ["eco"]),
        ("group=north&q=MRC", ["mrc1"]),
        ("q=lab", ["mrc1"]),
        ("state=idle&alarms=1", []),
    ],
)
def test_the_filter_of_the_address(call: Call, query: str, kept: list[str]) -> None:
    asked = call("sites_filter.js", "parseSites", query)
    assert [one["site"] for one in ROWS if call("sites_filter.js", "fits", one, asked)] == kept
    assert call("sites_filter.js", "parseSites", call("sites_filter.js", "sitesRoute", asked)[6:]) == asked


def test_words_of_an_alarm_are_found(call: Call) -> None:
    asked = call("sites_filter.js", "parseSites", "q=picked up")
    assert call("sites_filter.js", "fits", ROWS[2], asked, [{"sentence": "eco: STOP is not Picked Up"}])


def test_the_worst_first_and_the_groups_with_their_numbers(call: Call) -> None:
    assert [one["site"] for one in call("sites_filter.js", "worstFirst", ROWS)] == ["eco", "mrc1", "saf"]
    groups = call("sites_filter.js", "groupsOf", ROWS)
    assert [(one["name"], one["count"], one["worst"]["site"]) for one in groups] == [
        ("south", 1, "eco"),
        ("lab", 1, "mrc1"),
        ("north", 2, "mrc1"),
    ]
    words = call("sites_filter.js", "tallyLine", groups[2]["counts"])
    assert words == "1 LOCKED OUT · 1 SILENT · 1 IDLE"


def test_the_finder_takes_no_site_that_may_be_another(call: Call) -> None:
    names = ["mrc", "mrc1", "mrc2", "saf"]
    meant = {text: call("site_finder.js", "siteMeant", names, text) for text in ("mrc", "mrc2", "m", "s", "x", "")}
    assert meant == {"mrc": "mrc", "mrc2": "mrc2", "m": "", "s": "saf", "x": "", "": ""}
    assert call("site_finder.js", "sitesLike", names, "c1") == ["mrc1"]
