"""D21: what is proved of any k groups deleted holds of every refit; wrong versions of the theorem are found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from certify.finders.head.boxes import minimiser
from certify.rigor.fp import row_norms
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.changes.groups import GroupChange
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes.leaves import Base, base
from certify.theorems.head.rows.group_tree import steps as stepping
from certify.theorems.head.rows.group_tree import tree as growing
from certify.theorems.head.rows.group_tree.method import GroupTrees
from certify.theorems.head.rows.group_tree.pulls import Pulls, pulls
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.survey import survey
from tests.effort import FULL
from tests.families.group_heads import Grouped, flipped, grouped

NEAR = 1e-9


def proved(one: Grouped) -> Any:
    """What the method proves."""
    part = GroupTrees().prove(one.head, one.change, one.head.today >= 0, Budget())
    assert part is not None
    return part


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_points_that_stay_do_so_without_any_groups(count: int, weighed: bool) -> None:
    said = nodes = 0
    for seed in range(8):
        if said > 10 and nodes > 1 and not FULL:
            break
        one = grouped(np.random.default_rng([count, seed, weighed]), count, weighed=weighed)
        part, falls = proved(one), flipped(one.margins())
        assert not (part.proved & falls).any()
        assert not part.flips.point[~falls].max(initial=-1) >= 0
        said += int(part.proved.sum())
        nodes = max(nodes, len(part.arrays.get("sets", ())))
    assert said > 10 and nodes > 1


def test_both_ends_meet() -> None:
    """Every point is proved to stay or is flipped by groups that are named."""
    for seed in range(3):
        one = grouped(np.random.default_rng(seed), 2, n=60, points=30)
        found, falls = survey(one.head, one.change), flipped(one.margins())
        assert not found.undecided.any()
        assert (found.attacked == falls).all()


def distances(one: Grouped, off: float = 0.0, only: int | None = None) -> float:
    """The largest distance of a refit from the sum of steps, as a part of what is proved of it; 0 if nothing is."""
    s, _ = oriented(one.head, one.change.within)
    members = tuple(np.array(rows, np.int64) for rows in one.change.groups)
    w = minimiser(s, s.whole, one.head.V[0])
    b = base(centre(s, s.whole, w + off * np.cos(np.arange(len(w)))))
    every = None if b is None else pulls(b, np.arange(len(members)), members)
    if b is None or every is None:
        return 0.0
    every = every.some(every.order()[::-1][:only])
    it = stepping.steps(b, every, one.change.count)
    if it is None:
        return 0.0
    H = (s.S.T * (b.c.kept * b.c.at.D)) @ s.S + np.diag(s.decay)
    worst = 0.0
    for choice in one.choices():
        at = [it.groups.tolist().index(g) for g in choice if g in it.groups]
        if len(at) == len(choice):
            v = one.without(choice) - b.c.w - it.delta[at].sum(axis=0)
            worst = max(worst, float(np.sqrt(max(v @ H @ v, 0.0)) / (it.fixed + it.push[at].sum() + NEAR)))
    return worst


def heads(count: int) -> list[Grouped]:
    """Heads by which wrong versions are found out."""
    return [grouped(np.random.default_rng([7, count, seed]), count, n=30) for seed in range(30)]


@pytest.mark.parametrize("off", [0.0, 1e-3])
def test_refits_lie_as_near_as_is_proved(off: float) -> None:
    found = [distances(one, off, only) for count in (1, 2, 3) for one in heads(count)[:10] for only in (None, 4)]
    assert max(found) <= 1.0 and sum(x > 0.0 for x in found) > 20


def no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other groups hold along a step is left out."""
    monkeypatch.setattr(stepping, "top_others", lambda x, k: np.zeros(len(x)))


def no_bends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curvature does not change along the steps."""
    right = stepping._moved
    monkeypatch.setattr(stepping, "_moved", lambda *given: (lambda x: replace(x, bends=0.0 * x.bends))(right(*given)))


def one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sum over k groups is that of the largest alone, and bends are of one step."""
    right = stepping.top_sum
    monkeypatch.setattr(stepping, "top_sum", lambda values, k: right(values, min(k, 1)))
    no_others(monkeypatch)


def all_curvature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups take no curvature with them, and none is lost around the sums."""
    monkeypatch.setattr(stepping, "_room", lambda rows, gone, a: 1.0)


def no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights count as the minimiser."""
    right = stepping.steps
    monkeypatch.setattr(stepping, "steps", lambda b, every, k: right(
        replace(b, c=replace(b.c, gradient=0.0)), every, k))


