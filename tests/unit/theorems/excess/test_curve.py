"""Expansion and contraction along multiples of one change: against points of both sets, found in floats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.theorems.excess.curve import window_movement
from tests.effort import examples


def drawn(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    net = Network((rng.standard_normal((6, 2)), rng.standard_normal((1, 6))), (None, rng.standard_normal(1)), "relu")
    u = rng.standard_normal((3, 2))
    return Problem(net, rng.standard_normal((3, 2)), None, "features", (0, 1, 2), layer=2, set="given",
                   change=u / np.linalg.norm(u))


def inputs(problem: Problem, X: np.ndarray) -> np.ndarray:
    return np.column_stack([np.maximum(X @ problem.network.weights[0].T, 0), np.ones(len(X))])


@settings(max_examples=examples(25), deadline=None)
@given(st.integers(0, 10**6))
def test_no_point_of_either_set_is_farther_and_some_are_nearly_as_far(seed):
    problem, radius, factors = drawn(seed), 2.0, (0.0, 0.125, 0.5)
    A = inputs(problem, problem.X)
    w = np.concatenate([problem.network.weights[1][0], problem.network.biases[1]])
    try:
        found = window_movement(problem, radius, factors)
    except InputError as refusal:
        assert "full row rank" in str(refusal)  # dead units
        return
    rng = np.random.default_rng(seed)
    for factor, point in zip(factors, found.points, strict=True):
        assert abs(float(point.u) - factor) <= 1e-12
        B = inputs(problem, problem.X + factor * problem.change)
        for first, second, extent in ((A, B, point.contraction), (B, A, point.expansion)):
            start = np.linalg.pinv(first) @ (A @ w - first @ w)  # the nearest point of the first set, less w
            room = radius**2 - start @ start
            if room <= 0:
                assert extent.lower == 0
                continue
            free = np.eye(7) - np.linalg.pinv(first) @ first
            values, vectors = np.linalg.eigh(free @ np.linalg.pinv(second) @ second @ free)
            steps = [free @ v for v in (*rng.standard_normal((20, 7)), vectors[:, -1], -vectors[:, -1])]
            far = 0.0
            for y in steps:
                x = w + start + (np.sqrt(room) / np.linalg.norm(y) * y if np.linalg.norm(y) > 1e-9 else 0)
                far = max(far, float(np.linalg.norm(np.linalg.pinv(second) @ (A @ w - second @ x))))
            assert far <= extent.upper * (1 + 1e-9) + 1e-9
            # |a + Ty| with the best y along the first eigenvector is at least half of |a| + ‖T‖r
            assert extent.lower <= 2 * far + 1e-9 and extent.lower <= extent.upper


@pytest.mark.parametrize(("call", "said"), [
    (lambda p: window_movement(p, 1.0, []), r"factors: \[\]"),
    (lambda p: window_movement(p, 1.0, [np.nan]), r"factors: \[nan\]"),
    (lambda p: window_movement(p, -1.0, [1.0]), "radius: -1"),
    (lambda p: window_movement(replace(p, set="total", change=None), 1.0, [1.0]), "no change"),
    (lambda p: window_movement(replace(p, X=p.X[[0, 0, 1]]), 1.0, [0.0]), "full row rank"),
])  # fmt: skip
def test_bad_input_is_refused_in_words(call, said):
    with pytest.raises(InputError, match=said):
        call(drawn(1))
