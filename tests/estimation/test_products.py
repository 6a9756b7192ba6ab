"""Products by automatic differentiation against matrices that are formed."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from certify.estimation import module_problem
from certify.estimation.change import change_of
from certify.estimation.derivatives.hessian import gauss_newton, gradient, hessian, mixed
from certify.estimation.derivatives.jacobian import centred, input_derivative, output_jacobian
from certify.estimation.derivatives.kernel import kernel, sketch_signs, sketched_rows
from certify.estimation.model.blocks import _in_lines, _patches, _simple, blocks
from certify.estimation.model.chunks import Chunks
from certify.estimation.model.functional import Functional
from certify.format.errors import InputError
from certify.problem.progress import silent
from tests.estimation.nets import SHAPES, Attention, Residual, dense_hessian, dense_jacobian, mlp, problem

NETS = pytest.mark.parametrize("make", list(SHAPES), ids=lambda make: make.__name__)
LOSSES = pytest.mark.parametrize("loss", ["squared", "cross_entropy"])


def near(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


@NETS
@pytest.mark.parametrize("chunk", [1, 2, 50])
def test_jacobian_products_are_those_of_the_matrix(make, chunk):
    p = problem(make, chunk=chunk)
    J, op = dense_jacobian(p), output_jacobian(p, p.X, False)
    V, U = torch.randn(2, p.p, dtype=torch.float64), torch.randn(3, p.n * 3, dtype=torch.float64)
    near(op.product(V), V @ J.T)
    near(op.adjoint(U), U @ J)


def test_centred_products_are_those_of_the_centred_matrix():
    p = problem(Residual)
    J = centred(dense_jacobian(p).reshape(p.n, 3, -1).transpose(1, 2)).transpose(1, 2).reshape(-1, p.p)
    op, V = output_jacobian(p, p.X, True), torch.randn(1, p.p, dtype=torch.float64)
    near(op.product(V), V @ J.T)
    near(op.adjoint(V @ J.T), V @ J.T @ J)


class Keeps(nn.Module):
    """Tied parameters, and a forward that assigns a buffer and fails for large rows."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 4, bias=False), nn.Linear(4, 3)
        self.tied = nn.Linear(4, 4, bias=False)
        self.tied.weight = self.inner.weight
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = self.seen + 1
        if float(x.detach().abs().max()) > 100:
            raise ValueError("too large")
        return self.outer(torch.tanh(self.tied(torch.tanh(self.inner(x)))))


@pytest.mark.parametrize("make", [*SHAPES, Keeps], ids=lambda make: make.__name__)
def test_outputs_are_those_of_the_functional_call(make):
    torch.manual_seed(3)
    module = make().double().eval()
    f, x = Functional.of(module, Chunks(9)), torch.randn(2, *SHAPES.get(make, (4,)), dtype=torch.float64)
    w = torch.randn(len(f.weights()), dtype=torch.float64, requires_grad=True)
    wanted = functional_call(module, f.named(w), (x,)).reshape(2, -1)
    before = {**module.state_dict(keep_vars=True)}
    near(f.outputs(w, x), wanted)
    if make is Keeps:
        with pytest.raises(ValueError, match="large"):
            f.outputs(w, 1e3 * x)
    after = module.state_dict(keep_vars=True)
    assert all(after[name] is value for name, value in before.items()) and len(after) == len(before)
    assert torch.equal(f.weights(), torch.nn.utils.parameters_to_vector(module.parameters()))


@NETS
def test_rows_of_the_jacobian(make):
    p = problem(make)
    J = torch.zeros(p.n, 3, p.p, dtype=torch.float64)
    for block in blocks(p, p.X):
        J[:, block.output, block.offset : block.offset + block.rows.shape[1]] += block.rows
    near(J.reshape(-1, p.p), dense_jacobian(p))
    assert _simple(p) == (make is not Attention)


