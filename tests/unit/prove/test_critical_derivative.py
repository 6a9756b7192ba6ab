"""Derivatives of the critical map: against derivatives of the loss made elsewhere, and against sets solved again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from certify.cli.algorithm import algorithm_1
from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.sets import Coderivative, GraphicalDerivative
from tests.effort import examples
from tests.families.critical import critical_problem, descended, mean_loss, shifted

seeds = st.integers(0, 10**6)


def ridge(seed: int, parameter: str = "features") -> Problem:
    """A small network with weight decay, at a minimiser: no symmetry is left."""
    rng = np.random.default_rng(seed)
    net = Network((rng.standard_normal((2, 2)), rng.standard_normal((1, 2))), (rng.standard_normal(2), None), "tanh")
    X, y = rng.standard_normal((4, 2)), rng.standard_normal((4, 1))
    return descended(Problem(net, X, y, parameter, (0, 1, 2, 3), map="critical", base="nearby", weight_decay=0.02))


def flat(net: Network) -> np.ndarray:
    return np.concatenate([v.ravel() for pair in zip(net.weights, net.biases, strict=True) for v in pair
                           if v is not None])


@settings(max_examples=examples(12), deadline=None)
@given(seeds, st.sampled_from(["features", "targets", "sample_weights"]))
def test_isolated_solutions_move_as_the_influence_function_of_torch_says(seed, parameter):
    torch = pytest.importorskip("torch")
    problem = ridge(seed, parameter)
    try:
        D = GraphicalDerivative.of(problem)
    except InputError:
        reject()  # a slow descent: no critical point is proved
    w0, X0, y0 = (torch.tensor(v) for v in (flat(problem.network), problem.X, problem.y))

    def loss(w, u):
        X = X0 + u.reshape(X0.shape) if parameter == "features" else X0
        y = y0 + u.reshape(y0.shape) if parameter == "targets" else y0
        shares = 1 + u.reshape(-1, 1) if parameter == "sample_weights" else torch.ones(4, 1, dtype=torch.float64)
        f = torch.tanh(X @ w[:4].reshape(2, 2).T + w[4:6]) @ w[6:].reshape(1, 2).T
        return (shares * (f - y) ** 2 / 2).sum() / 4 + 0.01 * (w**2).sum()

    u0 = torch.zeros({"features": 8, "targets": 4, "sample_weights": 4}[parameter], dtype=torch.float64)
    H = torch.func.hessian(loss)(w0, u0).numpy()
    C = torch.func.jacfwd(torch.func.grad(loss), argnums=1)(w0, u0).numpy()
    influence = -np.linalg.solve(H, C)
    size = 1 + np.abs(influence).max()
    for j in range(C.shape[1]):
        found = D(np.eye(C.shape[1])[j])
        assert found.kernel.shape == (8, 0) and not found.empty and not found.doubt
        assert np.abs(found.member - influence[:, j]).max() <= 1e-7 * size
    q = np.random.default_rng(seed).standard_normal(8)
    assert np.abs(Coderivative.of(problem)(q) - influence.T @ q).max() <= 1e-6 * size
    assert D.rank == 8 and D.criterion()[0] is True and "M5c" in D.criterion()[1]
    modulus = D.modulus()
    largest = float(np.linalg.norm(influence, 2))  # by torch, in floats
    assert modulus.lower <= largest * (1 + 1e-6) + 1e-12 and largest <= modulus.upper * (1 + 1e-6) + 1e-12
    assert abs(D.outer_norm() - np.linalg.norm(influence, 2)) <= 1e-6 * size


@settings(max_examples=examples(40), deadline=None)
@given(seeds)
def test_every_case_agrees_with_the_proved_modulus_and_symmetries_are_in_the_kernel(seed):
    rng = np.random.default_rng(seed)
    problem = replace(critical_problem(rng), weight_norm="euclidean")
    try:
        D = GraphicalDerivative.of(problem)
    except InputError as refusal:
        assert "give a critical point" in str(refusal)
        return
    modulus, mu = D.modulus(), rng.standard_normal(D.G_u.shape[1])
    holds, reason = D.criterion()
    if modulus.upper is None:
        assert holds is None and reason
        assert not D.doubt or "dimension" in D.doubt or "proved nonsingular" in D.doubt
        return
    # base nearby: the bound is at the exact critical point, the matrices are taken at the weights
    assert holds is True and modulus.lower * (1 - 1e-4) - 1e-9 <= D.outer_norm() <= modulus.upper * (1 + 1e-4) + 1e-9
    found = D(mu)
    size = 1 + np.linalg.norm(D.G_u @ mu)
    assert not found.empty and np.linalg.norm(D.G_u @ mu + D.G_w @ found.member) <= 1e-6 * size
    assert found.kernel.shape[1] == problem.parameters - D.rank
    assert np.linalg.norm(D.G_w @ found.kernel) <= 1e-6 * (1 + np.linalg.norm(D.G_w))
    for v in found.random_members(2, 1.0, seed):
        assert found.contains(v)
    A = Coderivative.of(problem)
    q = D.G_w.T @ rng.standard_normal(len(D.G_w))
    assert abs(A(q) @ mu - q @ found.member) <= 1e-6 * (1 + np.abs(q).max()) * (1 + np.abs(found.member).max()) * size


@settings(max_examples=examples(15), deadline=None)
@given(seeds)
def test_singular_hessians_against_sets_solved_again(seed):
    """Rescaling leaves a curve of minimisers through w̄; a small step leads to the shortest member."""
    rng = np.random.default_rng(seed)
    net = Network((rng.standard_normal((1, 2)), rng.standard_normal((1, 1))), (None, None), "identity")
    X, y = rng.standard_normal((5, 2)), rng.standard_normal((5, 1))
    problem = descended(Problem(net, X, y, "features", (0, 2), map="critical", base="nearby"))
    D = GraphicalDerivative.of(problem)
    assert D.rank == 2 and D.criterion()[0] is True and "M5b" in D.criterion()[1]
    mu = rng.standard_normal((2, 2))
    t = 1e-5
    moved = X.copy()
    moved[[0, 2]] += t * mu
    target = np.linalg.lstsq(moved, y, rcond=None)[0].ravel()  # v·w must be this
    w = flat(problem.network)
    for _ in range(50):  # nearest (w, v) with v·w = target: Gauss-Newton steps of least length
        gap = w[2] * w[:2] - target
        J = np.column_stack([w[2] * np.eye(2), w[:2]])
        w = w - np.linalg.pinv(J) @ gap
    found = D(mu)
    slope = (w - flat(problem.network)) / t
    assert np.linalg.norm(slope - found.member) <= 1e-2 * (1 + np.linalg.norm(found.member))
    kernel = np.array([*w[:2], -w[2]])
    assert found.kernel.shape == (3, 1) and abs(found.kernel[:, 0] @ kernel) >= np.linalg.norm(kernel) * (1 - 1e-4)


def test_an_unexplained_dimension_is_named_and_decides_nothing():
    # the second feature is 0 in every row: nothing moves its weight, and no symmetry of the network says so
    X, y = np.array([[1.0, 0.0], [2.0, 0.0], [0.5, 0.0]]), np.array([[1.0], [1.5], [0.0]])
    w = float((X[:, 0] @ y[:, 0]) / (X[:, 0] @ X[:, 0]))
    problem = Problem(Network((np.array([[w, 1.0]]),), (None,), "identity"), X, y, "features", (0, 1), map="critical")
    try:
        D = GraphicalDerivative.of(problem)
    except InputError as refusal:
        assert "dimension" in str(refusal) or "tilt" in str(refusal)
        return
    holds, reason = D.criterion()
    assert holds is None and "1 dimension" in reason and D.doubt == reason
    assert D([1.0, 0.0, 0.0, 0.0]).doubt == reason and D([0.0, 1.0, 0.0, 0.0]).empty


def test_exact_fits_are_the_interpolation_map():
    rng = np.random.default_rng(5)
    net = Network((rng.standard_normal((4, 2)), rng.standard_normal((1, 4))), (None, None), "tanh")
    X = rng.standard_normal((3, 2))
    y = np.tanh(X @ net.weights[0].T) @ net.weights[1].T
    critical = Problem(net, X, y, "features", (0, 1, 2), map="critical", base="nearby")
    D = GraphicalDerivative.of(critical)
    fit = GraphicalDerivative.of(replace(critical, map="interpolation", base="given", y=None))
    mu = rng.standard_normal(6)
    assert D.rank == 3 and np.allclose(D(mu).member, fit(mu).member, rtol=1e-9)
    assert "M5a" in D.criterion()[1] and D(mu).kernel.shape == (12, 9)
    weights = GraphicalDerivative.of(replace(critical, parameter="sample_weights"))
    assert not weights([1.0, -2.0, 0.5]).member.any() and not weights([1.0, -2.0, 0.5]).empty


def test_algorithm_1_of_a_critical_problem_lies_in_what_is_proved():
    problem = ridge(11)
    change = 1e-4 * np.random.default_rng(0).standard_normal((4, 2))
    found = algorithm_1(replace(problem, set="given", change=change), members=3)
    first, whole = found.proved
    assert (first.quantity, whole.quantity) == ("first_order_distance", "distance")
    assert first.lower * (1 - 1e-6) <= found.stability <= first.upper * (1 + 1e-6)
    assert whole.lower is not None and abs(whole.lower - found.stability) <= 0.05 * found.stability
    assert mean_loss(shifted(problem, -found.shortest)) >= mean_loss(problem) - 1e-12


@pytest.mark.parametrize(("call", "said"), [
    (lambda p: GraphicalDerivative.of(replace(p, map="sublevel", base="given")), "the sublevel map"),
    (lambda p: Coderivative.of(shifted(p, 0.5 + np.arange(8.0))), "not at a critical point"),
    (lambda p: GraphicalDerivative.of(p)([1.0]), "1 numbers; give 8"),
])  # fmt: skip
def test_bad_input_is_refused_in_words(call, said):
    with pytest.raises(InputError, match=said):
        call(ridge(3))
