"""D4e in integers: what a contrast keeps at least, whichever m rows go, when some rows are set aside together.

    ½(z + z') − ¼(σG_c + G_r/σ) − T_m(w)
    w_i = ½(c_i r_i + c'_i x'_i + |c'_i|ξ_i) + ¼(σ(c'_i²/(D'_i(1 − κ)) − c_i²) + (r'_i x'_i + |r'_i|ξ_i − r_i²)/σ)

Primes are for the head without the rows set aside. Numbers of both heads are brought to the coarser of their units,
and four times the bound is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from math import isqrt

from certify.check.theorems.head.rows.squared.node import BITS, ONE, above
from certify.check.theorems.head.rows.squared_aside.both import Both
from certify.check.theorems.head.rows.squared_tree.majorant import UNIT, Majorant
from certify.check.theorems.head.rows.squared_tree.root import Point
from certify.check.theorems.head.rows.squared_tree.state import State, first, residual
from certify.check.theorems.head.rows.squared_tree.sums import Terms, sums_at, terms

STEPS, LEAST = 10, 50
"""Steps of the power iteration for κ, and its vector has no entry below one part in so many of the largest."""

FINE = 24
"""Bits of σ, at least."""

WEIGHTS = ((1, 1), (3, 5), (17, 10), (1, 3), (3, 1))
"""Multiples of the σ that balances the constant, as fractions; any σ > 0 is allowed."""

TOP = 3
"""Rows of each kind that count where σ is chosen."""

Pair = tuple[int, int, int]


@dataclass(frozen=True)
class Side:
    """Residuals of one contrast and what is made of them, in common units.

    Attributes:
        r, er: before the rows are set aside, and what each errs by.
        x, ex: `r'/D'`, likewise.
        xi: the comparison.
        q: bounds of `r'x' + |r'|ξ − r²`.
        gained: `G_r`.
        top: `|r|` and `|x|` at most.
    """

    r: list[int]
    er: int
    x: list[int]
    ex: int
    xi: list[int]
    q: list[int]
    gained: int
    top: tuple[int, int]


@dataclass(frozen=True)
class Seen:
    """Influences on one evaluation row, in common units.

    Attributes:
        c, ec: before the rows are set aside, and what each errs by.
        after, ea: without them.
        p: bounds of `c'²/(D'(1 − κ)) − c²`.
        reached: `G_c`.
        shift: of the units.
    """

    c: list[int]
    ec: int
    after: list[int]
    ea: int
    p: list[int]
    reached: int
    shift: int


@dataclass
class Bounds:
    """What is known of both heads for m deletions.

    Attributes:
        both, m: these.
        state: before any deletion from the rest.
        low: `1 − K'_ii`, at least.
        stretch: at least `1/(D'_i(1 − κ))`.
        made: comparisons by contrast; (−1, −1) serves all.
        sides: by contrast, and by which comparison.
    """

    both: Both
    m: int
    state: State
    low: list[int]
    stretch: list[int]
    made: dict[tuple[int, int], Terms | None] = field(default_factory=dict)
    sides: dict[tuple[Pair, bool], Side] = field(default_factory=dict)

    @staticmethod
    def of(both: Both, m: int) -> Bounds | None:
        """None where the coupling of some m rows is not proved below 1."""
        state = first(both.rest, ())
        low = [ONE - d - state.eK for d in state.d]
        if min(low) <= 0:
            return None
        kappa = coupling(state, both.rest.hat, low, m)
        if kappa >= ONE:
            return None
        return Bounds(both, m, state, low, [above(ONE**3, x * (ONE - kappa)) for x in low])

    def stays(self, j: int) -> bool:
        """Whether an evaluation row keeps its label whichever rows go."""
        seen = self._seen(self.both.whole.points[j], self.both.rest.points[j])
        return all(any(side is not None and self._holds(j, n, side, seen)
                       for side in self._each(pair)) for n, pair in enumerate(self.both.rest.points[j].pairs))

    def _each(self, pair: Pair) -> list[Side | None]:
        """By the comparison for all contrasts, and by that of the pair alone."""
        return [self._side(pair, own) for own in ((False, True) if len(self.state.R) > 1 else (False,))]

    def _side(self, pair: Pair, own: bool) -> Side | None:
        found = self._made((min(pair[:2]), max(pair[:2])) if own else (-1, -1))
        if found is None:
            return None
        if (pair, own) not in self.sides:
            self.sides[pair, own] = self._of_pair(pair, found)
        return self.sides[pair, own]

    def _made(self, which: tuple[int, int]) -> Terms | None:
        """The comparison for a contrast of two outputs, or for all."""
        if which not in self.made:
            R = self.state.R
            if len(R) == 1:
                sizes = [abs(x) for x in R[0]]
            elif which[0] < 0:
                sizes = [max(r) - min(r) for r in zip(*R, strict=True)]
            else:
                sizes = [abs(x - y) for x, y in zip(R[which[0]], R[which[1]], strict=True)]
            self.made[which] = terms(self.state, self.both.rest.hat, (), sizes, self.m)
        return self.made[which]

    def _of_pair(self, pair: Pair, found: Terms) -> Side:
        """Residuals of a contrast, brought to common units."""
        both, n = self.both, len(self.low)
        shift = max(both.shifts)
        outputs, (before, after) = both.whole.outputs, (shift - own for own in both.shifts)
        a, b, sign = pair
        R = outputs.R
        whole = [R[a][q] - R[b][q] if b >= 0 else sign * R[0][q] for q in both.left]
        r, er = _coarser(whole, outputs.er * min(2, len(R)), before)
        ra, en = _coarser([residual(self.state, pair, i) for i in range(n)], self.state.pair_error, after)
        xi = [above(v, 1 << after) for v in found.xi]
        most = [above((abs(v) + en) << BITS, low) for v, low in zip(ra, self.low, strict=True)]
        x = [(v << BITS) // (ONE - d) for v, d in zip(ra, self.state.d, strict=True)]
        ex = above((en << BITS) + (max(most) + 1) * self.state.eK, min(self.low)) + 1
        q = [((abs(v) + en) * (y + t) >> BITS) + 1 - (max(abs(u) - er, 0) ** 2 >> BITS)
             for v, y, t, u in zip(ra, most, xi, r, strict=True)]
        return Side(r, er, x, ex, xi, q, both.gained(a, b, shift), (max(map(abs, r)), max(map(abs, x))))

    def _seen(self, before: Point, after: Point) -> Seen:
        """Influences on an evaluation row, brought to common units."""
        shift = max(before.shift, after.shift)
        down, deep = shift - before.shift, shift - after.shift
        every = before.every()
        c, ec = _coarser([every[q] for q in self.both.left], before.ec, down)
        d, ed = _coarser(after.every(), after.ec, deep)
        p = [((abs(y) + ed) ** 2 * g >> 2 * BITS) + 1 - (max(abs(x) - ec, 0) ** 2 >> BITS)
             for x, y, g in zip(c, d, self.stretch, strict=True)]
        reached = above(after.reach, 1 << 2 * deep) - (before.least >> 2 * down)
        return Seen(c, ec, d, ed, p, above(max(reached, 0), ONE), shift)

    def _holds(self, j: int, n: int, side: Side, seen: Seen) -> bool:
        """Whether contrast n of an evaluation row stays positive, for one of some σ."""
        before, after, m = self.both.whole.points[j], self.both.rest.points[j], self.m
        unit = max(self.both.shifts) + seen.shift
        keeps = sum((z.z[n] - z.ez[n]) >> unit - own - z.shift
                    for z, own in zip((before, after), self.both.shifts, strict=True))
        if keeps <= 0:
            return False
        half = [(c * r + d * x + (abs(d) + seen.ea) * t >> BITS - 1) + 1 for c, r, d, x, t in zip(
            seen.c, side.r, seen.after, side.x, side.xi, strict=True)]
        errors = (max(map(abs, seen.c)) * side.er + (side.top[0] + side.er) * seen.ec
                  + max(map(abs, seen.after)) * side.ex + (side.top[1] + side.ex) * seen.ea)
        slack = (errors >> BITS - 1) + 3  # and what is rounded below
        balance = (side.gained + _first(side.q), seen.reached + _first(seen.p))
        fine = max(0, FINE + (balance[1].bit_length() - balance[0].bit_length()) // 2)
        for up, under in WEIGHTS:
            S = max(isqrt((balance[0] << 2 * fine) // balance[1]) * up // under, 1)
            w = [h + (S * p >> fine) + (q << fine) // S for h, p, q in zip(half, seen.p, side.q, strict=True)]
            taken = sum(v + slack for v in nlargest(m, w) if v + slack > 0)
            if taken + above(S * seen.reached, 1 << fine) + above(side.gained << fine, S) < 2 * keeps:
                return True
        return False


def coupling(state: State, hat: Majorant, low: list[int], m: int) -> int:
    """κ with `T_{m−1}(|K'_il|v_l) ≤ κD'_i v_i` for some v > 0, times `2^BITS`, rounded up; the least of a few."""
    n, every = len(low), range(len(low))
    roots = [isqrt(x << BITS) for x in low]
    v, best = [1 << UNIT] * n, None
    for _ in range(STEPS):
        sums = sums_at(state, hat, v, m - 1, every)
        kappa = max(above(s << 2 * BITS - UNIT, x * y) for s, x, y in zip(sums, low, v, strict=True))
        best = kappa if best is None else min(best, kappa)
        w = [(s << BITS) // x for s, x in zip(sums, roots, strict=True)]
        top = max(w)
        v = [max((y << UNIT) // max(top, 1), (1 << UNIT) // LEAST, 1) * ONE // x for y, x in zip(w, roots, strict=True)]
    assert best is not None
    return best


def _coarser(values: Sequence[int], error: int, down: int) -> tuple[list[int], int]:
    """Numbers in coarser units, and what they err by."""
    return ([x >> down for x in values], above(error, 1 << down) + 1) if down else (list(values), error)


def _first(values: list[int]) -> int:
    """About what the largest few add up to; above 0."""
    return max(sum(nlargest(TOP, values)), 1)
