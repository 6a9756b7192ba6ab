"""D6, many leaves in whole numbers: nothing is accepted that a refit loses, and almost all that balls accept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.boxes import many_leaves as module
from certify.check.theorems.head.rows.boxes.fixed_rows import sums as exact_sums
from certify.check.theorems.head.rows.boxes.leaves import Base, base, distances, leaves
from certify.check.theorems.head.rows.boxes.many_leaves import (
    CURVED,
    LAST,
    SLOPE,
    WEIGHT,
    ManyLeaves,
    table,
    whole_rows,
)
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.margins import points as exact_points
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.rigor.fp import Array
from tests.families.logistic_heads import refit


def example(seed: int, relabels: bool, gone: tuple[int, ...] = ()) -> tuple[Array, Array, Base, Points, ManyLeaves]:
    """Rows of pixels, some of them gone already, points of pixels."""
    g = np.random.default_rng([seed, 19])
    n, p = 30, 4
    S = g.integers(0, 256, (n, p)) / 255.0 * g.choice([-1.0, 1.0], (n, 1))
    S[:, -1] = np.where(S[:, -1] < 0, -1.0, 1.0)
    decay = np.full(p, 10.0 ** g.uniform(-2, 0))
    w = refit(S, np.where(np.isin(np.arange(n), gone), 0.0, 1.0), decay)
    e = g.integers(0, 256, (12, p)) / 255.0
    e = e * np.where(e @ w > 0, 1.0, -1.0)[:, None]
    s, near = exact_sums(S.tolist(), [arb(x) for x in decay], relabels), exact_points(e.tolist(), p)
    b = base(centre(s, list(gone), w.tolist()))
    own, seen = whole_rows(s.rows, p), whole_rows(near.rows, p)
    assert b is not None and own is not None and seen is not None
    return S, decay, b, near, ManyLeaves(b, near, own, seen)


def refits(S: Array, decay: Array, relabels: bool, gone: tuple[int, ...] = ()) -> Array:
    def one(i: int) -> Array:
        kept = np.where(np.isin(np.arange(len(S)), gone), 0.0, 1.0)
        kept[i] = -1.0 if relabels else 0.0
        return refit(S * kept[:, None], np.abs(kept), decay)

    return np.array([one(i) for i in range(len(S))])


@pytest.mark.parametrize(("relabels", "gone"), [(False, ()), (True, ()), (False, (11, 4))])
def test_whole_numbers_against_refits_and_balls(relabels: bool, gone: tuple[int, ...]) -> None:
    g, both, balls = np.random.default_rng(1), 0, 0
    with ctx.workprec(64):
        for seed in range(2 if gone else 5):
            S, decay, b, e, quick = example(seed, relabels, gone)
            true, everyone = refits(S, decay, relabels, gone), list(range(12))
            rows, E = [i for i in range(len(S)) if i not in gone], np.array(e.rows)
            for far in (0.0, 1e-5, 1e-3, 1.0):
                W = (true + far * g.normal(size=true.shape)).tolist()
                found = np.array(list(quick.some([(i, W[i], everyone) for i in rows])))
                exact = np.array(list(leaves(b, rows, [W[i] for i in rows], e, [everyone] * len(rows))))
                truly = (true @ E.T)[rows]
                assert (truly[found] > 0).all() and (truly[exact] > 0).all()
                both, balls = both + int((found & exact).sum()), balls + int(exact.sum())
    assert balls > (400 if gone else 1000) and both > 0.98 * balls


@pytest.mark.parametrize("relabels", [False, True])
def test_distances_hold_the_refit(relabels: bool) -> None:
    g, bounded = np.random.default_rng(2), 0
    with ctx.workprec(64):
        for seed in range(4):
            S, decay, b, _, _ = example(seed, relabels)
            true = refits(S, decay, relabels)
            t = S @ np.array([float(x.mid()) for x in b.c.w.entries()])
            H = (S.T * (1 / (2 + np.exp(t) + np.exp(-t)))) @ S + np.diag(decay)
            for far in (0.0, 1e-6, 1e-3, 0.1):
                W = true + far * g.normal(size=true.shape)
                for moved, away in zip(distances(b, list(range(len(S))), W.tolist()), W - true, strict=True):
                    if moved.is_finite():
                        assert float(np.sqrt(away @ H @ away)) <= float(moved) * (1 + 1e-9) + 1e-13
                        bounded += 1
    assert bounded > 200


def test_rows_that_are_gone_pull_no_more() -> None:
    """A refit with them all is none of the sum without them."""
    gone = (3, 11)
    with ctx.workprec(64):
        S, decay, b, _, quick = example(2, False, gone)
        with_all, without = refits(S, decay, False), refits(S, decay, False, gone)
        H = (S.T * (1 / (2 + np.exp(S @ without[5]) + np.exp(-S @ without[5])))) @ S + np.diag(decay)
        apart = with_all[5] - without[5]
        assert np.sqrt(apart @ H @ apart) > 0.1
        for w, true in ((with_all, False), (without, True)):
            W = fmpz_mat(1, 4, [round(x * 2.0**WEIGHT) for x in w[5].tolist()])
            moved = quick._moved([5], W, [norm([arb(x) for x in w[5].tolist()]).upper()])[0]
            assert (moved.is_finite() and float(moved) < 1e-3) == true


def test_leaves_of_other_rows_are_refused() -> None:
    with ctx.workprec(64):
        S, decay, b, e, quick = example(0, True)
        true, everyone = refits(S, decay, True), list(range(12))
        E = np.array(e.rows)
        t = np.abs(S @ np.array([float(x.mid()) for x in b.c.w.entries()]))
        i, j = int(np.argmax(t)), int(np.argmin(t))
        assert np.linalg.norm(true[i] - true[j]) > 1e-3
        clear = np.flatnonzero(E @ true[i] > 1e-3).tolist()
        assert clear and all(next(quick.some([(i, true[i].tolist(), clear)])))
        assert not any(next(quick.some([(i, true[j].tolist(), everyone)])))
        assert not any(next(leaves(b, [i], [true[j].tolist()], e, [everyone])))


@pytest.mark.parametrize("unit", [2.0**-30, 2.0**-30 / 255, 2.0**-30 / 3.7])
def test_chords_hold_the_slope(unit: float) -> None:
    g, found = np.random.default_rng(0), table(arb(unit))
    margins = [int(t / unit) for t in (*g.uniform(-LAST - 2, LAST + 2, 3000), *g.uniform(-3, 3, 3000), 0.0, 1e9, -1e9)]
    with ctx.workprec(96):
        for x, got in zip(margins, found.slopes(margins), strict=True):
            p = 1 / (1 + (arb(x) * arb(unit)).exp())
            near = float(p.min(1 - p).upper())
            assert abs(float(arb(got) / 2**SLOPE - p)) <= 3 * 2.0**-SLOPE + CURVED * near


@pytest.fixture
def few_cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wide ones: whose table is whose does not depend on how fine it is, and a fine one takes a second to make."""
    module._table.cache_clear()
    monkeypatch.setattr(module, "CELL", 4)
    yield
    module._table.cache_clear()


