"""Thresholds other than 0: what is proved of outputs on a side of one holds of every refit, and the checker follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows import bent_box as checked_bent_box
from certify.check.theorems.head.rows import box, box_tree, by_choice, energy, group_tree, label_sums, pair_tree
from certify.check.theorems.head.rows.boxes import many_leaves
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.energy import replay
from certify.check.theorems.head.rows.head import BITS
from certify.format.refusal import Invalid
from certify.systems.head.rows.boxes.sums import Sums
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.bent_box import method as bent_box
from certify.theorems.head.rows.box import Box
from certify.theorems.head.rows.box_tree import BoxTree, levelled
from certify.theorems.head.rows.boxes import many_leaves as searched
from certify.theorems.head.rows.boxes import tree as tree_method
from certify.theorems.head.rows.by_choice.method import ByChoice
from certify.theorems.head.rows.energy import method as energy_method
from certify.theorems.head.rows.energy.method import Energy
from certify.theorems.head.rows.group_tree.method import GroupTrees
from certify.theorems.head.rows.label_sums.method import LabelSums
from certify.theorems.head.rows.method import Budget, Method
from certify.theorems.head.rows.pair_tree.method import PairTrees
from tests.families import label_heads
from tests.families.group_heads import grouped
from tests.families.heads import ball_head, drawn_head
from tests.families.logistic_heads import as_checked, logistic_head, margins, refit, stored

N, LEVEL, LOW = 12, 0.7, -0.4
ROWS = tuple(range(N))

KINDS: dict[str, tuple[Callable[[], Method], Any, bool, int, float]] = {
    "box": (Box, box, False, 1, 30.0), "box, labels": (Box, box, True, 1, 60.0),
    "one row": (BoxTree, box_tree, False, 1, 3.0), "one label": (BoxTree, box_tree, True, 1, 30.0),
    "tree": (BoxTree, box_tree, False, 2, 3.0),
    "tree, labels": (BoxTree, box_tree, True, 2, 30.0), "pairs": (PairTrees, pair_tree, False, 2, 3.0),
    "pairs, labels": (PairTrees, pair_tree, True, 2, 30.0), "by choice": (ByChoice, by_choice, False, 3, 10.0),
    "bent": (bent_box.BentBox, checked_bent_box, False, 2, 30.0),
    "bent, labels": (bent_box.BentBox, checked_bent_box, True, 2, 60.0)}
"""By name: the method, its checker, whether labels change, how many rows do, and a decay with which it says a lot."""


@pytest.fixture(autouse=True)
def few_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bent_box, "FEWEST", 1)


def drawn(seed: int, decay: float, level: float = LEVEL) -> Head:
    """A head whose points lie on both sides of a threshold."""
    head = logistic_head(np.random.default_rng([seed, 83]), N, 30, decay)
    held = np.ones(head.m, bool)
    w = refit(head.phi * head.Y, np.ones(N), np.full(head.m, head.mu()[0]))
    return replace(head, threshold=level, decayed=held, V=w[None])


def proved(head: Head, kind: str) -> tuple[np.ndarray, dict[str, Any]]:
    """What a method proves, and its arrays."""
    make, _, relabels, count, _ = KINDS[kind]
    change = RowChange(relabels, count, ROWS)
    assert "threshold" not in make().able(head, change)
    part = make().prove(head, change, head.today >= 0, Budget())
    return (np.zeros(len(head.points), bool), {}) if part is None else (part.proved, dict(part.arrays))


def followed(head: Head, kind: str, arrays: dict[str, Any], asked: np.ndarray) -> np.ndarray:
    """Which points the checker proves."""
    _, checker, relabels, count, _ = KINDS[kind]
    with ctx.workprec(BITS):
        twin = as_checked(head, ROWS, count, relabels)
        return np.array(checker.proved(twin, stored(arrays), "claim", asked.tolist()))


def least(head: Head, kind: str) -> np.ndarray:
    """The least margin of every point over all refits."""
    _, _, relabels, count, _ = KINDS[kind]
    return np.asarray(np.min(list(margins(head, ROWS, count, relabels).values()), axis=0))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_proved_holds_of_every_refit_and_the_checker_follows(kind: str) -> None:
    said = stays = 0
    for seed in range(4):
        head = drawn(seed, KINDS[kind][4], (-1) ** seed * LEVEL)
        good, arrays = proved(head, kind)
        worst = least(head, kind)
        assert (worst[good] > 0).all()
        if good.any():
            assert (followed(head, kind, arrays, good) == good).all()
        said, stays = said + int(good.sum()), stays + int((worst > 0).sum())
    assert said > 0.3 * stays > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_threshold_just_above_what_a_refit_says_is_not_passed(kind: str) -> None:
    """The checker is given arrays of a threshold that is passed by far, and none of the points."""
    seen = 0
    for seed in range(12):
        head = drawn(seed, KINDS[kind][4], LOW)
        worst, (there, arrays) = least(head, kind), proved(head, kind)
        for j in np.flatnonzero((head.today == 1) & (worst > 0.02))[:2].tolist():
            tight = replace(head, threshold=LOW + float(worst[j]) + 1e-9)
            good, _ = proved(tight, kind)
            assert not good[j] and tight.today[j] == 1
            if there[j]:
                assert not followed(tight, kind, arrays, np.arange(len(there)) == j)[j]
            seen += int(there[j])
        if seen > 2:
            break
    assert seen > 0


def no_level(s: Sums, w: np.ndarray) -> np.ndarray:
    return w


def other_sign(s: Sums, w: np.ndarray) -> np.ndarray:
    found = w.copy()
    found[..., -1] += s.level
    return found


@pytest.mark.parametrize("wrong", [no_level, other_sign])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_that_do_not_count_from_the_threshold_are_found_out(
        kind: str, wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lies = 0
    monkeypatch.setattr(Sums, "aimed", wrong)
    for seed in range(12):
        head = drawn(seed, KINDS[kind][4], 0.3)
        good, _ = proved(head, kind)
        if good.any():
            lies += int((least(head, kind)[good] < -1e-6).sum())
        if lies:
            break
    assert lies


@pytest.mark.parametrize("kind", KINDS)
def test_a_checker_that_forgets_the_threshold_is_found_out(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of arrays for 0 it says what is not so of another threshold; with the threshold it does not."""
    lies = 0
    for seed in range(12):
        plain = drawn(seed, KINDS[kind][4], 0.0)
        head = replace(plain, threshold=0.3)
        good, arrays = proved(plain, kind)
        if not good.any():
            continue
        false = good & (least(head, kind) < -1e-6)
        assert not followed(head, kind, arrays, good)[false].any()
        with monkeypatch.context() as patch:
            patch.setattr(Points, "levels", property(lambda self: [0 * x for x in self.norms],
                                                     lambda self, value: None), raising=False)
            lies += int(followed(head, kind, arrays, good)[false].sum())
        if lies:
            break
    assert lies


