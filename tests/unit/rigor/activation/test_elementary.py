"""exp, log1p and the normal tail against Arb, at reduction breakpoints and everywhere else."""

from __future__ import annotations

import math

import numpy as np
from flint import arb

from certify.rigor.activation import elementary
from tests.unit.rigor.activation.running import U


def exp_points() -> np.ndarray:
    """Neighbours of k·ln2/2 for every k (where the reduction switches), tiny, subnormal, clipped, random."""
    breaks = np.arange(-2020, 2020) * (math.log(2) / 2)
    near = np.concatenate([breaks, np.nextafter(breaks, np.inf), np.nextafter(breaks, -np.inf)])
    tiny = np.array([0.0, 5e-324, 2.0**-1022, 1e-300, 2.0**-54, 2.0**-53, 1e-8])
    low = -np.array([1e3, 1e10, 1e300, np.finfo(float).max, 745.2, 708.4, 700.0])
    rng = np.random.default_rng(0)
    x = np.concatenate([near, tiny, -tiny, low, rng.uniform(-700, 700, 3000), rng.uniform(-1, 1, 3000)])
    return x[x <= elementary.EXP_CLIP]


def exp_violations() -> int:
    x = exp_points()
    count = 0
    for point, y in zip(x.tolist(), elementary.exp(x).tolist(), strict=True):
        truth = arb(point).exp() if point > -1e5 else arb(0).union(arb(-1e5).exp())
        count += not abs(truth - y) <= elementary.EXP_ERROR * U * truth.abs_lower() + elementary.UNDERFLOW
    return count


def log1p_violations() -> int:
    rng = np.random.default_rng(0)
    tiny = [0.0, 5e-324, 2.0**-1022, 1e-300, 2.0**-53, 1.0, 1.0 - 2.0**-53, 0.5, 2.0**-27]
    t = np.concatenate([tiny, rng.uniform(0, 1, 5000), 2.0 ** rng.uniform(-80, 0, 2000)])
    results = zip(t.tolist(), elementary.log1p(t).tolist(), strict=True)
    return sum(not abs(arb(v).log1p() - y) <= elementary.LOG1P_ERROR * U for v, y in results)


def test_exp():
    assert exp_violations() == 0
    assert elementary.exp(np.array([0.0, -0.0])).tolist() == [1.0, 1.0]


def test_exp_with_error_zero_is_wrong(monkeypatch):
    monkeypatch.setattr(elementary, "EXP_ERROR", 0.0)
    assert exp_violations() > 100


def test_exp_without_the_clip_s_term_is_wrong(monkeypatch):
    monkeypatch.setattr(elementary, "UNDERFLOW", 0.0)
    assert exp_violations() > 0


def test_log1p():
    assert log1p_violations() == 0


def test_log1p_with_error_zero_is_wrong(monkeypatch):
    monkeypatch.setattr(elementary, "LOG1P_ERROR", 0.0)
    assert log1p_violations() > 100


def test_normal_tail_and_density():
    """`t = e^(−a²/2)` is given exactly up to u; the rest of A5 is a few units of the tail at 0."""
    a = np.concatenate([[0.0, 5e-324, 1e-300, 4.0, 10.0], np.random.default_rng(0).uniform(0, 10, 3000)])
    t = np.array([float((-arb(v) * v / 2).exp()) for v in a.tolist()])
    tails, densities = elementary.normal_tail(a, t), elementary.normal_density(t)
    for v, tail, density in zip(a.tolist(), tails.tolist(), densities.tolist(), strict=True):
        assert abs((arb(v) / arb(2).sqrt()).erfc() / 2 - tail) <= 4 * U
        assert abs((-arb(v) * v / 2).exp() / (2 * arb.pi()).sqrt() - density) <= 2 * U