@pytest.mark.usefixtures("few_cells")
def test_one_unit_has_one_table_and_another_has_its_own() -> None:
    """It is kept for the nodes of a tree; a ball of other ends is another unit, and so is another precision."""
    unit, wide = arb(2.0**-30), arb(2.0**-30, 2.0**-50)
    with ctx.workprec(64):
        first = table(unit)
        assert table(arb(2.0**-30)) is first
        for other in (wide, arb(3 * 2.0**-31), arb(2.0**-31)):
            made = table(other)
            assert made is not first and (made.cell, made.at) != (first.cell, first.at)
        assert table(unit).at == first.at
        again = table(unit)
    with ctx.workprec(80):
        assert table(unit) is not again


def test_rows_that_are_no_multiples() -> None:
    g = np.random.default_rng(5)
    assert whole_rows(g.normal(size=(20, 3)).tolist(), 3) is None
    assert whole_rows([[0.0, 0.0]], 2) is None
    assert whole_rows([[1.0, 1.0 / 3.0 + 1e-11]], 2) is None  # near a third, but no rounding of it
    assert whole_rows([[1.0, 1e-300]], 2) is None
    found = whole_rows((g.integers(0, 17, (9, 4)) / 16.0).tolist(), 4)
    assert found is not None and float(found.off) == 0.0
