"""Containment of P1: first-order changes of predictions against jets and a pseudo-inverse in 50 digits.

The oracle forms `∂_wf(x)H⁺C` and tries changes of the budget: none may exceed the upper end, and the best one has to
reach the lower. Whether critical points nearby agree is read off the eigenvectors of the Hessian's kernel.
"""

from __future__ import annotations

from dataclasses import replace

import mpmath as mp
import numpy as np
from flint import arb

from certify.format.errors import EnclosureError
from certify.network.network import Network
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import answer
from certify.spec.convexity import FIRST_ORDER
from certify.systems.critical.point import CriticalPoint
from certify.systems.interpolation.point import InterpolationPoint
from tests.containment import critical
from tests.containment.critical_sets import SLACK, changes, changes_of, with_set
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect
from tests.families import critical as families
from tests.oracles import critical as oracle

Rng = np.random.Generator


@attack("prediction_changes", "P1", slow=8)
def predictions(rng: Rng) -> Outcome:
    """A random critical problem under a random set, with evaluation rows: some of them training rows."""
    problem = replace(families.critical_problem(rng), weight_norm="euclidean")
    if rng.random() < 0.25:
        problem = replace(problem, set="total", radius=float(rng.uniform(0.1, 3.0)))
    else:
        problem = with_set(problem, rng)
    new = rng.standard_normal((2, problem.inputs)) * (3.0 if rng.random() < 0.5 else 1.0)
    return whole_problem(replace(problem, evaluation=np.vstack([problem.X[:2], new])), rng)


def whole_problem(problem: Problem, rng: Rng) -> Outcome:
    """Every row's ends against the oracle."""
    try:
        proving = CriticalPoint(problem, answer, silent)
        bound = proving.bound(FIRST_ORDER)
    except EnclosureError:
        return "refused"
    if bound.upper is None:
        return "refused"
    with oracle.precision():
        system, w = critical.base_of(replace(problem, set="total", norm=2, count=None, change=None), proving)
        truth = oracle.derive(system, w)
        G = gradients(problem, w)
        S, free = G * truth.image, kernel_effect(truth.H, G)
    k, forms = problem.outputs, np.array(S.tolist(), dtype=float)
    check(bound, problem, forms, rng)
    moved = np.array([float(x) for x in free]).reshape(-1, k).max(axis=1)
    counts = {h.name: h.value for h in bound.hypotheses if h.name in ("agreement", "freedom")}
    assert isinstance(counts["agreement"], int)
    expect(counts["agreement"] <= int((moved < 1e-20).sum()), "rows where all agree", moved=moved, counts=counts)
    expect(int(counts.get("freedom") or 0) <= int((moved > 1e-20).sum()), "rows where they do not", moved=moved)
    return "decided"


@attack("fit_predictions", "P1", slow=4)
def fits(rng: Rng) -> Outcome:
    """A random interpolation problem with fewer equations than parameters, under a random set."""
    depth, k, n = int(rng.integers(1, 4)), int(rng.integers(1, 3)), int(rng.integers(1, 5))
    widths = [int(rng.integers(1, 4)), *(int(rng.integers(2, 5)) for _ in range(depth - 1)), k]
    weights = tuple(rng.standard_normal((b, a)) for a, b in zip(widths, widths[1:], strict=False))
    biases = tuple(rng.standard_normal(b) if rng.random() < 0.7 else None for b in widths[1:])
    net = Network(weights, biases, str(rng.choice(families.ACTIVATIONS)))
    X = rng.standard_normal((n, widths[0]))
    parameter = str(rng.choice(["features", "features", "targets"]))
    rows = tuple(range(n)) if rng.random() < 0.7 else (int(rng.integers(n)),)
    scale = rng.random(widths[0]) + 0.5 if parameter == "features" and rng.random() < 0.3 else None
    if n * k > sum(b * a for a, b in zip(widths, widths[1:], strict=False)):
        return "refused"
    problem = Problem(net, X, None, parameter, rows, scale=scale)
    total = replace(problem, set="total", radius=float(rng.uniform(0.1, 3.0)))
    problem = total if rng.random() < 0.25 else with_set(problem, rng)
    new = rng.standard_normal((2, widths[0]))
    return whole_fit(replace(problem, evaluation=np.vstack([X[:1], new])), rng)


