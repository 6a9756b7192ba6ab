"""D24: memory and time, in parts of which one that fails loses no other; what is asked for is what was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from certify.format.errors import EnclosureError
from certify.systems.head.rows.boxes.sums import sums
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.bent_box import image, method, search
from certify.theorems.head.rows.bent_box.image import Bent, Image
from certify.theorems.head.rows.bent_box.method import FEWEST, BentBox
from certify.theorems.head.rows.bent_box.search import box, stays
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.method import Budget
from tests.families.bent_boxes import drawn, every, found
from tests.families.logistic_heads import logistic_head

HEAD = logistic_head(np.random.default_rng(0), 12, points=9, decay=60.0)


def countdown(turns: int) -> Callable[[], float]:
    """Seconds that are left: none after so many questions."""
    asked = iter(range(turns, -1, -1))
    return lambda: float(next(asked, 0))


def test_rows_and_points_are_taken_in_parts_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    b = found(oriented(HEAD, RowChange(False, 2, tuple(range(12))))[0], 2)
    assert b is not None
    whole, points = b.image(), oriented(HEAD, RowChange(False, 2, (0,)))[1]
    at_once, _ = stays(b, points)
    n, p = b.at.c.sums.S.shape
    monkeypatch.setattr(image, "AT_ONCE", 5 * max(n, p * p))
    assert [len(range(11)[part]) for part in b.parts(11)] == [5, 5, 1]
    again = b.image()
    assert whole is not None
    assert again is not None
    assert np.allclose(again.all(), whole.all(), rtol=1e-6)
    assert at_once.any()
    assert (stays(b, points)[0] == at_once).all()
    monkeypatch.setattr(image, "AT_ONCE", 3)
    assert len(list(b.parts(4))) == 4


def test_wide_rows_count_by_the_squares_of_their_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    s = sums(np.random.default_rng(4).standard_normal((5, 3)), np.full(3, 9.0))
    b = found(s, 1)
    assert b is not None
    n, p = s.S.shape
    assert p * p > n
    monkeypatch.setattr(image, "AT_ONCE", 2 * p * p + 1)
    assert [part.stop - part.start for part in b.parts(5)] == [2, 2, 1]


def test_the_clock_is_looked_at_before_each_part(monkeypatch: pytest.MonkeyPatch) -> None:
    b = found(oriented(HEAD, RowChange(False, 2, tuple(range(12))))[0], 2)
    assert b is not None
    points = oriented(HEAD, RowChange(False, 2, (0,)))[1]
    some = np.repeat(points[stays(b, points)[0]][:1], 6, axis=0)
    taken, asked = Bent.taken, []

    def spied(self: Bent, E: np.ndarray, both: bool) -> Any:
        asked.append(len(E))
        return taken(self, E, both)

    monkeypatch.setattr(Bent, "taken", spied)
    monkeypatch.setattr(image, "AT_ONCE", 1)
    assert b.image(countdown(3)) is None
    assert asked == [1, 1, 1]
    assert stays(b, some, countdown(2))[0].tolist() == [True, True, False, False, False, False]
    assert stays(b, some)[0].all()
    with np.errstate(all="ignore"):  # the first question is the turn's own
        assert box(b.at.c, b.at.free, 2, countdown(2)) is None
    assert asked[-1:] == [1]


@pytest.mark.parametrize("raises", [False, True])
def test_a_part_that_fails_loses_only_its_own_points(raises: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    b = found(oriented(HEAD, RowChange(False, 2, tuple(range(12))))[0], 2)
    assert b is not None
    points = oriented(HEAD, RowChange(False, 2, (0,)))[1]
    good, _ = stays(b, points)
    lost = int(np.flatnonzero(good)[0])
    taken = Bent.taken

    def failing(self: Bent, E: np.ndarray, both: bool) -> Any:
        if (E == points[lost]).all():
            if raises:
                raise EnclosureError("row norms", "overflow", "rescale the data")
            return None
        return taken(self, E, both)

    monkeypatch.setattr(image, "AT_ONCE", 1)
    monkeypatch.setattr(Bent, "taken", failing)
    left, _ = stays(b, points)
    assert not left[lost]
    assert (np.delete(left, lost) == np.delete(good, lost)).all()
    part = BentBox().prove(HEAD, RowChange(False, 2, tuple(range(12))), np.ones(9, bool), Budget())
    assert part is not None
    assert not part.proved[lost]


def test_points_that_no_float_holds_are_open_and_nothing_is_raised() -> None:
    change = RowChange(False, FEWEST, tuple(range(12)))
    broken = logistic_head(np.random.default_rng(0), 12, points=9, decay=60.0)
    broken.points[3] = 1e300
    part = BentBox().prove(broken, change, np.ones(9, bool), Budget())
    assert part is None or not part.proved[3]


def test_the_method_asks_for_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (1, 4, 5, 6, 7, 9)
    seen: list[Any] = []

    def spied(c: Any, free: np.ndarray, k: int, left: Callable[[], float]) -> tuple[Bent, Image] | None:
        seen.append((free.tolist(), k))
        return box(c, free, k, left)

    def points(b: Bent, some: np.ndarray, left: Callable[[], float]) -> tuple[np.ndarray, np.ndarray]:
        seen.append(len(some))
        return np.ones(len(some), bool), np.ones(len(some))

    monkeypatch.setattr(method, "box", spied)
    monkeypatch.setattr(method, "stays", points)
    todo, some = np.arange(9) != 2, HEAD.points.copy()
    some[5] = 0.0
    head = replace(HEAD, points=some)
    assert head.today[5] == -1
    part = BentBox().prove(head, RowChange(False, FEWEST, rows), todo, Budget())
    assert part is not None
    assert seen[0] == (list(rows), FEWEST)
    which = todo & (head.today >= 0)
    assert seen[1] == which.sum() == 7
    assert part.proved.tolist() == which.tolist()


@pytest.mark.parametrize("one", range(4))
def test_a_box_is_taken_only_where_all_four_ends_lie_inside(one: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def nearly(self: Bent, left: Callable[[], float]) -> Image:
        inner = self.slabs.all() * 0.5
        inner[one, 0] = self.slabs.all()[one, 0]
        return Image(*inner, np.zeros((2, inner.shape[1])))

    s = drawn(np.random.default_rng(1), False, False, n=6, decay=9.0)
    assert found(s, 1) is not None
    monkeypatch.setattr(Bent, "image", nearly)
    assert found(s, 1) is None


@pytest.mark.parametrize("relabels", [False, True])
def test_refits_lie_in_a_box_whose_inverse_is_a_twentieth_off(relabels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def stretched(*given: Any) -> Any:
        at = LINEAR(*given)
        return at and replace(at, X=1.05 * at.X)

    LINEAR = image.linear
    monkeypatch.setattr(search, "linear", stretched)
    boxes = 0
    for seed in range(6):
        s = drawn(np.random.default_rng([seed, relabels, 5]), relabels, False, 8, 6.0)
        b = found(s, 2)
        if b is None:
            continue
        boxes += 1
        for M, w in every(s, b.at.free, 2):
            tau, out = s.S @ (w - b.at.c.w), np.isin(np.arange(8), M)
            assert (-tau <= np.where(out, b.slabs.il, b.slabs.lo)).all()
            assert (tau <= np.where(out, b.slabs.ih, b.slabs.hi)).all()
    assert boxes >= 2
