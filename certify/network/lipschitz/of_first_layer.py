"""How steep the first hidden layer is near each row: Lipschitz constants on balls, by the slopes units can have."""

from __future__ import annotations

from functools import partial

import numpy as np

from certify.network.layers.passes import Forward
from certify.network.lipschitz.reach import slopes_within
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.cholesky import verify_positive_definite
from certify.rigor.finder import proposed
from certify.rigor.fp import RAISE, Array, U

CHUNK = 16_000_000
"""Most numbers of one chunk of scaled weight matrices."""

LARGEST = 2**24
"""Most numbers of all Gram matrices together; beyond it nothing is proved and the caller's norm of the layer stands."""

LADDER = (2.0**-30, 2.0**-20, 2.0**-10)


def first_layer_steepness(network: Network, passed: Forward, t: Array, scale: Array | None) -> float | None:
    """ω with `|a_1(x) − a_1(x')| ≤ ω|x − x'|` for x, x' in the ball of radius t_i around row i, for every i (Q4).

    `a_1(x) − a_1(x') = DW_1(x − x')`, D diagonal with difference quotients of φ, in size at most the largest slopes
    `D_i` on the ball; so `ω² = max_i λ_max(W_1ᵀD_i²W_1)`. Each matrix is formed with its error and `ω²I` less it is
    proved positive definite. None: that failed, or the matrices
    would be too large.

    Args:
        network: at least two layers.
        passed: forward pass in binary64 with pre-activations.
        t: `(n,)` radii in units of `scale`.
        scale: `(d,)` unit of each feature, or None.
    """
    if len(t) * network.widths[0] ** 2 > LARGEST:
        return None
    W = network.weights[0] if scale is None else network.weights[0] * scale
    D = slopes_within(network, passed, 0, fp.row_norms(W)[None, :] * t[:, None] * RAISE)
    guess, parts = 0.0, []
    step = max(1, CHUNK // W.size)
    for i in range(0, len(t), step):
        B = D[i : i + step, :, None] * W  # two roundings an entry, with that of the scale
        G = np.matmul(np.swapaxes(B, 1, 2), B)
        B = np.abs(B)
        R = (fp.dot_unit(len(W)) + 8 * U) * np.matmul(np.swapaxes(B, 1, 2), B) * fp.sum_up(len(W)) + fp.FLOOR
        parts += list(zip(fp.require_finite(G, "Gram matrices"), fp.require_finite(R, "Gram matrices"), strict=True))
        values = proposed(partial(np.linalg.eigvalsh, (G + np.swapaxes(G, 1, 2)) / 2))
        if values is None:
            return None
        guess = max(guess, float(values[:, -1].max()))
    eye = np.eye(W.shape[1])
    for slack in LADDER if guess > 0 else ():
        square = guess * (1.0 + slack)
        proofs = (verify_positive_definite(_symmetric(square * eye - G), R + 2 * U * (np.abs(G) + square * eye))
                  for G, R in parts)
        if all(proofs):
            return fp.up(fp.sqrt_up(fp.exact(square)))
    return None


def _symmetric(M: Array) -> Array:
    return np.triu(M) + np.triu(M, 1).T
