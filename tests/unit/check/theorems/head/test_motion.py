"""The checker's rule for a strongly convex last layer: what the run proves, nothing less, and no other budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.linalg.definite import Truth
from certify.check.reading.subject import Layer, Problem
from certify.check.systems.point import Point
from certify.check.theorems.head.motion import distance_at_most
from certify.check.theorems.head.norms import total_of
from certify.systems.head.change import Change
from certify.theorems.head.motion import Moved, enclose_motion
from tests.containment.convex import enclosed, random_change, random_training, with_last
from tests.oracles.head import Training
from tests.unit.theorems.head.test_motion import fitted

BITS = 128


def stated(t: Training, change: Change) -> Problem:
    """The checker's problem."""
    net = t.network
    layers = tuple(Layer(W.shape[0], W.shape[1], tuple(W.ravel().tolist()), None if b is None else tuple(b.tolist()))
                   for W, b in zip(net.weights, net.biases, strict=True))
    kind = "total" if change.total else "per_sample" if change.count is None else "sparse"
    return Problem(
        layers=layers, activation=net.activation, free=(len(layers),),
        features=tuple(tuple(row) for row in t.X.tolist()),
        targets=None if t.targets is None else tuple(tuple(row) for row in t.targets.tolist()), groups=(),
        kept=tuple(range(t.n)), moving=tuple(range(t.n)) if change.rows is None else change.rows,
        parameter=change.parameter, map="critical", base="nearby", level=None, loss=t.loss, weight_decay=t.decay,
        set=kind, labels=None if t.labels is None else tuple(t.labels.tolist()), scale=None, names=None,
        radius=change.radius, count=change.count, direction="down" if change.down else None,
    )


def truth(problem: Problem, moved: Moved, most: float | None = None, theta: float | None = None,
          reach: float | None = None) -> Truth:
    """What the checker says of a claim."""
    with ctx.workprec(BITS):
        return distance_at_most(Point(problem, BITS), moved.distance if most is None else most,
                                moved.metric.theta if theta is None else theta,
                                moved.reach if reach is None else reach).truth


CASES = [(loss, change) for loss in ("cross_entropy", "logistic", "squared") for change in (
    Change("sample_weights", 1.0, 1), Change("sample_weights", 1.0, 2), Change("sample_weights", 0.5, total=True),
    Change("sample_weights", 1.0, 2, down=True), Change("sample_weights", 0.5, total=True, down=True),
    Change("features", 0.01), Change("features", 0.05, 1), Change("features", 0.02, total=True, rows=(0, 2)),
    Change("targets", 0.1), Change("targets", 0.1, 1), Change("targets", 0.1, total=True),
) if change.parameter != "targets" or loss == "squared"]


@pytest.mark.parametrize(("loss", "change"), CASES)
def test_what_the_run_proves_checks_and_less_does_not(loss: str, change: Change) -> None:
    """A smaller distance, a smaller radius T, a larger θ: each is refused, and so is a larger budget."""
    t = fitted(12, loss, n=10)
    found = enclose_motion(enclosed(t), change)
    assert found
    problem = stated(t, change)
    for moved in found[:2]:
        assert truth(problem, moved) is Truth.PROVED
        assert truth(problem, moved, most=moved.distance * (1 - 1e-6)) is Truth.UNDECIDED
        assert truth(problem, moved, reach=moved.reach * 0.99) is Truth.UNDECIDED
        if loss != "squared":
            assert truth(problem, moved, theta=1.0) is Truth.UNDECIDED
    larger = replace(problem, radius=change.radius * 1.5)
    assert truth(larger, found[0]) is Truth.UNDECIDED


@pytest.mark.parametrize("seed", range(12))
def test_random_problems_check(seed: int) -> None:
    rng = np.random.default_rng([5, seed])
    t = random_training(rng)
    change = random_change(t, rng)
    if change.parameter == "labels":
        return
    for moved in enclose_motion(enclosed(t), change)[:1]:
        assert truth(stated(t, change), moved) is Truth.PROVED


@pytest.mark.parametrize("tampered", [
    {"weight_decay": 0.0}, {"free": (1, 2)}, {"free": (1,)}, {"radius": 1.01}, {"norm": "inf"}, {"kept": (0, 1)},
])
def test_other_problems_are_refused(tampered: dict[str, object]) -> None:
    t, change = fitted(12, n=10), Change("sample_weights", 1.0, 1)
    moved = enclose_motion(enclosed(t), change)[0]
    assert truth(replace(stated(t, change), **tampered), moved) is Truth.UNDECIDED  # type: ignore[arg-type]


