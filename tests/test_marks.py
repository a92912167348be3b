"""Invisible characters in texts of others are marks, in every place that shows such texts."""

import pytest

from prjobs.base.marks import marked
from tests.odd_texts import OTHERS, TURNING


@pytest.mark.parametrize("char", [*TURNING, *OTHERS])
def test_an_invisible_character_is_a_mark(char):
    assert marked(f"a{char}b") == f"a<U+{ord(char):04X}>b"


@pytest.mark.parametrize(
    "text", ["Ann K.", "\u05d0\u05d1", "علی‌رضا", "\U0001f469\u200d\U0001f680", "佐藤", "<b>&</b>", "Hβ 3 nm", ""]
)
def test_a_text_that_can_be_seen_stays(text):
    assert marked(text) == text


def test_an_odd_space_is_a_space():
    assert marked("Hβ\u202f3\u00a0nm\u3000x") == "Hβ 3 nm x"


@pytest.mark.slow
def test_the_terminal_shows_marks(program):
    program.serve()
    token = program.token()
    for char in TURNING:
        program.new_job(token, user_name=f"Ann{char}K", optional_params={"object_name": f"M{char}31", "filter": "R"})
    listed = program.run("jobs").stdout
    assert not set(TURNING) & set(listed)
    for char in TURNING:
        assert f"Ann<U+{ord(char):04X}>K" in listed
