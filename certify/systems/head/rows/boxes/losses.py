"""What a box (D5) has to know of a loss of one margin: one class a loss, and the table of losses that it is for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes import slabs
from certify.systems.head.rows.boxes.slabs import Margins, Rows, Secants


class OnSlabs(ABC):
    """A convex loss l of the margin `t = s·w` with curvatures from 0 to ¼, `p = −l' ≥ 0`, on slabs of margins.

    Attributes:
        unit: the head's own loss times this, a power of two, is l.
        smooth: whether l'' is continuous and above 0; else every weight has to decay.
        bends: whether the second order (D5b) knows l'''.
        least: how many times what a row may pull back its pull is taken to be at least, so that all others count back
            a smaller part of theirs.
    """

    unit: ClassVar[float]
    smooth: ClassVar[bool]
    bends: ClassVar[bool]
    least: ClassVar[float] = 1.0

    @abstractmethod
    def margins(self, t: Array, off: Array, proved: bool = True) -> Margins:
        """What is known at margins t, each within `off`."""

    @abstractmethod
    def secants(self, at: Margins, lo: Array, hi: Array, proved: bool = True) -> Secants:
        """Bounds of `(l'(t + τ) − l'(t))/τ` for `τ ∈ [−lo, hi]`, with D between them."""

    @abstractmethod
    def least_remainder(self, at: Margins, rows: Rows, il: Array, ih: Array, proved: bool = True) -> Array:
        """Upper bounds of `−min (l'(t + τ) − l'(t) − Dτ)` over `τ ∈ [−il, ih]`, at least 0."""

    @abstractmethod
    def turned(self, at: Margins, rows: Rows, il: Array, ih: Array, proved: bool = True) -> tuple[Array, Secants]:
        """Of rows that get the other label, `l(−t)`: bounds of `p(t) + p(−t)`, and secants of either label on slabs."""

    @abstractmethod
    def total(self, t: Array, counts: Array) -> float:
        """`Σ counts·l(t)` in floats, for searches."""


class Logistic(OnSlabs):
    """`ln(1 + e^−t)`."""

    unit, smooth, bends = 1.0, True, True

    def margins(self, t: Array, off: Array, proved: bool = True) -> Margins:
        """By enclosures of the sigmoid."""
        return slabs.margins(t, off, proved)

    def secants(self, at: Margins, lo: Array, hi: Array, proved: bool = True) -> Secants:
        """Lemma 2."""
        return slabs.secants(at, lo, hi, proved)

    def least_remainder(self, at: Margins, rows: Rows, il: Array, ih: Array, proved: bool = True) -> Array:
        """Lemma 2 (iii)."""
        return slabs.least_remainder(at, rows, il, ih, proved)

    def turned(self, at: Margins, rows: Rows, il: Array, ih: Array, proved: bool = True) -> tuple[Array, Secants]:
        """`p(t) + p(−t) = 1`, and `l(−t)` bends as `l(t)` does, as it is `l(t) + t`."""
        return np.ones(len(rows)), slabs.secants(at.some(rows), il, ih, proved)

    def total(self, t: Array, counts: Array) -> float:
        """`Σ counts·ln(1 + e^−t)`."""
        return float(counts @ np.logaddexp(0.0, -t))


class SquaredHinge(OnSlabs):
    """`⅛ max(0, 1 − t)²`, a quarter of the loss: `p = ¼ max(0, 1 − t)`, curvature ¼ below 1 and 0 above.

    A secant over `[t, t + τ]` is a quarter of the part of that interval that lies below 1, so it falls as t grows.
    """

    unit, smooth, bends, least = 0.25, False, False, 2.0

    def margins(self, t: Array, off: Array, proved: bool = True) -> Margins:
        """One difference that is rounded; D is one of the two curvatures, and may be either."""
        lack = np.maximum(1.0 - t, 0.0)
        return Margins(t, off, 0.25 * lack, (0.25 * off + U * lack) * RAISE, np.where(t < 1.0, 0.25, 0.0),
                       np.zeros(len(t)))

    def secants(self, at: Margins, lo: Array, hi: Array, proved: bool = True) -> Secants:
        """Of t < 1 the least is at `τ = hi`, and the most ¼; of t > 1 the least is 0, and the most at `τ = −lo`."""
        off = at.off * RAISE + 4 * U * (1.0 + np.abs(at.t))
        low, high = at.t - off, at.t + off
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = np.minimum(np.maximum(1.0 - high, 0.0) * (1 - 4 * U) / hi, 1.0)
            outside = np.minimum(np.maximum(lo - (low - 1.0) * (1 - 4 * U), 0.0) * RAISE / lo, 1.0)
        least = np.where(high < 1.0, np.where(hi > 0.0, inside, 1.0), 0.0)
        most = np.where(low <= 1.0, 1.0, np.where(lo > 0.0, outside, 0.0))
        return Secants(np.minimum(0.25 * least * (1 - 4 * U), at.D), np.maximum(0.25 * most * RAISE, at.D))

    def least_remainder(self, at: Margins, rows: Rows, il: Array, ih: Array, proved: bool = True) -> Array:
        """With D = ¼ what the slab reaches beyond 1, with D = 0 what it reaches below 1: a quarter of it."""
        t, off, D = at.t[rows], at.off[rows], at.D[rows]
        past = np.where(D > 0.0, ih - (1.0 - t), il - (t - 1.0))
        # where a float t lies on the other side of 1 than the margin, D is of that side: off more, on either side
        return np.asarray(0.25 * np.maximum(past + 2.0 * off + 4 * U * (1.0 + np.abs(t) + il + ih), 0.0) * RAISE)

    def turned(self, at: Margins, rows: Rows, il: Array, ih: Array, proved: bool = True) -> tuple[Array, Secants]:
        """`p(t) + p(−t)`; the other label has the margin −t, on the slab `[−t − ih, −t + il]`."""
        own, other = at.some(rows), self.margins(-at.t[rows], at.off[rows])
        here, there = self.secants(own, il, ih, proved), self.secants(other, ih, il, proved)
        pull = (own.p + own.p_off + other.p + other.p_off) * RAISE
        return pull, Secants(np.minimum(here.least, there.least), np.maximum(here.most, there.most))

    def total(self, t: Array, counts: Array) -> float:
        """`Σ counts·⅛ max(0, 1 − t)²`."""
        return float(counts @ (0.125 * np.maximum(1.0 - t, 0.0) ** 2))


LOGISTIC: Final[OnSlabs] = Logistic()
ON_SLABS: Final[Mapping[str, OnSlabs]] = MappingProxyType({"logistic": LOGISTIC, "squared_hinge": SquaredHinge()})
"""The losses that boxes are for, by their words."""
