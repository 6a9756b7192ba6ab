"""D25: numbers that are made by hand, what no list may leave out, and the room that lists have."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.softmax_by_choice.candidates import lines_of
from certify.theorems.head.rows.softmax_sums import far as listing
from certify.theorems.head.rows.softmax_sums import search
from certify.theorems.head.rows.softmax_sums.far import Far, Tables, far_choices, listed_far
from certify.theorems.head.rows.softmax_sums.formed import Formed
from certify.theorems.head.rows.softmax_sums.judge import Judge
from certify.theorems.head.rows.softmax_sums.table import cleared, cubic, pairs, taken
from tests.unit.theorems.head.rows.softmax_sums.test_softmax_sums import ROWS, alone, drawn, tables_of
from tests.unit.theorems.head.rows.softmax_sums.test_tables import problem


def plain(n: int, lever: float, moved: float) -> tuple[Any, Any]:
    """A matrix, and steps of its first three rows, with the same numbers everywhere."""
    own, c = np.eye(3, n) == 0.0, SimpleNamespace(head=SimpleNamespace(n=n))
    m = SimpleNamespace(h=np.ones(n), lever=np.full(n, lever))
    return m, SimpleNamespace(c=c, rows=np.arange(3), grown=moved * own, pulled=moved * own)


def test_second_differences_in_rows_that_go() -> None:
    """Three rows that go: in each of them the two other steps do 1; of four rows three pairs do in each."""
    for most, sets, all_ in ((3, 3, 3.0), (4, 6, 12.0)):
        each = cubic(*plain(3, 1.0, 1.0), most)[0, 1]
        assert all_ <= sets * each <= all_ * (1.0 + 1e-5)


def test_pairs_by_hand() -> None:
    """Of rows that stay √2·0.04, twice 0.2·0.3 in their own rows, and two thirds of that again in a third one."""
    m, s = plain(4, 0.0, 0.2)
    found = pairs(m, s, 2, lambda: None)[0, 1]
    assert np.sqrt(2.0) * 0.04 <= found <= np.sqrt(2.0) * 0.04 * (1.0 + 1e-5)
    m, s = plain(4, 0.09, 0.2)
    exact = np.sqrt(2.0) * 0.04 + 2 * 0.2 * 0.3 + 0.04 * 0.3
    assert exact <= pairs(m, s, 3, lambda: None)[0, 1] <= exact * (1.0 + 1e-5)


def test_what_is_no_number_is_not_known() -> None:
    assert cleared(np.array([[0.0, np.nan], [-1.0, 5.0]])).tolist() == [[0.0, np.inf], [np.inf, 0.0]]


def test_rows_that_keep_little_around_every_sum() -> None:
    """One row of 200 with half of the matrix, of which little is left."""
    m: Any = SimpleNamespace(long=np.append(np.full(199, 0.5), 20.0), h=np.ones(200),
                             lever=np.append(np.zeros(199), 0.5))
    s: Any = SimpleNamespace(keeps=np.ones((2, 200)), rows=np.arange(2))
    _, theta, few = taken(m, s, 3, 1.0)
    exact = 0.5 * (1.0 + np.expm1(-20.0) / 20.0 / theta)
    assert exact > 0.4 and exact <= few <= exact + 1e-3


def test_formed_pairs_take_off_what_each_step_leaves() -> None:
    """Even where nothing is left at their sum."""
    m = problem(0).tables[0].m
    k, p = m.c.V.shape
    found = Formed(np.array([0]), np.array([2]), np.zeros((1, k, p)), np.zeros(1))
    none = np.where(np.eye(3) > 0, 0.0, np.inf)
    pair = found.into(m, none, np.array([0.5, 9.0, 0.25]), np.full((3, 3), 0.125))
    assert 0.875 <= pair[0, 2] == pair[2, 0] <= 0.876 and np.isinf(pair[0, 1])


def beside(i: int, need: float) -> list[list[int]]:
    """Choices with one of three rows: alone each counts 1, a pair nothing, and all three together 8."""
    own, third = np.array([1.0, 1.0, 1.0, 0.0]), np.array([2.0, 2.0, 2.0, 0.0])
    return [T for one in listing._beside(i, own, np.zeros((4, 4)), third, need, lambda: None) for T in one.tolist()]


@pytest.mark.parametrize("cells", [1, 1 << 20])
def test_choices_beside_a_row(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three that count as much by what they do together alone; one and two rows; no row at all."""
    monkeypatch.setattr(listing, "CELLS", cells)
    assert beside(0, 10.0) == [[0, 1, 2]] and not beside(0, 11.5)
    assert sorted(beside(0, 2.0)) == [[0, 1, 2], [0, 1, 3], [0, 2, 3]]
    assert sorted(beside(0, 1.0)) == [[0, 1, 2], [0, 1, 3], [0, 2, 3], [0, 3, 3]]
    assert beside(1, 2.0) == [[1, 2, 3]] and not beside(3, 0.5) and beside(3, 0.0) == [[3, 3, 3]]


