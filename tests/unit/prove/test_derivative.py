from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.sets import Coderivative, GraphicalDerivative

pytest.importorskip("sympy")

from certify.symbolic import interpolation  # noqa: E402
from tests.effort import examples


def tanh_problem(seed: int, parameter: str = "features", n: int = 4) -> Problem:
    rng = np.random.default_rng(seed)
    net = Network((rng.standard_normal((6, 3)), rng.standard_normal((2, 6))), (rng.standard_normal(6), None), "tanh")
    return Problem(net, rng.standard_normal((n, 3)), None, parameter, tuple(range(n)))


def outputs(problem: Problem, w: np.ndarray, X: np.ndarray) -> np.ndarray:
    W, b, V = w[:18].reshape(6, 3), w[18:24], w[24:].reshape(2, 6)
    return np.tanh(X @ W.T + b) @ V.T


def flat(problem: Problem) -> np.ndarray:
    W, V = problem.network.weights
    return np.concatenate([W.ravel(), problem.network.biases[0], V.ravel()])


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 10**6))
def test_directions_agree_with_solutions_found_again(seed):
    problem = tanh_problem(seed)
    D = GraphicalDerivative.of(problem)
    rng = np.random.default_rng(seed + 1)
    mu = rng.standard_normal(problem.X.shape)
    found = D(mu)
    assert not found.empty and found.kernel.shape == (36, 36 - 8) and D.rank == 8
    t, w0 = 1e-5, flat(problem)
    y, w = outputs(problem, w0, problem.X), w0.copy()
    for _ in range(20):  # Gauss-Newton with the Jacobian at the start: the nearest solution to second order
        gap = (outputs(problem, w, problem.X + t * mu) - y).ravel()
        w = w - np.linalg.pinv(D.G_w) @ gap
    slope = (w - w0) / t
    scale = 1 + np.linalg.norm(found.member)
    assert np.linalg.norm(slope - found.member) <= 1e-2 * scale
    for v in found.random_members(3, 2.0, seed=seed):
        assert found.contains(v) and np.linalg.norm(v - found.member) <= 2.0 * (1 + 1e-12)
        assert np.linalg.norm(D.G_u @ mu.ravel() + D.G_w @ v) <= 1e-9 * (1 + np.linalg.norm(D.G_u @ mu.ravel()))
    assert not found.contains(found.member + D.G_w[0])


@settings(max_examples=examples(30), deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["features", "targets"]))
def test_outer_norm_and_adjoint(seed, parameter):
    problem = tanh_problem(seed, parameter)
    D, A = GraphicalDerivative.of(problem), Coderivative.of(problem)
    proved = D.modulus()
    if proved.upper is not None:
        assert proved.lower * (1 - 1e-9) <= D.outer_norm() <= proved.upper * (1 + 1e-9)
        assert D.criterion()[0] is True
    rng = np.random.default_rng(seed)
    q = D.G_w.T @ rng.standard_normal(len(D.G_w))
    mu = rng.standard_normal(D.G_u.shape[1])
    p = A(q)
    assert abs(p @ mu - q @ D(mu).member) <= 1e-8 * (1 + np.abs(p).max()) * (1 + np.abs(mu).max()) * len(mu)
    assert A(rng.standard_normal(D.G_w.shape[1])) is None  # 36 weights, 8 equations


def test_agrees_with_exact_matrices():
    weights, X = [[[1, -2], [3, 1]], [[1, 2]]], [[1, 1], [2, -1]]
    exact = interpolation(weights, X, activation="relu")
    network = Network(tuple(np.array(W, float) for W in weights), (None, None), "relu")
    problem = Problem(network, np.array(X, float), None, "features", (0, 1))
    D = GraphicalDerivative.of(problem)
    assert np.allclose(D.G_w, np.array(exact.G_w, float)) and np.allclose(D.G_u, np.array(exact.G_u, float))
    mu = [1, 0, -2, 3]
    if exact.surjective:
        assert np.allclose(D(mu).member, [float(x) for x in exact.member(mu)])
        assert D(mu).contains([float(Fraction(int(x.p), int(x.q))) for x in exact.member(mu)])


def test_out_of_range_is_empty_and_refuted_where_rows_are_equal():
    net = Network((np.array([[1.0, 2.0]]),), (None,), "identity")
    problem = Problem(net, np.array([[1.0, 0.0], [1.0, 0.0]]), None, "features", (0, 1))
    D = GraphicalDerivative.of(problem)
    found = D([1.0, 0.0, 0.0, 0.0])
    assert found.empty and found.outside > 0.5 and D.criterion()[0] is False
    with pytest.raises(InputError, match="empty"):
        found.random_members(2, 1.0)


@pytest.mark.parametrize(("call", "said"), [
    (lambda: GraphicalDerivative(np.ones(3), np.ones((1, 1))), r"shape \(3,\)"),
    (lambda: GraphicalDerivative(np.ones((2, 3)), np.ones((1, 1))), "2 and 1 equations"),
    (lambda: GraphicalDerivative(np.full((1, 3), np.nan), np.ones((1, 1))), "give a finite matrix"),
    (lambda: GraphicalDerivative(np.ones((1, 3)), np.ones((1, 2)))([1.0]), "1 numbers; give 2"),
    (lambda: GraphicalDerivative(np.ones((1, 3)), np.ones((1, 2)))([np.nan, 1.0]), "finite numbers"),
    (lambda: Coderivative(np.ones((1, 3)), np.ones((1, 2))).modulus(), "without a problem"),
])  # fmt: skip
def test_bad_input_is_refused_in_words(call, said):
    with pytest.raises(InputError, match=said):
        call()
