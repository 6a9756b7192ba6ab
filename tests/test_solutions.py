from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from certify import stability
from certify.cli.main import main
from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.problem import Problem

ROOT = Path(__file__).resolve().parents[1]


def problem(seed: int = 0, **more) -> Problem:
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((7, 2)), rng.standard_normal((1, 7))
    net = Network(weights, (rng.standard_normal(7), np.zeros(1)), "tanh")
    X = rng.standard_normal((5, 2))
    return Problem(net, X, more.pop("y", None), "features", tuple(range(5)), **more)


def output(net: Network, X: np.ndarray) -> np.ndarray:
    return np.tanh(X @ net.weights[0].T + net.biases[0]) @ net.weights[1].T + net.biases[1]


def test_walks_end_at_solutions_and_moduli_enclose_what_the_jacobian_says():
    given = problem()
    found = stability(given, count=4, length=0.2, seed=1)
    assert len(found.members) == 5 and len(found.proved) == 5 and found.members[0].moved == 0
    y = output(given.network, given.X)
    for member in found.members[1:]:
        assert 0.05 < member.moved and member.distance < 1e-9
        assert np.abs(output(member.network, given.X) - y).max() < 1e-9
        W, b, V = member.network.weights[0], member.network.biases[0], member.network.weights[1]
        h = np.tanh(given.X @ W.T + b)
        s = (1 - h**2) * V
        J = np.hstack([(s[:, :, None] * given.X[:, None, :]).reshape(5, -1), s, h, np.ones((5, 1))])
        G = s @ W
        block = np.zeros((5, 10))
        for i in range(5):
            block[i, 2 * i : 2 * i + 2] = G[i]
        exact = np.linalg.norm(np.linalg.pinv(J) @ block, 2)
        assert member.modulus.lower <= exact * (1 + 1e-7) and exact <= member.modulus.upper * (1 + 1e-7)
    best, worst = found.most_stable, found.least_stable
    assert best.modulus.upper <= min(m.modulus.upper for m in found.members)
    assert worst.modulus.lower >= max(m.modulus.lower for m in found.members)


def test_other_networks_and_targets_of_the_data():
    first = problem()
    y = output(first.network, first.X)
    other = problem(3).network  # does not fit: nothing is proved, and it is said
    found = stability(problem(y=y, base="nearby"), count=1, networks=(other,))
    assert [m.proved for m in found.members[:2]] == [True, True]
    assert found.members[2].proved or found.members[2].modulus.reason


@pytest.mark.parametrize("more", [{"count": -1}, {"length": 0}, {"length": float("nan")}])
def test_bad_numbers_are_refused(more):
    with pytest.raises(InputError, match="count"):
        stability(problem(), **more)


def test_verb(capsys, monkeypatch):
    spec = ROOT / "reports" / "audits" / "wine" / "interpolation" / "certify.toml"
    assert main(["stability", str(spec), "--count", "0", "--quiet", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["solutions"]) == 1 and found["solutions"][0]["lower"] > 1
    assert main(["stability", str(spec), "--count", "0", "--quiet"]) == 0
    assert "most stable: the given weights" in capsys.readouterr().out
    assert main(["stability", str(spec.parents[1] / "boundary" / "certify.toml"), "--quiet"]) == 2
    assert "sublevel" in capsys.readouterr().err


def test_exact_arithmetic_is_not_about_the_solution_nearby():
    rng = np.random.default_rng(4)
    net = Network((rng.standard_normal((7, 2)), rng.standard_normal((1, 7))), (rng.standard_normal(7), None), "relu")
    given = Problem(net, rng.standard_normal((3, 2)), None, "features", (0, 1, 2), arithmetic="exact")
    found = stability(given, count=0).members[0]
    assert found.proved and any(h.name == "solution" for h in found.modulus.hypotheses)
    with pytest.raises(InputError, match="relative"):
        stability(problem(weight_norm="relative"))
