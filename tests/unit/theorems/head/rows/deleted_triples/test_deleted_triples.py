"""D30: never more than the truth, most of it on small problems, and what it is not for."""

from __future__ import annotations

import dataclasses
from copy import copy
from typing import Any

import numpy as np
import pytest

from certify.format.methods import UNCHECKED, status_of
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.by_choice import metric
from certify.theorems.head.rows.deleted_triples import bends, closer, curvature, nearer, points, search, thirds
from certify.theorems.head.rows.deleted_triples import method as triples
from certify.theorems.head.rows.deleted_triples.costs import Costs, costs
from certify.theorems.head.rows.deleted_triples.method import DeletedTriples
from certify.theorems.head.rows.deleted_triples.numbers import Numbers
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.searches.methods import CLASSES
from tests.containment import heads_deleted_triples
from tests.containment.rigor import Violation
from tests.effort import FULL
from tests.families.logistic_heads import logistic_head, margins

Wrong = list[tuple[object, str, Any]]
_choices, _kept = Numbers.choices, Numbers.kept


def without(*names: str) -> Any:
    """Distances with some numbers forgotten."""
    return lambda self, i, j, l, third: _choices(
        dataclasses.replace(self, **{name: np.zeros_like(getattr(self, name)) for name in names}), i, j, l, third)


def bare(*names: str) -> Any:
    """What is left of the curvature with some numbers forgotten."""
    return lambda self, i, j, l: _kept(
        dataclasses.replace(self, **{name: np.zeros_like(getattr(self, name)) for name in names}), i, j, l)


def without_far(self: nearer.Nearer, *given: Any) -> nearer.Near:
    """Far rows that are out as if the matrix had them."""
    found = copy(self)
    found.x = dataclasses.replace(self.x, own=np.where(np.arange(len(self.x.own)) == self.x.f, 0.0, self.x.own))
    return _near(found, *given)


def half(self: closer.Closer) -> closer.Closer:
    """Points against half of what pairs leave."""
    found, x = copy(self), self.x
    found.x = dataclasses.replace(x, turned=0.5 * x.turned, signed=0.5 * x.signed)
    return found


_lost, _of, _pair = curvature.Curvature.lost, thirds.First.of, bends.Bends.pair
_left, _loss, _near = nearer.Nearer._left, nearer.Nearer._lost, nearer.Nearer.near
_takes, _nearly = closer.Closer._takes, points.Points._takes
WRONG: dict[str, Wrong] = {
    "pairs do nothing": [(Numbers, "choices", without("signed", "rows", "beside", "along"))],
    "pairs that are formed do nothing": [(Numbers, "choices", without("signed", "along"))],
    "the matrix has its rows": [(Numbers, "kept", lambda self, i, j, l: (1.0 + 0.0 * _kept(self, i, j, l)[0],
                                                                       _kept(self, i, j, l)[1]))],
    "steps take none": [(Numbers, "kept", bare("share", "there", "shared", "overlap"))],
    "one eigenvalue is half": [(curvature.Curvature, "lost", lambda *given: 0.4 * _lost(*given))],
    "a far row does not pull": [(nearer.Nearer, "_left", lambda *given: (_left(*given)[0], 0.0 * _left(*given)[1]))],
    "gradients are half as long": [(nearer.Nearer, "_left", lambda *given: (0.5 * _left(*given)[0], _left(*given)[1]))],
    "rows lose half": [(nearer.Nearer, "_lost", lambda *given: (0.4 * _loss(*given)).astype(np.float32))],
    "far rows are in the matrix": [(nearer.Nearer, "near", without_far)],
    "weights are refits": [(nearer.Nearer, "near", lambda *given: dataclasses.replace(
        _near(*given), r=0.0 * _near(*given).left))],
    "thirds are half": [(thirds.First, "of", lambda *given: 0.5 * _of(*given))],
    "thirds do nothing": [(thirds.First, "of", lambda *given: 0.0 * _of(*given)),
                          (thirds.Thirds, "far", lambda *given: 0.0)],
    "far rows do half": [(bends.Bends, "pair", lambda *given: 0.5 * _pair(*given))],
    "rows of pairs do nothing": [(Numbers, "choices", without("beside"))],
    "the third row of a pair does nothing": [(Numbers, "choices", without("bent"))],
    "steps are refits": [(Numbers, "choices", without("alone"))],
    "the matrix has what steps take along rows that are out": [(Numbers, "kept", bare("there", "shared", "overlap"))],
    "rows that are out have no leverage": [(Numbers, "kept", bare("own", "across"))],
    "points bear all": [(closer.Closer, "_takes", lambda *given: _takes(*given) & False),
                        (points.Points, "_takes", lambda *given: _nearly(*given) & False)],
    "half of what is left for points": [(closer.Closer, "_takes", lambda self, *given: _takes(half(self), *given))],
}


