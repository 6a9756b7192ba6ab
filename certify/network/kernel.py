"""The tangent kernel in Hadamard form (M3), enclosed without ever forming the Jacobian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.network.passes import Forward
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array


@dataclass(frozen=True, eq=False)
class Kernel:
    """`K = JJᵀ` with `|K − mid|_ij ≤ e_i s_j + s_i e_j` and `|K|_ij ≤ s_i s_j`.

    Row `i·k + a` belongs to sample i and output a. The radius has rank two, so it costs O(N), not O(N²).

    Attributes:
        mid: `(N, N)` pair.
        e, s: `(N,)` arrays.
    """

    mid: Pair
    e: Array
    s: Array


def tangent_kernel(
    passed: Forward, adjoints: tuple[Balls, ...], layers: tuple[int, ...], biases: tuple[bool, ...],
    arithmetic: Arithmetic,
) -> Kernel:
    """Enclose `K_{(i,a),(j,b)} = Σ_h ⟨B_h^{i,a}, B_h^{j,b}⟩ (⟨a_{h−1}^i, a_{h−1}^j⟩ + [layer h has a bias])` (R10).

    Args:
        passed: forward pass.
        adjoints: `(B_0, …, B_H)` of the backward pass.
        layers: layers, from 1, whose parameters are free.
        biases: whether each layer has a bias.
        arithmetic: what computes the midpoints.
    """
    k = passed.output.mid.shape[1]
    total: Pair | None = None
    parts_e, parts_s = [], []
    for h in layers:
        left, right, e, s = _layer_factors(passed.inputs[h - 1], adjoints[h], biases[h - 1], k, arithmetic)
        total = arithmetic.accumulate(total, left, right)
        parts_e.append(e)
        parts_s.append(s)
    assert total is not None  # `layers` is never empty
    N = len(parts_e[0])
    e, s = np.sum(parts_e, axis=0) * RAISE, _root_of_squares(np.array(parts_s))
    e = (e + arithmetic.unit * len(layers) * s) * RAISE  # summing the layers
    # the floors make e_i s_j ≥ 2^-990, above what underflow can cost an entry (R0)
    e, s = np.maximum(e, fp.KERNEL_FLOOR_E), np.maximum(s, fp.KERNEL_FLOOR_S)
    fp.require_finite(np.einsum("ii->i", total.hi.reshape(N, N)), "tangent kernel")
    return Kernel(total.reshape(N, N), fp.require_finite(e, "kernel radius"), fp.require_finite(s, "kernel size"))


def _layer_factors(
    a: Balls, b: Balls, bias: bool, k: int, arithmetic: Arithmetic
) -> tuple[Pair, Pair, Array, Array]:
    """The two Gram matrices of one layer, as `(n, k, n, k)` and `(n, 1, n, 1)`, with the `(e, s)` of their product.

    Gram matrices of balls: `|⟨x, x'⟩ − fl| ≤ p_i β_j + β_i p_j` with `p = rad + (c/2)β`; the Hadamard product of
    two such enclosures has `s = βα`, `e = pα + 1.01 βq + (unit/2)·1.1 s`.
    """
    n = len(a.rad)
    left = arithmetic.product(b.mid, b.mid)
    right = arithmetic.product(a.mid, a.mid)
    beta, alpha = b.norm, a.norm
    p = (b.rad + 0.5 * arithmetic.product_unit(b.mid.shape[1]) * beta) * RAISE
    q = (a.rad + 0.5 * arithmetic.product_unit(a.mid.shape[1]) * alpha) * RAISE
    if bias:
        right = arithmetic.add(right, Pair(np.ones((1, 1))))
        alpha = np.sqrt(alpha * alpha + 1.0) * RAISE
        q = (q + arithmetic.unit * alpha) * RAISE
    alpha, q = np.repeat(alpha, k), np.repeat(q, k)
    s = beta * alpha * RAISE
    e = (p * alpha + 1.01 * beta * q + 0.6 * arithmetic.unit * s) * RAISE
    return left.reshape(n, k, n, k), right.reshape(n, 1, n, 1), e, s


def _root_of_squares(parts: Array) -> Array:
    """Upper bound of `√Σ_h s_h²` columnwise, scaled against underflow."""
    top = np.maximum(parts.max(axis=0), fp.FLOOR * fp.FLOOR)
    return np.asarray(top * np.sqrt(np.sum((parts / top) ** 2, axis=0)) * RAISE)
