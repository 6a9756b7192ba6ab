"""What is tried on a module first: derivatives that are not those of its outputs are refused, kinks are not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import jacrev
from torch.nn.utils import prune

from certify.estimation import estimate, module_problem
from certify.estimation.model.blocks import blocks, by_layers
from certify.format.errors import InputError


class Crooked(nn.Module):
    """A convolution with BatchNorm, and one thing that its derivatives do not see."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.conv, self.norm, self.last = nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Linear(48, 3)

    def forward(self, x):
        if self.kind == "rows cut":
            x = x + (x**2).detach()
        z = self.conv(x)
        if self.kind == "data":
            z.data.mul_(2.0)
        elif self.kind == "data masked":
            z.data.clamp_(min=0.0)
        elif self.kind == "cut":
            z = z + (z**2).detach()
        elif self.kind == "rounded":
            z = z + (torch.round(10 * z) / 10 - z).detach()
        elif self.kind == "tensor hook" and z.requires_grad:
            z.register_hook(lambda g: 3 * g)
        z = self.norm(z)
        return self.last(torch.tanh(z).flatten(1))


def made(kind, dtype=torch.float64):
    torch.manual_seed(0)
    net = Crooked(kind).to(dtype)
    net.norm.running_var.uniform_(0.5, 2.0)
    X = torch.randn(4, 1, 4, 4, dtype=torch.float64).to(dtype)
    return net.eval(), X


def asked(net, X, **more):
    return module_problem(net, X, torch.tensor([0, 1, 2, 0]), loss="cross_entropy", map="critical", **more)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("kind", "words"), [
    ("data", "do not change as torch's derivative says"), ("data masked", "do not change as torch's"),
    ("cut", "do not change as torch's"), ("rounded", "do not change as torch's"), ("tensor hook", "hooks on gradients"),
])
def test_a_derivative_that_is_not_the_function_s_is_refused(kind, words, dtype):
    with pytest.raises(InputError, match=words):
        asked(*made(kind, dtype))
    with pytest.raises(InputError, match=words):
        asked(*made(kind, dtype), batch_statistics="recomputed")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("statistics", ["frozen", "recomputed"])
def test_the_same_module_without_it_is_taken(dtype, statistics):
    assert asked(*made("nothing", dtype), batch_statistics=statistics).k == 3


def test_a_derivative_in_the_rows_is_tried_where_rows_move():
    net, X = made("rows cut")
    p = asked(net, X)
    with pytest.raises(InputError, match="do not change as torch's"):
        estimate(p, 0.1 * torch.ones(1, 1, 4, 4), [0])
    assert estimate(p, [-0.5], [0], parameter="sample_weights").residual < 1e-6


@pytest.mark.parametrize("register", ["register_full_backward_hook", "register_full_backward_pre_hook"])
def test_a_hook_on_a_layer_s_gradients_is_named(register):
    net, X = made("nothing")
    getattr(net.norm, register)(lambda part, *gradients: None)
    with pytest.raises(InputError, match="'norm' has a hook on its gradients"):
        asked(net, X)


def test_hooks_on_parameters_are_not_part_of_the_function():
    net, X = made("nothing")
    u = 0.1 * torch.ones(1, 1, 4, 4)
    plain = estimate(asked(net, X), u, [0]).step
    for p in net.parameters():
        p.register_hook(lambda g: 3 * g)
    assert torch.equal(estimate(asked(net, X), u, [0]).step, plain)


def test_a_relu_at_its_kink_is_no_reason_to_refuse():
    """A unit whose weights are 0: ahead its output rises, behind it does not, and torch's derivative is 0."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3)).double()
    with torch.no_grad():
        net[0].weight[1] = 0.0
    assert asked(net.eval(), torch.randn(4, 1, 4, 4, dtype=torch.float64)).k == 3


class Float32Inside(nn.Module):
    """Works in float32 alone."""

    def __init__(self, cut: bool) -> None:
        super().__init__()
        self.cut, self.first, self.last = cut, nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x):
        z = torch.tanh(self.first(x.float()))
        return self.last((z.detach() if self.cut else z).float())


def test_a_module_that_knows_no_float64_is_tried_in_float32():
    torch.manual_seed(0)
    X, y = torch.randn(4, 4), torch.tensor([0, 1, 2, 0])
    assert module_problem(Float32Inside(False).eval(), X, y, loss="cross_entropy").k == 3
    with pytest.raises(InputError, match="do not change as torch's"):
        module_problem(Float32Inside(True).eval(), X, y, loss="cross_entropy")


def test_a_module_that_cannot_be_copied_says_what_to_do():
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).eval()
    prune.random_unstructured(net[0], "weight", 0.3)
    with pytest.raises(InputError, match="it cannot be copied.*prune.remove"):
        module_problem(net, torch.ones(2, 4), torch.ones(2, 3))
    prune.remove(net[0], "weight")
    assert module_problem(net, torch.ones(2, 4), torch.ones(2, 3)).k == 3


class AloneApart(nn.Module):
    """One row alone passes by the first layer without calling it: the same numbers, and no hook is told."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x):
        z = self.first(x) if len(x) > 1 else F.linear(x, self.first.weight, self.first.bias)
        return self.last(torch.tanh(z))


def test_one_row_alone_is_tried_apart():
    torch.manual_seed(0)
    X, y = torch.randn(5, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1])
    p = module_problem(AloneApart().double().eval(), X, y, loss="cross_entropy", map="critical")
    assert by_layers(p) and not by_layers(p, 1)
    for x in (X[:1], X):
        wanted = torch.stack([jacrev(lambda w, row=row: p.function.outputs(w, row[None])[0])(p.w) for row in x])
        found = torch.zeros_like(wanted)
        for block in blocks(p, x):
            found[:, block.output, block.offset : block.offset + block.rows.shape[1]] += block.rows
        assert torch.allclose(found, wanted)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_was_tried_is_the_derivative_and_nothing_of_the_module_becomes_wider(dtype):
    net, X = made("nothing", dtype)
    p = asked(net, X)
    assert {t.dtype for t in (*p.module.parameters(), *p.function.buffers) if t.is_floating_point()} == {dtype}
    wide = asked(net.double(), X.double())
    r = p.tried.direction
    wanted = torch.func.jvp(lambda w: wide.function.outputs(w, wide.X[:2]), (wide.w,), (r,))[1]
    assert r.dtype == torch.float64 and torch.allclose(p.tried.along, wanted)
    assert torch.equal(p.tried.rows, p.X[:2].double())
