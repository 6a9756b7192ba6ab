"""The critical map in the function norm (M5s): whole problems, sets of changes and the dual length."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import mpmath as mp
import numpy as np

from certify.format.errors import EnclosureError
from certify.problem.norms.function import Reference
from certify.problem.problem import Problem
from certify.systems.critical.function_norm import dual_length_above, seen_by
from tests.containment import critical
from tests.containment import critical_sets as sets_
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect
from tests.families import critical as families
from tests.oracles import critical as oracle

Rng = np.random.Generator


def with_reference(problem: Problem, rng: Rng) -> Problem:
    """The problem in the function norm of a few rows, of its own or others; often with weight decay."""
    m = int(rng.integers(1, 5))
    X = rng.standard_normal((m, problem.inputs)) if rng.random() < 0.5 else problem.X[:m].copy()
    tau = float(rng.choice([2.0**-10, 0.1, 1.0, 1e-5]))
    return replace(problem, weight_norm="function", reference=Reference(X, tau))


def random_problem(rng: Rng) -> Problem:
    """A small critical problem in the function norm."""
    problem = families.critical_problem(rng, "given")
    if rng.random() < 0.5:  # without decay most have symmetries
        problem = replace(problem, weight_decay=float(rng.choice([0.01, 0.1, 0.5])))
    if rng.random() < 0.5:
        problem = families.descended(replace(problem, base="nearby"), 100)
    problem, own = with_reference(problem, rng), rng.spawn(1)[0]
    return few_rows(problem, own) if own.random() < 0.3 else problem


def few_rows(problem: Problem, rng: Rng) -> Problem:
    """The first rows alone, fewer than it takes to fit: where there is no decay mostly equations to interpolate."""
    n = min(int(rng.integers(1, 4)), max(1, problem.parameters // problem.outputs))
    rows = tuple(row for row in problem.rows if row < n) or (0,)
    return replace(problem, X=problem.X[:n], y=None if problem.y is None else problem.y[:n], rows=rows,
                   labels=None if problem.labels is None else problem.labels[:n])


@attack("critical_seen", "M5", slow=8)
def any_question(rng: Rng) -> Outcome:
    """Moduli, a set of changes, or the dual length of a random vector."""
    problem, which = random_problem(rng), rng.random()
    if which < 0.2:
        return dual_length(problem, rng)
    return critical.whole_problem(problem) if which < 0.6 else sets_.whole_problem(sets_.with_set(problem, rng), rng)


def dual_length(problem: Problem, rng: Rng) -> Outcome:
    """`|S⁻¹v| ≤` the bound for a vector within the error of h, and the bound is tight where the error is 0."""
    layers = problem.network.layers(problem.layer)
    try:
        seen = seen_by(problem, layers)
    except EnclosureError:
        return "refused"
    h = rng.standard_normal(problem.parameters) * 10.0 ** rng.uniform(-6, 6)
    error = Fraction(float(rng.choice([0.0, 1e-9, 1.0])))
    found = dual_length_above(seen, h, error)
    with oracle.precision():
        L = mp.cholesky(oracle.seen_square(problem))
        d = rng.standard_normal(len(h))
        d *= float(error) / np.linalg.norm(d) * (1 - 1e-12)
        own = mp.norm(mp.lu_solve(L, mp.matrix(h.tolist())))
        moved = mp.norm(mp.lu_solve(L, mp.matrix([mp.mpf(a) + mp.mpf(b) for a, b in zip(h, d, strict=True)])))
        bound = mp.mpf(found.numerator) / found.denominator
        expect(own <= bound and moved <= bound, "|S⁻¹h|", h=h, error=float(error), bound=float(bound))
        limit = own * (1 + mp.mpf(10) ** -6) + mp.mpf(float(error)) / problem.reference.tau
        expect(bound <= limit * (1 + mp.mpf(10) ** -9), "|S⁻¹h| is tight", bound=float(bound), own=float(own))
    return "decided"
