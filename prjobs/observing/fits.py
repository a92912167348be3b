"""FITS files: cards for the header of a camera's driver, and files written in one step.

The format is FITS 4.0: blocks of 2880 bytes, cards of 80 ASCII characters, `CONTINUE` for long texts.
"""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from prjobs.base.files import replace, sync_folder

BLOCK, CARD = 2880, 80
# The characters of a text between its quotes on one card.
TEXT = 68
END = b"END".ljust(CARD)


class Card(NamedTuple):
    """A keyword with a value, and a comment for a value that leaves room."""

    keyword: str
    value: str | int | float | bool
    comment: str = ""


class NotFits(Exception):
    """The camera's driver sent something else than a FITS file."""


def with_cards(content: bytes, cards: Sequence[Card]) -> bytes:
    """Return the FITS file with the cards at the end of the first header, in place of cards with the same names."""
    if not content.startswith(b"SIMPLE  ="):
        raise NotFits("The image is no FITS file: set the transfer format of the camera's driver to FITS.")
    old, end = _header(content)
    names = {card.keyword.ljust(8).encode() for card in cards}
    kept, is_dropped = [], False
    for line in old:
        is_dropped = line[:8] in names or (is_dropped and line[:8] == b"CONTINUE")
        if not is_dropped:
            kept.append(line)
    while kept and not kept[-1].strip():
        kept.pop()
    return header([*kept, *lines(cards)]) + content[end:]


def _header(content: bytes) -> tuple[list[bytes], int]:
    """Return the cards of the first header, and the place of the data behind it."""
    found: list[bytes] = []
    for start in range(0, len(content) - CARD + 1, CARD):
        line = content[start : start + CARD]
        if line == END:
            return found, (start // BLOCK + 1) * BLOCK
        found.append(line)
    raise NotFits("The image's FITS header has no end.")


def header(cards: Sequence[bytes]) -> bytes:
    """Return the cards as a header of whole blocks."""
    content = b"".join([*cards, END])
    return content.ljust(-(-len(content) // BLOCK) * BLOCK)


def lines(cards: Sequence[Card]) -> list[bytes]:
    """Return the cards as lines of 80 characters; a long text takes several."""
    return [line for card in cards for line in _lines(card)]


def _lines(card: Card) -> Iterator[bytes]:
    keyword = f"{card.keyword:8.8}"
    if not isinstance(card.value, str):
        value = ("T" if card.value else "F") if isinstance(card.value, bool) else repr(card.value).upper()
        yield _line(f"{keyword}= {value:>20}", card.comment)
        return
    first, *more = _pieces(_ascii(card.value))
    yield _line(f"{keyword}= '{first:8}'", card.comment)
    for piece in more:
        yield _line(f"CONTINUE  '{piece}'", "")


def _line(text: str, comment: str) -> bytes:
    with_comment = f"{text} / {_ascii(comment)}" if comment else text
    return (with_comment if len(with_comment) <= CARD else text).ljust(CARD).encode("ascii")


def _pieces(text: str) -> list[str]:
    """Return the text in pieces for cards, each but the last with `&` at its end. No doubled quote is cut."""
    quoted = [sign.replace("'", "''") for sign in text]
    pieces, piece = [], ""
    for index, sign in enumerate(quoted):
        is_last = index == len(quoted) - 1
        if len(piece) + len(sign) > (TEXT if is_last else TEXT - 1):
            pieces.append(piece + "&")
            piece = ""
        piece += sign
    return [*pieces, piece]


def _ascii(text: str) -> str:
    """Return the text in the characters that a header may have: letters without accents, ? for the rest."""
    plain = unicodedata.normalize("NFKD", text)
    kept = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return "".join(sign if " " <= sign <= "~" else "?" for sign in kept).strip()


def write(path: Path, content: bytes) -> None:
    """Write the file in one step: after a power cut the file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
