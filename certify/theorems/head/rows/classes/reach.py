"""How far the minimum moves at most: by the lengths of rows alone."""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.theorems.head.rows.pair_tree.curves import kept_part

FARTHEST = 16.0
"""The largest move of outputs that is tried."""


def reach(pull: Array, held: Array, lost: Array, longest: float) -> Array:
    """Upper bounds `pull/(held·ω(a·longest) − lost)` of the distance, for an a beyond it; infinite where none is found.

    Args:
        pull: (B,) lengths of gradients.
        held: (B,) shares of H that the curvature has where outputs have not moved.
        lost: (B,) shares of H that may go.
        longest: the largest length of a pair of outputs of a row.

    >>> found = reach(np.array([0.1, 0.1, 2.0]), np.ones(3), np.array([0.0, 0.5, 0.0]), 1.0)
    >>> found.round(4).tolist()
    [0.1054, 0.2642, inf]
    """
    best = np.full(len(pull), np.inf)
    rest = np.maximum(held - lost, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        least = np.where(rest > 0.0, pull / rest, np.inf)
    for times in np.geomspace(1.0 + 2.0**-20, 12.0, 160):
        a = least * times
        tried = (a * longest < FARTHEST) & (a < best)
        at = np.where(tried, a, 0.0)
        part = kept_part(np.ones(len(at)), np.maximum(at * longest * RAISE, 2.0**-300))
        kept = (held * part * (1.0 - 4.0 * U) - lost) * (1.0 - 4.0 * U)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(tried & (kept > 0.0), pull / kept * RAISE, np.inf)
        best = np.minimum(best, np.where(found < at, found, np.inf))
    return best
