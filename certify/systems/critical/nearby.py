"""Q2 for critical points: an exact zero of the gradient proved near the weights in the file (base `nearby`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.format.errors import EnclosureError
from certify.network.layers.gradients import Gradient, enclose_gradient
from certify.network.layers.hessian import enclose_hessian
from certify.network.layers.objective import Objective
from certify.network.layers.passes import Forward, Weights, forward
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64, DoubleDouble, Pair
from certify.rigor.fp import RAISE, Array
from certify.rigor.inverse import Inverse, Matrix, NoInverse, float_inverse, invert, singularity
from certify.rigor.singular import enclose_sigma_min
from certify.systems.critical.reduction import Basis, completed, field_length, spanning
from certify.systems.critical.symmetry import Fields, Layout, classify, symmetry_fields
from certify.systems.interpolation.nearby import Parameters, Solution, ball_of, distance_bound, given, subtract

NEWTON_STEPS = 30


@dataclass(frozen=True, eq=False)
class Stationary:
    """A ball of parameters that holds an exact critical point, with what was enclosed over it.

    Attributes:
        weights: the centre, with every parameter within the ball.
        H, A: the Hessian, and the Hessian completed by the fields.
        inverse: of A.
        fields, basis: symmetry fields at the centre, and what spans them over the ball.
        passed: forward pass over the ball.
        solution: centre, radius and distance; None for base `given` (the ball is the given weights alone).
    """

    weights: Weights
    H: Matrix
    A: Matrix
    inverse: Inverse
    fields: Fields
    basis: Basis
    passed: Forward
    solution: Solution | None


def prove_stationary(
    objective: Objective, layout: Layout, symmetric: bool, check: Callable[[], None], start: Parameters | None = None
) -> Stationary | str:
    """Find a critical point by Newton's method in double-double and prove an exact one near it (Q2 with symmetries).

    `F(w) = ∇L(w) + T̂T̂ᵀ(w − ŵ)`. On `|w − ŵ| ≤ ρ` `‖X(H(w) + T̂T̂ᵀ) − I‖ ≤ ε`, `|X∇L(ŵ)| ≤ (1 − ε)ρ`, so F has a zero
    there; it is one of ∇L, as the fields differ from T̂ by less than `σ_min(T̂)` over the ball.

    Args:
        objective: the loss, without tilt.
        layout: network and free layers.
        symmetric: whether fields may be used (no weight decay).
        check: called between the steps; raises when the time is up.
        start: where Newton's method begins; None: at the weights in the file.

    Returns:
        A :class:`Stationary`, or in words why none was proved.
    """
    found = _newton(objective, layout, symmetric, check, start or given(layout.network))
    if isinstance(found, str):
        return found
    gradient = enclose_gradient(objective, layout.layers, DoubleDouble(),
                                ball_of(found, 0.0, (), DoubleDouble()))
    radius = 0.0
    for _ in range(4):
        check()
        over = enclosed_at(objective, layout, symmetric, found, radius)
        if isinstance(over, str):
            return f"no exact critical point could be proved nearby: {over}"
        needed = _step(over.inverse, gradient) / (1 - over.inverse.epsilon)
        if needed <= Fraction(radius):
            if over.basis.dimension and not _independent(over.basis):
                return "no exact critical point could be proved nearby: the symmetry fields are too close to dependent"
            distance = distance_bound(layout.network, found, radius)
            return Stationary(over.weights, over.H, over.A, over.inverse, over.fields, over.basis, over.passed,
                              Solution(found, radius, distance, layout.layers))
        radius = fp.up(2 * needed)
    return "no exact critical point could be proved nearby: the radius did not settle"


def enclosed_at(
    objective: Objective, layout: Layout, symmetric: bool, at: Parameters, radius: float
) -> Stationary | str:
    """Hessian, fields and inverse over a ball of parameters; in words what is not nonsingular there (M5b, W2).

    Args:
        objective: the loss, with its tilt.
        layout: network and free layers.
        symmetric: whether fields may be used.
        at: the centre.
        radius: of the ball; 0 for the centre alone.
    """
    weights = ball_of(at, radius, layout.layers, Binary64())
    passed = forward(layout.network, weights, objective.points(Binary64()), Binary64(), keep_pre=True)
    found = enclose_hessian(objective, layout.layers, Binary64(), weights)
    H = Matrix(Pair(found.mid), Fraction(found.radius))
    fields = fields_at(layout, passed, objective.loss, symmetric, at)
    basis = spanning(fields, field_length(found.mid), Fraction(radius) + low_parts(at))
    A = completed(H, basis, Binary64())
    inverse = invert(A, Binary64())
    if isinstance(inverse, NoInverse):
        return singular_words(inverse, fields, objective.weight_decay)
    return Stationary(weights, H, A, inverse, fields, basis, passed, None)


def fields_at(layout: Layout, passed: Forward, loss: str, symmetric: bool, at: Parameters) -> Fields:
    """The symmetry fields at some parameters (none where they may not be used)."""
    units = classify(layout.network, passed) if symmetric else ()
    if not symmetric:
        return Fields(np.zeros((layout.size, 0)), {}, 0)
    weights = [pair[0] for pair in at.weights]
    biases = [None if pair is None else pair[0] for pair in at.biases]
    return symmetry_fields(layout, units, loss, weights, biases)


def singular_words(failure: NoInverse, fields: Fields, decay: float) -> str:
    """What of the rank is unexplained, and by which fields the rest is."""
    known = ", ".join(f"{count} {name}" for name, count in fields.counts.items()) or "none"
    words = f"the Hessian could not be proved nonsingular: {failure.reason}"
    if failure.tiny:
        explained = f" beyond the symmetry fields found ({known})" if not decay else ""
        words += f"; about {failure.tiny} dimension{'s' * (failure.tiny != 1)} of its kernel are unexplained{explained}"
    return words


def _independent(basis: Basis) -> bool:
    """Whether the fields stay independent, of the columns at the centre, over the ball."""
    return Fraction(enclose_sigma_min(basis.columns).lower) > basis.error


def _step(inverse: Inverse, gradient: Gradient) -> Fraction:
    """Upper bound of `|X∇L|`."""
    g, X = gradient.mid.hi, inverse.X
    y = fp.require_finite(X @ g, "Newton step")
    error = Fraction(fp.dot_unit(len(g))) * Fraction(fp.frobenius(X)) * Fraction(float(fp.row_norms(g[None, :])[0]))
    error += inverse.size * (gradient.low + Fraction(gradient.radius))
    return Fraction(float(fp.row_norms(y[None, :])[0])) + error * Fraction(RAISE)


def low_parts(at: Parameters) -> Fraction:
    """Upper bound of how far parameters are from their leading parts, which fields are made of."""
    return sum((_size(pair[1]) for pair in (*at.weights, *at.biases) if pair is not None), Fraction(0))


def _size(x: Array) -> Fraction:
    return Fraction(fp.frobenius(x.reshape(1, -1))) if x.any() else Fraction(0)


def _newton(
    objective: Objective, layout: Layout, symmetric: bool, check: Callable[[], None], start: Parameters
) -> Parameters | str:
    """Newton steps on the gradient, orthogonal to the fields, kept in double-double; a finder, nothing is proved."""
    arithmetic = DoubleDouble()
    at, best, result = start, np.inf, start
    X: Array | None = None
    for _ in range(NEWTON_STEPS):
        check()
        try:
            gradient = enclose_gradient(objective, layout.layers, arithmetic, ball_of(at, 0.0, (), arithmetic))
        except EnclosureError as error:
            return f"no exact critical point could be proved nearby: {error.found} ({error.asked})"
        size = float(np.linalg.norm(gradient.mid.hi))
        if not size < 0.5 * best:
            break
        result, best = at, size
        if size <= gradient.radius:
            break
        if X is None or size > 1e-9:
            found = newton_matrix(objective, layout, symmetric, at)
            if isinstance(found, str):
                return f"no exact critical point could be proved nearby: {found}"
            X = found
        at = stepped(at, layout, X @ gradient.mid.hi)
    return result


def newton_matrix(objective: Objective, layout: Layout, symmetric: bool, at: Parameters) -> Array | str:
    """Approximate inverse of the completed Hessian, or why there is none."""
    weights = ball_of(at, 0.0, (), Binary64())
    H = enclose_hessian(objective, layout.layers, Binary64(), weights).mid
    passed = forward(layout.network, weights, objective.points(Binary64()), Binary64(), keep_pre=True)
    fields = fields_at(layout, passed, objective.loss, symmetric, at)
    basis = spanning(fields, field_length(H))
    A = H + basis.columns @ basis.columns.T
    X = float_inverse(A)
    if X is None:
        failure = singularity(A, "it is singular to the precision of floats")
        return singular_words(failure, fields, objective.weight_decay)
    return X


def stepped(at: Parameters, layout: Layout, step: Array) -> Parameters:
    """`w − step`, added in double-double."""
    weights, biases = list(at.weights), list(at.biases)
    for h in layout.layers:
        W = weights[h - 1]
        start, count = layout.start(h), W[0].size
        weights[h - 1] = subtract(W, step[start : start + count].reshape(W[0].shape))
        b = biases[h - 1]
        if b is not None:
            biases[h - 1] = subtract(b, step[layout.bias(h)])
    return Parameters(tuple(weights), tuple(biases))
