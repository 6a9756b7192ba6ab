"""The bound of all rows together (Q6c): it bounds every change, wrong ones are seen, and less is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.linalg.definite import Truth
from certify.check.reading.subject import Problem
from certify.check.systems.point import Point
from certify.check.theorems.head import effects, motion
from certify.check.theorems.head import layer as head
from certify.check.theorems.head.norms import top_of_gram
from certify.network.network import Network
from certify.systems.head.change import Change
from tests.oracles.head import Training
from tests.unit.check.theorems.head.test_motion import BITS, stated

DECAY = 0.25


def squared(X: np.ndarray, y: np.ndarray, count: int, radius: float = 1.0) -> tuple[Problem, np.ndarray]:
    """Least squares of one output without a bias, at its solution in doubles."""
    n = len(y)
    w = np.linalg.solve(X.T @ X / n + DECAY * np.eye(X.shape[1]), X.T @ y / n)
    t = Training(Network((w[None, :],), (None,), "identity"), X, "squared", DECAY, targets=y[:, None])
    return stated(t, Change("sample_weights", radius, count)), w


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Few rows, of which two at least and all at most are weighted anew."""
    rng = np.random.default_rng([11, seed])
    n = int(rng.integers(2, 6))
    return rng.normal(size=(n, int(rng.integers(1, 4)))), rng.normal(size=n), int(rng.integers(2, n + 1))


ALIKE = (np.array([[1.0], [1.0], [1.0]]), np.array([3.0, 3.0, 3.0]), 3)
"""Rows that all pull the same way: the bound is attained, up to the trace of a high power."""


def effect(problem: Problem) -> head.Effect:
    layer = Point(problem, BITS).of(head.Layer, 1.0)
    return motion._effect_of(layer)


def most(X: np.ndarray, y: np.ndarray, w: np.ndarray, count: int, radius: float) -> arb:
    """The largest `|(1/n) Σ u_i y_i|_{B⁻¹}` of all u at the ends of their ranges, B solved with in balls."""
    n, d = X.shape
    rows = [list(map(arb, row)) for row in X.tolist()]
    B = arb_mat(d, d, [sum((row[a] * row[b] for row in rows), arb(0)) / n + (arb(DECAY) if a == b else 0)
                       for a in range(d) for b in range(d)])
    g = [sum((arb(v) * x for v, x in zip(w.tolist(), row, strict=True)), -arb(float(t)))
         for row, t in zip(rows, y, strict=True)]
    found = arb(0)
    for some in combinations(range(n), count):
        for signs in product((-1, 1), repeat=count):
            z = arb_mat(d, 1, [sum((s * g[i] * rows[i][a] for s, i in zip(signs, some, strict=True)), arb(0))
                               * arb(radius) / n for a in range(d)])
            found = found.max((z.transpose() * B.solve(z))[0, 0].sqrt())
    return found


def holds(case: tuple[np.ndarray, np.ndarray, int], radius: float = 1.0) -> bool:
    """Whether the bound of all rows together is one of every change."""
    X, y, count = case
    problem, w = squared(X, y, count, radius)
    with ctx.workprec(BITS):
        closer = effect(problem).closer
        assert closer is not None
        return bool(closer() >= most(X, y, w, count, radius))


@pytest.mark.parametrize("radius", [1.0, 0.375])
@pytest.mark.parametrize("seed", range(12))
def test_it_bounds_every_change(seed: int, radius: float) -> None:
    assert holds(drawn(seed), radius)


def test_it_is_attained_by_rows_that_are_alike() -> None:
    X, y, count = ALIKE
    problem, w = squared(X, y, count)
    with ctx.workprec(BITS):
        closer = effect(problem).closer
        assert holds(ALIKE) and closer is not None
        assert closer() <= most(X, y, w, count, 1.0) * (1 + arb(2) ** -20)


@pytest.mark.parametrize("wrong", [
    lambda top, S: top(S) / 3,  # without the root of the number of rows
    lambda top, S: top(S) * (1 - arb(2) ** -30),  # a little less than the trace says
    lambda top, S: top(S) ** 2,  # the eigenvalue in place of its root, here below 1
])
def test_wrong_ones_are_seen(
    wrong: Callable[[Callable[[arb_mat], arb], arb_mat], arb], monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert holds(ALIKE)
    monkeypatch.setattr(effects, "top_of_gram", lambda S: wrong(top_of_gram, S))
    assert not holds(ALIKE)


def spread() -> tuple[Problem, arb, arb]:
    """A budget of which all rows together say less than row by row; what each of the two ways needs of T."""
    rng = np.random.default_rng(5)
    problem, _ = squared(rng.normal(size=(40, 3)), rng.normal(size=40), 12, 0.125)
    with ctx.workprec(BITS):
        layer, own = Point(problem, BITS).of(head.Layer, 1.0), effect(problem)
        assert own.closer is not None
        start, left = layer.residual / layer.decay.sqrt(), 1 - own.lost
        return problem, (own.closer() + start) / left, (own.gradient + start) / left


def asked(
    problem: Problem, reaches: list[float], monkeypatch: pytest.MonkeyPatch,
    top: Callable[[arb_mat], arb] = top_of_gram,
) -> tuple[list[bool], int]:
    """Which T are proved, one after another at one point, and how often all rows together were asked."""
    seen = []

    def noted(S: arb_mat) -> arb:
        seen.append(S)
        return top(S)

    with monkeypatch.context() as patch, ctx.workprec(BITS):
        patch.setattr(effects, "top_of_gram", noted)
        point = Point(problem, BITS)
        proved = [motion.distance_at_most(point, 1e9, 1.0, T).truth is Truth.PROVED for T in reaches]
    return proved, len(seen)


def test_it_is_asked_where_rows_leave_the_barrier_open_and_less_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was asked before: the verdict of a T is its own."""
    monkeypatch.setattr(effects, "GRAM", 0)  # no pairs of rows: each by itself, then all together
    problem, together, rows = spread()
    assert together < 0.9 * rows
    least, between, enough = float(together) * (1 - 1e-9), float(together) * (1 + 1e-9), float(rows) * (1 + 1e-9)
    assert asked(problem, [enough], monkeypatch) == ([True], 0)
    assert asked(problem, [between], monkeypatch) == ([True], 1)
    assert asked(problem, [least, between, enough, least], monkeypatch) == ([False, True, True, False], 1)
    assert asked(problem, [enough, least, between], monkeypatch) == ([True, False, True], 1)


@pytest.mark.parametrize("none", ["nan", "inf"])
def test_no_number_proves_nothing(none: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effects, "GRAM", 0)
    problem, together, _ = spread()
    assert asked(problem, [float(together) * (1 + 1e-9)], monkeypatch, lambda S: arb(none)) == ([False], 1)


def test_a_total_budget_has_it_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows share the radius: there no other bound holds, and none may stand in for it."""
    X, y, _ = ALIKE
    problem, w = squared(X, y, 3)
    problem = replace(problem, set="total", count=None)
    with ctx.workprec(BITS):
        own = effect(problem)
        assert own.closer is None
        assert own.gradient >= most(X, y, w, 3, 1.0) / arb(3).sqrt()  # u = (1, 1, 1)/√3
        assert own.gradient > 1.5 * most(X, y, w, 1, 1.0)  # one row alone, which is no bound of it
