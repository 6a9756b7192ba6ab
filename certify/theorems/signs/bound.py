"""No choice of k rows turns the sign of a coefficient: one inequality for each k (O1)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.theorems.signs.design import Design
from certify.theorems.signs.groups import Tables, tables, worst
from certify.theorems.signs.pairs import Pairs, largest

SHARE = 0.85
"""How much of what a row does on its own is counted with its pairs."""
TILTS = (1.0, 1.2)
"""Weights of the column against the response that are tried."""
WELL, HOPELESS = 0.98, 1.3
"""Ratios at which no other weight is tried."""


@dataclass(eq=False)
class Bounds:
    """The inequality of O1 for a design, asked for one number of rows after another.

    Attributes:
        design: the regression.
        most: no more rows than about this will be asked for: bounds are sharpest up to it.
    """

    design: Design
    most: int = 1 << 20
    pairs: Pairs = field(init=False)
    least: float = field(init=False)
    _sum: tuple[int, float] | None = field(init=False, default=None)
    _tables: dict[float, Tables | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.pairs = Pairs(self.design.W, self.design.w_off)
        n, a, b = len(self.design.a), _length(self.design.a), _length(self.design.b)
        d, root = self.design, float(np.sqrt(n)) * RAISE
        off = fp.dot_unit(n) * a * b + root * (d.a_off * b + d.b_off * a) + n * d.a_off * d.b_off
        self.least = 4 * (float(d.a @ d.b) - float(off) * RAISE)

    def ratio(self, k: int) -> float:
        """Below 1 if it is proved that no k rows or fewer turn the sign or leave the coefficient undetermined.

        How far it is from 1 says which k to ask next, and no more.
        """
        if k == 0:
            return 0.0 if self.design.covariance()[0] > 0 else float("inf")
        if self.least <= 0 or k >= len(self.design.a) - self.design.W.shape[1] - 1:
            return float("inf")
        kappa, best = self.pairs.largest_eigenvalue(k), float("inf")
        for tilt in TILTS:
            best = min(best, self.taken(k, tilt, kappa) / self.least)
            if best < WELL or best > HOPELESS:
                break
        return best

    def _about(self, u: Array, k: int) -> float:
        """About the largest `|Σ u_iw_i|` over k rows."""
        if self._sum is None:
            self._sum = k, self.pairs.longest_sum(u, k)
        asked, value = self._sum
        return float(max(value * (k / asked) ** 0.75, 1e-300))

    def taken(self, k: int, tilt: float, kappa: float) -> float:
        """At most this is what any k rows take from `4aᵀPb`; infinite where nothing is proved.

        Args:
            k: at least 1.
            tilt: `u = s·a + t·b` with `t/s` the ratio of the lengths, times this squared.
            kappa: of :meth:`Pairs.largest_eigenvalue`.
        """
        d = self.design
        base = float(np.sqrt(_length(d.b) / _length(d.a)))
        s, t = base * tilt, 1.0 / (base * tilt)
        u = s * d.a + t * d.b
        u_off = (s * d.a_off + t * d.b_off + 4 * U * float((s * np.abs(d.a) + t * np.abs(d.b)).max())) * RAISE
        scale = s * t  # the true product of the two factors is within u of this
        c = 4 * d.a * d.b * scale
        top_a, top_b = float(np.abs(d.a).max()), float(np.abs(d.b).max())
        c_off = 4 * (d.a_off * top_b + d.b_off * top_a + d.a_off * d.b_off + 8 * U * top_a * top_b) * scale * RAISE
        grouped = self._grouped(tilt, u, u_off)
        turns = float(worst(grouped.turns, k).max()) if grouped else 0.0
        squares = float(worst(grouped.squares, k).max()) if grouped else 0.0
        room = 1 - d.defect - (kappa + squares) * RAISE - 4 * U
        if not room > 0.0:
            return float("inf")
        factor = (1 / room) * (1 + 8 * U)
        apart = (turns + s * d.a_left + t * d.b_left) * RAISE  # what is added to |Σ u_iw_i|, from above
        split = max(apart / self._about(u, k), 2.0**-16)
        share = SHARE / k
        w = (1 - SHARE) * c + self.pairs.weighted(u, c, k, factor * (1 + split), share)
        off = self.pairs.weighted_off(u, u_off, c_off, k, factor * (1 + split), share) + c_off
        spare = share * float(largest(np.maximum(c, 0.0)[None, :], k)[0])
        slope = (1 + 1 / split) * factor * apart * RAISE
        total = self._worst(w, grouped, slope, spare, k) + slope * (s * d.a_left + t * d.b_left) * RAISE
        size = k * (float(np.abs(w).max()) + float(np.abs(c).max()) + spare)
        total += (k * off + share * k * k * c_off + (4 * k + 64) * U * size) * RAISE
        return total / scale * (1 + 8 * U) + 8 * U * abs(total)

    def _grouped(self, tilt: float, u: Array, u_off: float) -> Tables | None:
        d = self.design
        if d.groups is None:
            return None
        if tilt not in self._tables:
            self._tables[tilt] = tables(d.a, d.b, u, d.W, d.groups, (d.a_off, d.b_off, u_off, d.w_off),
                                        max(1, self.most))
        return self._tables[tilt]

    def _worst(self, w: Array, grouped: Tables | None, slope: float, spare: float, k: int) -> float:
        """The worst choice of numbers of rows of each group, `spare` for every row that is not used."""
        if grouped is None:
            return float(largest(np.maximum(w, spare)[None, :], k)[0])
        assert self.design.groups is not None
        parts, start = [], 0
        for products, turns in zip(grouped.products, grouped.turns, strict=True):
            size = len(products) - 1
            m = min(size, k)
            falling = -np.sort(-w[start : start + size])[:m]
            parts.append(np.concatenate([[0.0], np.cumsum(falling)]) + (products + slope * turns)[: m + 1] * RAISE)
            start += size
        sums = worst(parts, k) + spare * np.arange(k, -1, -1)
        return float(sums.max())


def _length(v: Array) -> float:
    return float(fp.row_norms(v[None, :])[0])
