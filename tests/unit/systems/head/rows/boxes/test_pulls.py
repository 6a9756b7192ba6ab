"""What rows with another label pull with, against a fine grid, prover and checker."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb

from certify.check.theorems.head.rows.boxes import slabs as checked
from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT
from certify.check.theorems.head.rows.boxes.trap import _past
from certify.systems.head.rows.boxes.pulls import Ratios, pulls
from certify.systems.head.rows.boxes.slabs import margins, secants

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def drawn(seed: int, n: int) -> Drawn:
    """Margins, slabs of rows that stay, and longer and shorter ones of rows that change."""
    rng = np.random.default_rng([seed, 5])
    lo, hi = 10.0 ** rng.uniform(-2, 0.5, n), 10.0 ** rng.uniform(-2, 0.5, n)
    il, ih = lo * 10.0 ** rng.uniform(-0.3, 1, n), hi * 10.0 ** rng.uniform(-0.3, 1, n)
    return rng.standard_normal(n) * 3, lo, hi, il, ih


def truth(t: float, il: float, ih: float, least: float, most: float) -> tuple[float, float]:
    """Largest and least `(D̃ − D)τ` on the slab, D the number from `least` to `most` nearest to the secant."""
    tau = np.r_[-il * np.linspace(1, 0, 2000)[:-1], ih * np.linspace(0, 1, 2000)[1:]]
    secant = (-1 / (1 + np.exp(t + tau)) + 1 / (1 + np.exp(t))) / tau
    excess = (secant - np.clip(secant, least, most)) * tau
    return float(excess.max()), float(excess.min())


@pytest.mark.parametrize("seed", range(3))
def test_the_prover_contains_every_pull(seed: int) -> None:
    t, lo, hi, il, ih = drawn(seed, 80)
    at = margins(t, np.full(len(t), 1e-15))
    sec, rows = secants(at, lo, hi), np.arange(len(t))
    found, past = pulls(at, rows, il, ih, sec), 0
    for j in rows:
        up, down = truth(t[j], il[j], ih[j], sec.least[j], sec.most[j])
        assert found.forth[j] >= 1.0 + up - 1e-11 and found.back[j] >= -down - 1e-11
        past += up > 1e-3 or down < -1e-3
    assert past > 20
    short = pulls(at, rows, lo * 0.9, hi * 0.9, sec)
    assert (short.forth <= 1.0 + 1e-9).all() and (short.back <= 1e-9).all()


def test_the_checker_contains_every_pull_and_finds_what_the_prover_finds() -> None:
    t, lo, hi, il, ih = drawn(9, 80)
    at = margins(t, np.full(len(t), 1e-15))
    known = pulls(at, np.arange(len(t)), il, ih, secants(at, lo, hi))
    for j in range(len(t)):
        x = arb(float(t[j]))
        p, D = checked.slope(x)
        least, most = checked.weights(x, p, D, arb(float(lo[j])), arb(float(hi[j])))
        inner = arb(float(il[j])), arb(float(ih[j]))
        up, down = _past(checked.weights(x, p, D, *inner), least, most, *inner)
        high, low = truth(t[j], il[j], ih[j], least * 2.0**-WEIGHT, most * 2.0**-WEIGHT)
        assert up >= high - 1e-11 and down >= -low - 1e-11
        assert abs(float(up) + 1.0 - known.forth[j]) < 1e-4 and abs(float(down) - known.back[j]) < 1e-4


def reached(t: float, ratio: float, il: float, ih: float, least: float, most: float) -> tuple[float, float]:
    """Largest and least pull on a grid of moves and shares of the change, of a row that then counts otherwise."""
    tau = np.r_[-il * np.linspace(1, 0, 600)[:-1], ih * np.linspace(0, 1, 600)[1:]]
    p, share = 1 / (1 + np.exp(t)), np.linspace(0, 1, 21)[:, None]
    counts = 1 + share * (ratio - 1)
    slope = -counts / (1 + np.exp(t + tau)) + share * ratio + p  # less that of a row that stays at the centre
    own = counts * (p - 1 / (1 + np.exp(t + tau))) / tau
    pull = slope - np.clip(own, least, most) * tau
    return float(pull.max()), float(pull.min())


@pytest.mark.parametrize("seed", range(2))
def test_a_row_that_counts_differently_with_its_new_label_pulls_no_more_than_is_said(seed: int) -> None:
    t, lo, hi, il, ih = drawn(seed, 60)
    ratio = 10.0 ** np.random.default_rng([seed, 6]).uniform(-1.5, 1.5, 60)
    at = margins(t, np.full(60, 1e-15))
    sec, rows = secants(at, lo, hi), np.arange(60)
    found = pulls(at, rows, il, ih, sec, ratios=Ratios(ratio, ratio))
    same, tight, beyond = pulls(at, rows, il, ih, sec), 0, 0
    for j in rows:
        up, down = reached(t[j], ratio[j], il[j], ih[j], sec.least[j], sec.most[j])
        assert found.forth[j] >= up - 1e-11 and found.back[j] >= -down - 1e-11
        tight += up > 0.5 * found.forth[j]
        beyond += up > same.forth[j] + 1e-6 or -down > same.back[j] + 1e-6
    assert tight > 20 and beyond > 20  # what rows that count the same pull with would not do
