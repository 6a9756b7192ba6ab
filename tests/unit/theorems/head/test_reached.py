"""Q6e: a change of the budget whose solution lies no nearer than is said, by solving again in balls."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, ctx

from certify.finders.head_attack import Search
from certify.problem.problem import Problem
from certify.systems.head.change import Change
from certify.systems.head.last_layer import last_inputs
from certify.systems.head.point import change_of, layer_of
from certify.theorems.head import reached as convex_reached
from certify.theorems.head.motion import enclose_motion
from certify.theorems.head.predictions import enclose_predictions
from certify.theorems.head.reached import enclose_reached, find_reached
from tests.containment.convex import last
from tests.effort import examples
from tests.oracles.head import BITS, Training, inputs, length_above, length_below, solve
from tests.unit.theorems.head.test_motion import fitted

CASES = [(loss, change) for loss in ("cross_entropy", "logistic", "squared") for change in (
    Change("sample_weights", 1.0, 1), Change("sample_weights", 1.0, 3), Change("sample_weights", 0.5, total=True),
    Change("sample_weights", 0.25, rows=(1, 4, 5)), Change("features", 0.1, 2), Change("features", 0.2, total=True),
    Change("labels", 1.0, 2), Change("labels", 1.0, None, rows=(0, 2)), Change("targets", 0.3, 2),
    Change("targets", 0.3, total=True),
) if (change.parameter != "targets" or loss == "squared") and (change.parameter != "labels" or loss != "squared")]


def problem_of(t: Training, change: Change) -> Problem:
    """The same problem as files would give it."""
    kind = "total" if change.total else "per_sample" if change.count is None else "sparse"
    rows = tuple(range(t.n)) if change.rows is None else change.rows
    radius = None if change.parameter == "labels" else change.radius
    return Problem(t.network, t.X, t.targets, change.parameter, rows, layer=2, labels=t.labels, map="critical",
                   base="nearby", loss=t.loss, weight_decay=t.decay, set=kind, radius=radius, count=change.count)


def after(t: Training, change: Change, u: np.ndarray) -> Training:
    """The training problem after a change, from the definitions."""
    if change.parameter == "sample_weights":
        return replace(t, weights=u[:, 0])
    if change.parameter == "labels":
        old = np.array(t.labels)
        new = old + u[:, 0].astype(int) if t.loss == "logistic" else np.argmax(np.eye(u.shape[1])[old] + u, axis=1)
        return replace(t, labels=new)
    if change.parameter == "features":
        return replace(t, X=t.X + u)  # rounded; the tests allow for it
    return replace(t, targets=np.array(t.targets) + u)


def moved_by(t: Training, other: Training) -> tuple[float, float]:
    """Ends of the distance between the solutions of two training problems."""
    with ctx.workprec(BITS):
        w, error = solve(t, last(t.network))
        v, more = solve(other, last(t.network))
        gap = [a - b for a, b in zip(w, v, strict=True)]
        off = error + more
        return float((length_below(gap) - off).abs_lower()), float((length_above(gap) + off).upper())


@pytest.mark.parametrize(("loss", "change"), CASES)
def test_a_change_that_was_found_moves_the_solution_so_far(loss: str, change: Change) -> None:
    """It is of the budget, the solution trained again lies so far, by hardly more, and within what is proved."""
    t = fitted(3, loss, n=10)
    problem = problem_of(t, change)
    layer, budget = layer_of(problem), change_of(problem)
    found = find_reached(problem, layer, budget)
    assert found is not None
    sizes = np.linalg.norm(found.change, axis=1)
    rows = np.flatnonzero(sizes)
    assert set(rows) <= set(problem.rows) and len(rows) <= (change.count or t.n)
    if change.parameter != "labels":
        assert (np.linalg.norm(sizes) if change.total else sizes.max()) <= change.radius
    least, most = moved_by(t, after(t, change, found.change))
    assert found.lower <= most * (1 + 1e-12) + 1e-12 and found.lower >= least * (1 - 1e-6)
    assert all(found.lower < moved.distance for moved in enclose_motion(layer, budget))


def outputs_moved_by(t: Training, other: Training, points: np.ndarray) -> tuple[float, float]:
    """Ends of the largest change of the outputs at a point between the solutions of two training problems."""
    with ctx.workprec(BITS):
        w, error = solve(t, last(t.network))
        v, more = solve(other, last(t.network))
        gap, ends = [a - b for a, b in zip(w, v, strict=True)], []
        for row in points.tolist():
            phi = inputs(t.network, row)
            m, off = len(phi), (error + more) * length_above(phi)
            f = [sum((a * b for a, b in zip(gap[i : i + m], phi, strict=True)), arb(0)) for i in range(0, len(gap), m)]
            ends.append((float((length_below(f) - off).lower()), float((length_above(f) + off).upper())))
        return max(low for low, _ in ends), max(high for _, high in ends)


@pytest.mark.parametrize(("loss", "change"), CASES)
def test_a_change_that_was_found_moves_the_outputs_so_far(loss: str, change: Change) -> None:
    """At one of the points, by solving again; by hardly more, and within what is proved from above."""
    t = fitted(3, loss, n=10)
    problem, points = problem_of(t, change), np.vstack([t.X + 0.25, 2 * t.X[:3]])
    layer, budget = layer_of(problem), change_of(problem)
    at = last_inputs(t.network, points)
    found = find_reached(problem, layer, budget, at=at)
    assert found is not None
    rows = np.flatnonzero(np.linalg.norm(found.change, axis=1))
    assert set(rows) <= set(problem.rows) and len(rows) <= (change.count or t.n)
    least, most = outputs_moved_by(t, after(t, change, found.change), points)
    assert found.lower <= most * (1 + 1e-12) + 1e-12 and found.lower >= least * (1 - 1e-6)
    assert all(found.lower < enclose_predictions(layer, (moved,), at).change.max()
               for moved in enclose_motion(layer, budget))


def test_the_row_whose_outputs_matter_most_is_found_by_deleting_every_one() -> None:
    t = fitted(5, "cross_entropy", n=12)
    problem, points = problem_of(t, Change("sample_weights", 1.0, 1)), 1.5 * t.X
    found = find_reached(problem, layer_of(problem), change_of(problem), at=last_inputs(t.network, points))
    assert found is not None
    brute = [outputs_moved_by(t, replace(t, weights=-np.eye(t.n)[i]), points) for i in range(t.n)]
    assert max(most for _, most in brute) >= found.lower >= max(least for least, _ in brute) * (1 - 1e-6)


def test_the_row_that_matters_most_is_found_by_deleting_every_one() -> None:
    t = fitted(5, "cross_entropy", n=12)
    change = Change("sample_weights", 1.0, 1)
    problem = problem_of(t, change)
    found = find_reached(problem, layer_of(problem), change_of(problem))
    assert found is not None
    brute = [moved_by(t, replace(t, weights=-np.eye(t.n)[i])) for i in range(t.n)]
    assert max(most for _, most in brute) >= found.lower >= max(least for least, _ in brute) * (1 - 1e-6)


def drawn(seed: int) -> tuple[Training, Problem, np.ndarray, np.ndarray]:
    """A deleted row, and weights that need not be near any solution."""
    rng = np.random.default_rng(seed)
    t = fitted(int(rng.integers(100)), str(rng.choice(["cross_entropy", "logistic", "squared"])), n=8)
    problem = problem_of(t, Change("sample_weights", 1.0, 1))
    u = -np.eye(t.n)[:, [int(rng.integers(t.n))]]
    V = Search(problem, layer_of(problem), change_of(problem)).solved(u)
    assert V is not None
    return t, problem, u, V + float(10.0 ** rng.uniform(-6, 0)) * rng.standard_normal(V.shape)


def false(seed: int, outputs: bool) -> bool:
    """Whether more is said than the solution moves, or than the outputs at one of the rows do."""
    t, problem, u, V = drawn(seed)
    at = last_inputs(t.network, 3 * t.X[:2]) if outputs else None
    found = enclose_reached(problem, layer_of(problem), u, V, at)
    other = replace(t, weights=u[:, 0])
    most = outputs_moved_by(t, other, 3 * t.X[:2])[1] if outputs else moved_by(t, other)[1]
    return found is not None and found.lower > most


@pytest.mark.parametrize("outputs", [False, True])
def test_weights_that_are_no_solution_prove_no_more_than_is_true(outputs: bool) -> None:
    assert not any(false(seed, outputs) for seed in range(examples(40)))


@pytest.mark.parametrize("outputs", [False, True])
def test_an_end_without_the_gradient_is_caught(outputs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights' own motion is no lower end: what they lack of a solution has to be taken off."""
    monkeypatch.setattr(convex_reached, "enclose_gradient", lambda *_: SimpleNamespace(norm=0.0))
    assert any(false(seed, outputs) for seed in range(40))


def test_units_of_their_own_and_probabilities_have_no_lower_end() -> None:
    t = fitted(3, "cross_entropy", n=10)
    problem = replace(problem_of(t, Change("features", 0.1)), scale=np.array([1.0, 3.0]))
    assert find_reached(problem, layer_of(problem), change_of(problem)) is None
