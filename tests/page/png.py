"""Reading a screenshot: as much of PNG as browsers write."""

import struct
import zlib
from collections.abc import Iterator
from typing import Any


def pixels(png: bytes) -> Iterator[tuple[int, int, int]]:
    """The pixels of an 8-bit RGB or RGBA PNG without interlacing, as browsers make them."""
    raw, stride, size = scanlines(png)
    for line in unfiltered(raw, stride, size):
        yield from zip(line[0::size], line[1::size], line[2::size], strict=True)


def is_only_red(png: bytes) -> bool:
    """Whether no pixel has any green or blue.

    A filter writes down how far a byte is from a guess made of bytes before it, and of nothing but zeros it guesses
    zero: a channel is zero everywhere when what is written down is. That is seen without undoing the filters.
    """
    raw, stride, size = scanlines(png)
    lines = (raw[start + 1 : start + 1 + stride] for start in range(0, len(raw), stride + 1))
    return not any(any(line[1::size]) or any(line[2::size]) for line in lines)


def assert_red(page: Any) -> None:
    """Assert that the page is drawn in nothing but red, with something bright."""
    colours = set(pixels(page.screenshot()))
    assert max(red for red, _, _ in colours) > 200
    assert [colour for colour in colours if colour[1] or colour[2]] == []


def scanlines(png: bytes) -> tuple[bytes, int, int]:
    """The lines, each behind the number of its filter; the bytes of a line and of a pixel."""
    width, _, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8 and kind in (2, 6)
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    size = 4 if kind == 6 else 3
    return zlib.decompress(data), width * size, size


def unfiltered(raw: bytes, stride: int, size: int) -> Iterator[bytearray]:
    before = bytearray(stride)
    for start in range(0, len(raw), stride + 1):
        line = bytearray(raw[start + 1 : start + 1 + stride])
        mend(raw[start], line, before, size)
        before = line
        yield line


def mend(kind: int, line: bytearray, above: bytearray, size: int) -> None:
    if kind == 0:
        return
    for at, value in enumerate(line):
        left = line[at - size] if at >= size else 0
        corner = above[at - size] if at >= size else 0
        guess = (left, above[at], (left + above[at]) // 2, paeth(left, above[at], corner))[kind - 1]
        line[at] = (value + guess) & 255


def paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))
