"""What a solver must not do: lie about a residual, ignore its tolerance or budget, call NaN converged, lose work."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from certify.estimation.krylov import (
    Cg,
    Diagonal,
    Interrupted,
    Lsmr,
    MinresQlp,
    Operator,
    Status,
    Stop,
    matrix_operator,
)
from certify.format.errors import InputError
from tests.families.krylov_systems import symmetric, tensors

METHODS = [Cg, MinresQlp, Lsmr]
SEMIDEFINITE = np.r_[np.zeros(10), np.logspace(-2, 0, 40)]


def operator(matrix, after=None, change=None):
    """The matrix, row by row so that a row's digits do not depend on the others; changed after some calls."""
    calls = [0]

    def apply(V):
        calls[0] += 1
        image = torch.stack([matrix @ v for v in V]) if len(V) else V
        return change(image) if after is not None and calls[0] > after else image

    return Operator(len(matrix), len(matrix), apply, apply, symmetric=True)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("consistent", [True, False])
def test_together_or_one_by_one_bit_for_bit(method, consistent):
    system = symmetric(1, SEMIDEFINITE, consistent, count=5)
    matrix, b = tensors(system)
    b[1] *= 1e6
    b[2] = 0
    b[3] = matrix[0]
    solver = method(tolerance=1e-9)
    together = solver.compute(solver.init(operator(matrix)), b)
    for i in range(5):
        alone = solver.compute(solver.init(operator(matrix)), b[i : i + 1])
        assert torch.equal(alone.x[0], together.x[i]) and alone.status[0] is together.status[i]
        assert alone.products[0] == together.products[i] and alone.residual[0] == together.residual[i]
        count = alone.iterations[0]
        assert np.array_equal(alone.history[:, 0], together.history[:count, i])
        assert np.isnan(together.history[count:, i]).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("after", [0, 1, 2, 3, 4, 7, 20])
def test_a_product_that_is_not_finite_is_never_converged(method, bad, after):
    matrix, b = tensors(symmetric(1, np.logspace(-2, 0, 50), True))

    def spoil(image):
        image = image.clone()
        image[:, 3] = bad
        return image

    solver = method(tolerance=1e-12)
    solved = solver.compute(solver.init(operator(matrix, after, spoil)), b)
    assert set(solved.status) == {Status.NOT_FINITE} and not solved.converged.any()
    assert torch.isfinite(solved.x).all()


@pytest.mark.parametrize("method", METHODS)
def test_only_the_right_hand_side_that_is_not_finite_suffers(method):
    matrix, b = tensors(symmetric(1, np.linspace(1, 2, 6), True))
    b[1, 2] = float("nan")
    solved = method().compute(method().init(matrix_operator(matrix)), b)
    assert solved.status == (Status.CONVERGED, Status.NOT_FINITE, Status.CONVERGED)
    assert np.isnan(solved.residual[1]) and "not known" in solved.words()[1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("change", [lambda image: 2 * image, torch.zeros_like, lambda image: -image])
def test_an_operator_that_lies_late_is_caught(method, change):
    matrix, b = tensors(symmetric(1, np.linspace(1, 9, 50), True))
    solver = method(tolerance=1e-10, max_products=200)
    solved = solver.compute(solver.init(operator(matrix, 12, change)), b)
    image = change(solved.x @ matrix)
    assert np.allclose(solved.residual, (torch.linalg.norm(b - image, dim=1) / torch.linalg.norm(b, dim=1)).numpy())
    assert ((solved.residual <= 1e-10) == solved.converged).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6, 1e-12])
