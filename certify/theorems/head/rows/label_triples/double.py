"""D28 in double precision for what single precision leaves open, with steps that four bytes are too coarse for."""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.label_triples.matrix import FINE, Judged, Matrix, gradients, judged_at, lost, slopes
from certify.theorems.head.rows.method import Mask

TURNS, AT_ONCE, FEWEST = 4, 1 << 17, 64
"""Steps at most; entries of the largest array that is worked on at a time, and choices at least."""


def polished(m: Matrix, middle: Array | None, changed: Whole, V: Array, live: Mask) -> Judged:
    """What is proved of the refits after rows get their other label, at weights or a few steps from there.

    Args:
        m: the matrix.
        middle: `(m, m)` nearly the inverse of a Hessian that is like theirs, in the coordinates of K; None: no step.
        changed: `(B, r)` the rows, all different.
        V: `(B, m)` weights from anywhere.
        live: `(L,)` the points that count.
    """
    step = max(FEWEST, AT_ONCE // m.rows.head.n)
    parts = [_polished(m, middle, changed[at : at + step], V[at : at + step], live) for at in range(0, len(V), step)]
    return Judged(np.concatenate([one.open for one in parts]), np.concatenate([one.margin for one in parts]))


def _polished(m: Matrix, middle: Array | None, changed: Whole, V: Array, live: Mask) -> Judged:
    open_ = np.ones((len(V), len(live)), dtype=bool)
    margin, rest = np.zeros(open_.shape), np.arange(len(V))
    for turn in range(TURNS):
        at = slopes(m, V)
        if not at.off < FINE:
            break
        left = gradients(m, changed[rest], at)
        found = judged_at(m, at, left, lost(m, at.p))
        open_[rest] &= found.open
        margin[rest] = found.margin
        still = (open_[rest] & live).any(axis=1)
        if middle is None or turn == TURNS - 1 or not still.any():
            break
        rest, V = rest[still], at.V[still] - (left[2][still] @ middle) @ m.K
    return Judged(open_, margin)
