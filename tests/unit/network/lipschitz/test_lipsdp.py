"""Constants of layers by LipSDP (Q4): exact check of the matrix, secants, cvxpy's optimum, wrong formulas."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.finders.lipsdp_multipliers import closed_form, descend, propose_multipliers
from certify.network.layers.passes import forward, known_weights
from certify.network.lipschitz.lipsdp import Chain, chain_bound
from certify.network.network import Network
from certify.problem.limits import Limits, OutOfTime
from certify.problem.problem import Problem
from certify.rigor.activation import ACTIVATIONS
from certify.rigor.arithmetic import Binary64
from certify.theorems.distance import compensation as q4
from certify.theorems.distance.budget import worst_distance
from certify.theorems.distance.layer_constants import _narrowed, neighbourhood, prove_constants
from tests.containment.sublevel_aubin import PHI
from tests.effort import examples

SLACK = 1e-9


def network(rng: np.random.Generator, activation: str, depth: int) -> Network:
    widths = rng.integers(1, 6, depth + 1)
    biases = tuple(rng.standard_normal(m) if rng.random() < 0.7 else None for m in widths[1:])
    weights = tuple(rng.standard_normal((m, d)) for d, m in zip(widths, widths[1:], strict=False))
    return Network(weights, biases, activation)


def layers(net: Network, x: np.ndarray, h: int) -> tuple[np.ndarray, np.ndarray]:
    """`a_{h−1}` and `W_ha_{h−1}` at x."""
    for W, b in zip(net.weights[:h - 1], net.biases[:h - 1], strict=True):
        x = PHI[net.activation][0](W @ x + (0.0 if b is None else b))
    return x, net.weights[h - 1] @ x


def quotient(net: Network, x: np.ndarray, t: float, h: int, scale: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The largest secants found, of a and of Wa: at random, and along gradients there."""
    best = np.zeros(2)
    for _ in range(40):
        step = rng.standard_normal(len(x))
        if rng.random() < 0.6:  # the gradient of a combination of outputs, by differences
            pull, eps = rng.standard_normal(len(net.weights[h - 1])), 1e-6
            at = x + rng.standard_normal(len(x)) * t / 4
            step = np.array([pull @ (layers(net, at + eps * e, h)[1] - layers(net, at - eps * e, h)[1])
                             for e in np.eye(len(x))]) * scale
        if not step.any():
            continue
        step *= t * float(rng.choice([1.0, 0.5, 0.01])) / np.linalg.norm(step)
        moved = [b - a for a, b in zip(layers(net, x, h), layers(net, x + step * scale, h), strict=True)]
        best = np.maximum(best, [np.linalg.norm(v) / np.linalg.norm(step) for v in moved])
    return best