def energies(head: Head, count: int) -> tuple[np.ndarray, dict[str, Any], np.ndarray]:
    """What energies prove of changed labels, their arrays, and the least margins over all refits."""
    change = RowChange(True, count, tuple(range(head.n)))
    assert Energy().able(head, change) == ""
    part = Energy().prove(head, change, head.today >= 0, Budget(60.0))
    assert part is not None
    least_of = np.min(list(margins(head, tuple(range(head.n)), count, True).values()), axis=0)
    return part.proved, dict(part.arrays), np.asarray(least_of)


def replayed(head: Head, count: int, arrays: dict[str, Any], asked: np.ndarray) -> np.ndarray:
    with ctx.workprec(BITS):
        twin = ball_head(head, RowChange(True, count, tuple(range(head.n))))
        return np.array(energy.proved(twin, stored(arrays), "claim", asked.tolist()))


@pytest.mark.parametrize("free", [False, True])
def test_energies(free: bool) -> None:
    said = stays = refused = 0
    for seed in range(3):
        plain = drawn_head(np.random.default_rng([seed, 3]), "logistic", 9, 2, 14, free=free, decay=0.3, apart=3.0)
        head = replace(plain, threshold=(-1) ** seed * 0.4)
        good, arrays, worst = energies(head, 1 + seed % 2)
        assert (worst[good] > 0).all()
        assert (replayed(head, 1 + seed % 2, arrays, good) == good).all()
        for other in np.linspace(-2.0, 2.0, 5).tolist():  # arrays of another threshold
            elsewhere = replace(head, threshold=other)
            try:
                stands = replayed(elsewhere, 1 + seed % 2, arrays, good)
            except Invalid:
                refused += 1
                continue
            every = margins(elsewhere, tuple(range(9)), 1 + seed % 2, True).values()
            assert (np.min(list(every), axis=0)[stands] > 0).all()
        said, stays = said + int(good.sum()), stays + int((worst > 0).sum())
    assert said > 0.8 * stays > 0 and refused > 4


