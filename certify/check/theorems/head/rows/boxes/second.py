"""D5 in balls, margins to second order: what linearising the rows leaves, as one quadratic form.

With `H_D = Σ D_i s_is_iᵀ + diag(decay)` over the rows of the sum, D_i whole numbers of `2^−WEIGHT` near l'', and
`u = H_D⁻¹e`: `e·Δ = −Σ_M (u·s_i)p̂_i − Σ_{i∉M} (u·s_i)r_i − u·(rest)`. On the slabs `(u·s_i)r_i ≤ ½β_iτ_i²`, and with
`Σ β_i s_is_iᵀ ⪯ λH_low` these are at most `½λΔᵀH_lowΔ − ½Σ_M β_iτ_i²`. With other labels `e·Δ = −Σ_M (u·s_i)a_i −
Σ (u·s_i)r_i − …`, all rows in the second sum and `0 ≤ a ≤ 1`.
"""

from __future__ import annotations

from collections.abc import Set
from math import inf

from flint import arb, arb_mat

from certify.check.linalg.balls import ONE, ZERO, norm
from certify.check.linalg.definite import Truth, definiteness
from certify.check.theorems.head.in_doubles import exponent
from certify.check.theorems.head.rows.boxes.bends import bends
from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT, few, forms_of, gram, power, size
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.products import inverse, rounding
from certify.check.theorems.head.rows.boxes.slabs import below
from certify.check.theorems.head.rows.boxes.trap import Box, most, squares_of, turn

SPLIT = power(-20)
"""Share of the squared pull that the mixed term with the gradient takes."""


class Second:
    """What a proved box leaves of the margins of points, given a λ for each.

    Attributes:
        ready: whether the inverse at the centre is proved; if not, nothing holds.
    """

    def __init__(self, found: Box, e: Points) -> None:
        self.found, self.e = found, e
        c, s = found.c, found.c.sums
        lo, hi, il, ih = found.slabs
        whole = [below(D) if kept else 0 for D, kept in zip(c.D, c.kept, strict=True)]
        base = inverse(s, whole)
        self.ready = base is not None
        if base is None:
            return
        self.X, self.X_off, _ = base
        self.ranges = [bends(*row) for row in zip(c.t, c.p, c.D, lo, hi, strict=True)]
        self.own = {i: bends(c.t[i], c.p[i], c.D[i], il[i], ih[i]) for i in found.free} if s.relabels else {}
        inside = set(found.free)
        far = [max(lo[j], hi[j], il[j], ih[j]) if j in inside else max(lo[j], hi[j]) for j in range(s.n)]
        # D_i is not quite l'': a row's loss is then off by that times its motion
        self.bent = [(D - arb(w) * power(-WEIGHT)).abs_upper() * x if kept else ZERO
                     for D, w, x, kept in zip(c.D, whole, far, c.kept, strict=True)]
        self.low, self.low_off = gram(s, found.low) + s.diagonal, s.unsure
        top = found.top.mid()
        off = (found.top_off + size(found.top - top)).upper()
        lengths = [(x + off * r * r).max(ZERO).upper().sqrt().upper() for x, r in
                   zip(forms_of(s, [(top, (size(top) + off).upper())])[0], s.norms, strict=True)]
        each = {i: (lengths[i] * found.sizes[i]).upper() for i in found.free}
        self.rho = squares_of(c, found.free, found.k, (top, off), found.sizes, found.back, each,
                              found.wide)
        self.reach = {i: arb(max(il[i], ih[i])) for i in found.free}

    def holds(self, at: int, share: float, without: Set[int] = frozenset()) -> bool:
        """Whether the margin of a point stays positive, with `λ = share`, if none of some rows changes."""
        if not (self.ready and 0 <= share < inf):
            return False
        found, c, s, lam = self.found, self.found.c, self.found.c.sums, arb(share)
        e = arb_mat(s.p, 1, [arb(x) for x in self.e.rows[at]])
        u = self.X * e
        coarse = few(u.mid(), s.p)
        error = (rounding(s.short, u, coarse) + self.X_off * self.e.norms[at]).upper()
        whole = (s.short.mat * coarse.mat).entries()
        seen = turn([arb(x) * power(unit + coarse.unit) for x, unit in zip(whole, s.short.unit, strict=True)], c.turned)
        away = [(error * r).upper() for r in s.norms]
        beta, unit = self._curves(seen, away)
        Q, rough = gram(s, beta) * power(unit), s.unsure * power(unit)
        room = (lam * self.low_off + rough).upper()
        F = lam * self.low - Q - arb_mat([[room if a == b else ZERO for b in range(s.p)] for a in range(s.p)])
        if definiteness(F).truth is not Truth.PROVED:
            return False
        pushes = []
        for i in found.free:
            if i in without:
                continue
            linear, more = self._changed(i, seen[i], away[i], arb(beta[i]) * power(unit - WEIGHT))
            curve = more * self.reach[i] * self.reach[i]
            pushes.append(linear + (curve + lam * (1 + SPLIT) * self.rho[i]) / 2)
        bent = sum(((abs(x) + d) * b for x, d, b in zip(seen, away, self.bent, strict=True)), ZERO)
        length = norm(u.entries()).upper() + self.X_off * self.e.norms[at]
        rest = lam * (1 + ONE / SPLIT) * found.still * c.gradient / 2 + bent + length * c.gradient
        margin = (e.transpose() * c.w)[0, 0] - self.e.levels[at]
        return bool(margin - rest > most(pushes, found.k))

    def _changed(self, i: int, seen: arb, away: arb, beta: arb) -> tuple[arb, arb]:
        """What a changed row pulls with along a point, and what its loss bends by more than the part β of the form.

        A row with another label pulls with at most 1, and what its loss bends by in its own slab may exceed β. One
        that is deleted bends not at all, where the form may have subtracted.
        """
        found = self.found
        if not found.c.sums.relabels:
            linear = (seen + away).max(-(seen - away) * found.back).max(ZERO) * found.sizes[i]
            return linear, (-beta).max(ZERO)
        most = _largest(seen, away, self.own[i])
        return (seen + away).max(ZERO), (most - beta).max(ZERO)

    def _curves(self, seen: list[arb], away: list[arb]) -> tuple[list[int], int]:
        """`β_i` of the kept rows in whole numbers of `2^(unit − WEIGHT)`, at most half of `2^unit`, rounded up."""
        values = []
        for x, d, ends, kept in zip(seen, away, self.ranges, self.found.c.kept, strict=True):
            values.append(_largest(x, d, ends) if kept else ZERO)
        unit = exponent(values) + 2
        one = power(WEIGHT - unit)  # numbers below 2^WEIGHT are doubles that are off by less than one
        return [int(float(x * one)) + 4 if kept else 0
                for x, kept in zip(values, self.found.c.kept, strict=True)], unit


def _largest(x: arb, d: arb, ends: tuple[float, float]) -> arb:
    """At least the largest product of a number within d of x and one between two others."""
    low, high = (x - d).lower(), (x + d).upper()
    least, greatest = ends
    return (low * least).max(low * greatest).max(high * least).max(high * greatest).upper()
