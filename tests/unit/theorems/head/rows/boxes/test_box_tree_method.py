"""D6 as a method: never more than the truth, the whole truth on small problems, and what it is not for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows import box as check_box
from certify.check.theorems.head.rows import box_tree as check_tree
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.systems.head.rows.losses.squared import SquaredHead
from certify.theorems.head.rows.box import Box
from certify.theorems.head.rows.box_tree import BoxTree
from certify.theorems.head.rows.method import Budget
from tests.effort import FULL
from tests.families.logistic_heads import as_checked, logistic_head, margins, stored


@pytest.mark.parametrize(("count", "relabels"), [(1, False), (2, False), (3, False), (4, False),
                                                 (1, True), (2, True), (3, True)])
def test_the_tree_says_exactly_what_all_refits_say(count: int, relabels: bool) -> None:
    stays = flips = 0
    for seed in range(12):
        if seed >= 2 and stays > 10 and flips > 3 and not FULL:
            break
        n, decay = (9 if count < 3 else 20, 10.0) if relabels else (9, 1.0)
        head = logistic_head(np.random.default_rng([seed, count]), n, decay=decay)
        rows = tuple(range(9)) if seed % 2 else tuple(range(1, 8))
        if not head.decayed.all() and min((head.Y > 0).sum(), (head.Y < 0).sum()) <= count:
            head = dataclasses.replace(head, decayed=np.ones(head.m, bool))  # else one label may be left, and no refit
        truth = margins(head, rows, count, relabels)
        least = np.min(list(truth.values()), axis=0)
        todo = head.today >= 0
        part = BoxTree().prove(head, RowChange(relabels, count, rows), todo, Budget())
        assert part is not None and part.flips is not None
        assert not (part.proved & (least <= 0)).any()
        clear = np.abs(least) > 1e-5
        assert (part.proved == (least > 0))[clear & todo].all()
        assert not ((part.flips.point >= 0) & (least > 0)).any()
        stays, flips = stays + int(part.proved.sum()), flips + int((part.flips.point >= 0).sum())
        if part.arrays:
            with ctx.workprec(64):
                found = check_tree.proved(as_checked(head, rows, count, relabels), stored(dict(part.arrays)), "claim",
                                          part.proved.tolist())
            assert found == part.proved.tolist()
    assert stays > 10 and flips > 3


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_the_box_alone_is_sound_and_checked(count: int, relabels: bool) -> None:
    proved = 0
    for seed in range(30):
        if proved > 20 and not FULL:
            break
        head = logistic_head(np.random.default_rng([seed, count, 7]), 12, decay=120.0 * count if relabels else 6.0)
        rows = tuple(range(12))
        part = Box().prove(head, RowChange(relabels, count, rows), head.today >= 0, Budget())
        if part is None or not part.proved.any():
            continue
        least = np.min(list(margins(head, rows, count, relabels).values()), axis=0)
        assert (least[part.proved] > 0).all()
        with ctx.workprec(64):
            found = check_box.proved(as_checked(head, rows, count, relabels), stored(dict(part.arrays)), "claim",
                                     part.proved.tolist())
        assert found == part.proved.tolist()
        proved += int(part.proved.sum())
    assert proved > 20


def test_time_up_keeps_what_is_finished() -> None:
    head = logistic_head(np.random.default_rng(3), 10)
    part = BoxTree().prove(head, RowChange(False, 2, tuple(range(10))), head.today >= 0, Budget(-1.0))
    assert part is not None and not part.proved.any() and part.arrays == {}


def test_what_boxes_are_not_for() -> None:
    head, change = logistic_head(np.random.default_rng(0), 6), RowChange(False, 1, (0, 1))
    for method in (Box(), BoxTree()):
        assert method.able(head, change) == ""
        assert method.able(head, RowChange(True, 1, (0,))) == ""
        assert "squared" in method.able(dataclasses.replace(head, loss=SquaredHead()), change)
        assert "remaining" in method.able(dataclasses.replace(head, remaining=True), change)
        assert "inexact" in method.able(dataclasses.replace(head, phi_rad=np.full(6, 1e-9)), change)
        assert "inexact" in method.able(dataclasses.replace(head, points_rad=np.full(6, 1e-9)), change)
        assert method.able(dataclasses.replace(head, threshold=0.5), change) == ""
        bare = dataclasses.replace(head, threshold=0.5, points=head.points * 2.0)
        assert "intercept" in method.able(bare, change)
        assert "0 of 2" in method.able(head, RowChange(False, 0, (0, 1)))
        free = dataclasses.replace(head, decayed=np.array([True] * (head.m - 1) + [False]))
        assert "intercept" in method.able(free, RowChange(False, 6, tuple(range(6))))
        assert method.able(free, RowChange(True, 6, tuple(range(6)))) == ""


@pytest.mark.parametrize(("n", "label", "lam", "weight", "count", "rows"),
                         [(3, -1.0, 0.34405264586852796, -0.636142264465232, 1, (0, 1, 2)),
                          (2, 1.0, 0.009196780177164781, 1.9909141218427397, 4, (1,))])
def test_what_is_proved_near_a_tie_a_checker_proves(n: int, label: float, lam: float, weight: float, count: int,
                                                    rows: tuple[int, ...]) -> None:
    """Equal rows, and points all but orthogonal to them: products of few bits say less of them than floats do."""
    first = np.array([-1.0000000000001705, -0.9999995590274962, -1.0000000111495209, -1.0000035852431288, -1.03, -0.6])
    points = np.c_[first, np.ones(6)]
    head = Head(np.ones((n, 2)), np.zeros(n), np.full((n, 1), label), np.array([[-1.0], [1.0]]),
                np.full(n, int(label > 0)), LogisticHead(), np.full((1, 2), weight), lam, np.array([True, True]), False,
                points, np.zeros(6))
    proofs = 0
    for method, twin in ((Box(), check_box), (BoxTree(), check_tree)):
        part = method.prove(head, RowChange(False, count, rows), head.today >= 0, Budget())
        if part is None or not part.proved.any():
            continue
        proofs += int(part.proved.sum())
        with ctx.workprec(64):
            found = twin.proved(as_checked(head, rows, count), stored(dict(part.arrays)), "claim", part.proved.tolist())
        assert found == part.proved.tolist()
    assert proofs
