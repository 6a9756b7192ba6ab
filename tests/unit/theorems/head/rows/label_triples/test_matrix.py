"""D28: what one gradient says of a refit, held against the refit, near it and far from it; wrong versions; refusals."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array, row_norms
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.label_triples import matrix as module
from certify.theorems.head.rows.label_triples.matrix import Judged, Rows, judged, matrix, rows_of
from tests.families.heads import drawn_head

TINY = 1e-7
"""More than the refits of these heads, in floats, are off by."""


def wide(seed: int) -> Head:
    """A head with nearly as many columns as rows, whose labels move margins far."""
    rng = np.random.default_rng([seed, 28])
    return drawn_head(rng, "logistic", n=14, d=int(rng.integers(2, 9)), decay=float(10.0 ** rng.uniform(-2.5, -0.5)),
                      scale=float(rng.uniform(0.5, 3.0)), apart=float(rng.uniform(0.0, 3.0)))


def refits(head: Head, changed: Whole) -> Array:
    """`(B, m)` weights after these `(B, size)` rows get their other label."""
    assert head.label is not None
    refitter = Refitter(head)
    V = np.repeat(refitter.V0[None], len(changed), axis=0)
    return np.asarray(refitter.newton(Choices(changed, 1 - head.label[changed]), V)[:, 0])


def refit(head: Head, changed: Whole) -> Array:
    """Weights after these rows get their other label."""
    return np.asarray(refits(head, changed[None])[0])


def curvature(head: Head, V: Array) -> Array:
    p = 1.0 / (1.0 + np.exp((head.phi * head.Y) @ V))
    return np.asarray(p * (1.0 - p))


def held(head: Head, points: Array, level: Array) -> Rows:
    """Points with thresholds of their own."""
    return dataclasses.replace(rows_of(head, np.zeros(0, np.int64)), points=points, norms=row_norms(points),
                               level=level)


@dataclass(frozen=True, eq=False)
class Asked:
    """A refit after a change, weights V at some distance, curvatures of a matrix, and directions to look along.

    The first direction is the one that the distance is farthest along, as lengths go.
    """

    head: Head
    changed: Whole
    w: Array
    V: Array
    D: Array
    points: Array


def asked(seed: int) -> Iterator[Asked]:
    """Near refits and far from them; the matrix has the curvature of other weights, as that of a block does."""
    head, rng = wide(seed), np.random.default_rng([seed, 3])
    for size in (1, 2, 3):
        changed = rng.choice(head.n, size, replace=False)
        w = refit(head, changed)
        for far in (1e-3, 0.1, 0.5):
            V = w + far * rng.standard_normal(head.m)
            D = curvature(head, w + far * rng.standard_normal(head.m)) * rng.uniform(0.7, 1.3, head.n)
            A = (head.phi.T * D) @ head.phi + np.diag(np.where(head.decayed, head.mu()[0], 0.0))
            yield Asked(head, changed, w, V, D, np.concatenate([(A @ (V - w))[None],
                                                               rng.standard_normal((6, head.m))]))


def stay(one: Asked, beyond: Array | float, heavier: float = 1.0) -> int:
    """How many points are said to stay whose threshold is so far beyond the output at the refit."""
    long = np.maximum(1.0, row_norms(one.points))
    m = matrix(held(one.head, one.points, one.points @ one.w + beyond * long), heavier * one.D)
    return 0 if m is None else int((~judged(m, one.changed[None], one.V[None]).open).sum())


def lies(seed: int) -> int:
    """How many points that a refit loses are said to stay, also by matrices of far too much curvature."""
    return sum(stay(one, TINY) + stay(one, TINY, 10.0) for one in asked(seed))


def test_no_point_that_a_refit_loses_is_said_to_stay() -> None:
    assert not any(lies(seed) for seed in range(12))


def test_points_that_bear_what_a_refit_moves_are_said_to_stay() -> None:
    kept = many = 0
    for one in (one for seed in range(4) for one in asked(seed)):
        A = (one.head.phi.T * one.D) @ one.head.phi + np.diag(np.where(one.head.decayed, one.head.mu()[0], 0.0))
        away = np.sqrt((one.V - one.w) @ A @ (one.V - one.w))
        kept += stay(one, -4.0 * away * np.sqrt(np.einsum("ij,ij->i", one.points @ np.linalg.inv(A), one.points)))
        many += len(one.points)
    assert kept > 0.25 * many


def test_refits_beyond_reach_are_not_judged() -> None:
    """Equal rows: half a slope at 0, and a minimiser so far away that no curvature is left."""
    head = wide(0)
    S = np.zeros((14, head.m))
    S[:, 0] = 1.0
    head = dataclasses.replace(head, phi=S * head.Y, weight_decay=1e-6, decayed=np.ones(head.m, bool))
    w = refit(head, np.zeros(0, np.int64))
    rows = held(head, np.array([[-1.0] + [0.0] * (head.m - 1)]), np.array([-6.0]))
    m = matrix(rows, np.full(14, 0.25))
    assert w[0] > 10.0 and m is not None
    assert judged(m, np.zeros((1, 0), np.int64), np.zeros((1, head.m))).open.all()


@pytest.mark.parametrize("left_out", ["lost", "gradient", "half"])
def test_parts_that_are_left_out_are_missed(left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    left, seen = module.gradients, module.matrix
    if left_out == "lost":
        monkeypatch.setattr(module, "lost", lambda m, p: np.zeros(len(p)))
    elif left_out == "gradient":
        monkeypatch.setattr(module, "gradients", lambda m, changed, *rest: left(m, changed[:, 1:], *rest))
    else:  # half of the part along the points
        def fewer(rows: Rows, D: Array) -> module.Matrix | None:
            m = seen(rows, D)
            return m and dataclasses.replace(m, across=0.2 * m.across, seen=0.2 * m.seen)
        monkeypatch.setitem(globals(), "matrix", fewer)
    assert any(lies(seed) for seed in range(12))


def test_the_matrix_is_what_it_says() -> None:
    for seed in range(4):
        head = wide(seed)
        D = curvature(head, head.V[0])
        m = matrix(rows_of(head, np.arange(len(head.points))), D)
        assert m is not None and (m.d <= D).all() and (m.keeps <= 1.0).all()
        A = (head.phi.T * m.d) @ head.phi + np.diag(np.where(head.decayed, head.mu()[0], 0.0))
        X = np.linalg.inv(A)
        for vectors, long in ((head.phi, m.long), (head.points, m.across)):
            true = np.sqrt(np.einsum("ij,jk,ik->i", vectors, X, vectors))
            assert (true <= long).all() and (long <= true * (1.0 + 2.0**-16) + 1e-12).all()
        x = module.REACH * m.long
        assert (m.keeps <= -np.expm1(-x) / x).all() and (m.keeps >= -np.expm1(-x) / x * (1 - 1e-9)).all()


def test_nothing_is_said_of_numbers_that_are_none_or_too_large() -> None:
    head = wide(0)
    m = matrix(rows_of(head, np.arange(len(head.points))), curvature(head, head.V[0]))
    assert m is not None
    changed, V = np.zeros((5, 0), np.int64), np.repeat(head.V, 5, axis=0)
    with np.errstate(all="ignore"):
        for bad in (np.nan, np.inf, -np.inf, 1e3, 1e30, 1e300):
            W = V.copy()
            W[2, 0] = bad
            found: Judged = judged(m, changed, W)
            assert found.open[2].all() and (not np.isfinite(bad) or bad > 1e3 or not found.open[0].all())
        assert matrix(m.rows, np.full(head.n, np.nan)) is None
    assert not judged(m, changed, V).open.all()


def test_a_matrix_that_is_singular_is_refused() -> None:
    head = wide(1)
    loose = dataclasses.replace(head, decayed=np.append(np.ones(head.m - 1, bool), False))
    assert matrix(rows_of(loose, np.arange(2)), np.zeros(head.n)) is None
