"""F1, Q7 for critical points: how far the nearest one lies after one given change of the data, from both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from certify.finders.critical_point import propose_critical, propose_witnesses
from certify.format.errors import EnclosureError
from certify.format.quantities import DISTANCE
from certify.format.theorems import Q7_CRITICAL
from certify.network.graph.maps import enclosed_pair
from certify.network.layers.gradients import enclose_gradient
from certify.network.layers.hessian_product import hessian_product_norm
from certify.network.layers.objective import Objective
from certify.network.network import Network
from certify.problem.bound import Bound
from certify.problem.cost import Cost
from certify.problem.perturbations.flips import flipped_labels
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64, DoubleDouble, Pair, two_sum
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array
from certify.systems.critical.cost import hessian_cost
from certify.systems.critical.nearby import Stationary, prove_stationary
from certify.systems.critical.point import CriticalPoint
from certify.systems.critical.symmetry import Layout
from certify.systems.critical.words import critical_hypotheses
from certify.systems.interpolation.nearby import Parameters, Solution, ball_of
from certify.theorems.critical import CriticalRule, settled_at
from certify.theorems.distance.given_change import (
    CALM,
    WIDE,
    DistanceEnds,
    distance_bound,
    largest_reach,
    normalised,
)

STEPS = 8
"""Parts of the way to the lower end, each with a Lipschitz constant of its own (F1); the checker's are the same."""

REFINED = 2
"""Vectors that are tried with all parts, after all were tried with one."""


class CriticalGivenChange(CriticalRule):
    """Q7, of critical points."""

    theorem = Q7_CRITICAL

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """Two base points."""
        return (hessian_cost(problem),)

    def distance(self, at: CriticalPoint) -> Bound:
        """Both ends after the one change."""
        problem, settled, label = at.problem, settled_at(at), self.theorem.label
        solution = settled.solution
        assert solution is not None  # base nearby
        if settled.interpolation is not None:
            return self.stated(at, DISTANCE.name, label, "today's critical point is an exact fit, where the Hessian is "
                               'singular, and the distance is not built there: use map = "interpolation"')
        at.progress("an exact critical point of the changed loss", 0.4)
        ends = at.attempt(DISTANCE.name, lambda: enclose_critical_distance(
            problem, settled.objective, solution, at.limits.check))
        if isinstance(ends, str):
            return self.stated(at, DISTANCE.name, label, ends)
        nearby = critical_hypotheses(problem, settled)[1:2]
        return distance_bound(ends, at.unit(DISTANCE.name), nearby)


def changed_objective(problem: Problem, objective: Objective) -> Objective:
    """The training loss after the one given change of the data.

    Sample weights: `s_i = 1 + u_i`. Features: `x_i + u_i`. Targets: of the squared loss `y_i + u_i`, which is the tilt
    `u_i/n` up to a number that w does not change; class labels: the new ones.

    Args:
        problem: critical, set `given`.
        objective: the loss at u = 0, without tilt.
    """
    u = problem.change
    assert u is not None and objective.tilt is None
    if problem.moving.reweighs:
        return replace(objective, shares=Pair(*two_sum(np.ones((problem.n, 1)), u)))
    if problem.moving.inputs:
        moved, low = two_sum(objective.X, u)
        return replace(objective, X=fp.require_finite(moved, "moved features"), low=low)
    if objective.labels is not None:
        return replace(objective, labels=flipped_labels(objective.loss, objective.labels, u))
    hi, lo, off = enclosed_pair(Fraction(1, problem.n))
    arithmetic = DoubleDouble()
    mid = arithmetic.multiply(Pair(u), Pair(np.full((1, 1), hi), np.full((1, 1), lo)))
    size = fp.row_norms(u)
    return replace(objective, tilt=Balls.make(mid, (size * (off + arithmetic.unit * hi)) * RAISE, arithmetic))


