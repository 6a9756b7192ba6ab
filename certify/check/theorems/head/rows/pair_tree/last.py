"""D13, the last level, in doubles that bound: which labels may be changed as well, by one step `−H⁻¹s_i` for each.

Products of rows are whole numbers, as in `steps`; all terms are nonnegative.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, ldexp, sqrt
from operator import mul

from flint import arb, arb_mat, fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import LOST, WEIGHT, few
from certify.check.theorems.head.rows.boxes.leaves import Base
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.products import inverse
from certify.check.theorems.head.rows.pair_tree.curves import BENT, FEWER, THIRD, curve, kept_part, most_between
from certify.check.theorems.head.rows.pair_tree.numbers import UP, roots, up
from certify.check.theorems.head.rows.pair_tree.steps import row_lengths

LONG, FARTHEST, LARGEST = 512, 64.0, 2.0**100
"""Rows whose own margins are followed under every step, the longest; the largest move, and the largest length."""

NEAR, GROWN, TRIES = 1.05, 2.0, 3
"""Room where margins move farther than stated, how many times as far they may, and tries: any such numbers will do."""

AT_ONCE = 256
"""Steps whose products with rows are held at a time."""


class Last:
    """The bound for single rows, if margins move by at most `reach` beyond the steps.

    Args:
        b: the inverse at the centre.
        followed: rows under whose steps every margin is followed.
        others: the other rows.
        reach: a positive number for each row of the data.

    Attributes:
        proved: whether it is; `rho`: how far each refit lies from its step, in the norm of A, rows as in `rows`.
    """

    def __init__(self, b: Base, followed: Sequence[int], others: Sequence[int], reach: Sequence[float]) -> None:
        self.b, self.rows, self.proved = b, [*followed, *others], False
        s = b.c.sums
        self.norms = [up(x) for x in s.norms]
        self.size = row_lengths(s, (b.X, b.off, b.big))
        if not all(x < LARGEST for x in (*self.size, *self.norms, up(b.big + b.off), up(s.short.epsilon))):
            return
        self.long = sorted(range(s.n), key=self.size.__getitem__, reverse=True)[:LONG]
        far = max((self.size[i] for i in others), default=0.0)
        self.moved = [x * far * UP for x in self.size]
        near, found = self._squares(range(s.n), followed)
        some, seen = self._squares(self.long, others)
        for j, x in zip(self.long, seen, strict=True):
            self.moved[j] = min(self.moved[j], x)
        self.moved = [max(x, y) for x, y in zip(self.moved, found, strict=True)]
        if not all(x < FARTHEST for x in self.moved):  # a largest one would pass over what is no number
            return
        for _ in range(TRIES):
            if not self._curved(reach) or (rho := self._rho(near, some, others)) is None:
                return
            if not all(x < inf for x in rho):  # or no number
                return
            self.rho, a = rho, max(rho, default=0.0)
            needed = max((a * x * UP / y for x, y in zip(self.long_in_A, reach, strict=True)), default=0.0)
            self.proved = needed < 1.0
            if self.proved or not needed < GROWN:
                return
            reach = [needed * NEAR * x for x in reach]

    def _squares(self, seen: Sequence[int], rows: Sequence[int]) -> tuple[list[list[float]], list[float]]:
        """Row by row of the steps the squares of changes of some margins, and the largest change of each margin."""
        b, s = self.b, self.b.c.sums
        p, epsilon, big = s.p, up(s.short.epsilon), up(b.big + b.off)
        left = fmpz_mat(len(seen), p, [x for j in seen for x in s.short.rows[j]]).transpose() if len(seen) else None
        units = [ldexp(1.0, s.short.unit[j]) for j in seen]
        norms = [self.norms[j] for j in seen]
        coarse = few(b.X, p)
        squares, moved = [], [0.0] * len(seen)
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            bits = fmpz_mat(len(part), p, [x for i in part for x in s.short.rows[i]])
            lines, exponents = [], []
            for i, line in zip(part, (bits * coarse.mat).tolist(), strict=True):
                shift = max(max(int(abs(x)) for x in line).bit_length() - (61 - p.bit_length()) // 2, 0)
                lines.append([int(x) >> shift for x in line])
                exponents.append(s.short.unit[i] + coarse.unit + shift)
            products = (fmpz_mat(lines) * left).tolist() if left is not None else [[]] * len(part)
            for i, e, line in zip(part, exponents, products, strict=True):
                # the row and H⁻¹ in few bits, its own error, whole numbers cut off, and the other row in few bits
                error = ((big * epsilon + up(coarse.off) * (1.0 + epsilon) + up(b.off)) * self.norms[i]
                         + sqrt(p) * ldexp(1.0, e)) * (1.0 + epsilon) + epsilon * big * self.norms[i]
                one, error = ldexp(1.0, e), error * UP * UP
                tau = [(abs(float(x)) * one * u + error * r) * UP
                       for x, u, r in zip(line, units, norms, strict=True)]
                moved = list(map(max, moved, tau))
                squares.append([x * x * UP for x in tau])
        return squares, moved

    def _curved(self, reach: Sequence[float]) -> bool:
        """Curvatures, bends and A; False where A has no inverse."""
        c, s = self.b.c, self.b.c.sums
        t = [float(x.mid()) for x in c.t]
        off = max((up(x - float(x.mid())) for x in c.t), default=0.0)
        weights, self.bend = [], []
        for at, moved, x in zip(t, self.moved, reach, strict=True):
            farthest = (abs(at) + moved + off) * UP
            weights.append(int(kept_part(curve(farthest) / UP, x) * 2.0**WEIGHT))
            self.bend.append(min(THIRD, most_between(at, moved, moved, off) * min(0.5 * farthest, 1.0) * UP))
        found = inverse(s, weights)
        if found is None:
            return False
        self.M, self.low = found, [ldexp(w, -WEIGHT) for w in weights]
        self.long_in_A = row_lengths(s, found)
        return all(x < LARGEST for x in (*self.long_in_A, up(found[2])))

    def _rho(self, near: list[list[float]], some: list[list[float]], others: Sequence[int]) -> list[float] | None:
        c = self.b.c
        D = [up(x) for x in c.D]
        light = [low > 0.0 and low * FEWER >= d for low, d in zip(self.low, D, strict=True)]
        beyond, long = 0.0, set(self.long)
        for j, (low, bend, size) in enumerate(zip(self.low, self.bend, self.size, strict=True)):
            if j in long:
                continue
            least = float(c.D[j].lower()) - 2.0**-40
            if not (light[j] and least > 2.0**-39):
                return None
            beyond = max(beyond, bend * size / sqrt(low * least) * UP)
        weight = [bend * bend / low * UP if there else 0.0
                  for bend, low, there in zip(self.bend, self.low, light, strict=True)]
        linear = [0.0 if there else bend * x for bend, x, there in zip(self.bend, self.long_in_A, light, strict=True)]
        # a curvature whose ball is no point is rounded down from its lower end
        lost = BENT + 2.0 * max(map(up, (x.rad() for x in c.D)), default=0.0)
        still = lost * sum(map(mul, self.moved, self.long_in_A))
        rest = (2.0 * up(c.gradient) * sqrt(up(self.M[2])) + still) * UP + LOST  # the product may underflow
        found = []
        for row in near:
            found.append((0.5 * (sqrt(sum(map(mul, weight, map(mul, row, row)))) + sum(map(mul, linear, row)))
                          + rest) * UP * UP)
        weight, linear = [weight[j] for j in self.long], [linear[j] for j in self.long]
        for i, row in zip(others, some, strict=True):
            more = beyond * self.size[i] * self.size[i]
            found.append((0.5 * (sqrt(sum(map(mul, weight, map(mul, row, row))) + more * more)
                                 + sum(map(mul, linear, row))) + rest) * UP * UP)
        return found

    def open(self, e: Points) -> dict[int, list[int]]:
        """For each row the points that its new label is not proved to leave positive; rows without any are left out."""
        b, norms = self.b, [up(x) for x in e.norms]
        X, off, big = self.M
        seen = roots(e.forms(X, (big + off).upper()), off, norms)
        there = roots(e.forms(b.X, (b.big + b.off).upper()), b.off, norms)
        margins = [float(x.lower()) - abs(float(x.mid())) * (UP - 1.0) for x in e.margins(b.c.w)]
        own = [self.size[i] for i in self.rows]
        longest, largest = max(own, default=0.0), max(self.rho, default=0.0)
        found: dict[int, list[int]] = {}
        for at, (margin, x, y) in enumerate(zip(margins, there, seen, strict=True)):
            if not all(map(isfinite, (margin, x, y))):
                for i in self.rows:
                    found.setdefault(i, []).append(at)
            elif not (x * longest + y * largest) * UP * UP < margin:
                left = [(i, r) for i, o, r in zip(self.rows, own, self.rho, strict=True)
                        if not (x * o + y * r) * UP * UP < margin]
                for i in self._beside(e, at, left, y, margin):
                    found.setdefault(i, []).append(at)
        return found

    def _beside(self, e: Points, at: int, rows: list[tuple[int, float]], seen: float, margin: float) -> list[int]:
        """Those of some rows whose step along the point itself leaves it open."""
        if not rows:
            return []
        b, s = self.b, self.b.c.sums
        column = b.X * arb_mat(s.p, 1, [arb(x) for x in e.rows[at]])
        products = (arb_mat([[arb(x) for x in s.rows[i]] for i, _ in rows]) * column).entries()
        found = []
        for (i, rho), x in zip(rows, products, strict=True):
            taken = max(float(x.upper()), 0.0) * UP + up(b.off) * self.norms[i] * up(e.norms[at]) + seen * rho
            if not taken * UP * UP < margin:
                found.append(i)
        return found
