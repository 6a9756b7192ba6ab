"""D27: numbers that are made by hand or written down again from the theorem, and the room that open choices have."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax.trap import hessian
from certify.theorems.head.rows.softmax_by_choice.candidates import lines_of
from certify.theorems.head.rows.softmax_by_choice.metric import level
from certify.theorems.head.rows.softmax_three_labels import node, noted, search, sums
from certify.theorems.head.rows.softmax_three_labels.method import ThreeLabels
from certify.theorems.head.rows.softmax_three_labels.noted import Noted
from certify.theorems.head.rows.softmax_three_labels.sums import Sums, sums_of
from tests.unit.theorems.head.rows.softmax_three_labels.test_parts import softmax, stepped
from tests.unit.theorems.head.rows.softmax_three_labels.test_three_labels import FEW, close, everything
from tests.unit.theorems.head.rows.softmax_two_labels.test_softmax_two_labels import drawn


def again(monkeypatch: pytest.MonkeyPatch, rough: float) -> tuple[Head, Sums, Array, Choices, Array]:
    """Steps of a small head, and what they take of every row."""
    head, seen = drawn(1, 12), list[Array]()

    def kept(y: Array, lever: Array) -> Array:
        seen.append(y.copy())
        return level(y, lever)

    monkeypatch.setattr(sums, "level", kept)
    found, W, both = stepped(head, 3, rough)
    return head, found, W, both, seen[-1]


def test_parts_of_the_theorem_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """ω²φ²√(p/h), and 1 − a/√h, of every step and row: what is said is above, and not by much."""
    monkeypatch.setattr(sums, "SHARE", 0.95)
    monkeypatch.setattr(sums, "COUNTS", 1.0)
    head, found, W, _, y = again(monkeypatch, 0.0)
    p = softmax(head.phi @ found.m.c.V.T)[:, :, None]
    psi = softmax(np.einsum("nm,fkm->fnk", head.phi, W)).transpose(1, 2, 0) / p
    omega = (p * psi**4).sum(axis=1) ** 0.25 * (p * psi**-2.0).sum(axis=1) ** 0.5
    h = found.m.h[:, None]
    exact = (omega[:, None, :] ** 2 * (psi - 1.0) ** 2 * np.sqrt(p / h[:, None])).reshape(-1, len(W)).T
    assert (found.turned >= exact * (1 - 1e-9)).all()
    assert (found.turned <= 1.01 * exact + 1e-4).all()
    a = psi.min(axis=1) / np.sqrt((p * psi**2).sum(axis=1))
    exact = np.maximum(1.0 - a / np.sqrt(h), 0.0)
    assert (y >= exact).all() and (y <= exact + 1e-3).all() and (exact > 0.05).any()
    assert (found.lost >= level(y, found.m.lever) * (1 - 1e-9)).all()


def test_gradients_at_steps_and_at_the_centre(monkeypatch: pytest.MonkeyPatch) -> None:
    """R of a step and half of R of the centre, of weights that are no refits."""
    head, found, W, both, _ = again(monkeypatch, 0.05)
    assert head.codes is not None
    each = head.codes
    H, decay = hessian(found.m.c, found.m.h), found.m.c.decay

    def length(V: Array, rows: Whole, codes: Whole) -> float:
        Y = head.Y.copy()
        Y[rows] = each[codes]
        g = (softmax(head.phi @ V.T) - Y).T @ head.phi + decay * V
        return float(np.sqrt(g.ravel() @ np.linalg.solve(H, g.ravel())))

    still = length(found.m.c.V, both.rows[0, :1], both.codes[0, :1])
    exact = np.array([length(V, rows, codes) for V, rows, codes in zip(W, both.rows, both.codes, strict=True)])
    assert (found.left >= (exact + 0.5 * still) * (1 - 1e-9)).all() and still > 0.01 * exact.max()
    assert (found.left <= (exact + 0.5 * still) * (1 + 1e-3)).all()


def by_hand(lever: float) -> Sums:
    """Rows of which all but one keep much around every sum; that one has `lever` of the matrix."""
    found, _, _ = stepped(drawn(1, 12), 3)
    long = np.append(np.full(199, 0.5), 20.0)
    m = dataclasses.replace(found.m, long=long, h=np.ones(200), lever=np.append(np.zeros(199), lever))
    return dataclasses.replace(found, m=m)


@pytest.mark.parametrize("lever", [0.0, 0.5])
def test_distances_of_numbers_made_by_hand(lever: float) -> None:
    """R/θ(1 − κ) where that is within a, with the best a there is; and none beyond all."""
    R, lost = np.logspace(-4, 1, 60), np.tile([0.0, 0.2, 0.4], 20)
    said, least = by_hand(lever)._within(R, lost), np.full(60, np.inf)
    for a in np.geomspace(1e-3, sums.AROUND[-1], 2000):
        theta = -np.expm1(-0.5 * a) / (0.5 * a)
        few = max(0.0, 1.0 + np.expm1(-20.0 * a) / (20.0 * a) / theta) * lever
        r = R / (theta * np.maximum(1.0 - lost - few, 1e-300))
        least = np.where(r <= a, np.minimum(least, r), least)
    assert (said >= least * (1 - 1e-6)).all()
    assert np.isfinite(said).sum() > 10 and np.isinf(said).sum() > 5
    if not lever:
        assert (said <= least * 1.3)[np.isfinite(said)].all()


def test_either_step_of_a_sum_may_take_all() -> None:
    found, W, _ = stepped(drawn(1, 12), 3)
    lost = 0.0 * found.lost
    lost[4] = 1.0
    found = dataclasses.replace(found, lost=lost)
    with np.errstate(all="ignore"):
        two = found.distances(slice(None), slice(None))
        one = found.formed(np.array([0, 4, 0]), np.array([4, 0, 1]))
        alone = found.single()
    assert np.isinf(two[4]).all() and np.isinf(two[:, 4]).all() and np.isfinite(two[0, 1])
    assert np.isinf(one).tolist() == [True, True, False]
    assert np.isinf(alone).tolist() == (np.arange(len(W)) == 4).tolist()


def test_a_centre_whose_outputs_are_not_known() -> None:
    head = drawn(1, 12)
    found, W, both = stepped(head, 3)
    c = centre(head, found.m.c.V)
    before = Choices(both.rows[:1, :1], both.codes[:1, :1])
    assert sums_of(c, before, W, both) is not None
    assert sums_of(dataclasses.replace(c, off=np.full(head.n, 2.0**-10)), before, W, both) is None
    assert sums_of(dataclasses.replace(c, off=np.full(head.n, np.nan)), before, W, both) is None


def test_margins_made_by_hand() -> None:
    """What each is off by counts against the row, and of the steps after one the least gain does."""
    margins = np.array([[3.0, 1.0], [2.0, 5.0], [4.0, 0.5], [2.5, 2.0]]).reshape(4, 2, 1)  # the last one the centre's
    lines: Any = SimpleNamespace(margins=lambda V: (margins, np.full((4, 2, 1), 0.25)), other=np.zeros((2, 1)),
                                 lengths=lambda m: np.ones((2, 1)))
    given: Any = SimpleNamespace(m=SimpleNamespace(c=SimpleNamespace(V=np.zeros((2, 2)))))
    m = node._margins(given, lines, np.zeros((3, 2, 2)))
    assert np.allclose(m.low, margins[:3, :, 0] - 0.25, rtol=0, atol=1e-12)
    gain = margins[:3, :, 0] - margins[3, :, 0] - 0.5
    assert np.allclose(m.gain, gain, rtol=0, atol=1e-12)
    assert np.allclose(m.later, [np.minimum(gain[1], gain[2]), gain[2], [np.inf, np.inf]], rtol=0, atol=1e-12)


def test_nothing_is_kept_of_points_that_have_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one, and of those with most where all together have."""
    room = Noted(np.array([3, 3, 9, 9]))
    room.add(np.array([0, 1, 1, 1]), np.arange(4))
    assert not room.over.any() and len(room.all()[0]) == 4
    room.add(np.array([1]), np.array([7]))
    assert room.over.tolist() == [False, True, False, False] and room.all()[0].tolist() == [0]
    monkeypatch.setattr(noted, "ALL", 8)
    room.add(np.array([2, 3, 3, 3, 3, 3, 3]), np.arange(7))
    assert not room.over[3] and len(room.all()[0]) == 8
    room.add(np.array([0]), np.array([8]))
    assert room.over.tolist() == [False, True, False, True]
    assert sorted(zip(*(one.tolist() for one in room.all()), strict=True)) == [(0, 0), (0, 8), (2, 0)]
    room.give_up(np.array([0, 2]))
    assert room.over.all() and not len(room.all()[0])


