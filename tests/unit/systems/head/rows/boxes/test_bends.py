"""What the loss of a row bends by beyond its parabola, against a fine grid, prover and checker."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb

from certify.check.theorems.head.rows.boxes import bends as checked
from certify.check.theorems.head.rows.boxes.slabs import slope
from certify.systems.head.rows.boxes.bends import bends
from certify.systems.head.rows.boxes.slabs import margins

COARSE = 6e-4
"""Points a quarter apart leave `1/16/240`; where a slab is longer than three there are twelve of them on a side."""


def drawn(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    t = rng.standard_normal(n) * rng.choice([0.1, 1.0, 4.0, 15.0], n)
    t[:3] = 0.0, 1e-9, -1e-9
    return t, 10.0 ** rng.uniform(-4, 0.5, n), 10.0 ** rng.uniform(-4, 0.5, n)


def truth(t: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest `2(l'(t + τ) − l'(t) − l''(t)τ)/τ²`, as the mean of `l'''(t + sτ)` with weights 2(1 − s)."""
    x, w = np.polynomial.legendre.leggauss(40)
    s, w = (x + 1) / 2, w * (1 - (x + 1) / 2)
    tau = np.concatenate([-lo[:, None] * np.linspace(0, 1, 400), hi[:, None] * np.linspace(0, 1, 400)], axis=1)
    at = t[:, None, None] + tau[:, :, None] * s
    p = 1 / (1 + np.exp(at))
    g = (-p * (1 - p) * (1 - 2 * p)) @ w
    return g.min(axis=1), g.max(axis=1)


@pytest.mark.parametrize("seed", range(3))
def test_the_prover_contains_the_grid_and_not_much_more(seed: int) -> None:
    t, lo, hi = drawn(seed, 150)
    (least, most), found = truth(t, lo, hi), bends(margins(t, np.full(len(t), 1e-14)), lo, hi)
    assert (found[0] <= least + 1e-14).all() and (found[1] >= most - 1e-14).all()
    assert (found[0] >= least - COARSE).all() and (found[1] <= most + COARSE).all()


def test_the_checker_contains_the_grid_and_finds_what_the_prover_finds() -> None:
    t, lo, hi = drawn(7, 100)
    (least, most), known = truth(t, lo, hi), bends(margins(t, np.full(len(t), 1e-16)), lo, hi)
    for j in range(len(t)):
        at = arb(float(t[j]))
        low, high = checked.bends(at, *slope(at), float(lo[j]), float(hi[j]))
        assert low <= least[j] + 1e-14 and high >= most[j] - 1e-14
        assert abs(low - known[0][j]) < 1e-6 and abs(high - known[1][j]) < 1e-6


def test_half_a_slab_is_not_enough() -> None:
    """The range over a slab is that of the slab, on both sides of the centre."""
    t, one = np.array([3.0, -3.0]), np.full(2, 3.0)
    at = margins(t, np.full(2, 1e-15))
    whole, left, right = bends(at, one, one), bends(at, one, one * 1e-3), bends(at, one * 1e-3, one)
    assert whole[0, 0] < right[0, 0] - 0.01
    assert whole[1, 1] > left[1, 1] + 0.01


def test_what_is_no_number_bounds_nothing() -> None:
    at = margins(np.array([1.0]), np.array([np.nan]))
    found = bends(at, np.ones(1), np.ones(1))
    assert np.isnan(found).any() or not (found[0] > -0.09).all()
    low, high = checked.bends(arb("nan"), arb("nan"), arb("nan"), 1.0, 1.0)
    assert not (low > -0.09) and not (high < 0.09)
