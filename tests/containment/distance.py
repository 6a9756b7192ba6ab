"""Containment of the distance after one given change: solutions found by solving again never leave the enclosure."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import fmpq

from certify.network.layer_scale import LayerScale
from certify.problem.problem import Problem
from certify.systems.interpolation.nearby import Solution
from certify.theorems.distance.given_change import DistanceEnds, enclose_distance
from tests.containment.bounds import described
from tests.containment.nearby import newton_on, numbers, parameter_member
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect, refusing
from tests.containment.sublevel import settled
from tests.families.training import one_change
from tests.oracles import matrices as exact
from tests.oracles import network as network_oracles

Rng = np.random.Generator
BITS = 700


def system(problem: Problem) -> tuple[exact.Rows, list[Any]]:
    """Points and targets after the change, exactly; base given, so the targets are the network's own outputs."""
    points, targets = [], []
    for i in problem.kept:
        x, u = exact.vector(problem.X[i]), exact.vector(problem.change[i])
        own = network_oracles.evaluate(problem.network, x).output
        if problem.parameter == "features":
            points.append([a + b for a, b in zip(x, u, strict=True)])
            targets += own
        else:
            points.append(x)
            targets += [a + b for a, b in zip(own, u, strict=True)]
    return points, targets


def gap_square(problem: Problem, w: network_oracles.Parameters) -> Any:
    """`|w − w̄|_s²`, from the definition of the norm."""
    total = fmpq(0)
    own = network_oracles.parameters_of(problem.network)
    for h, ((W, b), (V, c)) in enumerate(zip(own, w, strict=True), 1):
        part = exact.size_square(exact.subtract(W, V))
        part += fmpq(0) if b is None else exact.square([x - y for x, y in zip(b, c, strict=True)])
        unit = exact.size_square(W) if problem.weight_norm == "relative" else fmpq(1)
        total += part / unit if h in problem.network.layers(problem.layer) else part
    return total


def distance(problem: Problem, rng: Rng) -> Outcome:
    """Both ends against solutions found from several starts, and against the exact distance where f is affine."""
    ends = refusing(lambda: enclose_distance(problem, lambda: None))
    if ends is None:
        return "refused"

    def holds() -> Outcome:
        with exact.precision(BITS):
            points, targets = system(problem)
            inputs = described(problem) | {"change": problem.change, "lower": ends.lower, "upper": ends.upper}
            layers = problem.network.layers(problem.layer)
            found = []
            if isinstance(ends.solution, Solution):
                start = numbers(ends.solution.parameters)
                zero = newton_on(problem.network, points, targets, start, layers)
                expect(zero is not None, "a solution near the centre", **inputs)
                below = exact.at_most(gap_square(problem, zero), exact.rational(ends.upper) ** 2)
                expect(below, "the solution within the upper end", **inputs)
                found.append(zero)
            for start in _starts(problem, ends, rng):
                zero = newton_on(problem.network, points, targets, start, layers)
                found += [] if zero is None else [zero]
            least = exact.rational(ends.lower) ** 2 * (1 - fmpq(1, 2**200))
            for zero in found:
                expect(exact.at_most(least, gap_square(problem, zero)), "no solution below the lower end", **inputs)
            if problem.network.depth == 1:
                _affine_holds(problem, points, targets, ends, inputs)
        return "decided" if found and ends.upper is not None and ends.lower > 0 else "refused"

    return settled(holds, problem)


def _starts(problem: Problem, ends: DistanceEnds, rng: Rng) -> list[network_oracles.Parameters]:
    """The given weights, and weights some way off in random directions."""
    from certify.systems.interpolation.nearby import given

    own = given(problem.network)
    size = ends.upper if ends.upper is not None else max(ends.lower, 1e-3)
    layers = problem.network.layers(problem.layer)
    scale: LayerScale = problem.layer_scale
    reach = size * scale.longest(layers)
    return [numbers(own), parameter_member(own, float(reach * rng.random()), layers, rng)]


def _affine_holds(problem: Problem, points: exact.Rows, targets: list[Any], ends: DistanceEnds, inputs: Any) -> None:
    """One layer: S(u) is an affine space, `dist² = gᵀK⁻¹g`, K with the rows of the moved Jacobian."""
    samples = [network_oracles.evaluate(problem.network, x) for x in points]
    g = [f - t for f, t in zip([v for s in samples for v in s.output], targets, strict=True)]
    J = [row for s in samples for row in network_oracles.jacobian_rows(problem.network, s, (1,))]
    K = network_oracles.weighted_gram(problem, J, (1,))
    inverse = exact.inverse(K)
    if inverse is None:
        expect(ends.upper is None, "no upper end where K is singular", **inputs)
        return
    truth = network_oracles.quadratic(inverse, g)
    expect(exact.at_most(exact.rational(ends.lower) ** 2, truth), "lower end of an affine problem", **inputs)
    if ends.upper is not None:
        expect(exact.at_most(truth, exact.rational(ends.upper) ** 2), "upper end of an affine problem", **inputs)


@attack("distance", "F1", "Q7", slow=4)
def any_change(rng: Rng) -> Outcome:
    return distance(one_change(rng), rng)
