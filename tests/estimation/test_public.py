"""The public names of estimates: `certify.estimate` is a function whatever was imported, and takes loaded problems."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from flint import arb

import certify
from certify.format.errors import InputError
from certify.inputs.torch.fully_connected import module_of
from certify.network.network import Network
from certify.spec.vocabulary import ACTIVATIONS
from tests.estimation.small import arrays, net
from tests.network_oracles import evaluate
from tests.small import SPEC, features, write

ROOT = Path(__file__).resolve().parents[2]


def test_the_function_is_what_the_name_gives_and_torch_waits():
    code = ("import sys, certify\nassert 'torch' not in sys.modules\nimport certify.estimation.estimate\n"
            "assert callable(certify.estimate) and certify.estimate is certify.estimation.estimate\n"
            "from certify import Problem, estimate\nassert estimate is certify.estimate and 'estimate' in dir(certify)")
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_module_with_tensors_or_arrays():
    data = arrays()
    given = certify.Problem.from_module(net(), data["X"], data["y"])
    assert (given.map, given.base, given.loss.name, given.weight_decay) == ("critical", "given", "cross_entropy", 0.0)
    tensors = certify.Problem.from_module(net(), torch.tensor(data["X"]), torch.tensor(data["y"]))
    one = certify.estimate(given, data["u"], rows=[5, 0])
    two = certify.estimate(tensors, torch.tensor(data["u"]), rows=[5, 0])
    assert torch.equal(one.step, two.step) and isinstance(one.status, str) and one.cost.gradients > 0
    was = one.evidence.loss_original  # the aim: weights that treat the changed rows as they were treated
    assert abs(one.loss_after - was) < 0.1 * abs(one.loss_before - was)
    with pytest.raises(InputError, match="train mode"):
        certify.Problem.from_module(net().train(), data["X"], data["y"])


def test_a_loaded_problem(tmp_path):
    problem = certify.load_problem(write(tmp_path))
    found = certify.estimate(problem, np.full((1, 3), 1e-3), rows=[4])
    module = module_of(problem.network)
    module.load_state_dict(found.state_dict())
    X = np.array(problem.X)
    X[4] += 1e-3
    with torch.no_grad():
        new = module(torch.tensor(X))
    assert np.abs(new.numpy() - forward_of(problem.network, problem.X)).max() < 1e-5


def test_a_loaded_problem_moves_in_its_own_units(tmp_path):
    plain = certify.load_problem(write(tmp_path))
    scaled = certify.load_problem(write(tmp_path, SPEC + "[perturbation]\ncolumns = [0, 2]\nscale = {0 = 10.0}\n"))
    u = np.array([[0.01, 0.0, 0.02]])
    one = certify.estimate(plain, u * [10.0, 1.0, 1.0], rows=[4])
    assert torch.equal(one.step, certify.estimate(scaled, u, rows=[4]).step)
    with pytest.raises(InputError, match="feature 1"):
        certify.estimate(scaled, u + 1, rows=[4])


@pytest.mark.parametrize("extra, words", [
    ('[solution]\nmap = "sublevel"\n', "sublevel"), ("[solution]\nlayer = 1\n", "one layer"),
])
def test_what_a_loaded_problem_cannot_be(tmp_path, extra, words):
    with pytest.raises(InputError, match=words):
        certify.estimate(certify.load_problem(write(tmp_path, SPEC + extra)), np.zeros((10, 3)))


def forward_of(network: Network, X: np.ndarray) -> np.ndarray:
    """Outputs of every row, by the exact oracle."""
    return np.array([[float(arb(f).mid()) for f in evaluate(network, x).output] for x in X])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_module_is_the_network(activation):
    rng = np.random.default_rng(0)
    weights = (rng.standard_normal((5, 3)), rng.standard_normal((2, 5)))
    network = Network(weights, (rng.standard_normal(5), None), activation)
    X = features(6)
    with torch.no_grad():
        found = module_of(network)(torch.tensor(X)).numpy()
    assert np.abs(found - forward_of(network, X)).max() < 1e-12