def enclose_critical_distance(
    problem: Problem, objective: Objective, solution: Solution, check: Callable[[], None]
) -> DistanceEnds:
    """Enclose `dist(w*, S(u))`, w* the exact critical point of today's loss, S(u) all those of the changed one.

    Upper end (Q7): one is proved within ρ of ŵ (Q2 with symmetries), so `|ŵ − ŵ₀| + ρ + ρ₀`, where w* lies within ρ₀
    of ŵ₀. Lower end (F1): `⟨z, ∇L(u, ·)⟩` is Λ-Lipschitz on `B(ŵ₀, r + ρ₀)`, which holds `B(w*, r)`.

    Args:
        problem: critical, base `nearby`, set `given`.
        objective: the loss at u = 0.
        solution: the ball that holds w*.
        check: called between the steps; raises when the time is up.
    """
    assert isinstance(problem.network, Network)
    layout, symmetric = Layout(problem.network, solution.layers), not problem.weight_decay
    moved = changed_objective(problem, objective)
    start = propose_critical(moved, layout, symmetric, solution.parameters, check)
    try:
        found = prove_stationary(moved, layout, symmetric, check, start)
    except EnclosureError as error:
        found = error.reason
    check()
    coarse = []
    for candidate in propose_witnesses(moved, layout, solution.parameters, check):
        check()
        coarse.append((critical_lower_end(moved, solution, candidate, 1), candidate))
    lower, witness = 0.0, None
    for _, candidate in sorted(coarse, key=lambda pair: -pair[0])[:REFINED]:
        check()
        end = critical_lower_end(moved, solution, candidate)
        if end > lower:
            lower, witness = end, candidate
    z = normalised(witness)
    if isinstance(found, str):
        return DistanceEnds(lower, None, z, f"{found.replace('nearby', 'of the changed loss')}")
    assert found.solution is not None
    return DistanceEnds(lower, _upper(found, solution), z, found.solution)


def _upper(found: Stationary, solution: Solution) -> float:
    """`|ŵ − ŵ₀| + ρ + ρ₀`."""
    assert found.solution is not None
    gap = parameter_gap(found.solution.parameters, solution.parameters)
    return fp.up(gap + Fraction(found.solution.radius) + Fraction(solution.radius))


def parameter_gap(one: Parameters, other: Parameters) -> Fraction:
    """Upper bound of the Euclidean distance of two sets of parameters."""
    total = Fraction(0)
    for a, b in zip((*one.weights, *one.biases), (*other.weights, *other.biases), strict=True):
        if a is None or b is None:
            continue
        s, e = two_sum(a[0], -b[0])
        gap = (np.abs(s) + (np.abs(e) + np.abs(a[1]) + np.abs(b[1]))) * RAISE
        total += Fraction(fp.frobenius(np.atleast_2d(gap))) ** 2 if gap.any() else 0
    return fp.sqrt_up(total) * Fraction(RAISE)


def critical_lower_end(moved: Objective, solution: Solution, z: Array, steps: int = STEPS) -> float:
    """The largest r tried with `|⟨z, ∇L(u, w*)⟩| ≥ (r/m)·Σ_k Λ(kr/m)`, k = 1 … m.

    Λ(s) bounds `|∇²L(u, w)z|` over `B(ŵ₀, s + ρ₀)`, so at distance t of w* the pairing has changed by `∫₀ᵗΛ` at most.

    Args:
        moved: the changed loss.
        solution: the ball around ŵ₀, of radius ρ₀, that holds w*.
        z: any vector.
        steps: m.
    """
    vector = normalised(z)
    if vector is None:
        return 0.0
    gap, calm = _pairing(moved, solution, vector), _steepness(moved, solution, vector, 0.0)
    if gap <= 0 or calm is None or calm <= 0:
        return 0.0
    least = calm

    def slope(r: float) -> Fraction | None:
        total = Fraction(0)
        for k in range(steps, 0, -1):
            found = _steepness(moved, solution, vector, r * k / steps)
            if found is None:
                return None
            total += least * CALM + max(found - least, Fraction(0)) * WIDE
        return total / steps

    return largest_reach(gap, least * CALM, slope)


def _pairing(moved: Objective, solution: Solution, z: Array) -> Fraction:
    """Lower bound of `|⟨z, ∇L(u, w*)⟩|`, w* anywhere in the ball."""
    arithmetic = DoubleDouble()
    weights = ball_of(solution.parameters, solution.radius, solution.layers, arithmetic)
    try:
        g = enclose_gradient(moved, solution.layers, arithmetic, weights)
    except EnclosureError:
        return Fraction(0)
    value = sum((fp.inner(part, z) for part in (g.mid.hi, g.mid.lo) if part is not None), Fraction(0))
    return abs(value) - Fraction(g.radius) * Fraction(fp.frobenius(z[None, :]))


def _steepness(moved: Objective, solution: Solution, z: Array, reach: float) -> Fraction | None:
    """Upper bound of `|∇²L(u, w)z|` over `B(ŵ₀, reach + ρ₀)`; None where a kink lies within."""
    radius = (reach + solution.radius) * RAISE
    try:
        weights = ball_of(solution.parameters, radius, solution.layers, Binary64())
        return hessian_product_norm(moved, z, solution.layers, weights)
    except EnclosureError:  # a kink within, or a ball so wide that the bounds overflow
        return None
