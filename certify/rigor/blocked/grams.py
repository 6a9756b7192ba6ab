"""Weighed Gram matrices of many rows, summed by blocks in a tree, so that their rounding hardly grows with the rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array

BLOCK = 256
"""Rows whose products are summed in any order."""

WIDE = 2048
"""The same where time counts: half the products are formed, the others are the same, and that pays for long blocks."""


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
    return _added(len(S), BLOCK, lambda at: (S[at].T * weights[at]) @ S[at])


def gram_of_roots(S: Array, weights: Array) -> tuple[Array, float]:
    """The same with the same error for weights of at least 0, as the Gram matrix of rows `√w_i s_i`: half the work.

    >>> import numpy as np
    >>> float(gram_of_roots(np.ones((1000, 2)), np.full(1000, 0.25))[0][0, 1])
    250.0
    """
    root = np.sqrt(weights)[:, None]

    def part(at: slice) -> Array:
        R = S[at] * root[at]
        return np.asarray(R.T @ R)

    # of each product a root, its square once more and two products with it are rounded: 4u, and not 1u
    return _added(len(S), WIDE, part)


def _added(n: int, block: int, formed: Callable[[slice], Array]) -> tuple[Array, float]:
    """The sum of what is formed of each block of rows, in a tree, and u."""
    done: list[tuple[int, Array]] = []  # sums of 2^level blocks, with falling levels
    for start in range(0, max(n, 1), block):
        level, part = 0, formed(slice(start, start + block))
        while done and done[-1][0] == level:
            part += done.pop()[1]
            level += 1
        done.append((level, part))
    total = done.pop()[1]
    while done:
        total = done.pop()[1] + total
    blocks = -(-n // block)
    # each product is in one sum of at most a block, in as many additions as levels there are, and in the last ones
    return total, fp.dot_unit(min(n, block + 2 * blocks.bit_length()))
