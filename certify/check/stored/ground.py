"""The normal matrix of rows on disk, and the sums of the rows of every class: exact integers, some rows at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter

from flint import arb, fmpz, fmpz_mat

from certify.check.limits.alive import watched
from certify.check.limits.shares import JOBS, shared
from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import cut
from certify.check.stored.columns import column_sizes
from certify.check.stored.npy import Stored, Values
from certify.check.stored.whole import Whole, floats, matrix
from certify.check.theorems.head.rows.squared import ridge
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge, least
from certify.format.refusal import Invalid

AT_ONCE = 2**20
"""Numbers that are read at a time, about."""

BITS = (24, 36, FEATURE_BITS)
"""Bits of features, the first of these that loses nothing, or the last: short ones are multiplied faster."""


@dataclass(frozen=True)
class Rows:
    """Rows of features and their classes.

    Attributes:
        features: on disk.
        classes: of every row, from 0.
        number: of classes.
        ones: whether a 1 follows the features of each row.
    """

    features: Stored
    classes: Sequence[int]
    number: int
    ones: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, the 1 among them."""
        return self.features.shape[0], self.features.shape[1] + self.ones

    @property
    def step(self) -> int:
        """Rows of a part."""
        return part_of(max(self.shape[1], self.number))

    def parts(self, shifts: Sequence[int], bits: int, step: int = 0, turn: int = 0, turns: int = 1,
              ) -> Iterator[tuple[int, list[int]]]:
        """Some rows after the others in whole numbers, row by row, with the number of the first.

        Args:
            shifts: of the columns.
            bits: behind the point, in scaled columns.
            step: how many rows; `self.step` where nothing is said.
            turn, turns: only every so many parts, from which on.
        """
        step = step or self.step
        return watched(Whole(self.features, self.ones, shifts, bits).parts(step, turn, turns),
                       len(range(turn, -(-self.shape[0] // step), turns)), f"parts of {self.shape[0]} rows")

    def picked(self, shifts: Sequence[int], bits: int, wanted: Sequence[int] | None,
               ) -> Iterator[tuple[Sequence[int], list[int]]]:
        """Some of the rows in whole numbers, row by row, with their numbers.

        Args:
            shifts, bits: as of `parts`.
            wanted: their numbers, ascending; None: all rows.
        """
        count = self.shape[0] if wanted is None else len(wanted)
        return watched(Whole(self.features, self.ones, shifts, bits).picked(self.step, wanted),
                       -(-count // self.step), f"parts of {count} rows")


def part_of(columns: int) -> int:
    """Rows of a part, of so many columns, or with a place for each of so many classes.

    >>> part_of(785), part_of(10**9)
    (1335, 1)
    """
    return max(1, AT_ONCE // columns)


def with_ones(part: list[Values]) -> list[Values]:
    """The same rows, a 1 at the end of each."""
    return [(*row, 1.0) for row in part]


def classes_of(labels: Sequence[float] | Sequence[str], where: str) -> tuple[list[int], int]:
    """The number of the class of every row: labels in order.

    >>> classes_of([3.0, 1.0, 3.0], "labels")
    ([1, 0, 1], 2)
    """
    found = {label: number for number, label in enumerate(sorted(set(labels)))}  # type: ignore[type-var]
    if len(found) < 2:
        raise Invalid(where, f"{len(found)} classes", "at least two are needed")
    return [found[label] for label in labels], len(found)


@dataclass(frozen=True)
class Sums:
    """What one reading of all rows gives.

    Attributes:
        gram: `Σ φ̂φ̂ᵀ`, integers in units of `2^(−2·FEATURE_BITS)`.
        by_class: `(p, c)`: the sum of the φ̂ of every class, in units of `2^−FEATURE_BITS`.
        lost: whether the φ̂ differ from the rows.
    """

    gram: fmpz_mat
    by_class: fmpz_mat
    lost: bool


class Summed(Ridge):
    """The normal matrix of rows that are not there any more.

    Args:
        rows: where they came from.
        shifts: their columns' powers of two.
        sums: of them.
        mu: the penalty.
        decayed: the columns that bear it.
    """

    def __init__(self, rows: Rows, shifts: list[int], sums: Sums, mu: arb, decayed: Sequence[bool]) -> None:
        self.n, self.p = rows.shape
        self.shifts, self.phi = shifts, ridge.Whole(fmpz_mat(0, self.p), FEATURE_BITS, ZERO)
        self.loose = cut(rows.shape, FEATURE_BITS) if sums.lost else ZERO
        self._decay(sums.gram, mu, decayed)


@dataclass(frozen=True)
class Ground:
    """What all questions about the rows rest on.

    Attributes:
        rows: the rows.
        system: their normal matrix.
        by_class: see `Sums`.
        counts: rows of every class.
        bits: of features, with which a reading loses no more than the sums have: nothing, if less than `FEATURE_BITS`.
    """

    rows: Rows
    system: Summed
    by_class: fmpz_mat
    counts: tuple[int, ...]
    bits: int


def ground(rows: Rows, penalty: float, free: bool | None, tell: Callable[[str], None]) -> Ground:
    """Read the rows: once for their sizes, and once or a few times more for the sums.

    Args:
        rows: on disk.
        penalty: of the sum form, above 0.
        free: whether the last column is an intercept without penalty.
        tell: told what was done.
    """
    p = rows.shape[1]
    decayed = [True] * (p - 1) + [not free]
    mu = arb(penalty)
    most = least(mu, decayed)
    if rows.ones:
        most[-1] = max(most[-1], 1.0)
    most[:rows.features.shape[1]] = column_sizes(rows.features, rows.step, most[:rows.features.shape[1]])
    tell("the rows are read, and their bytes are the ones the certificate binds")
    shifts = [math.frexp(m)[1] for m in most]
    bits, sums = next((bits, found) for bits in BITS if (found := _sums(rows, shifts, bits)) is not None)
    tell("the normal matrix is summed")
    counts = [0] * rows.number
    for y in rows.classes:
        counts[y] += 1
    return Ground(rows, Summed(rows, shifts, sums, mu, decayed), sums.by_class, tuple(counts), bits)


def _sums(rows: Rows, shifts: list[int], bits: int) -> Sums | None:
    """The sums of rows in so many bits; None where more would lose less."""
    turns = JOBS.get()
    found = shared(lambda turn: _some_sums(rows, shifts, bits, turn, turns), turns)
    p, up = rows.shape[1], FEATURE_BITS - bits
    gram, by_class, lost = fmpz_mat(p, p), fmpz_mat(p, rows.number), False
    for one in found:
        if one is None:
            return None
        gram += fmpz_mat(p, p, one[0])
        by_class += fmpz_mat(p, rows.number, one[1])
        lost = lost or one[2]
    return Sums(gram * (fmpz(1) << 2 * up), by_class * (fmpz(1) << up), lost)


def _some_sums(rows: Rows, shifts: list[int], bits: int, turn: int, turns: int,
               ) -> tuple[list[fmpz], list[fmpz], bool] | None:
    """Those of every so many parts."""
    p, whole = rows.shape[1], Whole(rows.features, rows.ones, shifts, bits)
    gram, by_class, lost = fmpz_mat(p, p), fmpz_mat(p, rows.number), False
    parts = watched(rows.features.parts(rows.step), -(-rows.shape[0] // rows.step), f"parts of {rows.shape[0]} rows")
    for number, (first, part) in enumerate(parts):
        if number % turns != turn:
            continue
        values = floats(rows.features, part)
        if not (lost or whole.exact(values)):
            if bits < BITS[-1]:
                return None
            lost = True
        block = matrix(whole.of(values), p)
        across = block.transpose()
        gram += across * block
        by_class += across * _members(rows.classes[first:first + block.nrows()], rows.number)
    return gram.entries(), by_class.entries(), lost


def _members(classes: Sequence[int], number: int) -> fmpz_mat:
    """`(rows, classes)`: 1 where a row is of a class."""
    found = fmpz_mat(len(classes), number)
    for i, y in enumerate(classes):
        found[i, y] = 1
    return found


def by_class(part: list[int], classes: Sequence[int]) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Rows of a part one class after another, and for each class its first and last.

    Args:
        part: row by row.
        classes: of the rows.

    >>> by_class([1, 2, 3], [1, 0, 1])
    ([2, 1, 3], [(0, 0, 1), (1, 1, 3)])
    """
    width = len(part) // len(classes)
    order = [i for i, _ in sorted(enumerate(classes), key=itemgetter(1))]
    ends, at = list[tuple[int, int, int]](), 0
    for y, those in groupby(order, classes.__getitem__):
        last = at + len(list(those))
        ends.append((y, at, last))
        at = last
    return list(chain.from_iterable(part[i * width:(i + 1) * width] for i in order)), ends
