"""Q2: an exact interpolating solution proved near the weights in the file (base `nearby`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.network.layers.jacobian import row_radii
from certify.network.layers.kernel import Kernel, tangent_kernel
from certify.network.layers.passes import Forward, Layer, Weights, backward, forward
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, DoubleDouble, Pair, two_sum
from certify.rigor.ball import Balls, known_matrix
from certify.rigor.fp import RAISE, Array
from certify.systems.interpolation.congruence import Congruence, Failure, applied, congruence
from certify.systems.interpolation.equations import System, unmoved

NEWTON_STEPS = 12


def _unlimited() -> None:
    """Time without a limit."""


@dataclass(frozen=True, eq=False)
class Parameters:
    """Parameters of all layers as pairs: what Newton's method found; nothing about them is trusted.

    Attributes:
        weights: `(hi, lo)` a layer.
        biases: `(hi, lo)` or None a layer.
    """

    weights: tuple[tuple[Array, Array], ...]
    biases: tuple[tuple[Array, Array] | None, ...]


@dataclass(frozen=True, eq=False)
class Solution:
    """Parameters with an exact solution proved within `radius` of them.

    Attributes:
        parameters: the centre.
        radius: every number within it was covered by the proof; one point of the ball is a solution.
        distance: bound of the distance of that solution from the weights in the file.
        layers: the free layers; all others are exactly those in the file.
    """

    parameters: Parameters
    radius: float
    distance: float
    layers: tuple[int, ...]


def given(network: Network) -> Parameters:
    """The parameters in the file."""
    return Parameters(
        tuple((W, np.zeros_like(W)) for W in network.weights),
        tuple(None if b is None else (b, np.zeros_like(b)) for b in network.biases),
    )


def ball_of(
    parameters: Parameters, radius: float | Mapping[int, float], layers: tuple[int, ...], arithmetic: Arithmetic
) -> Weights:
    """All parameters within `radius` (jointly, Euclidean) of the given ones, the layers not named being exact.

    A radius for each layer holds what each of them may move on its own.
    """
    double = isinstance(arithmetic, DoubleDouble)
    result = []
    for h, ((W, low), b) in enumerate(zip(parameters.weights, parameters.biases, strict=True), 1):
        r = (radius if isinstance(radius, int | float) else radius[h]) if h in layers else 0.0
        extra = 0.0 if double or not low.any() else fp.frobenius(low)
        matrix = known_matrix(W, low if double else None, (r + extra) * RAISE)
        if b is None:
            result.append(Layer(matrix, None))
            continue
        extra = 0.0 if double or not b[1].any() else float(fp.row_norms(b[1][None, :])[0])
        result.append(Layer(matrix, Pair(*b) if double else Pair(b[0]), (r + extra) * RAISE))
    return tuple(result)


def prove_nearby(problem: Problem, check: Callable[[], None] = _unlimited) -> Solution | str:
    """Find and prove an exact solution of the targets in the file near the given weights (base `nearby`, Q2).

    Args:
        problem: interpolation with real targets.
        check: called between the steps; raises when the time is up.
    """
    assert isinstance(problem.network, Network)  # a graph has the sublevel map alone
    return prove_solution(unmoved(problem, DoubleDouble()), given(problem.network), check)


def prove_solution(system: System, start: Parameters, check: Callable[[], None] = _unlimited) -> Solution | str:
    """Find parameters by Newton's method in double-double and prove an exact solution near them (Q2).

    With X from the congruence, `Q = XJ(ŵ)`, `T(t) = t − X G(ŵ + Qᵀt)`: on `|Qᵀt| ≤ ρ`
    `‖T'‖ ≤ θ = ε + 2‖|X|e‖√(1+ε)`, e the row radii of J over the ball, and `|T(0)| = |XG(ŵ)| ≤ γ`. If
    `√(1+ε)·γ/(1−θ) ≤ ρ`, T maps a ball into itself and contracts it: G has a zero within ρ of ŵ.

    Args:
        system: the equations, in double-double.
        start: where Newton's method begins.
        check: called between the steps; raises when the time is up.

    Returns:
        A :class:`Solution`, or in words why none was proved.
    """
    arithmetic = DoubleDouble()
    found = _newton(system, start, arithmetic, check)
    if isinstance(found, str):
        return found
    residual = _residual(system, found, arithmetic)
    radius = 0.0
    for _ in range(4):
        check()
        kernel, e, passed = _over_ball(system, found, radius, arithmetic)
        if passed.kinks[0]:
            return "a ReLU pre-activation could not be proved different from 0 near the solution"
        X = congruence(kernel, arithmetic)
        if isinstance(X, Failure):
            return f"no exact solution could be proved nearby: {X.reason}"
        needed, theta = _needed(X, e, residual)
        if theta < 1 and needed <= Fraction(radius):
            return Solution(found, radius, distance_bound(system.network, found, radius), system.layers)
        if theta >= 1:
            return ("no exact solution could be proved nearby: the Newton map does not contract "
                    f"(θ = {fp.shown(theta)}; less than 1 is needed). Train the network closer to an exact fit, "
                    'or use base = "given"')
        radius = fp.up(2 * needed)
    return "no exact solution could be proved nearby: the radius did not settle"


def _needed(X: Congruence, e: Array, residual: Array) -> tuple[Fraction, Fraction]:
    """`√(1+ε)·γ/(1−θ)` and θ."""
    root = fp.sqrt_up(1 + X.epsilon)
    theta = X.epsilon + 2 * applied(X.X, e) * root
    gamma = applied(X.X, residual)
    return (root * gamma / (1 - theta) if theta < 1 else Fraction(0)), theta


def _over_ball(
    system: System, found: Parameters, radius: float, arithmetic: Arithmetic
) -> tuple[Kernel, Array, Forward]:
    """Kernel and row radii of J over the ball of parameters."""
    layers = system.layers
    weights = ball_of(found, radius, layers, arithmetic)
    passed, adjoints = _passes(system, weights, arithmetic)
    biases = tuple(b is not None for b in system.network.biases)
    kernel = tangent_kernel(passed, adjoints, layers, biases, arithmetic)
    return kernel, row_radii(passed, adjoints, layers, biases, arithmetic), passed


def _passes(system: System, weights: Weights, arithmetic: Arithmetic) -> tuple[Forward, tuple[Balls, ...]]:
    passed = forward(system.network, weights, system.points, arithmetic)
    return passed, backward(system.network, weights, passed, arithmetic)


def residual_balls(system: System, output: Balls, arithmetic: Arithmetic) -> tuple[Pair, Array]:
    """`f(x_i, w) − t_i` as pairs, and a bound of the error of every row in Euclidean norm."""
    y = system.targets
    r = arithmetic.add(output.mid, Pair(-y.mid.hi, None if y.mid.lo is None else -y.mid.lo))
    size = (output.norm + y.norm) * arithmetic.unit
    return r, np.asarray((output.rad + y.rad + size) * RAISE)


def _residual(system: System, found: Parameters, arithmetic: Arithmetic) -> Array:
    """Upper bounds of `|f_a(x_i, ŵ) − t_ia|`, flattened."""
    weights = ball_of(found, 0.0, (), arithmetic)
    r, error = residual_balls(system, forward(system.network, weights, system.points, arithmetic).output, arithmetic)
    low = 0.0 if r.lo is None else np.abs(r.lo)
    return np.asarray(((np.abs(r.hi) + low) + error[:, None]) * RAISE).ravel()


def _newton(
    system: System, start: Parameters, arithmetic: Arithmetic, check: Callable[[], None]
) -> Parameters | str:
    """Minimum-norm Newton steps on the residual, kept in double-double; a finder, nothing is proved here."""
    net, layers = system.network, system.layers
    found, best = start, np.inf
    result = found
    X: Array | None = None
    for _ in range(NEWTON_STEPS):
        check()
        weights = ball_of(found, 0.0, (), arithmetic)
        passed = forward(net, weights, system.points, arithmetic)
        r, _ = residual_balls(system, passed.output, arithmetic)
        size = float(np.linalg.norm(r.hi))
        if not size < 0.5 * best:
            break
        result, best = found, size
        if size == 0.0:
            break
        adjoints = backward(net, weights, passed, arithmetic)
        if X is None:
            biases = tuple(b is not None for b in net.biases)
            kernel = tangent_kernel(passed, adjoints, layers, biases, arithmetic)
            X_or = congruence(kernel, arithmetic)
            if isinstance(X_or, Failure):
                return f"no exact solution could be proved nearby: {X_or.reason}"
            X = X_or.X
        v = (X.T @ (X @ r.hi.ravel())).reshape(r.shape)
        found = _moved(found, passed, adjoints, v, layers)
    return result


def _moved(
    found: Parameters, passed: Forward, adjoints: tuple[Balls, ...], v: Array, layers: tuple[int, ...]
) -> Parameters:
    """`w − Jᵀv`, added in double-double."""
    n, k = v.shape
    weights, biases = list(found.weights), list(found.biases)
    for h in layers:
        B = adjoints[h].mid.hi.reshape(n, k, -1)
        V = np.einsum("ia,iam->im", v, B)
        weights[h - 1] = subtract(weights[h - 1], V.T @ passed.inputs[h - 1].mid.hi)
        b = biases[h - 1]
        if b is not None:
            biases[h - 1] = subtract(b, V.sum(axis=0))
    return Parameters(tuple(weights), tuple(biases))


def subtract(pair: tuple[Array, Array], step: Array) -> tuple[Array, Array]:
    """Pair less float, in double-double."""
    s, e = two_sum(pair[0], -step)
    return two_sum(s, pair[1] + e)


def distance_bound(network: Network, found: Parameters, radius: float) -> float:
    """Upper bound of `|ŵ − w̄| + ρ`."""
    total = Fraction(0)
    for own, pair in zip([*network.weights, *network.biases], [*found.weights, *found.biases], strict=True):
        if own is None or pair is None:
            continue
        gap = np.abs(pair[0] - own) + np.abs(pair[1])
        size = fp.frobenius(np.atleast_2d(gap)) if gap.any() else 0.0
        total += (Fraction(size) * Fraction(RAISE)) ** 2
    return fp.up(fp.sqrt_up(total) + Fraction(radius))

