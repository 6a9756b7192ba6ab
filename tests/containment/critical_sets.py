"""Containment of M5e: brute force over supports and vertices never leaves the enclosure of a first-order motion.

The oracle takes H⁺C from second-order jets and a pseudo-inverse; where a row's ball has no vertices it tries many
changes, and the lower end has to be reached by the change its witness names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product

import numpy as np

from certify.format.errors import EnclosureError
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import answer
from certify.systems.critical.point import CriticalPoint
from tests.containment import critical
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect
from tests.families import critical as families
from tests.oracles import critical as oracle

Rng = np.random.Generator
MOST, SLACK = 3000, 1e-11
"""Vertices that are gone through, and what the floats of the oracle's product may cost, relative."""


def with_set(problem: Problem, rng: Rng, kind: str | None = None) -> Problem:
    """The problem with a random perturbation set."""
    kind = kind or str(rng.choice(["per_sample", "sparse", "sparse", "given"]))
    norm: int | str = [1, 2, "inf"][int(rng.integers(3))]
    if kind == "given":
        width = {"features": problem.inputs, "targets": problem.outputs}.get(problem.parameter, 1)
        change = np.zeros((problem.n, width))
        change[list(problem.rows)] = rng.standard_normal((len(problem.rows), width))
        return replace(problem, set="given", change=change, scale=None)
    count = int(rng.integers(1, len(problem.rows) + 1)) if kind == "sparse" else None
    return replace(problem, set=kind, norm=norm, count=count, radius=float(rng.uniform(0.1, 3.0)))


@attack("critical_sets", "M5", slow=8)
def budgets(rng: Rng) -> Outcome:
    """A random critical problem under a random set."""
    return whole_problem(with_set(families.critical_problem(rng), rng), rng)


def whole_problem(problem: Problem, rng: Rng) -> Outcome:
    """`first_order_distance` of a critical problem against brute force."""
    try:
        proving = CriticalPoint(problem, answer, silent)
        bound = proving.bound("first_order_distance")
    except EnclosureError:
        return "refused"
    if bound.upper is None and bound.lower is None:
        return "refused"
    with oracle.precision():
        system, w = critical.base_of(problem, proving)
        truth = oracle.derive(system, w)
    if bound.upper is None or (bound.theorem == "M5a" and problem.parameter == "sample_weights"):
        return "refused"
    H, M = np.array(truth.H.tolist(), dtype=float), np.array(truth.image.tolist(), dtype=float)
    check(bound, problem, M, rng)
    if bound.theorem != "M5a" and "z" in bound.witness:
        z = np.array(bound.witness["z"])
        named = changes_of(np.array(truth.C.tolist(), dtype=float).T @ z, problem)
        size = float(np.linalg.norm(M @ named)) * (problem.radius or 1.0)
        expect(size >= (bound.lower or 0.0) * (1 - 1e-8), "the change that the witness names", size=size, H=H)
    return "decided"


def check(bound: Bound, problem: Problem, M: np.ndarray, rng: Rng) -> None:
    """No change of the set moves the weights farther than the upper end; some change as far as the lower one."""
    if problem.set == "given":
        assert problem.change is not None
        size = float(np.linalg.norm(M @ problem.change[list(problem.rows)].ravel()))
        inside = (bound.lower or 0.0) <= size * (1 + SLACK) and size <= (bound.upper or 0.0) * (1 + SLACK)
        expect(inside, f"the motion of one change ({bound.theorem})", size=size, lower=bound.lower, upper=bound.upper)
        return
    radius, best = problem.radius or 1.0, 0.0
    for u in changes(problem, rng):
        best = max(best, radius * float(np.linalg.norm(M @ u)))
    expect(best <= (bound.upper or 0.0) * (1 + SLACK), f"motion ≤ upper ({bound.theorem})", best=best,
           upper=bound.upper, member=bound.witness.get("member"), norm=problem.norm, count=problem.count)


def changes(problem: Problem, rng: Rng) -> Iterator[np.ndarray]:
    """Every vertex of the set at radius 1, or a random choice where there are too many or none."""
    n = len(problem.rows)
    q = {"features": problem.inputs, "targets": problem.outputs}.get(problem.parameter, 1)
    m = n if problem.count is None else min(problem.count, n)
    units = corners(q, problem.norm, rng)
    supports = list(combinations(range(n), m))
    everything = len(supports) * len(units) ** m <= MOST
    for support in supports if everything else [supports[int(rng.integers(len(supports)))] for _ in range(150)]:
        chosen = product(units, repeat=m) if everything else (
            tuple(units[int(rng.integers(len(units)))] for _ in range(m)) for _ in range(10))
        for parts in chosen:
            u = np.zeros((n, q))
            u[list(support)] = parts
            yield u.ravel()


def corners(q: int, norm: int | str, rng: Rng) -> list[np.ndarray]:
    """Vertices of a row's unit ball; of the Euclidean one some points."""
    if q == 1:
        return [np.ones(1), -np.ones(1)]
    if norm == 1:
        return [sign * row for row in np.eye(q) for sign in (1, -1)]
    if norm == "inf":
        return [np.array(signs, dtype=float) for signs in product((1, -1), repeat=q)]
    points = rng.standard_normal((10, q))
    return list(points / np.linalg.norm(points, axis=1)[:, None])


def changes_of(form: np.ndarray, problem: Problem) -> np.ndarray:
    """The change at radius 1 that gains most for the form `Cᵀz`."""
    y = form.reshape(len(problem.rows), -1)
    if problem.norm == 2:
        gains = np.linalg.norm(y, axis=1)
        u = y / np.maximum(gains, 1e-300)[:, None]
    elif problem.norm == 1:
        at = np.argmax(np.abs(y), axis=1)
        gains, u = np.abs(y).max(axis=1), np.zeros_like(y)
        u[np.arange(len(y)), at] = np.sign(y[np.arange(len(y)), at])
    else:
        gains, u = np.abs(y).sum(axis=1), np.sign(y)
    m = len(y) if problem.count is None else min(problem.count, len(y))
    u[np.argsort(-gains)[m:]] = 0.0
    return u.ravel()
