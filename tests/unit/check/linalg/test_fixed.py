"""Fixed point: the radius holds what is cut off; an inverse and a largest eigenvalue are judged, never believed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.linalg import fixed
from certify.check.linalg.blocks import assembled
from certify.check.linalg.definite import Truth
from certify.check.linalg.deflated import SMALL, Largest
from certify.check.linalg.fixed import Fixed, enclosed, scale
from certify.check.linalg.inverse import LEAF, judged, proposed
from certify.check.linalg.large import products
from certify.check.linalg.large.products import product, total
from certify.check.linalg.outer import facing
from tests.effort import examples
from tests.oracles import taylor as taylor_oracle

SEEDS, WIDTHS = st.integers(0, 10**9), st.sampled_from([6, 12, 30, 60, 100])


def drawn(rng, m, n):
    """A matrix of rationals of very different sizes, with exact binary fractions."""
    sizes = 2.0 ** rng.integers(-30, 30, (m, n)) if rng.random() < 0.5 else 1.0
    return (rng.normal(size=(m, n)) * sizes).tolist()


def loose(rng, rows, radius):
    """Balls of that radius whose middles are off by up to it."""
    return arb_mat([[arb(x + radius * float(rng.uniform(-0.99, 0.99)), radius) for x in row] for row in rows])


def exact(rows):
    return [[Fraction(x) for x in row] for row in rows]


def times(A, B):
    return [[sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*B, strict=True)] for row in A]


def held(found: Fixed, truth) -> bool:
    """Whether the truth lies within the radius in Frobenius norm, in exact numbers."""
    shift = Fraction(2) ** -found.bits
    gap = sum((Fraction(int(x)) * shift - y) ** 2 for row, own in zip(found.mid.tolist(), truth, strict=True)
              for x, y in zip(row, own, strict=True))
    man, exp = found.radius.man_exp()
    return gap <= (Fraction(int(man)) * Fraction(2) ** int(exp)) ** 2


@pytest.mark.parametrize("corner", [0.0, 1e-30, 1e-9])
def test_an_indefinite_matrix_with_a_singular_block_has_an_inverse(corner):
    """As at a saddle where the first layer's block vanishes: the first half of the rows is singular, the whole not."""
    rng = np.random.default_rng(3)
    N, m = 2 * LEAF + 8, LEAF
    M = rng.normal(size=(N, N))
    M = M + M.T
    M[:m, :m] *= corner
    with ctx.workprec(128):
        A = enclosed(arb_mat(M.tolist()), 60)
        found = judged(A, proposed(A, 60))
        assert found.X is not None and found.error < 1e-6
        M[:, 0] = M[:, 1]
        M[0] = M[1]
        A = enclosed(arb_mat(M.tolist()), 60)
        assert judged(A, proposed(A, 60)).X is None


@settings(max_examples=examples(150), deadline=None)
@given(seed=SEEDS, width=WIDTHS)
def test_what_is_done_in_fixed_point_holds_the_exact_result(seed, width):
    rng = np.random.default_rng(seed)
    m, n, q = rng.integers(1, 5, 3)
    radius = float(rng.choice([0.0, 1e-9, 1e-3]))
    A, B, C = drawn(rng, m, n), drawn(rng, n, q), drawn(rng, m, q)
    with ctx.workprec(128):
        a, b, c = (enclosed(loose(rng, M, radius), width) for M in (A, B, C))
        E, F, G = exact(A), exact(B), exact(C)
        assert held(a, E) and held(a.turned, [list(u) for u in zip(*E, strict=True)])
        assert held(product(a, b, width), times(E, F))
        assert held(facing(a, c, width), [[x * y for x in u for y in v] for u, v in zip(E, G, strict=True)])
        ab = product(a, b, width)
        assert held(total([ab, c]), [[x + y for x, y in zip(*pair, strict=True)] for pair in zip(
            times(E, F), G, strict=True)])
        for bits in (a.bits - 5, a.bits + 5):
            assert held(a.at(bits), E)
        with ctx.workprec(600):
            size = sum((x * x for x in (arb_mat(a.mid) * scale(a.bits)).entries()), arb(0)).sqrt()
            assert not a.size < size and a.size <= size * (1 + arb(2) ** -60) + arb(2) ** -500
        assert all(x.contains(arb(y)) for x, y in zip(loose(rng, A, 0).entries(), sum(A, []), strict=True))
        assert all(x.contains(y.numerator * (arb(1) / y.denominator)) for x, y in zip(
            a.balls().entries(), sum(E, []), strict=True))


@settings(max_examples=examples(60), deadline=None)
@given(seed=SEEDS, shape=st.sampled_from([(8, 8), (11, 9), (9, 30), (40, 8)]), graded=st.booleans())
def test_no_vector_is_stretched_further_than_the_reach(seed, shape, graded):
    rng = np.random.default_rng(seed)
    M = rng.integers(-1 << 40, 1 << 40, shape) >> (rng.integers(0, 40, shape) if graded else 0)
    found = Fixed(fmpz_mat(M.tolist()), 7, arb(0))
    least = np.linalg.norm(M.astype(float) / 2.0**7, 2)
    assert least * (1 - 1e-12) <= found.reach and found.reach <= least * np.sqrt(max(shape)) * (1 + 1e-12)
    parts = fixed.reach_of([fmpz_mat(M[:3].tolist()), fmpz_mat(M[3:].tolist())]) / 2**7
    assert least * (1 - 1e-12) <= parts and abs(float(parts / found.reach) - 1) < 1e-6