def chain_of(rng: np.random.Generator, widths: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Chain:
    """A chain with random slope intervals within [low, high]."""
    ends = [np.sort(rng.uniform(low, high, (2, m)), axis=0) for m in widths[1:-1]]
    weights = tuple(rng.standard_normal((m, d)) for d, m in zip(widths, widths[1:-1], strict=False))
    return Chain(weights, tuple((a + b) / 2 for a, b in ends), tuple((b - a) / 2 for a, b in ends),
                 rng.standard_normal((widths[-1], widths[-2])))


def matrix(chain: Chain, multipliers, s: float) -> list[list[Fraction]]:
    """LipSDP's matrix in rationals, straight from its definition: `Σ` of outer products of the terms."""
    exact = [[list(map(Fraction, row)) for row in np.atleast_2d(W).tolist()] for W in (*chain.weights, chain.last)]
    sizes = [len(W[0]) for W in exact]
    at = [sum(sizes[:j]) for j in range(len(sizes))]
    N = [[Fraction(0)] * sum(sizes) for _ in range(sum(sizes))]

    def add(u: dict[int, Fraction], v: dict[int, Fraction], factor: Fraction) -> None:
        for i, a in u.items():
            for j, b in v.items():
                N[i][j] += factor * a * b / 2
                N[j][i] += factor * a * b / 2

    for i in range(sizes[0]):
        N[i][i] += Fraction(s) ** 2
    for j, (W, mid, half, factors) in enumerate(zip(exact[:-1], chain.mids, chain.halves, multipliers, strict=True)):
        for i, row in enumerate(W):
            low, high = Fraction(mid[i]) - Fraction(half[i]), Fraction(mid[i]) + Fraction(half[i])
            a = {at[j + 1] + i: Fraction(1)}
            left = a | {at[j] + c: -low * w for c, w in enumerate(row)}
            right = {k: -v for k, v in a.items()} | {at[j] + c: high * w for c, w in enumerate(row)}
            add(left, right, -Fraction(float(factors[i])))
    for row in exact[-1]:
        out = {at[-1] + c: w for c, w in enumerate(row)}
        add(out, out, Fraction(-1))
    return N


def positive(N: list[list[Fraction]]) -> bool:
    """Whether all pivots of a symmetric rational matrix are positive."""
    N = [row[:] for row in N]
    for k in range(len(N)):
        if N[k][k] <= 0:
            return False
        for i in range(k + 1, len(N)):
            factor = N[i][k] / N[k][k]
            N[i] = [a - factor * b for a, b in zip(N[i], N[k], strict=True)]
    return True


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_proved_is_positive_definite_in_rationals(seed):
    rng = np.random.default_rng(seed)
    chain = chain_of(rng, tuple(rng.integers(1, 4, rng.integers(3, 5)).tolist()), -0.2, 1.1)
    chain = replace(chain, halves=tuple(np.maximum(h, 1e-3) for h in chain.halves))
    found = propose_multipliers(chain)
    assert found is not None
    bound = chain_bound(chain, *found)
    assert bound is not None and positive(matrix(chain, found[0], bound))
    low = closed_form(chain)[1]
    assert low * (1 - SLACK) <= bound
    assert not positive(matrix(chain, found[0], low * 0.99))  # the bound is no better than what slopes attain


@pytest.mark.parametrize("spoil", [
    lambda m, v: (tuple(0 * x for x in m), v), lambda m, v: (m, 0.9 * v), lambda m, v: (m, np.nan),
    lambda m, v: (tuple(-x for x in m), v), lambda m, v: (tuple(x * np.nan for x in m), v),
    lambda m, v: (tuple(x * 1e300 for x in m), v), lambda m, v: (tuple(0.3 * x for x in m), v), lambda m, v: (m, 0.0),
])
def test_what_does_not_prove_a_bound_is_refused(spoil):
    chain = chain_of(np.random.default_rng(5), (3, 4, 4, 2))
    found = propose_multipliers(chain)
    assert found is not None and chain_bound(chain, *found) is not None
    assert chain_bound(chain, *spoil(*found)) is None


@settings(max_examples=examples(80), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(ACTIVATIONS)))
def test_no_secant_beats_the_constants(seed, activation):
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(2, 5))
    net = network(rng, activation, depth)
    d, h, t = net.widths[0], int(rng.integers(2, depth + 1)), float(10.0 ** rng.uniform(-4, 1.5))
    X = rng.standard_normal((3, d))
    if rng.random() < 0.3 and net.biases[0] is None:
        X[0] = 0.0  # every pre-activation of the first layer at the kink
    scale = rng.choice([0.0, 0.5, 2.0], d) if rng.random() < 0.3 else None
    if scale is not None and not scale.any():
        scale = None
    problem = Problem(net, X, None, "features", (0, 1, 2), set="per_sample", radius=t, scale=scale)
    passed = forward(net, known_weights(net), X, Binary64(), keep_pre=True)
    found = prove_constants(neighbourhood(problem, net, passed, Fraction(t)), h)
    for x, omega, S in zip(X, found.inputs, found.rows, strict=True):
        inputs, rows = quotient(net, x, t, h, np.ones(d) if scale is None else scale, rng)
        assert omega == 0 or inputs <= omega * (1 + SLACK) + SLACK
        assert S == 0 or rows <= S * (1 + SLACK) + SLACK


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_constants_are_found_and_no_larger_than_norms(activation):
    rng = np.random.default_rng(3)
    net = Network((rng.standard_normal((8, 4)), rng.standard_normal((8, 8)), rng.standard_normal((2, 8))),
                  (rng.standard_normal(8), rng.standard_normal(8), None), activation)
    X = rng.standard_normal((3, 4))
    passed = forward(net, known_weights(net), X, Binary64(), keep_pre=True)
    phi = ACTIVATIONS[activation]
    for t in (1e-3, 1.0, 1e3):  # the last: every slope between its bounds over the line
        problem = Problem(net, X, None, "features", (0, 1, 2), radius=t)
        found = prove_constants(neighbourhood(problem, net, passed, Fraction(t)), 3)
        sizes = [float(np.linalg.norm(W, 2)) for W in net.weights]
        most = sizes[0] * sizes[1] * phi.slope_bound**2
        assert (found.inputs > 0).all() and (found.inputs <= most * (1 + 1e-6)).all()
        assert (found.rows > 0).all() and (found.rows < most * sizes[2]).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ends", [(0.0, 1.0), (-0.1289042, 1.12890415), (0.3, 0.9)])
