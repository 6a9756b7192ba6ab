"""Boxes with the products of all rows: they prove more, no label that a refit changes, and the checker follows."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from flint import ctx, fmpz

from certify.check.theorems.head.rows import box as checker
from certify.check.theorems.head.rows import box_tree as tree_checker
from certify.check.theorems.head.rows.boxes.largest import _ends
from certify.format.refusal import Invalid
from certify.systems.head.rows.boxes.sums import sums
from certify.systems.head.rows.boxes.trap import Slabs, centre, trap
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.theorems.head.rows import box
from certify.theorems.head.rows.box_tree import BoxTree
from certify.theorems.head.rows.method import Budget, Part
from tests.effort import some
from tests.families.logistic_heads import as_checked, refit, stored

ROWS, COUNT = 70, 2


@cache
def example(relabels: bool) -> tuple[Head, Part]:
    """Many short rows in many directions: Cauchy–Schwarz is far from their products."""
    rng = np.random.default_rng([7, relabels])
    p = 24
    phi = np.c_[rng.standard_normal((ROWS, p)) / np.sqrt(p), np.ones(ROWS)]
    y = np.where(phi[:, :p] @ rng.standard_normal(p) + 0.3 * rng.standard_normal(ROWS) > 0, 1.0, -1.0)
    lam, e = (0.3 if relabels else 0.4) / ROWS, np.c_[rng.standard_normal((12, p)) / np.sqrt(p), np.ones(12)]
    w = refit(phi * y[:, None], np.ones(ROWS), np.full(p + 1, lam * ROWS))
    head = Head(phi, np.zeros(ROWS), y[:, None], np.array([[-1.0], [1.0]]), ((y + 1) // 2).astype(np.int64),
                LogisticHead(), w[None], lam, np.ones(p + 1, bool), False, e, np.zeros(12))
    part = box.Box().prove(head, RowChange(relabels, COUNT, tuple(range(ROWS))), head.today >= 0, Budget())
    assert part is not None
    return head, part


def judged(head: Head, part: Part, relabels: bool, **changes: np.ndarray | None) -> list[bool]:
    arrays = {name: a for name, a in {**part.arrays, **changes}.items() if a is not None}
    with ctx.workprec(64):
        twin = as_checked(head, tuple(range(head.n)), COUNT, relabels)
        return checker.proved(twin, stored(arrays), "claim", part.proved.tolist())


def test_a_tree_says_of_how_many_rows_its_boxes_form_the_products() -> None:
    head, _ = example(False)
    part = BoxTree().prove(head, RowChange(False, COUNT, tuple(range(ROWS))), head.today >= 0, Budget())
    assert part is not None and part.proved.any()
    wide, twin = part.arrays["wide"], as_checked(head, tuple(range(ROWS)), COUNT)
    assert set(wide.tolist()) == {64}

    def found(**changes: np.ndarray | None) -> list[bool]:
        arrays = {name: a for name, a in {**part.arrays, **changes}.items() if a is not None}
        with ctx.workprec(64):
            return tree_checker.proved(twin, stored(arrays), "claim", part.proved.tolist())

    assert found() == part.proved.tolist()
    assert found(wide=None) != part.proved.tolist()  # with 48 products the same slabs are no box
    for wrong in (np.full_like(wide, 47), np.full_like(wide, ROWS + 1), wide[:-1], wide + 0.5):
        with pytest.raises(Invalid, match="wide"):
            found(wide=wrong)


@pytest.mark.parametrize("relabels", [False, True])
def test_more_is_proved_and_no_refit_of_a_pair_flips_it(relabels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    head, part = example(relabels)
    assert part.arrays["wide"].tolist() == [ROWS]
    monkeypatch.setattr(box, "RATE", 0.0001)  # no time for the products of all rows
    narrow = box.Box().prove(head, RowChange(relabels, COUNT, tuple(range(ROWS))), head.today >= 0, Budget(10.0))
    assert narrow is None or ("wide" not in narrow.arrays and narrow.proved.sum() < part.proved.sum())
    s, decay = head.phi * head.Y, np.full(head.m, head.weight_decay * ROWS)
    points = head.points * np.where(head.today == 1, 1.0, -1.0)[:, None]
    for pair in some(list(combinations(range(ROWS), 2)), 4):
        rows, weights = s.copy(), np.ones(ROWS)
        rows[list(pair)] *= -1.0 if relabels else 1.0
        weights[list(pair)] = 1.0 if relabels else 0.0
        assert (points[part.proved] @ refit(rows, weights, decay) > 0).all()


@pytest.mark.parametrize("relabels", [False, True])
def test_the_checker_follows_and_refuses_less(relabels: bool) -> None:
    head, part = example(relabels)
    assert judged(head, part, relabels) == part.proved.tolist()
    assert judged(head, part, relabels, wide=None) != part.proved.tolist()
    narrower = part.arrays["slabs"] - 20 * sum(4096**field for field in range(4))  # codes of 2^-7 of a number each
    assert not any(judged(head, part, relabels, slabs=narrower))
    for wrong in (0, 47, ROWS + 1, 2**60):
        with pytest.raises(Invalid, match="wide"):
            judged(head, part, relabels, wide=np.array([wrong]))
    for odd in (48.5, np.nan, np.inf):
        with pytest.raises(Invalid, match="wide"):
            judged(head, part, relabels, wide=np.array([odd]))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_products_in_parts_are_the_same_numbers(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk of rows at a time, and none of the bounds depends on how many."""
    head, _ = example(False)
    c = centre(sums(head.phi * head.Y, np.full(head.m, head.weight_decay * ROWS)), np.ones(ROWS), head.V[0])
    at, free = Slabs(*np.full((4, ROWS), 0.5)), np.arange(ROWS)
    whole, narrow = trap(c, at, free, k, wide=ROWS), trap(c, at, free, k)
    monkeypatch.setattr("certify.systems.head.rows.boxes.trap.AT_ONCE", 3 * ROWS)
    parts = trap(c, at, free, k, wide=ROWS)
    assert whole is not None
    assert parts is not None
    assert narrow is not None
    np.testing.assert_allclose(whole.image, parts.image, rtol=1e-12)
    assert (whole.image <= narrow.image * (1 + 1e-12)).all()


@pytest.mark.parametrize("k", [2, 5, 50])
@pytest.mark.parametrize("n", [2, 60, 700, 3000])
def test_the_largest_and_least_of_a_row(n: int, k: int) -> None:
    rng = np.random.default_rng([n, k])
    for row in (rng.integers(-10**6, 10**6, n), np.round(rng.standard_normal(n) * 1e9), rng.choice([0, 0, 7, -5], n),
                np.zeros(n), np.arange(n), -np.arange(n)):
        whole = sorted(int(x) for x in row)
        assert _ends([fmpz(int(x)) for x in row], k) == (whole[-k:], [-x for x in whole[:k]])
