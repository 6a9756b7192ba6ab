"""Products of the entries of rows: in long integers the same as one by one, and the radius holds what is off."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.linalg import outer
from certify.check.linalg.fixed import Fixed, enclosed
from certify.check.linalg.outer import facing, facings
from tests.effort import examples
from tests.unit.check.linalg.test_fixed import drawn, exact, held, loose

SEEDS = st.integers(0, 10**9)


def faced(A, B):
    return [[x * y for x in u for y in v] for u, v in zip(A, B, strict=True)]


@settings(max_examples=examples(100), deadline=None)
@given(seed=SEEDS, bits=st.sampled_from([3, 40, 61]), columns=st.sampled_from([1, 4, 9]), pairs=st.sampled_from([1, 2]))
def test_rows_of_products_in_long_integers_are_those_one_by_one(seed, bits, columns, pairs):
    """Signs, zeros and numbers at the very rim, with every number of bits cut off."""
    rng = np.random.default_rng(seed)
    rim = (1 << bits) - 1
    lists = [[[[int(rng.choice([rim, -rim, 0, 1, -1, int(rng.integers(-rim, rim + 1))])) for _ in range(n)]
               for _ in range(3)] for n in (2, columns)] for _ in range(pairs)]
    for drop in {max(0, 2 * bits - 61), min(62, 2 * bits), 62}:
        truth = [sum(z) >> drop for rows in zip(*(faced(*pair) for pair in lists), strict=True)
                 for z in zip(*rows, strict=True)]
        assert outer._packed(lists, drop) == truth
    fixed = [tuple(Fixed(fmpz_mat(M), 5, arb(0)) for M in pair) for pair in lists]
    found = facings([fixed], 60)
    with pytest.MonkeyPatch.context() as m:
        m.setattr(outer, "PACKED", 1 << 60)
        other = facings([fixed], 60)
    assert (found.bits, found.radius) == (other.bits, other.radius)
    assert all(0 <= x - y < pairs for x, y in zip(found.mid.entries(), other.mid.entries(), strict=True))


@settings(max_examples=examples(100), deadline=None)
@given(seed=SEEDS, width=st.sampled_from([12, 30, 60, 80]))
def test_sums_of_products_and_blocks_hold_the_exact_result(seed, width):
    rng = np.random.default_rng(seed)
    m, *n = (int(x) for x in rng.integers(1, 6, 5))
    radius = float(rng.choice([0.0, 1e-9, 1e-3]))
    rows = [[drawn(rng, m, k) for k in sides] for sides in (n[:2], n[:2], n[2:])]
    if rng.random() < 0.3:
        rows[1][1] = [[0.0] * n[1] for _ in range(m)]
    with ctx.workprec(128):
        a, b, c = (tuple(enclosed(loose(rng, M, radius), width) for M in pair) for pair in rows)
        E, F, G = (faced(*map(exact, pair)) for pair in rows)
        truth = [[*(x + y for x, y in zip(u, v, strict=True)), *w] for u, v, w in zip(E, F, G, strict=True)]
        assert held(facings([[a, b], [c]], width), truth)
        assert held(facing(*c, width), G)


def test_units_that_are_far_apart_make_no_long_numbers():
    A, far, zero = (Fixed(fmpz_mat([[3] * 5, [1] * 5]), bits, arb(0)) for bits in (0, 10**9, 0))
    found = facings([[(A, A), (far, far)], [(A, Fixed(zero.mid * 0, 0, arb(0)))]], 60)
    assert max(x.bit_length() for x in found.mid.entries()) <= 61
    assert held(found, [[Fraction(9)] * 25 + [Fraction(0)] * 25, [Fraction(1)] * 25 + [Fraction(0)] * 25])


@pytest.mark.parametrize("name", ["cut", "radius"])
def test_each_part_of_the_radius_is_needed(name, monkeypatch):
    if name == "cut":
        monkeypatch.setattr(outer, "cut", lambda shape, bits: arb(0))
    missed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        A, B = drawn(rng, 3, 3), drawn(rng, 3, 3)
        with ctx.workprec(128):
            a, b = (enclosed(loose(rng, M, 0.0 if name == "cut" else 1e-6), 60) for M in (A, B))
            a = Fixed(a.mid, a.bits, a.radius if name == "cut" else arb(0))
            missed += not held(facing(a, b, 20 if name == "cut" else 60), faced(exact(A), exact(B)))
    assert missed
