"""Refits of rows that carry weights: gradients written afresh are short, and one inverse does for most of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from certify.finders.head import plain
from certify.finders.head.changed import Changed
from certify.finders.head.plain import PlainRefits
from certify.finders.head.refits import Refitter
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.every_choice import EveryChoice
from certify.theorems.head.rows.method import Budget
from tests.families.heads import any_rows, drawn_head


def weighted(loss: str, labels: bool = False, n: int = 12, N: int = 6) -> Head:
    """A head whose rows count from 0.2 to 5, or by their labels as well."""
    rng = np.random.default_rng(20261203)
    head = drawn_head(rng, loss, n=n, N=N, free=True, decay=0.02)
    rows = np.exp(rng.uniform(np.log(0.2), np.log(5.0), n))
    assert head.codes is not None
    head = replace(head, weights=RowWeights(rows, np.linspace(0.5, 2.0, len(head.codes)) if labels else None))
    return replace(head, V=Refitter(head).V0)


def gradient(head: Head, rows: np.ndarray, codes: np.ndarray, V: np.ndarray) -> np.ndarray:
    """`Σ c_i ∇ℓ_i ⊗ φ_i + μV`, row by row."""
    assert isinstance(head.weights, RowWeights) and head.codes is not None and head.label is not None
    g, new = np.where(head.decayed, V, 0.0) * head.weight_decay * head.n, dict(zip(rows, codes, strict=True))
    for i, (x, c) in enumerate(zip(head.phi, head.weights.rows, strict=True)):
        code = new.get(i, head.label[i])
        if code == DELETED:
            continue
        share = 1.0 if head.weights.labels is None else head.weights.labels[code]
        z = V @ x
        s = np.exp(z - z.max()) / np.exp(z - z.max()).sum() if head.k > 1 else 1.0 / (1.0 + np.exp(-z))
        y = head.codes[code] if head.k > 1 else (head.codes[code] + 1.0) / 2.0
        g = g + c * share * np.outer(s - y, x)
    return g


def pairs(head: Head, deleted: bool) -> Choices:
    """All pairs of rows, deleted or with the next label."""
    rows = np.array(list(combinations(range(head.n), 2)))
    assert head.label is not None and head.codes is not None
    return Choices(rows, np.full_like(rows, DELETED) if deleted else (head.label[rows] + 1) % len(head.codes))


@pytest.mark.parametrize("loss", ["logistic", "cross_entropy"])
@pytest.mark.parametrize("deleted", [True, False])
@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("by_rows", [True, False])
def test_that_gradients_are_short_at_weighted_refits(loss: str, deleted: bool, labels: bool, by_rows: bool) -> None:
    """Of heads whose curvature is 0.01 or more in all directions that outputs see."""
    head = weighted(loss, labels)
    every = pairs(head, deleted)
    V = Changed(head, by_rows).solve(every)
    longest = max(np.linalg.norm(gradient(head, *of)) for of in zip(every.rows, every.codes, V, strict=True))
    assert longest < 1e-10


def test_that_few_refits_need_a_hessian_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    head, asked = weighted("cross_entropy", labels=True, n=60), list[int]()
    hessians = PlainRefits.hessians

    def counted(self: PlainRefits, Z: np.ndarray, *more: np.ndarray) -> np.ndarray:
        asked.append(Z.shape[1])
        return hessians(self, Z, *more)

    monkeypatch.setattr(PlainRefits, "hessians", counted)
    refits = PlainRefits(head)
    rows = np.arange(head.n)[:, None]
    start = refits.newton(plain.UNCHANGED, head.V[None])[0]
    asked.clear()
    refits.solve(Choices(rows, np.full_like(rows, DELETED)), start)
    assert sum(asked) < head.n // 2  # by Newton's method alone there are some five for each row


@pytest.mark.parametrize("relabels", [True, False])
def test_that_every_single_row_of_a_weighted_softmax_head_is_decided(relabels: bool) -> None:
    """Both ends meet: a point is flipped by a row, or stays."""
    head = weighted("cross_entropy", n=40, N=100)
    part = EveryChoice().prove(head, any_rows(head, 1, relabels), head.today >= 0, Budget())
    assert part is not None and part.flips is not None
    flipped = part.flips.point >= 0  # the number of a change that flips it, if any
    assert (part.proved ^ flipped).all() and part.proved.any() and flipped.any()