def drawn(seed: int, count: int, n: int, decay: float) -> Head:
    head = logistic_head(np.random.default_rng([seed, count, 30]), n, decay=decay)
    if not head.decayed.all() and min((head.Y > 0).sum(), (head.Y < 0).sum()) <= count:
        head = dataclasses.replace(head, decayed=np.ones(head.m, bool))  # else one label may be left, and no refit
    return head


def stages(monkeypatch: pytest.MonkeyPatch, own: int, formed: int, child: float, apart: int) -> None:
    """Few steps, pairs and rows that are set apart, so that every look is needed."""
    monkeypatch.setattr(search, "SHARES", (0.0,))
    monkeypatch.setattr(search, "costs", lambda *given: Costs(own, apart, formed, child, 5e-4, 5e-3, 2e-4, 2e-4, 1e-3))


@pytest.mark.parametrize(("count", "decay", "own", "formed", "child", "apart"), [
    (2, 3.0, 13, 9, 1e9, 0), (2, 10.0, 5, 0, 1e-9, 4), (3, 10.0, 13, 9, 1e9, 3), (3, 30.0, 6, 0, 1e-2, 13),
    (3, 30.0, 13, 0, 1e9, 0)])
def test_it_says_no_more_than_all_refits_say(monkeypatch: pytest.MonkeyPatch, count: int, decay: float, own: int,
                                             formed: int, child: float, apart: int) -> None:
    stages(monkeypatch, own, formed, child, apart)
    monkeypatch.setattr(triples, "LEAST", 0)
    stays = true = 0
    for seed in range(6):
        head = drawn(seed, count, 13, decay)
        rows = tuple(range(13)) if seed % 2 else tuple(range(1, 11))
        least = np.min(list(margins(head, rows, count, False).values()), axis=0)
        todo = head.today >= 0
        part = DeletedTriples().prove(head, RowChange(False, count, rows), todo, Budget())
        assert part is not None and part.flips is not None and not part.arrays
        assert not (part.proved & (least <= 0)).any()
        assert not ((part.flips.point >= 0) & (least > 0)).any()
        stays, true = stays + int(part.proved.sum()), true + int((least > 0)[todo].sum())
    assert stays > 0.3 * true > 0


