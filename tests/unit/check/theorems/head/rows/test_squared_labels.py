"""D3 in the checker against every change of every subset, in rationals."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz

from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.squared.ridge import Ridge, whole_rows
from certify.check.theorems.head.rows.squared_labels import Labels, Swings, largest_drops, proved
from tests.families.heads import any_rows, ball_head, drawn_head
from tests.families.squared_heads import SmallHead, small_head
from tests.oracles import squared_head as oracle


def problem(head: SmallHead, loose: arb | None = None) -> tuple[Labels, list[list[int]]]:
    may = [[c for c in range(len(head.codes)) if c != a] for a in head.label]
    system = Ridge(head.phi.tolist(), arb(head.mu), head.decayed.tolist(), *([] if loose is None else [loose]))
    return Labels(system, head.Y.tolist(), head.codes.tolist(), may, head.threshold), may


@pytest.mark.parametrize(("outputs", "n", "seed"), [(1, 6, s) for s in range(20)] + [(3, 4, s) for s in range(15)]
                         + [(1, 1, 0)])
def test_stays_and_falls_as_the_exact_number_says(outputs: int, n: int, seed: int) -> None:
    head = small_head(np.random.default_rng([seed, outputs, n]), n, outputs)
    labels, may = problem(head)
    points, today = head.points.tolist(), head.today.tolist()
    truth = [oracle.tolerated_labels(head.phi.tolist(), head.Y.tolist(), head.mu, head.decayed.tolist(), e, a,
                                     head.codes.tolist(), may, head.threshold)
             for e, a in zip(points, today, strict=True)]
    if labels.system.inverse.X is None:
        assert not head.decayed.all()
        return
    for m in range(n + 1):
        stays = labels.stays(points, today, [m] * 3)
        falls = labels.falls(points, today, [m] * 3)
        for (strict, loose), stay, fall in zip(truth, stays, falls, strict=True):
            assert stay == (m <= strict) or (strict != loose and not stay)
            assert fall == (m > loose) or (strict != loose and not fall)


def test_loose_features_take_something() -> None:
    head = small_head(np.random.default_rng(1), 6, 1)
    exact, far = problem(head)[0], problem(head, arb(1e-4))[0]
    u, v = (x.system.solutions(head.points.tolist())[0].off for x in (exact, far))
    assert u < v
    assert v > 1e-6


def test_without_an_inverse_nothing_is_said() -> None:
    labels = Labels(Ridge([[1.0, 1.0], [2.0, 2.0]], arb(0), [True, True]), [[1.0], [-1.0]], [[-1.0], [1.0]], [[0], [1]])
    assert labels.stays([[1.0, 0.0]], [1], [0]) == [False]
    assert labels.falls([[1.0, 0.0]], [1], [2]) == [False]


def test_a_matrix_known_within_too_much_proves_nothing() -> None:
    system = Ridge([[1.0, 0.0], [0.0, 1.0]], arb(1), [True, True], arb(10))
    assert system.inverse.X is None


@pytest.mark.parametrize("size", [1, 3, 10, 500, 3000, 5000])
def test_largest_drops_are_the_largest(size: int) -> None:
    rng = np.random.default_rng(size)
    n = 4000
    q = [fmpz(int(x)) for x in (rng.standard_t(2, n) * 2**40).astype(np.int64)]
    high = rng.integers(-3, 4, n)
    low = high - rng.integers(0, 3, n)
    s = Swings([], high.tolist(), low.tolist(), int(max(abs(high).max(), abs(low).max())), 0, Fraction(0))
    terms = zip(map(int, q), high.tolist(), low.tolist(), strict=True)
    every = sorted((max(x * h, x * k, 0) for x, h, k in terms), reverse=True)
    assert largest_drops(q, s, size) == [v for v in every[:size] if v > 0]


def test_integers_of_floats_count_what_is_cut_off() -> None:
    rows = [[0.1, 1e-300, -3.5], [1e300, 0.0, 2.0**-70]]
    found = whole_rows(rows, [0, 0, 2], 60)
    error = math.sqrt(sum((float(found.mid[i, j]) * 2.0**-60 - x * 2.0**-s) ** 2 for i, row in enumerate(rows)
                          for j, (x, s) in enumerate(zip(row, [0, 0, 2], strict=True)) if x < 1e299))
    assert found.radius > error
    assert whole_rows([[0.5]], [0], 4).radius == 0
    assert whole_rows([[1e-300]], [0], 60).radius > 1e-300


@pytest.mark.parametrize("which", ["rows", "points"])
@pytest.mark.parametrize("factor", ["1e400", "nan"])
def test_features_beyond_doubles_prove_nothing(factor: str, which: str) -> None:
    """A network may make such of ordinary rows: no double is near them."""
    drawn = drawn_head(np.random.default_rng(0), "squared", n=6, d=1, N=2)
    with ctx.workprec(BITS):
        head = ball_head(drawn, any_rows(drawn, 1, True))
        far = arb_mat([[x * arb(factor) for x in row] for row in (head.phi if which == "rows" else head.evaluated
                                                                 ).tolist()])
        head = replace(head, phi=far, rows=far.tolist()) if which == "rows" else replace(head, evaluated=far)
        assert proved(head, {}, "claim", [True] * 2) == [False] * 2
