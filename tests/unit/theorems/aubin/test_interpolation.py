from __future__ import annotations

import importlib.util
import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify import bound
from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.limits import OutOfTime
from certify.problem.problem import Problem
from certify.theorems.aubin.centre import Centre, enclose_centre
from certify.theorems.aubin.interpolation import data_slope, enclose_aubin, largest, segment_condition
from tests.containment.aubin import _series, along, random_network
from tests.effort import examples

ROOT = Path(__file__).resolve().parents[4]


def problem(net: Network, X: np.ndarray, **more) -> Problem:
    return Problem(net, np.asarray(X, dtype=float), None, "features", more.pop("rows", tuple(range(len(X)))), **more)


@settings(max_examples=examples(25), deadline=None)
@given(st.integers(0, 2**32))
def test_the_condition_bounds_what_it_says_at_points_of_the_ball(seed):
    """`‖I − XJ(u, w)Qᵀ‖ ≤ θ` in floats, with room for their rounding."""
    rng = np.random.default_rng(seed)
    net, X = random_network(rng)
    centre = enclose_centre(net, X, np.ones(len(X), dtype=bool))
    if isinstance(centre, str):
        return
    r_u, r_w, kappa = (float(10.0 ** rng.uniform(*ends)) for ends in ((-4, -1), (-4, -1), (-1, 1)))
    mean, theta = segment_condition(centre, Fraction(r_u), Fraction(r_w), Fraction(kappa))
    for _ in range(4):
        u, d, t = (rng.standard_normal(shape) for shape in (X.shape, net.parameters("all"), len(centre.X)))
        u *= r_u / np.linalg.norm(u)
        d *= r_w / np.linalg.norm(d)
        step = centre.Q.T @ t * (2 * kappa * r_u / (np.linalg.norm(t) * float(centre.size)))
        on = [_gap(centre, net, X, u, d + s * step) for s in (np.arange(8) + 0.5) / 8]
        assert np.mean(on) <= float(mean) * (1 + 1e-3) + 1e-9  # the midpoint rule is not exact
        assert _gap(centre, net, X, u, d + step) <= float(theta) * (1 + 1e-6) + 1e-9


def _gap(centre: Centre, net: Network, X: np.ndarray, u: np.ndarray, dw: np.ndarray) -> float:
    """`‖I − XJ(u, w̄ + Δw)Qᵀ‖` in floats."""
    with _series(2):
        J = np.array([[float(c[0]) for c in along(net, x, v, dw, 0, 1.0)[0]] for x, v in zip(X, u, strict=True)])
    return float(np.linalg.norm(np.eye(len(X)) - centre.X @ J @ centre.Q.T, 2))


def one_hidden(rng: np.random.Generator) -> tuple[Network, np.ndarray]:
    n, d, m, k = (int(rng.integers(*ends)) for ends in ((1, 4), (1, 4), (3, 9), (1, 3)))
    net = Network((rng.standard_normal((m, d)), rng.standard_normal((k, m))),
                  (rng.standard_normal(m) if rng.random() < 0.7 else None, rng.standard_normal(k)),
                  str(rng.choice(["relu", "leaky_relu"])))  # fmt: skip
    return net, rng.standard_normal((n, d))


