"""The pulls of rows of which the largest are taken lie beyond all doubles, or below them: the largest are taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.linalg.balls import largest
from certify.check.theorems.head.norms import total_of
from certify.check.theorems.head.rows.boxes.trap import most
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.moves.norms import farthest
from tests.families.heads import any_rows, ball_head, drawn_head

X, Y, DECAY = (1.0, 1.5, -1.25, 1.75, 2.0, 3000.0), (1.0, 1.25, -1.0, 2.0, 2.0, 2900.0), 64


def refit(kept: tuple[int, ...], s: int, t: int) -> Fraction:
    """The weight without an intercept, of rows times `2^s`, targets times `2^t` and decay times `4^s`."""
    x, y = ([Fraction(v[i]) for i in kept] for v in (X, Y))
    unit = Fraction(2 ** max(t - s, 0), 2 ** max(s - t, 0))
    return unit * sum(a * b for a, b in zip(x, y, strict=True)) / (sum(a * a for a in x) + 6 * DECAY)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("s", "t"), [(0, 0), (490, 560), (500, 520), (-490, -560), (-500, -520)])
def test_no_refit_lies_beyond_the_bound(s: int, t: int, count: int) -> None:
    """One long row is the last: taken for as long as the others, it was left out, and the bound was 2^-10 of it."""
    head = drawn_head(np.random.default_rng(0), "squared", n=6, d=1, N=1, free=False)
    today = float(refit(tuple(range(6)), s, t))
    phi = np.c_[np.ldexp(X, s), np.zeros(6)]
    head = replace(head, phi=phi, Y=np.ldexp(Y, t)[:, None], V=np.array([[today, 0.0]]), points=phi[:1])
    with ctx.workprec(BITS):
        ball = replace(ball_head(head, any_rows(head, count, False)), decay=arb(DECAY) * arb(4) ** s)
        bound = farthest(ball, [today, 0.0], "claim")
        assert bound.is_finite()
        for size in range(count + 1):
            for gone in combinations(range(6), size):
                far = abs(refit(tuple(i for i in range(6) if i not in gone), s, t) - Fraction(today))
                assert bound > arb(far.numerator) / far.denominator


@pytest.mark.parametrize("order", [most, total_of])
@pytest.mark.parametrize("e", [0, 1100, 5000, -1074, -1100, -5000])
def test_the_largest_of_numbers_are_taken_however_large_or_small(
    order: Callable[[list[arb], int], arb], e: int,
) -> None:
    values = [arb(v) * arb(2) ** e for v in (1, 3, 2, 1000, 7)]
    for count, total in ((0, 0), (1, 1000), (2, 1007), (5, 1013)):
        found = order(values, count)
        assert arb(total) * arb(2) ** e <= found <= arb(total) * (1 + arb(2) ** -40) * arb(2) ** e


@pytest.mark.parametrize("none", ["nan", "inf"])
def test_what_is_no_number_is_not_left_out(none: str) -> None:
    for place in range(3):
        values = [arb(1)] * 3
        values[place] = arb(none)
        assert not any(x.is_finite() for x in (most(values, 1), total_of(values, 1), largest(values)))
    assert not total_of([arb("inf"), arb("nan"), arb("inf")], 1).is_finite()