def whole_fit(problem: Problem, rng: Rng) -> Outcome:
    """`∂_wf(x)J⁺G_u` by jets and a kernel inverted in 50 digits; how far g is from the range of Jᵀ."""
    try:
        bound = InterpolationPoint(problem, answer, silent).bound(FIRST_ORDER)
    except EnclosureError:
        return "refused"
    if bound.upper is None:
        return "refused"
    with oracle.precision():
        there = replace(problem, map="critical", loss="squared", y=np.zeros((problem.n, problem.outputs)), change=None,
                        set="total", norm=2, count=None, evaluation=None)
        system = oracle.System(there)
        p, q = system.p, system.q
        jets = [f for row in system.outputs(system.weights()) for f in row]
        J = mp.matrix([[oracle.number(f.g[j, 0]) for j in range(p)] for f in jets])
        moved = [i * problem.outputs + a for i in problem.rows for a in range(problem.outputs)]
        U = mp.matrix([[mp.mpf(int(at == c)) for c in moved] for at in range(len(jets))]) if (
            problem.parameter == "targets") else mp.matrix(
                [[oracle.number(f.g[p + c, 0]) for c in range(q)] for f in jets])
        G = gradients(problem, system.weights())
        inverse = mp.inverse(J * J.T)
        S = G * J.T * inverse * U
        apart = [mp.norm((G[j, :] - G[j, :] * J.T * inverse * J).T) / (mp.norm(G[j, :].T) or 1) for j in range(G.rows)]
    check(bound, problem, np.array(S.tolist(), dtype=float), rng)
    far = np.array([float(x) for x in apart]).reshape(-1, problem.outputs).max(axis=1)
    counts = {h.name: h.value for h in bound.hypotheses if h.name in ("agreement", "freedom")}
    assert isinstance(counts["agreement"], int)
    expect(counts["agreement"] <= int((far < 1e-20).sum()), "rows where all agree", far=far, counts=counts)
    expect(int(counts.get("freedom") or 0) <= int((far > 1e-20).sum()), "rows where they do not", far=far)
    return "decided"


def gradients(problem: Problem, w: list[arb]) -> mp.matrix:
    """`∂_wf_b(x)` at the evaluation rows, a row for each output, by first-order jets."""
    assert problem.evaluation is not None
    m, k = len(problem.evaluation), problem.outputs
    there = replace(problem, map="critical", X=problem.evaluation, y=np.zeros((m, k)), labels=None, loss="squared",
                    parameter="targets", rows=(0,), scale=None, set="total", norm=2, count=None, change=None)
    system = oracle.System(there)
    return mp.matrix([[oracle.number(f.g[j, 0]) for j in range(system.p)] for row in system.outputs(w) for f in row])


def kernel_effect(H: mp.matrix, G: mp.matrix) -> list[mp.mpf]:
    """`|G_jN|`, N an orthonormal basis of the kernel of H, relative to `|G_j|`."""
    values, vectors = mp.eigsy(H)
    top = max(abs(v) for v in values)
    kernel = [vectors[:, i] for i in range(len(values)) if abs(values[i]) <= oracle.TINY * top]
    return [max((abs((G[j, :] * v)[0]) for v in kernel), default=mp.mpf(0)) / (mp.norm(G[j, :].T) or 1)
            for j in range(G.rows)]


def check(bound: Bound, problem: Problem, forms: np.ndarray, rng: Rng) -> None:
    """Every change of the set stays below the upper ends, and the best one for a row reaches its lower end."""
    k, radius = problem.outputs, problem.radius or 1.0
    for row, low, high in zip(bound.rows, bound.row_lower, bound.row_upper, strict=True):
        assert low is not None and high is not None
        own = forms[row * k:(row + 1) * k]
        if problem.set == "given":
            assert problem.change is not None
            best = float(np.abs(own @ problem.change[list(problem.rows)].ravel()).max())
        else:
            best = max(radius * abs(float(s @ best_change(s, problem))) for s in own)
            for u in [] if problem.set == "total" else few(problem, rng):
                size = radius * float(np.abs(own @ u).max())
                expect(size <= high * (1 + SLACK) + 1e-300, "a change within the budget", size=size, high=high)
        expect(low <= best * (1 + SLACK) + 1e-300, "the best change reaches the lower end", low=low, best=best)
        expect(best <= high * (1 + SLACK) + 1e-300, "the best change stays below the upper end", high=high, best=best)
    expect((bound.lower, bound.upper) == (max(bound.row_lower), max(bound.row_upper)), "the largest", bound=bound)


def best_change(form: np.ndarray, problem: Problem) -> np.ndarray:
    """The change at radius 1 that gains most for a linear function of the changes."""
    if problem.set != "total":
        return changes_of(form, problem)
    return form / max(float(np.linalg.norm(form)), 1e-300)


def few(problem: Problem, rng: Rng) -> list[np.ndarray]:
    """Some changes of the set at radius 1."""
    every = list(changes(problem, rng))
    return [every[int(rng.integers(len(every)))] for _ in range(20)]
