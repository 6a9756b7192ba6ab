"""What a box (D5) has to know of a loss of one margin, in balls: one class a loss, and the table of those it is for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from flint import arb

from certify.check.linalg.balls import ONE, ZERO
from certify.check.theorems.head.rows.boxes import slabs
from certify.check.theorems.head.rows.boxes.slabs import QUARTER, above, below
from certify.check.theorems.head.rows.losses import logistic, squared_hinge

Secants = tuple[int, int]
"""Bounds of a row's secants, in `2^−WEIGHT`."""


class OnSlabs(ABC):
    """A convex loss l of the margin, with curvatures from 0 to ¼ and `p = −l' ≥ 0`.

    Attributes:
        of: the head's loss, of which l is `unit` times.
        unit: a power of two.
        smooth: whether l'' is continuous and above 0; else every weight has to decay.
        least: how many times what a row may pull back its pull is taken to be at least.
    """

    of: ClassVar[type]
    unit: ClassVar[arb] = ONE
    smooth: ClassVar[bool] = True
    least: ClassVar[int] = 1

    @abstractmethod
    def slope(self, t: arb) -> tuple[arb, arb]:
        """p and a number near the curvature at t."""

    @abstractmethod
    def weights(self, t: arb, p: arb, D: arb, lo: arb, hi: arb) -> Secants:
        """Of the secants of l' on `[t − lo, t + hi]` and of D; lo, hi > 0."""

    @abstractmethod
    def remainder(self, t: arb, p: arb, D: arb, il: arb, ih: arb) -> arb:
        """Upper bound of `−(l'(t + τ) − l'(t) − Dτ)` over `τ ∈ [−il, ih]`, at least 0."""

    @abstractmethod
    def turned(self, t: arb, p: arb, D: arb, il: arb, ih: arb) -> tuple[arb, Secants]:
        """With the other label, `l(−t)`: `p(t) + p(−t)`, and the secants of both on the slab."""


class Logistic(OnSlabs):
    """`ln(1 + e^−t)`; with the other label t is added."""

    of = logistic.Logistic

    def slope(self, t: arb) -> tuple[arb, arb]:
        """The sigmoid and its derivative."""
        return slabs.slope(t)

    def weights(self, t: arb, p: arb, D: arb, lo: arb, hi: arb) -> Secants:
        """Lemma 2."""
        return slabs.weights(t, p, D, lo, hi)

    def remainder(self, t: arb, p: arb, D: arb, il: arb, ih: arb) -> arb:
        """Lemma 2."""
        return slabs.remainder(t, p, D, il, ih)

    def turned(self, t: arb, p: arb, D: arb, il: arb, ih: arb) -> tuple[arb, Secants]:
        """`p(t) + p(−t) = 1`."""
        return ONE, slabs.weights(t, p, D, il, ih)


class SquaredHinge(OnSlabs):
    """`⅛ max(0, 1 − t)²`: a secant is a quarter of the part of its interval below 1, which falls as t grows."""

    of = squared_hinge.SquaredHinge
    unit = QUARTER
    smooth = False
    least = 2

    def slope(self, t: arb) -> tuple[arb, arb]:
        """A quarter of what is lacking; where it is not known on which side of 1 a margin lies, D may be either."""
        return (1 - t).max(ZERO) * QUARTER, QUARTER if t.mid() < 1 else ZERO

    def weights(self, t: arb, p: arb, D: arb, lo: arb, hi: arb) -> Secants:
        """Below 1 the least is at the right end and the most ¼; above it the least is 0 and the most at the left end.

        Of a ball on both sides of 1 these are 0 and ¼.
        """
        least = ((1 - t) / hi).min(ONE) if t < 1 else ZERO
        most = ((lo - (t - 1)) / lo).max(ZERO) if t > 1 else ONE
        return min(below(least * QUARTER), below(D)), max(above(most * QUARTER), above(D))

    def remainder(self, t: arb, p: arb, D: arb, il: arb, ih: arb) -> arb:
        """A quarter of what the slab reaches beyond 1, with D = ¼, or below 1."""
        past = ih - (1 - t) if D > 0 else il - (t - 1)
        return (past * QUARTER).max(ZERO) if past.is_finite() else ONE / 0

    def turned(self, t: arb, p: arb, D: arb, il: arb, ih: arb) -> tuple[arb, Secants]:
        """The other label has the margin −t, on the slab `[−t − ih, −t + il]`."""
        other, bend = self.slope(-t)
        here, there = self.weights(t, p, D, il, ih), self.weights(-t, other, bend, ih, il)
        return p + other, (min(here[0], there[0]), max(here[1], there[1]))


LOGISTIC: OnSlabs = Logistic()
ON_SLABS: tuple[OnSlabs, ...] = (LOGISTIC, SquaredHinge())
"""The losses that boxes are for."""
