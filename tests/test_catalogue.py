"""The catalogue of commands: every entry is whole, and no parameters can break it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prjobs.base import catalogue
from prjobs.base.catalogue import CLASSES, LABEL_CHARS, Command, command_class, commands, find, label, usual_seconds
from prjobs.base.marks import marked
from tests.odd_texts import json_values

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "commands.json"
FACTS = ("device", "action", "class", "required", "optional", "ui_sends", "site_runs")

names = st.sampled_from(
    sorted({name for one in commands() for name in (*one.required, *one.optional, "ha", "az", "alt")})
)
params = st.dictionaries(names, json_values, max_size=8)
pairs = st.sampled_from([(command.device, command.action, command.script) for command in commands()])


every_command = pytest.mark.parametrize("command", commands(), ids=lambda c: f"{c.device}-{c.action}-{c.script or ''}")


@every_command
def test_every_entry_finds_itself(command: Command) -> None:
    assert find(command.device, command.action, command.required) is command
    assert command_class(command.device, command.action, command.required) == command.command_class
    assert command.command_class in CLASSES


@every_command
def test_every_entry_reads_well(command: Command) -> None:
    full = label(command.device, command.action, command.required, command.optional)
    bare = label(command.device, command.action, {"script": command.script}, {})
    for text in (full, bare):
        assert text[0].isupper()
        assert not set(text) & set("[]{}|")
        assert text == " ".join(text.split())
    assert 0 < len(bare) <= len(full) <= LABEL_CHARS


@every_command
def test_every_parameter_of_a_template_is_one_of_the_command(command: Command) -> None:
    known = {*command.required, *command.optional}
    if (command.device, command.action) == ("mount", "go"):
        known |= {"ha", "az", "alt"}
    if command.action == "run":
        known |= {"script"}
    pieces = [piece for segment in command.segments for piece in segment]
    fields = {piece.name for piece in pieces if isinstance(piece, catalogue.Field)}
    factors = {factor for product in command.usual_s for factor in product if isinstance(factor, str)}
    assert fields <= known
    assert factors <= known


@every_command
def test_every_entry_has_a_usual_duration(command: Command) -> None:
    usual = usual_seconds(command.device, command.action, command.required, command.optional)
    assert usual is not None
    assert 1 <= usual <= 3600


def test_one_entry_a_command() -> None:
    keys = [(command.device, command.action, command.script) for command in commands()]
    assert len(set(keys)) == len(keys)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared list of commands is not beside the project")
def test_it_agrees_with_the_shared_list() -> None:
    own = {(c.device, c.action, c.script): c for c in commands()}
    for entry in json.loads(SHARED.read_text(encoding="utf-8")):
        script = entry["required"].get("script") if entry["action"] == "run" else None
        command = own[entry["device"], entry["action"], script]
        attributes = ("device", "action", "command_class", "required", "optional", "ui_sends", "site_runs")
        assert [getattr(command, name) for name in attributes] == [entry[name] for name in FACTS]
        assert command.note == entry.get("note", "")


@pytest.mark.parametrize(
    ("device", "action", "required", "optional", "text"),
    [
        ("camera", "expose", {"time": 60}, {"count": "9", "filter": "R", "object_name": "M31"}, "Expose 60 s ×9 in R of M31"),  # noqa: E501, RUF001
        ("camera", "expose", {"time": 0.5, "image_type": "dark"}, {"count": 1}, "Expose 0.5 s dark"),
        ("camera", "expose", {"time": 6, "image_type": "light"}, {"filter": "", "object_name": None}, "Expose 6 s"),
        ("camera", "expose", {}, {}, "Expose"),
        ("camera", "expose", {"time": [60]}, {"filter": '"optimal"'}, "Expose … s in optimal"),
        ("mount", "go", {"ra": "0.7123", "dec": "41.26"}, {"object": "M31"}, "Slew to 0.71 h, +41.3° (M31)"),
        ("mount", "go", {"ha": -1.5, "dec": 20}, {}, "Slew to hour angle -1.50 h, +20.0°"),
        ("mount", "go", {"az": "180", "alt": "45"}, {}, "Slew to azimuth 180.0°, altitude 45.0°"),
        ("mount", "go", {"ra": "ten", "dec": "41"}, {}, "Slew to ten h, +41.0°"),
        ("focuser", "move_relative", {"position": "-15"}, {}, "Move the focus by -15"),
        ("sequencer", "run", {"script": "focusAuto", "target": "near_tycho_star"}, {}, "Focus automatically"),
        ("sequencer", "run", {"script": "mine"}, {}, "Run the script mine"),
        ("sequencer", "run", {}, {}, "Run"),
        ("dome", "spin", {}, {}, "dome spin"),
        ("dome", "a\nb\x1b\u202e", {}, {}, "dome a<U+000A>b<U+001B><U+202E>"),
    ],
)  # fmt: skip
def test_labels(device: str, action: str, required: Any, optional: Any, text: str) -> None:
    assert label(device, action, required, optional) == text


def test_long_values_are_cut() -> None:
    long = "M" * 10_000
    text = label("camera", "expose", {"time": long}, {"filter": long, "object_name": long})
    assert len(text) <= LABEL_CHARS
    assert text.count("…") == 3


@pytest.mark.parametrize(
    "time",
    [10**5000, -(10**5000), 1e308, "1e308", "nan", "-inf", [[]], {"a": 1}, True, "\ud800"],
    ids=lambda value: type(value).__name__,
)
def test_odd_values(time: object) -> None:
    text = label("camera", "expose", {"time": time}, {})
    assert text.startswith("Expose")
    text.encode()
    usual_seconds("camera", "expose", {"time": time}, {})


@pytest.mark.slow
@given(pair=pairs, required=params, optional=params)
def test_a_label_never_raises(pair: Any, required: dict[str, Any], optional: dict[str, Any]) -> None:
    device, action, script = pair
    required = {"script": script} | required
    text = label(device, action, required, optional)
    assert 0 < len(text) <= LABEL_CHARS
    assert marked(text) == text
    usual = usual_seconds(device, action, required, optional)
    assert usual is None or 0 <= usual < float("inf")
    assert command_class(device, action, required) in CLASSES


@given(device=st.text(), action=st.text(), required=json_values, optional=json_values)
def test_nothing_at_all_can_break_it(device: str, action: str, required: Any, optional: Any) -> None:
    assert len(label(device, action, required, optional)) <= LABEL_CHARS
    assert command_class(device, action, required) in CLASSES
    usual_seconds(device, action, required, optional)


@pytest.mark.parametrize("action", ["stop", "Stop", "CANCEL", "cancel_all_commands", "Cancel_All_Commands"])
@pytest.mark.parametrize("device", ["camera", "enclosure", "never heard of"])
def test_what_stops_is_a_stop_on_any_device(device: str, action: str) -> None:
    assert command_class(device, action, {}) == "stop"


def test_run_stops_only_with_the_stop_script() -> None:
    assert command_class("sequencer", "run", {"script": "stopScript"}) == "stop"
    assert command_class("anything", "run", {"script": "stopScript"}) == "stop"
    assert command_class("sequencer", "run", {"script": "mine"}) == "script"
    assert command_class("sequencer", "run", {"script": ["stopScript"]}) == "script"
    assert command_class("obs", "stop_simulating_open_roof", {}) == "safety"


def test_unknown_pairs() -> None:
    assert command_class("gizmo", "spin", {}) == "other"
    assert command_class("dome", "spin", {}) == "roof"
    assert usual_seconds("gizmo", "spin", {}, {}) is None


def test_an_exposure_lasts_as_long_as_its_frames() -> None:
    one = usual_seconds("camera", "expose", {"time": "60"}, {"count": "1"})
    ten = usual_seconds("camera", "expose", {"time": "60"}, {"count": "10"})
    assert one == 71
    assert ten == 665
    assert usual_seconds("camera", "expose", {"time": "60"}, {}) == one
    assert usual_seconds("camera", "expose", {"time": "-60"}, {"count": 5}) == 0
    assert usual_seconds("camera", "expose", {"time": "1e308"}, {"count": "1e308"}) is None


def test_nothing_is_read_at_import() -> None:
    code = "from prjobs.base import catalogue; print(catalogue.commands.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout == "0\n"