def test_the_tolerance_is_obeyed_and_buys_something(method, tolerance):
    matrix, b = tensors(symmetric(1, np.logspace(-2, 0, 50), True))
    solver = method(tolerance=tolerance)
    solved = solver.compute(solver.init(matrix_operator(matrix)), b)
    true = torch.linalg.norm(b - solved.x @ matrix, dim=1) / torch.linalg.norm(b, dim=1)
    assert solved.converged.all() and (true <= 1.001 * tolerance).all()
    loose = method(tolerance=min(10 * tolerance, 0.5))
    assert (loose.compute(loose.init(matrix_operator(matrix)), b).products <= solved.products).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("consistent", [True, False])
def test_iterated_past_convergence_it_stalls_without_nan(method, consistent):
    matrix, b = tensors(symmetric(1, SEMIDEFINITE, consistent))
    solver = method(tolerance=0.0, max_products=3000)
    solved = solver.compute(solver.init(matrix_operator(matrix)), b)
    assert set(solved.status) <= {Status.STALLED, Status.BUDGET} and torch.isfinite(solved.x).all()
    if consistent:
        assert (solved.residual < 1e-13).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("budget", [10, 11, 12, 13, 17, 30, 60])
@pytest.mark.parametrize("consistent", [True, False])
def test_the_budget_is_never_exceeded(method, budget, consistent):
    matrix, b = tensors(symmetric(1, SEMIDEFINITE, consistent))
    calls = np.zeros(1, dtype=int)

    def apply(V):
        calls[0] += len(V)
        return V @ matrix

    solver = method(tolerance=1e-11, max_products=budget)
    solved = solver.compute(solver.init(Operator(50, 50, apply, apply, symmetric=True)), b, torch.ones_like(b))
    assert (solved.products <= budget).all() and calls[0] == solved.products.sum()
    assert budget > 30 or set(solved.status) == {Status.BUDGET}
    true = torch.linalg.norm(b - solved.x @ matrix, dim=1) / torch.linalg.norm(b, dim=1)
    assert np.allclose(solved.residual, true.numpy())


def test_negative_curvature_comes_with_its_direction():
    matrix, b = tensors(symmetric(1, np.r_[np.linspace(-3, -1, 3), np.linspace(1, 9, 40)], True))
    solved = Cg().compute(Cg().init(matrix_operator(matrix)), b)
    assert set(solved.status) == {Status.CURVATURE}
    v = solved.curvature
    assert torch.allclose(torch.linalg.norm(v, dim=1), torch.ones(3, dtype=torch.float64))
    assert ((v @ matrix) * v).sum(dim=1).max() < 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_semidefinite_is_not_taken_for_negative(dtype):
    for seed in range(10):
        for consistent in (True, False):
            matrix, b = tensors(symmetric(seed, SEMIDEFINITE, consistent), dtype)
            solved = Cg(tolerance=1e-4).compute(Cg().init(matrix_operator(matrix)), b)
            assert Status.CURVATURE not in solved.status, solved.words()


def falling(values, slack):
    pairs = np.diff(values, axis=0)
    return bool((pairs[~np.isnan(pairs)] <= slack).all())


