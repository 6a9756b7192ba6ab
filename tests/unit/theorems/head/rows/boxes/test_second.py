"""D5 to second order: never above a refit's margin, prover and checker alike; a λ that is too small proves nothing."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows import box as check_box
from certify.check.theorems.head.rows.boxes import codes
from certify.check.theorems.head.rows.boxes.second import Second
from certify.check.theorems.head.rows.boxes.stated import oriented as checked_rows
from certify.check.theorems.head.rows.boxes.trap import box as checked_box
from certify.check.theorems.head.rows.boxes.trap import centre as checked_centre
from certify.finders.head import boxes
from certify.format.refusal import Invalid
from certify.systems.head.rows.boxes.trap import Centre, Slabs, centre, trap
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box import Box
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes import second as proving
from certify.theorems.head.rows.boxes.stated import coded, decoded, packed
from certify.theorems.head.rows.method import Budget
from tests.effort import FULL
from tests.families.logistic_heads import as_checked, logistic_head, refit, refits, stored

Found = tuple[Head, Centre, Slabs, np.ndarray, list[tuple[float, float]], np.ndarray]


def found(seed: int, k: int, relabels: bool) -> Found | None:
    """A box, and what second order proves of all points."""
    n = 12
    head = logistic_head(np.random.default_rng([seed, k, 3]), n, decay=(30.0 if relabels else 8.0) * k)
    s, points = oriented(head, RowChange(relabels, k, tuple(range(n))))
    c, free = centre(s, np.ones(n), boxes.minimiser(s, np.ones(n), np.zeros(head.m))), np.arange(n)
    proposed = boxes.slabs(c, free, k)
    if proposed is None:
        return None
    at = coded(proposed.all() * 1.02)
    slabs = Slabs(*decoded(at))
    t = trap(c, slabs, free, k)
    if t is None or not t.inside(slabs):
        return None
    parts = proving.second(c, slabs, t, free, k)
    assert parts is not None
    return head, c, slabs, points, [proving.second_margin(c, slabs, t, free, k, parts, e) for e in points], packed(at)


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_no_refit_lies_below(k: int, relabels: bool) -> None:
    seen = 0
    for seed in range(20):
        if seen == 5 and not FULL:
            break
        drawn = found(seed, k, relabels)
        if drawn is None:
            continue
        _, c, _, points, margins, _ = drawn
        least = np.array([m for _, m in margins])
        assert np.isfinite(least).all()
        seen += 1
        part = float(np.random.default_rng(seed).random())
        choices = [list(M) for size in range(k + 1) for M in combinations(range(12), size)]
        left = np.zeros((2 * len(choices), 24))
        for b, (M, a) in enumerate(product(choices, (1.0, part))):
            kept, turned = c.kept.copy(), np.zeros(12)
            kept[M], turned[M] = 1 - a, a * relabels
            left[b] = np.r_[kept, turned]
        both = np.vstack([c.sums.S, -c.sums.S])
        assert (refits(both, np.ones_like(left), left, c.sums.decay) @ points.T >= least - 1e-12).all()
    assert seen >= 5


def test_it_is_sharper_than_the_first_order_where_changes_are_small() -> None:
    """One row of small influence: the first order alone is within a few squares of that influence."""
    drawn = next(d for d in (found(seed, 1, False) for seed in range(20)) if d is not None)
    _, c, _, points, margins, _ = drawn
    worst = np.min([points @ refit(c.sums.S, np.where(np.arange(12) == i, 0.0, 1.0), c.sums.decay) for i in range(12)],
                   axis=0)
    assert (np.array([m for _, m in margins]) >= worst - 0.5 * np.abs(points @ c.w - worst) - 1e-3).all()


@pytest.mark.parametrize("relabels", [False, True])
def test_the_checker_follows_and_refuses_a_smaller_share(relabels: bool) -> None:
    followed = refused = 0
    for seed in range(20):
        if followed > 5 and refused > 5 and not FULL:
            break
        drawn = found(seed, 2, relabels)
        if drawn is None:
            continue
        head, c, _, _, margins, slabs = drawn
        with ctx.workprec(64):
            s, points = checked_rows(as_checked(head, tuple(range(12)), 2, relabels), "claim")
            proof = checked_box(checked_centre(s, [], c.w.tolist()), list(range(12)), 2, codes.slabs(slabs.tolist()))
            assert proof is not None
            second = Second(proof, points)
            for j, (share, least) in enumerate(margins):
                if least > 1e-6:
                    assert second.holds(j, share)
                    followed += 1
                if least < -1e-2:
                    assert not second.holds(j, share)
                if share > 1e-3:
                    assert not second.holds(j, share * 0.8)
                    refused += 1
                assert not any(second.holds(j, bad) for bad in (-1.0, float("nan"), float("inf"), 1e9))
    assert followed > 5 and refused > 5


def test_arrays_of_another_shape() -> None:
    for seed in range(30):
        head = logistic_head(np.random.default_rng([seed, 9]), 12, decay=6.0)
        part = Box().prove(head, RowChange(False, 1, tuple(range(12))), head.today >= 0, Budget())
        if part is not None and part.proved.any():
            break
    assert part is not None
    twin, asked = as_checked(head, tuple(range(12)), 1), part.proved.tolist()
    with ctx.workprec(64):
        for wrong in (np.zeros(3), np.zeros((6, 1))):
            with pytest.raises(Invalid, match="needed"):
                check_box.proved(twin, stored({**part.arrays, "second": wrong}), "claim", asked)
        assert check_box.proved(twin, stored({**part.arrays, "second": np.full(6, np.nan)}), "claim", asked) is not None
