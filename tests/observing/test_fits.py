"""The headers of FITS files."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prjobs.observing.fits import BLOCK, Card, NotFits, header, lines, with_cards, write
from tests.observing.headers import header_of

DATA = bytes(range(256)) * 90
OLD = [Card("SIMPLE", True), Card("BITPIX", 8), Card("NAXIS", 0), Card("OBJECT", "Unknown"), Card("EXPTIME", 1.5)]
FILE = header(lines(OLD)) + DATA


def test_cards_take_the_place_of_those_with_their_names(tmp_path):
    content = with_cards(FILE, [Card("OBJECT", "M31", "what"), Card("JOBFRAME", 3)])
    (tmp_path / "x.fits").write_bytes(content)
    found = header_of(tmp_path / "x.fits")
    assert found == {"SIMPLE": True, "BITPIX": 8, "NAXIS": 0, "EXPTIME": 1.5, "OBJECT": "M31", "JOBFRAME": 3}
    assert content.endswith(DATA) and (len(content) - len(DATA)) % BLOCK == 0
    again = with_cards(content, [Card("OBJECT", "M33")])
    assert again.count(b"OBJECT") == 1 and len(again) == len(content)


def test_many_cards_make_another_block():
    content = with_cards(FILE, [Card(f"KEY{number}", number) for number in range(40)])
    assert len(content) == len(FILE) + BLOCK and content.endswith(DATA)


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_can_stand_in_a_header(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("fits") / "x.fits"
    path.write_bytes(with_cards(FILE, [Card("OBSERVER", text, "user who sent the job")]))
    found = str(header_of(path)["OBSERVER"])
    if text.isascii() and text.isprintable():
        assert found == text.strip()
    assert all(" " <= sign <= "~" for sign in found)


@pytest.mark.parametrize("content", [b"", b"\x89PNG", b"SIMPLE  =" + b" " * 71, FILE[:300]])
def test_something_else_is_no_fits_file(content):
    with pytest.raises(NotFits):
        with_cards(content, [])


def test_a_file_is_whole_or_not_there(tmp_path):
    write(tmp_path / "new" / "x.fits", FILE)
    assert (tmp_path / "new" / "x.fits").read_bytes() == FILE
    (tmp_path / "y.part").mkdir()
    with pytest.raises(OSError):
        write(tmp_path / "y.fits", FILE)
    assert not (tmp_path / "y.fits").exists()
