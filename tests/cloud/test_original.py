"""The model of the cloud does what the original does: the same story, the same answers."""

import json
import os
from pathlib import Path

import pytest

from tests.cloud import original


def recorded():
    return json.loads(original.RECORDED.read_text(encoding="utf-8"))


def test_the_model_answers_as_the_original_did():
    for number, (said, expected) in enumerate(zip(original.play_model(), recorded(), strict=True)):
        assert said == expected, f"step {number}: {original.STORY[number]}"


def test_the_story_holds_the_traps():
    """A story in which nothing happens would prove nothing."""
    said = recorded()
    assert [one["name"] for one in said] == [name for _, name, _ in original.STORY]
    assert {one["status"] for one in said} == {200, 400, 502}
    lists = [one["body"] for one in said if one["name"] == "getrecentjobs" and one["status"] == 200]
    assert any("action" not in job for listed in lists for job in listed)
    # The list that ends at 1 MB lacks the newest of nine large jobs, and a cancel_all spares exactly those.
    large = [sum("characters" in str(job.get("optional_params")) for job in listed) for listed in lists]
    assert large[-3:] == [6, 6, 3]


@pytest.mark.skipif(not os.environ.get(original.FOLDER_VARIABLE), reason="PRJOBS_ORIGINAL names no folder")
def test_the_original_still_answers_so():
    pytest.importorskip("moto")
    assert original.play_original(Path(os.environ[original.FOLDER_VARIABLE])) == recorded()
