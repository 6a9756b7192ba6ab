"""How far outputs can move on balls (Q4, the dual): never below the truth, near LipSDP's optimum, both programs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.enclosure.network import forward as checked_forward
from certify.check.enclosure.network import given as parameters_of
from certify.check.lipschitz.of_outputs import output_steepness as checked_steepness
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.network.layers.passes import forward, known_weights
from certify.network.lipschitz.of_outputs import _dual, output_steepness
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor.activation import ACTIVATIONS
from certify.rigor.arithmetic import Binary64
from certify.theorems.distance.compensation import compensate
from tests.containment.sublevel_aubin import PHI
from tests.effort import examples

SLACK = 1e-9


def network(rng: np.random.Generator, activation: str, d: int, m: int, k: int) -> Network:
    return Network((rng.standard_normal((m, d)), rng.standard_normal((k, m))),
                   (rng.standard_normal(m) if rng.random() < 0.7 else None, None), activation)  # fmt: skip


def outputs(net: Network, x: np.ndarray) -> np.ndarray:
    z = x @ net.weights[0].T + (0.0 if net.biases[0] is None else net.biases[0])
    return PHI[net.activation][0](z) @ net.weights[1].T


def bounds(net: Network, X: np.ndarray, t: np.ndarray, scale: np.ndarray | None = None) -> np.ndarray:
    found = output_steepness(net, forward(net, known_weights(net), X, Binary64(), keep_pre=True), t, scale)
    assert found is not None
    return found


def worst(net: Network, x: np.ndarray, t: float, scale: np.ndarray, rng: np.random.Generator) -> float:
    """The largest quotient found: directions at random, along slopes at either end, at several lengths."""
    z = x @ net.weights[0].T + (0.0 if net.biases[0] is None else net.biases[0])
    best = 0.0
    for _ in range(30):
        step = rng.standard_normal(len(x))
        if rng.random() < 0.6:
            mixed = PHI[net.activation][1](z + rng.standard_normal(len(z)) * t)
            step = (net.weights[1][rng.integers(net.widths[-1])] * mixed) @ net.weights[0] * scale
        if not step.any():
            continue
        step *= (1.0 if rng.random() < 0.5 else -1.0) * t * float(rng.choice([1.0, 0.5, 1e-2])) / np.linalg.norm(step)
        gap = np.linalg.norm(outputs(net, x + step * scale) - outputs(net, x))
        best = max(best, float(gap / np.linalg.norm(step)))
    return best


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(ACTIVATIONS)))
def test_no_move_beats_the_bound(seed, activation):
    rng = np.random.default_rng(seed)
    net = network(rng, activation, *(int(v) for v in rng.integers(1, 6, 3)))
    X = rng.standard_normal((4, net.widths[0]))
    if rng.random() < 0.3 and net.biases[0] is None:
        X[0] = 0.0  # every pre-activation at the kink
    scale = rng.choice([0.0, 0.5, 2.0], net.widths[0]) if rng.random() < 0.3 else None
    t = 10.0 ** rng.uniform(-4, 1, 4)
    found = bounds(net, X, t, scale)
    for x, r, S in zip(X, t, found, strict=True):
        assert worst(net, x, r, np.ones(len(x)) if scale is None else scale, rng) <= S * (1 + SLACK) + SLACK


def test_a_kink_counts_by_the_share_of_the_way_beyond_it():
    net = Network((np.array([[1.0]]), np.array([[1.0]])), (None, None), "relu")
    X = np.array([[-1.0], [-1.0], [1.0], [-3.0], [0.0]])
    found = bounds(net, X, np.array([2.0, 4.0, 2.0, 2.0, 1.0]))
    # from −1 by 2: a rise of 1; from 1 no less than the slope 1; not reached: 0
    assert found == pytest.approx([0.5, 0.75, 1.0, 0.0, 1.0], rel=1e-3, abs=1e-12)
    assert (found >= np.array([0.5, 0.75, 1.0, 0.0, 1.0])).all()


def test_other_depths_and_large_problems_are_left_alone():
    rng = np.random.default_rng(0)
    deep = Network((rng.standard_normal((3, 2)), rng.standard_normal((3, 3)), rng.standard_normal((1, 3))),
                   (None, None, None), "tanh")
    X = rng.standard_normal((2, 2))
    passed = forward(deep, known_weights(deep), X, Binary64(), keep_pre=True)
    assert output_steepness(deep, passed, np.ones(2), None) is None
    wide = Network((rng.standard_normal((3, 600)), rng.standard_normal((1, 3))), (None, None), "tanh")
    X = rng.standard_normal((60, 600))
    passed = forward(wide, known_weights(wide), X, Binary64(), keep_pre=True)
    assert output_steepness(wide, passed, np.ones(60), None) is None


@pytest.mark.parametrize("seed", range(4))
def test_the_dual_is_near_the_optimum_of_lipsdp(seed):
    """LipSDP with slopes in intervals, in its own form (multipliers T of the units), solved by cvxpy."""
    cvxpy = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(seed)
    d, m = 3, 6
    W, v, mid, half = (rng.standard_normal((m, d)), rng.standard_normal(m), rng.random(m), rng.random(m) / 2)
    low, high = mid - half, mid + half
    T, square = cvxpy.Variable(m, nonneg=True), cvxpy.Variable()
    D = cvxpy.diag(T)
    # 2(δ − αp)ᵀT(βp − δ), p = Wx, and |vᵀδ|² ≤ L²|x|² − that
    top = -2 * W.T @ cvxpy.diag(cvxpy.multiply(T, low * high)) @ W - square * np.eye(d)
    side = W.T @ cvxpy.diag(cvxpy.multiply(T, low + high))
    matrix = cvxpy.bmat([[top, side], [side.T, np.outer(v, v) - 2 * D]])
    problem = cvxpy.Problem(cvxpy.Minimize(square), [(matrix + matrix.T) / 2 << 0])
    problem.solve(solver=cvxpy.CLARABEL)
    optimum = float(square.value) ** 0.5
    V = np.concatenate([[(mid * v) @ W], (half * np.abs(v))[:, None] * W])[None]
    B = V[0] / np.sqrt(_dual(V)[0])[:, None]
    own = float(np.linalg.norm(B, 2))
    assert optimum * (1 - 1e-5) <= own <= 1.1 * optimum
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * m)).reshape(m, -1).T
    attained = max(np.linalg.norm((v * (mid + half * s)) @ W) for s in signs)
    assert attained <= optimum * (1 + 1e-5) and optimum <= attained * (np.pi / 2) ** 0.5


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(sorted(ACTIVATIONS)))
def test_the_checker_s_bounds_hold_and_are_about_the_same(seed, activation):
    import tempfile
    from pathlib import Path

    from safetensors.numpy import save_file

    rng = np.random.default_rng(seed)
    net = network(rng, activation, *(int(v) for v in rng.integers(1, 5, 3)))
    X = rng.standard_normal((3, net.widths[0]))
    r = float(10.0 ** rng.uniform(-4, 0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arrays = {"0.weight": net.weights[0], "2.weight": net.weights[1]}
        save_file(arrays | ({} if net.biases[0] is None else {"0.bias": net.biases[0]}), folder / "m.safetensors")
        np.savez(folder / "d.npz", X=X)
        spec = (f'version = 1\n[model]\nfile = "m.safetensors"\nwidths = {json.dumps(list(net.widths))}\n'
                f'activation = "{activation}"\n[data]\nfile = "d.npz"\nfeatures = "X"\n').encode()
        problem = build_problem(read_spec(spec), (folder / "m.safetensors").read_bytes(),
                                (folder / "d.npz").read_bytes(), False)
    from flint import arb

    passed = checked_forward(problem, parameters_of(problem), problem.features)
    theirs = checked_steepness(problem, parameters_of(problem), passed, arb(r))
    ours = bounds(net, X, np.full(3, r))
    assert theirs is not None
    for x, S, own in zip(X, theirs, ours, strict=True):
        found = worst(net, x, r, np.ones(len(x)), rng)
        assert found <= float(S) * (1 + SLACK) + SLACK
        assert float(S) <= own * (1 + 1e-3) + 1e-12


def test_what_it_buys(monkeypatch):
    """On a wide relu network with kinks in reach the distance is smaller than by the rows' own movements.

    Where LipSDP for all outputs together is too expensive: it would supersede both.
    """
    rng = np.random.default_rng(1)
    net = Network((rng.standard_normal((60, 8)) / 3, rng.standard_normal((1, 60)) / 8), (rng.standard_normal(60), None),
                  "relu")
    X = rng.standard_normal((10, 8))
    problem = Problem(net, X, None, "features", tuple(range(10)), radius=0.02)
    import certify.theorems.distance.compensation as q4

    monkeypatch.setattr(q4, "affordable", lambda *_: False)
    with_dual = compensate(problem)[0].upper
    kept = q4.output_steepness
    q4.output_steepness = lambda *_: None
    try:
        without = compensate(replace(problem))[0].upper
    finally:
        q4.output_steepness = kept
    assert with_dual < 0.95 * without