def test_the_length_of_the_largest_entry_is_found_wherever_it_stands(monkeypatch):
    monkeypatch.setattr(fixed, "FEW", 4)
    for at in range(12):
        for size, top in ((1, 1), (5, 3), (2**-7, -6), (2.0**40, 41), (0.999, 0)):
            values = [arb(0.375)] * 12
            values[at] = arb(-size)
            assert fixed._length(arb_mat(3, 4, values)) in (max(top, -1), max(top, -1) + 1)
    assert fixed._length(arb_mat(3, 4)) is None
    one = arb_mat(3, 4, [arb(0)] * 11 + [arb(2) ** 5000])
    assert fixed._length(one) == 5001


def test_products_in_bands_are_those_at_once(monkeypatch):
    rng = np.random.default_rng(1)
    A, B = (enclosed(arb_mat(rng.normal(size=s).tolist()), 40) for s in ((23, 7), (7, 5)))
    whole = product(A, B, 60)
    monkeypatch.setattr(fixed, "BAND", 4)
    assert product(A, B, 60).at(40).mid == whole.at(40).mid


@pytest.mark.parametrize("name", ["cut", "radius of A", "radius of B", "enclosed"])
def test_each_part_of_the_radius_is_needed(name, monkeypatch):
    """Without it some product no longer holds the truth."""
    if name in ("cut", "enclosed"):
        monkeypatch.setattr(fixed if name == "enclosed" else products, "cut", lambda shape, bits: arb(0))
    missed = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        A, B = drawn(rng, 3, 3), drawn(rng, 3, 3)
        with ctx.workprec(128):
            a, b = (enclosed(loose(rng, M, 1e-6 if "radius" in name else 0.0), 60 if "radius" in name else 20)
                    for M in (A, B))
            if name == "enclosed":
                missed += not held(a, exact(A))
                continue
            a = replace(a, radius=arb(0)) if name == "radius of A" else a
            b = replace(b, radius=arb(0)) if name == "radius of B" else b
            missed += not held(product(a, b, 20 if name == "cut" else 60), times(exact(A), exact(B)))
    assert missed


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_what_is_not_finite_is_not_known(bad):
    M = enclosed(arb_mat([[arb(bad), arb(1)], [arb(1), arb(2)]]), 60)
    assert not M.radius.is_finite()
    assert proposed(M, 60) is None and judged(M, Fixed(fmpz_mat(2, 2, [1, 0, 0, 1]), 0, arb(0))).X is None
    assert Largest(M).below(arb(10)) is Truth.UNDECIDED
    assert not product(M, M, 60).radius.is_finite()


@settings(max_examples=examples(60), deadline=None)
@given(seed=SEEDS, N=st.integers(1, 2 * LEAF + 3), kind=st.sampled_from(["definite", "indefinite", "singular"]))
def test_an_inverse_is_one_of_every_member(seed, N, kind):
    rng = np.random.default_rng(seed)
    J = rng.integers(-9, 10, (N, N + 3 if kind != "singular" else max(1, N - 1)))
    A = (J @ J.T - (20 * np.eye(N, dtype=int) if kind == "indefinite" else 0)).tolist()
    if kind == "singular" and N == 1:
        A = [[0]]
    with ctx.workprec(128):
        held_by = enclosed(arb_mat(A), 60)
        off = Fixed(held_by.mid, held_by.bits, arb(float(rng.choice([0.0, 1e-9, 1e-3]))))
        found = judged(off, proposed(off, 60))
        if kind == "singular":
            assert found.X is None
        if found.X is None:
            return
        E = arb_mat(found.X.mid) * scale(found.X.bits) * arb_mat(A)
        gap = sum(((x - (i % (N + 1) == 0)) ** 2 for i, x in enumerate(E.entries())), arb(0)).sqrt()
        shift = found.X.size * off.radius  # some member is as far from A as the radius says
        assert gap + shift <= found.error * (1 + arb(2) ** -40) + arb(2) ** -40
        assert found.error < 1 and (1 + found.error) ** 2 <= 1 + found.defect * (1 + arb(2) ** -60)


def test_a_wrong_inverse_proves_nothing():
    A = enclosed(arb_mat([[2, 1], [1, 3]]), 60)
    X = proposed(A, 60)
    assert judged(A, X).error < 1e-12
    assert judged(A, Fixed(X.mid * 3, X.bits, X.radius)).X is None
    assert judged(A, Fixed(fmpz_mat(2, 2), 0, arb(0))).X is None
    assert judged(Fixed(A.mid, A.bits, arb(2)), X).X is None
    for unit in (-10**30, -10**4, 10**4, 10**30):  # one of a matrix in quite another unit
        assert judged(A, Fixed(X.mid, X.bits + 10 * unit, X.radius)).X is None