def test_descent_is_within_a_thousandth_of_cvxpy(seed, ends):
    cvxpy = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(seed)
    chain = chain_of(rng, (3, 6, 5, 2), *ends)
    factors = [cvxpy.Variable(len(m), nonneg=True) for m in chain.mids]
    square = cvxpy.Variable()
    sizes = [3, 6, 5]
    blocks = [[np.zeros((a, b)) for b in sizes] for a in sizes]
    blocks[0][0] = square * np.eye(3)
    for j, (W, mid, half, factor) in enumerate(zip(chain.weights, chain.mids, chain.halves, factors, strict=True)):
        product = cvxpy.multiply(factor, mid**2 - half**2)
        blocks[j][j] = blocks[j][j] + W.T @ cvxpy.diag(product) @ W
        blocks[j + 1][j + 1] = blocks[j + 1][j + 1] + cvxpy.diag(factor)
        blocks[j + 1][j] = -cvxpy.diag(cvxpy.multiply(factor, mid)) @ W
        blocks[j][j + 1] = blocks[j + 1][j].T
    blocks[2][2] = blocks[2][2] - chain.last.T @ chain.last
    form = cvxpy.bmat(blocks)
    cvxpy.Problem(cvxpy.Minimize(square), [(form + form.T) / 2 >> 0]).solve(solver=cvxpy.CLARABEL)
    optimum = float(square.value) ** 0.5
    start = propose_multipliers(chain)
    assert start is not None
    value, multipliers = descend(chain, start[0])
    bound = chain_bound(chain, multipliers, value)
    assert bound is not None and optimum * (1 - 1e-4) <= bound <= optimum * (1 + 1e-3)
    assert start[1] <= 1.05 * optimum  # what the prover uses


def test_slopes_of_gelu_beyond_one_and_below_zero_count():
    """With slopes in [0, 1] the bound would be below a slope that gelu has; so is one without the negative ones."""
    chain = Chain((np.array([[1.0]]),), (np.array([0.5]),), (np.array([0.5]),), np.array([[1.0]]))
    wrong = chain_bound(chain, (np.array([2.0]),), 1.0)
    x = np.sqrt(2.0)
    steep = (PHI["gelu"][0](x + 1e-4) - PHI["gelu"][0](x - 1e-4)) / 2e-4
    assert wrong is not None and wrong < 1.01 < steep < 1.1289042
    # a difference of two units, one as steep as gelu gets and one as gentle: 1.1289 + 0.1289
    pair = Chain((np.array([[1.0], [1.0]]),), (np.full(2, 0.56445),), (np.full(2, 0.56446),), np.array([[1.0, -1.0]]))
    found = propose_multipliers(pair, 100, 4)
    assert found is not None and found[1] < 1.2
    net = Network((np.array([[1.0], [1.0]]), np.array([[1.0, -1.0]])), (np.array([0.0, -2 * x]), None), "gelu")
    passed = forward(net, known_weights(net), np.array([[x]]), Binary64(), keep_pre=True)
    problem = Problem(net, np.array([[x]]), None, "features", (0,), radius=1e-3)
    S = float(prove_constants(neighbourhood(problem, net, passed, Fraction(1, 1000)), 2).rows[0])
    ends = layers(net, np.array([x - 1e-4]), 2)[1], layers(net, np.array([x + 1e-4]), 2)[1]
    assert found[1] < abs(float(ends[1][0] - ends[0][0])) / 2e-4 <= S < 1.26


