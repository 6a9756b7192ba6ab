"""A convex head in plain floats, many weights at once: `G_M(V) = sum l(V phi_i; y_i) + (mu_M/2)|V decayed|^2`.

Arrays of outputs are `(B, k, n)`: a batch of weights, the outputs, the rows. Nothing here is trusted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""Floats, whole numbers or truths."""


class FloatLoss(ABC):
    """A loss of outputs `z` and targets `y`, both `(…, k, r)`."""

    shifts = False
    """Whether adding a number to all outputs changes nothing."""
    affine = True
    """Whether the slope is a function of `z` less the target."""

    @abstractmethod
    def values(self, z: Array, y: Array) -> Array:
        """`(…, r)` the losses of the rows."""

    @abstractmethod
    def slopes(self, z: Array, y: Array) -> Array:
        """`(…, k, r)` the gradients in `z`."""

    @abstractmethod
    def curved(self, z: Array, d: Array) -> Array:
        """`(…, k, r)` the Hessian in `z`, which depends on no label, times `d`."""


class Squared(FloatLoss):
    """`½|z − y|²`."""

    def values(self, z: Array, y: Array) -> Array:
        """Half the squares."""
        return np.asarray(0.5 * np.sum((z - y) ** 2, axis=-2))

    def slopes(self, z: Array, y: Array) -> Array:
        """`z − y`."""
        return z - y

    def curved(self, z: Array, d: Array) -> Array:
        """The identity."""
        return d


class Logistic(FloatLoss):
    """`log(1 + exp(−yz))`, one output, y = ±1."""

    affine = False

    def values(self, z: Array, y: Array) -> Array:
        """By `logaddexp`."""
        return np.asarray(np.logaddexp(0.0, -y * z)[..., 0, :])

    def slopes(self, z: Array, y: Array) -> Array:
        """`−y σ(−yz)`."""
        return -y * _sigmoid(-y * z)

    def curved(self, z: Array, d: Array) -> Array:
        """`σ(z)σ(−z) d`."""
        p = _sigmoid(z)
        return np.asarray(p * (1 - p) * d)


class CrossEntropy(FloatLoss):
    """`log sum exp z − y·z` of one-hot targets."""

    shifts = True

    def values(self, z: Array, y: Array) -> Array:
        """With the largest output taken out."""
        top = z.max(axis=-2)
        return np.asarray(top + np.log(np.exp(z - top[..., None, :]).sum(axis=-2)) - np.sum(y * z, axis=-2))

    def slopes(self, z: Array, y: Array) -> Array:
        """`softmax(z) − y`."""
        return _softmax(z) - y

    def curved(self, z: Array, d: Array) -> Array:
        """`(diag p − ppᵀ) d`."""
        p = _softmax(z)
        return np.asarray(p * (d - np.sum(p * d, axis=-2, keepdims=True)))


class OneVsRest(Logistic):
    """One logistic loss an output, y = 1 at the class and −1 elsewhere."""

    def values(self, z: Array, y: Array) -> Array:
        """Summed over the outputs."""
        return np.asarray(np.logaddexp(0.0, -y * z).sum(axis=-2))


class Poisson(FloatLoss):
    """`e^z − yz`."""

    def values(self, z: Array, y: Array) -> Array:
        """Summed over the outputs."""
        return np.asarray(np.sum(np.exp(np.minimum(z, 300.0)) - y * z, axis=-2))

    def slopes(self, z: Array, y: Array) -> Array:
        """`e^z − y`."""
        return np.asarray(np.exp(np.minimum(z, 300.0)) - y)

    def curved(self, z: Array, d: Array) -> Array:
        """`e^z d`."""
        return np.asarray(np.exp(np.minimum(z, 300.0)) * d)


LOSSES: dict[str, FloatLoss] = {"squared": Squared(), "logistic": Logistic(), "cross_entropy": CrossEntropy(),
                                "one_vs_rest": OneVsRest(), "poisson": Poisson()}
"""By word. A loss that is `targeted` or has kinks has a search of its own, :mod:`certify.finders.head.plain_attack`,
and needs no row here; any other one does."""


@dataclass(frozen=True, eq=False)
class FloatHead:
    """What a search has to know of a head.

    Attributes:
        phi: `(n, m)` features, with a column of ones for an intercept.
        targets: `(n, k)` as the loss takes them.
        codes: `(c, k)` targets that a label may become, or None.
        label: `(n,)` the rows' places in `codes`, or None.
        loss: a word of `LOSSES`.
        decay: `(m,)` mu where a column is decayed, else 0.
        lost: `(m,)` what `decay` loses with each deleted row.
        weights: `(k, m)` as trained.
        points: `(N, m)` evaluation rows.
        today: `(N,)` their labels: the largest output, or whether the only one is above the threshold.
        threshold: of the only output.
    """

    phi: Array
    targets: Array
    codes: Array | None
    label: Array | None
    loss: FloatLoss
    decay: Array
    lost: Array
    weights: Array
    points: Array
    today: Array
    threshold: float = 0.0

    @property
    def k(self) -> int:
        """Outputs."""
        return int(self.weights.shape[0])

    def outputs(self, V: Array) -> Array:
        """`(B, k, n)` of the rows, for weights `(B, k, m)`."""
        return _times(V, self.phi.T)

    def decays(self, deleted: Array) -> Array:
        """`(B, 1, m)` for numbers of deleted rows `(B,)`."""
        return np.asarray((self.decay - deleted[:, None] * self.lost)[:, None, :])

    def drawn(self, slopes: Array) -> Array:
        """`(B, k, m)` the sum of slope times features over the rows."""
        return _times(slopes, self.phi)


def float_head(
    phi: Array,
    targets: Array,
    loss: str,
    mu: float,
    weights: Array,
    points: Array,
    decayed: Array | None = None,
    codes: Array | None = None,
    label: Array | None = None,
    lost: float = 0.0,
    threshold: float = 0.0,
) -> FloatHead:
    """A head from arrays, its labels today from its weights.

    Args:
        phi, targets, weights, points, codes, label, threshold: as in `FloatHead`.
        loss: its word.
        mu: the decay in the sum form.
        decayed: `(m,)` which columns are decayed; None: all.
        lost: what mu loses with each deleted row.
    """
    which = np.ones(phi.shape[1]) if decayed is None else decayed.astype(float)
    z = points @ weights.T
    today = (z[:, 0] > threshold).astype(int) if len(weights) == 1 else np.argmax(z, axis=1)
    return FloatHead(
        phi, targets, codes, label, LOSSES[loss], mu * which, lost * which, weights, points, today, threshold
    )


def _times(V: Array, A: Array) -> Array:
    B, k, m = V.shape
    return np.asarray(V.reshape(B * k, m) @ A).reshape(B, k, A.shape[1])


def _sigmoid(z: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * z))


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=-2, keepdims=True))
    return np.asarray(e / e.sum(axis=-2, keepdims=True))
