"""Preconditioners change the speed, never the answer; where one would, the result says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.estimation.krylov import (
    Cg,
    Diagonal,
    MinresQlp,
    Status,
    low_rank_preconditioner,
    matrix_operator,
    nystrom_preconditioner,
)
from certify.format.errors import InputError
from tests.effort import examples
from tests.families.krylov_systems import error, symmetric, tensors

LIKE = torch.zeros(1, dtype=torch.float64)
DECAYING = np.r_[np.zeros(10), np.logspace(-4, 0, 60) ** 1.0]


@settings(max_examples=examples(25), deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([Cg, MinresQlp]), st.booleans())
def test_nystrom_never_changes_the_answer(seed, rank, method, consistent):
    eigenvalues = np.r_[np.zeros(8), np.logspace(-2, 0, 32)]
    system = symmetric(seed, eigenvalues, consistent, count=2)
    matrix, b = tensors(system)
    op = matrix_operator(matrix)
    M = nystrom_preconditioner(op, LIKE, rank=rank, seed=seed % 1000)
    solver = method(tolerance=1e-10)
    solved = solver.compute(solver.init(op, M), b)
    assert set(solved.status) == {Status.CONVERGED if consistent else Status.OUTSIDE}, solved.words()
    assert solved.minimum_norm and error(solved.x, system.want) < 1e-6


@pytest.mark.parametrize("method", [Cg, MinresQlp])
def test_nystrom_is_faster_and_counts_its_products(method):
    matrix, b = tensors(symmetric(0, DECAYING, True))
    op, solver = matrix_operator(matrix), method(tolerance=1e-10)
    M = nystrom_preconditioner(op, LIKE, rank=60)
    plain, fast = (solver.compute(solver.init(op, m), b) for m in (None, M))
    assert M.products == 60 and fast.products.max() < plain.products.min() / 2


@pytest.mark.parametrize("method", [Cg, MinresQlp])
@pytest.mark.parametrize("consistent", [True, False])
def test_diagonal_on_singular_systems(method, consistent):
    system = symmetric(2, np.r_[np.zeros(6), np.linspace(1, 5, 24)], consistent)
    matrix, b = tensors(system)
    d = torch.linspace(1, 3, 30, dtype=torch.float64)
    solver = method(tolerance=1e-11)
    solved = solver.compute(solver.init(matrix_operator(matrix), Diagonal(d)), b)
    assert not solved.minimum_norm
    if consistent:  # minimum d-weighted norm: the weights' pseudo-inverse
        root = np.sqrt(d.numpy())
        want = system.b @ np.linalg.pinv(system.matrix / root, rcond=1e-10).T / root
        assert solved.converged.all() and error(solved.x, want) < 1e-8
    else:  # weights would change what least squares means: they are dropped
        assert set(solved.status) == {Status.OUTSIDE} and error(solved.x, system.want) < 1e-8


@pytest.mark.parametrize("method", [Cg, MinresQlp])
def test_diagonal_on_definite_systems(method):
    rng = np.random.default_rng(0)
    scale = np.logspace(0, 3, 40)
    system = symmetric(3, np.linspace(1, 3, 40), True)
    matrix = torch.tensor(scale[:, None] * system.matrix * scale)
    b = torch.tensor(rng.standard_normal((3, 40)))
    solver = method(tolerance=1e-10)
    op = matrix_operator((matrix + matrix.T) / 2)
    plain, fast = (solver.compute(solver.init(op, m), b) for m in (None, Diagonal(torch.diag(matrix).clone())))
    want = torch.linalg.solve(matrix, b.T).T.numpy()
    assert fast.converged.all() and error(fast.x, want) < 1e-4
    assert fast.products.max() < plain.products.min()
    flat = Diagonal(torch.full((40,), 2.0, dtype=torch.float64))
    assert flat.keeps_range and solver.compute(solver.init(op, flat), b).minimum_norm


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nystrom_is_positive_definite_symmetric_and_seeded(dtype):
    matrix, _ = tensors(symmetric(0, np.r_[np.zeros(10), np.logspace(-12, 0, 40)], True), dtype)
    op, like = matrix_operator((matrix + matrix.T) / 2), torch.zeros(1, dtype=dtype)
    M = nystrom_preconditioner(op, like, rank=30)
    image = M.apply(torch.eye(50, dtype=dtype)).double()
    assert torch.allclose(image, image.T, atol=1e-5) and torch.linalg.eigvalsh((image + image.T) / 2)[0] > 0
    assert torch.equal(nystrom_preconditioner(op, like, rank=30).vectors, M.vectors)
    assert not torch.equal(nystrom_preconditioner(op, like, rank=30, seed=1).vectors, M.vectors)


def test_adaptive_rank():
    matrix, _ = tensors(symmetric(0, np.logspace(-8, 0, 300), True))
    op = matrix_operator(matrix)
    assert len(nystrom_preconditioner(op, LIKE, shift=1e-2).eigenvalues) < 300 * 0.4
    assert nystrom_preconditioner(op, LIKE, shift=1e-9, max_rank=50).products == 50
    low = matrix_operator(torch.diag(torch.tensor([3.0, 1.0] + [0.0] * 98, dtype=torch.float64)))
    M = nystrom_preconditioner(low, LIKE)
    assert M.products == 8 and np.allclose(M.eigenvalues.numpy(), [3.0, 1.0])
    zero = nystrom_preconditioner(matrix_operator(torch.zeros(5, 5, dtype=torch.float64)), LIKE)
    assert torch.equal(zero.apply(torch.ones(1, 5, dtype=torch.float64)), torch.ones(1, 5, dtype=torch.float64))


def test_refusals():
    negative = matrix_operator(torch.diag(torch.tensor([1.0, -1.0, 2.0], dtype=torch.float64)))
    nan = matrix_operator(torch.eye(3, dtype=torch.float64))
    for call in (
        lambda: nystrom_preconditioner(negative, LIKE),
        lambda: nystrom_preconditioner(matrix_operator(torch.ones(2, 3, dtype=torch.float64)), LIKE),
        lambda: nystrom_preconditioner(nan, LIKE, rank=0),
        lambda: nystrom_preconditioner(nan, LIKE, shift=float("nan")),
        lambda: Diagonal(torch.tensor([1.0, 0.0])),
        lambda: Diagonal(torch.tensor([1.0, float("nan")])),
    ):
        with pytest.raises(InputError):
            call()


@pytest.mark.parametrize("method", [Cg, MinresQlp])
def test_a_preconditioner_that_is_not_positive_is_refused(method):
    class Negative:
        keeps_range = True

        def apply(self, V):
            return -V

    op = matrix_operator(torch.eye(3, dtype=torch.float64))
    with pytest.raises(InputError, match="positive definite"):
        method().compute(method().init(op, Negative()), torch.ones(1, 3, dtype=torch.float64))


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e4, 1e12])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_low_rank_rows_of_any_size_give_a_positive_map(size, dtype):
    R = (size * torch.randn(12, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).to(dtype)
    V = torch.randn(8, 30, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)
    images = low_rank_preconditioner(R, 1e-2).apply(V)
    assert torch.isfinite(images).all() and ((images * V).sum(1) > 0).all()
    complement = torch.eye(30).double() - torch.linalg.pinv(R.double()) @ R.double()
    if size >= 1.0:  # what no row sees stays, what rows see goes
        assert torch.allclose(images.double() @ complement, V.double() @ complement, atol=3e-5)
