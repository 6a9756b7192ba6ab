"""D34: both ends of what a row pulls with if it changes altogether: its part a is 1, so it pulls at least so much.

In a box a row may have changed in part, and pulls between a little back and its most. At points only whole changes
count, `p̂ = p(t) − Dτ` of a deleted row and `p(t) + p(−t) + …` of one with another label: what helps may be counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.pulls import pulls
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import Centre, Slabs


@dataclass(frozen=True, eq=False)
class Ends:
    """`p̂ ∈ [low, high]`, one number a row that may change, weights included."""

    low: Array
    high: Array


def deleted(c: Centre, rows: Rows, slabs: Slabs) -> Ends:
    """Of deleted rows: `p̂ = c_i(p(t) − Dτ)`, `τ ∈ [−il, ih]`.

    Args:
        c: the centre.
        rows: those that may change.
        slabs: of all rows, with which the motion keeps.
    """
    at = c.at.some(rows)
    il, ih = slabs.il[rows], slabs.ih[rows]
    high = (at.p + at.p_off + at.D * il) * RAISE
    low = at.p - (at.p_off + at.D * ih) * RAISE
    return _weighed(Ends(low - 2.0 * U * (at.p + np.abs(low)), high), c.kept[rows])


def relabelled(c: Centre, rows: Rows, slabs: Slabs) -> Ends:
    """Of rows with another label: `p̂ = c_i(p(t) + p(−t) + (D̃ − D)τ)`, D̃ the secant with the new label."""
    s, at = c.sums, c.at.some(rows)
    pull = pulls(c.at, rows, slabs.il[rows], slabs.ih[rows], s.loss.secants(c.at, slabs.lo, slabs.hi), True, None,
                 s.loss)
    other = s.loss.margins(-at.t, at.off)
    low = (at.p - at.p_off) + (other.p - other.p_off) - pull.back
    return _weighed(Ends(low - 8.0 * U * (at.p + other.p + pull.back), pull.forth), c.kept[rows])


def _weighed(of: Ends, kept: Array) -> Ends:
    """Times what rows count."""
    return Ends(of.low * kept - 2.0 * U * np.abs(of.low * kept), of.high * kept * RAISE)
