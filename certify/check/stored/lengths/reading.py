"""The one reading of the rows that D14 takes: gradient, curvature, lengths, pulls and influences at once."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappush, heappushpop, nlargest

from flint import arb, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import ONE, ZERO
from certify.check.linalg.fixed import scale
from certify.check.stored.evaluated import Weights
from certify.check.stored.ground import Rows
from certify.check.stored.lengths.curvature import SOME, WEIGHT_BITS, Cut, Proposed
from certify.check.stored.lengths.points import FINE, Points, Pulls
from certify.check.stored.lengths.row_lengths import RowLengths
from certify.check.stored.lengths.slopes import ROUNDED, bend_over, grown, in_doubles, slopes
from certify.check.stored.whole import matrix
from certify.format.refusal import Invalid

AT_ONCE = 64
"""Rows of a block: the squares of its lengths are on the diagonal of a small product."""

WHOLE, DRAWN = 60, 15
"""Bits behind the point of features that are weighed, and of their products with random probes, which are larger."""

SLOPE_BITS, PLACES, ROOT = 60, 64, 64
"""Bits of a slope behind the point, of balls of a row, and of its length behind the point."""

RAISED, LEAST = 1 + 2.0**-50, 2.0**-1000
"""More than what a few products or sums of doubles that are not negative are rounded down by; and where they may be so
small that another part of them is."""

LONGER = 1.125
"""Times the longest row so far as which others may count; and leverages by the square of it."""

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
        count: how many rows may change.
    """

    rows: Rows
    system: Proposed
    lost: Cut
    centre: Weights
    distance: arb
    deletes: bool
    points: Points
    count: int


@dataclass(slots=True)
class Seen:
    """A row.

    Attributes:
        y: its label, 1 or −1.
        value: its margin at the centre, times y, in units that its reading has.
        bent: its curvature at what is left of its features, but for `ROUNDED`; it is `r²`.
        top: at least its slope there, wherever margins are that are near the one that is seen.
        length: at least `|s|` in the norm of the inverse of H.
    """

    y: int
    value: fmpz
    bent: float
    top: float
    length: float


