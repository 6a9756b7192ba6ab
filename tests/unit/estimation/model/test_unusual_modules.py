"""Modules whose layers are not all there is: weights read elsewhere, hooks, masks, layers applied to what is no row."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune

from certify.estimation import estimate, module_problem
from certify.estimation.model import blocks
from certify.estimation.model.convolution import Recording
from certify.format.errors import InputError


class Tied(nn.Module):
    """The last layer is the first one, turned round."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 5)

    def forward(self, x):
        return F.linear(torch.tanh(self.a(x)), self.a.weight.t())


class Read(nn.Module):
    """A layer whose weight is read and which is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.b(torch.tanh(F.linear(x, self.a.weight, self.a.bias)))


class Folded(nn.Module):
    """A row is several to its layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 3), nn.Linear(6, 3)

    def forward(self, x):
        return self.b(torch.tanh(self.a(x.reshape(-1, 2))).reshape(len(x), -1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.GRU(2, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, x):
        return self.b(self.a(x.reshape(len(x), 2, 2))[0][:, -1])


def pruned():
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    prune.random_unstructured(net[0], "weight", 0.3)
    return net


def hooked():
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    net[0].register_forward_hook(lambda part, given, out: 3 * out)
    return net


@pytest.mark.parametrize("make", [Tied, Read, Folded, Recurrent, pruned, hooked])
def test_the_step_is_the_pseudo_inverse_all_the_same(make):
    torch.manual_seed(0)
    net = make().double().eval()
    X = torch.randn(3, 4, dtype=torch.float64)
    with torch.no_grad():  # a masked weight is made anew here, without a graph
        k = net(X).shape[1]
    p = module_problem(net, X, torch.randn(3, k, dtype=torch.float64), map="interpolation")
    u = 0.1 * torch.randn(1, 4, dtype=torch.float64)
    found = estimate(p, u, [1], tolerance=1e-10, budget=1e4)
    J = torch.autograd.functional.jacobian(lambda w: p.function.outputs(w, p.X), p.w).reshape(-1, p.p)
    b = torch.zeros(3, k, dtype=torch.float64)
    h = 1e-6
    b[1] = (p.function.outputs(p.w, X[1:2] - h * u) - p.function.outputs(p.w, X[1:2] + h * u))[0] / (2 * h)
    exact = torch.linalg.pinv(J, rtol=1e-10) @ b.flatten()
    assert (found.step - exact).norm() < 1e-5 * exact.norm() and found.residual < 1e-6


def known():
    return nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Flatten(), nn.ReLU(),
                         nn.Linear(2, 3))


@pytest.mark.parametrize("make, told", [(known, True), (Tied, False), (Read, False), (Folded, False), (hooked, False)])
@pytest.mark.parametrize("chunk", [9, 8])
def test_layers_are_tried_beside_the_first_rows(monkeypatch, make, told, chunk):
    """Seven rows and two that are tried fit into a chunk of nine; either way the rows are those of the whole module."""
    torch.manual_seed(0)
    p = module_problem(make().double().eval(), torch.randn(9, 4, dtype=torch.float64), torch.randint(3, (9,)),
                       loss="cross_entropy", map="critical", chunk=chunk)
    x, d = p.X[2:], torch.randn(7, p.k, dtype=torch.float64)
    passes, real = [], blocks._by_layers
    monkeypatch.setattr(blocks, "_by_layers", lambda p, x, d: passes.append(len(x)) or real(p, x, d))
    for _ in range(2):
        found = torch.zeros(7, p.p, dtype=torch.float64)
        for block in blocks.blocks(p, x, d[None]):
            found[:, block.offset : block.offset + block.rows.shape[1]] += block.rows
        J = torch.stack([torch.autograd.functional.jacobian(lambda w, row=row: p.function.outputs(w, row[None])[0], p.w)
                         for row in x])
        assert torch.allclose(found, torch.einsum("ra,rap->rp", d, J))
    assert blocks.by_layers(p) == told
    if told:
        assert passes == ([9, 7] if chunk == 9 else [2, 7, 7])


@pytest.mark.parametrize("cut", ["no_grad", "detach", "hook"])
def test_a_batch_norm_is_not_folded_over_a_gradient_that_was_cut(cut):
    conv, bn = nn.Conv2d(1, 2, 3).double(), nn.BatchNorm2d(2).double().eval()
    x = torch.randn(2, 1, 5, 5, dtype=torch.float64)

    def run():
        if cut == "no_grad":
            with torch.no_grad():
                z = conv(x)
        else:
            z = conv(x)
        if cut == "detach":
            z.detach_()
        elif cut == "hook":
            z.register_hook(lambda g: 2 * g)
        return bn(z).square().sum()

    wanted = torch.autograd.grad(run(), conv.weight, allow_unused=True)[0] if cut == "hook" else None
    with Recording():
        out = run()
    found = torch.autograd.grad(out, [conv.weight, bn.weight], allow_unused=True)
    if cut == "hook":
        torch.testing.assert_close(found[0], wanted)
    else:
        assert found[0] is None and found[1] is not None


def test_a_singular_system_in_float32_is_not_called_solved():
    """Two equal rows of which one moves: no weights answer it; no step is handed out that makes it worse."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).eval()
    X = torch.randn(4, 3)
    X[1] = X[0]
    p = module_problem(net, X, torch.randn(4, 1), map="interpolation")
    found = estimate(p, 0.1 * torch.ones(1, 3), [0])
    assert found.residual <= 1 + 1e-6 and "solved directly" not in found.status
    assert found.step.norm() < 10 and ("no step is taken" in found.status) == (not found.step.any())


@pytest.mark.parametrize("chunk", [0, -1, 2.5])
def test_a_chunk_is_a_number_of_rows(chunk):
    with pytest.raises(InputError, match="whole number of rows"):
        module_problem(nn.Linear(2, 1).eval(), torch.ones(2, 2), torch.ones(2, 1), chunk=chunk)


@pytest.mark.parametrize(("asked", "words"), [
    ({"rows": 3}, "list of row numbers"), ({"rows": [True, False]}, "whole row numbers"), ({"rows": [0, 1.5]}, "1.5"),
    ({"rows": ["a", "b"]}, "whole row numbers"), ({"corector_steps": 1}, "did you mean corrector_steps"),
    ({"line_search": "no"}, "True or False"), ({"corrector_steps": 1.5}, "from 0 on"), ({"damping": "x"}, "a number"),
])
def test_what_python_users_mistype_is_refused_in_words(asked, words):
    p = module_problem(nn.Linear(2, 1).eval(), torch.ones(2, 2), torch.ones(2, 1))
    with pytest.raises(InputError, match=words):
        estimate(p, torch.ones(2, 2), **({"rows": [0, 1]} | asked))


def test_a_module_without_a_forward_derivative_is_refused_in_words():
    net = nn.Sequential(torch.nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)), nn.ReLU(), nn.Linear(3, 1)).eval()
    with pytest.raises(InputError, match="no forward derivative"):
        module_problem(net, torch.ones(2, 2), torch.ones(2, 1))
