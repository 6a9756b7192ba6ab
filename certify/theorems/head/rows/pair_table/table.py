"""D29: how far the refits after two new labels lie from sums of steps, all pairs in one table.

proofs/heads-pair-table.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.rigor.fp import RAISE, Array
from certify.rigor.single.floats import LOST, Short, above, dot_unit
from certify.theorems.head.rows.label_triples.matrix import KEPT
from certify.theorems.head.rows.pair_table.numbers import Numbers

BLOCK = 1024
"""Rows of a block of the table."""


def distances(x: Numbers, check: Callable[[], None]) -> Short:
    """`(f, f)` at least how far each refit lies from its sum; infinite where that is not known, and on the diagonal.

    Args:
        x: the numbers; `beside` is written over, and is the table.
        check: raises when the time is up.
    """
    table, f = x.beside, len(x.rows)
    raised = (1.0 + 2.0 * dot_unit(x.squares.shape[1])) * RAISE
    for a in range(0, f, BLOCK):
        check()
        one = slice(a, min(a + BLOCK, f))
        for b in range(a, f, BLOCK):
            two = slice(b, min(b + BLOCK, f))
            products = x.squares[one] @ x.squares[two].T
            left = np.sqrt(products.astype(np.float64) * raised + x.squares.shape[1] * LOST)
            left += x.left[one, None] + x.left[two] + x.centre.left
            left += table[one, two].astype(np.float64) + table[two, one].T
            far = _over(left, x.gone[one], x.gone[two], x.centre.m.reach)
            if a == b:
                np.fill_diagonal(far, np.inf)
            table[one, two] = far
            table[two, one] = table[one, two].T
    return table


def _over(left: Array, gone: Array, other: Array, reach: float) -> Short:
    """Distances from what is left of the gradient and of the curvature."""
    kept = 1.0 - (gone[:, None] + other) * RAISE
    known = (kept > KEPT) & (left * RAISE < reach * kept)
    return np.where(known, above(left / np.maximum(kept, KEPT) * RAISE), np.float32(np.inf))
