"""D19: balanced weights of rows that are left out, against every refit of small heads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify.finders.head.refits import Refitter
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.weights import RowWeights, settled
from certify.theorems.head.rows.by_counts import method as by_counts
from certify.theorems.head.rows.by_counts.method import ByCounts, Case, cases, labels_at
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.survey import survey
from tests.families.heads import any_rows
from tests.families.other_heads import other_head
from tests.oracles import head_rows


def uneven(seed: int, n: int = 12, few: int = 4) -> Head:
    """A balanced head with few rows of one label, whose weights a deletion changes most."""
    rng = np.random.default_rng([19, seed])
    head = other_head(rng, "logistic", n=n, d=1, N=24, free=seed % 2 == 0, weights="balanced",
                      decay=float(10.0 ** rng.uniform(-1, 0.3)))
    assert head.label is not None and head.codes is not None
    label = (np.arange(n) >= n - few).astype(np.int64)
    phi = head.phi.copy()
    phi[:, 0] += 1.5 * (label - head.label)
    phi[-1, 0] = -3.0  # a row of the smaller label on the wrong side: without it the others of its label weigh more
    head = replace(head, phi=phi, label=label, Y=head.codes[label])
    head = replace(head, V=Refitter(head).V0)
    edge = -head.V[0, 1] / head.V[0, 0]
    points = np.stack([edge + np.linspace(-2.0, 2.0, 80), np.ones(80)], axis=1)
    return replace(head, points=points, points_rad=np.zeros(80))


@pytest.mark.parametrize(("seed", "n", "count", "share"), [(0, 24, 1, 0.5), (1, 24, 1, 0.5), (2, 18, 2, 0.05)])
def test_what_is_proved_stays_at_every_refit(seed: int, n: int, count: int, share: float) -> None:
    head = uneven(seed, n, n // 3)
    change = any_rows(head, count, False)
    assert not ByCounts().able(head, change)
    part = ByCounts().prove(head, change, head.today >= 0, Budget())
    truth = head_rows.stays(head, change)
    assert part is not None and not (part.proved & ~truth).any()
    assert part.proved.sum() >= share * truth.sum() > 0, (part.proved.sum(), truth.sum())
    assert part.flips is not None and not truth[part.flips.point >= 0].any()


def wrong_today(head: Head, change: RowChange) -> Iterator[Case]:
    """Weights of today in every case."""
    assert head.label is not None
    counts = np.bincount(head.label)
    mu = 2 * head.n * head.weight_decay * float(counts.prod()) / head.n
    weights = counts[1 - head.label].astype(np.float64)
    return (replace(case, weights=weights, mu=(mu, 2.0**-50 * mu)) for case in cases(head, change))


def wrong_label(head: Head, change: RowChange) -> Iterator[Case]:
    """The number of the own label for that of the other."""
    for case in cases(head, change):
        yield replace(case, weights=case.weights.max() + case.weights.min() - case.weights)


@pytest.mark.parametrize("wrong", [wrong_today, wrong_label])
def test_wrong_versions_are_found_out(
    wrong: Callable[[Head, RowChange], Iterator[Case]], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(by_counts, "cases", wrong)
    lies = 0
    for seed in range(4):
        head = uneven(seed, n=9, few=3)
        change = any_rows(head, 1, False)
        part = ByCounts().prove(head, change, head.today >= 0, Budget())
        lies += part is not None and int((part.proved & ~head_rows.stays(head, change)).sum())
    assert lies


def test_cases_hold_every_split_once() -> None:
    head = uneven(0)
    change = any_rows(head, 2, False)
    found = list(cases(head, change))
    assert sorted(case.weights[[-1, 0]].tolist() for case in found) == sorted(
        [8.0 - a, 4.0 - b] for a in range(3) for b in range(3 - a) if a + b)
    assert [case.change.count for case in found] == [2, 2, 2, 1, 1]


@pytest.mark.parametrize("decay", [0.1, 1e-7, 0.3])
def test_the_decay_of_a_case_is_known_up_to_its_error(decay: float) -> None:
    head = replace(uneven(0), weight_decay=decay)
    assert head.label is not None
    counts, off = np.bincount(head.label).tolist(), 0
    for case in cases(head, any_rows(head, 2, False)):
        left = [have - gone for have, gone in zip(counts, case.gone, strict=True)]
        exact = 2 * head.n * Fraction(decay) * left[0] * left[1] / sum(left)
        away = abs(Fraction(case.mu[0]) - exact)
        assert away <= Fraction(case.mu[1])
        off += away > 0
    assert off


def test_labels_are_those_of_the_refit_and_not_of_weights_near_it() -> None:
    """Weights that are off have other labels at some points, of which nothing is said."""
    head = uneven(1)
    whole = Refitter(head).V0
    known = labels_at(head, whole)
    assert (known >= 0).any() and np.array_equal(known >= 0, known == (head.points @ whole[0] > 0))
    for step in (1e-3, -1e-3, 0.1, -0.1):
        away = whole + np.array([[0.0, step]])
        points = np.stack([-(whole[0, 1] + step / 2) / whole[0, 0] * np.ones(1), np.ones(1)], axis=1)
        near = replace(head, points=points, points_rad=np.zeros(1))
        assert (points @ away[0] > 0) != (points @ whole[0] > 0)
        assert labels_at(near, away).tolist() == [-1]
        assert labels_at(near, whole).tolist() == [int((points @ whole[0]).item() > 0)]


def test_a_label_that_the_refit_of_all_rows_does_not_have_is_not_proved() -> None:
    """The given weights are those without the one row that may go, whose label a point has at these two alone."""
    head = uneven(1, 24, 8)
    row = head.n - 1
    assert head.label is not None
    keep = np.arange(head.n) != row
    rest = Refitter(replace(head, phi=head.phi[keep], phi_rad=head.phi_rad[keep], Y=head.Y[keep],
                            label=head.label[keep], weight_decay=head.weight_decay * head.n / (head.n - 1),
                            weights=RowWeights(np.ones(head.n - 1), None, True))).V0
    edges = [-V[0, 1] / V[0, 0] for V in (head.V, rest)]
    points = np.stack([np.array([0.5, 2.0]) * (edges[1] - edges[0]) + edges[0], np.ones(2)], axis=1)
    moved, change = replace(head, V=rest, points=points, points_rad=np.zeros(2)), RowChange(False, 1, (row,))
    assert head_rows.stays(moved, change).tolist() == [False, True]
    part = ByCounts().prove(moved, change, moved.today >= 0, Budget())
    assert part is not None and part.proved.tolist() == [False, True]


def test_refuses_what_it_is_not_about() -> None:
    head = uneven(1)
    assert head.weights is not None
    some = any_rows(head, 2, False)
    assert "left out" in ByCounts().able(head, any_rows(head, 1, True))
    assert "follow" in ByCounts().able(replace(head, weights=None), some)
    assert "their own" in ByCounts().able(replace(head, weights=replace(head.weights, rows=np.full(head.n, 2.0))), some)
    assert "all its rows" in ByCounts().able(head, any_rows(head, 4, False))
    assert "fixed" in ByCounts().able(replace(head, remaining=True), some)


def test_a_survey_of_many_rows_uses_it() -> None:
    """Where refits of every choice take too long; before it nothing was proved."""
    rng = np.random.default_rng(7)
    head = other_head(rng, "logistic", n=400, d=2, N=30, free=True, weights="balanced", decay=0.01)
    found = survey(head, any_rows(head, 3, False), 60.0, methods=("by_counts", "box_tree", "box"))
    assert set(found.parts) == {"by_counts"} and found.proved.sum() >= 20


@pytest.mark.parametrize("balanced", [False, True])
def test_weights_of_labels_stay_with_rows_left_out(balanced: bool) -> None:
    head = other_head(np.random.default_rng(3), "logistic", n=300, d=2, N=20, free=True,
                      weights="balanced" if balanced else "labels", decay=0.05)
    some = any_rows(head, 2, False)
    own = settled(head, some)
    if balanced:
        assert own is head
        return
    assert isinstance(own.weights, RowWeights) and isinstance(head.weights, RowWeights)
    assert own.weights.labels is None and settled(head, any_rows(head, 2, True)) is head
    assert np.array_equal(own.weights.rows, head.weights.labels[head.label])
    assert "box_tree" in survey(head, some, 60.0, methods=("box_tree",)).parts
    rounded = replace(head, weights=replace(head.weights, rows=np.full(head.n, 1.1)))
    assert settled(rounded, some) is rounded
