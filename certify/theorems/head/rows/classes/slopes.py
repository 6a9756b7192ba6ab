"""Probabilities of rows at given weights, with what is not known of them.

A head of k classes is held as the k − 1 rows `V_a = W_a − W_k`: outputs differ by the same numbers, and the last
class has the output 0. With free shifts the decay `½μ Σ|W_a|²` is `½μ V·ZV`, `Z = 1 − 11ᵀ/k`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import EXP_ERROR, exp
from certify.rigor.fp import RAISE, Array, U

WIDEST = 300.0
"""Outputs of one row that lie farther apart: then nothing is said of its probabilities."""

FARTHEST_OFF = 2.0**-12
"""How much outputs may be off by, so that a probability is known to a small part of itself."""


def largest_norm(V: Array) -> float:
    """Upper bound of the length of every row of V."""
    return float(fp.row_norms(V).max())


def off_of(norms: Array, size: float | Array, p: int) -> Array:
    """What computed outputs of rows of these lengths are off by, for weights at most `size` long."""
    return np.asarray(fp.dot_unit(p) * norms * size * RAISE)


@dataclass(frozen=True, eq=False)
class Chances:
    """Of some rows.

    Attributes:
        norms: `(b,)` upper bounds of the lengths of the rows.
        sigma: `(b, k)` probabilities, each right to the part `part` of itself.
        part: `(b,)`; infinite where nothing is known.
    """

    norms: Array
    sigma: Array
    part: Array

    @property
    def roots(self) -> Array:
        """`(b, k)` floats near `√σ`; what is said of H is of their products, exactly."""
        return np.asarray(np.sqrt(self.sigma))

    @property
    def unsure(self) -> Array:
        """`|σ_aσ_b − r_ab²| ≤ unsure·r_ab²` for the rounded product r of any two roots."""
        return np.asarray((2.5 * self.part + 24.0 * U) * RAISE)


def chances(V: Array, part: Array) -> Chances:
    """Probabilities of rows.

    Of two classes with outputs off by at most o each, the ratio of a probability to what is computed is within
    `e^{±2o'}`, `o' = o + 2u·(range of the outputs)` with the rounding of their differences; exponentials, the sum and
    the quotient lose `(k + 16)u` more.

    >>> found = chances(np.array([[1.0]]), np.array([[0.0], [2.0]]))
    >>> found.sigma.round(4).tolist(), bool((found.part < 1e-14).all())
    ([[0.5, 0.5], [0.8808, 0.1192]], True)
    """
    norms = fp.row_norms(fp.require_finite(part, "rows"))
    Z = fp.require_finite(part @ V.T, "outputs")
    top, low = np.maximum(Z.max(axis=1), 0.0), np.minimum(Z.min(axis=1), 0.0)
    wide = top - low
    known = wide <= WIDEST
    base = np.where(known, top, 0.0)
    E = np.empty((len(Z), len(V) + 1))
    E[:, :-1] = np.where(known[:, None], Z - base[:, None], 0.0)
    E[:, -1] = np.where(known, -base, 0.0)
    E = exp(E)
    sigma = E / E.sum(axis=1)[:, None]
    off = off_of(norms, largest_norm(V), V.shape[1]) + 2.0 * U * wide
    known &= off <= FARTHEST_OFF
    share = 2.25 * off + (len(V) + 9.0 + 4.0 * EXP_ERROR) * U
    return Chances(norms, sigma, np.where(known, share * RAISE, np.inf))
