"""Notes on a command before it is sent: ranges with units, likely misspellings, what the site never had."""

import json

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from prjobs.base.catalogue import commands
from prjobs.base.parameters import limits_of, range_words
from prjobs.monitor.command_notes import Draft, notes_on
from tests.odd_texts import json_values
from tests.verbs import make_token


@pytest.fixture
def notes(appliance):
    def notes(device="camera", action="expose", instance="", optional=None, **required):
        draft = Draft("saf", device, action, instance, required, optional or {})
        return notes_on(appliance.queue.database, draft)

    return notes


@pytest.mark.parametrize(
    ("device", "action", "params", "note"),
    [
        ("mount", "go", {"ra": "25", "dec": "41.2"}, "“ra” is 25 h. Usual: from 0 to 24 h."),
        ("mount", "go", {"ra": -0.1, "dec": 0}, "“ra” is -0.1 h. Usual: from 0 to 24 h."),
        ("mount", "go", {"ra": "10:30", "dec": 0}, "“ra” is 10:30, which is not a number. Usual: from 0 to 24 h."),
        ("mount", "go", {"ra": "1", "dec": "-90.5"}, "“dec” is -90.5°. Usual: from -90 to +90°."),
        ("mount", "go", {"az": 180, "alt": 95}, "“alt” is 95°. Usual: from 0 to 90°."),
        ("camera", "expose", {"time": "0"}, "“time” is 0 s. Usual: more than 0 s."),
        ("camera", "expose", {"time": True}, "“time” is true, which is not a number. Usual: more than 0 s."),
        ("camera", "expose", {"time": "nan"}, "“time” is nan, which is not a number. Usual: more than 0 s."),
        ("camera", "expose", {"tiem": "60"}, "“tiem” is no known parameter of “expose”. Did you mean time?"),
        ("screen", "turn_on", {"brightness": 101}, "“brightness” is 101 %. Usual: from 0 to 100 %."),
        ("focuser", "move_absolute", {"position": -1}, "“position” is -1. Usual: 0 or more."),
        ("sequencer", "run", {"script": "pointingRun", "minAltitude": 91}, "“minAltitude” is 91°. Usual: from 0 to 90°."),  # noqa: E501
        ("camera", "expos", {}, "“expos” is no known action of “camera”. Did you mean expose?"),
        ("camera", "Expose", {}, "“Expose” is no known action of “camera”. Did you mean expose?"),
        ("camrea", "expose", {}, "“camrea” is no known device. Did you mean camera?"),
        ("laser", "point", {}, "“laser” is no known device."),
    ],
)  # fmt: skip
def test_an_odd_command_has_one_note(notes, device, action, params, note):
    assert notes(device, action, **params) == [note]


@pytest.mark.parametrize(
    ("device", "action", "params"),
    [
        ("mount", "go", {"ra": "24", "dec": "-90"}),
        ("mount", "go", {"ra": " 0 ", "dec": 90, "unheard_of": 1}),
        ("mount", "go", {"ha": -12, "dec": 0}),
        ("camera", "expose", {"time": 0, "image_type": "bias"}),
        ("camera", "expose", {"time": "1e-3"}),
        ("laser", "cancel", {}),
        ("camera", "STOP", {}),
        ("rotator", "run", {"script": "stopScript"}),
        ("all", "cancel_all_commands", {}),
    ],
)
def test_a_usual_command_has_none(notes, device, action, params):
    assert [note for note in notes(device, action, **params) if "laser" not in note] == []


@pytest.mark.parametrize("command", commands(), ids=lambda c: f"{c.device}-{c.action}-{c.script or ''}")
def test_the_examples_of_the_catalogue_have_none(notes, command):
    assert notes(command.device, command.action, optional=command.optional, **command.required) == []


def test_a_device_an_instance_and_a_filter_that_the_site_never_had(notes, submit):
    assert notes("rotator", "home", "r1", optional={}) == []
    submit(device="camera", action="expose", instance="QHY600m", optional_params='{"filter": "Lum"}')
    submit(device="filter_wheel", action="set_name", required_params='{"filter_name": "Ha"}')
    assert notes("rotator", "home", "r1") == [
        "No job of saf so far was for the device “rotator”. Known: camera, filter_wheel."
    ]
    assert notes(instance="QHY600", time=1, optional={"filter": "Lumm"}) == [
        "“QHY600” is new as an instance of “camera” at saf. Did you mean QHY600m?",
        "No recent job of saf has the filter “Lumm”. Did you mean Lum?",
    ]
    assert notes("filter_wheel", "set_name", filter_name="B") == [
        "No recent job of saf has the filter name “B”. Known: Ha, Lum."
    ]
    assert notes(instance="QHY600m", time=1, optional={"filter": "Ha"}) == []
    assert notes("all", "observatory_restart") == []


@given(
    device=st.text(max_size=8), params=st.dictionaries(st.sampled_from(["ra", "dec", "filter", "time"]), json_values)
)
@settings(max_examples=60, deadline=None)
def test_no_command_breaks_them(device, params):
    class Empty:
        def fetch(self, *_):
            return []

    for name, action in ((device, "go"), ("mount", "go"), ("camera", "expose")):
        for note in notes_on(Empty(), Draft("saf", name, action, "", params, params)):
            assert isinstance(note, str) and note


def test_the_page_gets_ranges_and_notes(server):
    token = make_token(server.appliance, "auth0|alice")
    elsewhere = make_token(server.appliance, "auth0|bob", sites=("mrc1",))
    headers = {"Authorization": f"Bearer {token}"}
    served = requests.get(f"{server.url}/api/commands", headers=headers, timeout=60).json()["commands"]
    go = next(one for one in served if (one["device"], one["action"]) == ("mount", "go"))
    [command] = [one for one in commands() if (one.device, one.action) == ("mount", "go")]
    assert go["ranges"] == {name: range_words(limit) for name, limit in limits_of(command.limits).items()}
    draft = {"site": "saf", "device": "mount", "action": "go", "required_params": {"ra": 25}}
    ask = lambda body, who: requests.post(  # noqa: E731
        f"{server.url}/api/commands/notes", json.dumps(body), headers={"Authorization": f"Bearer {who}"}, timeout=60
    )
    assert ask(draft, token).json() == {"notes": ["“ra” is 25 h. Usual: from 0 to 24 h."]}
    assert ask(draft, elsewhere).status_code == 403
    assert ask({**draft, "site": "no site"}, token).status_code == 400
