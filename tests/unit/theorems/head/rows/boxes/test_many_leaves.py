"""D6, leaves of large heads: what is proved of a leaf holds at its refit, and what is flipped is flipped there."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.sums import Sums, sums
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import BoxTree
from certify.theorems.head.rows.boxes import tree
from certify.theorems.head.rows.boxes.leaves import Base, base, judged, lengths, stays
from certify.theorems.head.rows.boxes.many_leaves import ManyLeaves, many_leaves
from certify.theorems.head.rows.method import Budget
from tests.families.logistic_heads import logistic_head, margins, refit


def example(seed: int, relabels: bool) -> tuple[Sums, Base, Array]:
    """A head at its refit, and points on their side."""
    g = np.random.default_rng([seed, 41])
    n, p = 40, 4
    S = g.normal(size=(n, p)) * g.choice([0.5, 1.0, 4.0], (n, 1))
    S[:, -1] = g.choice([-1.0, 1.0], n)
    decay = np.array([1.0, 1.0, 1.0, g.choice([0.0, 1.0])]) * 10.0 ** g.uniform(-2, 0.5)
    s = sums(S, decay, relabels=relabels)
    w = refit(S, np.ones(n), decay)
    b = base(centre(s, np.ones(n), w))
    assert b is not None
    e = g.normal(size=(25, p))
    return s, b, e * np.where(e @ w > 0, 1.0, -1.0)[:, None]


def refitted(s: Sums, i: int) -> Array:
    kept, S = np.ones(len(s.S)), s.S.copy()
    if s.relabels:
        S[i] *= -1.0
    else:
        kept[i] = 0.0
    return refit(S, kept, s.decay)


@pytest.mark.parametrize("relabels", [False, True])
def test_leaves_against_refits(relabels: bool) -> None:
    good = flipped = 0
    for seed in range(12):
        s, b, e = example(seed, relabels)
        rows = np.arange(len(s.S))
        found = many_leaves(b, rows, np.ones((len(e), len(rows)), bool), e, lambda: 1.0)
        true = np.array([refitted(s, i) for i in rows])
        assert ((e @ true.T)[found.good] > 0).all()
        assert all(e[j] @ true[i] < 0 for j, i in found.flips.items())
        assert not (found.good & ~stays(b, rows, found.W, e).T).any()  # by the weights that are kept
        good, flipped = good + int(found.good.sum()), flipped + len(found.flips)
        left = ~found.good & found.alive[:, None]
        assert left.mean() < 0.01  # whatever is no flip is proved, but for ties
    assert good > 5000 and flipped > (40 if relabels else 5)


def test_what_is_good_is_so_by_the_weights_that_are_kept() -> None:
    """A checker sees these alone: what nearer weights proved before does not count."""
    s, b, e = example(1, False)
    rows = np.arange(len(s.S))
    true, every = np.array([refitted(s, i) for i in rows]), np.ones(len(e), bool)
    found = ManyLeaves(b, rows, e, np.zeros((len(e), len(rows)), bool), np.tile(b.c.w, (len(rows), 1)))
    found._judge(rows, true, np.zeros(len(rows)), lengths(b, e), every)
    assert found.good.mean() > 0.9 and (true == found.W).all()
    found._judge(rows, true + 0.5, np.ones(len(rows)), lengths(b, e), every)
    assert found.good.mean() < 0.5 and (true + 0.5 == found.W).all()


@pytest.mark.parametrize("relabels", [False, True])
def test_distances_hold_the_refit(relabels: bool) -> None:
    """Of weights near a refit and far from it, by the norm of the Hessian at the centre."""
    g, bounded = np.random.default_rng(3), 0
    for seed in range(6):
        s, b, e = example(seed, relabels)
        H = (s.S.T * b.c.at.D) @ s.S + np.diag(s.decay)
        rows = g.choice(len(s.S), 12, replace=False)
        true = np.array([refitted(s, i) for i in rows])
        for far in (0.0, 1e-6, 1e-4, 1e-2, 1.0):
            W = true + far * g.normal(size=true.shape)
            moved = judged(b, rows, W)
            away = np.sqrt(np.einsum("ij,jk,ik->i", W - true, H, W - true))
            assert (away <= moved * (1 + 1e-9) + 1e-13).all()
            assert not (stays(b, rows, W, e) & (true @ e.T <= 0.0)).any()
            bounded += int(np.isfinite(moved).sum())
    assert bounded > 100
    s, b, e = example(0, relabels)
    assert not np.isfinite(judged(b, np.array([0]), np.full((1, 4), 30.0))).any()


def test_no_time_proves_nothing() -> None:
    _, b, e = example(1, True)
    found = many_leaves(b, np.arange(40), np.ones((len(e), 40), bool), e, lambda: 0.0)
    assert not found.good.any() and not found.flips


@pytest.mark.parametrize("relabels", [False, True])
def test_trees_of_large_heads(relabels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row of a head that counts as large: both ends against every refit."""
    of: ModuleType = tree
    monkeypatch.setattr(of, "LARGE", 0)
    proved = flips = 0
    for seed in range(15):
        head = logistic_head(np.random.default_rng([seed, 8]), 25)
        if min((head.Y == y).sum() for y in (-1.0, 1.0)) < 2:
            continue  # without that row a free intercept has no least
        part = BoxTree().prove(head, RowChange(relabels, 1, tuple(range(25))), head.today >= 0, Budget())
        assert part is not None and part.flips is not None
        least = np.min(list(margins(head, tuple(range(25)), 1, relabels).values()), axis=0)
        assert (least[part.proved] > 0).all() and (least[part.flips.point >= 0] < 0).all()
        assert (part.proved | (part.flips.point >= 0) | (np.abs(least) < 1e-6)).all()
        proved, flips = proved + int(part.proved.sum()), flips + int((part.flips.point >= 0).sum())
    assert proved > 30 and flips > 5