@settings(max_examples=examples(15), deadline=None)
@given(seed=SEEDS, N=st.sampled_from([3, 40, SMALL + 1]), radius=st.sampled_from([0.0, 1e-7]),
       flat=st.booleans(), step=st.sampled_from([1e-9, 1e-6, 1e-3]))
def test_the_largest_eigenvalue_on_both_sides(seed, N, radius, flat, step):
    """Against eigenvalues that are known: a reflection of a diagonal matrix, in exact fractions of two."""
    rng = np.random.default_rng(seed)
    v = rng.integers(-3, 4, N)
    v[0], unit = 1, int(v @ v) + (v[0] != 1)
    values = np.sort(rng.integers(0, 1 << 20, N))[::-1] if flat else (1 << 20) // (1 + np.arange(N)) ** 2
    top = int(values[0])
    with ctx.workprec(256):
        d = [arb(int(x)) for x in values]
        w = [arb(int(x)) for x in v]
        s = arb(2) / int(v @ v)  # (I − s vvᵀ) D (I − s vvᵀ)
        dv = [x * y for x, y in zip(d, w, strict=True)]
        vdv = sum((x * y for x, y in zip(w, dv, strict=True)), arb(0))
        G = arb_mat([[(d[i] if i == j else 0) - s * (dv[i] * w[j] + w[i] * dv[j]) + s * s * vdv * w[i] * w[j]
                      for j in range(N)] for i in range(N)])
        found = enclosed(G, 60)
        found = Largest(Fixed(found.mid, found.bits, found.radius + radius))
        assert found.below(arb(top) * (1 + arb(step)) + 3 * radius) is Truth.PROVED
        assert found.below(arb(top) * (1 - arb(step)) - 3 * radius) is Truth.DISPROVED
        assert found.below(arb(top)) is Truth.UNDECIDED
        assert found.below(arb(top) + radius / 2) is not Truth.PROVED
        assert found.below(arb(top) - radius / 2) is not Truth.DISPROVED
    assert unit >= 1


@settings(max_examples=examples(80), deadline=None)
@given(seed=SEEDS, size=st.sampled_from([-200, -60, -3, 0, 3, 60, 200]))
def test_numbers_on_the_diagonal_err_beside_the_blocks(seed, size):
    """A block at its very radius and a number that is cut: both errors are of one entry, and add up."""
    rng = np.random.default_rng(seed)
    problem = taylor_oracle.problem(rng, loss="squared", widths=[1] * int(rng.integers(2, 5)), free=(1,))
    p = problem.layers[0].parameters
    mid, bits = fmpz_mat(p, p, [int(x) for x in rng.integers(-9, 10, p * p)]), int(rng.integers(-20, 20))
    number, radius = Fraction(float(rng.uniform(0.5, 1))) * Fraction(2) ** size, Fraction(2) ** -bits
    truth = [[Fraction(int(x)) * radius for x in row] for row in mid.tolist()]
    truth[-1][-1] += radius
    for j in range(p):
        truth[j][j] += number
    with ctx.workprec(600):
        own = arb(number.numerator) / number.denominator
        assert held(assembled(problem, {(1, 1): Fixed(mid, bits, scale(bits))}, {1: own}), truth)


@pytest.mark.parametrize("unit", [-10**12, -3000, 3000, 10**12])
def test_the_unit_of_a_matrix_does_not_matter(unit):
    """A Hessian far from 1, as where a loss is flat: the fraction is as long as it takes, no number gets longer."""
    rng = np.random.default_rng(4)
    M = rng.normal(size=(5, 5))
    with ctx.workprec(128):
        A = enclosed(arb_mat((M + M.T).tolist()) * scale(unit), 60)
        found = judged(A, proposed(A, 60))
        assert found.X is not None and found.error < 1e-12
        problem = taylor_oracle.problem(rng, loss="squared", widths=[5, 1], free=(1,))
        p = problem.layers[0].parameters
        A = enclosed(arb_mat(np.eye(p).tolist()) * scale(unit), 60)
        completed = assembled(problem, {(1, 1): A}, {1: arb(1)})
        assert max(x.bit_length() for x in completed.mid.entries()) < 10**4
        assert judged(completed, proposed(completed, 60)).X is not None
        zero = assembled(problem, {(1, 1): Fixed(fmpz_mat(p, p), 0, arb(0))}, {1: scale(unit)})
        assert judged(zero, proposed(zero, 60)).X is not None


@pytest.mark.parametrize("shape", [(200, 9), (9, 200), (40, 40)])
def test_reach_is_above_the_operator_norm(shape):
    """Of tall and of wide matrices by the Frobenius norm, of others by sums of rows and columns."""
    rng = np.random.default_rng(1)
    values = rng.integers(-99, 100, shape)
    M, top = Fixed(fmpz_mat(values.tolist()), 3, arb(0)), float(np.linalg.norm(values, 2)) / 8
    assert M.reach >= top and M.turned.reach >= top
