"""The header of a FITS file, read without the code under test."""

import re
from pathlib import Path

_CARD = re.compile(r"(?P<key>.{8})= +(?:'(?P<text>(?:[^']|'')*)'|(?P<word>[^ /]+))")


def header_of(path: Path) -> dict[str, str | float | bool]:
    content, found = path.read_bytes(), {}
    key = ""
    for start in range(0, len(content), 80):
        line = content[start : start + 80].decode("ascii")
        if line.rstrip() == "END":
            return found
        if line.startswith("CONTINUE"):
            more = re.match(r"CONTINUE +'((?:[^']|'')*)'", line)
            assert more and str(found[key]).endswith("&")
            found[key] = str(found[key])[:-1] + more[1].replace("''", "'")
        elif card := _CARD.match(line):
            key = card["key"].strip()
            found[key] = _value(card)
    raise AssertionError("the header has no end")


def _value(card: re.Match[str]) -> str | float | bool:
    if card["word"] is None:
        return card["text"].replace("''", "'").rstrip()
    return {"T": True, "F": False}.get(card["word"]) if card["word"] in "TF" else float(card["word"])
