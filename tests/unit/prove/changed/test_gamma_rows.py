"""Gamma regressions without each row: every number against refits in 300 bits, and targets that are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, ctx

from certify import Problem, bound, leave_one_out
from certify.format.errors import InputError
from certify.inputs.targets import TARGETS
from certify.network.network import Network
from tests.oracles.head_refit import BITS, refit

N, DECAY, POINTS = 12, 0.125, np.array([[0.5, -1.0], [2.0, 0.25]])
Weights = list[list[arb]]


def drawn(seed: int, k: int, free: bool) -> Problem:
    """A dozen rows, divided by those that are left, as scikit-learn does."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, 2)) * 10.0 ** rng.uniform(-1, 0.5)
    y = np.exp(1.0 + 0.5 * X[:, :1]) * rng.gamma(2.0, size=(N, k))
    net = Network((np.zeros((k, 2)),), (np.ones(k),), "identity")
    return Problem(net, X, y=y, parameter="deletions", rows=tuple(range(N)), loss="gamma", weight_decay=DECAY,
                   map="critical", base="nearby", set="sparse", count=1, bias_decay=not free, normalization="remaining")


def refits(problem: Problem) -> list[Weights]:
    """The minimisers of all rows, and without each."""
    phi, decayed = np.hstack([problem.X, np.ones((N, 1))]).tolist(), [True, True, problem.bias_decay]
    return [refit(phi, problem.y.tolist(), "gamma", arb(DECAY) * (N - len(gone)), decayed, gone)
            for gone in ((), *((i,) for i in range(N)))]


def outputs(W: Weights, x: list[float]) -> list[arb]:
    return [sum((w * b for w, b in zip(row, [*x, 1.0], strict=True)), arb(0)) for row in W]


def length(v: list[arb], w: list[arb]) -> arb:
    return sum(((a - b) ** 2 for a, b in zip(v, w, strict=True)), arb(0)).sqrt()


@pytest.mark.parametrize(("seed", "k", "free"), [(0, 1, True), (1, 1, False), (2, 2, True), (3, 1, True)])
def test_every_number_without_a_row_is_that_of_training_again(seed: int, k: int, free: bool) -> None:
    problem = drawn(seed, k, free)
    found = leave_one_out(problem, POINTS)
    with ctx.workprec(BITS):
        whole, *without = refits(problem)
        for j, x in enumerate(POINTS.tolist()):
            for i, W in enumerate(without):
                for a, z in enumerate(outputs(W, x)):
                    low, high = float(found.lower[i, j, a]), float(found.upper[i, j, a])
                    assert low <= z <= high <= low + 1e-9 * (1 + abs(low))
        far = {"distance": [length(sum(W, []), sum(whole, [])) for W in without],
               "prediction_change": [length(outputs(W, x), outputs(whole, x)) for W in without
                                     for x in POINTS.tolist()]}
        for quantity, lengths in far.items():
            most = max(lengths, key=float)
            claim = bound(replace(problem, evaluation=POINTS), quantity)
            assert claim.lower <= most <= claim.upper and claim.upper < 1.001 * claim.lower


@pytest.mark.parametrize("wrong", [0.0, -0.0, -1.0, -5e-324])
def test_a_target_that_is_not_above_0_is_refused(wrong: float) -> None:
    """Of an amount of 0 the loss has no least, and of one below it is not convex."""
    y = np.array([[1.0], [wrong], [5e-324]])
    with pytest.raises(InputError, match="y, row 1: .*, and the gamma loss is of amounts above 0; give amounts above"):
        TARGETS["gamma"].taken(y, "y")
    assert TARGETS["gamma"].taken(y[2:], "y") is not None
    with pytest.raises(InputError, match="targets: .* in row 1, and the gamma loss is of amounts above 0; give"):
        replace(drawn(0, 1, True), y=np.vstack([y, np.ones((N - 3, 1))]))
