"""Texts for a stranger's eyes: without secrets, and with pseudonyms in place of the names of people.

Three sieves: known secrets and forms of secrets; known names; and of texts such as lines of the log every word that is
neither of prjobs nor of the settings, for names that nobody knows any more.
"""

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote, unquote

from prjobs.base.marks import marked
from prjobs.upkeep.vocabulary import WORD

HIDDEN = "[secret]"
UNKNOWN = "…"
SHORTEST = 2
# Pseudonyms stand as single characters of the private use areas until the end: no later sieve changes them.
_FIRST, _LAST = 0xF0000, 0x10FFFD
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010fffd]")
_FORMS = [
    (re.compile(r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://)[^/\s\"'<>]*@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://[^\s\"'<>?#]*)[?#][^\s\"'<>]*"), rf"\1?{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic|digest)\s+[\w.~+/=:-]+"), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"(?i)((?:once|token|secret|password|passwd|passphrase|pwd|cookie|credential|authorization|session"
            r"|api[_-]?key|private[_-]?key)s?[\"']?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s\"',;&]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|$)", re.M), HIDDEN),
    (re.compile(r"(?<![\w-])[\w-]{6,}\.[\w-]{6,}\.[\w-]{6,}"), HIDDEN),
    (re.compile(r"\b[0-9a-fA-F]{24,}\b"), HIDDEN),
    (re.compile(r"(?<![\w+-])[\w+-]{40,}={0,2}"), HIDDEN),
]
_HOMES = re.compile(r"(?i)((?:/home/|/Users/|\\Users\\|\\\\Users\\\\))[^/\\\s\"']+")
_PLAIN = re.compile(r"\d+[a-zA-Z]{0,2}|\d+T\d+|[0-9A-HJKMNP-TV-Z]{26}")
_SIGNS = frozenset("“”·→°…")


@dataclass(frozen=True)
class Scrubber:
    """The secrets to hide, and the names of people with their pseudonyms.

    `known` has the words that may stay in lines; None lets every word stay, for a bundle with names.
    """

    secrets: frozenset[str]
    names: Mapping[str, str]
    known: frozenset[str] | None
    _places: dict[str, str] = field(default_factory=dict)

    def text(self, text: str) -> str:
        """Return a text without known secrets and names."""
        return self._named(self._sieved(text))

    def line(self, text: str) -> str:
        """Return a text of prjobs, such as lines of the log, with unknown words left out too."""
        sieved = self._sieved(text)
        if self.known is not None:
            sieved = WORD.sub(self._known_word, "".join(map(_sign, sieved)))
            sieved = re.sub(rf"{UNKNOWN}(?:[^\w\s]?{UNKNOWN})+", UNKNOWN, sieved)
        return self._named(sieved)

    def value(self, value: object) -> object:
        """Return a JSON value with all texts and keys scrubbed as lines are."""
        if isinstance(value, str):
            return self.line(value)
        if isinstance(value, dict):
            return {self.line(str(key)): self.value(one) for key, one in value.items()}
        return [self.value(one) for one in value] if isinstance(value, list) else value

    def _sieved(self, text: str) -> str:
        text = _PRIVATE.sub(UNKNOWN, text)
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        for form, replacement in _FORMS:
            text = form.sub(replacement, text)
        if self.known is not None:
            text = _HOMES.sub(rf"\1{UNKNOWN}", text)
        folded = text.casefold()
        for name in sorted(self.names, key=len, reverse=True):
            if name.casefold() in folded:
                text = _bounded(name).sub(self._place_of(self.names[name]), text)
        return text

    def _place_of(self, pseudonym: str) -> str:
        place = self._places.get(pseudonym)
        if place is None:
            place = self._places[pseudonym] = chr(min(_FIRST + len(self._places), _LAST))
        return place

    def _named(self, text: str) -> str:
        if not _PRIVATE.search(text):
            return text
        pseudonyms = {place: pseudonym for pseudonym, place in self._places.items()}
        return _PRIVATE.sub(lambda found: pseudonyms.get(found[0], UNKNOWN), text)

    def _known_word(self, found: re.Match[str]) -> str:
        word = found[0]
        if _PLAIN.fullmatch(word) or word == HIDDEN[1:-1]:
            return word
        known = self.known or frozenset()
        return word if word.casefold() in known else UNKNOWN


def _sign(char: str) -> str:
    """Return a character that may stay; other signs, such as emoji, may be all of a name."""
    is_plain = char.isascii() or char in _SIGNS or _PRIVATE.match(char) or char.isalnum()
    return char if is_plain else UNKNOWN


def _bounded(name: str) -> re.Pattern[str]:
    """Return the pattern of a name that stands alone: the user `al` is not in `alarm`."""
    before = r"(?<!\w)" if re.match(r"\w", name) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", name) else ""
    return re.compile(f"{before}{re.escape(name)}{after}", re.I)


def spellings(text: str) -> set[str]:
    """Return a text as the log, JSON, an address and a terminal may spell it."""
    escaped = json.dumps(text)[1:-1]
    shown = text.encode("unicode_escape").decode()
    inner = repr(text)[1:-1]
    found = {text, marked(text), escaped, json.dumps(text, ensure_ascii=False)[1:-1], shown, inner, quote(text)}
    found |= {quote(text, safe=""), ascii(text)[1:-1], unquote(text)}
    return {one for one in found if len(one) >= SHORTEST}


def pseudonym(key: bytes, name: str) -> str:
    """Return the pseudonym of a user: the same each time, and of no use without the key."""
    return f"user-{hmac.new(key, name.encode(errors='replace'), sha256).hexdigest()[:8]}"


def people(pairs: Iterable[tuple[str, str]], key: bytes) -> dict[str, str]:
    """Return the pseudonym of each spelling of the ids and names of users; both of a user have the same."""
    found: dict[str, str] = {}
    for user_id, user_name in pairs:
        known_as = pseudonym(key, user_id or user_name)
        for name in (user_id, user_name):
            for spelling in spellings(name):
                found.setdefault(spelling, known_as)
    return found
