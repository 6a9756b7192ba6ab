"""Columns of zeros: trees of pairs work without them, and prove and state the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows import pair_tree as check_tree
from certify.systems.head.rows.boxes import sums
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.pair_tree.columns import columns
from certify.theorems.head.rows.pair_tree.method import PairTrees
from tests.families.logistic_heads import as_checked, logistic_head, margins, refit, stored


def widened(head: Head, entries: np.ndarray) -> Head:
    """The head with columns of zeros before the last one, in which points have entries."""
    def between(A: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.concatenate([A[:, :-1], values, A[:, -1:]], axis=1)

    q = entries.shape[1]
    decayed = np.concatenate([head.decayed[:-1], np.ones(q, head.decayed.dtype), head.decayed[-1:]])
    return replace(head, phi=between(head.phi, np.zeros((head.n, q))), points=between(head.points, entries),
                   V=between(head.V, np.zeros((len(head.V), q))), decayed=decayed)


@pytest.mark.parametrize("size", [0.0, 0.5])
@pytest.mark.parametrize("vast", [1, 1 << 21])
def test_what_is_proved_and_stated_is_what_all_refits_say(
        size: float, vast: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "VAST", vast)
    stays = 0
    for seed, count in ((0, 2), (1, 3)):
        rng = np.random.default_rng([seed, 5, 9])
        narrow = logistic_head(rng, 11, decay=3.0)
        head, rows = widened(narrow, size * rng.standard_normal((len(narrow.points), 3))), tuple(range(11))
        least = np.min(list(margins(head, rows, count, False).values()), axis=0)
        part = PairTrees().prove(head, RowChange(False, count, rows), head.today >= 0, Budget())
        assert part is not None and not part.proved[least <= 0].any()
        stays += int(part.proved.sum())
        if part.arrays:
            assert part.arrays["weights"].shape[1] == head.phi.shape[1]
            with ctx.workprec(64):
                found = check_tree.proved(as_checked(head, rows, count, False), stored(dict(part.arrays)), "claim",
                                          part.proved.tolist())
            assert found == part.proved.tolist()
    assert stays


def test_one_column_stays_where_points_have_entries_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "VAST", 1)
    rng = np.random.default_rng(3)
    narrow = logistic_head(rng, 9, decay=3.0)
    entries = np.zeros((len(narrow.points), 3))
    s, points = oriented(widened(narrow, entries), RowChange(False, 2, tuple(range(9))))
    assert columns(s, points).sums.S.shape == narrow.phi.shape
    entries[1] = [3.0, 0.0, -4.0]
    s, points = oriented(widened(narrow, entries), RowChange(False, 2, tuple(range(9))))
    own = columns(s, points)
    assert own.sums.S.shape[1] == narrow.phi.shape[1] + 1
    norms, all_ = np.linalg.norm(own.points, axis=1), np.linalg.norm(points, axis=1)
    assert (norms >= all_ * (1 - 1e-15)).all() and (norms <= all_ * (1 + 1e-12)).all()


def without_intercept(seed: int, threshold: float, zeros: int) -> Head:
    """A head whose last columns are 0 in every row, where all points have 1 in the very last one, and a threshold."""
    rng = np.random.default_rng([seed, 40])
    X = rng.standard_normal((12, 2))
    y = np.where(X @ [1.0, 0.5] + 0.3 * rng.standard_normal(12) > 0.0, 1.0, -1.0)
    y[:2] = 1.0, -1.0
    phi = np.concatenate([X, np.zeros((12, zeros))], axis=1)
    e = np.concatenate([rng.standard_normal((8, 2)), np.zeros((8, zeros - 1)), np.ones((8, 1))], axis=1)
    w = refit(phi * y[:, None], np.ones(12), np.full(phi.shape[1], 3.6))
    label = ((y + 1) // 2).astype(np.int64)
    return Head(phi, np.zeros(12), y[:, None], np.array([[-1.0], [1.0]]), label, LogisticHead(), w[None], 0.3,
                np.ones(phi.shape[1], bool), False, e, np.zeros(8), threshold=threshold)


@pytest.mark.parametrize("zeros", [1, 2])
@pytest.mark.parametrize("threshold", [-0.3, 0.3])
def test_the_column_of_the_threshold_stays(threshold: float, zeros: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "VAST", 1)
    stays, flips = 0, 0
    for seed in range(12):
        head = without_intercept(seed, threshold, zeros)
        part = PairTrees().prove(head, RowChange(False, 2, tuple(range(12))), head.today >= 0, Budget())
        least = np.min(list(margins(head, tuple(range(12)), 2, False).values()), axis=0)
        assert part is not None and not part.proved[least <= 0].any(), seed
        stays, flips = stays + int(part.proved.sum()), flips + int((least <= 0).sum())
    assert stays and flips


def test_a_column_that_one_row_has_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "VAST", 1)
    narrow = logistic_head(np.random.default_rng(3), 9, decay=3.0)
    s, points = oriented(widened(narrow, np.zeros((len(narrow.points), 2))), RowChange(False, 2, tuple(range(9))))
    for row in range(9):
        S = s.S.copy()
        S[row, -2] = 1.0
        assert columns(replace(s, S=S), points).kept.tolist() == [*range(narrow.phi.shape[1] - 1), s.S.shape[1] - 2,
                                                                   s.S.shape[1] - 1]


def test_small_tables_keep_all() -> None:
    narrow = logistic_head(np.random.default_rng(3), 9, decay=3.0)
    s, points = oriented(widened(narrow, np.zeros((len(narrow.points), 2))), RowChange(False, 2, tuple(range(9))))
    own = columns(s, points)
    assert own.sums is s and own.points is points


def test_a_column_of_zeros_without_decay_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "VAST", 1)
    narrow = logistic_head(np.random.default_rng(3), 9, decay=3.0)
    s, points = oriented(widened(narrow, np.zeros((len(narrow.points), 2))), RowChange(False, 2, tuple(range(9))))
    s = replace(s, decay=np.where(np.arange(s.S.shape[1]) == s.S.shape[1] - 2, 0.0, s.decay))
    assert columns(s, points).sums.S.shape[1] == narrow.phi.shape[1] + 1
