"""Rows on disk as whole numbers, in every reading after the one that has looked at all of their numbers."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import mul

from flint import fmpz_mat

from certify.check.stored.npy import Stored
from certify.check.theorems.head.rows.squared.ridge import whole_rows
from certify.format.refusal import Invalid

NATIVE = {"little": "<", "big": ">"}[sys.byteorder]


@dataclass(frozen=True)
class Whole:
    """Rows of a file as integers: entry `(i, j)` is `2^(shift_j − bits)` times its integer, but for less than that.

    Attributes:
        file: the rows.
        ones: whether a 1 follows the features of each row.
        shifts: powers of two that no number of a column exceeds, and of the 1.
        bits: of the fraction, in the scaled columns.
    """

    file: Stored
    ones: bool
    shifts: Sequence[int]
    bits: int

    @cached_property
    def factors(self) -> list[float] | None:
        """Of every feature; None where one is no float."""
        try:
            return [math.ldexp(1.0, self.bits - s) for s in self.shifts[:self.file.shape[1]]]
        except OverflowError:
            return None

    def parts(self, step: int, turn: int = 0, turns: int = 1) -> Iterator[tuple[int, list[int]]]:
        """So many rows after the others, row by row, with the number of the first.

        Args:
            step: how many rows.
            turn, turns: only every so many parts, from which on; all are read, so that it is the file that is bound.

        Raises:
            Invalid: it is another file now.
        """
        for number, (first, part) in enumerate(self.file.parts(step)):
            if number % turns == turn:
                yield first, self.of(floats(self.file, part))

    def picked(self, step: int, wanted: Sequence[int] | None) -> Iterator[tuple[Sequence[int], list[int]]]:
        """Some of the rows, about so many at a time, with their numbers.

        Args:
            step: how many rows are read at a time, and given at least but for the last ones.
            wanted: their numbers, ascending; None: all rows.

        Raises:
            Invalid: it is another file now.
        """
        if wanted is None:
            yield from ((range(first, first + len(found) // len(self.shifts)), found)
                        for first, found in self.parts(step))
            return
        size, numbers, held = self.file.bytes_a_row, list[int](), list[bytes]()
        for first, part in self.file.parts(step):
            here = wanted[bisect_left(wanted, first):bisect_left(wanted, first + len(part) // size)]
            numbers += here
            held += [part[(i - first) * size:(i - first + 1) * size] for i in here]
            if len(numbers) >= step:
                yield numbers, self.of(floats(self.file, b"".join(held)))
                numbers, held = [], []
        if numbers:
            yield numbers, self.of(floats(self.file, b"".join(held)))

    def of(self, values: Sequence[float]) -> list[int]:
        """The integers of some rows.

        Raises:
            Invalid: a number is none any more.
        """
        width, by = self.file.shape[1], self.factors
        try:
            if by is None:
                rows = [values[i:i + width] for i in range(0, len(values), width)]
                found = list(map(int, whole_rows(rows, self.shifts[:width], self.bits).mid.entries()))
            else:  # the product is exact, but where it is far below 1
                found = list(map(math.trunc, map(mul, values, by * (len(values) // width))))
        except (OverflowError, ValueError):  # no number, or one that is larger than it was
            raise Invalid(self.file.where, "it was read before", "it is another file now") from None
        return self._with_ones(found)

    def exact(self, values: Sequence[float]) -> bool:
        """Whether nothing is lost of these numbers; no where that is not seen at once."""
        if self.factors is None or (self.ones and self.bits < self.shifts[-1]):
            return False
        moved = list(map(mul, values, self.factors * (len(values) // self.file.shape[1])))
        return all(map(float.is_integer, moved)) and moved.count(0.0) == values.count(0.0)

    def _with_ones(self, found: list[int]) -> list[int]:
        """The 1 after the features of each row."""
        if not self.ones:
            return found
        width, last = self.file.shape[1], int(math.ldexp(1.0, self.bits - self.shifts[-1]))
        more = list[int]()
        for i in range(0, len(found), width):
            more += found[i:i + width]
            more.append(last)
        return more


def floats(file: Stored, part: bytes) -> Sequence[float]:
    """The numbers of a part, unlooked at."""
    if file.order == NATIVE and file.typ == "f4":
        return memoryview(part).cast("f").tolist()
    if file.order == NATIVE and file.typ == "f8":
        return memoryview(part).cast("d").tolist()
    found = file.unpacked(part)
    return found if file.typ[0] == "f" else list(map(float, found))


def matrix(values: Sequence[int], width: int) -> fmpz_mat:
    """Integers, row by row."""
    return fmpz_mat(len(values) // width, width, values)
