"""Moduli of single rows against pseudo-inverses that are formed; interrupted sweeps go on from what they kept."""

from __future__ import annotations

import sys

import pytest
import torch

from certify.estimation import sensitivity
from certify.estimation import sensitivity as public
from certify.estimation.derivatives.jacobian import centred
from certify.format.errors import InputError
from tests.families.nets import Residual, dense_jacobian, mlp, problem


def exact(p):
    """`‖(J⁺)_{:,i} G_i‖₂` for every row."""
    J = dense_jacobian(p)
    G = torch.autograd.functional.jacobian(lambda x: p.function.outputs(p.w, x).sum(0), p.X)
    G = G.reshape(3, p.n, -1).transpose(0, 1)
    if p.map == "critical":
        J = centred(J.reshape(p.n, 3, -1).transpose(1, 2)).transpose(1, 2).reshape(-1, p.p)
        G = centred(G.transpose(1, 2)).transpose(1, 2)
    inverse = torch.linalg.pinv(J, rtol=1e-10)
    return torch.stack([torch.linalg.matrix_norm(inverse[:, 3 * i : 3 * i + 3] @ G[i], 2) for i in range(p.n)])


@pytest.mark.parametrize("make", [mlp, Residual])
@pytest.mark.parametrize("map", ["interpolation", "critical"])
def test_moduli_of_rows(make, map):
    p = problem(make, map=map)
    found = public(p, columns=p.p)
    assert found.exact and found.spread == 0.0
    torch.testing.assert_close(found.moduli, exact(p), rtol=1e-4, atol=1e-8)
    assert found.ranking()[0] == int(exact(p).argmax())


def test_the_sketch_is_near_in_the_mean():
    p = problem(mlp, n=2, map="interpolation")
    true = exact(p)
    mean = torch.stack([sensitivity(p, columns=40, seed=s).moduli.square() for s in range(100)]).mean(0).sqrt()
    assert ((mean - true).abs() < 0.1 * true).all()


def test_an_interrupted_sweep_goes_on(tmp_path):
    p = problem(mlp, chunk=1, map="interpolation")

    def stop(stage, fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sensitivity(p, cache=tmp_path, progress=stop)
    kept = sorted(tmp_path.rglob("*.safetensors"))
    assert len(kept) == 3
    stamps = [path.stat().st_mtime_ns for path in kept]
    found = sensitivity(p, cache=tmp_path)
    assert [path.stat().st_mtime_ns for path in kept] == stamps
    torch.testing.assert_close(found.moduli, sensitivity(p).moduli)
    kept[0].write_bytes(b"damaged")
    torch.testing.assert_close(sensitivity(p, cache=tmp_path).moduli, found.moduli)


def test_what_has_no_answer_is_refused():
    with pytest.raises(InputError, match="keep the outputs"):
        sensitivity(problem(mlp, weight_decay=0.1))
    with pytest.raises(InputError, match="fewer rows"):
        sensitivity(problem(mlp, n=60, map="interpolation"))
    with pytest.raises(InputError, match="at least"):
        sensitivity(problem(mlp, map="interpolation"), columns=16)


def test_a_forward_that_changed_takes_nothing_from_the_cache(tmp_path, monkeypatch):
    """Two classes of one name, with the same layers and weights: what they compute is in their code alone."""
    import importlib.util

    from certify.estimation import module_problem

    found = []
    for number, factor in enumerate(("1.0", "3.0")):
        path = tmp_path / f"net{number}.py"
        path.write_text("import torch\nfrom torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n"
                        "        super().__init__()\n        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 3)\n"
                        f"    def forward(self, x):\n        return self.b(torch.tanh({factor} * self.a(x)))\n")
        loader = importlib.util.spec_from_file_location(path.stem, path)
        space = importlib.util.module_from_spec(loader)
        loader.loader.exec_module(space)
        monkeypatch.setitem(sys.modules, path.stem, space)
        torch.manual_seed(0)
        net, X = space.Net().double().eval(), torch.randn(5, 4, dtype=torch.float64)
        p = module_problem(net, X, torch.zeros(5, 3), map="interpolation")
        found.append(sensitivity(p, cache=tmp_path / "cache").moduli)
        torch.testing.assert_close(found[-1], sensitivity(p).moduli)
    assert not torch.allclose(*found)


@pytest.mark.parametrize("asked", [{"seed": 1.5}, {"seed": -1}, {"columns": 2.5}, {"columns": 0}])
def test_numbers_that_are_none_are_refused(asked):
    with pytest.raises(InputError, match="whole number"):
        sensitivity(problem(mlp, map="interpolation"), **asked)
