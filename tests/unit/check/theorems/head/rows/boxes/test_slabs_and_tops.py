"""Curvatures on slabs and sums of the largest pulls, against what they bound."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, ctx, fmpz

from certify.check.theorems.head.rows.boxes.bends import bends, third
from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT
from certify.check.theorems.head.rows.boxes.largest import BACK, tops
from certify.check.theorems.head.rows.boxes.slabs import slope, weights


def test_curvatures_on_a_slab_hold_every_mean():
    rng, close = np.random.default_rng(3), 0
    with ctx.workprec(100):
        for _ in range(40):
            t, lo, hi = arb(float(rng.normal() * 3)), arb(float(rng.exponential())), arb(float(rng.exponential()))
            p, bend = slope(t)
            least, most = (arb(x) / 2**WEIGHT for x in weights(t, p, bend, lo, hi))
            means = [bend]
            for share in np.linspace(0.02, 1, 25):
                for step in (-lo * float(share), hi * float(share)):
                    means.append((p - slope(t + step)[0]) / step)
            assert all(least <= mean <= most for mean in means)
            close += bool(min(float(mean) for mean in means) < float(least) + 1e-9)
    assert close > 10


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_sums_of_the_largest_pulls_are_no_less_than_any_choice(k):
    rng = np.random.default_rng(k)
    for _ in range(60):
        row = [fmpz(int(x)) for x in rng.integers(-1000, 1000, size=k + int(rng.integers(0, 60)))]
        ratio, floor = int(rng.integers(0, 3 << BACK)), int(rng.integers(0, 300))
        for sign, top, rest in zip((1, -1), tops(row, k, ratio, floor)[::2], tops(row, k, ratio, floor)[1::2],
                                   strict=True):
            each = sorted((max(sign * int(x), -sign * int(x) * ratio / (1 << BACK), floor) for x in row), reverse=True)
            assert sum(each[:k]) <= top <= sum(each[:k]) + k
            assert k == 1 or sum(each[:k - 1]) <= rest <= sum(each[:k - 1]) + k


def test_what_a_loss_bends_lies_between_both_ends():
    """g of the slab's ends and of points between them, far and near, at a precision where nothing cancels."""
    rng, seen = np.random.default_rng(5), [0, 0]
    with ctx.workprec(160):
        for _ in range(60):
            t, lo, hi = (float(x) for x in (rng.normal() * 3, *rng.exponential(size=2) * 10.0 ** rng.uniform(-2, 1)))
            p, bend = slope(arb(t))
            low, high = bends(arb(t), p, bend, lo, hi)
            means = [2 * (p - slope(t + arb(x))[0] - bend * arb(x)) / arb(x) ** 2
                     for share in np.linspace(0.05, 1, 20) for x in (-lo * share, hi * share)]
            assert all(low <= mean <= high for mean in [*means, third(p, bend)]) and high - low < 0.3
            seen[0] += bool(max(map(float, means)) > high - 1e-3)
            seen[1] += bool(min(map(float, means)) < low + 1e-3)
    assert min(seen) > 20
