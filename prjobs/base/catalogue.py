"""The catalogue of the commands that web page and observatories use: class, label for people, usual duration.

`commands.json` has an entry for each command. A pair of device and action without an entry is still a command: of
the class "other" (an enclosure's: "roof"), with device and action as the label.

Labels: `[…]` is left out when a parameter inside the brackets is missing or empty; `{name}` is the parameter's value,
`{name:.2f}` formats the value as a number, `{name!light}` counts as missing when the value is "light".
Durations: `usual_s` is a number of seconds, or a sum of products of numbers and parameter names.
"""

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from prjobs.base.marks import marked

CLASSES = (
    "stop",
    "close",
    "park",
    "motion",
    "exposure",
    "script",
    "safety",
    "roof",
    "config",
    "restart",
    "other",
)
# The classes that make a telescope safe: a reservation or a full disk must not stop these commands.
MAKES_SAFE = frozenset({"stop", "close", "park"})
ENCLOSURES = ("enclosure", "dome", "roof", "wema")
STOP_ACTIONS = frozenset({"stop", "cancel", "cancel_all_commands"})
VALUE_CHARS = 40
LABEL_CHARS = 160

Params = Mapping[str, Any]
Key = tuple[str, str, str | None]

_SEGMENT = re.compile(r"\[([^\]]*)\]|([^\[]+)")
_FIELD = re.compile(r"\{(\w+)(?::([^}]*))?(?:!([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter inside a label; the parameter counts as missing when the text is `unless`."""

    name: str
    spec: str
    unless: str | None


Segment = tuple[str | Field, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """An entry of the catalogue; `required` and `optional` hold example values, `limits` units and ranges."""

    device: str
    action: str
    script: str | None
    command_class: str
    label: str
    segments: tuple[Segment, ...]
    usual_s: tuple[tuple[float | str, ...], ...]
    required: dict[str, Any]
    optional: dict[str, Any]
    limits: dict[str, Any]
    ui_sends: bool
    site_runs: bool
    note: str


def command_class(device: str, action: str, required_params: Params) -> str:
    """Return the class of a command, from CLASSES; letter case and spaces around a word make no difference.

    Stopping actions are "stop" on every device, closing is "close" on every enclosure, and parking is "park" on every
    other device. Unknown commands are "roof" for an enclosure, "other" elsewhere.
    """
    if is_stop(action, required_params):
        return "stop"
    plain_device, plain_action = _plain(device), _plain(action)
    command = find(device, action, required_params) or find(plain_device, plain_action, required_params)
    if command:
        return command.command_class
    # A misspelt roof command would otherwise pass without the rights that a roof needs.
    if plain_device.startswith(ENCLOSURES):
        return "close" if plain_action == "close" else "roof"
    return "park" if plain_action == "park" else "other"


def is_stop(action: str, required_params: Params) -> bool:
    """Return True if the action stops a site, whatever the device, letter case and spaces around the word."""
    plain = _plain(action)
    return plain in STOP_ACTIONS or (plain == "run" and _plain(_script(required_params) or "") == "stopscript")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().lower()


def label(device: str, action: str, required_params: Params, optional_params: Params) -> str:
    """Return the command in words, in a line of at most LABEL_CHARS characters; never raises."""
    command = find(device, action, required_params)
    if command is None:
        return _cut(f"{_clean(device)} {_clean(action)}", LABEL_CHARS)
    parts = [_segment(segment, required_params, optional_params) for segment in command.segments]
    return _cut("".join(parts), LABEL_CHARS)


def usual_seconds(device: str, action: str, required: Params, optional: Params) -> float | None:
    """Return the usual duration of the command; None for an unknown command. A missing parameter counts as 1."""
    command = find(device, action, required)
    if command is None:
        return None
    total = sum(_product(factors, required, optional) for factors in command.usual_s)
    return max(0.0, float(total)) if math.isfinite(total) else None


def find(device: str, action: str, required_params: Params) -> Command | None:
    """Return the entry of a command; an unlisted script has the entry of `run` without a script."""
    index = _index()
    if action != "run":
        return index.get((device, action, None))
    return index.get((device, action, _script(required_params))) or index.get((device, action, None))


@cache
def commands() -> tuple[Command, ...]:
    """Return every entry, in the order of the file."""
    text = (Path(__file__).parent.parent / "commands.json").read_text(encoding="utf-8")
    return tuple(_command(entry) for entry in json.loads(text))


@cache
def _index() -> dict[Key, Command]:
    return {(command.device, command.action, command.script): command for command in commands()}


def _command(entry: dict[str, Any]) -> Command:
    usual = entry["usual_s"]
    return Command(
        device=entry["device"],
        action=entry["action"],
        script=_script(entry["required"]) if entry["action"] == "run" else None,
        command_class=entry["class"],
        label=entry["label"],
        segments=tuple(_compile(entry["label"])),
        usual_s=tuple(tuple(factors) for factors in usual) if isinstance(usual, list) else ((usual,),),
        required=entry["required"],
        optional=entry["optional"],
        limits=entry.get("limits", {}),
        ui_sends=entry["ui_sends"],
        site_runs=entry["site_runs"],
        note=entry.get("note", ""),
    )


def _script(required_params: Params) -> str | None:
    script = required_params.get("script") if isinstance(required_params, dict) else None
    return script if isinstance(script, str) else None


def _compile(template: str) -> list[Segment]:
    return [_compile_segment(inner or outer) for inner, outer in _SEGMENT.findall(template)]


def _compile_segment(text: str) -> Segment:
    pieces: list[str | Field] = []
    end = 0
    for match in _FIELD.finditer(text):
        pieces += [text[end : match.start()], Field(match[1], match[2] or "", match[3])]
        end = match.end()
    return (*pieces, text[end:])


def _segment(segment: Segment, required: Params, optional: Params) -> str:
    texts = []
    for piece in segment:
        text = piece if isinstance(piece, str) else _field(piece, required, optional)
        if text is None:
            return ""
        texts.append(text)
    return "".join(texts)


def _field(field: Field, required: Params, optional: Params) -> str | None:
    text = _text(_value(field.name, required, optional), field.spec)
    return None if not text or text == field.unless else text


def _value(name: str, required: Params, optional: Params) -> object:
    for params in (required, optional):
        if isinstance(params, dict) and params.get(name) is not None:
            return params[name]
    return None


def _text(value: object, spec: str) -> str:
    if isinstance(value, str):
        return _string(value, spec)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return _cut(_number(value, spec), VALUE_CHARS)
    return "" if value is None else "…"


def _string(value: str, spec: str) -> str:
    """Return a text for a label. The web page sends numbers as text, and some texts in their JSON quotes."""
    text = _clean(value).strip(' "')
    if not spec:
        return text
    try:
        return _cut(f"{float(text):{spec}}", VALUE_CHARS)
    except ValueError:
        return text


def _number(value: float, spec: str) -> str:
    if not spec and isinstance(value, int) and -(10**15) < value < 10**15:
        return str(value)
    try:
        return f"{value:{spec or '.6g'}}"
    except (ValueError, OverflowError):
        return "…"


def _clean(text: str) -> str:
    """Cut the text and mark invisible characters, so that a label stays on one line."""
    return _cut(marked(_cut(text, VALUE_CHARS)), VALUE_CHARS)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _product(factors: tuple[float | str, ...], required: Params, optional: Params) -> float:
    return math.prod(_factor(factor, required, optional) for factor in factors)


def _factor(factor: float | str, required: Params, optional: Params) -> float:
    if not isinstance(factor, str):
        return factor
    value = _value(factor, required, optional)
    try:
        return float(value[:VALUE_CHARS] if isinstance(value, str) else value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 1.0
