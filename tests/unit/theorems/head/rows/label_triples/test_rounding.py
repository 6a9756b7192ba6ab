"""D28 down to the last digit: bounds at the floats next to exact refits, where rounding is all that is left of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.rigor.fp import Array, row_norms
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.label_triples import matrix as module
from certify.theorems.head.rows.label_triples.matrix import Matrix, judged, matrix, rows_of
from tests.families.heads import drawn_head
from tests.oracles.head_refit import BITS, refit

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


def exact(head: Head, changed: Array) -> list[arb]:
    """The refit, in 300 bits."""
    with ctx.workprec(BITS):
        return refit(head.phi.tolist(), head.Y.tolist(), "logistic", arb(head.weight_decay) * head.n,
                     head.decayed.tolist(), new={int(i): (-head.Y[i]).tolist() for i in changed})[0]


def highest(m: Matrix, changed: Array, V: Array) -> Array:
    """`(L,)` the highest level that every point is said to lie above, to the last digits; NaN where none is."""
    def above(level: Array) -> Array:
        held = dataclasses.replace(m, rows=dataclasses.replace(m.rows, level=level))
        return np.asarray(~judged(held, changed[None], V[None]).open[0])

    out = m.rows.points @ V
    low, high = out - 1e6, out + 1.0
    some = above(low)
    for _ in range(90):
        mid = 0.5 * (low + high)
        good = above(mid)
        low, high = np.where(good, mid, low), np.where(good, high, mid)
    return np.where(some, low, np.nan)


def lies(seed: int) -> tuple[int, int]:
    """How many points are said to lie above levels that they lie below, and of how many anything is said."""
    head, wrong, many = steep(seed), 0, 0
    changed = np.random.default_rng(seed).choice(head.n, seed % 4, replace=False)
    w = exact(head, changed)
    V = np.array([float(x) for x in w])
    p = 1.0 / (1.0 + np.exp((head.phi * head.Y) @ V))
    rows = dataclasses.replace(rows_of(head, np.zeros(0, np.int64)), points=head.points, norms=row_norms(head.points),
                               level=np.zeros(POINTS))
    m = matrix(rows, p * (1.0 - p))
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
    left = module._left

    def exactly(*given: Any) -> tuple[Array, float, Array]:
        length, error, turned = left(*given)
        return length - error * (1.0 + 2.0**-19), 0.0, turned

    monkeypatch.setattr(module, "_left", exactly)
    assert sum(wrong for wrong, _ in (lies(seed) for seed in range(SEEDS)))
