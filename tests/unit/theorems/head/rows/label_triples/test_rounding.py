"""D28 down to the last digit: bounds at the floats next to exact refits, where rounding is all that is left of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.rigor.fp import Array, row_norms
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.label_triples import matrix as module
from certify.theorems.head.rows.label_triples.matrix import Matrix, judged, matrix, rows_of
from tests.families.heads import drawn_head
from tests.oracles.head_refit import BITS, refit
from tests.unit.theorems.head.rows.label_triples.test_matrix import asked

POINTS, SEEDS = 12, 8


def steep(seed: int) -> Head:
    """Two columns that are nearly one, and hardly any decay: what gradients are off by moves weights far."""
    rng, (apart, scale) = np.random.default_rng([seed, 281]), ((3e-4, 1.0), (1e-2, 0.1))[seed % 2]
    head = drawn_head(rng, "logistic", n=20, d=3, N=POINTS, decay=1e-8 * scale**2, free=seed % 4 < 2)
    phi = head.phi.copy()
    phi[:, 1] = phi[:, 0] + apart * rng.standard_normal(head.n)
    phi[:, :-1] *= scale
    points = np.concatenate([rng.standard_normal((POINTS, 3)), np.ones((POINTS, 1))], axis=1)
    return dataclasses.replace(head, phi=phi, points=points)


def exact(head: Head, changed: Whole) -> list[arb]:
    """The refit, in 300 bits."""
    with ctx.workprec(BITS):
        return refit(head.phi.tolist(), head.Y.tolist(), "logistic", arb(head.weight_decay) * head.n,
                     head.decayed.tolist(), new={int(i): (-head.Y[i]).tolist() for i in changed})[0]


def highest(m: Matrix, changed: Whole, V: Array) -> Array:
    """`(L,)` the highest level that every point is said to lie above, to the last digits; NaN where none is."""
    def above(level: Array) -> Array:
        held = dataclasses.replace(m, rows=dataclasses.replace(m.rows, level=level))
        return np.asarray(~judged(held, changed[None], V[None]).open[0])

    out = m.rows.points @ V
    low, high = out - 1e6, out + 1.0
    some = above(low)
    for _ in range(90 if some.any() else 0):
        mid = 0.5 * (low + high)
        good = above(mid)
        low, high = np.where(good, mid, low), np.where(good, high, mid)
    return np.where(some, low, np.nan)


def at(head: Head, points: Array, curvature: Array) -> Matrix | None:
    """The matrix for some points."""
    return matrix(dataclasses.replace(rows_of(head, np.zeros(0, np.int64)), points=points, norms=row_norms(points),
                                      level=np.zeros(len(points))), curvature)


def lies(seed: int) -> tuple[int, int]:
    """How many points are said to lie above levels that they lie below, and of how many anything is said."""
    head, wrong, many = steep(seed), 0, 0
    changed = np.random.default_rng(seed).choice(head.n, seed % 4, replace=False)
    w = exact(head, changed)
    V = np.array([float(x) for x in w])
    p = 1.0 / (1.0 + np.exp((head.phi * head.Y) @ V))
    m = at(head, head.points, p * (1.0 - p))
    if m is None:
        return 0, 0
    for e, level in zip(head.points, highest(m, changed, V), strict=True):
        if np.isfinite(level):
            with ctx.workprec(BITS):
                wrong += not sum((float(a) * b for a, b in zip(e, w, strict=True)), arb(0)) > float(level)
            many += 1
    return wrong, many


def test_levels_are_never_above_the_refit() -> None:
    found = [lies(seed) for seed in range(SEEDS)]
    assert not sum(wrong for wrong, _ in found) and sum(many for _, many in found) > SEEDS * POINTS // 2


def test_what_gradients_are_off_by_is_missed_where_it_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    left = module.gradients

    def exactly(*given: Any) -> tuple[Array, float, Array]:
        length, error, turned = left(*given)
        return length - error * (1.0 + 2.0**-19), 0.0, turned

    monkeypatch.setattr(module, "gradients", exactly)
    assert sum(wrong for wrong, _ in (lies(seed) for seed in range(SEEDS)))


def theorem(m: Matrix, changed: Whole, V: Array) -> Array:
    """`(L,)` the level that the theorem states for every point, in plain floats; −∞ where its hypotheses fail."""
    head, e = m.rows.head, m.rows.points
    S = head.phi * head.Y
    decay = np.where(head.decayed, head.mu()[0], 0.0)
    X = np.linalg.inv((S.T * m.d) @ S + np.diag(decay))
    long = np.sqrt(np.einsum("ij,jk,ik->i", S, X, S))
    p, x = 1.0 / (1.0 + np.exp(S @ V)), module.REACH * long
    k = 1.0 - (np.maximum(m.d + np.expm1(-x) / x * p * (1.0 - p), 0.0) * long**2).sum()
    new = S * np.where(np.isin(np.arange(head.n), changed), -1.0, 1.0)[:, None]
    g = decay * V - (1.0 / (1.0 + np.exp(new @ V))) @ new
    size = np.sqrt(g @ X @ g)
    if not size < k * module.REACH:
        return np.full(len(e), -np.inf)
    return np.asarray(e @ V - 0.5 / k * (e @ X @ g + np.sqrt(np.einsum("ij,jk,ik->i", e, X, e)) * size))


def test_levels_are_those_of_the_theorem() -> None:
    """Never above, nor far below; none where the hypotheses fail, of which there are cases of either kind."""
    failed = held = 0
    for one in (one for seed in range(6) for one in asked(seed)):
        for heavier in (1.0, 2.0):
            m = at(one.head, one.points, heavier * one.D)
            assert m is not None
            states, says = theorem(m, one.changed, one.V), highest(m, one.changed, one.V)
            if not np.isfinite(states).any():
                assert np.isnan(says).all()
                failed += 1
            elif np.isfinite(says).all():
                sizes = 1.0 + np.abs(states) + np.abs(one.points @ one.V)
                assert (says < states + 1e-9 * sizes).all() and (says > states - 1e-3 * sizes).all()
                held += 1
    assert failed > 20 and held > 20


def test_a_matrix_whose_inverse_floats_do_not_find_is_refused() -> None:
    head = steep(0)
    phi = head.phi.copy()
    phi[:, 1] = phi[:, 0] * (1.0 + 1e-7 * np.arange(head.n))
    assert at(head, head.points, np.full(head.n, 0.25)) is not None
    assert at(dataclasses.replace(head, phi=phi, weight_decay=1e-12), head.points, np.full(head.n, 0.25)) is None
