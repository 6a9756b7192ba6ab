"""Norms of the loss gradient with respect to weights and data, enclosed by one backward pass (M6)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.network.layer_scale import LayerScale
from certify.network.losses import LossTerms
from certify.network.network import Network
from certify.network.passes import Forward, Weights, backward
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array


@dataclass(frozen=True, eq=False)
class Norm:
    """`lower ≤ norm ≤ upper`, exact rationals."""

    lower: Fraction
    upper: Fraction


def loss_adjoints(
    network: Network, weights: Weights, passed: Forward, terms: LossTerms, arithmetic: Arithmetic
) -> tuple[Balls, ...]:
    """`v_h = ∂ℓ_i/∂z_h` for every layer and `v_0 = ∂ℓ_i/∂x`, one row a sample."""
    return backward(network, weights, passed, arithmetic, terms.slopes)


def weight_gradient_norm(
    network: Network, passed: Forward, adjoints: tuple[Balls, ...], layers: tuple[int, ...], decay: float,
    arithmetic: Arithmetic, scale: LayerScale | None = None,
) -> Norm:
    """Enclose `|S⁻¹∇_w L|` over the free layers, `∇_{W_h}L = (1/n) Σ_i v_h^i (ã_{h−1}^i)ᵀ + λW_h`.

    Each layer's matrix is one product of length n, `‖error‖_F ≤ c‖V‖_F‖Ã‖_F + Σ_i (r_i^v α_i + ν_i r_i^a)`.

    Args:
        network: the network.
        passed: forward pass.
        adjoints: from :func:`loss_adjoints`.
        layers: the free layers.
        decay: the weight decay λ.
        arithmetic: what computes the products.
        scale: S, the scale of the layers; None: all 1.
    """
    n = len(passed.output.rad)
    lower = upper = Fraction(0)
    for h in layers:
        part = array_norm(*layer_gradient(network, h, passed.inputs[h - 1], adjoints[h], decay, arithmetic))
        square = Fraction(1) if scale is None else scale.squares[h - 1]
        lower, upper = lower + square * part.lower**2, upper + square * part.upper**2
    return Norm(fp.sqrt_down(lower) / n, fp.sqrt_up(upper) / n)


def layer_gradient(
    network: Network, h: int, a: Balls, v: Balls, decay: float, arithmetic: Arithmetic
) -> tuple[Pair, Fraction]:
    """`n·∇L` of one layer, the bias as a last column, and a bound of its error in Frobenius norm."""
    n = len(a.rad)
    bias = network.biases[h - 1]
    ones = np.ones((n, 0 if bias is None else 1))
    inputs = _columns(a.mid, ones)
    M = arithmetic.product(_turned(v.mid), _turned(inputs))
    alpha = np.sqrt(a.norm**2 + ones.shape[1]) * RAISE
    balls = fp.exact(float(np.sum(v.rad * alpha + v.norm * a.rad)) * (1.0 + 2 * fp.dot_unit(n))) * Fraction(RAISE)
    size_v, size_a = (Fraction(float(fp.row_norms(x[None, :])[0])) for x in (v.norm, alpha))
    error = Fraction(arithmetic.product_unit(n)) * size_v * size_a * Fraction(RAISE) + balls
    if decay:
        W = network.weights[h - 1] if bias is None else np.hstack([network.weights[h - 1], bias[:, None]])
        scaled = n * decay
        factor = fp.exact(scaled)  # refuses what overflows
        D = arithmetic.multiply(Pair(W), Pair(np.full((1, 1), scaled)))
        size = Fraction(fp.frobenius(W))
        error += abs(Fraction(n) * Fraction(decay) - factor) * size
        sizes = 2 * factor * size + Fraction(fp.frobenius(M.hi))
        error += Fraction(arithmetic.unit) * sizes * Fraction(RAISE)
        M = arithmetic.add(M, D)
    return M, error


def array_norm(M: Pair, error: Fraction) -> Norm:
    """Enclose the Frobenius norm of anything within `error` of the pair."""
    upper = Fraction(fp.frobenius(M.hi))
    slack = Fraction(4 * (M.shape[0] + M.shape[1] + 32)) * Fraction(fp.U)
    low = Fraction(0) if M.lo is None else Fraction(fp.frobenius(M.lo))
    floor = 2 * (M.shape[0] + 1) * Fraction(fp.FLOOR)  # what the floor of every row may have added
    return Norm(max(upper * (1 - slack) - low - error - floor, Fraction(0)), upper + low + error)


def row_norm_ends(v: Balls, scale: Array | None) -> tuple[Array, Array]:
    """Ends of `|v_i ∘ scale|` for every row, as arrays."""
    hi = v.mid.hi if scale is None else v.mid.hi * scale
    stretch = 1.0 if scale is None else float(np.max(np.abs(scale)))
    low = np.zeros(len(v.rad)) if v.mid.lo is None else 4 * fp.U * v.norm
    rad = (v.rad + low + 2 * fp.U * v.norm) * stretch * RAISE
    upper = fp.row_norms(hi)
    slack = 4 * (hi.shape[1] + 32) * fp.U
    lower = np.maximum(upper * (1 - slack) - rad - 2 * fp.FLOOR, 0.0)
    return lower * (1 - 2.0**-50), (upper + rad) * RAISE


def total_norm(lower: Array, upper: Array) -> Norm:
    """Norm of a vector whose entries lie between the given ends."""
    low = sum((fp.exact(x) ** 2 for x in lower.tolist()), Fraction(0))
    high = sum((fp.exact(x) ** 2 for x in upper.tolist()), Fraction(0))
    return Norm(fp.sqrt_down(low), fp.sqrt_up(high))


def _turned(A: Pair) -> Pair:
    return Pair(np.ascontiguousarray(A.hi.T), None if A.lo is None else np.ascontiguousarray(A.lo.T))


def _columns(A: Pair, ones: Array) -> Pair:
    return Pair(np.hstack([A.hi, ones]), None if A.lo is None else np.hstack([A.lo, np.zeros_like(ones)]))
