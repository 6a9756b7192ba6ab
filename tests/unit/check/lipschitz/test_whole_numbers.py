"""Products of whole numbers that stand for real matrices: every member of what comes out is within its radius."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from flint import arb, arb_mat, ctx, fmpz, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.lipschitz.whole_numbers import WIDTH, Diagonal, Image, image, raised
from tests.effort import examples

Rows = list[list[Fraction]]


def rational(M: fmpz_mat, bits: int) -> Rows:
    return [[Fraction(int(x)) / Fraction(2) ** bits for x in row] for row in M.tolist()]


def exact(x: arb) -> Fraction:
    man, exp = x.man_exp()
    return Fraction(int(man)) * Fraction(2) ** int(exp)


def times(A: Rows, B: Rows) -> Rows:
    return [[sum((a * b for a, b in zip(row, column, strict=True)), Fraction(0)) for column in zip(*B, strict=True)]
            for row in A]


def holds(M: Image, member: Rows) -> bool:
    """Whether a matrix is a member, in rationals, and the middle no larger than is said."""
    middle = rational(M.mid, M.bits)
    off = sum((x - y) ** 2 for a, b in zip(middle, member, strict=True) for x, y in zip(a, b, strict=True))
    size = sum(x * x for row in middle for x in row)
    return off <= exact(M.radius) ** 2 and size <= exact(M.size) ** 2 and longest(middle) <= float(exact(M.reach)) * (
        1 + 1e-12)


def longest(M: Rows) -> float:
    return float(np.linalg.norm(np.array([[float(x) for x in row] for row in M]), 2))


def drawn(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Image, Rows]:
    """An image with a radius, and a member that is as far from its middle as may be, to one side."""
    size, bits = int(rng.integers(1, 60)), int(rng.integers(-3, 70))
    mid = fmpz_mat(*shape, [int(x) for x in rng.integers(-2**size, 2**size, shape[0] * shape[1])])
    middle = rational(mid, bits)
    reach = longest(middle) * (1 + 1e-9)
    frobenius = float(sum(x * x for row in middle for x in row)) ** 0.5 * (1 + 1e-9)
    radius = abs(reach) * 2.0 ** float(rng.integers(-30, 1))
    U, s, V = np.linalg.svd(np.array([[float(x) for x in row] for row in middle]))
    far = np.outer(U[:, 0], V[0]) * radius * (1 - 1e-9)
    member = [[x + Fraction(float(y)) for x, y in zip(a, b, strict=True)] for a, b in zip(middle, far, strict=True)]
    return Image(mid, bits, arb(reach), arb(frobenius), arb(radius)), member


@settings(max_examples=examples(120), deadline=None)
@given(st.integers(0, 2**32))
def test_products_sums_and_what_is_cut_hold_every_member(seed):
    rng = np.random.default_rng(seed)
    m, n, k = (int(x) for x in rng.integers(1, 5, 3))
    (A, a), (B, b), (C, c) = drawn(rng, (m, n)), drawn(rng, (n, k)), drawn(rng, (m, n))
    with ctx.workprec(64):
        assert holds(A, a) and holds(B, b)
        assert holds(A * B, times(a, b)) and holds((A * B).short(), times(a, b)) and holds(A.short(), a)
        assert holds(A + C, [[x + y for x, y in zip(u, v, strict=True)] for u, v in zip(a, c, strict=True)])
        assert holds(A.turned, [list(row) for row in zip(*a, strict=True)])
        values = [fmpz(int(x)) for x in rng.integers(-2**20, 2**20, m)]
        D = Diagonal(values, 20, arb(1))
        assert holds(D * A, [[Fraction(int(d), 2**20) * x for x in row] for d, row in zip(values, a, strict=True)])


def test_numbers_above_one_make_all_sizes_as_much_larger():
    with ctx.workprec(64):
        M = Image(fmpz_mat([[1, 0], [0, 1]]), 0, arb(1), arb(2).sqrt().upper(), arb(0.5))
        found = Diagonal([fmpz(8), fmpz(8)], 0, arb(8)) * M
        assert holds(found, [[Fraction(12), Fraction(0)], [Fraction(0), Fraction(8)]])


def test_entries_are_cut_to_some_bits():
    long = Image(fmpz_mat([[2**90, -3]]), 90, arb(2), arb(2), arb(0))
    with ctx.workprec(64):
        short = long.short()
    assert abs(int(short.mid[0, 0])) <= 2**WIDTH and 0 < short.radius < 2.0 ** (5 - WIDTH)
    assert int(short.mid[0, 1]) == -1  # rounded down, so within the radius
    assert short.short() is short


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 2**32))
def test_balls_are_held(seed):
    rng = np.random.default_rng(seed)
    shape, wide = (int(rng.integers(1, 5)), int(rng.integers(1, 5))), 2.0 ** float(rng.integers(-50, -5))
    mids = rng.standard_normal(shape) * 10.0 ** rng.uniform(-20, 20)
    with ctx.workprec(64):
        found = image(arb_mat([[arb(float(x), abs(float(x)) * wide) for x in row] for row in mids]))
    assert found is not None
    sides = rng.choice([-1, 0, 1], shape)
    assert holds(found, [[Fraction(float(x)) + Fraction(abs(float(x)) * wide) * int(s) * Fraction(99, 100)
                          for x, s in zip(row, side, strict=True)] for row, side in zip(mids, sides, strict=True)])


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.floats(0, 1e300), min_size=1, max_size=5))
def test_diagonals_are_rounded_up(values):
    with ctx.workprec(64):
        found = raised([arb(v) for v in values])
    assert found is not None
    for whole, value in zip(found.values, values, strict=True):
        real = Fraction(int(whole)) / Fraction(2) ** found.bits
        assert Fraction(value) <= real <= exact(found.most)
        assert real <= Fraction(value) + Fraction(max(values)) / 2 ** (WIDTH - 1)


def test_of_what_has_no_size_nothing_is_said():
    for x in ("inf", "nan", "-1"):
        assert raised([arb(1), arb(x)]) is None
    assert raised([arb(0, 1)]) is None  # it may be negative
    for x in (arb("inf"), arb("nan"), arb(0, "inf")):
        assert image(arb_mat([[1, x], [0, 1]])) is None
    zero = image(arb_mat(2, 3))
    assert zero is not None and zero.radius == 0 and raised([arb(0)] * 3).values == [0, 0, 0]
