"""How long `∇²_w(L − ⟨c, f⟩) z` can be on a ball of weights, by one pass along z: no Hessian is formed (H4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.network.layers.gradients import layer_sum
from certify.network.layers.objective import Derivatives, Objective, checked_layers, differentiate, weights_of
from certify.network.layers.passes import Weights
from certify.network.layers.stacks import Stack
from certify.network.layers.tangents import plus, times_rows, times_slope
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64, Pair
from certify.rigor.ball import Balls, Matrix, affine
from certify.rigor.fp import RAISE, Array, U

Direction = dict[int, tuple[Matrix, Pair | None]]


@dataclass(frozen=True, eq=False)
class Product:
    """`∇²_w(L − ⟨c, f⟩) z` over a ball of weights and features, and what the same pass says about the data.

    Attributes:
        norm: upper bound of its length.
        mid: `(p,)`, what the product is about; a proposal, no enclosure.
        moved: n times how `∇L` by a row's features moves along z, one row a sample.
        features: n times `∇L` by a row's features.
        outputs, adjoints: how a row's outputs move along z, and n times `∇L` by them, less the tilt.
    """

    norm: Fraction
    mid: Array
    moved: Balls
    features: Balls
    outputs: Balls
    adjoints: Balls


def hessian_product_norm(objective: Objective, z: Array, layers: tuple[int, ...], weights: Weights) -> Fraction:
    """Upper bound of `|∇²_w(L − ⟨c, f⟩) z|` over all weights of a ball (H4).

    Args:
        objective: loss, data, tilt.
        z: `(p,)` float64, exact, in the order of :mod:`certify.network.layers.jacobian`.
        layers: the free layers, ascending, from 1; z has no part in others.
        weights: the ball, as of :func:`certify.network.layers.passes.known_weights`.

    Raises:
        EnclosureError: a pre-activation that may be at a kink, NaN, overflow.

    >>> from certify.network.layers.passes import known_weights
    >>> net = Network((np.array([[3.0]]), np.array([[2.0]])), (None, None), "identity")
    >>> objective = Objective(net, np.ones((1, 1)), targets=np.zeros((1, 1)))  # H = [[4, 12], [12, 9]]
    >>> abs(float(hessian_product_norm(objective, np.array([1.0, 0.0]), (1, 2), known_weights(net))) - 160**0.5) < 1e-12
    True
    """
    return hessian_product(objective, z, layers, weights).norm


def hessian_product(objective: Objective, z: Array, layers: tuple[int, ...], weights: Weights) -> Product:
    """`∇²_w(L − ⟨c, f⟩) z` over all weights of a ball, and all features within the objective's spread (H4).

    Along z `ż_h = W_hȧ_{h−1} + Z_hã_{h−1}`, `ȧ_h = φ'∘ż_h`; `v̇_H = s_iM_iḟ`, `v̇_{h−1} = φ'∘(W_hᵀv̇_h + Z_hᵀv_h) +
    φ''∘W_hᵀv_h∘ż_{h−1}`; layer h of the product is `(1/n)Σ_i (v̇_hã_{h−1}ᵀ + v_h(ȧ_{h−1}, 0)ᵀ) + λZ_h`; and
    `v̇_0 = W_1ᵀv̇_1 + Z_1ᵀv_1`, `v_0 = W_1ᵀv_1`.

    Args:
        objective: loss, data, tilt.
        z: `(p,)` float64, exact, in the order of :mod:`certify.network.layers.jacobian`.
        layers: the free layers, ascending, from 1; z has no part in others.
        weights: the ball, as of :func:`certify.network.layers.passes.known_weights`.

    Raises:
        EnclosureError: a pre-activation that may be at a kink, NaN, overflow.

    >>> from certify.network.layers.passes import known_weights
    >>> net = Network((np.array([[3.0]]), np.array([[2.0]])), (None, None), "identity")  # L = ½w₁²w₂²x²
    >>> objective = Objective(net, np.ones((1, 1)), targets=np.zeros((1, 1)))
    >>> found = hessian_product(objective, np.array([1.0, 0.0]), (1, 2), known_weights(net))
    >>> found.mid.tolist(), found.features.mid.hi.tolist(), found.moved.mid.hi.tolist()
    ([4.0, 12.0], [[36.0]], [[24.0]])
    """
    arithmetic = Binary64()
    layers = checked_layers(objective.network, layers)
    over, turned = weights_of(objective, weights, 0.0, layers)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        d = differentiate(objective, over, turned, arithmetic)
        direction = _direction(objective.network, layers, z)
        inputs, before = _forward(d, over, direction)
        total, parts = Fraction(0), {}
        for h, dv in _backward(d, direction, before):
            if h in direction:
                size, parts[h] = _layer_part(objective, d, direction, h, dv, inputs[h - 1])
                total += size**2
        first, output = _rows(d.adjoints[0]), before[-1]
        assert output is not None
        moved = affine(dv, turned[0], None, arithmetic)
        if 1 in direction:
            moved = plus(moved, affine(first, direction[1][0].turned(), None, arithmetic), arithmetic)
        return Product(fp.sqrt_up(total), np.concatenate([parts[h] for h in layers]), moved,
                       affine(first, turned[0], None, arithmetic), output, _rows(d.adjoints[-1]))


def _direction(net: Network, layers: tuple[int, ...], z: Array) -> Direction:
    """z as weights and biases of the free layers; Frobenius norms serve as spectral ones."""
    found: Direction = {}
    at = 0
    for h in layers:
        W, b = net.weights[h - 1], net.biases[h - 1]
        V = np.ascontiguousarray(z[at : at + W.size].reshape(W.shape))
        at += W.size
        size = fp.frobenius(V)
        bias = None
        if b is not None:
            bias = Pair(np.ascontiguousarray(z[at : at + b.size]))
            at += b.size
        found[h] = (Matrix(Pair(V), size, size), bias)
    return found


def _forward(
    d: Derivatives, over: Weights, direction: Direction
) -> tuple[list[Balls | None], list[Balls | None]]:
    """How inputs and pre-activations of every layer move along z; None where they do not."""
    arithmetic = Binary64()
    a: Balls | None = None
    inputs, before = [a], []
    for h in range(1, len(over) + 1):
        z = None if a is None else affine(a, over[h - 1].weight, None, arithmetic)
        if h in direction:
            own = affine(d.passed.inputs[h - 1], *direction[h], arithmetic)
            z = own if z is None else plus(z, own, arithmetic)
        before.append(z)
        if h < len(over):
            a = None if z is None else times_slope(z, d.passed.slopes[h - 1], 1, arithmetic)
            inputs.append(a)
    return inputs, before


def _backward(d: Derivatives, direction: Direction, before: list[Balls | None]) -> Iterator[tuple[int, Balls]]:
    """How the adjoints `v_h` move along z, from the last layer down to the first."""
    arithmetic, output = Binary64(), before[-1]
    assert output is not None  # a free layer moves the outputs
    v = _through(d.outer, output)
    for h in range(len(before), 0, -1):
        yield h, v
        if h == 1:
            return
        y = affine(v, d.turned[h - 1], None, arithmetic)
        if h in direction:
            y = plus(y, affine(_rows(d.adjoints[h - 1]), direction[h][0].turned(), None, arithmetic), arithmetic)
        v = times_slope(y, d.passed.slopes[h - 2], 1, arithmetic)
        bend, moved = d.curved[h - 2], before[h - 2]
        if bend is not None and moved is not None:
            v = plus(v, times_rows(_rows(bend), moved, 1, arithmetic), arithmetic)


def _through(M: Stack, f: Balls) -> Balls:
    """`M_i f_i`: `r_M|f| + |M|r_f + c|M||f|`, c that of inner products of length k."""
    mid = np.einsum("iab,ib->ia", M.mid.hi, f.mid.hi)
    rad = M.rad * f.norm + M.norm * f.rad + fp.dot_unit(M.mid.shape[1]) * M.norm * f.norm
    return Balls.make(Pair(mid), rad * RAISE, Binary64())


def _rows(x: Stack) -> Balls:
    """Matrices of one row as vectors."""
    return Balls(x.mid.reshape(len(x.rad), -1), x.rad, x.norm)


def _layer_part(
    objective: Objective, d: Derivatives, direction: Direction, h: int, dv: Balls, da: Balls | None
) -> tuple[Fraction, Array]:
    """Upper bound of the Frobenius norm of one layer's part of the product, and its midpoint, the bias last."""
    arithmetic, n, bias = Binary64(), len(dv.rad), objective.network.biases[h - 1]
    M, error = layer_sum(d.passed.inputs[h - 1], dv, bias, n, arithmetic)
    total = M.hi
    if da is not None:
        second, more = layer_sum(da, _rows(d.adjoints[h - 1]), None, n, arithmetic)
        size = Fraction(fp.frobenius(total)) + Fraction(fp.frobenius(second.hi))
        error += more + Fraction(U) * size
        total[:, : second.hi.shape[1]] += second.hi
    V, b = direction[h]
    Z = V.value.hi if b is None else np.hstack([V.value.hi, b.hi[:, None]])
    rate = fp.exact(objective.weight_decay)
    mean = fp.require_finite(total / objective.n + objective.weight_decay * Z, "second derivatives")
    size = Fraction(fp.frobenius(total)) / objective.n + rate * Fraction(fp.frobenius(Z))
    # three roundings, and what underflows in a quotient or a product
    rounding = 4 * Fraction(U) * size + Fraction(fp.FLOOR)
    width = V.value.hi.shape[1]
    mid = np.concatenate([mean[:, :width].ravel(), mean[:, width:].ravel()])
    return Fraction(fp.frobenius(mean)) + error / objective.n + rounding, mid
