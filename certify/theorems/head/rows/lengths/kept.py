"""One reading for what rows keep of their curvature where margins move, and what linearising them leaves.

Where the margin of a row moves by at most x, its secants keep the part `ω(x) = (1 − e^{−x})/x` of `l''(t)`, and
`|l'(t + τ) − l'(t) − l''(t)τ| ≤ l''(t)|τ|·((e^x − 1)/x − 1)`, as `|(ln l'')'| ≤ 1`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.stored.normal import longer, summed
from certify.systems.head.rows.stored.tally import Told
from certify.systems.head.rows.stored.tree import Tree
from certify.theorems.head.rows.lengths.slopes import Measured
from certify.theorems.head.rows.pair_tree.curves import EVEN, kept_part

SHORT = 2.0**-10
"""A move below which `e^x − 1 − x` is not taken from the exponential."""


@dataclass(frozen=True, eq=False)
class Kept(Measured):
    """`Σ (1 − unsure)ω_jr_j²φ_jφ_jᵀ` from below and `Σ η_j²r_j²φ_jφ_jᵀ` from above, within a distance."""

    unsure: float
    distance: float
    beside: int = 0

    def tally(self) -> KeptFound:
        """Nothing yet."""
        return KeptFound(self)


class KeptFound:
    """Of the parts so far; first the one from below."""

    def __init__(self, task: Kept) -> None:
        self._task = task
        self._grams, self._columns = (Tree(), Tree()), (Tree(longer), Tree(longer))

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        at, size = self._task.of(start, part)
        moved = self._task.distance * size * RAISE
        for roots, gram, columns in zip(weights(at.root, moved, self._task.unsure), self._grams, self._columns,
                                        strict=True):
            W = part * roots[:, None]
            gram.take(number, summed(W, None))
            columns.take(number, fp.row_norms(np.ascontiguousarray(W.T)))

    def gram(self, which: int) -> tuple[Array, Array]:
        """A matrix, and upper bounds of the lengths of the columns that it is made of."""
        gram, columns = self._grams[which].total(), self._columns[which].total()
        assert gram is not None and columns is not None
        return gram, columns

    def told(self) -> Told:
        """As arrays."""
        return {name: array for which in (0, 1) for told in (
            self._grams[which].told(f"gram{which}"), self._columns[which].told(f"columns{which}"))
            for name, array in told.items()}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        for which in (0, 1):
            self._grams[which].add(told, f"gram{which}")
            self._columns[which].add(told, f"columns{which}")


def weights(root: Array, moved: Array, unsure: float) -> tuple[Array, Array]:
    """Roots of what rows keep, rounded down, and of what linearising them leaves, rounded up.

    >>> low, high = weights(np.array([1.0]), np.array([0.5]), 0.0)
    >>> bool(low[0] ** 2 < -np.expm1(-0.5) / 0.5 < 1.001 * low[0] ** 2), bool(high[0] > np.expm1(0.5) / 0.5 - 1.0)
    (True, True)
    """
    kept = kept_part(np.ones(len(moved)), moved) * (1.0 - unsure) * (1.0 - 8.0 * U)
    left = bend(moved) * (1.0 + unsure) * EVEN + unsure * RAISE
    return root * np.sqrt(kept) * (1.0 - 8.0 * U), root * left * RAISE


def bend_over(moved: Array) -> Array:
    """Upper bounds of `((e^x − 1)/x − 1)/x = 1/2 + (x/6)(1 + x/4 + x²/20 + …)`, the last factor below `e^x`.

    >>> [round(float(b), 4) for b in bend_over(np.array([0.0, 0.01, 1.0]))]
    [0.5, 0.5017, 0.7183]
    """
    e, x = exp(moved) * EVEN, np.maximum(moved, SHORT)
    whole = np.where(moved > SHORT, (e - 1.0 - x) / (x * x), np.inf)
    return np.asarray(np.minimum(0.5 + moved / 6.0 * e, whole) * EVEN)


def bend(moved: Array) -> Array:
    """Upper bounds of `(e^x − 1)/x − 1`."""
    return bend_over(moved) * moved * EVEN
