"""D7 in the checker: products of all pairs, and what averages give back, are bounds of the exact numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.theorems.head.rows.energy.averages import returned
from certify.check.theorems.head.rows.energy.forms import products
from certify.check.theorems.head.rows.energy.scores import Scores, finished


@pytest.mark.parametrize("seed", range(6))
def test_products_are_off_by_no_more_than_is_said(seed: int) -> None:
    """Of columns of any sizes; what is said is small beside their lengths, and no number is passed over."""
    rng = np.random.default_rng(seed)
    scale = 2.0 ** rng.integers(-30, 30, 5)
    A, B = rng.standard_normal((7, 5)) * scale, rng.standard_normal((4, 5)) / scale * 10.0 ** rng.uniform(-3, 5)
    with ctx.workprec(64):
        found = products(arb_mat(A.tolist()), arb_mat(B.tolist()))
    assert found is not None
    values, error = found
    for a, line in zip(A.tolist(), values, strict=True):
        for b, value in zip(B.tolist(), line, strict=True):
            exact = sum(Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True))
            assert abs(Fraction(value) - exact) <= Fraction(error)
    assert error <= 1e-5 * max(1.0, np.abs(B * scale).max())


def test_radii_count_and_what_is_no_number_is_no_product() -> None:
    with ctx.workprec(64):
        one = arb_mat([[arb(1, 0.25), arb(2)]])
        found = products(one, arb_mat([[3, 1]]))
        assert found is not None
        assert abs(found[0][0][0] - 5.0) + 0.75 <= found[1] + 1e-6
        for wild in (arb("nan"), arb("inf"), arb(10) ** 300):
            assert products(one, arb_mat([[wild, arb(1)]])) is None


@pytest.mark.parametrize(("width", "k"), [(1, 2), (1, 3), (3, 2)])
def test_what_averages_give_back_is_no_more_than_it_is(width: int, k: int) -> None:
    """Against fractions, with slopes of an alternative's own row far from all others; and nearly all of it."""
    rng, rows = np.random.default_rng([width, k]), [0, 2, 2, 4] if width > 1 else [0, 2, 3, 4]
    for _ in range(10):
        q = np.clip(0.2 + 0.1 * rng.standard_normal((5, 5 * width)), 1e-6, 0.9)
        for x, row in enumerate(rows):
            q[x, row * width : (row + 1) * width] = rng.random(width)
        coarse = Scores(0.0, [0.0] * 5, [[0.0] * 5 for _ in range(5)], k)
        found = returned(coarse, q.tolist(), rows, width)
        assert found is not None
        own = [range(row * width, (row + 1) * width) for row in rows] + [range(0)]
        for x in range(5):
            for y in range(x):
                if x < 4 and rows[x] == rows[y]:
                    assert found.pair[x][y] == -np.inf
                    continue
                total = Fraction(0)
                for i in range(5 * width):
                    if i in own[x] or i in own[y]:
                        continue
                    values = [Fraction(q[z, i]) for z in range(5) if i not in own[z]]
                    high, low = max(values), min(values)
                    half = Fraction(1, 2)
                    worst = (high if high < half else low if low > half else half)
                    h = 1 / (worst * (1 - worst)) if width == 1 else 1 / high
                    total += h * (Fraction(q[x, i]) - Fraction(q[y, i])) ** 2
                given = -Fraction(found.pair[x][y]) - Fraction(found.base)
                assert given <= total / (2 * k * k)
                assert given >= total / (2 * k * k) - Fraction(1, 10**5)
                assert found.pair[x][y] == pytest.approx(found.pair[y][x])


def test_great_numbers_of_either_sign_leave_room_for_what_their_sums_round() -> None:
    """But those in the place of no bound at all, which are above 0 and beside which nothing is below it."""
    for single, most in (([-3e295, 1e295, 0.0], 3e295), ([1e300, -1.0, 0.0], 1.0), ([1.0, 2.0, 0.0], 2.0)):
        found = finished(0.0, single, [[0.0] * 3 for _ in range(3)], [0, 1], 2)
        assert found is not None
        assert 2 * most * 2.0**-53 <= found.base <= 4 * most * 2.0**-44
