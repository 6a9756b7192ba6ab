"""D33, D32: points that one choice of deleted and relabelled rows hardly flips, or hardly does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from certify.problem.limits import OutOfTime
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.both_refits.method import BothRefits
from certify.theorems.head.rows.both_squared import method as squared
from certify.theorems.head.rows.both_squared.base import base_of
from certify.theorems.head.rows.both_squared.method import BothSquared
from certify.theorems.head.rows.both_sums import tree
from certify.theorems.head.rows.both_sums.method import BothSums
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget, Mask, Method
from certify.theorems.head.rows.step_sums import search
from tests.containment.heads_both import Grown, every_choice, refitted
from tests.effort import FULL
from tests.families.heads import drawn_head
from tests.families.near_flips import cornered, thin
from tests.families.other_heads import other_head

SHARES = np.array([-1e-5, 1e-3, -1e-3, -0.03, 0.03, -0.2, 1e-5, -1e-4])
"""Least margins of the points over all choices, as parts of their margins today."""


def drawn(rng: np.random.Generator, kind: str) -> tuple[Head, BothChange]:
    """A head and what may happen to its rows."""
    n, N, remaining = int(rng.integers(9, 12)), len(SHARES), kind.endswith("remaining")
    decay = float(10.0 ** rng.uniform(-0.7, 0.3))
    if kind.startswith(("three", "cross")):
        head = cornered(rng, "squared" if kind.startswith("three") else kind, n, N, decay, remaining)
    elif kind == "weighed":
        head = other_head(rng, "logistic", n, 2, N, decay=decay, free=False, weights="both")
    else:
        head = drawn_head(rng, kind.split()[0], n=n, d=2, N=N, decay=decay, apart=3.0, remaining=remaining)
    rows = np.arange(n)
    if head.free_intercept and not head.loss.quadratic:  # a row of each label stays
        rows = np.setdiff1d(rows, [int(np.flatnonzero(head.label == label)[0]) for label in (0, 1)])
    if head.k == 1:
        head = replace(head, threshold=float(rng.choice([0.0, 0.05])))
    most = [(1, 1), (2, 1), (1, 2)] if head.k == 1 else [(1, 1)] if kind == "cross_entropy" else [(1, 1), (2, 1)]
    rows = np.sort(rng.permutation(rows)[:7])
    return head, BothChange(*most[int(rng.integers(len(most)))], tuple(rows.tolist()))


def asked(method: Method, rng: np.random.Generator, kind: str) -> tuple[Mask, Mask]:
    """Which points a method proves, and which stay, of those that lie where they should."""
    head, change = drawn(rng, kind)
    W, _ = refitted(head, every_choice(head, change))
    head, there = thin(rng, head, np.concatenate(W), SHARES)
    part = method.prove(head, change, head.today >= 0, Budget())
    assert part is not None and not method.able(head, change)
    return part.proved[there], (SHARES > 0)[there]


@pytest.mark.parametrize("kind", ["squared", "squared remaining", "three", "three remaining"])
def test_squared_heads_with_points_that_hardly_flip(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Found, "take", lambda self, choices, V, sides: None)  # no flip hides a false proof
    decided = 0
    for seed in range(12 if FULL else 6):
        proved, stays = asked(BothSquared(), np.random.default_rng([3, seed]), kind)
        assert not (proved & ~stays).any(), seed
        decided += int((proved & stays).sum())
    assert decided >= 3


@pytest.mark.parametrize("kind", ["logistic", "weighed"])
@pytest.mark.parametrize("hot", [(0,), (4,)])
def test_sums_of_refits_with_points_that_hardly_flip(kind: str, hot: tuple[int, ...],
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Found, "take", lambda self, choices, V, sides: None)
    monkeypatch.setattr(tree, "HOT", hot)
    if hot[0]:  # else all points are proved before any change is hot
        monkeypatch.setattr(tree.Tree, "_light", lambda self, root, points: points[:0])
    decided = 0
    for seed in range(12 if FULL else 6):
        proved, stays = asked(Grown(), np.random.default_rng([4, seed]), kind)
        assert not (proved & ~stays).any(), seed
        decided += int((proved & stays).sum())
    assert decided >= 3


@pytest.mark.parametrize("kind", ["logistic", "cross_entropy"])
def test_choices_one_by_one_with_points_that_hardly_flip(kind: str) -> None:
    decided = 0
    for seed in range(12 if FULL else 6):
        proved, stays = asked(BothRefits(), np.random.default_rng([5, seed]), kind)
        assert not (proved & ~stays).any(), seed
        decided += int((proved & stays).sum())
    assert decided >= 3


class Ends(Budget):
    """A time that is up when it has been asked for so often."""

    def __init__(self, often: int) -> None:
        super().__init__()
        self.often = often

    def check(self) -> None:
        self.often -= 1
        if self.often < 0:
            raise OutOfTime


def remaining() -> tuple[Head, BothChange, Mask]:
    """A squared-loss head whose decay follows the rows, and which of its points stay."""
    rng = np.random.default_rng([3, 2])
    head, change = drawn(rng, "squared remaining")
    change = replace(change, deleted=2, relabelled=1)
    W, _ = refitted(head, every_choice(head, change))
    head, there = thin(rng, head, np.concatenate(W), SHARES)
    return head, change, there & (SHARES > 0)


def test_a_squared_head_that_has_no_time_proves_what_all_numbers_of_deletions_leave(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Found, "take", lambda self, choices, V, sides: None)
    head, change, stays = remaining()
    asked_for: list[int] = []

    def noted(head: Head, change: BothChange, deleted: int, *args: Any) -> Any:
        asked_for.append(deleted)
        return base_of(head, change, deleted, *args)

    monkeypatch.setattr(squared, "base_of", noted)
    seen = set()
    for often in (*range(0, 80, 3), 1000):
        part = BothSquared().prove(head, change, head.today >= 0, Ends(often))
        assert part is not None and not (part.proved & ~stays).any()
        seen.add(int(part.proved.sum()))
    assert seen >= {0, int(stays.sum())} and asked_for[-3:] == [0, 1, 2]


def test_a_number_of_deletions_of_which_nothing_is_known_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    head, change, stays = remaining()
    monkeypatch.setattr(squared, "base_of", lambda head, change, deleted, *args: None if deleted == 2 else base_of(
        head, change, deleted, *args))
    part = BothSquared().prove(head, change, head.today >= 0, Budget())
    assert part is not None and stays.any() and not part.proved.any() and "unique" in part.why


def test_sets_of_deletions_that_are_too_many_are_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Found, "take", lambda self, choices, V, sides: None)
    monkeypatch.setattr(squared, "LOOKS", 1)
    head, change, stays = remaining()
    part = BothSquared().prove(head, change, head.today >= 0, Budget())
    assert part is not None and not (part.proved & ~stays).any() and "looked at" in part.why


def test_what_is_no_number_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Found, "take", lambda self, choices, V, sides: None)
    head, change, _ = remaining()
    own = squared.shares
    monkeypatch.setattr(squared, "shares", lambda *args: own(*args) * np.nan)
    part = BothSquared().prove(head, change, head.today >= 0, Budget())
    assert part is not None and not part.proved.any()
    rng = np.random.default_rng([4, 1])
    head, change = drawn(rng, "logistic")
    nothing = search.drops
    monkeypatch.setattr(search, "drops", lambda *args: replace(d := nothing(*args), each=d.each * np.nan))
    tried = Grown().prove(head, change, head.today >= 0, Budget())
    assert tried is not None and not tried.proved.any()


def test_a_contrast_that_is_no_larger_than_its_error_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Found, "take", lambda self, choices, V, sides: None)
    head, change, stays = remaining()
    own = squared.one_of
    monkeypatch.setattr(squared, "one_of", lambda *args: replace(one := own(*args), ez=abs(one.z)))
    part = BothSquared().prove(head, change, head.today >= 0, Budget())
    assert part is not None and stays.any() and not part.proved.any()


def test_sums_of_refits_are_not_for_balanced_weights() -> None:
    head = drawn_head(np.random.default_rng(5), "logistic", n=12)
    weighed = replace(head, weights=RowWeights(np.ones(head.n), None, True))
    change = BothChange(1, 1, tuple(range(head.n)))
    assert not BothSums().able(head, change) and "balanced" in BothSums().able(weighed, change)
