"""D16 in the checker, children choice by choice: gradients, curvature and distances against refits in doubles."""

from __future__ import annotations

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows.softmax_pairs.centre import Centre, centre
from certify.check.theorems.head.rows.softmax_pairs.children.beside import Beside
from certify.check.theorems.head.rows.softmax_pairs.children.points import Points, Pushes
from certify.check.theorems.head.rows.softmax_pairs.metric import metric
from certify.check.theorems.head.rows.softmax_pairs.moved import Step, cut
from certify.systems.head.rows.head import Head
from tests.unit.check.theorems.head.rows.softmax_pairs.proposals import Refits
from tests.unit.check.theorems.head.rows.softmax_pairs.test_softmax_pairs_parts import (
    below,
    curvature,
    gradient,
    made,
    softmax,
)

Array = np.ndarray
CASES = [(seed, free, noise) for seed in range(4) for free in (False, True) for noise in (0.0, 0.02)]


def child(case: tuple[int, bool, float]) -> tuple[Head, Refits, Centre, Beside, list[Step]]:
    """A hot row that is out, weights near the refit without it, and the root's steps of the other rows."""
    seed, free, noise = case
    head, refits, root, newton = made((seed, free, None, 0.0))
    rng = np.random.default_rng([seed, free, 7])
    q = int(rng.integers(head.n))
    V = refits(q) + noise * rng.standard_normal(head.V.shape)
    c = centre(root.data, V.ravel().tolist(), q, root.tie)
    assert c is not None
    h = [0.0 if j == q else float(x) for j, x in enumerate(rng.choice([1.0, 1.0, 0.7], head.n))]
    M = metric(c, [x * x * (1.0 - 2.0**-50) for x in h])
    assert M is not None
    rows = [i for i in range(head.n) if i != q]
    steps = [one for one in newton.steps(rows, 2.0**-30) if one is not None]
    assert len(steps) > len(rows) // 2
    return head, refits, c, Beside(root, c, h, M), steps


def inverse(head: Head, c: Centre, b: Beside) -> Array:
    return np.asarray(np.linalg.inv(below(head, c, [x * x for x in b.h])))


def length(X: Array, g: Array) -> float:
    return float(np.sqrt(max(g.ravel() @ X @ g.ravel(), 0.0)))


@pytest.mark.parametrize("case", CASES)
def test_gradients_at_steps_of_the_root_are_no_longer_than_is_said(case: tuple[int, bool, float]) -> None:
    with ctx.workprec(64):
        head, _, c, b, steps = child(case)
        X, q, shape = inverse(head, c, b), b.out, head.V.shape
        V, V0 = np.array(c.weights).reshape(shape), np.array(b.root.weights).reshape(shape)
        formed = b.formed(steps)
        for one, left, (R, g) in zip(steps, b.lengths(steps), formed, strict=True):
            delta, l = np.array(one.cut.step).reshape(shape), one.row
            Z = [softmax(head.phi @ W.T) for W in (V + delta, V, V0 + delta, V0)]
            second = Z[0] - Z[1] - Z[2] + Z[3]
            own = np.outer(Z[1][l] - Z[3][l], head.phi[l]), np.outer(Z[2][q] - Z[3][q], head.phi[q])
            second[[l, q]] = 0.0
            assert b.differences(one) >= length(X, second.T @ head.phi) * (1 - 1e-6) - 1e-9
            assert b.own_moves(one) >= sum(length(X, x) for x in own) * (1 - 1e-6) - 1e-9
            true = gradient(head, c, V + delta, (l,))
            assert np.linalg.norm(true.ravel() - g) < 1e-6
            assert R >= length(X, true) * (1 - 1e-6) - 1e-9 and b.second(one, left) >= length(X, true) * (1 - 1e-6)


@pytest.mark.parametrize("case", CASES)
def test_what_is_left_of_the_curvature_is_no_more_than_is_there(case: tuple[int, bool, float]) -> None:
    """θ, by which distances are found: of every row's curvature at a step, for any move that is as short as is said."""
    with ctx.workprec(64):
        head, _, c, b, steps = child(case)
        V, n = np.array(c.weights).reshape(head.V.shape), head.n
        wide = [b.K.widest(j) for j in range(n)]
        assert all(np.exp(-x) >= h * (1 - 1e-15) for x, h in zip(b.allowed, b.h, strict=True))
        assert b.far >= max(h * x for h, x in zip(b.h, wide, strict=True))
        for one in [None, *steps]:
            l = next(i for i in range(n) if i != b.out) if one is None else one.row
            for R in (1e-6, 0.3 / b.far):
                w = b.share(b.kappa(l), R, 0.0) if one is None else b.step_share(one, R)
                if not w < np.inf:
                    continue
                theta = R / (1.0 - b.kappa(l)) / w
                Z = head.phi @ (V if one is None else V + np.array(one.cut.step).reshape(V.shape)).T
                for j in (x for x in range(n) if x not in (l, b.out)):
                    _keeps(Z[j], w * wide[j], theta * b.h[j] ** 2 * curvature(c, j))


