"""Suggestions for a word that is not known."""

from collections.abc import Iterable
from functools import lru_cache

LONGEST = 64


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word most like this one, letter case aside; empty if none is like it.

    A word of more than 64 characters is like none: the comparison takes time by the square of the length.
    """
    return _nearest(word, tuple(known)) if len(word) <= LONGEST else ""


@lru_cache(maxsize=100)
def _nearest(word: str, known: tuple[str, ...]) -> str:
    # Imported late: most processes see no wrong word.
    import difflib

    # A program may send the same wrong word with each request, and each comparison takes milliseconds.
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, 1)
    return by_folded[near[0]] if near else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `Did you mean saf?`, or an empty text."""
    near = nearest(word, known)
    return f"Did you mean {near}?" if near else ""
