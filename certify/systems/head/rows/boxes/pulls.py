"""D5, what a changed row pulls with: bounds of `p̂_i`, and of how far its own margin follows.

A deleted row pulls with `p̂ = p(t) − (1 − a)p(t + τ) − Dτ`, at most `p(t) − Dτ`; a row that gets the other label with
`p̂ = a + l'(t + τ) − l'(t) − Dτ`, because `l(−t) = l(t) + t`: the pull is a, and what linearising the row leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.boxes.slabs import Margins, Rows, least_remainder, most_remainder


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


def pulls(at: Margins, rows: Rows, il: Array, ih: Array, relabels: bool, proved: bool = True) -> Pulls:
    """What the rows pull with when their margins lie in `[t − il, t + ih]`."""
    back = least_remainder(at, rows, il, ih, proved)
    if relabels:
        forth = (1.0 + most_remainder(at, rows, il, ih, proved)) * RAISE
        return Pulls(forth, back, forth, np.zeros(len(rows)))
    first, D = at.p[rows] + at.p_off[rows], at.D[rows]
    return Pulls((first + D * il) * RAISE, back, first, D)
