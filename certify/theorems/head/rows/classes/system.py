"""The curvature of a softmax head: put together from pairs of classes, and factorised in the memory of two matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.ridge import unit_of
from certify.systems.head.rows.stored.rows import Rows
from certify.theorems.head.rows.classes.pairs import Pairs, at_once, pairs_of

WEIGHED = 8.0 * U
"""What rows times numbers are off by, twice, in a Gram matrix."""

UNSURE = 2.0**-10
"""How much of a curvature may be unsure."""

ROWS = 512
"""Rows of a matrix that are multiplied at a time."""

REFUSED = ("curvature", "the curvature of all rows and the weight decay together are not proved positive definite by "
           "floats", "fit with more weight decay, or rescale the columns")


@dataclass(frozen=True, eq=False)
class System:
    """`H = Σ_j Σ_{a<b} r_jab²(e_a − e_b)(e_a − e_b)ᵀ ⊗ x_jx_jᵀ + Z ⊗ diag μ`, with `e_k = 0`, and what is known of it.

    Attributes:
        R: (m, m) lower triangular, `m = (k − 1)p`, class after class.
        delta: `‖RHRᵀ − I‖ ≤ delta < 1`.
        size: bound of `‖R‖_F`.
        unsure: `|σ_aσ_b − r_jab²| ≤ unsure·r_jab²` for every row and pair.
        lengths: upper bounds of the sum of the lengths of the rows, and of their squares.
    """

    R: Array
    delta: float
    size: float
    unsure: float
    lengths: tuple[float, float]

    @property
    def gap(self) -> float:
        """`|v|_* ≤ gap·|Rv|`."""
        return RAISE / math.sqrt(1.0 - self.delta) * RAISE


def system(rows: Rows, V: Array, mu: Array, mu_off: float) -> System:
    """H at these weights with its factor, by as many readings as there are groups of pairs.

    Args:
        rows: scaled features.
        V: (k − 1, p) weights.
        mu, mu_off: (p,) the weight decay, and what each may be off by at most.

    Raises:
        EnclosureError: numbers that overflow, rows whose outputs are too far apart, or an H that is not definite.
    """
    q, p = V.shape
    H, squares, pairs, unsure = np.zeros((q, p, q, p)), np.zeros((q, p)), pairs_of(q + 1), 0.0
    sums = np.zeros(2)
    for first in range(0, len(pairs), at_once(p)):
        last = min(first + at_once(p), len(pairs))
        found = rows.tallied(Pairs(V, first, last))
        unsure, sums = max(unsure, found.unsure), found.lengths()
        if not unsure < UNSURE:
            raise EnclosureError("curvature", "a row whose outputs are more than 300 apart, or not known to a small "
                                 "part of themselves", "look at the longest rows, or fit with more weight decay")
        grams, columns = found.grams()
        for (a, b), gram, column in zip(pairs[first:last], grams, columns, strict=True):
            _put(H, a, b, gram)
            for one in (a, b)[: 2 if b < q else 1]:
                squares[one] += column * column
    for a in range(q):
        for b in range(q):
            H[a, np.arange(p), b, np.arange(p)] += mu * ((a == b) - 1.0 / (q + 1))
    H = fp.require_finite(H.reshape(q * p, q * p), "curvature")
    columns = np.sqrt(squares).ravel() * fp.sum_up(q) * RAISE
    unit = (unit_of(rows) + WEIGHED + 4.0 * (q + 2) * U) * RAISE
    diagonal = (mu_off + 4.0 * (q + 2) * U * float(np.abs(np.diagonal(H)).max())) * RAISE
    R, delta, size = factored(H, columns, unit, diagonal)
    raised = fp.sum_up(len(rows))
    return System(R, delta, size, unsure, (float(sums[0]) * raised, float(sums[1]) * raised))


def _put(H: Array, a: int, b: int, gram: Array) -> None:
    """`(e_a − e_b)(e_a − e_b)ᵀ ⊗ gram`; the lower triangle of the matrix stands for it."""
    whole = np.tril(gram)
    whole += np.tril(gram, -1).T
    H[a, :, a, :] += whole
    if b < len(H):
        H[b, :, b, :] += whole
        H[a, :, b, :] -= whole
        H[b, :, a, :] -= whole


def factored(H: Array, columns: Array, unit: float, diagonal: float) -> tuple[Array, float, float]:
    """R with `‖RHRᵀ − I‖ ≤ δ` for every matrix within `unit·columns_a·columns_b` of H, and `diagonal` more in norm.

    Raises:
        EnclosureError: δ is above ½, or there is no factor.

    >>> R, delta, size = factored(np.array([[4.0, 0.0], [0.0, 1.0]]), np.array([2.0, 1.0]), 1e-16, 0.0)
    >>> np.abs(R).tolist(), delta < 1e-14, 1.118 < size < 1.1181
    ([[0.5, 0.0], [0.0, 1.0]], True, True)
    """
    R, m = H.copy(), len(H)
    for step in (lapack.dpotrf, lapack.dtrtri):  # of the transpose, so that R lies row by row
        upper, info = step(R.T, lower=0, **({"overwrite_a": 1} if step is lapack.dpotrf else {"overwrite_c": 1}))
        R = upper.T
        if info != 0 or not np.isfinite(R[-1]).all():
            raise EnclosureError(*REFUSED)
    for start in range(0, m, ROWS):  # nothing above the diagonal
        some = slice(start, min(start + ROWS, m))
        R[some, start:] = np.tril(R[some, start:])
    if not (np.isfinite(R).all() and max(R.max(), -R.min()) <= 2.0**150):
        raise EnclosureError(*REFUSED)
    defect, left, spread = _defect(R, H, columns)
    size, c = fp.frobenius(R), fp.dot_unit(m)
    delta = defect * (1.0 + 4.0 * U) + 4.0 * U * math.sqrt(m) + c * size * (1.5 * left + size * fp.frobenius(H))
    delta = (delta + unit * spread * spread + diagonal * size * size) * RAISE
    if not delta <= 0.5:
        raise EnclosureError(*REFUSED)
    return R, delta, size


def _defect(R: Array, H: Array, columns: Array) -> tuple[float, float, float]:
    """Norms of `fl(RHRᵀ) − I`, of `fl(RH)` and of `|R|columns`, some rows at a time; `RHRᵀ` is symmetric."""
    m = len(H)
    squares, spread = np.zeros(2), np.empty(m)
    for start in range(0, m, ROWS):
        end = min(start + ROWS, m)
        some = R[start:end, :end]
        left = fp.require_finite(some @ H[:end], "residual")
        squares[1] += fp.frobenius(left) ** 2
        below = fp.require_finite(left @ R[:end].T, "residual")
        here = below[:, start:end] - np.eye(end - start)
        squares[0] += fp.frobenius(here) ** 2
        if start:
            squares[0] += 2.0 * fp.frobenius(below[:, :start]) ** 2
        spread[start:end] = np.abs(some) @ columns[:end]
    long = np.sqrt(squares) * fp.sum_up(2 * m)
    return float(long[0]), float(long[1]), float(fp.row_norms(spread[None, :])[0]) * fp.sum_up(m)