def test_a_node_lists_all_or_nothing_of_a_point() -> None:
    head = close(2, 12)
    found, W, both = stepped(head, 3)
    lines = lines_of(head, np.arange(0, len(head.points), 4))
    calls = list[int]()

    def of(room: int) -> node.Open:
        with np.errstate(all="ignore"):
            return node.opened(found, lines, both.rows[:, 1], W, np.full(len(lines.at), room), lambda: calls.append(1))

    every = of(10**6)
    many = np.bincount(every.line, minlength=len(lines.at))
    middle = int(np.median(many[many > 0]))
    some = of(middle)
    assert len(calls) >= 4 and not every.over.any()
    assert (some.over == (many > middle)).all() and some.over.any() and not some.over.all()
    assert (np.bincount(some.line, minlength=len(lines.at)) == np.where(some.over, 0, many)).all()


def ended() -> search.Search:
    """A search that has come to its end."""
    head = close(2, 24)
    found = search.Search(head, RowChange(True, 3, FEW), head.today >= 0, Budget().check)
    with np.errstate(all="ignore"):
        found.run()
    return found


def test_points_that_were_given_up_are_not_proved() -> None:
    """However few of their choices are noted; and up to its room a point is."""
    found = ended()
    live = np.flatnonzero(found.todo & ~found.found.flipped)[:2]
    found.at, found.proved[:] = live, False
    found._noted = Noted(np.full(len(found.todo), 3))
    found._noted.give_up(live[:1])
    found._settle()
    assert found.proved[live].tolist() == [False, True]


