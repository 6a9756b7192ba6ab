"""D34: one output of a head whose outputs are fitted apart, and what changes of rows take from it at points.

An output is a head with two labels on the same rows. Slabs of D5 or of D24 hold its motion for every set of changed
rows. Within them `e·w` of a point loses at most a sum over the rows that change, and what is fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from certify.finders.head.boxes import minimiser
from certify.format.words import Loss
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.losses import LOGISTIC, ON_SLABS, OnSlabs
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.sums import Sums, sums
from certify.systems.head.rows.boxes.trap import Centre, Slabs, Trap, centre, seen, short
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.bent_box.image import Bent, bent, linear
from certify.theorems.head.rows.box_tree import scaled
from certify.theorems.head.rows.boxes.stated import decoded
from certify.theorems.head.rows.boxes.tree import Tree
from certify.theorems.head.rows.separate.ends import Ends, deleted, relabelled

SEPARATE: Final[Mapping[str, OnSlabs]] = MappingProxyType({
    Loss.ONE_VS_REST: LOGISTIC, Loss.SQUARED_HINGE: ON_SLABS[Loss.SQUARED_HINGE]})
"""The loss of one output, by that of the head, which is a sum over its outputs."""

NEAR = 1e-16
"""Squared Newton decrement after which no step follows."""


SHARE = 2.0**-28
ROOM = 1.0 + SHARE
"""Of what changes take, for a checker's doubles that count upwards; far more than a few roundings."""


@dataclass(frozen=True, eq=False)
class Lost:
    """What `e·w` of some points is at least: `margin − (sum of gains of the rows that change) − fixed`.

    Attributes:
        margin: `(N,)` lower bounds of `e·ŵ`.
        gain: `(N, f)` upper bounds of what a row takes if it changes, below 0 where it adds.
        fixed: `(N,)` at least 0.
    """

    margin: Array
    gain: Array
    fixed: Array

    def some(self, which: Rows) -> Lost:
        """Of some of the points."""
        return Lost(self.margin[which], self.gain[which], self.fixed[which])

    def of(self, rows: Rows) -> Lost:
        """Of some of the rows, by their places among those that may change."""
        return Lost(self.margin, self.gain[:, rows], self.fixed)


Way = Callable[[Array], tuple[Lost, Lost] | None]
"""What some slabs say of points x `(N, m)`: of `x·w` and of `−x·w`; None where a number is not proved."""


def sum_of(head: Head, relabels: bool, a: int) -> Sums:
    """The training sum of output a, rows oriented by its targets: products with ±1 are exact.

    Weights are divided by a power of two, and μ with them: the sum has the same minimiser (proofs/heads-boxes.md).
    """
    loss, (mid, off) = SEPARATE[head.loss.name], head.mu()
    weights, e = (None, 0) if head.weights is None else scaled(head.weights.rows)
    decay = np.where(head.decayed, float(np.ldexp(mid, -e)) * loss.unit, 0.0)
    found = sums(head.phi * head.Y[:, a : a + 1], decay, float(np.ldexp(off, -e)) * loss.unit, relabels, weights)
    return replace(found, loss=loss)


def centre_of(head: Head, relabels: bool, a: int) -> Centre:
    """Weights near the minimiser of output a."""
    s = sum_of(head, relabels, a)
    return centre(s, s.whole, minimiser(s, s.whole, head.V[a], NEAR))


def heat(c: Centre) -> Array:
    """`(n,)` about how far a change of each row moves its own margin, as a part of what it can: nothing is proved."""
    s = c.sums
    curves = c.at.p * (1.0 - c.at.p) if s.loss.smooth else c.at.D
    H = (s.S.T * (c.kept * curves)) @ s.S + np.diag(s.decay)
    own = np.einsum("ij,ij->i", s.S @ np.linalg.pinv(H), s.S)
    pull = s.loss.turned(c.at, np.arange(len(s.S)), 0.0 * own, 0.0 * own, False)[0] if s.relabels else (
        c.at.p / np.maximum(1.0 - own * curves, 0.05))
    return np.asarray(np.sqrt(np.maximum(own, 0.0)) * pull * c.kept)


@dataclass(frozen=True, eq=False)
class Held:
    """Slabs that hold the motion of an output, where some rows may change, and what they say.

    Attributes:
        c: near the minimum of the output.
        rows: those that may, in order.
        plain: by D5 itself.
        second: to second order, which takes longer; None without one.
        codes, wide: the slabs, and of how many rows products were formed.
    """

    c: Centre
    rows: Rows
    plain: tuple[Way, ...]
    second: Way | None
    codes: NDArray[np.int64]
    wide: int

    def say(self, X: Array, light: Rows, fully: bool) -> list[tuple[Lost, Lost]]:
        """What is known of points, of some of the rows in their order: by D5, or, `fully`, to second order."""
        at = np.searchsorted(self.rows, light)
        asked = self.plain if not fully else () if self.second is None else (self.second,)
        return [(found[0].of(at), found[1].of(at)) for way in asked if (found := way(X)) is not None]

    def holds(self, rows: Rows) -> bool:
        """Whether some rows are among those that may change."""
        return bool(np.isin(rows, self.rows).all())


