"""D18 for changed labels in the checker: certificates that are forged, and choices that only some refits tell apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import ctx

from certify.check.reading.arrays import Array as Stored
from certify.check.theorems.head.rows import softmax_labels as checker
from certify.check.theorems.head.rows.softmax_labels import method
from certify.format.refusal import Invalid
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head
from tests.containment import heads_softmax_labels as attack
from tests.containment.heads_softmax_by_choice import worst
from tests.families.class_heads import as_checked, class_head
from tests.families.logistic_heads import stored

MOVED = 1e-4
"""Least margins of points that are said to be moved."""


def by_choice(head: Head) -> tuple[Array, Array]:
    """Refits of no change and every choice, and the least margins of each point at each."""
    each = attack.choices_of(head, tuple(range(head.n)))
    W = np.array([attack.relabelled(head, int(i), int(c)) for (i,), (c,) in zip(each.rows, each.codes, strict=True)])
    return W, np.array([worst(head, one) for one in W])


def forged(W: Array, n: int, parts: Array | None = None) -> dict[str, Stored]:
    """Arrays with such weights."""
    flat = W.reshape(len(W), -1)
    return stored({"weights": flat, "again": np.arange(len(flat)), "exact": flat,
                   "parts": np.array([[0.5] * n, [0.1] * n]) if parts is None else parts})


def said(head: Head, arrays: dict[str, Stored], **other: Any) -> list[bool]:
    with ctx.workprec(64), np.errstate(all="ignore"):
        checked = replace(as_checked(head, tuple(range(head.n)), 1), **other)
        return checker.proved(checked, arrays, "here", [True] * len(head.points))


def with_points(head: Head, points: Array) -> Head:
    return replace(head, points=points, points_rad=np.zeros(len(points)))


def made(seed: int, n: int = 8, points: int = 400, k: int = 2) -> Head:
    return class_head(np.random.default_rng([seed, 77]), n, k, points, 0.3, False, 1.0)


@pytest.mark.parametrize(("S", "e"), [(0, 0), (-10, -508), (-40, -530), (100, 540)])
def test_points_that_labels_move_are_proved_at_no_scale(S: int, e: int) -> None:
    """Candidates half the way to refits keep them: what proves a point is its length alone, in any unit."""
    head = made(1, 10, 4000, 3)
    W, least = by_choice(head)
    half = 0.5 * (W + W[0])
    near = np.min([worst(head, one) for one in half], axis=0)
    some = np.flatnonzero((least.min(axis=0) < -MOVED) & (near > MOVED))[:15]
    assert len(some) > 10
    scaled = replace(head, phi=np.ldexp(head.phi, S), V=np.ldexp(head.V, -S),
                     weight_decay=float(np.ldexp(head.weight_decay, 2 * S)),
                     points=np.ldexp(head.points[some], e), points_rad=np.zeros(len(some)))
    assert not any(said(scaled, forged(np.ldexp(half, -S), 10), today=head.today[some].tolist()))


def test_a_long_row_takes_nothing_from_the_others() -> None:
    """Whatever the unit of a row, the others are proved as they are without it."""
    head = made(2, 8, 30)
    W, least = by_choice(head)
    alone = said(head, forged(W, 8))
    assert sum(alone) > 10 and not (np.array(alone) & (least.min(axis=0) < -MOVED)).any()
    for size in (1e8, 1e150, 1e-150):
        points = np.r_[head.points, [size * head.points[0]]]
        assert said(with_points(head, points), forged(W, 8)) == [*alone, alone[0]]


@pytest.mark.parametrize("least", [5e-324, 1e-310, 0.0])
@pytest.mark.parametrize("step", [0.0, 0.5, 3.0, 1e300])
def test_tiny_parts_of_curvature_are_no_error(least: float, step: float) -> None:
    """Quotients by them would be infinite, or by 0; weights far away leave no curvature at all."""
    head = made(3)
    W, margins = by_choice(head)
    W[1:] += step
    parts = np.array([np.where(np.arange(8) < x, least, 1.0) for x in (1, 4, 8)])
    assert not (np.array(said(head, forged(W, 8, parts))) & (margins.min(axis=0) < -MOVED)).any()


def test_many_matrices_are_refused() -> None:
    head = made(3, points=3)
    W, _ = by_choice(head)
    said(head, forged(W, 8, np.full((method.MATRICES, 8), 0.5)))
    with pytest.raises(Invalid, match="9 matrices"):
        said(head, forged(W, 8, np.full((method.MATRICES + 1, 8), 0.5)))


def moved_by(least: Array, which: slice) -> np.ndarray:
    """The points that some choices of these move, and no others."""
    some = np.zeros(len(least), dtype=bool)
    some[which] = True
    return np.flatnonzero((least[some].min(axis=0) < -MOVED) & (least[~some].min(axis=0) > MOVED))


def test_every_group_of_choices_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """By groups of one batch: a point that only a choice of the last batch moves, and one that all keep."""
    monkeypatch.setattr(method, "TOGETHER", 1)
    monkeypatch.setattr(method, "AT_ONCE", 3)
    head = made(4, 8, 4000)
    W, least = by_choice(head)
    last, keep = moved_by(least, slice(6, 9)), np.flatnonzero(least.min(axis=0) > 0.3)
    assert len(last) and len(keep)
    some = [int(last[0]), int(keep[0])]
    assert said(with_points(head, head.points[some]), forged(W, 8)) == [False, True]


def widened(head: Head) -> Head:
    """With a feature before the others that is 0 of all training rows: weights of it are 0."""
    nothing = np.zeros((head.n, 1))
    points = np.c_[np.ones(len(head.points)), head.points]
    return replace(with_points(head, points), phi=np.c_[nothing, head.phi], V=np.c_[nothing[: head.k], head.V],
                   decayed=np.r_[True, head.decayed])


def test_weights_without_sense_prove_no_other_choice() -> None:
    """Of a batch of which one choice has weights that no step in whole numbers leads to others move points."""
    head = widened(made(4, 8, 4000))
    W, least = by_choice(head)
    some = moved_by(least, slice(6, 9))[:5]
    assert len(some)
    part = with_points(head, head.points[some])
    for size in (1e300, np.inf, np.nan, 5e-324):
        other = W.copy()
        other[2] = W[0] if size < 1.0 else size
        other[2, 0, 0] = size
        assert not any(said(part, forged(other, 8)))


def test_a_later_choice_does_not_undo_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "_known", lambda *given: None)
    head = made(4, 8, 4000)
    W, least = by_choice(head)
    some = np.r_[moved_by(least, slice(2, 6))[:5], np.flatnonzero(least.min(axis=0) > 0.3)[:2]]
    assert said(with_points(head, head.points[some]), forged(W, 8)) == [False] * (len(some) - 2) + [True] * 2


def test_a_point_without_a_label_is_not_proved() -> None:
    head = made(4, 8, 3)
    W, _ = by_choice(head)
    part = with_points(head, np.zeros((2, head.m)))
    assert said(part, forged(W, 8)) == said(part, forged(W, 8), today=[-1, -1]) == [False, False]