class Overwrites(nn.Module):
    """A forward that changes the input of a layer after it was used."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.linear = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = 2 * x
        y = self.first(x)
        x.tanh_()
        return self.linear(torch.tanh(y + x))


def test_rows_where_an_input_is_overwritten_are_refused_as_by_torch():
    with pytest.raises(InputError, match="no gradient of it.*inplace operation"):
        module_problem(Overwrites().eval(), torch.randn(5, 4), torch.randint(3, (5,)), loss="cross_entropy")


def test_patches_are_those_of_unfold():
    kernels, strides, paddings, dilations = (1, 3, (3, 2)), (1, (1, 3)), (0, 1, (2, 0)), (1, (2, 1))
    for i, (size, *rest) in enumerate(itertools.product(kernels, strides, paddings, dilations)):
        layer = nn.Conv2d(3, 2, size, *rest)
        x = torch.randn(2, 9, 7, 3).permute(0, 3, 1, 2) if i % 2 else torch.randn(2, 3, 9, 7)
        wanted = F.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride).transpose(1, 2)
        out = layer(x)
        seen, width = _patches((layer, x, out))
        lines = _in_lines(torch.ones_like(out), width, seen.shape[1])[0, 0] == 1
        assert torch.equal(seen[:, lines], wanted)


@NETS
@LOSSES
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_hessian_and_gradient(make, loss, decay):
    p = problem(make, loss=loss, weight_decay=decay, chunk=2)
    H, v = dense_hessian(p), torch.randn(2, p.p, dtype=torch.float64)
    near(hessian(p, 0.2).product(v), v @ H + 0.2 * v)
    w = p.w.clone().requires_grad_(True)
    total = p.loss.values(p.function.outputs(w, p.X), p.y).mean() + decay / 2 * w.square().sum()
    near(gradient(p), torch.autograd.grad(total, w)[0])


@LOSSES
def test_gauss_newton_is_the_hessian_without_the_slopes(loss):
    p = problem(loss=loss)
    J, f = dense_jacobian(p), p.function.outputs(p.w, p.X)
    B = torch.stack([p.loss.curve(f, p.y, torch.eye(3, dtype=torch.float64)[a].expand(p.n, 3)) for a in range(3)], 2)
    v = torch.randn(1, p.p, dtype=torch.float64)
    near(gauss_newton(p).product(v), v @ J.T @ torch.block_diag(*B) @ J / p.n)


@NETS
@pytest.mark.parametrize("parameter", ["features", "sample_weights", "targets"])
def test_mixed_product_is_the_derivative_of_the_gradient(make, parameter):
    p = problem(make, loss="squared")
    shape = {"features": (2, *p.X.shape[1:]), "targets": (2, 3), "sample_weights": (2,)}[parameter]
    change = change_of(p, 0.3 * torch.randn(shape, dtype=torch.float64), [1, 3], parameter)

    def at(t: torch.Tensor) -> torch.Tensor:
        w = p.w.clone().requires_grad_(True)
        X, y, s = p.X.clone(), p.y.clone(), torch.ones(p.n, dtype=torch.float64)
        for i, row in enumerate((1, 3)):
            if parameter == "features":
                X[row] = X[row] + t * change.u[i]
            elif parameter == "targets":
                y[row] = y[row] + t * change.u[i]
            else:
                s[row] = s[row] + t * change.u[i]
        total = (s * p.loss.values(p.function.outputs(w, X), y)).mean()
        return torch.autograd.grad(total, w, create_graph=True)[0]

    exact = torch.autograd.functional.jacobian(at, torch.tensor(0.0, dtype=torch.float64))
    near(mixed(p, change), exact)


def test_input_derivative():
    p = problem(Residual)
    u = torch.randn(2, 1, 6, 6, dtype=torch.float64)
    step = 1e-6
    moved = (p.function.outputs(p.w, p.X[:2] + step * u) - p.function.outputs(p.w, p.X[:2] - step * u)) / (2 * step)
    torch.testing.assert_close(input_derivative(p, p.X[:2], u), moved, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("centre", [False, True])
def test_exact_kernel_inverts_the_kernel(centre):
    p = problem(mlp)
    K = kernel(p, p.X, centre, None, 0, 1e-14, silent)
    b = output_jacobian(p, p.X, centre).product(torch.randn(1, p.p, dtype=torch.float64))
    J = K.factor
    torch.testing.assert_close(K.apply(b) @ J @ J.T, b, rtol=1e-6, atol=1e-6)


def test_the_sketch_is_right_in_the_mean():
    p = problem(mlp)
    J = dense_jacobian(p)
    mean = torch.zeros(15, 15, dtype=torch.float64)
    for seed in range(200):
        F = sketched_rows(p, p.X, 40, sketch_signs(p, seed)).reshape(15, 40)
        mean += F @ F.T / 200
    assert (mean - J @ J.T).norm() < 0.1 * (J @ J.T).norm()


def test_recomputed_statistics_mix_rows():
    p = problem(Residual, batch_statistics="recomputed")
    frozen = problem(Residual)
    assert p.function.chunks.size == p.n
    assert not torch.allclose(p.function.outputs(p.w, p.X), frozen.function.outputs(frozen.w, frozen.X))
    H, v = dense_hessian(p), torch.randn(1, p.p, dtype=torch.float64)
    near(hessian(p).product(v), v @ H)
    change = change_of(p, torch.randn(1, 1, 6, 6, dtype=torch.float64), [2], "features")
    step = 1e-5

    def shifted(t: float) -> torch.Tensor:
        X, _ = change.data(p, t)
        w = p.w.clone().requires_grad_(True)
        return torch.autograd.grad(p.loss.values(p.function.outputs(w, X), p.y).mean(), w)[0]

    torch.testing.assert_close(mixed(p, change), (shifted(step) - shifted(-step)) / (2 * step), rtol=1e-5, atol=1e-8)
