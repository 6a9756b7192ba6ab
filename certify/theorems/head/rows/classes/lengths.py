"""Lengths in the norm of the inverse of H, for every direction of the outputs of a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U

AT_ONCE = 2**22
"""Numbers that are held while rows are measured, about."""


@dataclass(frozen=True, eq=False)
class Measure:
    """`|v| ≤ gap·|Rv|`, R the factor of H.

    Attributes:
        R: (m, m) lower triangular.
        size: bound of its Frobenius norm.
        gap: from `|Rv|` to the length of v.
    """

    R: Array
    size: float
    gap: float

    def of(self, part: Array) -> Lengths:
        """Of `x ⊗ v` for the rows x of a part."""
        p = part.shape[1]
        q = len(self.R) // p
        K = np.empty((len(part), q, q))
        step = max(1, AT_ONCE // (q * len(self.R)))
        for start in range(0, len(part), step):
            some = part[start : start + step]
            images = [some @ self.R[c * p :, c * p : (c + 1) * p].T for c in range(q)]
            for c in range(q):
                for d in range(c, q):
                    K[start : start + step, c, d] = np.einsum("nm,nm->n", images[c][:, (d - c) * p :], images[d])
                    K[start : start + step, d, c] = K[start : start + step, c, d]
        norms = fp.row_norms(part)
        return Lengths(fp.require_finite(K, "lengths"), fp.dot_unit(p) * self.size * norms * RAISE,
                       (fp.dot_unit(len(self.R)) + (16.0 + 2.0 * q) * q * U) * RAISE, self.gap)


@dataclass(frozen=True, eq=False)
class Lengths:
    """Of some rows.

    Attributes:
        K: (b, q, q) about `(R(x ⊗ e_c))·(R(x ⊗ e_d))`.
        off: (b,) what every `R(x ⊗ e_c)` is off by.
        unit: what entries of K are off by, over the lengths of both.
        gap: as of :class:`Measure`.
    """

    K: Array
    off: Array
    unit: float
    gap: float

    def of(self, v: Array) -> Array:
        """(b,) upper bounds of the length of `x ⊗ v`, v (b, q) the directions."""
        square = np.einsum("bc,bcd,bd->b", v, self.K, v)
        reach = np.einsum("bc,bc->b", np.abs(v), self.sizes)
        long = np.sqrt(np.maximum(square, 0.0) + 2.0 * self.unit * reach * reach)
        return np.asarray((long + np.abs(v).sum(axis=1) * self.off) * (self.gap * RAISE * RAISE))

    def pairs(self) -> Array:
        """(b, k, k) upper bounds of the length of `x ⊗ (e_a − e_b)`; the last class is 0."""
        b, q = self.off.shape[0], self.K.shape[1]
        whole = np.zeros((b, q + 1, q + 1))
        whole[:, :q, :q] = self.K
        own = np.einsum("baa->ba", whole)
        both = own[:, :, None] + own[:, None, :]
        square = both - 2.0 * whole
        long = np.sqrt(np.maximum(square, 0.0) + 8.0 * self.unit * both)
        return np.asarray((long + 2.0 * self.off[:, None, None]) * (self.gap * RAISE * RAISE))

    @property
    def sizes(self) -> Array:
        """(b, q) about the lengths of `R(x ⊗ e_c)`, at least what they are as computed."""
        return np.asarray(np.sqrt(np.maximum(np.einsum("baa->ba", self.K), 0.0)) * (1.0 + 4.0 * self.unit) + fp.FLOOR)
