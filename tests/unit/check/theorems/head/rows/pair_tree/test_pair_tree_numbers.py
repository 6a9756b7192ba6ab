"""Exponentials, numbers side by side and sums for all pairs, against exact ones."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from flint import arb, ctx, fmpz, fmpz_mat
from hypothesis import given
from hypothesis import strategies as st

from certify.check.theorems.head.rows.boxes.fixed_rows import apart, sum_of, together
from certify.check.theorems.head.rows.pair_tree.numbers import EXPONENTS, exps, largest, products

WORDS = st.integers(-(1 << 62), 1 << 62)
SIZES = st.floats(0.0, 1e3) | st.sampled_from([0.0, 1e-170, 1e-9, 1.0])


@given(st.lists(st.floats(-EXPONENTS, EXPONENTS) | st.floats(-1e-3, 1e-3), max_size=5))
def test_exponentials_are_as_near_as_they_say(row: list[float]) -> None:
    with ctx.workprec(200):
        for x, y in zip(row, exps(row), strict=True):
            assert abs(arb(y) * arb(x).exp() - 1) < 2.0**-48


@given(st.lists(WORDS, min_size=1, max_size=6), st.sampled_from([1, 2]))
def test_numbers_side_by_side_come_apart(numbers: list[int], words: int) -> None:
    packed = fmpz(sum_of(numbers, words) << 64 * (words - 1))
    assert apart(packed, len(numbers), words) == numbers


@given(st.lists(st.lists(st.integers(-(1 << 50), 1 << 50), min_size=3, max_size=3), min_size=2, max_size=4),
       st.lists(st.integers(-(1 << 60), 1 << 60), min_size=3, max_size=3))
def test_products_of_rows_side_by_side_are_rounded_down(rows: list[list[int]], step: list[int]) -> None:
    whole = (fmpz_mat([step]) * together(zip(*rows, strict=True), 2))[0, 0]
    exact = [sum(x * y for x, y in zip(row, step, strict=True)) for row in rows]
    assert apart(whole, len(rows), 2) == [x >> 64 for x in exact]


@given(st.integers(1, 4), st.integers(1, 3), st.data())
def test_sums_for_all_pairs_are_above_the_exact_ones(n: int, f: int, data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.lists(SIZES, min_size=f, max_size=f), min_size=n, max_size=n))
    weight = data.draw(st.lists(SIZES, min_size=n, max_size=n))
    exact = [[Fraction(x) for x in line] for line in lines]
    plain, squared = products(lines, weight, f, False), products(lines, weight, f, True)
    for a in range(f):
        for b in range(f):
            each = [Fraction(w) * line[a] * line[b] for w, line in zip(weight, exact, strict=True)]
            assert Fraction(plain[a][b]) >= sum(each) and Fraction(squared[a][b]) ** 2 >= sum(x * x for x in each)
    most = largest(lines, weight, f)
    assert all(Fraction(most[a]) >= max(Fraction(w) * line[a] for w, line in zip(weight, exact, strict=True))
               for a in range(f))


def test_sums_are_sharp_where_sizes_are_alike() -> None:
    rng = np.random.default_rng(3)
    lines, weight = rng.uniform(0.5, 1.0, (40, 5)), rng.uniform(0.5, 1.0, 40)
    plain, squared = (np.array(products(lines.tolist(), weight.tolist(), 5, x)) for x in (False, True))
    truth = lines.T @ (lines * weight[:, None])
    roots = np.sqrt((lines.T**2) @ (lines**2 * (weight**2)[:, None]))
    assert (np.abs(plain / truth - 1.0) < 1e-6).all() and (np.abs(squared / roots - 1.0) < 1e-6).all()


def test_numbers_whose_squares_are_infinite_and_weights_that_are_tiny_or_none() -> None:
    """The bound is one, and as small as the weight makes it: nothing is no number."""
    for weight in (0.0, 2.0**-1000, 2.0**-600):
        for x in (2.0**160, 2.0**184):
            exact = Fraction(weight) * Fraction(x) ** 2
            for squared in (False, True):
                found = products([[x, 0.0]], [weight], 2, squared)
                assert exact <= Fraction(found[0][0]) <= exact * (1 + Fraction(1, 1 << 20)) + Fraction(1, 1 << 400)
                assert 0.0 <= found[0][1] < 2.0**-100
