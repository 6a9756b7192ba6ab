"""Base `nearby` of the critical map: an exact critical point proved near the centre in the side file (V19)."""

from __future__ import annotations

from dataclasses import replace

from flint import arb, arb_mat, ctx

from certify.check.balls import ZERO, norm
from certify.check.definite import inverse_factor
from certify.check.hessian import gradient, weights_by_units
from certify.check.nearby import STEPS, Centre, spread
from certify.check.network import Parameters, forward
from certify.check.objective import objective
from certify.check.refusal import Invalid
from certify.check.stationary import Stationary
from certify.check.subject import Problem

FEW = 64
"""Bits of the matrices of the chord steps, tried first: their errors do not matter."""


def critical_point(problem: Problem, start: Parameters) -> tuple[Centre, Stationary]:
    """A small ball with a zero of ∇L, near `start`, and what the rules look at over that ball.

    Let `A(w) = H(w) + μT̂T̂ᵀ`, T̂ the fields at the middle w' and μ a number, `F(w) = ∇L(w) + μT̂T̂ᵀ(w − w')`, and
    `B = RA(w')`. The square of the balls of A holds `A(w)A(w')ᵀ` for all w of the ball of radius ρ, so
    `‖I − RA(w)Bᵀ‖ ≤ ε` there and `‖B‖² ≤ 1 + ε`. If `√(1+ε)|RF(w')| ≤ (1−ε)ρ`, the map `t ↦ t − RF(w' + Bᵀt)` takes
    the ball `|t| ≤ |RF(w')|/(1−ε)` into itself and contracts it: `F(w*) = 0` with `|w* − w'| ≤ ρ`. Then
    `∇L(w*) = −T̂a`, `a = μT̂ᵀ(w* − w')`, and the fields T at w* have `Tᵀ∇L(w*) = 0`. `TᵀT̂` is nonsingular (that is how
    the fields are chosen), so `a = 0` and `∇L(w*) = 0`.

    Raises:
        Invalid: nothing was proved.
        NotSmooth: a pre-activation is not proved away from a kink.
    """
    for bits in (FEW, ctx.prec):
        try:
            return _proved(problem, *_refined(problem, start, bits))
        except Invalid:
            if bits == ctx.prec:
                raise
    raise AssertionError("the last round returns or raises")


def _proved(problem: Problem, middle: Parameters, size: arb) -> tuple[Centre, Stationary]:
    """The contraction around a middle, with a radius of four times the expected distance."""
    g = _gradient(problem, middle)
    radius = (4 * size).upper()
    over = _at(problem, spread(problem, middle, radius))
    if over.definite.R is None:
        raise Invalid("witness file", "a centre is stated", "the Newton map near it is not proved to contract")
    epsilon = over.definite.defect
    if not (1 + epsilon).sqrt() * norm((over.definite.R * g).entries()) <= (1 - epsilon) * radius:
        raise Invalid("witness file", "a centre is stated", "no critical point is proved near it")
    known = over if problem.weight_norm == "euclidean" else Stationary(problem, over.parameters, over.passed, None)
    return Centre(middle, radius), known


def _refined(problem: Problem, start: Parameters, bits: int) -> tuple[Parameters, arb]:
    """A better middle by chord steps, and about how far from it the zero is: a proposal, nothing is proved."""
    with ctx.workprec(bits):
        at = _at(problem, start)
        A, R = at.completed, inverse_factor(at.square)
    if R is None:
        raise Invalid("witness file", "a centre is stated", "H + TTᵀ there is not proved to be nonsingular")
    middle, back = start, R.transpose()
    for _ in range(STEPS):
        middle = _moved(problem, middle, A * (back * (R * _gradient(problem, middle))))
    return middle, sum((abs(v).upper() for v in (R * _gradient(problem, middle)).entries()), ZERO)


def _at(problem: Problem, parameters: Parameters) -> Stationary:
    """What is looked at to prove the point, in Euclidean coordinates whatever the norm of the weights."""
    plain = replace(problem, weight_norm="euclidean")
    return Stationary(plain, parameters, forward(problem, parameters, problem.points), None)


def _gradient(problem: Problem, parameters: Parameters) -> arb_mat:
    """∇L as a column."""
    passed = forward(problem, parameters, problem.points)
    found = gradient(problem, parameters, passed, objective(problem, passed.outputs).plain)
    return arb_mat(len(found), 1, found)


def _moved(problem: Problem, at: Parameters, step: arb_mat) -> Parameters:
    """`w − step` on the free layers, as exact numbers: a proposal, nothing is proved here."""
    values = [(w - s).mid() for w, s in zip(weights_by_units(problem, at), step.entries(), strict=True)]
    weights, biases, place = list(at.weights), list(at.biases), 0
    for h in problem.free:
        layer = problem.layers[h - 1]
        width = layer.inputs + (layer.biases is not None)
        rows: list[list[arb]] = [values[place + r * width:place + (r + 1) * width] for r in range(layer.outputs)]
        place += layer.outputs * width
        weights[h - 1] = arb_mat([row[:layer.inputs] for row in rows])
        if layer.biases is not None:
            biases[h - 1] = tuple(row[-1] for row in rows)
    return Parameters(tuple(weights), tuple(biases))