def other_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that are no solutions count as such."""
    right = stepping.steps

    def wrong(b: Base, every: Pulls, k: int) -> Any:
        it = right(b, every, k)
        return None if it is None else replace(it, delta=1.5 * it.delta)

    monkeypatch.setattr(stepping, "steps", wrong)


WRONG: dict[Callable[[pytest.MonkeyPatch], None], tuple[int, float]] = {
    no_others: (2, 0.0), no_bends: (1, 0.0), one_alone: (3, 0.0), all_curvature: (1, 0.0), no_gradient: (1, 1e-2),
    other_steps: (1, 0.0)}
"""Wrong versions, with how many groups go where they are found out, and how far weights are from a minimiser."""


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_versions_are_found_out(wrong: Callable[[pytest.MonkeyPatch], None],
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    count, off = WRONG[wrong]
    wrong(monkeypatch)
    assert max(distances(one, off) for one in heads(count)) > 1.0


def test_groups_that_hold_too_much_are_set_aside_or_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    one = grouped(np.random.default_rng(3), 2, n=40)
    s, points = oriented(one.head, one.change.within)
    members = tuple(np.array(rows, np.int64) for rows in one.change.groups)
    b = base(centre(s, s.whole, minimiser(s, s.whole, one.head.V[0])))
    assert b is not None
    every = pulls(b, np.arange(len(members)), members)
    assert every is not None
    for bad in (np.nan, 1e300, 0.6):
        assert stepping.steps(b, replace(every, held=np.full(len(members), bad)), 2) is None
    for bad in (np.nan, 1e300):
        assert stepping.steps(b, replace(every, lost=np.full(len(members), bad)), 2) is None
        assert stepping.steps(replace(b, size=bad), every, 2) is None
    assert stepping.steps(b, replace(every, delta=1e3 * every.delta), 2) is None
    monkeypatch.setattr(growing, "base", lambda c: None)
    assert not proved(one).proved.any()


def test_other_problems_are_refused() -> None:
    method, one = GroupTrees(), grouped(np.random.default_rng(0), 2)
    assert method.able(one.head, one.change) == ""
    assert "deleted" in str(method.takes(GroupChange(True, 2, one.change.groups)))
    assert "deleted" in str(method.takes(one.change.within))
    for head, words in ((replace(one.head, remaining=True), "decay follows"),
                        (replace(one.head, threshold=float("inf")), "inf"),
                        (replace(one.head, phi_rad=np.ones(one.head.n)), "inexact")):
        assert words in method.able(head, one.change)
    free = replace(one.head, decayed=np.append(one.head.decayed[:-1], False))
    assert "every row" in method.able(free, replace(one.change, count=len(one.change.groups)))
    assert "1 to 64" in method.able(replace(one.head, decayed=np.ones(one.head.m, bool)), replace(one.change, count=65))


def test_moves_and_bends_are_above_what_they_are() -> None:
    """Each number of D21 that is a sum over rows, against the same in long doubles."""
    most = 0.0
    for count in (1, 2, 3):
        for one in heads(count)[:10]:
            s, _ = oriented(one.head, one.change.within)
            members = tuple(np.array(rows, np.int64) for rows in one.change.groups)
            b = base(centre(s, s.whole, one.without(())))
            every = None if b is None else pulls(b, np.arange(len(members)), members)
            assert b is not None and every is not None
            w = b.c.kept * b.c.at.D
            found = stepping._moved(b, every, w, row_norms(every.delta), count)
            if not (found.far < stepping.FARTHEST).all():
                continue
            T = np.abs(s.S.astype(np.longdouble) @ every.delta.T)
            far = np.sort(T, axis=1)[:, ::-1][:, :count].sum(axis=1)
            theta = np.minimum(1.0, np.abs(np.tanh(0.5 * (s.S @ b.c.w))) + 0.5 * far)
            bend = theta * 2.0 * (np.expm1(theta * far) - theta * far) / (theta * far) ** 2
            assert (far <= found.far).all()
            assert ((w * bend * bend @ T**4) ** 0.25 <= found.bends).all()
            if count > 1:
                assert all((np.sqrt(w[rows] @ T[rows] ** 2) <= found.shares[a]).all() for a, rows in enumerate(members))
            most = max(most, float(bend.max()))
    assert most > 2.0