class Reading:
    """What was found; all ends are upper bounds.

    Args:
        asked: what it is made with.

    Attributes:
        pulls, leverages: `q_j|s_j|` and `r_j²|s_j|²` of every row, in the norm of the inverse of H; lengths by
            bounds alone where these show that a row is not among those that pull most, nor any sum of leverages more
            than `LONGER²` times as large.
        longest: the largest `|s_j|`.
        pulled: `Σ p̂_jy_jφ̂_j`, in units of `2^−(bits + SLOPE_BITS)`.
        squares: `Σ p̂_j²`, in units of `2^−2SLOPE_BITS`.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.pulls, self.leverages = array("d"), array("d")
        self._most: tuple[list[float], list[float]] = ([], [])
        self._known = 0.0
        self.longest, self.squares = 0.0, 0
        self.pulled = fmpz_mat(asked.system.p, 1)
        self._short, bits, more = asked.system.short(asked.lost.room)
        self._forms = RowLengths(self._short, asked.lost.exactly)
        # |v| in the norm of the inverse of H, by that of K; and what a row loses of its length
        self._up, self._more = 2 * ROOT - 2 * asked.lost.bits - bits, _whole(more, 2 * ROOT)
        self._times = above(scale(ROOT) * (1 + SOME) * RAISED)
        self._beside = above(asked.lost.row * asked.system.stretch * (1 + SOME) * RAISED)
        self._part = self._moved_part()
        self._place = scale(asked.lost.bits + asked.centre.bits)

    def image(self, V: fmpz_mat | None) -> tuple[fmpz_mat, int, arb]:
        """Read the rows; `(Ĥ − K)V` as integers, their bits, and an error; V is the identity where there is none."""
        system, lost = self.asked.system, self.asked.lost
        p = system.p
        width, fine = (p, WHOLE) if V is None else (V.ncols(), DRAWN)
        total, drop = fmpz_mat(p, width), lost.bits + WEIGHT_BITS - fine
        for first, values, block in self._blocks():
            turned = block.transpose()
            weights = self._row_by_row(first, values, block, turned)
            image = (block if V is None else block * V).entries()
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

    def _blocks(self) -> Iterator[tuple[int, list[int], fmpz_mat]]:
        """Some rows after the others in integers: the number of the first, all of them in a row, and as a matrix."""
        asked, p = self.asked, self.asked.system.p
        for first, values in asked.rows.parts(asked.system.shifts, asked.lost.bits, AT_ONCE):
            yield first, values, matrix(values, p)

    def _row_by_row(self, first: int, values: list[int], block: fmpz_mat, turned: fmpz_mat) -> list[fmpz]:
        """Slopes and lengths of a block; `r_j²` in units of `2^−WEIGHT_BITS`."""
        asked, part, unit = self.asked, above(self._part), self._place
        seen, slopes_ = list[Seen](), list[int]()
        with ctx.workprec(PLACES):
            for i, (value, form) in enumerate(zip((block * asked.centre.mid).entries(),
                                                  self._forms.over(block, turned), strict=True)):
                y = 1 if asked.rows.classes[first + i] else -1
                t = arb(value) * unit
                if not abs(t) < FARTHEST:
                    raise Invalid(f"{asked.rows.features.where}, row {first + i}",
                                  f"its margin at the centre is beyond {FARTHEST}", "nothing is said of its curvature")
                p, bent = in_doubles(t if y > 0 else -t)
                mid = int(p * 2.0**SLOPE_BITS)
                self.squares += mid * mid
                slopes_.append(y * mid)
                top = (p + bent * part) * RAISED * (1 + ROUNDED)
                seen.append(Seen(y, value, bent, top, self._length(form)))
            self._exactly(seen, values)
            for one in seen:
                self._count(one.top, one.length, one.bent)
            if asked.points.points:
                asked.points.take(first, turned, self._weighed(first, seen))
        self.pulled += turned * fmpz_mat(len(slopes_), 1, slopes_)
        return [fmpz(int(math.ldexp(one.bent, WEIGHT_BITS))) for one in seen]

    def _exactly(self, seen: list[Seen], values: list[int]) -> None:
        """The form itself of the rows that may be among those that pull most, or have more than may be counted."""
        if not self._forms.bounded:
            return
        p, count, (pulls, leverages) = self.asked.system.p, self.asked.count, self._most
        bar, other = (own[0] if len(own) == count else -1.0 for own in self._most)
        wanted = [i for i, one in enumerate(seen) if one.length > self._known or self._pull(one.top, one.length) > bar
                  or leverage(one.length, one.bent) > LONGER * LONGER * other]
        rows = [x for i in wanted for x in values[i * p:(i + 1) * p]]
        forms = self._forms.exact(rows) if wanted else []
        for i, form in zip(wanted, forms, strict=True):
            one = seen[i]
            one.length = min(one.length, self._length(form))
            self._known = max(self._known, LONGER * one.length)
            for own, value in ((pulls, self._pull(one.top, one.length)),
                               (leverages, leverage(one.length, one.bent))):
                (heappush if len(own) < count else heappushpop)(own, value)

    def _moved_part(self) -> arb:
        """`e^δ − 1`: l'' changes by no larger part where a margin moves by δ, and p by no more than that of l''.

        Raises:
            Invalid: it is large, as where bits of features say little of a margin.
        """
        part = grown(self.asked.lost.margin)
        if not part < 1:
            raise Invalid("witness file", "it has a centre", "the curvature of a row is not known there")
        return part

    @property
    def doubt(self) -> arb:
        """ε, so that `|l''(t_j) − r_j²| ≤ εr_j²`: `l''(t_j)` is off `l''(t̂_j) ≤ (1 + ε₀)r_j²` by `e^δ − 1` of it."""
        return (ROUNDED + (1 + arb(ROUNDED)) * self._part).upper()

    @property
    def slack(self) -> arb:
        """What each `p̂_j` is off the slope at what is left of the features, in units of `2^−SLOPE_BITS`."""
        return 1 + arb(ROUNDED) * arb(2) ** SLOPE_BITS

    def _length(self, square: fmpz) -> float:
        """At least `|s|` in the norm of the inverse of H."""
        inner = (square << self._up if self._up >= 0 else (square >> -self._up) + 1) + self._more
        return (float(inner.isqrt() + 1) * self._times + self._beside) * RAISED if inner > 0 else self._beside

    def _pull(self, p: float, length: float) -> float:
        """At most what a row pulls."""
        return p * length * RAISED + LEAST if self.asked.deletes else length

    def _count(self, p: float, length: float, square: float) -> None:
        """A row's pull and leverage."""
        self.longest = max(self.longest, length)
        self.pulls.append(self._pull(p, length))
        self.leverages.append(leverage(length, square))

    def _weighed(self, first: int, seen: list[Seen]) -> Pulls:
        """Between what rows pull where their margins may have moved: `p ± (1 + ε)r²(e^x − 1)`, within 0 and 1."""
        asked = self.asked
        farthest = (asked.distance * max(one.length for one in seen)).upper()
        if not farthest < MOVED:
            raise Invalid("witness file", "it has a distance", "margins may move so far that nothing follows")
        weights = [one.y << FINE for one in seen]
        if asked.deletes:
            # |l'(t + τ) − l'(t)| ≤ l''(t)(e^|τ| − 1), of all margins near the one that is seen; and that rises at most
            # as it does for the longest row
            rise = grown(farthest) / farthest if farthest > 0 else ONE
            steep = above((1 + self._part) * (1 + ROUNDED) * rise * asked.distance * RAISED)
            heavy = ((one.top + one.bent * (steep * one.length) * RAISED) * RAISED for one in seen)
            # 1.0 comes first, so that it is taken where the other one is no number
            weights = [one.y * (math.ceil(min(1.0, high) * 2.0**FINE)) for one, high in zip(seen, heavy, strict=True)]
        between = {i: self._between(one) for i, one in enumerate(seen) if first + i in asked.points.wanted}
        return Pulls([one.y for one in seen], weights, integer(bend_over(farthest)), between)

    def _between(self, one: Seen) -> arb:
        """The same, from both sides, of a row that is named."""
        if not self.asked.deletes:
            return ONE
        p, bent = slopes(arb(one.value * one.y) * self._place)
        x = (self.asked.distance * one.length).upper()
        change = (bent * (self._part + (1 + self._part) * grown(x))).upper()
        return (p - change).lower().max(ZERO).union((p + change).upper().min(ONE))


def leverage(length: float, square: float) -> float:
    """At most `r²|s|²`.

    >>> leverage(0.1, 0.25) >= 0.0025
    True
    """
    return length * length * square * RAISED + LEAST


def above(x: arb) -> float:
    """A float no less than a number that is not negative; infinite where it is none.

    >>> above(arb(0)) > 0, above(arb(1) / 3) > 1 / 3, above(arb("nan"))
    (True, True, inf)
    """
    found = float(x.upper()) if x.is_finite() else math.inf
    return math.nextafter(found, math.inf) if found >= 0 else math.inf


def integer(x: arb) -> int:
    """A number that is not negative in units of `2^−FINE`, rounded up."""
    return math.ceil(math.ldexp(above(x), FINE))


def _whole(x: arb, bits: int) -> fmpz:
    """A number that is not negative in units of `2^−bits`, rounded up.

    Raises:
        Invalid: it is none, or infinite.
    """
    found: fmpz | None = (x * arb(2) ** bits).upper().ceil().upper().unique_fmpz() if x.is_finite() else None
    if found is None:
        raise Invalid("witness file", "it has a curvature", "an inverse of it is needed that says how long rows are")
    return found
