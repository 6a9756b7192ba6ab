"""D5, the training sum of a head with oriented rows, and how rows of it change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.boxes.losses import LOGISTIC, OnSlabs
from certify.systems.head.rows.boxes.pulls import Ratios

VAST = 1 << 21
"""Entries of a table from which on half of what is symmetric is formed, and what is only bounded has half the bits."""

LONGEST = 64.0
"""Longest row for which that is done: underflow is counted for numbers up to it."""

SQUARES, COARSE = 4_000_000, 1.5
"""Entries of squares up to which a checker forms them, and how much coarser than its Gram matrices it is in the end."""


@dataclass(frozen=True, eq=False)
class Sums:
    """The training sum with oriented rows: `Σ_i c_i l(s_i·w) + ½ Σ_a decay_a w_a²`, and how rows change.

    Attributes:
        S: (n, p) rows times their labels ±1.
        norms: upper bounds of the rows' norms.
        decay: (p,) nonnegative floats, and `decay_off` what each may be off by.
        relabels: whether a changed row gets the other label, −s for s; else it is deleted.
        weights: the c_i, above 0 and at most 1, which stay with the rows; None: all 1.
        ratios: what relabelled rows count, as parts of these, where weights go by the labels: for single boxes alone.
        loss: l.
        level: the threshold: outputs of points count from there. Points end in ±1 if it is not 0.
    """

    S: Array
    norms: Array
    decay: Array
    decay_off: float = 0.0
    relabels: bool = False
    weights: Array | None = None
    ratios: Ratios | None = None
    loss: OnSlabs = LOGISTIC
    level: float = 0.0

    def aimed(self, w: Array) -> Array:
        """Weights whose products with points are their margins: the threshold is taken from the intercept.

        Of a point e that ends in ±1 it is taken so as to err by at most `u|e||aimed|`, which `dot_unit(p + 1)` has.
        """
        if self.level == 0.0:
            return w
        found = w.copy()
        found[..., -1] -= self.level
        return found

    def margins(self, points: Array, norms: Array, w: Array) -> Array:
        """`(N,)` lower bounds of the margins of points, at most `norms` long, at some weights (R2)."""
        aim = self.aimed(w)
        unit = fp.dot_unit(points.shape[1] + (self.level != 0.0))
        return np.asarray(points @ aim - unit * norms * float(fp.row_norms(aim[None, :])[0]) * RAISE)

    @cached_property
    def largest(self) -> float:
        """The largest entry of a row, or of its opposite."""
        return float(np.abs(self.S).max(initial=0.0))

    @property
    def vast(self) -> bool:
        """Whether the table is so large that its products take most of the time."""
        return self.S.size >= VAST

    @property
    def halved(self) -> bool:
        """Whether half the bits are used where they are enough."""
        return self.vast and float(self.norms.max()) <= LONGEST

    @cached_property
    def short(self) -> NDArray[np.float32]:
        """The rows in single precision."""
        return self.S.astype(np.float32)

    @property
    def whole(self) -> Array:
        """What every row counts where none is changed."""
        return np.ones(len(self.S)) if self.weights is None else self.weights

    def after(self, rows: Sequence[int]) -> tuple[Sums, Array]:
        """The sum after the change of some rows, and for each row what it counts if it is left in it, 0.0 if not."""
        kept = self.whole.copy()
        if not self.relabels:
            kept[list(rows)] = 0.0
            return self, kept
        S = self.S.copy()
        S[list(rows)] *= -1.0
        return replace(self, S=S), kept


def sums(S: Array, decay: Array, decay_off: float = 0.0, relabels: bool = False, weights: Array | None = None) -> Sums:
    """Rows with their norms."""
    return Sums(np.ascontiguousarray(S), fp.row_norms(S), decay, decay_off, relabels, weights)


def whole_numbers(s: Sums) -> float:
    """What a checker's Gram matrices may be off by, no part of the proof: it has rows of 57 bits, of one unit for all.

    Where columns are of very different sizes that is more than what floats lose, and boxes have to hold there too.
    """
    n, p = s.S.shape
    if n * p * p <= SQUARES:  # from the squares of rows, which are cut to the same bits once more
        return float(0.5 * cut_squares(s).sum()) * COARSE
    step = float(np.sqrt(p)) * _unit(s)
    return float((3.0 * step * (s.norms + step)).sum()) * COARSE


def cut_squares(s: Sums) -> Array:
    """`(n,)` what the matrices `s_js_jᵀ` of a checker are off by, with their entries in whole numbers of one unit."""
    p = s.S.shape[1]
    unit = _unit(s)
    step = float(np.sqrt(p)) * unit
    return np.asarray(step * (s.norms + step) + p * unit * unit * 2.0**57)


def _unit(s: Sums) -> float:
    """That of its rows in whole numbers."""
    return float(np.ldexp(1.0, int(np.frexp(s.largest)[1]) - 57))