@pytest.mark.parametrize("free", [False, True])
def test_energies_just_beyond_a_refit_prove_nothing(free: bool) -> None:
    seen = 0
    for seed in range(3):
        head = drawn_head(np.random.default_rng([seed, 3]), "logistic", 9, 2, 14, free=free, decay=0.3, apart=3.0)
        worst = energies(head, 1)[2]
        for j in np.flatnonzero((head.today == 1) & (worst > 0.02))[:2].tolist():
            tight = replace(head, threshold=float(worst[j]) + 1e-9, points=head.points[[j]], points_rad=np.zeros(1))
            assert not energies(tight, 1)[0].any()
            near = replace(tight, threshold=0.9 * float(worst[j]))
            seen += int(energies(near, 1)[0].any())
    assert seen > 0


@pytest.mark.parametrize("side", ["prover", "checker"])
def test_energies_that_forget_the_threshold_are_found_out(side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lies = 0
    for seed in range(8):
        plain = drawn_head(np.random.default_rng([seed, 3]), "logistic", 9, 2, 14, free=bool(seed % 2), decay=0.3,
                           apart=3.0)
        head = replace(plain, threshold=0.3)
        with monkeypatch.context() as patch:
            if side == "prover":
                patch.setattr(energy_method, "level_of", lambda head, j: 0.0)
                good, _, worst = energies(head, 1)
            else:
                _, arrays, worst = energies(head, 1)
                good, arrays, _ = energies(plain, 1)
                good &= head.today == plain.today
                patch.setattr(replay, "replace", lambda lines, level: lines)
                good = replayed(head, 1, arrays, good) if good.any() else good
        lies += int((worst[good] < -1e-6).sum())
        if lies:
            break
    assert lies


@pytest.mark.parametrize("relabels", [False, True])
def test_leaves_in_whole_numbers(relabels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a large head whose rows are whole multiples of one number; a threshold that is none of it."""
    said, used = 0, 0
    for module in (tree_method, many_leaves, searched):
        monkeypatch.setattr(module, "LARGE", 1)
    monkeypatch.setattr(many_leaves, "MANY", 1)
    some = many_leaves.ManyLeaves.some

    def spied(self: Any, leaves: Any) -> Any:
        nonlocal used
        used += len(leaves)
        return some(self, leaves)

    monkeypatch.setattr(many_leaves.ManyLeaves, "some", spied)
    for seed in range(4):
        drawn_one = drawn(seed, 3.0, (-1) ** seed * 0.3123)
        phi, points = np.round(4.0 * drawn_one.phi) / 4.0, np.round(4.0 * drawn_one.points) / 4.0
        w = refit(phi * drawn_one.Y, np.ones(N), np.full(drawn_one.m, drawn_one.mu()[0]))
        head = replace(drawn_one, phi=phi, points=points, V=w[None])
        kind = "one label" if relabels else "one row"
        good, arrays = proved(head, kind)
        worst = least(head, kind)
        assert (worst[good] > 0).all()
        assert (followed(head, kind, arrays, good) == good).all()
        for j in np.flatnonzero(good & (head.today == 1))[:2].tolist():  # leaves do not know of the threshold
            tight = replace(head, threshold=head.threshold + float(worst[j]) + 1e-9)
            assert not followed(tight, kind, arrays, np.arange(len(good)) == j)[j]
        said += int(good.sum())
    assert said > 20 and (used > 0 or not relabels)


@pytest.mark.parametrize("weights", ["rows", "labels", "balanced"])
def test_sums_of_steps(weights: str) -> None:
    said = stays = 0
    for seed in range(4):
        plain = label_heads.label_head(seed, weights)
        head = replace(plain, threshold=(-1) ** seed * 0.4)
        rows = tuple(range(0, head.n, 2))
        change = RowChange(True, 2, rows)
        assert LabelSums().able(head, change) == ""
        part = LabelSums().prove(head, change, head.today >= 0, Budget())
        assert part is not None
        worst = label_heads.least_margins(head, rows, 2)
        assert (worst[part.proved] > 0).all()
        with ctx.workprec(BITS):
            if part.proved.any():
                again = label_sums.proved(label_heads.as_checked(head, change), stored(dict(part.arrays)), "here",
                                          part.proved.tolist())
                assert (np.array(again) == part.proved).all()
            elsewhere = replace(head, threshold=head.threshold + 0.3)
            asked = part.proved & (label_heads.least_margins(elsewhere, rows, 2) < -1e-6)
            if asked.any():
                assert not any(label_sums.proved(label_heads.as_checked(elsewhere, change), stored(dict(part.arrays)),
                                                 "here", asked.tolist()))
        said, stays = said + int(part.proved.sum()), stays + int((worst > 0).sum())
    assert said > 0.5 * stays > 0


def test_groups() -> None:
    said = 0
    for seed in range(6):
        one = grouped(np.random.default_rng([6, seed]), 2, n=30, points=30)
        one = replace(one, head=replace(one.head, threshold=(-1) ** seed * 0.2))
        part = GroupTrees().prove(one.head, one.change, one.head.today >= 0, Budget())
        assert part is not None
        sign = np.where(one.head.today == 1, 1.0, -1.0)
        worst = np.min(one.margins() - sign * one.head.threshold, axis=0)
        assert (worst[part.proved] > 0).all()
        with ctx.workprec(BITS):
            if part.proved.any():
                arrays = stored(dict(part.arrays))
                twin = replace(one.twin, threshold=one.head.threshold, today=one.head.today.tolist())
                assert (np.array(group_tree.method.proved(twin, arrays, "here", part.proved.tolist()))
                        == part.proved).all()
        said += int(part.proved.sum())
    assert said > 20


def test_a_threshold_without_an_intercept_is_refused() -> None:
    head = drawn(0, 1.0)
    bare = replace(head, points=np.c_[head.points[:, :-1], np.full(len(head.points), 0.5)])
    assert levelled(head) and not levelled(bare) and levelled(replace(bare, threshold=0.0))
    assert "intercept" in BoxTree().able(bare, RowChange(False, 1, ROWS))
    for beyond in (float("nan"), float("inf"), -float("inf"), 1e200):
        assert not levelled(replace(head, threshold=beyond))
    assert levelled(replace(head, threshold=-1e20))
    part = BoxTree().prove(replace(head, threshold=1e20), RowChange(False, 1, ROWS), np.ones(30, bool), Budget())
    assert part is not None and part.proved.all()  # all labels are below it, whatever the refit