def test_choices_as_many_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eight labels of two classes 28 pairs and 56 triples; with one less nothing is proved."""
    monkeypatch.setattr(search, "opened", everything)
    monkeypatch.setattr(search, "OPEN", 84)
    assert ended().proved.any()
    monkeypatch.setattr(search, "OPEN", 83)
    assert not ended().proved.any()


def test_what_is_flipped_is_not_noted_any_more_nor_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ended()
    flipped = found.found.flipped.copy()
    found.unsure, found._tried = [set() for _ in found.todo], np.zeros(0, np.int64)
    monkeypatch.setattr(found, "_sides", lambda choices, V: np.full((len(V), len(found.todo)), -1))
    found._refit(found._number(np.array([0]), np.array([4]), np.array([9])))
    assert flipped.any() and [bool(one) for one in found.unsure] == (found.todo & ~flipped).tolist()
    run = search.Search.run

    def all_of_them(self: search.Search) -> None:
        run(self)
        self.proved |= self.todo

    monkeypatch.setattr(search.Search, "run", all_of_them)
    part = ThreeLabels().prove(found.head, RowChange(True, 3, FEW), found.todo, Budget())
    assert part is not None and part.flips is not None and (part.flips.point >= 0).any()
    assert not part.proved[part.flips.point >= 0].any()


def test_without_memory_nothing_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(self: search.Search) -> None:
        self.proved |= self.todo
        raise MemoryError

    monkeypatch.setattr(search.Search, "_settle", none_left)
    found = ended()
    assert not found.proved.any() and "memory" in found.why


def test_steps_that_add_more_than_is_bounded_have_no_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    """However near they are: what they do to probabilities is not looked at."""
    monkeypatch.setattr(sums, "WIDEST", 0.0)
    found, _, _ = stepped(drawn(1, 12), 3)
    assert np.isinf(found.left).all() and np.isinf(found.single()).all()
