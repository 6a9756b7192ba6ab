"""The largest eigenvalue by one vector: what it says is true for every member, and near a true end it says it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.linalg.definite import Truth
from certify.check.linalg.small import topmost
from certify.check.linalg.small.topmost import Topmost
from tests.effort import examples

SEEDS = st.integers(0, 10**9)


def definite(rows, most):
    """Whether `most·I − G ≻ 0`, and whether it is semidefinite at least, by elimination in rationals."""
    a = [[(most if r == c else fmpq(0)) - x for c, x in enumerate(row)] for r, row in enumerate(rows)]
    strict = True
    while a:
        pivot = max(range(len(a)), key=lambda j: a[j][j])
        if a[pivot][pivot] < 0:
            return False, False
        if a[pivot][pivot] == 0:
            return False, all(x == 0 for row in a for x in row)
        left = [j for j in range(len(a)) if j != pivot]
        a = [[a[r][c] - a[r][pivot] * a[pivot][c] / a[pivot][pivot] for c in left] for r in left]
        if any(a[j][j] < 0 for j in range(len(a))):
            return False, False
    return strict, True


def drawn(rng, d):
    """A symmetric matrix of rationals with exact binary fractions: of low rank, full, or with equal eigenvalues."""
    kind = rng.choice(["few", "full", "equal", "negative"])
    B = rng.integers(-9, 10, (d, int(rng.integers(1, 3)) if kind == "few" else d))
    G = B @ B.T * (-1 if kind == "negative" else 1)
    if kind == "equal":
        G = int(rng.integers(1, 9)) * np.eye(d, dtype=int)
    return [[Fraction(int(x), 1 << 5) for x in row] for row in G]


def balls(rows, radius=0.0):
    return arb_mat([[arb(x.numerator) / x.denominator + arb(0, radius) for x in row] for row in rows])


@settings(max_examples=examples(200), deadline=None)
@given(seed=SEEDS, d=st.integers(1, 7), bits=st.sampled_from([60, 128]), step=st.sampled_from([0, 1e-12, 1e-6, 0.1]))
def test_what_is_said_is_true_of_every_member(seed, d, bits, step):
    """Of members at the rims of the balls too."""
    rng = np.random.default_rng(seed)
    rows, radius = drawn(rng, d), float(rng.choice([0.0, 2.0**-40, 2.0**-4]))
    top = float(np.linalg.eigvalsh(np.array(rows, dtype=float))[-1])
    most = top * (1 + step * float(rng.choice([-1, 1]))) + float(rng.choice([-1, 0, 1])) * radius * d
    with ctx.workprec(bits):
        said = Topmost(balls(rows, radius)).below(arb(most))
    for _ in range(3):
        off = Fraction(radius) * int(rng.integers(-1, 2))
        signs = rng.choice([-1, 1], (d, d))
        member = [[x + off * int(signs[min(r, c), max(r, c)]) for c, x in enumerate(row)] for r, row in enumerate(rows)]
        strict, semi = definite([[fmpq(x.numerator, x.denominator) for x in row] for row in member],
                                fmpq(*most.as_integer_ratio()))
        assert strict if said is Truth.PROVED else not semi if said is Truth.DISPROVED else True


@pytest.mark.parametrize("d", [2, 12, 64])
def test_both_sides_are_near(d):
    rng = np.random.default_rng(d)
    B = rng.normal(size=(d, 4)) * [1, 0.5, 0.3, 0.1]
    top = float(np.linalg.eigvalsh(B @ B.T)[-1])
    with ctx.workprec(128):
        C = arb_mat(B.tolist())
        found = Topmost(C * C.transpose())
        assert found.below(arb(top) * (1 + 1e-9)) is Truth.PROVED
        assert found.below(arb(top) * (1 - 1e-9)) is Truth.DISPROVED


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_what_is_not_finite_is_not_known(bad):
    assert Topmost(arb_mat([[arb(bad), arb(1)], [arb(1), arb(2)]])).below(arb(10)) is Truth.UNDECIDED


@pytest.mark.parametrize("part", ["_by_rows", "_by_entries", "_seen"])
def test_each_part_is_needed(part, monkeypatch):
    """With two equal eigenvalues and a vector for one of them, or with a vector that is none."""
    zero = property(lambda self: arb(0))
    if part == "_seen":
        honest = Topmost._seen.func
        monkeypatch.setattr(Topmost, "_seen", property(lambda self: (*honest(self)[:2], arb(0))))
        monkeypatch.setattr(topmost, "ROUNDS", 0)
        G = arb_mat([[3, 1], [1, 1]])
        monkeypatch.setattr(Topmost, "_vector", property(lambda self: arb_mat([[1], [0]])))
        assert Topmost(G).below(arb(3.2)) is Truth.PROVED  # a lie: the largest is above 3.4
        return
    monkeypatch.setattr(Topmost, "_vector", property(lambda self: arb_mat([[1], [0]])))
    G = arb_mat([[1, 0], [0, 2]])
    assert Topmost(G).below(arb(1.5)) is Truth.UNDECIDED
    monkeypatch.setattr(Topmost, part, zero)
    assert Topmost(G).below(arb(1.5)) is Truth.PROVED  # a lie: the largest is 2


def test_what_is_left_takes_from_the_room(monkeypatch):
    """A vector that is a little off, and a largest eigenvalue of 1.0125: `|E|² = 0.0064` lies between both products."""
    monkeypatch.setattr(Topmost, "_vector", property(lambda self: arb_mat([[1], [0]])))
    found = Topmost(arb_mat([[1, 0.08], [0.08, 0.5]]))
    assert found.below(arb(1.01)) is Truth.UNDECIDED and found.below(arb(1.02)) is Truth.PROVED
    assert found.below(arb(0.99)) is Truth.DISPROVED


@pytest.mark.parametrize("gap", [0.5, 1e-6, 0.0])
def test_a_search_that_ends_soon_goes_on_where_it_decides_nothing(gap):
    """With two eigenvalues near each other the first vector is far from both, and the second not always needed."""
    rng = np.random.default_rng(5)
    Q = np.linalg.qr(rng.normal(size=(9, 9)))[0]
    G = Q @ np.diag([1.0, 1 - gap, *np.linspace(0.5, 0.1, 7)]) @ Q.T
    G = (G + G.T) / 2
    top = float(np.linalg.eigvalsh(G)[-1])
    with ctx.workprec(128):
        soon, late = Topmost(arb_mat(G.tolist()), topmost.SOON), Topmost(arb_mat(G.tolist()))
        for step in (1e-4, 1e-9, -1e-9, -1e-4):
            most = arb(top) * (1 + step)
            said = soon.below(most)
            assert said is late.below(most) or late.below(most) is Truth.UNDECIDED
            assert said is not (Truth.PROVED if step < 0 else Truth.DISPROVED)
        assert soon.below(arb(top) * (1 + 1e-9)) is late.below(arb(top) * (1 + 1e-9))
