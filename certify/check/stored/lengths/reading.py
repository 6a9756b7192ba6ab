"""The one reading of the rows that D14 takes: gradient, curvature, lengths, pulls and influences at once."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from operator import mul

from flint import arb, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import scale
from certify.check.stored.evaluated import Weights
from certify.check.stored.ground import Rows
from certify.check.stored.lengths.curvature import SOME, WEIGHT_BITS, Cut, Proposed
from certify.check.stored.lengths.points import FINE, Points, Pulls
from certify.check.stored.lengths.slopes import bend_over, grown, slopes
from certify.check.stored.npy import Values
from certify.format.refusal import Invalid

AT_ONCE = 64
"""Rows of a block: the squares of its lengths are on the diagonal of a small product."""

WHOLE, DRAWN = 60, 15
"""Bits behind the point of features that are weighed, and of their products with random probes, which are larger."""

SLOPE_BITS, PLACES = 60, 64
"""Bits of a slope behind the point, and of balls of a row."""

FARTHEST, MOVED = 600, 16
"""A margin beyond which nothing is said of the curvature; and how far it may move at most."""


@dataclass(frozen=True)
class Asked:
    """What the reading is made with.

    Attributes:
        rows: the training rows.
        system: the curvature K that is proposed.
        lost: what bits of features lose.
        centre: ŵ.
        distance: how far the minimum is said to move.
        deletes: whether rows are deleted; else they get the other label.
        points: the evaluation rows that lengths do not decide.
    """

    rows: Rows
    system: Proposed
    lost: Cut
    centre: Weights
    distance: arb
    deletes: bool
    points: Points


class Reading:
    """What was found; all ends are upper bounds.

    Args:
        asked: what it is made with.

    Attributes:
        pulls, leverages: `q_j|s_j|` and `r_j²|s_j|²` of every row, in the norm of the inverse of H.
        longest: the largest `|s_j|`.
        unsure: ε, so that `|l''(t_j) − r_j²| ≤ εr_j²`.
        pulled: `Σ p̂_jy_jφ̂_j`, in units of `2^−(bits + SLOPE_BITS)`.
        squares, slack: `Σ p̂_j²`, and what each is off by but for less than 1, in units of `2^−SLOPE_BITS`.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.pulls, self.leverages = array("d"), array("d")
        self.longest, self.unsure, self.squares, self.slack = 0.0, 0.0, 0, 0.0
        self.pulled = fmpz_mat(asked.system.p, 1)
        self._short, bits, more = asked.system.short(asked.lost.room)
        self._unit, self._more = scale(2 * asked.lost.bits + bits), more
        # |v| in the norm of the inverse of H, by that of K; and what a row loses of its length
        self._beside = (asked.lost.row * asked.system.stretch).upper()

    def image(self, V: fmpz_mat | None) -> tuple[fmpz_mat, int, arb]:
        """Read the rows; `(Ĥ − K)V` as integers, their bits, and an error; V is the identity where there is none."""
        system, lost = self.asked.system, self.asked.lost
        p = system.p
        width, fine = (p, WHOLE) if V is None else (V.ncols(), DRAWN)
        total, drop = fmpz_mat(p, width), lost.bits + WEIGHT_BITS - fine
        for first, turned, block in self._blocks():
            weights = self._row_by_row(first, block, turned)
            image = list(map(int, (block if V is None else block * V).entries()))
            short = [d * x >> drop for i, d in enumerate(weights) for x in image[i * width:(i + 1) * width]]
            total += turned * fmpz_mat(len(weights), width, short)
        rest = -system.matrix.mid
        for a, own in enumerate(system.decay):
            rest[a, a] += own
        # |Φ̂ᵀδ| ≤ √n·longest·√n·2^−fine in every column, for what is cut off
        error = system.longest * system.n * scale(fine)
        up = fmpz(1) << system.matrix.bits - lost.bits - fine
        return total * up + (rest if V is None else rest * V), system.matrix.bits, error.upper()

    def largest(self, count: int) -> tuple[arb, arb]:
        """The sums of the largest pulls and leverages, no less."""
        found = [sum((arb(x) for x in nlargest(count, those)), ZERO).upper() for those in (self.pulls, self.leverages)]
        return found[0], found[1]

    def _blocks(self) -> Iterator[tuple[int, fmpz_mat, fmpz_mat]]:
        """Some rows after the others in integers: the number of the first, and the block, turned and as it is."""
        asked = self.asked
        factors = [math.ldexp(1.0, asked.lost.bits - s) for s in asked.system.shifts]
        for first, part in asked.rows.features.numbers(asked.rows.step):
            for at in range(0, len(part), AT_ONCE):
                some = part[at:at + AT_ONCE]
                block = fmpz_mat(len(some), asked.system.p, self._integers(some, factors))
                yield first + at, block.transpose(), block

    def _integers(self, some: Sequence[Values], factors: Sequence[float]) -> list[int]:
        """Scaled features, cut: the product is exact but where it is far below 1."""
        values, last = list[int](), [int(factors[-1])] * self.asked.rows.ones
        try:
            for row in some:
                values += map(int, map(mul, row, factors))
                values += last
        except (OverflowError, ValueError):  # larger than in the first reading
            raise Invalid(self.asked.rows.features.where, "it was read before", "it is another file now") from None
        return values

    def _row_by_row(self, first: int, block: fmpz_mat, turned: fmpz_mat) -> list[int]:
        """Slopes and lengths of a block; `r_j²` in units of `2^−WEIGHT_BITS`."""
        asked, squares = self.asked, (block * self._short) * turned
        unit = scale(asked.lost.bits + asked.centre.bits)
        off, weights, slopes_ = arb(0, 1) * asked.lost.margin, list[int](), list[int]()
        pulls = Pulls([], [], [], [])
        outputs = (block * asked.centre.mid).entries()
        with ctx.workprec(PLACES):
            for i, value in enumerate(outputs):
                y = 1 if asked.rows.classes[first + i] else -1
                t = arb(value * y) * unit
                if not abs(t) < FARTHEST:
                    raise Invalid(f"{asked.rows.features.where}, row {first + i}",
                                  f"its margin at the centre is beyond {FARTHEST}", "nothing is said of its curvature")
                p, bent = slopes(t + off)
                weights.append(self._weight(bent))
                slopes_.append(y * self._slope(t))
                length = self._length(squares[i, i])
                self._count(p, length, float(bent.mid()))
                if asked.points.points:
                    self._weigh(pulls, y, p, bent, length)
        self.pulled += turned * fmpz_mat(len(slopes_), 1, slopes_)
        asked.points.take(first, turned, pulls)
        return weights

    def _slope(self, t: arb) -> int:
        """`p̂` near the slope at what is left of the features, in units of `2^−SLOPE_BITS`."""
        ball = slopes(t)[0] * arb(2) ** SLOPE_BITS
        mid = int(ball.mid().floor().unique_fmpz() or 0)
        self.slack = max(self.slack, above(ball.rad()))
        self.squares += mid * mid
        return mid

    def _weight(self, bent: arb) -> int:
        """`r²` is the float in the middle of a ball around `l''`.

        Raises:
            Invalid: the ball is wider than any curvature is large, as where bits of features say little of a margin.
        """
        if not bent < 1:
            raise Invalid("witness file", "it has a centre", "the curvature of a row is not known there")
        square = float(bent.mid())
        part = above((bent / square - 1).abs_upper()) if square > 0 else math.inf
        self.unsure = max(self.unsure, part)
        return int(math.ldexp(square, WEIGHT_BITS))

    def _length(self, square: fmpz) -> arb:
        """At least `|s|` in the norm of the inverse of H."""
        inner = (arb(square) * self._unit + self._more).max(ZERO)
        return ((inner.upper().sqrt() + self._beside) * (1 + SOME)).upper()

    def _count(self, p: arb, length: arb, square: float) -> None:
        """A row's pull and leverage."""
        self.longest = max(self.longest, above(length))
        self.pulls.append(above(p.upper() * length if self.asked.deletes else length))
        self.leverages.append(above(length * length * square))

    def _weigh(self, pulls: Pulls, y: int, p: arb, bent: arb, length: arb) -> None:
        """Between what a row pulls where its margin may have moved: `p ± (1 + ε)r²(e^x − 1)`, within 0 and 1."""
        x = (self.asked.distance * length).upper()
        if not x < MOVED:
            raise Invalid("witness file", "it has a distance", "margins may move so far that nothing follows")
        low = high = arb(1)
        if self.asked.deletes:
            # |l'(t + τ) − l'(t)| ≤ l''(t)(e^|τ| − 1), of all margins in the ball
            change = bent.upper() * grown(x)
            low, high = (p.lower() - change).max(ZERO).lower(), (p.upper() + change).min(arb(1)).upper()
        pulls.signs.append(y)
        pulls.weights.append(y * integer(high))
        pulls.bends.append(integer(bend_over(x)))
        pulls.between.append(low.union(high))


def above(x: arb) -> float:
    """A float no less than a number that is not negative; infinite where it is none.

    >>> above(arb(0)) > 0, above(arb(1) / 3) > 1 / 3, above(arb("nan"))
    (True, True, inf)
    """
    found = float(x.upper()) if x.is_finite() else math.inf
    return math.nextafter(found, math.inf) if found >= 0 else math.inf


def integer(x: arb) -> int:
    """A number that is not negative in units of `2^−FINE`, rounded up."""
    return int((x * arb(2) ** FINE).upper().ceil().upper().unique_fmpz() or 0)
