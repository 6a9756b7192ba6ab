"""The squared hinge on slabs: secants, remainders and pulls against fine grids, prover and checker."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb

from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT
from certify.check.theorems.head.rows.boxes.trap import _past
from certify.check.theorems.head.rows.losses import on_slabs as checked
from certify.systems.head.rows.boxes.losses import ON_SLABS
from certify.systems.head.rows.boxes.pulls import pulls

HINGE, TWIN = ON_SLABS["squared_hinge"], checked.ON_SLABS[1]
OWN = 1e-12
"""What the difference quotients of the grid are off by."""

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def drawn(seed: int, n: int = 60) -> Drawn:
    """Margins on both sides of the kink and near it, slabs of rows that stay, and those of rows that change."""
    rng = np.random.default_rng([seed, 31])
    t = 1.0 + rng.standard_normal(n) * rng.choice([1e-3, 0.1, 1.0, 5.0], n)
    t[:4] = 1.0, -1.0, 1.0 + 1e-9, 1.0 - 1e-9
    lo, hi = 10.0 ** rng.uniform(-3, 1, n), 10.0 ** rng.uniform(-3, 1, n)
    return t, lo, hi, lo * 10.0 ** rng.uniform(-0.5, 1, n), hi * 10.0 ** rng.uniform(-0.5, 1, n)


def p(t: np.ndarray | float) -> np.ndarray:
    return np.asarray(0.25 * np.maximum(1.0 - np.asarray(t, np.longdouble), 0.0))


def moves(low: float, high: float) -> np.ndarray:
    return np.r_[-low * np.linspace(1, 0, 800)[:-1], high * np.linspace(0, 1, 800)[1:]].astype(np.longdouble)


def pull(t: float, tau: np.ndarray, share: np.ndarray, least: float, most: float) -> np.ndarray:
    """Of a row with the share of its change to the other label: its slope, less what a row that stays would add."""
    change = share * (p(t) + p(-t))
    bend = p(t) - (1 - share) * p(t + tau) + share * p(-t - tau) - change
    return np.asarray(change + bend - np.clip(bend / tau, least, most) * tau)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("off", [1e-14, 0.05])
def test_the_prover_contains_the_grid(seed: int, off: float) -> None:
    t, lo, hi, il, ih = drawn(seed)
    rng = np.random.default_rng(seed)
    at, true = HINGE.margins(t, np.full(len(t), off)), t + off * rng.choice([-1.0, 1.0], len(t))
    sec, rows = HINGE.secants(at, lo, hi), np.arange(len(t))
    rest = HINGE.least_remainder(at, rows, il, ih)
    assert (np.abs(at.p - p(true)) <= at.p_off + OWN).all()
    for j in rows:
        tau = moves(lo[j], hi[j])
        mean = (p(true[j]) - p(true[j] + tau)) / tau
        assert sec.least[j] <= mean.min() + OWN / lo[j] and sec.most[j] >= mean.max() - OWN / lo[j]
        assert sec.least[j] <= at.D[j] <= sec.most[j] <= 0.25 + 1e-12
        inner = moves(il[j], ih[j])
        worst = float(np.max(p(true[j] + inner) - p(true[j]) + at.D[j] * inner))
        assert rest[j] >= worst - OWN and rest[j] <= worst + 0.75 * off + 0.01 * (il[j] + ih[j])
        if off < 1e-9 and abs(t[j] - 1) > 1e-6:
            assert sec.least[j] >= mean.min() - 1e-9 and sec.most[j] <= mean.max() + 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_pulls_contain_every_share_of_a_change(seed: int) -> None:
    t, lo, hi, il, ih = drawn(seed)
    at, shares = HINGE.margins(t, np.full(len(t), 1e-14)), np.linspace(0, 1, 21)[:, None]
    sec, rows = HINGE.secants(at, lo, hi), np.arange(len(t))
    gone, turned = pulls(at, rows, il, ih, None, loss=HINGE), pulls(at, rows, il, ih, sec, loss=HINGE)
    tight = 0
    for j in rows:
        tau = moves(il[j], ih[j])
        out = p(t[j]) - (1 - shares) * p(t[j] + tau) - at.D[j] * tau
        assert out.min() >= -gone.back[j] - OWN and (out <= gone.first[j] - gone.share[j] * tau + OWN).all()
        other = pull(t[j], tau, shares, float(sec.least[j]), float(sec.most[j]))
        assert other.min() >= -turned.back[j] - OWN and other.max() <= turned.forth[j] + OWN
        tight += other.max() > 0.9 * turned.forth[j]
    assert tight > 20


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("off", [0.0, 0.05])
def test_the_checker_contains_the_grid(seed: int, off: float) -> None:
    t, lo, hi, il, ih = drawn(seed, 40)
    rng, shares = np.random.default_rng(seed), np.linspace(0, 1, 21)[:, None]
    for j, true in enumerate(t + off * rng.choice([-1.0, 1.0], len(t))):
        at = arb(float(t[j]), off)
        slope, D = TWIN.slope(at)
        assert slope.lower() <= float(p(true)) + OWN and slope.upper() >= float(p(true)) - OWN
        low, high, inner = arb(float(lo[j])), arb(float(hi[j])), (arb(float(il[j])), arb(float(ih[j])))
        least, most = (x * 2.0**-WEIGHT for x in TWIN.weights(at, slope, D, low, high))
        tau, far = moves(lo[j], hi[j]), moves(il[j], ih[j])
        mean = (p(true) - p(true + tau)) / tau
        assert least <= mean.min() + OWN / lo[j] and most >= mean.max() - OWN / lo[j]
        assert least <= float(D) <= most
        rest = float(TWIN.remainder(at, slope, D, *inner).upper())
        assert rest >= float(np.max(p(true + far) - p(true) + float(D) * far)) - OWN
        first, own = TWIN.turned(at, slope, D, *inner)
        up, down = _past(own, *TWIN.weights(at, slope, D, low, high), *inner)
        found = pull(float(true), far, shares, least, most)
        assert found.max() <= float((first + up).upper()) + OWN and found.min() >= -float(down.upper()) - OWN


def test_what_is_no_number_bounds_nothing() -> None:
    t = np.array([np.nan, 0.5])
    at = HINGE.margins(t, np.array([1e-14, np.nan]))
    sec = HINGE.secants(at, np.ones(2), np.ones(2))
    assert np.isnan(at.p[0]) and np.isnan(at.p_off[1]) and np.isnan(sec.most).all() and not (sec.least > 0).any()
    nothing = arb("nan")
    slope, D = TWIN.slope(nothing)
    assert not slope.is_finite() and not TWIN.remainder(nothing, slope, D, arb(1), arb(1)).is_finite()