def held(c: Centre, rows: Rows, k: int, left: Callable[[], float], bends: bool = True) -> Held | None:
    """What is known of an output where any k of some rows may change; None where no slabs are found.

    Args:
        c: near its minimiser.
        rows: those that may change, in any order.
        k: at least 1.
        left: seconds left.
        bends: whether the second order may be asked for.
    """
    rows = np.sort(rows)
    found = Tree(c.sums, np.zeros((0, c.sums.S.shape[1])), left).box(c, rows, 0, k)
    if found is None:
        return None
    slabs = Slabs(*decoded(found.codes))
    its = relabelled(c, rows, slabs) if c.sums.relabels else deleted(c, rows, slabs)
    plain = tuple(_first(c, found.found, its, rows, k, alone) for alone in (False, True)[: 1 + (k > 1)])
    second = _second(c, rows, k, slabs) if bends and c.sums.loss.bends else None
    return Held(c, rows, plain, second, found.codes, found.found.wide)


def _first(c: Centre, trap: Trap, its: Ends, rows: Rows, k: int, alone: bool) -> Way:
    """By a box of D5: `xᵀH'⁻¹s` lies within `|x|_B|s|_B` of `xᵀAs`, for all rows that change together or for each.

    A checker's products and forms are as coarse as `cut`, its rows in few bits: what is proved is to hold there too.
    """
    s = c.sums
    most = np.maximum(np.maximum(np.abs(its.low), np.abs(its.high)), trap.size)
    far, cut = fp.row_norms(s.S[rows] @ trap.mean), short(s.S.shape[1])
    coarse = trap.off + (6.0 + 4.0 * float(np.sqrt(s.S.shape[1]))) * cut * fp.frobenius(trap.half)
    own = seen(s.S, trap.half, s.norms, coarse)[rows] * trap.size * RAISE
    loose = 8.0 * cut * float(far.max()) * most
    still = trap.loose + 4.0 * k * cut * float((far * trap.size).max())

    def say(X: Array) -> tuple[Lost, Lost]:
        norms = fp.row_norms(X)
        C, beside = (X @ trap.mean) @ s.S[rows].T, seen(X, trap.half, norms, coarse)
        room = (norms * still + seen(X, trap.top, norms, trap.off) * trap.rest) * RAISE
        room = (room if alone else room + beside * trap.spread) * ROOM
        each = np.outer(beside, own) * RAISE if alone else 0.0
        found = []
        for sign in (1.0, -1.0):
            ends = np.maximum(sign * C * its.low, sign * C * its.high)
            found.append(Lost(s.margins(sign * X, norms, c.w), ends + each + np.outer(norms, loose) + SHARE * (
                np.abs(ends) + each), room))
        return found[0], found[1]

    return say


def _second(c: Centre, rows: Rows, k: int, slabs: Slabs) -> Way:
    """By D24: rows are linearised, and what they bend is bounded together."""
    if c.sums.relabels:
        slabs = Slabs(np.maximum(slabs.lo, slabs.il), np.maximum(slabs.hi, slabs.ih), slabs.il, slabs.ih)

    @cache
    def said() -> tuple[Bent, Ends] | None:
        at = linear(c, rows, k)
        b = None if at is None else bent(at, slabs)
        kept = c.kept[rows]
        return None if b is None else (b, Ends(kept, kept) if c.sums.relabels else deleted(c, rows, slabs))

    def say(X: Array) -> tuple[Lost, Lost] | None:
        if (known := said()) is None or (found := known[0].taken(X, True)) is None:
            return None
        its, norms = known[1], fp.row_norms(X)
        low, high = found[0].least, -found[1].least
        low, high = low - 2.0 * U * np.abs(low), high + 2.0 * U * np.abs(high)
        lost = []
        for sign, one, ends in ((1.0, found[0], (low, high)), (-1.0, found[1], (-high, -low))):
            most = np.max([x * p for x in ends for p in (its.low, its.high)], axis=0)
            gain = most + one.rest + 4.0 * U * (np.abs(most) + one.rest)
            lost.append(Lost(c.sums.margins(sign * X, norms, c.w), gain, one.fixed))
        return lost[0], lost[1]

    return say