def test_lists_in_small_parts_with_a_look_at_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = tables_of(1)
    r = tables.far(np.random.default_rng(0).permuted(np.tile(np.arange(11), (200, 1)), axis=1)[:, :3], sharp=True)
    least, calls = float(np.median(r[np.isfinite(r)])), list[int]()
    whole = listed_far(tables, least, lambda: None)
    monkeypatch.setattr(listing, "CELLS", 8)
    monkeypatch.setattr(listing, "PART", 2)
    parts = listed_far(tables, least, lambda: calls.append(1))
    assert whole is not None and parts is not None and len(whole.T) > 10
    assert sorted(whole.T.tolist()) == sorted(parts.T.tolist())
    assert len(calls) > 11 + len(whole.T) / 2


def test_lengths_are_those_of_the_worst_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    head, seen = drawn(0), list[Tables]()
    monkeypatch.setattr(search, "far_choices", lambda tables, check, most: seen.append(tables))
    run = search.Search(head, RowChange(False, 3, ROWS), lambda: None)
    with np.errstate(all="ignore"):
        assert not run.run(head.today >= 0).any() and run.why
    lines, tables = lines_of(head, np.flatnonzero(head.today >= 0)), seen[0]
    ratio = np.array([tables.lengths * scale / lines.lengths(t.m)
                      for t, scale in zip(tables.each, tables.scale, strict=True)])
    assert (ratio >= 1.0).all() and np.allclose(ratio.min(axis=0), 1.0) and ratio.max() > 1.01


def test_what_is_listed_is_all_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of points with less room than choices; and of steps that take what is no number."""
    p, tables = problem(0), tables_of(0)
    lines = lines_of(p.head, np.flatnonzero(p.head.today >= 0))
    far = far_choices(tables, lambda: None)
    assert far is not None
    takes, gap = search.takes_of(lines, p.W, p.c.V)

    def of(place: int, takes: Array = takes) -> list[list[int]] | None:
        T = search.opened(tables, far, takes[:, place], gap[place], tables.lengths[place])
        return None if T is None else T.tolist()

    every = [of(place) for place in range(len(lines.at))]
    known = [place for place, T in enumerate(every) if T is not None]
    for bad in (np.nan, np.inf, -np.inf):
        wrong = takes.copy()
        wrong[4, :, -1] = bad
        assert known and all(of(place, wrong) is None for place in known)
    given_up = 0
    for room in range(0, 12, 3):
        monkeypatch.setattr(search, "OPEN", room)
        for place in known:
            T = of(place)
            given_up += T is None
            assert T is None or T == every[place]
            assert T is None or len(T) <= room
    assert given_up


def test_choices_that_are_far_are_asked_about_where_three_steps_take_too_much() -> None:
    """Two of three equal steps leave room for the distance; the third takes it."""
    tables, takes = tables_of(0), np.array([[0.3], [0.3], [0.3], [0.0]])
    one = np.ones(1)
    for r, asked in ((0.2, True), (0.15, True), (0.05, False)):
        far = Far(np.array([[0, 1, 2], [0, 1, 3]]), np.array([r, 0.02]), 0.01)
        T = search.opened(tables, far, takes, one, one)
        assert T is not None and T.tolist() == [[0, 1, 2]] * asked


def test_no_more_is_asked_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all points together; what is asked fits, and the others stay open."""
    head, asked = drawn(0), list[int]()
    ask = Judge.ask

    def counted(self: Judge, given: list[tuple[int, Whole]]) -> None:
        asked.append(sum(len(T) for _, T in given))
        ask(self, given)

    monkeypatch.setattr(Judge, "ask", counted)

    def run() -> search.Search:
        found = search.Search(head, RowChange(False, 3, ROWS), lambda: None)
        with np.errstate(all="ignore"):
            found.run(head.today >= 0)
        return found

    proved, whole = run().proved, max(asked)
    asked.clear()
    monkeypatch.setattr(search, "ALL", whole // 20)
    some = run()
    assert 0 < max(asked) <= whole // 20 and "together" in some.why
    assert not (some.proved & ~proved).any() and some.proved.sum() < proved.sum()
    monkeypatch.setattr(search, "ALL", 0)
    assert run().proved.sum() <= some.proved.sum() and asked[2] == 0


def test_why_points_stay_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """By lists, by lengths that overflow, and for want of memory."""
    def why(head: Head) -> str:
        found = search.Search(head, RowChange(False, 3, ROWS), lambda: None)
        with np.errstate(all="ignore"):
            proved = found.run(head.today >= 0)
        assert not proved.any() and (head.today >= 0).any()
        return found.why

    head = drawn(0)
    assert "short list" in why(dataclasses.replace(head, weight_decay=1e-12))
    assert "lengths" in why(dataclasses.replace(head, points=head.points * 2.0**512))
    with monkeypatch.context() as patch:
        alone(patch)
        patch.setattr(search, "takes_of", lambda lines, W, V: none_left())
        assert "memory" in why(head)


def none_left() -> tuple[Array, Array]:
    """As where an array is too large."""
    raise MemoryError
