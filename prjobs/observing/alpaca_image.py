"""Images of Alpaca cameras as FITS files.

ImageBytes: https://ascom-standards.org/Developer/AlpacaImageBytes.pdf. An image has the columns one after another, a
FITS file the rows.
"""

import struct
import sys
from array import array
from typing import Any

from prjobs.observing.faults import DeviceFault
from prjobs.observing.fits import BLOCK, Card, header, lines

HEAD = struct.Struct("<11i")
# The standard's types of elements, as codes of `array`.
ELEMENTS = {1: "h", 2: "i", 3: "d", 6: "B", 7: "q", 8: "H", 9: "f"}
LARGEST_16 = 65_535
TURNED = bytes(byte ^ 0x80 for byte in range(256))


def fits_of(content: bytes | list[Any], cards: list[Card]) -> bytes:
    """Return an image as a FITS file with the cards. Raise DeviceFault for another content."""
    pixels, width, height = _of_bytes(content) if isinstance(content, bytes) else _of_lists(content)
    # Every height-th pixel from a start makes a row, at the speed of C.
    rows = array(pixels.typecode)
    for row in range(height):
        rows.extend(pixels[row::height])
    bits, scale, body = _for_fits(rows)
    first = [
        Card("SIMPLE", True, "FITS 4.0"),
        Card("BITPIX", bits),
        Card("NAXIS", 2),
        Card("NAXIS1", width),
        Card("NAXIS2", height),
        *scale,
    ]
    return header(lines([*first, *cards])) + body.ljust(-(-len(body) // BLOCK) * BLOCK, b"\0")


def _of_bytes(content: bytes) -> tuple["array[Any]", int, int]:
    if len(content) < HEAD.size:
        raise DeviceFault("The camera's image is cut off.")
    _, error, _, _, start, _, element, rank, width, height, _ = HEAD.unpack_from(content)
    if error:
        raise DeviceFault(f"The camera has no image: {content[start:].decode(errors='replace')}")
    if rank != 2 or element not in ELEMENTS:
        raise DeviceFault("The camera's image is no picture of one plane: color cameras need their raw images.")
    pixels: array[Any] = array(ELEMENTS[element])
    pixels.frombytes(content[start : start + width * height * pixels.itemsize])
    if sys.byteorder == "big":
        pixels.byteswap()
    if len(pixels) != width * height:
        raise DeviceFault("The camera's image is cut off.")
    return pixels, width, height


def _of_lists(content: list[Any]) -> tuple["array[Any]", int, int]:
    pixels: array[Any] = array("d")
    try:
        for column in content:
            pixels.extend(array("d", column))
    except TypeError:
        raise DeviceFault("The camera's image is no picture of one plane.") from None
    if not content or len(pixels) != len(content) * len(content[0]):
        raise DeviceFault("The camera's image has columns of different lengths.")
    whole = all(value.is_integer() for value in pixels)
    return (array("q", map(int, pixels)) if whole else pixels), len(content), len(content[0])


def _for_fits(rows: "array[Any]") -> tuple[int, list[Card], bytes]:
    """Return bits, the cards of the scale, and the pixels as FITS has them: in 16 bits where 16 are enough."""
    if rows.typecode in "fd":
        return -8 * rows.itemsize, [], _big_endian(rows)
    if rows and min(rows) >= 0 and max(rows) <= LARGEST_16:
        # FITS has 16 bits with a sign alone: a pixel is stored less 32768, which is the same with the first bit turned.
        data = bytearray(_big_endian(array("H", rows)))
        data[0::2] = data[0::2].translate(TURNED)
        return 16, [Card("BSCALE", 1), Card("BZERO", 32_768)], bytes(data)
    return 32, [], _big_endian(array("i", rows))


def _big_endian(pixels: "array[Any]") -> bytes:
    if sys.byteorder == "little":
        pixels.byteswap()
    return pixels.tobytes()
