"""Notes on a command before somebody sends it: values out of range, likely misspellings, words new to the site.

A note refuses nothing: a form and a terminal show the notes beside the command.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from prjobs.base import catalogue, parameters
from prjobs.base.fields import Site
from prjobs.base.parameters import shown
from prjobs.base.suggestions import did_you_mean
from prjobs.store.source import Source

# The newest jobs of a site say what the site has; more would be read with every pause in typing.
LOOKED_AT = 2000
# Longer parameters hold lists and images, no names.
NAMES_CHARS = 2000
LISTED = 12
# No command has as many parameters; each takes time.
PARAMETERS = 50
# The words for a whole site, which no job of a single device shows.
WHOLE_SITE = frozenset({"all", "obs"})

Word = Annotated[str, Meta(max_length=64, description="a text of up to 64 characters")]


class Draft(msgspec.Struct, frozen=True):
    """A command as typed so far."""

    site: Site
    device: Word
    action: Word
    instance: Word = ""
    required_params: dict[str, Any] = {}
    optional_params: dict[str, Any] = {}


@dataclass
class Past:
    """The words in the newest jobs of a site: the actions and the instances of each device."""

    jobs: int = 0
    actions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    instances: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def notes_on(source: Source, draft: Draft) -> list[str]:
    """Return the notes on a command, a sentence or two each; an empty list for a command without oddities."""
    past = _past_of(source, draft.site)
    notes = [_device_note(draft, past), _action_note(draft, past), _instance_note(draft, past)]
    return [note for note in chain(notes, _parameter_notes(source, draft)) if note]


def _past_of(source: Source, site: str) -> Past:
    past = Past()
    rows = source.fetch(
        "SELECT device, instance, action, count(*) FROM "
        "(SELECT device, instance, action FROM job WHERE site = ? ORDER BY ulid DESC LIMIT ?) AS newest "
        "GROUP BY device, instance, action",
        (site, LOOKED_AT),
    )
    for device, instance, action, count in rows:
        past.jobs += count
        past.actions[device].add(action)
        past.instances[device].update({instance} - {""})
    return past


def _catalogue_actions() -> dict[str, set[str]]:
    actions: dict[str, set[str]] = defaultdict(set)
    for command in catalogue.commands():
        actions[command.device].add(command.action)
    return actions


def _device_note(draft: Draft, past: Past) -> str:
    device, devices = draft.device, set(_catalogue_actions())
    if not device or device in past.actions or device in WHOLE_SITE:
        return ""
    if device not in devices:
        return f"“{device}” is no known device. {did_you_mean(device, devices | set(past.actions))}".rstrip()
    if not past.jobs:
        return ""
    jobs = f"No job of {draft.site} so far" if past.jobs < LOOKED_AT else f"None of the last {LOOKED_AT:,} jobs"
    return f"{jobs} was for the device “{device}”. Known: {_listed(past.actions)}."


def _action_note(draft: Draft, past: Past) -> str:
    action, known = draft.action, _catalogue_actions()
    actions = known.get(draft.device, set()) | past.actions.get(draft.device, set())
    if not action or action in actions or catalogue.is_stop(action, draft.required_params):
        return ""
    near = did_you_mean(action, actions or set(chain(*known.values())))
    # Nothing is known of the actions of an unknown device.
    if not actions and (not near or action in set(chain(*known.values()))):
        return ""
    return f"“{action}” is no known action of “{draft.device}”. {near}".rstrip()


def _instance_note(draft: Draft, past: Past) -> str:
    instances = past.instances.get(draft.device, set())
    if not draft.instance or not instances or draft.instance in instances:
        return ""
    near = did_you_mean(draft.instance, instances) or f"Known: {_listed(instances)}."
    return f"“{draft.instance}” is new as an instance of “{draft.device}” at {draft.site}. {near}"


def _parameter_notes(source: Source, draft: Draft) -> Iterable[str]:
    params = {
        name: value
        for given in (draft.optional_params, draft.required_params)
        for name, value in islice(given.items(), PARAMETERS)
    }
    command = catalogue.find(draft.device, draft.action, draft.required_params)
    if command is None:
        return
    limits = parameters.limits_of(command.limits)
    known = {*command.required, *command.optional, *limits}
    for name, value in params.items():
        limit = limits.get(name)
        if limit and limit.of_site:
            yield _name_note(source, draft.site, name, value)
        elif limit:
            yield parameters.note_on(name, value, limit, params)
        elif name not in known and (near := did_you_mean(name, known - set(params))):
            yield f"“{shown(name)}” is no known parameter of “{draft.action}”. {near}"


def _name_note(source: Source, site: str, name: str, value: object) -> str:
    """Return a note on a name, such as a filter's, that no earlier job of the site has."""
    names = _names_of(source, site, name)
    if not names or not isinstance(value, str) or value in names:
        return ""
    near = did_you_mean(value, names) or f"Known: {_listed(names)}."
    return f"No recent job of {site} has the {name.replace('_', ' ')} “{shown(value)}”. {near}"


def _names_of(source: Source, site: str, name: str) -> set[str]:
    """Return the values of a parameter in the newest jobs of the site; `filter` and `filter_name` are the same."""
    wanted = [name, name.removesuffix("_name"), f"{name}_name"]
    rows = source.fetch(
        "SELECT DISTINCT required_params, optional_params FROM "
        "(SELECT required_params, optional_params FROM job WHERE site = ? ORDER BY ulid DESC LIMIT ?) AS newest "
        "WHERE length(required_params) + length(optional_params) < ?",
        (site, LOOKED_AT, NAMES_CHARS),
    )
    decoded = (msgspec.json.decode(text) for row in rows for text in row if f'"{wanted[1]}' in text)
    values = (params.get(one) for params in decoded if isinstance(params, dict) for one in wanted)
    return {value for value in values if isinstance(value, str) and value}


def _listed(words: Iterable[str]) -> str:
    ordered = sorted(words, key=str.casefold)
    return ", ".join(map(shown, ordered[:LISTED])) + (" …" if len(ordered) > LISTED else "")
