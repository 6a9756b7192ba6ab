"""D12, D13: what a bound leaves of the margins of points."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import inf, ldexp, sqrt

from flint import fmpz, fmpz_mat

from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.pair_tree.bound import Bound
from certify.check.theorems.head.rows.pair_tree.numbers import UP, roots, top, up

AT_ONCE = 256
"""Points whose products with steps are held at once."""

OPEN = 1024
"""Pairs that may be left open for a point before they are looked at more closely."""


class Drops:
    """What a bound leaves of the margins of points.

    Args:
        found: a proved bound.
        e: the points.
    """

    def __init__(self, found: Bound, e: Points) -> None:
        st = found.st
        self.found, self.e = found, e
        self.norms = [up(x) for x in e.norms]
        X, off, big = found.M
        bound = (big + off).upper()
        self.seen = roots(e.forms(X, bound), off, self.norms)
        self.other = roots(e.forms(st.b.X, (st.b.big + st.b.off).upper()), st.b.off, self.norms) if st.far else []
        self.margins = [float(x.lower()) - abs(float(x.mid())) * (UP - 1.0) for x in e.margins(st.c.w)]
        self.columns = fmpz_mat([one.whole for one in found.own]).transpose()
        self.loose = [up(e.short.epsilon) * one.size * UP for one in found.own]
        self.units = [ldexp(1.0, one.unit) for one in found.own]
        self.shares: list[array[float]] = []
        self.known: tuple[int, list[list[fmpz]]] = -1, []

    def _pushes(self, at: int, without: int = 0) -> tuple[list[float], float]:
        """What each step, but for the first ones, and a far row may take of the margin of a point."""
        found, seen = self.found, self.seen[at]
        pushes = [x + r * seen for x, r in zip(self._own(at, without), found.rho[without:], strict=True)]
        return pushes, (self.other[at] * found.st.reach + seen * found.far) * UP if found.st.far else 0.0

    def _share(self) -> None:
        """`R_T/(1 − κ_T)` for each pair of steps, row by row b < a, for a step with any far row or none, and far ones.

        `κ_T ≤ max(d_a|s_a|², d_b|s_b|²) + √(d_ad_b)|s_a·A⁻¹s_b|`, norms in that of `A⁻¹` (Gershgorin).
        """
        found, single = self.found, self.found.single
        self.most, self.shares = [0.0] * len(single), []
        own = [row[a] if row[a] < 1.0 else inf for a, row in enumerate(found.kappa)]  # a NaN has no place in an order
        for a, (x, row) in enumerate(zip(single, found.C, strict=True)):
            line = array("d", [x + y + z for y, z in zip(single[:a], row, strict=False)])
            lost = [max(own[a], k) + z for k, z in zip(own, found.kappa[a], strict=False)] if own else [0.0] * a
            line = array("d", [_over(y, k) for y, k in zip(line, lost, strict=False)])
            self.shares.append(line)
            self.most[: a] = map(max, self.most, line)
            self.most[a] = max(line, default=0.0)
        gone = [0.0 if not own else sqrt(found.low[i]) * found.long[i] * UP for i in (*found.rows, *found.st.far)]
        far = max(gone[len(single) :], default=0.0)
        self.two = _over(2.0 * found.rest + found.C_two, 2.0 * far * far)
        self.far = [_over(x + y + found.rest, max(k, far * far) + z * far) for x, y, k, z in zip(
            single, found.C_far, own or [0.0] * len(single), gone, strict=False)]

    def _own(self, at: int, without: int = 0) -> list[float]:
        """What the steps themselves take."""
        scale, norm, start = ldexp(1.0, self.e.short.unit[at]), self.norms[at], at - at % AT_ONCE
        if self.known[0] != start:  # many points at once take less than one after the other
            self.known = start, (fmpz_mat(self.e.short.rows[start : start + AT_ONCE]) * self.columns).tolist()
        products = self.known[1][at - start]
        return [(-float(x) * y * scale if x < 0 else 0.0) + z * norm for x, y, z in zip(
            products[without:], self.units[without:], self.loose[without:], strict=True)]

    def pairs(self, at: int) -> list[tuple[int, int]] | None:
        """The pairs of steps, and of a step and no other or any far row (-1), that may leave a margin not positive.

        No other choice of at most two rows does; None where far rows alone, or too many pairs may.
        """
        found, seen, own, open_ = self.found, self.seen[at], self._own(at), list[tuple[int, int]]()
        if found.k != 2 or len(own) < 2:
            return None
        if not self.shares:
            self._share()
        # all terms are nonnegative
        room, rest = self.margins[at] / (UP * UP * UP), seen * found.fixed
        far = self.other[at] * found.st.reach if found.st.far else 0.0
        if not 2.0 * far + seen * self.two + rest < room:
            return None
        open_ += [(a, -1) for a, (x, y) in enumerate(zip(own, self.far, strict=True))
                  if not x + far + seen * y + rest < room]
        largest = max(own)
        for a, (x, row) in enumerate(zip(own, self.shares, strict=True)):
            if not x + largest + seen * self.most[a] + rest < room:
                open_ += [(b, a) for b, (y, z) in enumerate(zip(own, row, strict=False))
                          if not x + y + seen * z + rest < room]
                if len(open_) > OPEN:
                    return None
        return open_

    def form(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Look at some pairs more closely."""
        if pairs:
            self.found.form(self.found.C, pairs)
            self._share()

    def holds(self, at: int, without: int) -> bool:
        """Whether the margin of a point stays positive where none of the next so many steps is taken."""
        pushes, far = self._pushes(at, without)
        down = (top(pushes, far, self.found.k) + self.seen[at] * self.found.fixed) * UP * UP
        return down < self.margins[at]

    def blocking(self, at: int) -> list[int]:
        """The rows whose single deletion is not proved to leave the margin positive."""
        pushes, far = self._pushes(at)
        room, fixed, st = self.margins[at], self.seen[at] * self.found.fixed, self.found.st
        found = [i for i, x in zip(self.found.rows, pushes, strict=True) if not (x + fixed) * UP * UP < room]
        return found if (far + fixed) * UP * UP < room else found + st.far


def _over(share: float, kappa: float) -> float:
    """`share/(1 − κ)`, from above; infinite where one of them is no number, as a largest one would pass over it."""
    kappa = kappa * UP * UP
    return share * UP / (1.0 - kappa) * UP if kappa < 1.0 and share < inf else inf
