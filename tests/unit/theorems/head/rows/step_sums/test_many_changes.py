"""D20 of many changes: what two steps do together is bounded by a product of lengths, but for those that do most."""

from __future__ import annotations

import numpy as np
import pytest

from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.label_sums.method import LabelSums
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.step_sums import bound
from certify.theorems.head.rows.step_sums.method import StepSums
from tests.families.heads import any_rows
from tests.families.other_heads import other_head
from tests.oracles import head_rows


def test_products_are_bounds_and_those_that_do_most_are_taken_two_by_two(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    moved, weight = np.abs(rng.standard_normal((40, 12))) * rng.uniform(0.1, 2.0, 12), rng.uniform(0.0, 3.0, 40)
    exact = np.sqrt(np.einsum("ju,jv,j->uv", moved**2, moved**2, weight))
    assert np.allclose(bound._together(moved, weight), exact, rtol=1e-9)
    monkeypatch.setattr(bound, "CLOSE", 5)
    found = bound._together(moved, weight)
    assert (found >= exact * (1 - 1e-14)).all()
    heavy = np.argsort(-((moved**4).T @ weight))[:5]
    assert np.allclose(found[np.ix_(heavy, heavy)], exact[np.ix_(heavy, heavy)], rtol=1e-9)
    rest = np.setdiff1d(np.arange(12), heavy)
    assert (found[np.ix_(rest, rest)] > exact[np.ix_(rest, rest)]).any()
    assert not np.isfinite(bound._together(np.where(moved == moved[3, 4], np.nan, moved), weight)).all()


@pytest.mark.parametrize("weights", ["labels", "balanced"])
def test_what_is_proved_by_products_stays_at_every_refit(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bound, "CLOSE", 4)
    head = other_head(np.random.default_rng(7), "logistic", n=16, d=2, N=60, free=None, weights=weights, decay=1.0)
    change = any_rows(head, 2, True)
    part = StepSums().prove(head, change, head.today >= 0, Budget())
    truth = head_rows.stays(head, change)
    assert part is not None
    assert part.proved.any()
    assert not (part.proved & ~truth).any()


def test_calls_take_more_rows_than_certificates_state() -> None:
    head = other_head(np.random.default_rng(7), "logistic", n=4000, d=1, N=2, free=None, weights="balanced", decay=1.0)
    change = RowChange(True, 2, tuple(range(head.n)))
    assert "too many" in LabelSums().able(head, change)
    assert not StepSums().able(head, change)
