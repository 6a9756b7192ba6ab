"""Plain fully connected networks: the closed form against torch's own derivatives, and what is not recognised."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from torch import nn  # noqa: E402

from certify.estimation import EstimateOptions, module_problem  # noqa: E402
from certify.estimation.derivatives import layered_hessian  # noqa: E402
from certify.estimation.derivatives.hessian import hessian  # noqa: E402
from certify.estimation.derivatives.layered_hessian import LayeredHessian  # noqa: E402
from certify.estimation.derivatives.taped import Tape  # noqa: E402
from certify.estimation.krylov import Operator, Status, matrix_operator  # noqa: E402
from certify.estimation.model.layered import copied, layered  # noqa: E402
from certify.estimation.solvers.direct import AMPLE, _refined, dense, solve_directly  # noqa: E402
from certify.estimation.solvers.weight_space import solve  # noqa: E402

ACTIVATIONS = {
    "relu": nn.ReLU, "leaky_relu": lambda: nn.LeakyReLU(0.2), "elu": lambda: nn.ELU(1.7), "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid, "softplus": lambda: nn.Softplus(2.0, 1.0), "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"), "silu": nn.SiLU, "identity": nn.Identity,
}
TARGETS = {"squared": (3, "real"), "cross_entropy": (3, "labels"), "probabilities": (3, "simplex"),
           "logistic": (1, "signs")}


def net(activation="tanh", widths=(4, 6, 5, 3), biases=(True, False, True), last=False):
    parts = []
    for before, after, bias in zip(widths, widths[1:], biases, strict=False):
        parts += [nn.Linear(before, after, bias=bias), ACTIVATIONS[activation]()]
    return nn.Sequential(*(parts if last else parts[:-1]))


def problem(module, loss="cross_entropy", n=9, dtype=torch.float64, seed=0, **more):
    outputs, kind = TARGETS[loss]
    g = torch.Generator().manual_seed(seed)
    first = next(p for p in module.modules() if isinstance(p, nn.Linear))
    X = 2 * torch.randn(n, first.in_features, generator=g, dtype=torch.float64)
    y = {"real": torch.randn(n, outputs, generator=g, dtype=torch.float64), "labels": torch.arange(n) % outputs,
         "simplex": torch.rand(n, outputs, generator=g, dtype=torch.float64), "signs": torch.arange(n) % 2}[kind]
    name = "cross_entropy" if loss == "probabilities" else loss
    return module_problem(module.to(dtype).eval(), X, y, loss=name, map="critical", **more)


def symmetric(lower):
    return np.tril(lower) + np.tril(lower, -1).T


def by_torch(p):
    def mean(w):
        return p.loss.values(p.function.outputs(w, p.X), p.y).mean()

    return torch.func.hessian(mean)(p.w).numpy()


def near(a, b):
    assert np.abs(a - b).max() <= 1e-13 * (1 + np.abs(b).max())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", TARGETS)
@pytest.mark.parametrize("last", [False, True])
def test_matrix_and_products_are_those_of_torch(activation, loss, last):
    torch.manual_seed(1)
    outputs = TARGETS[loss][0]
    p = problem(net(activation, (4, 6, 5, 4, outputs), (True, False, True, True), last), loss)
    assert p.plain is not None
    H, closed = by_torch(p), LayeredHessian(p)
    near(symmetric(closed.matrix()), H)
    V = np.random.default_rng(0).standard_normal((3, p.p))
    near(closed.product(V), V @ H)
    assert np.abs(symmetric(closed.matrix(np.float32)) - H).max() <= 1e-5 * np.abs(H).max()


@pytest.mark.parametrize("biases", [(True,) * 3, (False,) * 3, (False, True, False), (True, True, False)])
@pytest.mark.parametrize("widths", [(4, 3), (4, 5, 3), (1, 7, 2, 3), (4, 6, 5, 3)])
def test_every_depth_and_choice_of_biases(biases, widths):
    torch.manual_seed(2)
    p = problem(net("silu", widths, biases))
    near(symmetric(LayeredHessian(p).matrix()), by_torch(p))


@pytest.mark.parametrize("loss", TARGETS)
def test_gauss_newton_is_the_matrix_without_slopes(loss):
    torch.manual_seed(3)
    p = problem(net("gelu", (4, 6, 5, TARGETS[loss][0])), loss)
    J = torch.autograd.functional.jacobian(lambda w: p.function.outputs(w, p.X), p.w).reshape(-1, p.p)
    B = torch.block_diag(*p.loss.hessians(p.function.outputs(p.w, p.X), p.y))
    G, closed = (J.T @ B @ J / p.n).numpy(), LayeredHessian(p, gauss_newton=True)
    near(symmetric(closed.matrix()), G)
    V = np.random.default_rng(0).standard_normal((2, p.p))
    near(closed.product(V), V @ G)


def test_curvatures_of_the_losses_are_their_columns():
    for loss in TARGETS:
        p = problem(net("tanh", (4, 5, TARGETS[loss][0])), loss)
        f = p.function.outputs(p.w, p.X)
        columns = [p.loss.curve(f, p.y, e.expand_as(f)) for e in torch.eye(f.shape[1], dtype=f.dtype)]
        assert torch.allclose(p.loss.hessians(f, p.y), torch.stack(columns, 2), atol=1e-15)


@pytest.mark.parametrize("name, value", [("MOST_ROWS", 4), ("WIDE", 10), ("MOST_KEPT", 0)])
def test_slices_and_memory_do_not_change_the_answer(monkeypatch, name, value):
    p = problem(net(), n=11)
    whole, V = LayeredHessian(p), np.ones((2, p.p))
    M, images = whole.matrix(), whole.product(V)
    monkeypatch.setattr(layered_hessian, name, value)
    parts = LayeredHessian(p)
    near(symmetric(parts.matrix()), symmetric(M))
    near(parts.product(V), images)


def test_operator_is_that_of_the_tape():
    p = problem(net(), weight_decay=0.1)
    tape = Tape(p)
    operator, V = hessian(p, 0.2), torch.randn(3, p.p, dtype=torch.float64)
    near(operator.product(V).numpy(), (tape.product(V) + 0.3 * V).numpy())
    near(dense(operator, V).numpy(), by_torch(p) + 0.3 * np.eye(p.p))


def test_wide_layers_keep_the_tape():
    wide = problem(net(widths=(1, 300, 3), biases=(False, True)))
    assert wide.plain is not None and wide.p < 2000 and hessian(wide).formed is None
    V = torch.randn(2, wide.p, dtype=torch.float64)
    near(hessian(wide).product(V).numpy(), LayeredHessian(wide).product(V.numpy()))


class Shifted(nn.Linear):
    def forward(self, x):
        return super().forward(x) + 1


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        return 2 * self.layer(x)


def hooked():
    module = net()
    module[0].register_forward_hook(lambda part, given, out: 2 * out)
    return module


def forwarded():
    module = net()
    module[1].forward = lambda x: x
    return module


def tied():
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.Tanh(), layer)


def shared():
    module = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    module[2].weight = module[0].weight
    return module


def parametrised():
    module = net()
    nn.utils.parametrizations.weight_norm(module[0])
    return module


def buffered():
    module = net()
    module[0].register_buffer("mask", torch.ones(3))
    return module


@pytest.mark.parametrize("make", [
    Own, hooked, forwarded, tied, shared, parametrised, buffered, lambda: Shifted(4, 3),
    lambda: nn.Sequential(nn.Linear(4, 4), nn.PReLU()), lambda: nn.Sequential(nn.Tanh(), nn.Linear(4, 4)),
    lambda: nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Tanh()),
    lambda: nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)),
    lambda: nn.Sequential(nn.Linear(4, 4), nn.Flatten()), lambda: nn.Sequential(nn.Linear(4, 4), Own()),
    lambda: nn.Sequential(nn.Tanh()), lambda: nn.Linear(4, 3).train(),
])
def test_what_is_not_known_for_certain_is_not_recognised(make):
    module = make()
    training = module.training and isinstance(module, nn.Linear) and type(module) is nn.Linear
    assert layered(module if training else module.eval()) is None


def test_networks_that_are_recognised():
    for module in (nn.Linear(4, 3), net(), nn.Sequential(net(), nn.Tanh(), nn.Sequential(nn.Linear(3, 2))),
                   nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Dropout(0.5))):
        assert layered(module.eval()) is not None
    images = module_problem(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).eval(), torch.randn(5, 2, 2),
                            torch.arange(5) % 3, loss="cross_entropy", map="critical")
    assert images.plain is not None and images.k == 3


def test_a_copy_shares_no_parameter():
    module = net().eval()
    own, places = copied(module, layered(module))
    before = own(torch.ones(1, 4))
    with torch.no_grad():
        for p in module.parameters():
            p.zero_()
    assert torch.equal(own(torch.ones(1, 4)), before) and places.layers[0] is own[0]
    assert all(not p.requires_grad for p in own.parameters())
    assert own._modules is not module._modules and own[1] is not module[1]


def trained(dtype, damping=0.05):
    torch.manual_seed(0)
    p = problem(net(), n=40, dtype=dtype)
    A = torch.from_numpy(by_torch(problem(copied(p.module, p.plain)[0], n=40))) + damping * torch.eye(p.p).double()
    return p, A


@pytest.mark.parametrize("dtype, error", [(torch.float32, 1e-7), (torch.float64, 1e-13)])
def test_answer_is_as_good_as_its_type(dtype, error):
    p, A = trained(dtype, 0.3)
    assert float(torch.linalg.eigvalsh(A)[0]) > 0.02
    b = torch.randn(5, p.p, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(dtype)
    b[2] = 0
    options = EstimateOptions(damping=0.3, tolerance=1e-6)
    solved = solve(p, "hessian", b, options, lambda words, done: None)
    x = torch.linalg.solve(A, b.double().T).T
    assert solved.converged.all() and solved.x.dtype == dtype and not solved.x[2].any()
    others = [0, 1, 3, 4]
    assert float(((solved.x.double() - x)[others].norm(dim=1) / x[others].norm(dim=1)).max()) < error
    alone = solve(p, "hessian", b[3:4], options, lambda words, done: None)
    assert torch.allclose(alone.x[0], solved.x[3], rtol=100 * torch.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("size", [1e-290, 1e-40, 1e290])
def test_right_hand_sides_of_any_size(size):
    p, A = trained(torch.float64, 0.3)
    b = size * torch.ones(1, p.p, dtype=torch.float64)
    solved = solve_directly(hessian(p, 0.3), b, 1e-10)
    assert solved.converged.all()
    assert torch.allclose(solved.x / size, torch.linalg.solve(A, b.T / size).T, rtol=1e-11)


def formed(A):
    return Operator(len(A), len(A), lambda V: V @ A.to(V), lambda V: V @ A.to(V), True, lambda dtype: A.to(dtype))


@pytest.mark.parametrize("tolerance", [1e-8, 0.5])
@pytest.mark.parametrize("ends", [(-1e-3, 1.0), (1e-9, 1.0), (1e-5, 1.0), (0.0, 1.0), (1e-45, 2e-45), (1e200, 2e200)])
def test_float32_is_left_where_it_does_not_do(ends, tolerance):
    Q = torch.linalg.qr(torch.randn(40, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
    sizes = torch.linspace(0.5, 1, 40, dtype=torch.float64) * ends[1]
    sizes[0] = ends[0]
    A = (Q * sizes) @ Q.T
    A = (A + A.T) / 2
    x = torch.randn(2, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert _refined(formed(A), x @ A, tolerance) is None
    solved, plain = (solve_directly(operator, x @ A, tolerance) for operator in (formed(A), matrix_operator(A)))
    assert solved.status == plain.status
    assert torch.allclose(solved.x, plain.x, rtol=1e-6, atol=1e-6 * float(plain.x.abs().max()))


def test_a_loose_tolerance_takes_one_product_and_says_what_its_answer_leaves():
    p, A = trained(torch.float64, 0.3)
    b = torch.randn(2, p.p, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    b[1] = 0
    loose, tight = (solve_directly(hessian(p, 0.3), b, tolerance) for tolerance in (0.5, 1e-10))
    assert loose.converged.all() and loose.products[0] == p.p + 1 < tight.products[0]
    true = float((b - loose.x @ A)[0].norm() / b[0].norm())
    assert loose.residual[0] == pytest.approx(true, rel=1e-6) and tight.residual[0] < true <= AMPLE * 0.5


def test_one_step_does_not_tell_whether_a_matrix_is_clearly_definite():
    """The start of the inverse iteration knows little of its 12th entry, and sees it in the second step."""
    sizes = torch.ones(40, dtype=torch.float64)
    sizes[11] = 1e-4  # counts as 0 in float32, where the whole has length 9
    assert _refined(formed(torch.diag(sizes)), torch.ones(1, 40, dtype=torch.float64), 0.5) is None


def test_not_finite_is_said():
    p, _ = trained(torch.float64, 0.3)
    solved = solve_directly(hessian(p, 0.3), torch.full((1, p.p), torch.nan, dtype=torch.float64), 1e-8)
    assert solved.status == (Status.NOT_FINITE,)


def test_refinement_measures_the_operator_and_not_the_matrix():
    A = torch.diag(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    other = Operator(3, 3, lambda V: 1.5 * V @ A, lambda V: 1.5 * V @ A, True, lambda dtype: A.to(dtype))
    b = torch.ones(1, 3, dtype=torch.float64)
    solved = solve_directly(other, b, 1e-9)
    true = float((b - 1.5 * solved.x @ A).norm() / b.norm())
    assert solved.residual[0] == pytest.approx(true, abs=1e-12)
