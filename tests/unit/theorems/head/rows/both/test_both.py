"""D33, D32: rows deleted and others relabelled at once, against every refit; wrong versions are found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from certify.systems.head.rows import paired, tabled
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.changes.both import BothChange
from certify.theorems.head.rows.both_refits import walk
from certify.theorems.head.rows.both_squared import base, sets
from certify.theorems.head.rows.both_squared.method import BothSquared
from certify.theorems.head.rows.both_sums import case, method, tree
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.step_sums.kinds import Kinds
from certify.theorems.head.rows.survey import survey
from tests.containment.heads_both import changed_rows_both, drawn
from tests.containment.rigor import Violation
from tests.effort import FULL
from tests.families.head_changes import KINDS
from tests.families.heads import drawn_head
from tests.oracles.head_changes import stays

OURS = ("both_squared", "both_sums", "both_refits")


@pytest.mark.parametrize("seed", range(3))
def test_listed_choices_are_those_whose_numbers_reach_what_is_needed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    of = rng.integers(0, 2, 7)
    kinds, each = Kinds(of, (int(rng.integers(0, 3)), int(rng.integers(1, 3)))), np.round(rng.exponential(size=7), 1)
    every = [which for r in range(kinds.k + 1) for which in combinations(range(7), r)
             if all(sum(of[list(which)] == kind) <= most for kind, most in enumerate(kinds.most))]
    for need in (0.05, 0.5, 1.05, 2.05, 9.0):
        found = [tuple(sorted(one)) for batch in kinds.listed(each, need) for one in batch.tolist()]
        assert sorted(found) == sorted(which for which in every if each[list(which)].sum() >= need)
    assert kinds.top(each[None])[0] == pytest.approx(max(each[list(which)].sum() for which in every))
    pairs = rng.random((7, 7))
    np.fill_diagonal(pairs, 0.0)
    for u, most in enumerate(kinds.beside(pairs)):
        beside = [pairs[u, list(which)].sum() for which in every if u in which]
        assert not beside or most == pytest.approx(max(beside))


@pytest.mark.parametrize("loss", ["squared", "logistic", "cross_entropy"])
def test_each_prediction_is_as_all_ways_of_changing_rows_decide_it(loss: str) -> None:
    rng, decided = np.random.default_rng(5), 0
    for _ in range(12 if FULL else 4):
        head = drawn_head(rng, loss, n=7, apart=3.0, decay=0.2, free=False, remaining=loss == "squared", classes=3)
        change, allowed = KINDS["both"](rng, head, False)
        truth, found = stays(head, allowed), survey(head, change, 8.0, methods=OURS)
        assert not (found.proved & ~truth).any() and not (found.attacked & truth).any()
        decided += int((found.proved == truth).sum())
    assert decided >= 20


@pytest.mark.parametrize("seed", range(40 if FULL else 12))
def test_nothing_false_is_said_of_drawn_heads(seed: int) -> None:
    assert changed_rows_both(np.random.default_rng([31, seed])) in ("decided", "refused")


def fewer_labels(_: Any, change: BothChange) -> BothChange:
    return replace(change, relabelled=change.relabelled - 1)


def forgets(patch: pytest.MonkeyPatch, module: Any, name: str, changed: Callable[..., Any]) -> None:
    own = getattr(module, name)
    patch.setattr(module, name, lambda *args, **given: changed(own, *args, **given))


def labels_forgotten(own: Any, head: Any, change: BothChange) -> Any:
    single, kinds = own(head, change)
    return single, Kinds(kinds.of, (kinds.most[0], kinds.most[1] - 1))


def deletions_forgotten(own: Any, head: Any, change: BothChange) -> Any:
    single, kinds = own(head, change)
    return single, Kinds(kinds.of, (kinds.most[0] - 1, kinds.most[1]))


WRONG: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "sums: one label fewer": lambda patch: forgets(patch, tree, "single_changes", labels_forgotten),
    "sums: one deletion fewer": lambda patch: forgets(patch, tree, "single_changes", deletions_forgotten),
    "squared: one label fewer": lambda patch: forgets(
        patch, sets, "worst", lambda own, v, m: own(v, m - 1) if m > 1 else np.zeros(len(v))),
    "squared: labels as before deletions": lambda patch: forgets(
        patch, sets.One, "drops", lambda own, one, c, error: own(one, one.c if c.ndim == 1 else c * 0 + one.c, 0.0)),
    "squared: deletions without labels": lambda patch: forgets(
        patch, base, "comparison", lambda own, K, low, x, moved, d, r: np.zeros(len(low))),
    "refits: one label fewer": lambda patch: patch.setattr(
        walk.Walk, "all", _all_with(lambda change: replace(change, relabelled=change.relabelled - 1))),
    "refits: one deletion fewer": lambda patch: patch.setattr(
        walk.Walk, "all", _all_with(lambda change: replace(change, deleted=change.deleted - 1))),
}


def _all_with(less: Callable[[BothChange], BothChange]) -> Callable[[walk.Walk], None]:
    own = walk.Walk.all

    def all_(self: walk.Walk) -> None:
        self.change = less(self.change)
        own(self)

    return all_


@pytest.mark.parametrize("name", WRONG)
def test_wrong_versions_are_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # flips that are noted on the way would hide a wrong proof
    monkeypatch.setattr(Found, "take", lambda self, choices, V, sides: None)
    WRONG[name](monkeypatch)
    for seed in range(80):
        try:
            changed_rows_both(np.random.default_rng([7, seed]))
        except Violation as caught:
            assert "stays" in str(caught) or "farther" in str(caught)
            return
    pytest.fail("it passes")


def test_a_deleted_row_counts_nothing_afterwards_and_takes_all_of_its_curvature() -> None:
    head = drawn_head(np.random.default_rng(2), "logistic", n=9, d=1, decay=0.05, free=False)
    single, kinds = case.single_changes(head, BothChange(1, 1, tuple(range(9))))
    st = case.single_steps(head, single, lambda: None)
    gone = single.codes[:, 0] == DELETED
    assert st is not None and kinds.most == (1, 1) and gone.sum() == (~gone).sum() == 9
    assert (st.lost[gone] == 1.0).all() and (st.gain[gone] >= 1.0).all()
    assert not st.lost[~gone].any() and not st.gain[~gone].any()


@pytest.mark.parametrize("seed", range(3))
def test_what_deletions_and_labels_take_of_a_squared_head_is_bounded_above_and_closely(seed: int) -> None:
    rng = np.random.default_rng(seed)
    head = drawn_head(rng, "squared", n=6, d=1, N=3, decay=0.3)
    change, late = BothChange(2, 2, tuple(range(6))), lambda: False
    found = base.base_of(head, change, 2, np.arange(3), late)
    assert found is not None
    mu = Fraction(head.mu()[0])
    phi, y = ([[Fraction(x) for x in row] for row in part.tolist()] for part in (head.phi, head.Y))
    decay = [mu * int(d) for d in head.decayed]
    for contrast, t in enumerate(found.root.pairs.point):
        one = sets.one_of(found, contrast)
        e, sign = [Fraction(x) for x in head.points[t].tolist()], Fraction(float(found.root.pairs.sign[contrast]))

        def value(gone: tuple[int, ...], new: tuple[int, ...], e: list[Fraction] = e,
                  sign: Fraction = sign) -> Fraction:
            left = [i for i in range(6) if i not in gone]
            H = [[sum(phi[i][a] * phi[i][b] for i in left) + (decay[a] if a == b else 0) for b in range(2)]
                 for a in range(2)]
            b = [sum(phi[i][a] * y[i][0] * (-1 if i in new else 1) for i in left) for a in range(2)]
            det = H[0][0] * H[1][1] - H[0][1] * H[1][0]
            v = [(H[1][1] * b[0] - H[0][1] * b[1]) / det, (H[0][0] * b[1] - H[1][0] * b[0]) / det]
            return sign * (e[0] * v[0] + e[1] * v[1])

        for gone in [g for s in range(3) for g in combinations(range(6), s)]:
            rest = [i for i in range(6) if i not in gone]
            exact = value((), ()) - min(value(gone, new) for s in range(3) for new in combinations(rest, s))
            said = Fraction(float(sets.taken(found, one, np.array([gone], dtype=np.int64).reshape(1, -1))[0][0]))
            assert exact <= said <= exact + Fraction(1, 10**9)
            if found.omega is not None:
                labels = Fraction(float(sets.worst(one.drops(one.c, one.ec)[None], 2)[0]))
                assert exact <= labels + sum(Fraction(float(x)) for x in sets.shares(found, one)[list(gone)])


@pytest.mark.parametrize("loss", ["logistic", "cross_entropy"])
def test_gradients_and_curvatures_of_blocks_know_of_deleted_rows(loss: str) -> None:
    rng = np.random.default_rng(3)
    head = drawn_head(rng, loss, n=8, decay=0.3)
    rows = np.array([[1, 4], [1, 6], [1, 2]])
    codes = np.stack([np.full(3, DELETED), (head.label[rows[:, 1]] + 1) % len(head.codes)], axis=1)
    V, choices = 0.3 * rng.normal(size=(3, head.k, head.m)), Choices(rows, codes)
    found = (tabled.Table(head).at(np.ascontiguousarray(V[:, 0].T), choices) if head.k == 1
             else paired.Pairs(head).at(V, choices))
    for b in range(3):
        Y = head.Y.copy()
        Y[rows[b, 1]] = head.codes[codes[b, 1]]
        keep = np.arange(8) != 1
        g, _ = head.loss.slopes(head.phi[keep] @ V[b].T, Y[keep])
        true = g.T @ head.phi[keep] + head.mu()[0] * np.where(head.decayed, V[b], 0.0)
        assert np.linalg.norm(found.gradient[:, b] - true.ravel()) <= found.error
    held = found.curvature[None] if head.k == 1 else found.products
    assert not held[:, 1].any() and (held[:, [0, 3, 5, 7]].sum(axis=0) > 0).all()


def test_what_is_not_asked_or_not_held_is_refused_with_a_line() -> None:
    rng = np.random.default_rng(4)
    head = drawn_head(rng, "logistic", n=8, decay=0.3, remaining=True)
    change = BothChange(1, 1, tuple(range(8)))
    assert "decay" in method.BothSums().able(head, change)
    assert "squared" in BothSquared().able(head, change)
    exact = replace(head, phi_rad=np.full(8, 1e-9), remaining=False)
    assert "inexact" in method.BothSums().able(exact, change)
    late = method.BothSums().prove(replace(head, remaining=False), change, head.today >= 0, Budget(0.0))
    assert late is not None and late.late and not late.proved.any()
    squared, _ = drawn(rng, "squared")
    some = BothSquared().prove(squared, replace(change, rows=tuple(range(squared.n))), squared.today >= 0, Budget(0.0))
    assert some is not None and some.late and not some.proved.any()
