"""Convolutions and frozen BatchNorms as they are recorded, against torch's own rules."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from certify.estimation import module_problem
from certify.estimation.derivatives.hessian import hessian
from certify.estimation.model.convolution import FEW, Forward, Recording
from tests.families.nets import dense_hessian

Function = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def second(call: Function, *given: torch.Tensor) -> list[torch.Tensor]:
    """The value, its gradient, and the derivative of that along a fixed direction."""
    torch.manual_seed(1)
    value = torch.tanh(call(*given)).square().sum()
    first = torch.autograd.grad(value, given, create_graph=True)
    along = [torch.randn_like(g) for g in first]
    return [value, *first, *torch.autograd.grad(first, given, along)]


@pytest.mark.parametrize("channels", [(2, 3), (FEW, 2), (1, FEW)])
def test_second_derivatives_are_those_of_torch(channels):
    kernels, strides, paddings, dilations = (1, 3, (3, 2)), (1, (1, 3), 2), (0, 1, (4, 0)), (1, (2, 1))
    before, after = channels
    for size, *how in itertools.product(kernels, strides, paddings, dilations):
        layer = nn.Conv2d(before, after, size, *how).double()
        assert layer.bias is not None
        given = (torch.randn(2, before, 7, 6, dtype=torch.float64, requires_grad=True), layer.weight, layer.bias)

        def plain(x, W, b, how=how):
            return F.conv2d(x, W, b, *how)

        def recorded(x, W, b, plain=plain):
            with Recording():
                return plain(x, W, b)

        assert type(recorded(*given).grad_fn) is Forward._backward_cls  # type: ignore[attr-defined]
        for a, b in zip(second(recorded, *given), second(plain, *given), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


class Net(nn.Module):
    """A convolution and a BatchNorm with a middle of its own kind between or around them."""

    def __init__(self, middle: str) -> None:
        super().__init__()
        self.middle, groups = middle, 2 if middle == "groups" else 1
        padding = "same" if middle == "same" else 1
        self.conv = nn.Conv2d(2, 2, 3, padding=padding, groups=groups, bias=middle in ("bias", "inplace"))
        self.bn = nn.BatchNorm2d(2, affine=middle != "no affine")
        self.last = nn.BatchNorm1d(2)
        self.linear = nn.Linear(2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.conv(x)
        if self.middle == "inplace":
            z.mul_(torch.tanh(x))  # the same tensor, another value
        y = self.bn(torch.sigmoid(z) if self.middle == "between" else z)
        y = y.tanh_() if self.middle == "inplace after" else torch.tanh(y)
        if self.middle == "used again":
            y = y + torch.sin(z) + self.bn(z) + self.conv(y)
        if self.middle == "flat":
            return self.linear(self.last(y.flatten(2).permute(0, 2, 1).reshape(-1, 2)).reshape(len(x), -1, 2).sum(1))
        return self.linear(self.last(y.mean((2, 3))))


MIDDLES = [
    "nothing", "bias", "inplace", "inplace after", "between", "used again", "no affine", "groups", "same", "flat",
]


@pytest.mark.parametrize("middle", MIDDLES)
def test_hessian_of_what_surrounds_a_frozen_batchnorm(middle):
    torch.manual_seed(0)
    net = Net(middle).double().eval()
    for bn in (net.bn, net.last):
        assert bn.running_mean is not None and bn.running_var is not None
        bn.running_mean.normal_(0, 0.3)
        bn.running_var.uniform_(0.5, 2)
        if bn.affine:
            nn.init.uniform_(bn.weight, 0.5, 2)
            nn.init.normal_(bn.bias)
    X, y = torch.randn(5, 2, 4, 4, dtype=torch.float64), torch.randint(3, (5,))
    p = module_problem(net, X, y, loss="cross_entropy", map="critical", chunk=2)
    H = dense_hessian(p)
    torch.testing.assert_close(hessian(p).product(torch.eye(p.p, dtype=torch.float64)), H, rtol=1e-10, atol=1e-11)
    assert float(H.abs().max()) > 1e-3


def test_an_input_that_was_overwritten_is_refused_as_by_torch():
    conv, bn = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2).eval()
    for mode in (nullcontext(), Recording()):
        x = torch.randn(1, 1, 4, 4)
        with mode:
            z = conv(x)
            x.zero_()
            out = bn(z).sum()
        with pytest.raises(RuntimeError, match="inplace operation"):
            out.backward()


@pytest.mark.parametrize("folds", [True, False])
def test_training_statistics_are_left_to_torch(folds):
    conv, bn = nn.Conv2d(1, 2, 3).double(), nn.BatchNorm2d(2).double()
    x = torch.randn(3, 1, 4, 4, dtype=torch.float64)
    wanted = bn(conv(x))
    moved = bn.running_mean.clone()  # type: ignore[union-attr, operator]
    bn.reset_running_stats()
    with Recording(folds):
        got = bn(conv(x))
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)
    assert torch.equal(bn.running_mean, moved)  # type: ignore[arg-type]
    assert type(got.grad_fn).__name__ == type(wanted.grad_fn).__name__
    assert conv.weight.grad is None
