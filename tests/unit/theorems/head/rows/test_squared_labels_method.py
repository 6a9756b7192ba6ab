"""D3 as a method of the survey, and its twin in the checker."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.squared_labels import proved
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.squared_deletions import SquaredDeletions
from certify.theorems.head.rows.squared_labels import SquaredLabels, ask
from tests.families.squared_heads import as_checked, as_head, small_head


@pytest.mark.parametrize(("outputs", "count"), [(1, 0), (1, 1), (1, 3), (3, 1), (3, 2)])
def test_prover_and_checker_agree_and_nothing_is_open(outputs: int, count: int) -> None:
    flipped = 0
    for seed in range(8):
        small = small_head(np.random.default_rng([seed, outputs]), 9, outputs)
        head = as_head(small)
        change = RowChange(True, count, tuple(range(1, 9)))
        todo = head.today >= 0
        part = SquaredLabels().prove(head, change, todo, Budget())
        if part is None:
            continue
        assert part.flips is not None
        assert part.tolerated is not None
        assert not (part.proved & (part.flips.point >= 0)).any()
        found = proved(as_checked(small, head, change.rows, count, True), {}, "claim", todo.tolist())
        assert found == (part.proved & todo).tolist()
        answer = ask(head, change, todo, lambda: False)
        assert not isinstance(answer, str)
        assert ((answer[1].upper < count) == ~part.proved[todo]).all()
        flipped += int((part.flips.point >= 0).sum())
    assert flipped > 0 or count == 0


def test_what_the_method_is_not_for() -> None:
    small = small_head(np.random.default_rng(0), 5, 1)
    head, method = as_head(small), SquaredLabels()
    assert method.able(head, RowChange(True, 1, (0,))) == ""
    assert "deleted" in method.able(head, RowChange(False, 1, (0,)))
    assert "logistic" in method.able(dataclasses.replace(head, loss=LogisticHead()), RowChange(True, 1, (0,)))
    assert "no labels" in method.able(dataclasses.replace(head, codes=None), RowChange(True, 1, (0,)))


def test_the_checker_refuses_what_it_did_not_ask_for() -> None:
    small = small_head(np.random.default_rng(0), 5, 1)
    head = as_head(small)
    with pytest.raises(Invalid, match="squared loss"):
        proved(as_checked(small, head, (0,), 1, False), {}, "claim", [True] * 3)
    with pytest.raises(Invalid, match="none"):
        proved(as_checked(small, head, (0,), 1, True), {"rows": Array((1,), "i", [0])}, "claim", [True] * 3)
    assert proved(as_checked(small, head, (0,), 1, True), {}, "claim", [False] * 3) == [False] * 3


def test_time_up_returns_what_there_is() -> None:
    head = as_head(small_head(np.random.default_rng(0), 5, 1))
    part = SquaredLabels().prove(head, RowChange(True, 1, (0, 1)), head.today >= 0, Budget(-1.0))
    assert part is not None
    assert not part.proved.any()


@pytest.mark.parametrize("relabels", [True, False])
def test_an_overflow_proves_nothing(relabels: bool) -> None:
    small = small_head(np.random.default_rng(0), 5, 1)
    head = dataclasses.replace(as_head(small), points=small.points * 1e60)
    method = SquaredLabels() if relabels else SquaredDeletions()
    assert method.prove(head, RowChange(relabels, 1, (0, 1)), np.ones(3, dtype=bool), Budget()) is None


def test_a_point_whose_refit_has_another_label() -> None:
    """The weights given may be far from the refit: every contrast is asked, and one that is lost is no mistake."""
    rng, lost = np.random.default_rng(301), 0
    for _ in range(30):
        small = small_head(rng, 5, 3)
        head = as_head(small)
        head = dataclasses.replace(head, V=rng.standard_normal(head.V.shape) * np.abs(head.V).max())
        part = SquaredLabels().prove(head, RowChange(True, 1, tuple(range(5))), head.today >= 0, Budget())
        if part is not None and part.tolerated is not None:
            lost += int((part.tolerated[1] < 0).sum())
    assert lost
