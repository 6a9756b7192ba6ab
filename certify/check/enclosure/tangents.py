"""Derivatives of the Jacobian's rows along one direction of weights or features at a time, in balls (Q1).

One row for every point and output: inputs and pre-activations of a point are repeated for each of its outputs. A
direction of the weights is one matrix a layer, bias as last column, as the layer's inputs have a last entry 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import Backward, Forward, Parameters
from certify.check.linalg.balls import ONE, ZERO
from certify.check.reading.subject import Problem


@dataclass(frozen=True)
class Point:
    """Passes at the data and the given weights, N rows each.

    Attributes:
        weights: `W_h`, without biases.
        inputs: per layer `Ã_{h−1}`, with a last column of ones where the layer has a bias.
        adjoints: per layer `B_h = ∂f/∂z_h`.
        before: per hidden layer `z_h`, row by row.
        slopes, bends: per hidden layer `φ'(z_h)` and `φ''(z_h)`, row-major.
        carried: per hidden layer `Y_h = B_{h+1}W_{h+1}`, row-major; `B_h = Y_h ∘ φ'(z_h)`.
    """

    weights: tuple[arb_mat, ...]
    inputs: tuple[arb_mat, ...]
    adjoints: tuple[arb_mat, ...]
    before: tuple[list[list[arb]], ...]
    slopes: tuple[list[arb], ...]
    bends: tuple[list[arb], ...]
    carried: tuple[list[arb], ...]

    @property
    def rows(self) -> int:
        """N."""
        return int(self.adjoints[-1].nrows())

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.weights)


@dataclass(frozen=True)
class Tangent:
    """Derivatives along one direction; a row of the Jacobian changes by `B'⊗ã + B⊗ã'`, layer by layer.

    Attributes:
        outer: per layer `B_h'`.
        inner: per layer `a_{h−1}'`, without the entry of the bias, whose derivative is 0.
        features: `(∂f/∂x)'`.
        pushed, pulled: per layer what the direction alone does, `Ã_{h−1}V_hᵀ` and `B_hV_h` (no bias); empty for
            features.
    """

    outer: tuple[arb_mat, ...]
    inner: tuple[arb_mat, ...]
    features: arb_mat
    pushed: tuple[arb_mat, ...]
    pulled: tuple[arb_mat, ...]


def at_point(problem: Problem, parameters: Parameters, passed: Forward, adjoint: Backward) -> Point:
    """The passes as Q1 needs them; the activation, if there is one, is C³ around every pre-activation."""
    k, phi = problem.outputs, ACTIVATIONS[problem.activation]
    inputs = []
    for A, layer in zip(passed.inputs, problem.layers, strict=True):
        rows = _repeated(A, k)
        inputs.append(arb_mat([[*row, ONE] for row in rows] if layer.biases is not None else rows))
    before = tuple(_repeated(arb_mat(passed.outputs.nrows(), layer.outputs, list(z)), k)
                   for z, layer in zip(passed.before, problem.layers, strict=False))
    carried = [(adjoint.adjoints[h] * parameters.weights[h]).entries() for h in range(1, len(problem.layers))]
    slopes, bends = (tuple([of(z) for row in layer for z in row] for layer in before)
                     for of in (phi.slope, phi.curvature))
    return Point(parameters.weights, tuple(inputs), adjoint.adjoints, before, slopes, bends, tuple(carried))


def along(point: Point, direction: Sequence[arb_mat] | None, moved: arb_mat | None = None) -> Tangent:
    """Differentiate every row along a direction of the weights, or along moves of the points.

    `z' = Vã + Wa'`, `a' = φ'z'`; `Y' = B'W + BV`, `B' = Y'φ' + Yφ''z'`.

    Args:
        point: the passes.
        direction: per layer `(outputs, inputs + bias)`; None for 0.
        moved: `(N, d)`; None for 0.
    """
    depth, N = point.depth, point.rows
    a = _zeros(N, point.weights[0].ncols()) if moved is None else moved
    inner, turned, pushed = [a], [], []
    for h in range(depth):
        own = None if direction is None else point.inputs[h] * direction[h].transpose()
        if own is not None:
            pushed.append(own)
        if h == depth - 1:
            break
        z = a * point.weights[h].transpose()
        z = z if own is None else z + own
        turned.append(z.entries())
        a = _times(point.slopes[h], turned[-1], N)
        inner.append(a)
    B, pulled = _zeros(N, point.weights[-1].nrows()), []
    outer = [B]
    for h in range(depth - 1, -1, -1):
        Y = B * point.weights[h]
        if direction is not None:
            own = point.adjoints[h] * _without_bias(direction[h], point.weights[h].ncols())
            pulled.append(own)
            Y = Y + own
        if h == 0:
            return Tangent(tuple(reversed(outer)), tuple(inner), Y, tuple(pushed), tuple(reversed(pulled)))
        bent = [c * b * z for c, b, z in zip(point.carried[h - 1], point.bends[h - 1], turned[h - 1], strict=True)]
        B = _times(Y.entries(), point.slopes[h - 1], N) + arb_mat(N, len(bent) // N, bent)
        outer.append(B)
    raise AssertionError("a network has a layer")


def _repeated(A: arb_mat, k: int) -> list[list[arb]]:
    return [row for row in A.tolist() for _ in range(k)]


def _times(u: Sequence[arb], v: Sequence[arb], rows: int) -> arb_mat:
    """Entry by entry."""
    return arb_mat(rows, len(u) // rows, [x * y for x, y in zip(u, v, strict=True)])


def _without_bias(V: arb_mat, width: int) -> arb_mat:
    return V if V.ncols() == width else arb_mat([row[:width] for row in V.tolist()])


def _zeros(rows: int, columns: int) -> arb_mat:
    return arb_mat(rows, columns, [ZERO] * (rows * columns))
