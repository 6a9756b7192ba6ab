"""Sums of integers of eight bytes, many at once: a row of them stands in two long integers, every other one in each.

A number takes 16 bytes there, so that a sum of products with numbers of 41 bits has room. What Python does with a long
integer it does for all that stand in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MOST = 1 << 22
"""Products that a place has room for: numbers of 64 bits, from 0 on, times some of 41, and a sign."""


def sums(rows: Iterable[memoryview], vectors: Sequence[Sequence[int]], length: int) -> list[list[int]]:
    """For every vector v the sums `Σ_j v_j·rows_j`, exact: of each of `length` places.

    With `x + 2^63` in the place of x no number is below 0, and nothing is borrowed from the next place. A sum is from
    −2^126 on and below 2^126; plus 2^127 it is above 0.

    Args:
        rows: up to `MOST` rows of bytes.
        vectors: for each row an integer of up to 41 bits.
        length: numbers of a row.
    """
    wide = length + length % 2
    high = int.from_bytes((bytes(7) + b"\x80") * wide, "little")
    every = int.from_bytes((b"\xff" * 8 + bytes(8)) * (wide // 2), "little")
    held = [[0, 0] for _ in vectors]
    for at, row in enumerate(rows):
        number = int.from_bytes(row, "little") ^ high
        even, odd = number & every, number >> 64 & every
        for own, vector in zip(held, vectors, strict=True):
            factor = vector[at]
            own[0] += even * factor
            own[1] += odd * factor
    found = []
    for own, vector in zip(held, vectors, strict=True):
        away, values = (1 << 127) + (sum(vector) << 63), [0] * wide
        for side in (0, 1):
            values[side::2] = [x - away for x in _read(own[side], wide // 2)]
        found.append(values[:length])
    return found


def _read(number: int, places: int) -> list[int]:
    """What stands in each place, plus 2^127."""
    half = int.from_bytes((bytes(15) + b"\x80") * places, "little")
    parts = memoryview((number + half).to_bytes(16 * places, "little")).cast("Q").tolist()
    return [low | high << 64 for low, high in zip(parts[::2], parts[1::2], strict=True)]
