"""How far the outputs of a network with one hidden layer can move while a row moves within a ball, by a dual (Q4)."""

from __future__ import annotations

import numpy as np

from certify.network.layers.passes import Forward
from certify.network.lipschitz.quotients import difference_quotients
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.cholesky import verify_positive_definite
from certify.rigor.finder import proposed
from certify.rigor.fp import RAISE, Array, U

CHUNK = 4_000_000
"""Most numbers of the vectors of some rows at a time."""

LARGEST = 2**24
"""Most numbers of all matrices together; beyond it nothing is proved and the caller's bounds stand."""

STEPS, POWER, SHARE, FLAT = 12, 2, 0.3, 0.01
"""Of the search for a dual; a checker that takes the same steps finds the same one, up to rounding."""

LADDER = (2.0**-30, 2.0**-20, 2.0**-10, 2.0**-5)
ROOM = 1.0 + 2.0**-14
"""Left for the dual that a checker finds by itself."""


def output_steepness(network: Network, passed: Forward, t: Array, scale: Array | None) -> Array | None:
    """`S_i` with `|f(x_i + v) − f(x_i)| ≤ S_i|v|` for `|v| ≤ t_i`, for every row.

    `f_a(x_i + v) − f_a(x_i) = ⟨Σ_j v_{aj}q_jw_j, v⟩`, q_j the difference quotients of φ, which lie within r_ij of m_ij.
    So it is `⟨c + Σ_j e_jb_jw_j, v⟩`, `|e_j| ≤ 1`, and with any p > 0, `Σp ≤ 1`, at most |v| times the root of
    `λ_max(ccᵀ/p_0 + Σ_j b_j²w_jw_jᵀ/p_j)` (Cauchy–Schwarz). The dual p comes from a few fixed steps; the eigenvalue is
    proved below its bound by a factorisation.

    Args:
        network: two layers; kinks are allowed.
        passed: forward pass in binary64 with pre-activations.
        t: `(n,)` radii in units of `scale`.
        scale: `(d,)` unit of each feature, or None.

    Returns:
        `(n,)` upper bounds, infinite where none was proved; None for other networks and where the matrices would be too
        large.

    >>> from certify.network.layers.passes import forward, known_weights
    >>> from certify.rigor.arithmetic import Binary64
    >>> net = Network((np.eye(2), np.array([[3.0, 4.0]])), (None, None), "relu")
    >>> X = np.array([[1.0, 1.0], [1.0, 0.0]])
    >>> passed = forward(net, known_weights(net), X, Binary64(), keep_pre=True)
    >>> output_steepness(net, passed, np.array([0.5, 0.5]), None).round(3).tolist()
    [5.0, 5.0]
    """
    n, d, k = len(t), network.widths[0], network.widths[-1]
    if network.depth != 2 or n * d * d * k > LARGEST:
        return None
    W = network.weights[0] if scale is None else network.weights[0] * scale
    lengths = fp.row_norms(W) * RAISE
    mid, half = difference_quotients(network, passed, 0, lengths[None, :] * t[:, None] * RAISE)
    total = np.zeros(n)
    for v in network.weights[1]:
        found = _one_output(W, lengths, mid, half, v)
        total = total + found * found
    return np.sqrt(total) * RAISE * ROOM


def _one_output(W: Array, lengths: Array, mid: Array, half: Array, v: Array) -> Array:
    """The bound for one output, one a row."""
    n, (units, d) = len(mid), W.shape
    size = np.abs(v)
    centre = (mid * v) @ W
    width = half * size * RAISE
    # entries of c: two roundings each, one of the scale, and the sum; of b_jw_j: the product and the scale; and what
    # underflows in m_j, b_j or their products, at most 2^-1022 times lengths of at most 2^300 each
    error = ((fp.dot_unit(units) + 8 * U) * ((np.abs(mid) * size) @ lengths) + 8 * U * (width @ lengths)) * RAISE
    error = error + fp.FLOOR
    most = int((width > 0).sum(axis=1).max())
    step = max(1, CHUNK // ((most + 1) * d))
    found = []
    for i in range(0, n, step):
        part = slice(i, i + step)
        order = np.argsort(-width[part], axis=1, kind="stable")[:, :most]
        b = np.take_along_axis(width[part], order, axis=1)
        V = np.concatenate([centre[part][:, None, :], b[:, :, None] * W[order]], axis=1)
        found += [_root(B) for B in V / np.sqrt(_dual(V))[:, :, None]]
    return (np.array(found) + error) * RAISE


def _dual(V: Array) -> Array:
    """p for `(rows, vectors, d)`: steps towards `p_l ∝ |⟨a, V_l⟩|`, a the top eigenvector; sums of at most 1."""
    length = np.linalg.norm(V, axis=2) + 1e-300
    base = length / length.sum(axis=1, keepdims=True)
    a = V[:, 0] + 1e-8 * length.sum(axis=1)[:, None]
    p, kept = base, np.zeros_like(base)
    for step in range(STEPS):
        for _ in range(POWER):
            a = np.einsum("nld,nl->nd", V, np.einsum("nld,nd->nl", V, a) / p)
            a = a / (np.linalg.norm(a, axis=1, keepdims=True) + 1e-300)
        s = np.abs(np.einsum("nld,nd->nl", V, a)) + 1e-300
        p = (1 - SHARE) * p + SHARE * ((1 - FLAT) * s / s.sum(axis=1, keepdims=True) + FLAT * base)
        kept = kept + (p if 2 * step >= STEPS else 0.0)
    return np.asarray(kept / kept.sum(axis=1, keepdims=True) * (1 - 2.0**-30))


def _root(B: Array) -> float:
    """Upper bound of `λ_max(BᵀB)^½` for B with entries wrong by three roundings; infinite if none was proved."""
    if not np.isfinite(B).all():
        return float("inf")
    G = B.T @ B
    error = (fp.dot_unit(len(B)) + 8 * U) * (np.abs(B).T @ np.abs(B)) * fp.sum_up(len(B)) + fp.FLOOR
    G = np.triu(G) + np.triu(G, 1).T
    values = proposed(lambda: np.linalg.eigvalsh(G))
    guess = float("inf") if values is None else float(values[-1])
    eye = np.eye(len(G))
    for slack in LADDER if 0 < guess < float("inf") else ():
        square = guess * (1.0 + slack)
        if verify_positive_definite(square * eye - G, error + 2 * U * (np.abs(G) + square * eye)):
            return fp.up(fp.sqrt_up(fp.exact(square)))
    return float("inf") if guess > 0 else 0.0 if not B.any() else float("inf")