@pytest.mark.parametrize("seed", range(5))
def test_histories_fall_where_theory_says_so(seed):
    matrix, b = tensors(symmetric(seed, np.logspace(-1, 0, 50), True))
    op = matrix_operator(matrix)
    for method in (MinresQlp, Cg, Lsmr):
        solved = method(tolerance=1e-9).compute(method().init(op), b)
        assert falling(solved.history, 1e-12), method
        if method is Lsmr:
            assert falling(solved.normal_history, 1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_stop_returns_checked_iterates_and_ctrl_c_loses_nothing(method):
    matrix, b = tensors(symmetric(1, np.logspace(-2, 0, 50), True))
    seen = []

    def stop(iteration, history):
        seen.append((iteration, history.shape))
        if iteration == 6:
            raise Stop

    def press(iteration, history):
        if iteration == 6:
            raise KeyboardInterrupt

    solver = method(tolerance=1e-12)
    state = solver.init(matrix_operator(matrix))
    stopped = solver.compute(state, b, watch=stop)
    assert set(stopped.status) == {Status.INTERRUPTED} and seen[-1] == (6, (6, 3))
    assert (stopped.residual < 1).all() and np.allclose(stopped.residual, stopped.history[-1], rtol=1e-6)
    with pytest.raises(KeyboardInterrupt) as caught:
        solver.compute(state, b, watch=press)
    assert isinstance(caught.value, Interrupted)
    assert torch.equal(caught.value.solved.x, stopped.x) and np.isnan(caught.value.solved.residual).all()
    assert set(caught.value.solved.status) == {Status.INTERRUPTED}


def test_condition_limit():
    matrix, b = tensors(symmetric(1, np.logspace(-6, 0, 30), True))
    solver = Lsmr(tolerance=1e-13, condition_limit=50.0)
    solved = solver.compute(solver.init(matrix_operator(matrix)), b)
    assert set(solved.status) == {Status.CONDITION}


def test_matrix_tolerance_is_the_slack_of_the_paper():
    matrix, b = tensors(symmetric(1, np.logspace(-3, 0, 30), True))
    solver = Lsmr(tolerance=0.0, normal_tolerance=1e-14, matrix_tolerance=1e-4)
    solved = solver.compute(solver.init(matrix_operator(matrix)), b)
    size = torch.linalg.norm(solved.x, dim=1) / torch.linalg.norm(b, dim=1)
    assert set(solved.status) == {Status.CONVERGED} and (solved.residual <= 1e-4 * size.numpy()).all()


def test_misuse_is_refused_in_words():
    matrix = torch.eye(3, dtype=torch.float64)
    op, b = matrix_operator(matrix), torch.ones(1, 3, dtype=torch.float64)
    plain = dataclasses.replace(op, symmetric=False)
    refused = [
        lambda: Cg().init(plain),
        lambda: MinresQlp().init(plain),
        lambda: Lsmr().init(op, Diagonal(torch.ones(3))),
        lambda: Cg(tolerance=float("nan")),
        lambda: Cg(max_products=9),
        lambda: Lsmr(damping=-1.0),
        lambda: Cg().compute(Cg().init(op), b[0]),
        lambda: Cg().compute(Cg().init(op), b.int()),
        lambda: Cg().compute(Cg().init(op), b, b.float()),
        lambda: Cg().compute(Cg().init(Operator(3, 3, lambda V: V[:, :2], lambda V: V, True)), b),
        lambda: matrix_operator(b[0]),
        lambda: Operator(2, 3, lambda V: V, lambda V: V, symmetric=True),
    ]
    for call in refused:
        with pytest.raises(InputError):
            call()


def test_no_right_hand_sides():
    for method in METHODS:
        solved = method().compute(method().init(matrix_operator(torch.eye(3))), torch.zeros(0, 3))
        assert solved.x.shape == (0, 3) and solved.status == () and solved.words() == ()


@pytest.mark.parametrize("tolerance", [0.3, 1e-2, 1e-5])
def test_a_recurred_residual_is_believed_only_where_rounding_cannot_matter(tolerance):
    matrix, b = tensors(symmetric(1, np.linspace(1, 9, 50), True))
    matrix, b = matrix.float(), b.float()
    plain, quick = Cg(tolerance=tolerance), Cg(tolerance=tolerance, recurred=True)
    one, other = (solver.compute(solver.init(matrix_operator(matrix)), b) for solver in (plain, quick))
    assert torch.equal(one.x, other.x) and one.status == other.status == (Status.CONVERGED,) * len(b)
    left = b.double() - other.x.double() @ matrix.double()
    true = torch.linalg.norm(left, dim=1) / torch.linalg.norm(b.double(), dim=1)
    assert np.allclose(other.residual, true.numpy(), rtol=0, atol=0.02 * tolerance + 1e-7)
    saved = one.products - other.products
    assert (saved == (0 if tolerance < 1e-4 else 1)).all()
    assert np.isnan(other.normal_residual).all()
