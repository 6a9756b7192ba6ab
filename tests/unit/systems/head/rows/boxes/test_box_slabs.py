"""Secants and remainders on slabs against a fine grid, prover and checker."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb

from certify.check.theorems.head.rows.boxes import slabs as checked
from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT
from certify.systems.head.rows.boxes.slabs import least_remainder, margins, secants
from certify.theorems.head.rows.boxes.stated import coded, decoded

OWN = 1e-11
"""What the difference quotients of the grid are off by."""


def slope(t: np.ndarray) -> np.ndarray:
    return -1 / (1 + np.exp(t.astype(np.longdouble)))


def drawn(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    t = rng.standard_normal(n) * rng.choice([0.1, 1.0, 4.0, 15.0], n)
    t[:3] = 0.0, 1e-9, -1e-9
    return t, 10.0 ** rng.uniform(-4, 1.2, n), 10.0 ** rng.uniform(-4, 1.2, n)


def truth(t: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least and most secant, and the largest negative remainder, on a grid."""
    p = -slope(t)
    D = p * (1 - p)
    least, most, rest = np.ones(len(t)), np.zeros(len(t)), np.zeros(len(t))
    for part in np.linspace(0, 1, 1500)[1:]:
        for tau in (-lo * part, hi * part):
            mean = (slope(t + tau) - slope(t)) / tau
            least, most = np.minimum(least, mean), np.maximum(most, mean)
            rest = np.maximum(rest, -(slope(t + tau) - slope(t) - D * tau))
    return least, most, rest


@pytest.mark.parametrize("seed", range(4))
def test_the_prover_contains_the_grid_and_not_much_more(seed: int) -> None:
    t, lo, hi = drawn(seed)
    at = margins(t, np.full(len(t), 1e-13))
    sec = secants(at, lo, hi)
    least, most, rest = truth(t, lo, hi)
    assert (sec.least <= least + OWN).all() and (sec.most >= most - OWN).all()
    assert (sec.least >= least - 1e-8).all() and (sec.most <= most * 1.002 + 1e-4).all()
    assert (sec.least <= at.D).all() and (at.D <= sec.most).all()
    found = least_remainder(at, np.arange(len(t)), lo, hi)
    assert (found >= rest - OWN).all() and (found <= rest + 1e-4).all()


@pytest.mark.parametrize("seed", range(2))
def test_the_checker_contains_the_grid(seed: int) -> None:
    t, lo, hi = drawn(seed, 60)
    least, most, rest = truth(t, lo, hi)
    for j in range(len(t)):
        at, low, high = arb(float(t[j])), arb(float(lo[j])), arb(float(hi[j]))
        p, D = checked.slope(at)
        small, large = checked.weights(at, p, D, low, high)
        assert small <= (float(least[j]) + OWN) * 2**WEIGHT and large >= (float(most[j]) - OWN) * 2**WEIGHT
        assert large <= (float(most[j]) * 1.002 + 1e-4) * 2**WEIGHT
        found = checked.remainder(at, p, D, low, high)
        assert found >= float(rest[j]) - 1e-12 and found <= float(rest[j]) + 1e-4


def test_a_margin_known_badly_gives_wide_secants() -> None:
    sure, unsure = (margins(np.array([1.0]), np.array([off])) for off in (1e-15, 0.2))
    one = np.array([0.5])
    assert secants(unsure, one, one).least < secants(sure, one, one).least
    assert secants(unsure, one, one).most > secants(sure, one, one).most


def test_codes_are_not_below_what_they_stand_for() -> None:
    x = 10.0 ** np.random.default_rng(0).uniform(-6, 4, 1000)
    back = decoded(coded(x))
    assert (back >= x).all() and (back <= np.maximum(x * 1.008, 2.0**-14)).all()
