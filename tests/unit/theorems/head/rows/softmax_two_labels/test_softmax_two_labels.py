"""D18 for two changed labels: every pair of small heads refitted, and wrong versions."""

from __future__ import annotations

import dataclasses
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange, choices_of
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax.trap import hessian
from certify.theorems.head.rows.softmax_by_choice.metric import as_it_is, root_metric
from certify.theorems.head.rows.softmax_by_choice.pairs import Pairs, pairs_of
from certify.theorems.head.rows.softmax_two_labels import search
from certify.theorems.head.rows.softmax_two_labels.method import SoftmaxTwoLabels
from certify.theorems.head.rows.survey import survey
from tests.families.class_heads import class_head, refit
from tests.families.heads import any_rows

NEAR = 1e-7


def drawn(seed: int, n: int = 11, free: bool = False, points: int = 60) -> Head:
    rng = np.random.default_rng([seed, 23])
    decay, apart = float(10.0 ** rng.uniform(-0.3, 0.5)), float(rng.uniform(1, 2))
    return class_head(rng, n, 2 + seed % 2, points, decay, free, apart)


def changed(head: Head, rows: tuple[int, ...], codes: tuple[int, ...]) -> Array:
    """The refit after some labels changed."""
    Y = head.Y.copy()
    assert head.codes is not None
    Y[list(rows)] = head.codes[list(codes)]
    return np.asarray(refit(head.phi, Y, head.n * head.weight_decay, head.decayed))


def truth(head: Head, count: int = 2) -> np.ndarray:
    """The least margin of today's labels under every choice."""
    assert head.label is not None
    low, each = np.full(len(head.points), np.inf), np.arange(len(head.points))
    for r in range(count + 1):
        for rows in combinations(range(head.n), r):
            for codes in product(*([c for c in range(head.k) if c != head.label[i]] for i in rows)):
                F = head.points @ changed(head, rows, codes).T
                own = F[each, head.today].copy()
                F[each, head.today] = -np.inf
                low = np.minimum(low, own - F.max(axis=1))
    return low


def stepped(head: Head, rough: float = 0.0) -> tuple[Any, Array, Choices, Pairs]:
    """Single steps of all labels, not all of them to refits."""
    singles = next(choices_of(head, RowChange(True, 2, tuple(range(head.n))), 1))
    W = np.array([changed(head, (int(i),), (int(c),)) for i, c in zip(singles.rows[:, 0], singles.codes[:, 0],
                                                                      strict=True)])
    rng = np.random.default_rng(0)
    W += rough * rng.standard_normal(W.shape)
    c = centre(head, Refitter(head).V0)
    with np.errstate(all="ignore"):
        m = root_metric(as_it_is(c))
        assert m is not None
        found = pairs_of(m, c, singles.rows[:, 0], W, lambda: None, singles)
    assert found is not None
    return m, W, singles, found


def farther(head: Head, found: Pairs, W: Array, singles: Choices) -> tuple[int, int]:
    """Pairs whose refits are farther from the sums than is said, and pairs of which something is said."""
    H, lies, said = hessian(found.m.c, found.m.h), 0, 0
    for i, l in combinations(range(len(W)), 2):
        rows = int(singles.rows[i, 0]), int(singles.rows[l, 0])
        if rows[0] == rows[1]:
            continue
        r = float(found.distances(i, np.array([l]))[0])
        if np.isfinite(r):
            codes = int(singles.codes[i, 0]), int(singles.codes[l, 0])
            away = changed(head, rows, codes) - (W[i] + W[l] - found.m.c.V)
            if head.free_intercept:
                away[:, -1] -= away[:, -1].mean()
            said += 1
            lies += np.sqrt(max(away.ravel() @ H @ away.ravel(), 0.0)) > r * (1 + 1e-6) + NEAR
    return int(lies), said


@pytest.mark.parametrize(("free", "rough"), [(False, 0.0), (True, 0.0), (False, 0.003)])
def test_distances_of_every_pair(free: bool, rough: float) -> None:
    said = 0
    for seed in (0,) if free else range(3):
        head = drawn(seed, 24 if free else 10, free)
        _m, W, singles, found = stepped(head, rough)
        lies, more = farther(head, found, W, singles)
        assert not lies
        said += more
    assert said > 20


@pytest.mark.parametrize(("name", "rough"), [("left", 0.01), ("grown", 0.0)])
def test_what_is_left_out_is_missed(name: str, rough: float) -> None:
    """Gradients at the steps, and what both do to the slopes."""
    lies = 0
    for seed in range(4):
        head = drawn(seed, 10)
        _m, W, singles, found = stepped(head, rough)
        lies += farther(head, dataclasses.replace(found, **{name: 1e-6 * getattr(found, name)}), W, singles)[0]
    assert lies


def test_what_is_proved_stays_and_what_is_flipped_does_not() -> None:
    for seed in (0, 2):
        head = drawn(seed, 10)
        change = any_rows(head, 2, True)
        assert not SoftmaxTwoLabels().able(head, change)
        part, low = SoftmaxTwoLabels().prove(head, change, head.today >= 0, Budget()), truth(head)
        assert part is not None and part.flips is not None
        assert (low[part.proved] > -NEAR).all() and (low[part.flips.point >= 0] < NEAR).all()
        assert part.proved.sum() + (part.flips.point >= 0).sum() >= 0.9 * len(low) and part.proved.any()


def test_pairs_that_are_not_looked_at_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that looks at single labels alone, and finds no worst pair."""
    monkeypatch.setattr(search.Search, "_opened", lambda self, pairs, lines, *rest: [
        np.zeros(0, np.int64) for _ in lines.at])
    monkeypatch.setattr(search.Search, "_worst", lambda self, margins: None)
    lies = 0
    for seed in (0, 2):
        head, t = drawn(seed, 10, points=400), np.linspace(0.0, 1.0, 400)[:, None]
        head = dataclasses.replace(head, points=t * head.points + (1.0 - t) * head.points[::-1])
        part = SoftmaxTwoLabels().prove(head, any_rows(head, 2, True), head.today >= 0, Budget())
        assert part is not None
        lies += int((truth(head)[part.proved] < -NEAR).sum())
    assert lies


def test_a_time_that_is_up_leaves_what_is_proved() -> None:
    part = SoftmaxTwoLabels().prove(drawn(0), any_rows(drawn(0), 2, True), np.ones(60, dtype=bool), Budget(0.0))
    assert part is not None and part.late and not part.proved.any()


def test_refuses_what_it_is_not_about() -> None:
    head = drawn(1)
    for count, relabels in ((1, True), (3, True), (2, False)):
        assert SoftmaxTwoLabels().able(head, any_rows(head, count, relabels))
    assert SoftmaxTwoLabels().able(dataclasses.replace(head, phi_rad=head.phi_rad + 1e-9), any_rows(head, 2, True))


def test_the_survey_uses_it_where_it_may() -> None:
    head = drawn(0)
    found = survey(head, any_rows(head, 2, True), 60.0, methods=("softmax_two_labels",))
    assert set(found.parts) == {"softmax_two_labels"} and found.undecided.sum() <= 6
