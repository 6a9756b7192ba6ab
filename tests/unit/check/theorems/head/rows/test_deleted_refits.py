"""D1f in the checker where rows are deleted: stated refits are judged many at a time, and for the right decay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted.judge import Judge
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
