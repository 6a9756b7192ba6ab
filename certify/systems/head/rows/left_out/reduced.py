"""A head with a softmax or a sigmoid in coordinates that nothing is said twice in: differences to the last output."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.activation.elementary import UNDERFLOW
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.cross_entropy import softmax


@dataclass(frozen=True, eq=False)
class Reduced:
    """`G(V) = Σ_i log(1 + Σ_a e^(z_a)) − y_i·z + ½μ Σ_j v_j·Qv_j`, `z = Vφ_i`, over the columns j with decay (D1h).

    V has a row less than the head with a softmax: its outputs less the last one, which is 0 here. What one number
    added to all outputs costs in decay is least where the weights of a column have sum 0, hence `Q = 1 − 11ᵀ/k`.
    Columns that carry decay and are 0 in every row have weights 0 in every refit, and are left out.

    Attributes:
        phi: `(n, m)` rows, exact.
        Y: `(n, q)` targets.
        Q: `(q, q)`, entries within u.
        decayed: `(m,)` columns with decay.
        mu, mu_after: before and after a row is deleted: the nearest float, and an upper bound of its error.
        points: `(N, m)` evaluation rows, exact.
        E: `(k, q)` from these coordinates to outputs (of several: those with sum 0), entries within 2u.
        V: `(q, m)` the given weights.
        live: the columns of the head that are here.
    """

    phi: Array
    Y: Array
    Q: Array
    decayed: NDArray[np.bool_]
    mu: tuple[float, float]
    mu_after: tuple[float, float]
    points: Array
    E: Array
    V: Array
    live: NDArray[np.bool_]

    @staticmethod
    def able(head: Head) -> bool:
        """Whether a head has this form."""
        if not (head.weights is None and head.new == 0 and head.n > 1) or head.phi_rad.any() or head.points_rad.any():
            return False
        if head.loss.sigmoid:
            return bool((np.abs(head.Y) == 1.0).all())
        units = head.loss.shifted and bool((head.Y * (1.0 - head.Y) == 0.0).all())
        return units and bool((head.Y.sum(axis=1) == 1.0).all())

    @staticmethod
    def of(head: Head) -> Reduced:
        """Of a head that is `able`."""
        live = ~head.decayed | (head.phi != 0.0).any(axis=0)
        phi, points = np.ascontiguousarray(head.phi[:, live]), np.ascontiguousarray(head.points[:, live])
        same = phi, head.decayed[live], head.mu(0), head.mu(1), points
        if head.loss.sigmoid:
            one = np.ones((1, 1))
            return Reduced(phi, (head.Y + 1.0) / 2.0, one, *same[1:], one, head.V[:, live], live)
        k = head.k
        Q, E = np.eye(k - 1) - 1.0 / k, np.vstack([np.eye(k - 1), np.zeros(k - 1)]) - 1.0 / k
        V = head.V[:-1, live] - head.V[-1:, live]
        return Reduced(phi, np.ascontiguousarray(head.Y[:, :-1]), Q, *same[1:], E, V, live)

    def restored(self, V: Array) -> Array:
        """`(k, m)` weights of the head for weights `(q, m)`, those of a softmax with sum 0."""
        whole = np.zeros((len(self.E), len(self.live)))
        whole[:, self.live] = self.E @ V
        return whole

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.phi)

    @property
    def q(self) -> int:
        """Number of coordinates of an output."""
        return len(self.Q)

    @property
    def m(self) -> int:
        """Number of columns."""
        return int(self.phi.shape[1])

    @cached_property
    def lengths(self) -> Array:
        """`(n,)` upper bounds of the lengths of the rows, none below `FLOOR`."""
        return np.asarray((fp.row_norms(self.phi) + fp.FLOOR) * RAISE)

    @property
    def soft_error(self) -> float:
        """Upper bound of the sum of the errors of all entries of :meth:`softmax` (D1h)."""
        k = self.q + 1
        return float(((2 * k + 10) * U + k * (k + 2) * UNDERFLOW) * RAISE)

    def softmax(self, Z: Array) -> Array:
        """`(n, q)` probabilities of all outputs but the last, of outputs `(n, q)`."""
        return np.ascontiguousarray(softmax(np.hstack([Z, np.zeros((len(Z), 1))]))[0][:, :-1])

    def outputs(self, V: Array) -> Array:
        """`(n, q)` outputs of the rows in floats."""
        return np.asarray(self.phi @ V.T)

    def decay(self, V: Array, mu: float) -> Array:
        """`(q, m, …)` gradient of the decay in floats."""
        pull = np.tensordot(self.Q * mu, V, 1)
        pull[:, ~self.decayed] = 0.0
        return np.asarray(pull)

    def gradient(self, V: Array) -> Array:
        """`(q, m)` gradient of G in floats."""
        return np.asarray((self.softmax(self.outputs(V)) - self.Y).T @ self.phi + self.decay(V, self.mu[0]))

    def hessian(self, s: Array) -> tuple[Array, float]:
        """`(qm, qm)` second derivative for probabilities `(n, q)`, and a bound of its error in the spectral norm.

        Errors are those of rounding and of the probabilities; they are those of one symmetric matrix.
        """
        (n, q), m = s.shape, self.m
        H, on = np.empty((q, m, q, m)), np.flatnonzero(self.decayed)
        weight = 0.0
        for a in range(q):
            for b in range(a + 1):
                w = s[:, a] * ((1.0 - s[:, a]) if a == b else s[:, b])
                part = self.phi * np.sqrt(np.maximum(w, 0.0))[:, None]
                block = part.T @ part
                weight += (1 if a == b else 2) * float(w @ (self.lengths * self.lengths))
                H[a, :, b, :] = block if a == b else -block
                H[a, on, b, on] += self.mu[0] * self.Q[a, b]
                if a != b:
                    H[b, :, a, :] = H[a, :, b, :].T
        size = float(self.lengths @ self.lengths)
        rounded = (fp.dot_unit(n) + 8 * U) * weight * fp.sum_up(n)
        off = rounded + 3 * (self.soft_error + 3 * U) * size * fp.sum_up(n) + self.mu[1] + 8 * q * U * self.mu[0]
        return H.reshape(q * m, q * m), float((off + 2 * q * U * weight + fp.FLOOR) * RAISE)