def test_multipliers_that_couple_units_would_be_wrong():
    """`T = (e₁ − e₂)(e₁ − e₂)ᵀ` gives `|w₁ − w₂| = √5`; where unit 1 alone is active the slope is `|w₁| = √10`.

    (Pauli, Koch, Berberich, Kohler, Allgöwer 2021.) The format has one multiplier a unit, which cannot say T.
    """
    W, C = np.array([[-3.0, 1.0], [-2.0, -1.0]]), np.array([[1.0, -1.0]])
    T = np.array([[1.0, -1.0], [-1.0, 1.0]])
    wrong = 5.0**0.5
    form = np.block([[wrong**2 * np.eye(2), -W.T @ T], [-T @ W, 2 * T - C.T @ C]])
    assert np.linalg.eigvalsh(form)[0] > -1e-12
    net = Network((W, C), (np.array([0.5, -5.0]), None), "relu")
    step = np.array([-3.0, 1.0]) * 0.01
    gap = layers(net, step, 2)[1] - layers(net, np.zeros(2), 2)[1]
    attained = float(np.linalg.norm(gap) / np.linalg.norm(step))
    assert attained == pytest.approx(10.0**0.5) and attained > wrong
    chain = Chain((W,), (np.full(2, 0.5),), (np.full(2, 0.5),), C)
    found = propose_multipliers(chain, 100, 4)
    assert found is not None
    bound = chain_bound(chain, *found)
    assert bound is not None and attained <= bound


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 2**32))
def test_the_square_first_layer_is_no_less_steep(seed):
    rng = np.random.default_rng(seed)
    m = int(rng.integers(1, 5))
    W = rng.standard_normal((m, m + int(rng.integers(1, 6)))) * 10.0 ** rng.uniform(-3, 3)
    L = _narrowed(W)
    assert L.shape == (m, m) or L is W
    rational = [[list(map(Fraction, row)) for row in M.tolist()] for M in (L, W)]
    gram = [[[sum(a * b for a, b in zip(u, v, strict=True)) for v in M] for u in M] for M in rational]
    assert L is W or positive([[a - b for a, b in zip(x, y, strict=True)] for x, y in zip(*gram, strict=True)])
    dead = np.vstack([W, np.zeros(W.shape[1])])
    assert m + 1 >= W.shape[1] or _narrowed(dead) is dead  # no gap is proved where a row is 0


def deep(rng: np.random.Generator, activation: str = "tanh") -> Problem:
    net = Network((rng.standard_normal((12, 5)) / 2, rng.standard_normal((12, 12)) / 2, rng.standard_normal((1, 12))),
                  (rng.standard_normal(12), rng.standard_normal(12), None), activation)
    return Problem(net, rng.standard_normal((6, 5)), None, "features", tuple(range(6)), radius=1e-3)


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu"])
def test_what_it_buys(activation, monkeypatch):
    """On a network with two hidden layers the distance and the largest radius are better than by norms."""
    problem = replace(deep(np.random.default_rng(1), activation), layer=3)
    with monkeypatch.context() as patch:
        patch.setattr(q4, "affordable", lambda *_: False)
        problem = replace(problem, radius=q4.compensate(problem)[0].most / 2)
        plain = q4.compensate(problem)[0]
    best = q4.compensate(problem)[0]
    assert best.constants is not None and plain.constants is None
    assert best.upper < 0.8 * plain.upper and best.most > 2 * plain.most


@pytest.mark.parametrize("rows", [0, 3])
def test_norms_stand_where_the_time_is_up(rows):
    """LipSDP is cut off before its first row, or between two of them."""
    problem = deep(np.random.default_rng(1))
    calls = iter(range(100))

    def check() -> None:
        if next(calls) >= rows:
            raise OutOfTime

    whole, cut = q4.compensate(problem), q4.compensate(problem, check)
    assert next(calls) == rows + 1  # it was cut off there
    plain = [c for c in whole if c.constants is None]
    assert [c for c in cut if c.constants is None] == plain and plain[0].upper is not None
    assert len(cut) == len(plain) < len(whole)


def test_a_distance_cut_off_by_the_time_has_the_upper_end_by_norms():
    problem = deep(np.random.default_rng(1))
    late = worst_distance(problem, "", (), Limits(1 << 32, True, 1e-9))
    plain = next(c for c in q4.compensate(problem) if c.constants is None)
    assert late.upper == plain.upper and late.lower == 0 and "time_limit" in late.reason
    assert "constants" not in late.witness and "array" not in late.witness
    assert worst_distance(problem, "", (), Limits(1 << 32)).reason == ""


def test_rows_that_stay_count_for_nothing():
    """σ is that of the rows that move: holding rows still never makes it smaller, nor the bound larger."""
    problem = deep(np.random.default_rng(2))
    every, few = (q4.compensate(p)[0] for p in (problem, replace(problem, rows=(1, 4))))
    assert few.upper < every.upper and few.most > every.most
    assert few.constants is not None and len(few.constants) == 2
