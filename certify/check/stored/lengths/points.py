"""Evaluation rows: which lengths alone decide, and what single rows take from the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import mul

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import longest, scale
from certify.check.stored.beside import energies
from certify.check.stored.evaluated import BATCH, Weights, labels_of
from certify.check.stored.ground import with_ones
from certify.check.stored.lengths.curvature import SOME, Proposed
from certify.check.stored.npy import Stored
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Solution, whole_rows

FINE = 30
"""Bits of what a row pulls, and of how it bends."""

SHORT, FEWEST = 62, 20
"""Bits that an influence has at most where its point is cut for that, as longer integers take ten times as long to be
read; and with how few bits of a point that is not done."""


@dataclass
class Point:
    """An evaluation row e, with the sign of its label, that is to keep `e·w > 0`, or to lose it.

    Attributes:
        number, label: of it.
        margin: `e·ŵ`.
        energy: at least `|e|` in the norm of the inverse of H.
        solution: `u ≈ K⁻¹e`.
        rows: those that are named; None where it is to stay.
        most: the largest `c_jπ⁺_j`, integers.
        bar: how large another one has to be.
        bent: the largest `|c_j|β(x_j)`.
        named: by row `y_jφ̂_j·u`, and between what it pulls.
        drop: how many bits of u are cut off in all of these.
    """

    number: int
    label: int
    margin: arb
    energy: arb
    solution: Solution
    rows: tuple[int, ...] | None
    most: list[int] = field(default_factory=list)
    bar: int = 0
    bent: int = 0
    named: dict[int, tuple[int, arb]] = field(default_factory=dict)
    drop: int = 0

    def start(self, bits: int) -> list[fmpz]:
        """Forget what was found; what is left of u for features of so many bits, each less than 1 in size."""
        self.most, self.bar, self.bent, self.named = [], 0, 0, {}
        u = self.solution.u
        room = SHORT - bits - len(u).bit_length()
        self.drop = max(0, longest(u) - room) if room >= FEWEST else 0
        return [x >> self.drop for x in u]

    def unit(self, bits: int) -> arb:
        """Of influences, with features of so many bits."""
        return scale(bits + self.solution.bits - self.drop)

    @property
    def cut(self) -> arb:
        """What an influence loses by the bits that are cut off u: less than one of them in every column."""
        return len(self.solution.u) * scale(self.solution.bits - self.drop) if self.drop else ZERO

    def take(self, values: Sequence[int], pulls: Pulls, count: int) -> None:
        """Influences of rows that follow, and what these weigh."""
        largest = max(max(values), -min(values))
        self.bent = max(self.bent, largest * pulls.bend)
        if self.rows is not None or largest * pulls.heaviest <= self.bar:
            return
        bar = self.bar
        more = [x for x in map(mul, values, pulls.weights) if x > bar]
        if more:
            self.most += more
            if len(self.most) > count:
                self.most.sort(reverse=True)
                del self.most[count:]
                self.bar = self.most[-1]


@dataclass(frozen=True)
class Pulls:
    """What rows that follow each other weigh.

    Attributes:
        signs: labels ±1.
        weights: signs times upper bounds of π, in units of `2^−FINE`.
        bend: an upper bound of every β, in these units.
        between: by place π, as a ball, of the rows that are named for a point.
    """

    signs: list[int]
    weights: list[int]
    bend: int
    between: dict[int, arb]

    @cached_property
    def heaviest(self) -> int:
        """The largest weight in size."""
        return max(map(abs, self.weights))


class Points:
    """Those that lengths do not decide.

    Args:
        points: all of them.
        count: how many rows may change.
        bits: of features.
    """

    def __init__(self, points: list[Point], count: int, bits: int) -> None:
        self.points, self.count = points, count
        self.across = fmpz_mat([one.start(bits) for one in points]) if points else None
        self.wanted: dict[int, list[Point]] = {}
        for one in points:
            for row in one.rows or ():
                self.wanted.setdefault(row, []).append(one)

    def take(self, first: int, turned: fmpz_mat, pulls: Pulls) -> None:
        """Training rows that follow each other, as columns of integers."""
        if self.across is None:
            return
        values, size = list(map(int, (self.across * turned).entries())), turned.ncols()
        for at, one in enumerate(self.points):
            own = values[at * size:(at + 1) * size]
            one.take(own, pulls, self.count)
        places = {id(one): at for at, one in enumerate(self.points)} if self.wanted else {}
        for row in range(first, first + size) if self.wanted else ():
            for one in self.wanted.get(row, ()):
                value = values[places[id(one)] * size + row - first]
                one.named[row] = pulls.signs[row - first] * value, pulls.between[row - first]


def evaluated(system: Proposed, rows: Stored, ones: bool, centre: Weights, given: Weights,
              asked: dict[int, tuple[int, ...] | None]) -> Iterator[Point]:
    """Every evaluation row that is asked about; its label is −1 where the given weights do not say it.

    Args:
        system: the curvature.
        rows: on disk.
        ones: whether a 1 follows the features of each row.
        centre: ŵ, which is what its integers are.
        given: the weights of the model file.
        asked: by number the rows that are named for it; None where it is to stay.
    """
    for first, part in rows.numbers(BATCH):
        wanted = [i for i in range(len(part)) if first + i in asked]
        if not wanted:
            continue
        some = [part[i] for i in wanted]
        E = whole_rows(with_ones(some) if ones else some, system.shifts, FEATURE_BITS)
        labels, solutions = labels_of(E, given), system.solved(E)
        lengths = energies(E.mid.tolist(), E.bits, E.radius, solutions)
        outputs, error = (E.mid * centre.mid).entries(), arb(0, 1) * E.radius * centre.length
        for r, i in enumerate(wanted):
            sign, s = 1 if labels[r] else -1, solutions[r]
            turned = s if sign > 0 else Solution([-x for x in s.u], s.bits, s.off, s.length, s.size)
            yield Point(first + i, labels[r], sign * arb(outputs[r]) * scale(E.bits + centre.bits) + error,
                        (lengths[r] * (1 + SOME)).upper(), turned, asked[first + i])