def test_what_is_open_or_not_looked_at_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thin heads, and time that is up at any call."""
    stages(monkeypatch, 10, 0, 1e-2, 4)
    flipping = proved = 0
    for seed in range(24):
        if seed >= 8 and flipping > 10 and proved > 10 and not FULL:
            break
        count = 2 + seed % 2
        head = drawn(seed, count, 10, (1.0, 3.0, 10.0)[seed % 3])
        rows, rng, calls = tuple(range(10)), np.random.default_rng(seed), 0
        least = np.min(list(margins(head, rows, count, False).values()), axis=0)
        last = int(rng.integers(2, 40))

        def left(last: int = last) -> float:
            nonlocal calls
            calls += 1
            return 100.0 if calls < last else 0.0

        s, points = oriented(head, RowChange(False, count, rows))
        for clock in (lambda: 100.0, left):
            good = search.Triples(s, points, clock).run(count, head.today >= 0, np.arange(10))
            assert not (good & (least <= 0)).any()
            proved += int(good.sum())
        flipping += int(((least <= 0) & (head.today >= 0)).sum())
    assert flipping > 10 and proved > 10


def test_points_that_were_given_up_come_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triples, "LEAST", 0)
    more = 0
    for seed in range(12):
        head, rows = drawn(seed, 3, 13, 30.0), tuple(range(13))
        s, points = oriented(head, RowChange(False, 3, rows))
        monkeypatch.setattr(search, "SHARES", (0.5,))
        once = search.Triples(s, points, lambda: 1e9).run(3, head.today >= 0, np.arange(13))
        part = DeletedTriples().prove(head, RowChange(False, 3, rows), head.today >= 0, Budget(1e6))
        monkeypatch.setattr(search, "SHARES", (0.0,))
        all_ = search.Triples(s, points, lambda: 1e9).run(3, head.today >= 0, np.arange(13))
        assert part is not None and not (once & ~part.proved).any()
        assert int(part.proved.sum()) >= int(all_.sum()) - 1
        more += int(part.proved.sum()) - int(once.sum())
    assert more > 4


def test_with_less_time_fewer_points_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    few = many = 0
    for seed in range(12):
        head, found = drawn(seed, 3, 13, 30.0), list[np.ndarray]()
        s, rows = oriented(head, RowChange(False, 3, tuple(range(13))))
        for all_ in (0.0, 1e12):
            cost = Costs(13, 0, 9, 1e9, 5e-4, 5e-3, 0.0, all_, 0.0)
            monkeypatch.setattr(search, "costs", lambda *given, cost=cost: cost)
            monkeypatch.setattr(search, "SHARES", (0.0, 0.6))
            found.append(search.Triples(s, rows, lambda: 100.0).run(3, head.today >= 0, np.arange(13)))
        assert not (found[1] & ~found[0]).any()
        many, few = many + int(found[0].sum()), few + int(found[1].sum())
    assert 0 < few < many


def test_what_is_closed_when_the_time_is_up_stays_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time ends with the first choice that is looked at near its refit: it proves less, and not nothing."""
    monkeypatch.setattr(search, "costs", lambda *given: Costs(13, 0, 9, 1e9, 5e-4, 5e-3, 0.0, 0.0, 0.0))
    monkeypatch.setattr(search, "SHARES", (0.0,))
    monkeypatch.setattr(search, "SMALLER", 1)
    for of in (points, closer, nearer):
        monkeypatch.setattr(of, "ROOM", 1.0)
    clock, real, late, fewer, proved = {"now": 100.0, "cut": 0.0}, nearer.Nearer.open_by, 0, 0, 0

    def slow(*given: Any) -> Any:
        clock["now"] -= clock["cut"]
        return real(*given)

    monkeypatch.setattr(nearer.Nearer, "open_by", slow)
    for seed in range(30):
        head, found = drawn(seed, 3, 13, 10.0), list[np.ndarray]()
        s, rows = oriented(head, RowChange(False, 3, tuple(range(13))))
        least = np.min(list(margins(head, tuple(range(13)), 3, False).values()), axis=0)
        for cut in (0.0, 200.0):
            clock.update(now=100.0, cut=cut)
            found.append(search.Triples(s, rows, lambda: clock["now"]).run(3, head.today >= 0, np.arange(13)))
            assert not (found[-1] & (least <= 0)).any()
        late += int(clock["now"] < 0.0)
        fewer += int(found[1].sum() < found[0].sum())
        proved += int(found[1].sum()) if clock["now"] < 0.0 else 0
    assert late > 5 and fewer > 2 and proved > 2


def test_what_is_done_grows_with_the_time() -> None:
    own = [costs(3, 400_000, seconds).own for seconds in (0.0, 40.0, 400.0, np.inf)]
    assert own == sorted(own) and own[0] < own[1] < own[2] == own[3] and costs(2, 400_000, 0.0).own == own[3]
    assert costs(3, 10_000_000, 60.0).formed < costs(3, 400_000, 60.0).formed


