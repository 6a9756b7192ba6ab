"""The answers are those of the pseudo-inverse, on systems of every kind, and the statuses say which kind it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.estimation.krylov import Cg, Lsmr, MinresQlp, Status, dual_operator, matrix_operator
from tests.effort import examples, some
from tests.families.krylov_systems import error, rectangular, symmetric, tensors

SPECTRA = {
    "definite": np.linspace(1, 10, 30),
    "semidefinite": np.r_[np.zeros(8), np.linspace(1, 10, 22)],
    "graded": np.r_[np.zeros(5), np.logspace(-3, 0, 25)],
    "one": np.array([3.0]),
    "rank one": np.r_[np.zeros(9), 4.0],
    "indefinite": np.r_[np.linspace(-5, -1, 14), np.linspace(1, 10, 16)],
    "singular indefinite": np.r_[np.zeros(6), np.linspace(-5, -1, 10), np.linspace(1, 10, 14)],
    "plus and minus": np.r_[np.ones(4), -np.ones(4), 0.0],
}
SEMIDEFINITE = ["definite", "semidefinite", "graded", "one", "rank one"]


def solve(solver, system, dtype=torch.float64):
    matrix, b = tensors(system, dtype)
    return solver.compute(solver.init(matrix_operator(matrix)), b)


def check(solved, system, accuracy):
    want = Status.CONVERGED if system.consistent else Status.OUTSIDE
    assert set(solved.status) == {want}, solved.words()
    true = system.b - solved.x.numpy() @ system.matrix.T
    size = np.linalg.norm(true, axis=1) / np.linalg.norm(system.b, axis=1)
    assert np.allclose(solved.residual, size, rtol=1e-6, atol=1e-13)
    if system.consistent:
        assert (size <= solved.tolerance * 1.001).all()
    assert error(solved.x, system.want) <= accuracy
    assert solved.minimum_norm


@pytest.mark.parametrize("seed", some(range(4), 2))
@pytest.mark.parametrize("consistent", [True, False])
@pytest.mark.parametrize("kind", SPECTRA)
def test_symmetric_systems(kind, consistent, seed):
    system = symmetric(seed, SPECTRA[kind], consistent)
    solvers = [MinresQlp, Lsmr] + ([Cg] if kind in SEMIDEFINITE else [])
    for method in solvers:
        check(solve(method(tolerance=1e-11), system), system, 1e-5 if kind == "graded" else 1e-8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("consistent", [True, False])
@pytest.mark.parametrize("shape", [(12, 30, 12), (30, 12, 12), (20, 20, 7), (1, 5, 1), (5, 1, 1), (1, 1, 1)])
def test_least_squares_of_minimum_norm(shape, consistent, seed):
    rows, columns, rank = shape
    system = rectangular(seed, rows, columns, np.linspace(1, 5, rank), consistent)
    check(solve(Lsmr(tolerance=1e-11), system), system, 1e-8)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from([-4.0, -1.0, 0.0, 0.0, 0.5, 1.0, 3.0]), min_size=1, max_size=9),
    st.booleans(),
)
def test_repeated_and_opposite_eigenvalues(seed, eigenvalues, consistent):
    eigenvalues = np.array(eigenvalues)
    if consistent and not eigenvalues.any():
        return
    system = symmetric(seed, eigenvalues, consistent)
    for method in [MinresQlp, Lsmr] + ([Cg] if (eigenvalues >= 0).all() else []):
        check(solve(method(tolerance=1e-10), system), system, 1e-6)


@pytest.mark.parametrize("method", [Cg, MinresQlp])
def test_condition_of_1e8(method):
    system = symmetric(0, np.r_[0.0, np.logspace(-8, 0, 40)], True)
    matrix, _ = tensors(system)
    b = torch.tensor(np.random.default_rng(1).standard_normal((2, 41))) @ matrix
    solved = method(tolerance=1e-12).compute(method().init(matrix_operator(matrix)), b)
    assert solved.converged.all(), solved.words()
    assert (torch.linalg.norm(b - solved.x @ matrix, dim=1) <= 2e-12 * torch.linalg.norm(b, dim=1)).all()


@pytest.mark.parametrize("method", [Cg, MinresQlp, Lsmr])
def test_zero_matrix_and_zero_right_hand_side(method):
    b = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    solved = method().compute(method().init(matrix_operator(torch.zeros(3, 3, dtype=torch.float64))), b)
    assert solved.status == (Status.OUTSIDE, Status.ZERO)
    assert not solved.x.any() and solved.residual.tolist() == [1.0, 0.0]
    assert solved.products[1] == 0


@pytest.mark.parametrize("method", [Cg, MinresQlp, Lsmr])
def test_more_right_hand_sides_than_unknowns(method):
    """A peer answers zero for those beyond the number of unknowns."""
    matrix = torch.diag(torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64))
    b = torch.tensor(np.random.default_rng(0).standard_normal((11, 3)))
    solved = method(tolerance=1e-12).compute(method().init(matrix_operator(matrix)), b)
    assert solved.converged.all() and torch.allclose(solved.x @ matrix, b, rtol=0, atol=1e-11)


@pytest.mark.parametrize("method", [Cg, MinresQlp, Lsmr])
@pytest.mark.parametrize("power", [-300, -150, 150, 300])
def test_sizes_far_from_one(method, power):
    system = symmetric(0, SPECTRA["semidefinite"], True)
    matrix, b = tensors(system)
    solver = method(tolerance=1e-10)
    usual = solver.compute(solver.init(matrix_operator(matrix)), b)
    scaled = solver.compute(solver.init(matrix_operator(matrix)), b * 2.0**power)
    assert scaled.status == usual.status and torch.equal(scaled.x, usual.x * 2.0**power)


@pytest.mark.parametrize("damping", [0.1, 2.0])
def test_damping(damping):
    system = rectangular(3, 9, 14, np.linspace(1, 5, 6), False)
    matrix, b = tensors(system)
    solver = Lsmr(tolerance=1e-11, damping=damping)
    start = torch.ones(3, 14, dtype=torch.float64)
    a = system.matrix
    want = system.b @ a @ np.linalg.inv(a.T @ a + damping**2 * np.eye(14))
    for first in (None, start):
        solved = solver.compute(solver.init(matrix_operator(matrix)), b, first)
        assert set(solved.status) == {Status.CONVERGED} and error(solved.x, want) < 1e-9
        size = torch.linalg.norm(b - solved.x @ matrix.T, dim=1) / torch.linalg.norm(b, dim=1)
        assert np.allclose(solved.residual, size.numpy())


@pytest.mark.parametrize("method", [Cg, MinresQlp, Lsmr])
@pytest.mark.parametrize("consistent", [True, False])
def test_from_a_start_it_is_the_solution_nearest_to_it(method, consistent):
    system = symmetric(5, SPECTRA["semidefinite"], consistent)
    matrix, b = tensors(system)
    start = torch.tensor(np.random.default_rng(9).standard_normal(b.shape))
    kernel = np.eye(30) - np.linalg.pinv(system.matrix, rcond=1e-10) @ system.matrix
    solver = method(tolerance=1e-11)
    solved = solver.compute(solver.init(matrix_operator(matrix)), b, start)
    assert error(solved.x, system.want + start.numpy() @ kernel) < 1e-8 and not solved.minimum_norm
    again = solver.compute(solver.init(matrix_operator(matrix)), b, solved.x)
    if consistent:
        assert again.converged.all() and again.iterations.tolist() == [0, 0, 0]


def test_dual_system_gives_the_minimum_norm():
    system = rectangular(2, 10, 40, np.linspace(1, 5, 7), True)
    jacobian, b = tensors(system)
    J = matrix_operator(jacobian)
    solver = Cg(tolerance=1e-12)
    solved = solver.compute(solver.init(dual_operator(J)), b)
    assert solved.converged.all() and error(J.adjoint(solved.x), system.want) < 1e-9


@pytest.mark.parametrize("method", [Cg, MinresQlp, Lsmr])
@pytest.mark.parametrize("consistent", [True, False])
def test_float32(request, method, consistent):
    if method is MinresQlp and not consistent:
        # an open defect: of thirty such solves (seeds 4 to 13) seven end far from the solution, and six of these say
        # STALLED; which do depends on the processor
        request.applymarker(pytest.mark.xfail(strict=False, reason="single precision, outside the range"))
    system = symmetric(7, SPECTRA["semidefinite"], consistent)
    solved = solve(method(tolerance=2e-5), system, torch.float32)
    want = Status.CONVERGED if consistent else Status.OUTSIDE
    assert solved.x.dtype == torch.float32 and set(solved.status) == {want}
    assert error(solved.x, system.want) < 2e-3


def test_against_scipy():
    from scipy.sparse.linalg import lsmr

    system = rectangular(4, 25, 18, np.linspace(1, 8, 18), False)
    solved = solve(Lsmr(tolerance=1e-12), system)
    for got, b in zip(solved.x.numpy(), system.b, strict=True):
        assert np.allclose(got, lsmr(system.matrix, b, atol=1e-13, btol=1e-13)[0], atol=1e-10)


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_cg_answers_with_its_own_iterate_where_that_is_a_solution_too(scale):
    """The smoothed iterate has the smaller residual; its error in the norm of A is larger."""
    generator = torch.Generator().manual_seed(5)
    Q = torch.linalg.qr(torch.randn(40, 40, generator=generator, dtype=torch.float64)).Q
    A = Q @ torch.diag(torch.logspace(0, scale, 40, dtype=torch.float64)) @ Q.T
    b = torch.randn(1, 40, generator=generator, dtype=torch.float64)
    z, r = torch.zeros(40, dtype=torch.float64), b[0]
    p, iterates = r, []
    for _ in range(30):
        step = (r @ r) / (p @ A @ p)
        z, after = z + step * p, r - step * (A @ p)
        p, r = after + (after @ after) / (r @ r) * p, after
        iterates.append((float(r.norm() / b.norm()), z))
    own = smoothed = 0
    for tolerance in (0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01):
        solver = Cg(tolerance=tolerance)
        solved = solver.compute(solver.init(matrix_operator((A + A.T) / 2)), b)
        residual, x = iterates[int(solved.iterations[0]) - 1]
        same = bool((solved.x[0] - x).norm() <= 1e-9 * x.norm())
        assert same == (residual <= tolerance) and float(solved.residual[0]) <= tolerance
        own, smoothed = own + same, smoothed + (not same)
    assert own and smoothed
