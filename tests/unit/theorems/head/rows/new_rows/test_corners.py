"""The search of new rows that flip finds what every corner of the box, with every label, does."""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import numpy as np
import pytest

from certify.finders.head.new_rows.corners import Corners, corner_flips
from certify.finders.head.new_rows.search import Sums, flips
from certify.systems.head.rows.changes.new_rows import NewRows
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.survey import survey
from tests.effort import FULL
from tests.families.heads import drawn_head


def boxed(head: Head, deleted: int, added: int) -> NewRows:
    X = head.phi[:, :-1] if head.m > 1 else head.phi
    return NewRows(deleted, added, tuple(range(head.n)), X.min(axis=0), X.max(axis=0))


def by_corners(head: Head, change: NewRows) -> np.ndarray:
    """Which points some new rows at corners flip, by every choice of them and their labels."""
    sums, flipped = Sums(head, change), np.zeros(len(head.points), dtype=bool)
    corners = [np.array(one) for one in product(*zip(change.low, change.high, strict=True))]
    assert head.codes is not None
    for chosen in combinations_with_replacement(list(product(range(len(corners)), (0, 1))), change.added):
        X = np.array([corners[c] for c, _ in chosen])
        phi = np.vstack([head.phi, np.hstack([X, np.ones((len(X), head.m - X.shape[1]))])])
        y = np.append(head.Y[:, 0], [head.codes[label, 0] for _, label in chosen])
        z = head.points @ sums.minimum(phi, y, head.V[0]) - head.threshold
        flipped |= (np.abs(z) > 1e-9) & ((z > 0) != (head.today == 1)) & (head.today >= 0)
    return flipped


@pytest.mark.parametrize("loss", ["logistic", "squared"])
@pytest.mark.parametrize("added", [1, 2])
def test_no_corner_flips_what_the_search_leaves_open(loss: str, added: int) -> None:
    """Of these draws some have predictions that the search by first order alone leaves."""
    missed = total = 0
    for seed in range(3):
        if total > 10 and missed > 0 and not FULL:
            break
        rng = np.random.default_rng([seed, 32, added])
        head = drawn_head(rng, loss, n=30, d=4, N=16, free=True, apart=2.0, decay=float(10.0 ** rng.uniform(-2.5, -1)))
        change = boxed(head, 0, added)
        found, corners = survey(head, change, 20.0), by_corners(head, change)
        assert not (corners & ~np.asarray(found.attacked)).any()
        first = {j for j, *_ in flips(head, change, np.flatnonzero(head.today >= 0), lambda: 1.0)}
        missed += len({*np.flatnonzero(corners).tolist()} - first)
        total += int(corners.sum())
    assert total > 10 and missed > 0


def test_what_it_proposes_lies_in_the_box_and_was_asked_about() -> None:
    rng = np.random.default_rng(9)
    head = drawn_head(rng, "logistic", n=18, d=2, N=20, free=True, decay=0.02)
    change, seen = boxed(head, 2, 2), 0
    for j, X, labels, gone, w in corner_flips(head, change, np.flatnonzero(head.today >= 0), lambda: 1.0):
        assert change.holds(X) and change.permits(head, (gone, (-1,) * len(gone))) and len(labels) == len(X) == 2
        assert np.isfinite(w).all() and (head.points[j] @ w > head.threshold) != (head.today[j] == 1)
        seen += 1
    assert seen > 3
    assert not list(corner_flips(head, change, np.arange(3), lambda: -1.0))


def test_of_many_columns_some_corners_are_drawn_and_time_ends_it() -> None:
    rng = np.random.default_rng(2)
    head = drawn_head(rng, "squared", n=20, d=12, N=3, free=True, decay=0.5)
    some = Corners(head, boxed(head, 0, 1))
    assert len(some.table(lambda: 1.0)) == 2 * 128 and some.table(lambda: 0.0) == []
