"""What second differences of slopes may grow by: at least the exact number, near 0 too, where a series bounds it."""

from __future__ import annotations

import pytest
from flint import arb, ctx

from certify.check.stored.lengths.slopes import SHORT, bend_over


@pytest.mark.parametrize("part", [2.0**-20, 0.1, 0.5, 1.0, 1.5, 1000.0])
def test_a_bend_is_never_less_than_the_exact_one(part):
    x = arb(SHORT) * part
    found = bend_over(x)
    with ctx.workprec(400):
        exact = (x.expm1() - x) / x**2
        assert found >= exact and found < exact * (1 + x)