def test_data_and_weights_that_differ_are_refused() -> None:
    """More loss, other labels, other features: the claim is about the files."""
    t, change = fitted(12, n=10), Change("sample_weights", 1.0, 1)
    moved, problem = enclose_motion(enclosed(t), change)[0], stated(t, change)
    assert problem.labels is not None
    labels = tuple((v + 1) % 3 for v in problem.labels)
    features = tuple(tuple(3 * v for v in row) for row in problem.features)
    last = problem.layers[-1]
    weights = tuple(v + 0.01 for v in last.weights)
    for other in (replace(problem, labels=labels), replace(problem, features=features),
                  replace(problem, layers=(*problem.layers[:-1], replace(last, weights=weights)))):
        assert truth(other, moved) is Truth.UNDECIDED


def test_weights_that_only_fall_prove_nothing_of_those_that_rise() -> None:
    """The bound for deletions is smaller, and refused for the budget both ways; no other parameter has a direction."""
    t = fitted(2, n=12)
    both, down = Change("sample_weights", 1.0, 4), Change("sample_weights", 1.0, 4, down=True)
    one, other = enclose_motion(enclosed(t), both)[0], enclose_motion(enclosed(t), down)[0]
    assert other.distance < one.distance * (1 - 1e-6)
    assert truth(stated(t, down), other) is Truth.PROVED
    assert truth(stated(t, both), other) is Truth.UNDECIDED
    moved = enclose_motion(enclosed(t), Change("features", 0.01))[0]
    assert truth(replace(stated(t, moved.change), direction="down"), moved) is Truth.UNDECIDED


@pytest.mark.parametrize("witness", [{"theta": -0.1}, {"theta": 1.5}, {"reach": 0.0}, {"reach": -1.0}])
def test_numbers_that_are_no_witness_are_refused(witness: dict[str, float]) -> None:
    t, change = fitted(12, n=10), Change("features", 0.01)
    moved = enclose_motion(enclosed(t), change)[0]
    assert truth(stated(t, change), moved, **witness) is Truth.UNDECIDED
    assert truth(stated(t, change), moved, theta=0.0) is Truth.UNDECIDED


@pytest.mark.parametrize("scale", ["1", "1e155", "1e309", "1e-160", "1e-330", "1e-5000"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_largest_are_found_where_floats_cannot_tell(scale: str, count: int) -> None:
    """Numbers that overflow or underflow as floats are sorted all the same."""
    with ctx.workprec(BITS):
        unit = arb(scale).mid()
        values = [unit * x for x in (1, 3, 1000, 2)]
        found, exact = total_of(values, count), unit * sum(sorted((1, 3, 1000, 2))[-count:])
        assert found >= exact * (1 - arb(2) ** -100) and found <= exact * (1 + arb(2) ** -49)


def test_no_number_and_no_row_are_no_bound() -> None:
    assert not total_of([arb("nan"), arb(1)], 1) < 9 and not total_of([arb(1), arb("nan")], 1) < 9
    assert total_of([arb(0), arb(0)], 2) == 0 and total_of([], 1) == 0


@pytest.mark.parametrize("power", [0, 525, -560])
def test_two_outliers_at_the_end_are_not_overlooked(power: int) -> None:
    """Inner products of 1e310 (or 1e-330) tie as floats; a budget of two rows would have taken the first two for them.

    Targets scaled by a power of two, `power` of it: squared loss is linear in them, so what has to be refused at 1 has
    to be refused there. A third of T is less than what the last two rows do when they leave.
    """
    t, unit = fitted(1, "squared", n=20), 2.0**power
    hidden = t.network
    phi = np.hstack([np.tanh(t.X @ hidden.weights[0].T + hidden.biases[0]), np.ones((20, 1))])
    y = np.ones((20, 3))
    y[-2:] = [[90.0, -90.0, 0.0], [90.0, -90.0, 20.0]]

    def solution(kept: np.ndarray) -> np.ndarray:
        return np.linalg.solve(phi[kept].T @ phi[kept] / 20 + t.decay * np.eye(4), phi[kept].T @ y[kept] / 20).T

    V = solution(np.arange(20))
    plain, change = with_last(replace(t, targets=y), V), Change("sample_weights", 1.0, 2)
    moved = enclose_motion(enclosed(plain), change)[0]
    problem = stated(with_last(replace(t, targets=y * unit), V * unit), change)
    assert truth(problem, moved, 2 * moved.distance * unit, reach=moved.reach * unit) is Truth.PROVED
    short = moved.reach / 10
    assert short / np.sqrt(t.decay) < 0.6 * np.linalg.norm(solution(np.arange(18)) - V)
    assert truth(problem, moved, 2 * moved.distance * unit, reach=short * unit) is Truth.UNDECIDED
