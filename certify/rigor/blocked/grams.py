"""Weighed Gram matrices of many rows, summed by blocks in a tree, so that their rounding hardly grows with the rows."""

from __future__ import annotations

from certify.rigor import fp
from certify.rigor.fp import Array

BLOCK = 256
"""Rows whose products are summed in any order."""


def gram(S: Array, weights: Array) -> tuple[Array, float]:
    """`Σ_i w_i s_i s_iᵀ` of rows `s_i`, nearly, and the coefficient u of its error (R2b, in a tree).

    The computed matrix is within `2u Σ_i |w_i||s_i|²` of the sum in the norm of Frobenius, where nothing underflows.

    Args:
        S: `(n, p)` rows.
        weights: `(n,)` finite numbers.

    >>> import numpy as np
    >>> H, unit = gram(np.ones((1000, 2)), np.full(1000, 0.5))
    >>> H[0, 1], unit < fp.dot_unit(1000)
    (np.float64(500.0), True)
    """
    done: list[tuple[int, Array]] = []  # sums of 2^level blocks, with falling levels
    for start in range(0, max(len(S), 1), BLOCK):
        at = slice(start, start + BLOCK)
        level, part = 0, (S[at].T * weights[at]) @ S[at]
        while done and done[-1][0] == level:
            part += done.pop()[1]
            level += 1
        done.append((level, part))
    total = done.pop()[1]
    while done:
        total = done.pop()[1] + total
    blocks = -(-len(S) // BLOCK)
    # each product is in one sum of at most BLOCK, in as many additions as levels there are, and in the last ones
    return total, fp.dot_unit(min(len(S), BLOCK + 2 * blocks.bit_length()))
