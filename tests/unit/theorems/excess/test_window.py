from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify import bound
from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.sets import Ball, Polyhedron, excess
from certify.theorems.excess.window import enclose_window_excess


def one_layer(W: np.ndarray, X: np.ndarray, u: np.ndarray, parameter: str = "features", **more) -> Problem:
    rows = tuple(range(len(X)))
    return Problem(Network((W,), (None,), "identity"), X, None, parameter, rows, set="given", change=u, **more)


@pytest.mark.parametrize("seed", range(8))
def test_lines_in_the_plane_against_exact_sets(seed):
    rng = np.random.default_rng(seed)
    w, x = rng.integers(-4, 5, 2) / 2, rng.integers(1, 5, 2) / 2
    u = rng.integers(-2, 3, 2) / 4
    found = enclose_window_excess(one_layer(w[None], x[None], u[None]), 1.5)
    y = Fraction(float(x @ w))
    old, new = (Polyhedron.affine([list(map(Fraction, v.tolist()))], [y]) for v in (x, x + u))
    window = Ball([Fraction(v) for v in w.tolist()], Fraction(3, 2))
    exact = excess(old, new, window)
    assert found.contraction.lower <= exact.upper and exact.lower <= found.contraction.upper
    assert found.contraction.width <= 1e-6 * (1 + exact.upper)
    assert found.distance.lower <= new.distance(window.centre).upper <= found.contraction.upper * (1 + 1e-12) + 1e-300
    if new.distance(window.centre).upper < 1.5:
        exact = excess(new, old, window)
        assert found.expansion.lower <= exact.upper and exact.lower <= found.expansion.upper
        assert found.hausdorff.upper == max(found.expansion.upper, found.contraction.upper)
    else:
        assert found.expansion.upper == 0.0


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_last_layers_hold_every_sample_and_both_ends_meet(activation, outputs):
    rng = np.random.default_rng(outputs)
    V, b, W = rng.standard_normal((6, 2)), rng.standard_normal(6), rng.standard_normal((outputs, 6))
    c = rng.standard_normal(outputs)
    X, u = rng.standard_normal((3, 2)), 0.1 * rng.standard_normal((3, 2))
    net = Network((V, W), (b, c), activation)
    problem = Problem(net, X, None, "features", (0, 1, 2), layer=2, set="given", change=u)
    phi = np.tanh if activation == "tanh" else lambda z: np.maximum(z, 0.0)
    A, B = (np.column_stack([phi(Z @ V.T + b), np.ones(3)]) for Z in (X, X + u))
    full = np.vstack([W.T, c])
    R = (A - B) @ full
    far = lambda M, right, d: np.linalg.norm(np.linalg.pinv(M) @ (right - M @ d))  # noqa: E731
    shift = np.linalg.pinv(B) @ R
    rho = 0.5 + 1.5 * float(np.linalg.norm(shift))
    found = enclose_window_excess(problem, rho)
    assert found.distance.lower * (1 - 1e-9) <= np.linalg.norm(shift) <= found.distance.upper * (1 + 1e-9)
    for M, other, right, base, e in ((A, B, R, 0 * shift, found.contraction), (B, A, 0 * R, shift, found.expansion)):
        free = np.eye(7) - np.linalg.pinv(M) @ M
        best = 0.0
        for _ in range(300):
            y = free @ rng.standard_normal((7, outputs))
            d = base + y * np.sqrt(rho**2 - np.linalg.norm(base) ** 2) / np.linalg.norm(y)
            best = max(best, far(other, right, d))
        assert best <= e.upper * (1 + 1e-9)
        assert e.lower <= e.upper <= e.lower * (1 + 1e-5) and best >= 0.3 * e.lower
    certified = bound(problem, "distance")
    assert certified.lower <= found.distance.upper and found.distance.lower <= certified.upper


def test_moved_targets_make_parallel_sets():
    X, u = np.array([[3.0, 4.0]]), np.array([[10.0]])
    found = enclose_window_excess(one_layer(np.array([[1.0, 1.0]]), X, u, "targets"), 5.0)
    for e in (found.expansion, found.contraction, found.distance):
        assert e.lower <= 2.0 <= e.upper and e.width < 1e-9
    missed = enclose_window_excess(one_layer(np.array([[1.0, 1.0]]), X, u, "targets"), 1.0)
    assert missed.expansion.upper == 0.0 and missed.contraction.lower <= 2.0 <= missed.contraction.upper
    touching = enclose_window_excess(one_layer(np.array([[1.0, 1.0]]), X, u, "targets"), 2.0)
    assert touching.expansion.lower == 0.0 and touching.expansion.upper >= 2.0 and touching.expansion.reason


def test_a_window_that_touches_exactly_and_sets_of_one_point():
    X, u = np.array([[2.0, 0.0]]), np.array([[4.0]])  # S(u) = {w₁ = 3}, two units from (1, 1)
    found = enclose_window_excess(one_layer(np.array([[1.0, 1.0]]), X, u, "targets"), 2.0)
    assert found.expansion.lower <= 2.0 <= found.expansion.upper <= 4.1 and found.contraction.width < 1e-15
    rng = np.random.default_rng(1)
    net = Network((rng.standard_normal((6, 3)), rng.standard_normal((1, 6))), (None, None), "tanh")
    u = 1e-6 * rng.standard_normal((6, 3))
    point = Problem(net, rng.standard_normal((6, 3)), None, "features", tuple(range(6)), layer=2, set="given", change=u)
    found = enclose_window_excess(point, 10.0)
    for e in (found.expansion, found.contraction):
        assert found.distance.lower * (1 - 1e-9) <= e.lower <= e.upper <= found.distance.upper * (1 + 1e-9)


def test_nothing_moves_and_rank_is_lost():
    X = np.array([[1.0, 2.0, 0.5]])
    still = enclose_window_excess(one_layer(np.array([[1.0, 1.0, 1.0]]), X, np.zeros((1, 3))), 1.0)
    assert still.contraction.upper < 1e-9 and still.expansion.upper < 1e-9
    lost = enclose_window_excess(one_layer(np.array([[1.0, 1.0]]), np.array([[1.0, 0.5]]), np.array([[-1.0, -0.5]])), 1)
    assert isinstance(lost, str) and "rank" in lost


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan, np.inf])
def test_bad_radii_are_refused(radius):
    with pytest.raises(InputError, match=";"):
        enclose_window_excess(one_layer(np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2))), radius)


def test_what_it_is_not_built_for_is_refused():
    net = Network((np.ones((2, 2)), np.ones((1, 2))), (None, None), "tanh")
    X = np.array([[1.0, 2.0]])
    for problem in (Problem(net, X, None, "features", (0,), set="given", change=X),  # both layers move
                    Problem(net, X, None, "features", (0,), layer=1, set="given", change=X),
                    Problem(net, X, None, "features", (0,), layer=2)):  # fmt: skip
        with pytest.raises(InputError, match=";"):
            enclose_window_excess(problem, 1.0)
