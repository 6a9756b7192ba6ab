"""D5, what a changed row pulls with: bounds of `p̂_i`, and of how far its own margin follows.

A deleted row pulls with `p̂ = p(t) − (1 − a)p(t + τ) − Dτ`, at most `p(t) − Dτ`; a row that gets the other label with
`p̂ = a + l'(t + τ) − l'(t) − Dτ`, because `l(−t) = l(t) + t` (of other losses `a(p(t) + p(−t))` stands for a, and the
secants of both labels count). D may be any number between the secants of the slab of a
row that stays: the nearest to this row's own secant leaves a alone while it moves no further than such a row. Where
the new label counts ρ times as much, `p̂ = a(p(t) + ρ(1 − p(t))) + …`, and its own secants are 1 to ρ times as large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.losses import LOGISTIC, OnSlabs
from certify.systems.head.rows.boxes.slabs import Margins, Rows, Secants


@dataclass(frozen=True, eq=False)
class Pulls:
    """Bounds for free rows whose margins stay in their slabs, one number a row.

    Attributes:
        forth, back: `p̂ ∈ [−back, forth]`.
        first, share: `p̂ ≤ first + share·x` where the margin has fallen by x.
    """

    forth: Array
    back: Array
    first: Array
    share: Array

    def times(self, weights: Array) -> Pulls:
        """Of rows that count so much: their slopes, secants and D are all that many times as large, hence p̂ is."""
        return Pulls(*(np.asarray(part * weights * RAISE) for part in (self.forth, self.back, self.first, self.share)))


@dataclass(frozen=True, eq=False)
class Ratios:
    """What rows count with their other labels, as parts of what they count: `low ≤ c'_i/c_i ≤ high`, above 0."""

    low: Array
    high: Array

    def some(self, rows: Rows) -> Ratios:
        """Those of some rows."""
        return Ratios(self.low[rows], self.high[rows])


def pulls(at: Margins, rows: Rows, il: Array, ih: Array, sec: Secants | None, proved: bool = True,
          ratios: Ratios | None = None, loss: OnSlabs = LOGISTIC) -> Pulls:
    """What the rows pull with when their margins lie in `[t − il, t + ih]`.

    Args:
        at: the centre.
        rows: the free rows.
        il, ih: their slabs, one number for each of them.
        sec: secants of all rows where they stay, if changed rows get the other label; None: they are deleted.
        proved: as of the secants.
        ratios: of all rows; None: rows count the same with both labels. For the logistic loss.
        loss: that of the margins.
    """
    if sec is not None:
        own = None if ratios is None else ratios.some(rows)
        pull, bend = loss.turned(at, rows, il, ih, proved)
        up, back = _beyond(bend, rows, il, ih, sec, own)
        pull = pull if own is None else np.minimum(at.p[rows] + at.p_off[rows], 1.0) + own.high * np.minimum(
            1.0 - at.p[rows] + at.p_off[rows], 1.0) * RAISE
        forth = (pull + up) * RAISE
        return Pulls(forth, back, forth, np.zeros(len(rows)))
    back = loss.least_remainder(at, rows, il, ih, proved)
    first, D = at.p[rows] + at.p_off[rows], at.D[rows]
    return Pulls((first + D * il) * RAISE, back, first, D)


def _beyond(own: Secants, rows: Rows, il: Array, ih: Array, sec: Secants, ratios: Ratios | None) -> tuple[Array, Array]:
    """How far `(D̃ − D)τ` reaches up and down, D the number between the secants of rows that stay nearest to D̃."""
    if ratios is not None:
        own = Secants(own.least * np.minimum(ratios.low, 1.0) * (1 - 4 * U),
                      own.most * np.maximum(ratios.high, 1.0) * RAISE)
    less = np.maximum(sec.least[rows] - own.least, 0.0)
    more = np.maximum(own.most - sec.most[rows], 0.0)
    up, down = np.maximum(less * il, more * ih), np.maximum(less * ih, more * il)
    return up * RAISE, down * RAISE
