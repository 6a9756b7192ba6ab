"""Long inner products in parts: rounding follows the length of a part and their number, not the length of the whole."""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array

PART = 512
"""Terms of a part."""


def dot_parts(k: int) -> float:
    """Coefficient of `|x|·|y|` for an inner product of k terms by :func:`products`, as an upper bound.

    A part of b terms is off by `(b + 2)u` of its absolute terms (R2), and their sum of q parts by `(q + 1)u` more of
    the computed parts, which exceed the absolute terms by less than their double (R1).

    >>> dot_parts(13007) < fp.dot_unit(600), dot_parts(100) == fp.dot_unit(100)
    (True, True)
    """
    return fp.dot_unit(k) if k <= PART else fp.dot_unit(PART + 2 * -(-k // PART))


def products(A: Array, B: Array) -> Array:
    """`A Bᵀ`, the inner products of rows, in parts."""
    k = A.shape[1]
    total = A[:, :PART] @ B[:, :PART].T
    for start in range(PART, k, PART):
        total += A[:, start : start + PART] @ B[:, start : start + PART].T
    return np.asarray(total)