def test_nodes_are_begun_where_there_is_time_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row of a choice that is open is set apart; a clock that falls by a second each time it is looked at."""
    stages(monkeypatch, 13, 0, 1e-9, 13)
    fewer = 0
    for seed in range(12):
        head, found = drawn(seed, 3, 13, 10.0), list[np.ndarray]()
        s, rows = oriented(head, RowChange(False, 3, tuple(range(13))))
        for node in (1e-9, 1e12):
            monkeypatch.setattr(search, "NODE", node)
            clock = map(float, np.arange(1e6, 0.0, -1.0))
            found.append(search.Triples(s, rows, clock.__next__).run(3, head.today >= 0, np.arange(13)))
        assert not (found[1] & ~found[0]).any()
        fewer += int(found[1].sum() < found[0].sum())
    assert fewer > 2


def test_no_more_pairs_are_held_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stages(monkeypatch, 13, 99, 1e9, 0)
    held, first = list[int](), Numbers.forming
    monkeypatch.setattr(Numbers, "forming", lambda self, one, two, check: (
        held.append(len(self.turned) + len(one)), first(self, one, two, check))[1])
    head = drawn(0, 3, 13, 30.0)
    s, rows = oriented(head, RowChange(False, 3, tuple(range(13))))
    for entries, most in ((10**6, 79), (20 * (13 + head.m), 20)):
        monkeypatch.setattr(search, "ENTRIES", entries)
        held.clear()
        search.Triples(s, rows, lambda: 100.0).run(3, head.today >= 0, np.arange(13))
        assert 2 < max(held) <= most


def test_no_more_choices_are_held_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more are open, points are given up; where that is not enough, all are."""
    stages(monkeypatch, 13, 0, 1e9, 0)
    proved = list[int]()
    for room in (10**7, 3, 0):
        monkeypatch.setattr(search, "SHARES", (0.0, 0.3, 0.7))
        monkeypatch.setattr(search, "LISTED", room)
        proved.append(0)
        for seed in range(10):
            head = drawn(seed, 3, 13, 30.0)
            s, rows = oriented(head, RowChange(False, 3, tuple(range(13))))
            least = np.min(list(margins(head, tuple(range(13)), 3, False).values()), axis=0)
            good = search.Triples(s, rows, lambda: 100.0).run(3, head.today >= 0, np.arange(13))
            assert not (good & (least <= 0)).any()
            proved[-1] += int(good.sum())
    assert proved[0] > proved[1] >= proved[2]


def test_drawn_heads_are_held() -> None:
    found = [heads_deleted_triples.changed_rows_deleted_triples(np.random.default_rng([30, i]))
             for i in range(60 if FULL else 16)]
    assert found.count("decided") > len(found) // 2


@pytest.mark.parametrize(("what", "wrong"), WRONG.items())
def test_wrong_versions_are_caught(monkeypatch: pytest.MonkeyPatch, what: str, wrong: Wrong) -> None:
    for of, name, value in wrong:
        monkeypatch.setattr(of, name, value)
    for seed in range(40):
        try:
            heads_deleted_triples.changed_rows_deleted_triples(np.random.default_rng([31, seed]))
        except Violation:
            return
    pytest.fail(what)


def test_what_it_is_not_for() -> None:
    head, rows = drawn(0, 3, 13, 3.0), tuple(range(13))
    able = DeletedTriples().able
    assert "entries" in able(head, RowChange(False, 3, rows)) and "3 rows" in able(head, RowChange(False, 4, rows))
    assert "2 or 3 rows" in able(head, RowChange(True, 3, rows))
    wide = dataclasses.replace(head, phi=np.zeros((1500, 1500)))
    assert "trees of pairs" in able(wide, RowChange(False, 2, ()))
    assert "trees of pairs" not in able(wide, RowChange(False, 3, ()))
    many = dataclasses.replace(head, phi=np.zeros((33 * head.m, head.m)))
    assert "a column" not in able(head, RowChange(False, 3, rows)) and "a column" in able(many, RowChange(False, 3, ()))
    assert "deleted_triples" in UNCHECKED and status_of("deleted_triples") >= 1000


def test_it_goes_before_trees_of_pairs() -> None:
    names = list(CLASSES)
    assert names.index("deleted_triples") < names.index("by_choice") < names.index("pair_tree")


def test_shares_are_of_the_matrix_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric, "_shares", lambda st, h, k: np.zeros((len(st.z), len(st.rows) - h + 1)))
    with pytest.raises(Violation, match="curvature"):
        for seed in range(40):
            heads_deleted_triples.changed_rows_deleted_triples(np.random.default_rng([32, seed]))