def slopes_of_kinked(net: Network, X: np.ndarray, dw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """J and G_u (block by block) in floats."""
    (W, V), (b, c) = net.weights, net.biases
    m, d = W.shape
    W1 = W + dw[: m * d].reshape(m, d)
    at = m * d
    z = X @ W1.T
    if b is not None:
        z, at = z + b + dw[at : at + m], at + m
    V1 = V + dw[at : at + V.size].reshape(V.shape)
    leak = 0.0 if net.activation == "relu" else 0.01
    D = np.where(z > 0, 1.0, leak)
    rows, blocks = [], []
    for i, x in enumerate(X):
        for a in range(len(V)):
            B = V1[a] * D[i]
            outer = np.zeros_like(V)
            outer[a] = z[i] * D[i]
            rows.append(np.concatenate([np.outer(B, x).ravel(), *([B] if b is not None else []), outer.ravel(),
                                        *([np.eye(len(V))[a]] if c is not None else [])]))  # fmt: skip
            blocks.append(B @ W1)
    return np.array(rows), np.array(blocks)


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 2**32))
def test_units_that_change_sign_are_counted(seed):
    """At points of the balls, whatever units have changed sign: `‖I − XJQᵀ‖ ≤ θ`, its mean, and `‖Q‖‖XG_u‖ ≤ α`."""
    rng = np.random.default_rng(seed)
    net, X = one_hidden(rng)
    centre = enclose_centre(net, X, np.ones(len(X), dtype=bool))
    if isinstance(centre, str):
        return
    k, d = net.widths[-1], X.shape[1]
    r_u, r_w, kappa = (float(10.0 ** rng.uniform(*ends)) for ends in ((-3, -0.5), (-3, -0.5), (-1, 0.5)))
    mean, theta = segment_condition(centre, Fraction(r_u), Fraction(r_w), Fraction(kappa))
    alpha = centre.size * data_slope(centre, Fraction(r_u), Fraction(r_w))
    for _ in range(6):
        u, w, t = (rng.standard_normal(shape) for shape in (X.shape, net.parameters("all"), len(centre.X)))
        if rng.random() < 0.5:  # all in one row
            u[1:] = 0.0
        u *= r_u / np.linalg.norm(u)
        w *= r_w / np.linalg.norm(w)
        step = centre.Q.T @ t * (2 * kappa * r_u / (np.linalg.norm(t) * float(centre.size)))
        gaps = []
        for s in np.linspace(1 / 64, 1, 32):
            J, _ = slopes_of_kinked(net, X + u, w + s * step)
            gaps.append(float(np.linalg.norm(np.eye(len(centre.X)) - centre.X @ J @ centre.Q.T, 2)))
        assert max(gaps) <= float(theta) * (1 + 1e-9) + 1e-9
        assert np.mean(gaps) <= float(mean) * (1 + 1e-9) + float(theta) / 16 + 1e-9  # a sum is not the mean
        _, blocks = slopes_of_kinked(net, X + u, w)
        G = np.zeros((len(blocks), X.size))
        for row, block in enumerate(blocks):
            G[row, (row // k) * d : (row // k + 1) * d] = block
        assert float(centre.size) * np.linalg.norm(centre.X @ G, 2) <= float(alpha) * (1 + 1e-9)


def test_one_linear_row_in_closed_form():
    """`f = w·x`, n = 1: the sharp κ at finite size is `(|w̄| + r_w)/(|x| − r_u)`."""
    net = Network((np.array([[3.0, 4.0]]),), (None,), "identity")
    r_u, r_w = 0.1, 0.2
    found = enclose_aubin(problem(net, [[0.0, 5.0]]), r_u, r_w)
    sharp = (5.0 + r_w) / (5.0 - r_u)
    assert sharp <= found.upper <= 1.15 * sharp
    assert found.theorem == "Q1" and all(h.holds for h in found.hypotheses)


def test_kappa_goes_to_the_modulus_as_radii_go_to_zero():
    rng = np.random.default_rng(3)
    net = Network((rng.standard_normal((6, 2)), rng.standard_normal((1, 6))), (np.ones(6), np.zeros(1)), "tanh")
    one = problem(net, rng.standard_normal((3, 2)))
    lip = bound(one, "modulus")
    last = np.inf
    for r in (1e-4, 1e-6, 1e-8):
        kappa = enclose_aubin(one, r).upper
        assert lip.lower <= kappa < last
        last = kappa
    assert last <= lip.upper * (1 + 1e-4)


def test_rows_that_stay_need_no_budget():
    rng = np.random.default_rng(4)
    net = Network((rng.standard_normal((6, 2)), rng.standard_normal((1, 6))), (np.ones(6), np.zeros(1)), "tanh")
    X = rng.standard_normal((3, 2))
    one, every = problem(net, X, rows=(1,)), problem(net, X)
    assert enclose_aubin(one, 1e-4, 1e-4).upper <= enclose_aubin(every, 1e-4, 1e-4).upper
    assert enclose_aubin(one, 1e-6, 1e-6).upper >= bound(one, "modulus").lower


def test_no_radius_passes_the_limit_of_any_claim():
    rng = np.random.default_rng(5)
    net = Network((rng.standard_normal((8, 1)), rng.standard_normal((1, 8))), (np.ones(8), np.zeros(1)), "tanh")
    X = np.array([[0.0], [0.01]])
    found = enclose_aubin(problem(net, X))
    assert found.upper is not None and found.witness["radius_u"] < 0.01 / np.sqrt(2)
    beyond = enclose_aubin(problem(net, X), 0.01 / np.sqrt(2))
    assert beyond.upper is None and "smaller" in beyond.reason


@pytest.mark.parametrize("activation, X, words", [
    ("relu", [[0.0, 0.0], [0.2, 1.0]], "may be 0"),
    ("elu", [[1.0, 0.5], [0.2, 1.0]], "second derivative jumps"),
    ("tanh", [[1.0, 0.5], [1.0, 0.5]], "full row rank"),
])  # fmt: skip
def test_what_cannot_be_proved_is_open_with_a_reason(activation, X, words):
    rng = np.random.default_rng(6)
    net = Network((rng.standard_normal((6, 2)), rng.standard_normal((1, 6))), (None, None), activation)
    found = enclose_aubin(problem(net, X))
    assert found.upper is None and words in found.reason


@pytest.mark.parametrize("more", [{"base": "nearby"}, {"set": "per_sample"}, {"layer": 1},
                                  {"scale": np.array([1.0, 0.0])}, {"weight_norm": "relative"}])  # fmt: skip
def test_what_q1_is_not_built_for_is_refused_by_name(more):
    net = Network((np.ones((2, 2)), np.ones((1, 2))), (None, None), "tanh")
    one = Problem(net, np.array([[1.0, 0.5]]), np.zeros((1, 1)), "features", (0,), **more)
    with pytest.raises(InputError, match="Q1 is built for"):
        enclose_aubin(one)


@pytest.mark.parametrize("radius", [0.0, -1.0, float("nan"), float("inf"), 1e-200])
def test_radii_that_are_none_are_refused(radius):
    net = Network((np.ones((2, 2)), np.ones((1, 2))), (None, None), "tanh")
    with pytest.raises(InputError, match="radius"):
        enclose_aubin(problem(net, [[1.0, 0.5]]), radius)


def test_search_does_not_break_a_claim_and_breaks_the_modulus(monkeypatch):
    path = ROOT / "reports" / "audits" / "aubin" / "falsify.py"
    spec = importlib.util.spec_from_file_location("falsify", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "falsify", module)
    spec.loader.exec_module(module)
    one = module.small_problem(*module.NETWORKS[0], 0)
    claim, lip = enclose_aubin(one), bound(one, "modulus").upper
    r_u, r_w = claim.witness["radius_u"], claim.witness["radius_w"]
    monkeypatch.setattr(module, "BATCH", 400)
    own = module.falsify(one, claim.upper, r_u, r_w, module.Outcome(), 1200, 7)
    assert own.tries >= 1200 and own.broken == own.unsolved == 0
    assert module.falsify(one, 1.0001 * lip, 10 * r_u, 10 * r_w, module.Outcome(), 1200, 7).broken > 0
    half = module.falsify(one, claim.upper, r_u, r_w, module.Outcome(), 600, 7)
    assert module.falsify(one, claim.upper, r_u, r_w, half, 1200, 7) == own  # a search taken up again is the same


def test_the_recorded_search_is_long_enough_and_found_nothing():
    """`falsify.json` is what the script wrote, about the claims that are proved today, and the table shows it."""
    folder = ROOT / "reports" / "audits" / "aubin"
    records = json.loads((folder / "falsify.json").read_text(encoding="utf-8"))
    assert sum(r["own"]["tries"] for r in records) >= 100_000
    assert all(r["own"]["broken"] == r["own"]["unsolved"] == 0 and r["far"]["broken"] > 0 for r in records)
    text = (folder / "README.md").read_text(encoding="utf-8")
    for r in records:
        assert f"| {r['own']['tries']:,} | 0 |" in text
        assert r["own"]["worst"] < r["kappa"] and r["kappa"] <= 2.01 * r["modulus"]


def test_a_centre_is_a_right_inverse():
    rng = np.random.default_rng(8)
    net = Network((rng.standard_normal((5, 2)), rng.standard_normal((2, 5))), (None, np.zeros(2)), "gelu")
    centre = enclose_centre(net, rng.standard_normal((2, 2)), np.ones(2, dtype=bool))
    assert isinstance(centre, Centre) and centre.defect < Fraction(1, 10**9) and centre.slopes.inside > 0


def test_a_search_cut_short_keeps_what_is_proved():
    rng = np.random.default_rng(3)
    net, X = random_network(rng)
    centre = enclose_centre(net, X, np.ones(len(X), dtype=bool))
    assert not isinstance(centre, str)
    whole, steps = largest(centre), [0]
    assert whole is not None

    def counted(*args):
        steps[0] += 1
        return segment_condition(*args)

    largest(centre, condition=counted)
    for n in (0, steps[0] - 1):
        left = [n]

        def until(*args, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise OutOfTime
            return segment_condition(*args)

        if n == 0:
            with pytest.raises(OutOfTime):
                largest(centre, condition=until)
        else:
            found = largest(centre, condition=until)
            assert found is not None and found.radius_u <= whole.radius_u
