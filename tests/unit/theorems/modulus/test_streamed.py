"""M2k: the modulus of many rows without a kernel in one piece, against whole kernels and exact networks."""

from __future__ import annotations

import numpy as np
import pytest

from certify.format.errors import EnclosureError, InputError
from certify.network.network import Network
from certify.problem.perturbations.factor import BlockFactor
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import bound
from certify.systems.interpolation import cost, streamed
from certify.systems.interpolation.streamed import stream
from certify.theorems.modulus.streamed import columns, ends, factor
from certify.theorems.modulus.streamed.ends import streamed_modulus
from certify.theorems.modulus.streamed.gate import verify_streamed_modulus_below
from tests.containment.streamed import streamed as against_the_exact_network


def problem(n=8, outputs=1, parameter="features", seed=0, **more):
    rng = np.random.default_rng(seed)
    widths = (3, 7, 5, outputs)
    weights = tuple(rng.standard_normal((b, a)) / np.sqrt(a) for a, b in zip(widths, widths[1:], strict=False))
    net = Network(weights, tuple(0.1 * rng.standard_normal(b) for b in widths[1:]), "tanh")
    return Problem(net, rng.standard_normal((n, 3)), None, parameter, tuple(range(n)), **more)


def whole(at, n):
    """Modulus by the kernel in one piece, in plain floats."""
    K = np.zeros((len(at.parts.e),) * 2)
    for b, a, bias in at.parts.layers:
        A = np.repeat(a.mid.hi, at.parts.outputs, axis=0)
        K += (b.mid.hi @ b.mid.hi.T) * (A @ A.T + bias)
    k = at.parts.outputs
    Q = np.zeros_like(K)
    for i, C in enumerate(at.Q.C):
        Q[i * k : (i + 1) * k, i * k : (i + 1) * k] = C @ C.T
    return float(np.sqrt(np.linalg.eigvals(np.linalg.solve(K, Q)).real.max()))


@pytest.mark.parametrize("parameter", ["features", "targets"])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("width", [2, 1024])
def test_both_ends_and_the_gate_hold_the_modulus(monkeypatch, parameter, outputs, width):
    monkeypatch.setattr(columns, "WIDTH", width)
    monkeypatch.setattr(streamed, "ROWS", 3)
    found = problem(10, outputs, parameter)
    at = stream(found, silent)
    truth = whole(at, 10)
    steps = list(streamed_modulus(at, silent))
    last = steps[-1].ends
    assert last.lower <= truth * (1 + 1e-9) and truth <= last.upper * (1 + 1e-9) and last.upper < 1.01 * last.lower
    lows = [s.ends.lower for s in steps]
    assert lows == sorted(lows) and [s.rows for s in steps] == sorted(s.rows for s in steps)
    assert verify_streamed_modulus_below(at, truth * 1.001)
    assert not verify_streamed_modulus_below(at, truth * (1 - 1e-9))
    assert against_the_exact_network(found, width, 1 + 1e-6) == "decided"


def test_the_same_as_the_whole_kernel_proves(monkeypatch):
    """As a tier of `bound`, with its witness; the plan knows it."""
    found = problem(12)
    by_congruence = bound(found, "modulus")
    monkeypatch.setattr(cost, "DIRECT_FROM", 4)
    monkeypatch.setattr(cost, "STREAMED_FROM", 4)
    told = []
    by_blocks = bound(found, "modulus", lambda words, share: told.append(words))
    assert by_blocks.lower <= by_congruence.upper and by_congruence.lower <= by_blocks.upper
    assert by_blocks.upper < 1.01 * by_blocks.lower and len(by_blocks.witness["z"]) == 12
    assert any("the modulus is at least" in words and "at most" in words for words in told)
    assert [c.name for c in cost.direct_tiers(found)] == ["streamed", "finer streamed", "direct", "finer direct"]
    assert [c.name for c in cost.direct_tiers(problem(12, outputs=2))] == ["direct", "finer direct"]


def test_passes_in_double_double_are_sharper():
    found = problem(8)
    coarse, fine = (factor.radius_norm(stream(found, silent, way).parts) for way in (False, True))
    assert 0 < fine < coarse


def test_equal_rows_prove_nothing():
    base = problem(6)
    X = np.vstack([base.X, base.X[:1]])
    found = Problem(base.network, X, None, "targets", tuple(range(7)), groups=((0, 6),))
    at = stream(found, silent)
    assert not verify_streamed_modulus_below(at, 1e9)
    assert all(step.ends.upper is None for step in streamed_modulus(at, silent))


def test_a_threshold_that_is_none_is_refused():
    at = stream(problem(4), silent)
    for kappa in (0.0, -1.0, np.nan, np.inf, 1e100):
        with pytest.raises(InputError):
            verify_streamed_modulus_below(at, kappa)


def test_a_kernel_that_is_not_finite_proves_nothing():
    at = stream(problem(6), silent)
    at.parts.layers[0][0].mid.hi[2, 0] = np.nan
    with np.errstate(invalid="ignore"):
        assert not verify_streamed_modulus_below(at, 1e6)
        try:
            assert all(step.ends.upper is None for step in streamed_modulus(at, silent))
        except EnclosureError:
            pass


@pytest.mark.parametrize("wrong", ["blocks", "shift", "radius"])
def test_wrong_versions_claim_what_is_false(monkeypatch, wrong):
    """Nothing subtracted, any factor taken for a proof, the radius forgotten: each is seen by a threshold too low."""
    found = problem(8)
    at = stream(found, silent)
    truth = whole(at, 8)
    if wrong == "blocks":
        monkeypatch.setattr("certify.theorems.modulus.streamed.gate.scaled_blocks", lambda Q, k: 0.0 * Q.C)
        assert verify_streamed_modulus_below(at, truth / 2)
    if wrong == "shift":
        gate = "certify.theorems.modulus.streamed.gate"
        monkeypatch.setattr(f"{gate}.needed_shift", lambda parts: -1e-4 * float(np.sum(parts.s**2)))
        assert not verify_streamed_modulus_below(at, truth * (1 - 1e-6))  # there is a factor; its shift is too small
        monkeypatch.setattr(f"{gate}.decided", lambda *a: True)
        assert verify_streamed_modulus_below(at, truth * (1 - 1e-6))
    if wrong == "radius":
        parts = at.parts
        big = factor.KernelParts(parts.layers, parts.outputs, parts.e + 1.0, parts.s)
        loose = streamed.Streamed(at.passed, big, at.Q)
        assert not verify_streamed_modulus_below(loose, truth * 1.001)
        monkeypatch.setattr(factor, "radius_norm", lambda parts: 0)
        assert verify_streamed_modulus_below(loose, truth * 1.001)


def test_rows_that_almost_repeat_come_last():
    found = problem(20)
    X = found.X.copy()
    X[3] = X[11] + 1e-3
    at = stream(Problem(found.network, X, None, "targets", tuple(range(20))), silent)
    order = ends.nearest_last(at.parts, np.ones(20))
    assert set(order[-2:].tolist()) == {3, 11} and sorted(order.tolist()) == list(range(20))


def test_what_cannot_move_adds_nothing():
    Q = BlockFactor(np.zeros((3, 1, 1)), np.zeros(3))
    assert not columns.scaled_blocks(Q, 2.0).any()
