"""How large the numbers of each column are, from the bits of floats: many at once, as lanes of one long integer.

Without its sign a float is the larger, the larger its bits are as a whole number, infinity and what is no number above
all others. A lane has one bit more than that, its highest, which a subtraction clears where it would go below 0.
"""

from __future__ import annotations

import math
import struct
from array import array
from functools import cache

from certify.check.reading.formats.npz import NPY_TYPES
from certify.check.stored.npy import Stored
from certify.format.refusal import Invalid

LARGEST = 2.0**500
"""Size of features beyond which their squares are no doubles, nor ever asked about."""

LANES = 2**14
"""Numbers of one long integer: it stays in the memory next to a processor."""


def column_sizes(file: Stored, rows: int, least: list[float]) -> list[float]:
    """The largest number of each column in size, or what is given as the least: a reading that looks at every number.

    Args:
        file: an array of two axes.
        rows: that are read at a time.
        least: of each column, not negative.

    Raises:
        Invalid: a number is none, or too large.
    """
    most = list(least)
    for first, part in file.parts(rows):
        if file.typ[0] != "f" or not all(map(math.isfinite, own := _largest(file, part))):
            width = file.shape[1]
            values = file.values(first, part)
            own = [max(map(abs, values[j::width])) for j in range(width)]
        most = list(map(max, most, own))
        if not max(most) <= LARGEST:
            raise Invalid(f"{file.where}, from row {first} on", "a feature is beyond 2^500",
                          "features of ordinary size are needed")
    return most


def _largest(file: Stored, part: bytes) -> list[float]:
    """Of the rows of a part, read as floats."""
    code, width = NPY_TYPES[file.typ], file.shape[1]
    size = struct.calcsize(code)
    if file.order == ">":
        turned = array({2: "H", 4: "I", 8: "Q"}[size], part)
        turned.byteswap()
        part = turned.tobytes()
    step = max(1, LANES // width) * width * size
    found = 0
    for at in range(0, len(part), step):
        some = part[at:at + step]
        rows = len(some) // (width * size)
        found = larger(found, folded(int.from_bytes(some, "little"), rows, width, size), guard(width, size), size)
    return list(struct.unpack(f"<{width}{code}", found.to_bytes(width * size, "little")))


@cache
def guard(lanes: int, size: int) -> int:
    """The highest bit of so many lanes of so many bytes.

    >>> hex(guard(2, 2))
    '0x80008000'
    """
    return int.from_bytes((bytes(size - 1) + b"\x80") * lanes, "little")


def folded(number: int, rows: int, width: int, size: int) -> int:
    """Of each lane of a row the largest in so many rows, the highest bits left out.

    >>> hex(folded(0x8001_0002_0003_8001, 2, 2, 2))
    '0x30002'
    """
    high = guard(rows * width, size)
    number &= high - (high >> 8 * size - 1)
    while rows > 1:
        kept = rows - rows // 2
        place = kept * width * 8 * size
        number = larger(number & (1 << place) - 1, number >> place, high & (1 << place) - 1, size)
        rows = kept
    return number


def larger(a: int, b: int, high: int, size: int) -> int:
    """The larger of both in each lane, whose highest bit is free.

    >>> hex(larger(0x0005_0001, 0x0002_0003, guard(2, 2), 2))
    '0x50003'
    """
    kept = ((a | high) - b) & high
    return b ^ ((a ^ b) & (kept - (kept >> 8 * size - 1)))
