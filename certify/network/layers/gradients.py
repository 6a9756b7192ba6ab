"""The loss gradient with respect to weights, and norms with respect to weights and data, by one backward pass (M6)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.network.graph.maps import enclosed_pair
from certify.network.layer_scale import LayerScale
from certify.network.layers.objective import Objective, checked_layers, differentiate, weights_of
from certify.network.layers.passes import Forward, Layer, Weights, backward
from certify.network.loss.losses import LossTerms
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, DoubleDouble, Pair
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
    M, error = layer_sum(a, v, bias, n, arithmetic)
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


def layer_sum(a: Balls, v: Balls, bias: Array | None, n: int, arithmetic: Arithmetic) -> tuple[Pair, Fraction]:
    """`Σ_i v_h^i (ã_{h−1}^i)ᵀ` and a bound of the Frobenius norm of its error."""
    ones = np.ones((n, 0 if bias is None else 1))
    inputs = _columns(a.mid, ones)
    M = arithmetic.product(_turned(v.mid), _turned(inputs))
    alpha = np.sqrt(a.norm**2 + ones.shape[1]) * RAISE
    balls = fp.exact(float(np.sum(v.rad * alpha + v.norm * a.rad)) * (1.0 + 2 * fp.dot_unit(n))) * Fraction(RAISE)
    size_v, size_a = (Fraction(float(fp.row_norms(x[None, :])[0])) for x in (v.norm, alpha))
    return M, Fraction(arithmetic.product_unit(n)) * size_v * size_a * Fraction(RAISE) + balls


@dataclass(frozen=True, eq=False)
class Gradient:
    """A gradient with `|∇ − mid| ≤ radius`.

    Attributes:
        mid: `(p,)` pair, parameters in the order of :mod:`certify.network.layers.jacobian`.
        radius: Euclidean radius.
    """

    mid: Pair
    radius: float

    @property
    def low(self) -> Fraction:
        """Upper bound of the length of the low part: what the high part alone leaves out."""
        return Fraction(0) if self.mid.lo is None else Fraction(float(fp.row_norms(self.mid.lo[None, :])[0]))

    @property
    def norm(self) -> float:
        """Upper bound of `|∇|`."""
        return fp.up(Fraction(float(fp.row_norms(self.mid.hi[None, :])[0])) + self.low + Fraction(self.radius))


def enclose_gradient(
    objective: Objective, layers: tuple[int, ...], arithmetic: Arithmetic | None = None,
    weights: Weights | None = None, rho: float = 0.0,
) -> Gradient:
    """Enclose `∇_w(L − ⟨c, f⟩)` over the free layers, at the weights or on a ball around them (H1).

    Args:
        objective: loss, data, tilt.
        layers: the free layers, ascending, from 1.
        arithmetic: of the passes and of the sums; double-double by default.
        weights: parameters as of :func:`certify.network.layers.passes.known_weights`; None: the network's.
        rho: the enclosure holds for all free parameters within ρ of these (jointly, Euclidean).

    Raises:
        EnclosureError: a pre-activation that may be at a kink, NaN, overflow.

    >>> net = Network((np.array([[3.0]]), np.array([[2.0]])), (None, None), "identity")
    >>> g = enclose_gradient(Objective(net, np.ones((1, 1)), targets=np.zeros((1, 1))), (1, 2))
    >>> g.mid.hi.tolist(), g.radius < 1e-20
    ([12.0, 18.0], True)
    """
    arithmetic = DoubleDouble() if arithmetic is None else arithmetic
    net, n = objective.network, objective.n
    layers = checked_layers(net, layers)
    over, turned = weights_of(objective, weights, rho, layers)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        d = differentiate(objective, over, turned, arithmetic)
        parts, square = [], Fraction(0)
        for h in layers:
            v = d.adjoints[h - 1]
            rows = Balls(v.mid.reshape(len(v.rad), -1), v.rad, v.norm)
            found = layer_sum(d.passed.inputs[h - 1], rows, net.biases[h - 1], len(v.rad), arithmetic)
            M, error = _mean_and_decay(*found, over[h - 1], n, objective.weight_decay, arithmetic)
            width = net.weights[h - 1].shape[1]
            parts += [_entries(M, slice(None, width)), _entries(M, slice(width, None))]
            square += error**2
    low = np.concatenate([p.lo for p in parts if p.lo is not None]) if parts[0].lo is not None else None
    mid = Pair(fp.require_finite(np.concatenate([p.hi for p in parts]), "gradient"), low)
    return Gradient(mid, fp.up(fp.sqrt_up(square)))


def _mean_and_decay(
    M: Pair, error: Fraction, layer: Layer, n: int, decay: float, arithmetic: Arithmetic
) -> tuple[Pair, Fraction]:
    """`M/n + λ(W, b)`: 1/n as an enclosed pair; every operation errs by `unit` times the sizes of its operands."""
    unit = Fraction(arithmetic.unit)
    hi, lo, off = enclosed_pair(Fraction(1, n))
    if not arithmetic.extended:
        lo, off = 0.0, (off + abs(lo)) * RAISE
    inverse = Pair(np.full((1, 1), hi), np.full((1, 1), lo) if arithmetic.extended else None)
    size = Fraction(fp.frobenius(M.hi)) * Fraction(RAISE)
    scaled = arithmetic.multiply(M, inverse)
    error = error / n + size * (Fraction(off) + unit * Fraction(hi) * Fraction(RAISE))
    if not decay:
        return scaled, error
    bias = layer.bias
    W = layer.weight.value
    low = W.lo
    full = W.hi if bias is None else np.hstack([W.hi, bias.hi[:, None]])
    if low is not None or (bias is not None and bias.lo is not None):
        low = np.zeros_like(W.hi) if low is None else low
        if bias is not None:
            low = np.hstack([low, (np.zeros_like(bias.hi) if bias.lo is None else bias.lo)[:, None]])
    shift = arithmetic.multiply(Pair(full, low), Pair(np.full((1, 1), decay)))
    all_weights = Fraction(fp.frobenius(full)) * Fraction(RAISE)
    rate = fp.exact(decay)
    error += unit * (2 * rate * all_weights + size / n) * Fraction(RAISE)
    # a matrix within r in spectral norm is within √rank·r in Frobenius norm
    rank = fp.sqrt_up(Fraction(min(W.hi.shape)))
    moved = rank * Fraction(layer.weight.radius)
    moved += Fraction(layer.bias_radius) if bias is not None else 0
    error += rate * moved
    return arithmetic.add(scaled, shift), error


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


def _entries(A: Pair, columns: slice) -> Pair:
    return Pair(A.hi[:, columns].ravel(), None if A.lo is None else A.lo[:, columns].ravel())


def _turned(A: Pair) -> Pair:
    return Pair(np.ascontiguousarray(A.hi.T), None if A.lo is None else np.ascontiguousarray(A.lo.T))


def _columns(A: Pair, ones: Array) -> Pair:
    return Pair(np.hstack([A.hi, ones]), None if A.lo is None else np.hstack([A.lo, np.zeros_like(ones)]))
