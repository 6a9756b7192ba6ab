"""D12, crude bounds of what two steps together do to the slopes: of all pairs at once, by lengths."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.rigor.single.floats import Short, products_are_exact
from certify.rigor.single.grams import gram_above, most_above, not_tiny
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.pair_tree.steps import Steps

PIECE = 512
"""Rows at a time."""


class Together:
    """What steps do to the margins of rows, and what a far row does.

    Args:
        st: the steps.
        moved: `(n, f)` how far steps move margins, as they count in products; `virtual`: `(n,)` that of a far row.
    """

    def __init__(self, st: Steps, moved: Array, virtual: Array) -> None:
        self.st, self.moved, self.virtual = st, moved, virtual

    @cached_property
    def squares(self) -> Array:
        """Squares of `moved`."""
        return self.moved * self.moved

    @cached_property
    def short(self) -> Short:
        """`moved` in single precision, rounded up, with those of a far row last."""
        found = np.empty((len(self.moved), self.moved.shape[1] + 1), np.float32)
        with np.errstate(over="ignore"):  # what is infinite there is looked at in doubles
            for start in range(0, len(found), PIECE):
                found[start : start + PIECE, :-1] = not_tiny(self.moved[start : start + PIECE])
            found[:, -1] = not_tiny(self.virtual)
        return found

    def pairs(self, f: int, weight: Array, inverse_of: Array, long: Array) -> tuple[Array, Array, float]:
        """What `Σ_j weight_j h_ijh_lj|s_j|` is at most in the norm of A: two steps, a step and a far row, two far rows.

        Rows with an `inverse_of` their curvature count in squares, the others by their lengths. For a far row also
        `Σ D_jτ_j² ≤ reach²`, so that the largest factor of it counts instead of a sum. Of the first f steps alone.
        """
        st, moved, virtual = self.st, self.moved, self.virtual
        n = len(weight)
        squares, linear = weight * weight * inverse_of * RAISE, np.where(inverse_of > 0.0, 0.0, weight * long)
        bad = np.flatnonzero(linear > 0.0)
        D = np.maximum(st.c.at.D - st.c.at.D_off, 2.0**-1000)
        grown = np.where(virtual > 0.0, virtual / np.maximum(st.most, 2.0**-500), 0.0) * RAISE
        ratio = weight * np.sqrt(inverse_of / D) * grown * st.reach * RAISE
        Q, q, one = self._squared(f, squares, ratio)
        raised = fp.sum_up(n) * RAISE
        if len(bad):
            pushed = self._linear(f, bad, linear[bad])
            Q = Q + pushed[:f, :f]
            if len(st.far):
                side = linear[bad] * grown[bad] * st.reach / np.sqrt(D[bad])
                some = np.concatenate([moved[bad, :f], virtual[bad, None]], axis=1)
                most = np.minimum(pushed[f], np.sqrt((side * side) @ (some * some)))
                q, one = q + most[:f], one + float(most[f])
        return Q * raised, q * raised, one * raised

    def _halved(self, f: int) -> bool:
        """Whether half the bits are enough, as there are many numbers."""
        return f == self.moved.shape[1] and self.st.c.sums.vast and products_are_exact()

    def _linear(self, f: int, bad: Rows, weights: Array) -> Array:
        """The part of rows that count by their lengths, up to rounding in doubles; a far row last."""
        if self._halved(f) and (found := gram_above(self.short[bad], weights)) is not None:
            return found
        some = np.concatenate([self.moved[bad, :f], self.virtual[bad, None]], axis=1)
        return np.asarray((some.T * weights) @ some)

    def _squared(self, f: int, squares: Array, ratio: Array) -> tuple[Array, Array, float]:
        """The part of the rows that count in squares."""
        n, far = len(squares), len(self.st.far) > 0
        if self._halved(f) and (found := gram_above(self.short, squares, squared=True)) is not None:
            root = np.sqrt(found)
            if not far:
                return root[:f, :f] * RAISE, np.zeros(f), 0.0
            most = most_above(self.short, ratio)
            return root[:f, :f] * RAISE, np.minimum(root[:f, f], most[:f]), float(min(root[f, f], most[f]))
        moved = self.squares[:, :f]
        root = moved * np.sqrt(squares)[:, None]
        Q = np.sqrt(root.T @ root * fp.sum_up(n)) * RAISE
        if not far:
            return Q, np.zeros(f), 0.0
        virtual = self.virtual
        both = virtual * virtual
        q = np.minimum(np.sqrt((squares * both) @ moved), (ratio[:, None] * self.moved[:, :f]).max(axis=0))
        return Q, q, min(float(np.sqrt(squares @ (both * both))), float((ratio * virtual).max()))