def _keeps(z: Array, wide: float, least: Array) -> None:
    for a in range(len(z)):
        for u in (np.eye(len(z))[a] * wide, -np.eye(len(z))[a] * wide):
            assert (softmax(z + u) - softmax(z)) @ u >= u @ least @ u * (1 - 1e-6) - 1e-13


def distances_hold(head: Head, refits: Refits, c: Centre, b: Beside, T: tuple[int, ...], start: Array, w: float,
                   ) -> None:
    W = refits(*T, b.out)
    if c.tie:  # of the minimisers the one that N picks
        W = W.copy()
        W[:, -1] -= (W - np.array(c.weights).reshape(W.shape))[:, -1].sum() / head.k
    X, moved = inverse(head, c, b).reshape(head.k, head.m, head.k, head.m), W - start
    for x in head.points:
        K, y = np.einsum("p,apbr,r->ab", x, X, x), moved @ x
        for a in range(head.k):
            for q in range(a):
                assert abs(y[a] - y[q]) <= np.sqrt(K[a, a] + K[q, q] - 2 * K[a, q]) * w * (1 + 1e-6) + 1e-7


@pytest.mark.parametrize("case", CASES)
def test_refits_beside_a_hot_row_are_as_near_as_is_said(case: tuple[int, bool, float]) -> None:
    with ctx.workprec(64):
        head, refits, c, b, steps = child(case)
        V = np.array(c.weights).reshape(head.V.shape)
        if (w := b.none()) < np.inf:
            distances_hold(head, refits, c, b, (), V, w)
        for l in (i for i in range(head.n) if i != b.out):
            if (w := b.still_share(l)) < np.inf:
                distances_hold(head, refits, c, b, (l,), V, w)
        for one, left, (R, _) in zip(steps, b.lengths(steps), b.formed(steps), strict=True):
            for size in (R, b.second(one, left)):
                if (w := b.step_share(one, size)) < np.inf:
                    distances_hold(head, refits, c, b, (one.row,), V + np.array(one.cut.step).reshape(V.shape), w)


def test_a_row_takes_its_curvature_with_it() -> None:
    """κ is what a row has of the curvature where it has most of it, and the sum of eigenvalues is no less."""
    with ctx.workprec(64):
        for case in CASES:
            head, _, c, b, _ = child(case)
            X = inverse(head, c, b)
            for j in (i for i in range(head.n) if i != b.out):
                out = np.kron(np.eye(head.k), head.phi[j][:, None])
                T = np.linalg.eigvals(curvature(c, j) @ (out.T @ X @ out)).real
                assert b.kappa(j) >= b.h[j] ** 2 * T.max() * (1 - 1e-6) - 1e-9
                assert b.K.all_own(j, b.lines[j], c.blur) >= T.sum() * (1 - 1e-6) - 1e-9


def test_steps_that_are_made_here_hold_too_and_far_ones_are_none() -> None:
    with ctx.workprec(64):
        head, _, c, b, steps = child(CASES[0])
        X, V = inverse(head, c, b), np.array(c.weights).reshape(head.V.shape)
        found = b.made([one.row for one in steps], [cut([0.9 * x for x in one.cut.step]) for one in steps])
        for one in found:
            assert one is not None
            step, R = one
            true = gradient(head, c, V + np.array(step.cut.step).reshape(V.shape), (step.row,))
            assert R >= length(X, true) * (1 - 1e-6) - 1e-9
        assert b.made([steps[0].row], [cut([1e4 * x for x in range(c.data.size)])]) == [None]


def test_a_choice_is_open_where_a_point_has_no_room() -> None:
    with ctx.workprec(64):
        head, _, c, b, steps = child(CASES[0])
        data = c.data
        live = [j for j in range(len(head.points)) if data.today[j] >= 0]
        points, pushes = Points(c, b.M.blocks(data.points), live), Pushes(data)
        X = inverse(head, c, b).reshape(head.k, head.m, head.k, head.m)
        V = np.array(c.weights).reshape(head.V.shape)
        assert points.open(np.inf) == live and points.open(np.nan) == live
        for w in (1e-9, 1e-3, 0.1, 1.0):
            for one in [None, *steps]:
                said = points.open(w) if one is None else points.open(w, pushes.of(one.row, one.cut))
                W = V if one is None else V + np.array(one.cut.step).reshape(V.shape)
                for j in live:
                    x, own = head.points[j], data.today[j]
                    K = np.einsum("p,apbr,r->ab", x, X, x)
                    room = [((W[own] - W[a]) @ x, np.sqrt(K[a, a] + K[own, own] - 2 * K[a, own]) * w)
                            for a in range(head.k) if a != own]
                    if any(gap <= taken for gap, taken in room):
                        assert j in said
                    if one is None and all(gap > taken * 1.01 + 1e-9 for gap, taken in room):
                        assert j not in said
