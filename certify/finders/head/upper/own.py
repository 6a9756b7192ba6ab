"""How far each row pulls once it has another label, its own outputs solved; the others to second order, in floats.

A row that counts much moves its own outputs towards its new label, and pulls less there than first order says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.finders.head.floats import Array, FloatHead
from certify.finders.head.newton import Newton

INNER, LONGEST = 4, 8.0
"""Newton steps for a row's outputs, and how far one may go in one of them."""
PART = 2_000_000
"""Numbers of the largest array of matrices."""


@dataclass(frozen=True, eq=False)
class Trained:
    """What is known of rows at the trained head.

    Attributes:
        leverages: `(1, k, k, n)`.
        pulls: `(n, c, k)` of :func:`new_pulls`; None: labels do not change, there is one output, or it is not finite.
    """

    leverages: Array
    pulls: Array | None


def trained(newton: Newton, relabels: bool) -> Trained:
    """Of a head."""
    head, leverages, pulls = newton.head, newton.leverages(), None
    if relabels and head.k > 1 and head.codes is not None:
        try:
            pulls = new_pulls(head, newton.centre, leverages)
        except np.linalg.LinAlgError:
            return Trained(leverages, None)
    return Trained(leverages, pulls if pulls is not None and np.isfinite(pulls).all() else None)


def new_pulls(head: FloatHead, centre: Array, leverages: Array) -> Array:
    """`(n, c, k)` what each row's becoming each code adds to the slopes that H⁻¹ takes to the weights.

    With K the row's leverages and A its curvature, `κ = (1 − KA)⁻¹K`, its outputs move by the solution τ of
    `τ + κ(ℓ'_new(z + τ) − ℓ'_old(z)) = 0`, and it pulls by `(1 − AK)⁻¹(ℓ'_new(z + τ) − ℓ'_old(z))`. To first order that
    is the difference of the slopes.

    Args:
        head: with codes.
        centre: `(k, m)` weights as trained.
        leverages: `(1, k, k, n)` there.
    """
    assert head.codes is not None
    n, k, codes = len(head.phi), head.k, head.codes
    found = np.empty((n, len(codes), k))
    size = max(1, PART // (len(codes) * k * k))
    for low in range(0, n, size):
        at = slice(low, low + size)
        z = (head.phi[at] @ centre.T).T
        found[at] = _pulled(head, z, head.targets[at].T, leverages[0, :, :, at].transpose(2, 0, 1))
    return found


def _pulled(head: FloatHead, z: Array, old: Array, K: Array) -> Array:
    assert head.codes is not None
    k, r = z.shape
    eye, c = np.eye(k), len(head.codes)
    A, before = _curved(head, z), head.loss.slopes(z, old).T
    less = _bounded(eye - K @ A)
    kappa = np.repeat(np.linalg.solve(less, K), c, axis=0)
    z, before = np.repeat(z, c, axis=1), np.repeat(before, c, axis=0)
    new, tau = np.tile(head.codes.T, r), np.zeros((r * c, k))
    for _ in range(INNER):
        far = tau + (kappa @ (head.loss.slopes(z + tau.T, new).T - before)[..., None])[..., 0]
        step = np.linalg.solve(eye + kappa @ _curved(head, z + tau.T), far[..., None])[..., 0]
        tau = tau - step * np.minimum(1.0, LONGEST / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
    q = np.linalg.solve(np.repeat(less.swapaxes(1, 2), c, axis=0),
                        (head.loss.slopes(z + tau.T, new).T - before)[..., None])[..., 0]
    return np.asarray(q.reshape(r, c, k))


def _curved(head: FloatHead, z: Array) -> Array:
    """`(r, k, k)`."""
    unit = np.eye(len(z))
    each = [head.loss.curved(z, np.broadcast_to(e[:, None], z.shape)) for e in unit]
    return np.asarray(np.stack(each).transpose(2, 0, 1))


def _bounded(M: Array) -> Array:
    """Matrices `1 − KA`, 1 where KA is close to 1 or above: a row that holds its outputs alone."""
    M = M.copy()
    eye = np.eye(M.shape[-1])
    M[np.abs(M - eye).sum(axis=-1).max(axis=-1) > 0.95] = eye
    return M
