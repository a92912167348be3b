"""Texts of others with every invisible character as a mark: no text turns a line round or moves a cursor."""

import unicodedata

# These two join or part letters, in Persian names and in emoji.
_JOINERS = frozenset("\u200c\u200d")


def marked(text: str) -> str:
    """Return the text with control and direction characters as marks: `<U+202E>`; odd spaces become plain spaces."""
    return text if text.isprintable() else "".join(map(_mark, text))


def _mark(char: str) -> str:
    if char.isprintable() or char in _JOINERS:
        return char
    return " " if unicodedata.category(char) == "Zs" else f"<U+{ord(char):04X}>"
