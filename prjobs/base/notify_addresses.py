"""The addresses of people in the setting `notify`, and settings as shown to people, with secrets hidden."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

# Settings whose values hold passwords, or are passwords themselves.
SECRET = frozenset({"notify", "heartbeat_url", "store_url"})
OPTIONS = ("name", "kinds", "sites")
MOST = 20
HIDDEN = "…"
# A bar in a password is written as %7C.
_PART = re.compile(r"\s*\|\s*")
_SCHEMA = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://(?=.)")
_NAME = re.compile(r"[^|]{1,40}")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HOST = re.compile(r"(https?://)([^/?#@]*@)?([^/?#@]*)")
_EXAMPLE = "Write it as in `ntfys://topic | name=Ann | kinds=stop,silent | sites=saf`"


class Address(NamedTuple):
    """An address: the secret URL, the name of the person, and the kinds and sites of the alarms, or all.

    The text of an address shows no secret.
    """

    number: int
    url: str
    name: str = ""
    kinds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """Return the name of the service, such as ntfys."""
        return self.url.partition("://")[0].lower()

    def __str__(self) -> str:
        return f"{self.name} ({self.schema})" if self.name else f"{self.schema}, address {self.number}"

    def __repr__(self) -> str:
        return f"<{self}>"


def parse_notify(entries: Sequence[str]) -> list[Address]:
    """Return the addresses of the setting. Raise ValueError with a sentence that shows no secret."""
    if len(entries) > MOST:
        raise ValueError(f"there are {len(entries)} addresses, and {MOST} are the limit")
    found = [_parse(number, entry) for number, entry in enumerate(entries, 1)]
    first: dict[str, int] = {}
    for one in found:
        if first.setdefault(one.url, one.number) != one.number:
            raise ValueError(f"address {one.number} is the same as address {first[one.url]}: put their kinds together")
    return found


def _parse(number: int, entry: str) -> Address:
    url, *options = _PART.split(entry.strip())
    schema = _SCHEMA.match(url)
    if schema is None or not url.isprintable():
        raise ValueError(f"address {number} names no service and address behind it. {_EXAMPLE}")
    where = f"address {number} ({schema[1].lower()})"
    said: dict[str, str] = {}
    for option in options:
        name, _, value = (part.strip() for part in option.partition("="))
        if name not in OPTIONS:
            raise ValueError(f"{where} has an option that is none of {', '.join(OPTIONS)}. {_EXAMPLE}")
        if name in said:
            raise ValueError(f"{where} has {name} twice: keep one of the two")
        said[name] = value
    name = said.get("name", "")
    if "name" in said and not (_NAME.fullmatch(name) and name.isprintable()):
        raise ValueError(f"{where}: name must be 1 to 40 printable characters")
    return Address(number, url, name, _words(where, "kinds", said), _words(where, "sites", said))


def _words(where: str, name: str, said: dict[str, str]) -> tuple[str, ...]:
    words = tuple(word.strip() for word in said.get(name, "").split(",") if word.strip())
    if name in said and not (words and all(map(_WORD.fullmatch, words))):
        raise ValueError(f"{where}: {name} must be words with commas between them")
    return words


def shown_setting(name: str, value: Any) -> Any:
    """Return the value of a setting for people, with secrets hidden."""
    if name not in SECRET or not value:
        return value
    if isinstance(value, str):
        host = _HOST.match(value)
        return f"{host[1]}{host[3]}/{HIDDEN}" if host else HIDDEN
    return [_shown_entry(entry) for entry in value]


def _shown_entry(entry: str) -> str:
    url, *options = _PART.split(entry.strip())
    schema = _SCHEMA.match(url)
    named = [option for option in options if option.partition("=")[0].strip() in OPTIONS]
    return " | ".join([f"{schema[1].lower()}://{HIDDEN}" if schema else HIDDEN, *named])
