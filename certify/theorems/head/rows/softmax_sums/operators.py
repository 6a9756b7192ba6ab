"""D25, Lemma 2: what rows lose of a matrix all together, as the largest eigenvalue of the sum of what each loses.

Levels and levers count what every row has of the matrix, whatever direction that is in; rows of different directions
together take no more than one of them. proofs/heads-softmax-sums.md.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.rigor import fp
from certify.rigor.cholesky import verify_definite
from certify.rigor.fp import RAISE, Array, U
from certify.theorems.head.rows.softmax.trap import curvature, hessian
from certify.theorems.head.rows.softmax_by_choice.metric import Metric

VECTORS, POWERS = 4, 8
"""Vectors from which the largest eigenvalue is guessed, and products with them."""

ALL = 2.0**-7
"""What every row may lose, which costs as much of the matrix."""

ABOVE, MOST = (1.02, 1.1, 1.3), 1e3
"""Times the guess, what is proved to be above it; and a guess that nothing is made of."""


class Losses:
    """The sum `Σ y_jh_jA_j ⊗ x_jx_jᵀ` against the matrix H, for any parts y of the rows.

    Args:
        m: the matrix.
    """

    def __init__(self, m: Metric) -> None:
        c, k, n = m.c, m.c.head.k, m.c.head.n
        self.m = m
        self.H = hessian(c, m.h)
        each = (2.0 + 2.0 * np.sqrt(k) + k * c.s_off) * c.s_off + 2.0 * (fp.dot_unit(n) + 16.0 * U)
        self.wrong = c.head.phi_norm**2 * each * RAISE  # of a row's term, as a matrix, and of its weight
        fixed = 4.0 * U * k * (float(c.decay.sum()) + k * c.tie) + c.decay_off
        self.unsure = (float(m.h @ self.wrong) * fp.sum_up(n) + fixed) * RAISE
        self.start = np.random.default_rng(0).standard_normal((len(self.H), VECTORS))

    def largest(self, y: Array) -> float:
        """At least the largest eigenvalue in the norm of H; infinite where none is proved.

        Args:
            y: `(n,)` what rows lose, at least 0.

        What all lose counts once, whatever that is; of what a few lose beyond it `λH − M ≻ 0` is proved by a Cholesky
        factor, for M and H as floats have them and all that they are off by.
        """
        d = self.m.h * np.maximum(y - ALL, 0.0)
        rows = np.flatnonzero(~(d == 0.0))
        if not len(rows):
            return ALL
        M = curvature(self.m.c, rows, d[rows])
        unsure = float(d @ self.wrong) * fp.sum_up(len(d))
        guess = self._guess(M) if np.isfinite(M).all() else np.inf
        if not guess < MOST:
            return float("inf")
        whole = fp.frobenius(M)
        for above in ABOVE:
            value = guess * above
            G = value * self.H
            G -= M
            off = (value * self.unsure + unsure + 4.0 * U * (fp.frobenius(G) + 2.0 * whole)) * RAISE
            if np.isfinite(off) and verify_definite(G, Fraction(off), "a-priori"):
                return float((value + ALL) * RAISE)
        return float("inf")

    def _guess(self, M: Array) -> float:
        """About the largest eigenvalue of the inverse of H times M."""
        v = self.start
        for _ in range(POWERS):
            v = np.linalg.qr(self.m.flat @ (M @ v))[0]
        top = v.T @ M @ v
        try:
            return float(np.linalg.eigvals(np.linalg.solve(v.T @ self.H @ v, top)).real.max())
        except np.linalg.LinAlgError:
            return float("inf")
