"""Containment of the distance of critical points after one given change: re-solved points never leave the enclosure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.format.errors import EnclosureError, InputError
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import answer
from certify.systems.critical.point import CriticalPoint
from certify.systems.interpolation.nearby import Parameters
from tests.containment.critical import SLACK, centre_of, distance
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect
from tests.families import critical as families
from tests.oracles import critical as oracle

Rng = np.random.Generator

NOTHING = 1e-9
"""An upper end below this, of a change that moves nothing, leaves a lower end of 0 no room."""

STEPS = 100
"""Of the descent: where it has not arrived by then, nothing can be proved near and the draw is refused."""


class Weighted(oracle.System):
    """The jets of a problem with other sample weights, exact floats."""

    def __init__(self, problem: Problem, shares: np.ndarray) -> None:
        super().__init__(problem)
        self.shares = shares

    def loss(self, i: int, f: list[oracle.Jet]) -> oracle.Jet:
        """The loss of row i, times its sample weight."""
        return super().loss(i, f).times(oracle.arb(float(self.shares[i])))


def random_change(rng: Rng) -> Problem:
    """A small problem at a critical point, and a change of which the sums with the data are exact floats."""
    problem = replace(families.critical_problem(rng, "given"), base="nearby", weight_norm="euclidean")
    if rng.random() < 0.9:  # else most draws fit exactly, have no critical point near, or one with symmetries alone
        problem = replace(problem, weight_decay=float(rng.choice([0.001, 0.003, 0.01, 0.03])))
    grid = 2.0**-20
    parameter = str(rng.choice(["features", "sample_weights", "targets"]))
    if parameter == "targets" and problem.loss == "cross_entropy" and problem.labels is None:
        parameter = "features"
    problem = replace(problem, X=np.round(problem.X / grid) * grid, scale=None, rows=tuple(range(problem.n)),
                      y=np.round(problem.y / grid) * grid if problem.loss == "squared" else problem.y,
                      parameter="features")
    problem = families.descended(problem, STEPS)
    n, k, size = problem.n, problem.outputs, 10.0 ** rng.uniform(-5, 0)
    if parameter == "features":
        u = rng.standard_normal((n, problem.inputs)) * size
    elif parameter == "sample_weights":
        u = rng.choice([-1.0, 0.0, 1.0, -0.5, size], (n, 1))
    elif problem.loss == "squared":
        u = rng.standard_normal((n, k)) * size
    else:
        u = flips(rng, problem)
    u = np.round(u / grid) * grid
    if rng.random() < 0.5:
        u[rng.random(n) < 0.6] = 0.0
    return replace(problem, parameter=parameter, set="given", change=u)


def flips(rng: Rng, problem: Problem) -> np.ndarray:
    """New labels less old ones, of unit vectors with cross-entropy."""
    old, k = np.asarray(problem.labels).astype(int), problem.outputs
    if problem.loss == "logistic":
        return np.where(rng.random(problem.n) < 0.4, 1.0 - 2.0 * old, 0.0)[:, None]
    new = np.where(rng.random(problem.n) < 0.4, rng.integers(0, k, problem.n), old)
    return np.eye(k)[new] - np.eye(k)[old]


def moved(problem: Problem) -> tuple[Problem, np.ndarray]:
    """The changed problem, written out, and its sample weights."""
    u, shares = problem.change, np.ones(problem.n)
    plain = replace(problem, set="total", change=None, parameter="features")
    if problem.parameter == "features":
        return replace(plain, X=problem.X + u), shares
    if problem.parameter == "sample_weights":
        return plain, 1.0 + u[:, 0]
    if problem.loss == "squared":
        return replace(plain, y=problem.y + u), shares
    old = np.asarray(problem.labels).astype(int)
    new = old + u[:, 0].astype(int) if problem.loss == "logistic" else np.argmax(np.eye(problem.outputs)[old] + u, 1)
    return replace(plain, labels=new), shares


def critical_distance(problem: Problem, rng: Rng) -> Outcome:
    """Both ends against critical points of the changed loss found from several starts."""
    try:
        proving = CriticalPoint(problem, answer, silent)
        bound = proving.bound("distance")
    except EnclosureError:
        return "refused"
    if proving.solution is None or (bound.upper is None and not bound.lower):
        return "refused"
    with oracle.precision():
        own, (there, shares) = replace(problem, set="total", change=None, parameter="features"), moved(problem)
        centre = centre_of(own, proving.solution.parameters)
        base = oracle.nearest_critical(own, centre)
        expect(base is not None, "today's critical point", X=problem.X)
        assert base is not None
        found = []
        if bound.upper is not None:
            near = solved(there, shares, centre_of(own, placed(problem, bound.witness["array"].content)))
            expect(near is not None, "a critical point near the centre", X=problem.X)
            assert near is not None
            expect(distance(near, base) <= bound.upper + SLACK, "upper", claimed=bound.upper)
            found.append(near)
        size = max(bound.upper or 0.0, bound.lower or 0.0)
        for _ in range(3):
            start = [w + oracle.arb(float(rng.standard_normal()) * size) for w in base]
            zero = solved(there, shares, start)
            found += [] if zero is None else [zero]
        for zero in found:
            expect(distance(zero, base) >= bound.lower - SLACK, "lower", claimed=bound.lower)
    both = bound.upper is not None and (bound.lower or bound.upper < NOTHING)
    return "decided" if found and both else "refused"


def placed(problem: Problem, arrays: dict[str, np.ndarray]) -> Parameters:
    """The arrays of a side file as parameters."""
    depth = problem.network.depth
    return Parameters(
        tuple((arrays[f"weight.{h}.hi"], arrays[f"weight.{h}.lo"]) for h in range(1, depth + 1)),
        tuple((arrays[f"bias.{h}.hi"], arrays[f"bias.{h}.lo"]) if f"bias.{h}.hi" in arrays else None
              for h in range(1, depth + 1)))


def solved(problem: Problem, shares: np.ndarray, start: list[oracle.arb]) -> list[oracle.arb] | None:
    """A critical point of the changed loss, by Newton's method from a start."""
    try:
        return oracle.nearest_critical(problem, start, system=Weighted(oracle.replace_rows(problem), shares))
    except (ValueError, ZeroDivisionError):  # it ran away
        return None


@attack("critical_distance", slow=8)
def any_critical_change(rng: Rng) -> Outcome:
    """One random problem and change."""
    try:
        problem = replace(random_change(rng), weight_norm="euclidean")  # the others are not built for distances
    except InputError:
        return "refused"
    return critical_distance(problem, rng)
