"""D20 of many changes: what two steps do together is bounded by a product of lengths, but for those that do most."""

from __future__ import annotations

import numpy as np
import pytest

from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.label_sums.method import LabelSums
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.step_sums import bound, steps
from certify.theorems.head.rows.step_sums.kinds import Kinds
from certify.theorems.head.rows.step_sums.method import StepSums, relabelled
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


@pytest.mark.parametrize("close", [1, 2, 1500])
@pytest.mark.parametrize(("sizes", "weigh"), [((1e-2, 1e-3), 1.0), ((1.0, 1e-85), 1.0), ((1.0, 1e-200), 1e250),
                                              ((1.0, 1e-120), 1e-150), ((1e-85, 1e-85), 1e200), ((1.0, 1.0), 1e-320)])
def test_no_product_underflows(sizes: tuple[float, float], weigh: float, close: int,
                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bound, "CLOSE", close)
    moved = np.outer(np.ones(5), np.array([*sizes, 0.0]))
    found = bound._together(moved, np.full(5, weigh))
    true = np.outer(moved[0], moved[0]).astype(np.longdouble) * np.sqrt(5 * np.longdouble(weigh))
    assert (found >= true * (1 - 1e-15)).all()
    least = np.maximum(moved[0], bound.TINY)
    assert (found <= np.outer(least, least) * np.sqrt(5 * max(weigh, bound.LIGHT)) * 1.000001).all()


def test_what_rows_leave_to_pairs_is_no_square_that_underflows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def spied(moved: np.ndarray, weight: np.ndarray) -> np.ndarray:
        seen.append(weight)
        return np.zeros((moved.shape[1], moved.shape[1]))

    monkeypatch.setattr(bound, "_together", spied)
    head = other_head(np.random.default_rng(7), "logistic", n=16, d=2, N=2, free=None, weights="labels", decay=1.0)
    change = any_rows(head, 2, True)
    st = steps.steps(head, relabelled(head, np.array(change.rows)), lambda: None)
    assert st is not None
    small, X = np.full(16, 1e-170), np.eye(head.m)
    bound._measured(st, Kinds.alike(2, 2), small, small, np.full(16, 0.25), X, 0.0)
    assert (seen[0] >= 1e-170 * (1 - 1e-12)).all()


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


def test_certificates_state_as_many_rows_as_calls_take() -> None:
    for n, few in ((5000, True), (6000, False)):
        head = other_head(np.random.default_rng(7), "logistic", n=n, d=1, N=2, free=None, weights="balanced", decay=1.0)
        change = RowChange(True, 2, tuple(range(head.n)))
        for method in (LabelSums(), StepSums()):
            assert ("too many" not in method.able(head, change)) == few
