"""D1f in the checker where rows are deleted: stated refits are judged many at a time, and for the right decay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted import judge as judging
from certify.check.theorems.head.rows.refitted.block import Block
from certify.check.theorems.head.rows.refitted.held_pairs import SHARE
from certify.check.theorems.head.rows.refitted.judge import Judge
from certify.check.theorems.head.rows.refitted.packed import V as UNIT
from certify.check.theorems.head.rows.refitted.packed_held import PULL
from certify.check.theorems.head.rows.refitted.refit import labels_after
from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices, choices_of
from certify.systems.head.rows.head import Head
from tests.families.heads import any_rows, ball_head, drawn_head


def refits_of(head: Head, choices: Choices) -> Array:
    refitter = Refitter(head)
    return refitter.newton(choices, np.repeat(refitter.V0[None], len(choices), axis=0))


def kept(head: Head, choices: Choices, V: Array, points: list[int]) -> Array:
    """After which deletions the checker keeps each point, without any ball."""
    changes = [tuple((i, DELETED) for i in rows) for rows in choices.rows.tolist()]
    with ctx.workprec(BITS):
        twin = replace(ball_head(head, any_rows(head, choices.rows.shape[1], False)), today=head.today.tolist())
        judge = Judge(twin)
        assert judge.pairs is not None
        return np.array([judge._kept(changes, V.reshape(len(V), -1).tolist(), [j]) for j in points])


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("remaining", [False, True])
def test_most_stated_refits_are_judged_together_and_rightly(free: bool, remaining: bool) -> None:
    decided = right = 0
    for seed in range(3):
        head = drawn_head(np.random.default_rng(seed), "cross_entropy", n=14, d=2, N=9, apart=3.0, free=free,
                          decay=0.1, remaining=remaining)
        choices = next(choices_of(head, any_rows(head, 2, False), 2))
        V = refits_of(head, choices).astype(np.float32).astype(float)
        F = np.einsum("bkm,nm->nbk", V, head.points)
        own = np.eye(head.k, dtype=bool)[head.today][:, None]
        gap = np.where(own, F, np.inf).min(axis=2) - np.where(own, -np.inf, F).max(axis=2)
        found = kept(head, choices, V, list(range(9)))
        assert not (found & (gap < 1e-5)).any()
        clear = gap > 0.02 * np.abs(gap).max()
        decided, right = decided + int((found & clear).sum()), right + int(clear.sum())
    assert decided > 0.7 * right > 200  # of few rows the hardest two may hold all of the curvature


def test_refits_for_the_decay_of_no_deletion_are_none() -> None:
    """The weights are the refits of sums whose decay does not follow the rows: other labels than the true ones."""
    head = drawn_head(np.random.default_rng(3), "cross_entropy", n=9, d=2, N=6, apart=1.0, free=False, decay=0.3,
                      remaining=True)
    choices = next(choices_of(head, any_rows(head, 3, False), 3)).part(slice(0, 12))
    wrong, true = refits_of(replace(head, remaining=False), choices), refits_of(head, choices)
    X = np.random.default_rng(0).normal(size=(4000, head.m))
    both = [np.einsum("bkm,nm->nbk", W, X).argmax(axis=2) for W in (wrong, true)]
    at, b = np.nonzero(both[0] != both[1])
    assert len(at) > 50
    some = slice(0, None, len(at) // 12)
    at, b = at[some], b[some]
    head = replace(head, points=X[at], points_rad=np.zeros(len(at)))
    head.__dict__["today"] = both[0][at, b]
    found = kept(head, choices, wrong, list(range(len(at))))
    assert not found[np.arange(len(at)), b].any()
    head.__dict__["today"] = both[1][at, b]
    assert kept(head, choices, true, list(range(len(at))))[np.arange(len(at)), b].any()


def test_where_all_weights_decay_no_refit_is_left_to_balls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the form leaves open (half of it here) the modulus of the decay decides, many at a time."""
    head = drawn_head(np.random.default_rng(1), "cross_entropy", n=16, d=2, N=9, apart=3.0, free=False, decay=1e-3)
    choices = next(choices_of(head, any_rows(head, 2, False), 2))
    V = refits_of(head, choices).astype(np.float32).astype(float)
    F = np.einsum("bkm,nm->nbk", V, head.points)
    own = np.eye(head.k, dtype=bool)[head.today][:, None]
    gap = (np.where(own, F, np.inf).min(axis=2) - np.where(own, -np.inf, F).max(axis=2)).min(axis=1)
    stays = (gap > 0.01 * np.abs(F).max(axis=(1, 2))).tolist()
    left: list[int] = []
    balls = labels_after

    def seen(head: Any, some: Any, weights: Any) -> list[list[int]]:
        left.append(len(some))
        return balls(head, some, weights)

    monkeypatch.setattr(judging, "labels_after", seen)
    changes = [tuple((i, DELETED) for i in rows) for rows in choices.rows.tolist()]
    with ctx.workprec(BITS):
        judge = Judge(replace(ball_head(head, any_rows(head, 2, False)), today=head.today.tolist()))
        assert sum(stays) > 2 and judge.after(changes, V.reshape(len(V), -1).tolist(), stays) == stays
        assert not sum(left)
        monkeypatch.setattr(judge.packed, "keep", lambda some, weights, which: [False] * len(some))
        assert judge.after(changes, V.reshape(len(V), -1).tolist(), stays) == stays and sum(left) > 9


@pytest.mark.parametrize("share, yes", [(0.1, True), (0.25, False)])
def test_no_more_pull_than_the_form_that_is_left_holds(share: float, yes: bool) -> None:
    """`|g|_* < θR`: beyond, no minimiser need be there, however wide the margin of a point."""
    head = drawn_head(np.random.default_rng(2), "cross_entropy", n=14, d=2, N=9, apart=3.0, free=True, decay=0.1)
    choices = next(choices_of(head, any_rows(head, 2, False), 2)).part(slice(0, 1))
    V = refits_of(head, choices)[0] + 0.01 * np.random.default_rng(0).normal(size=(head.k, head.m))
    F = V @ head.points.T
    clear = int(np.argmax(np.ptp(np.sort(F, axis=0)[-2:], axis=0)))
    with ctx.workprec(BITS):
        today = head.today.tolist()
        today[clear] = int(F[:, clear].argmax())
        pairs = Judge(replace(ball_head(head, any_rows(head, 2, False)), today=today)).pairs
        assert pairs is not None
        change = tuple((i, DELETED) for i in choices.rows[0].tolist())
        block = Block([0], [change], [int(v * 2.0**UNIT) for v in V.ravel()])
        mu, longest = pairs.head.mu(2), arb(block.longest()) / 2**UNIT
        found = pairs.pulls(block, longest, mu, ())
        guess = pairs.forms.hold(found.products, found.fade, mu, 0.1)
        assert guess is not None
        pull = np.array(guess.root, dtype=float) @ np.array(found.across, dtype=float)
        reach = 1.5 * float(np.linalg.norm(pull)) * 2.0 ** -(guess.unit + PULL)
        form = pairs.forms.hold(found.products, found.fade, mu, reach)
        assert form is not None
        shares = [int(share * 2**SHARE) if i in dict(change) else 0 for i in range(head.n)]
        assert pairs._within(replace(form, shares=shares), block, found, [clear], longest) == [yes]
