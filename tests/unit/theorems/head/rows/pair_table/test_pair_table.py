"""D29: every pair of labels of small heads refitted, pairs and points that are left out, time that is up."""

from __future__ import annotations

import dataclasses
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.enumeration import ENTRY, LEAF, PRODUCT, Enumeration
from certify.theorems.head.rows.label_triples.double import polished
from certify.theorems.head.rows.label_triples.matrix import matrix, rows_of
from certify.theorems.head.rows.label_triples.method import own_move
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.pair_table import method, points, search
from certify.theorems.head.rows.pair_table.method import PairTable
from certify.theorems.head.rows.searches.methods import CHECKED, CLASSES
from certify.theorems.head.rows.searches.searched import Searches
from certify.theorems.head.rows.survey import asked_of, leading, order, survey
from tests.containment.heads_label_triples import NEAR, least_margins
from tests.containment.heads_label_triples import refits as all_refits
from tests.families.heads import drawn_head

ROWS = 30
ALL = RowChange(True, 2, tuple(range(ROWS)))
SOME = RowChange(True, 2, tuple(range(1, ROWS, 2)))
HEADS = ((0, 0.02), (0, 0.3), (1, 0.3), (2, 0.1), (4, 0.02), (5, 0.1))
"""Seeds and decay."""


@cache
def drawn(seed: int, decay: float) -> Head:
    """Some rows are long, and points lie at all distances from the border."""
    rng = np.random.default_rng([seed, 13])
    head = drawn_head(rng, "logistic", n=ROWS, d=3, N=60, decay=decay, apart=1.5)
    phi, t = head.phi.copy(), np.linspace(0.0, 4.0, 60)[:, None]
    phi[:6, :-1] *= rng.uniform(1.5, 4.0, (6, 1))
    points = np.concatenate([t * head.points[:, :-1], np.ones((60, 1))], axis=1)
    head = dataclasses.replace(head, phi=phi, points=points)
    return dataclasses.replace(head, V=Refitter(head).V0)


@cache
def truth(seed: int, decay: float, change: RowChange = ALL) -> Array:
    """The least margin of today's labels under every choice of at most two labels."""
    return least_margins(drawn(seed, decay), change.rows, 2)


def proof(head: Head, change: RowChange = ALL, seconds: float = float("inf")) -> Part:
    part = PairTable().prove(head, change, head.today >= 0, Budget(seconds))
    assert part is not None
    return part


def wrong() -> int:
    """Points that are said to stay and do not."""
    return sum(int((truth(*one)[proof(drawn(*one)).proved] < -NEAR).sum()) for one in HEADS)


@pytest.mark.parametrize("change", [ALL, SOME])
@pytest.mark.parametrize(("seed", "decay"), HEADS)
def test_what_is_proved_stays_and_what_is_flipped_does_not(seed: int, decay: float, change: RowChange) -> None:
    part, low = proof(drawn(seed, decay), change), truth(seed, decay, change)
    assert part.flips is not None and part.proved.any() and (low < 0.0).any()
    assert (low[part.proved] > -NEAR).all() and (low[part.flips.point >= 0] < NEAR).all()
    assert part.proved.sum() + (part.flips.point >= 0).sum() >= 0.95 * len(low)


@pytest.mark.parametrize("cut", search.FAR)
def test_wherever_far_begins(cut: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "FAR", (cut,))
    monkeypatch.setattr(search, "LISTED", 20)
    monkeypatch.setattr(search, "GROUP", 10)
    monkeypatch.setattr(search, "ROWS", 7)
    monkeypatch.setattr(points, "BLOCK", 7)
    for one in HEADS[::2]:
        part, low = proof(drawn(*one)), truth(*one)
        assert part.flips is not None and (low[part.proved] > -NEAR).all()
        assert part.proved.sum() + (part.flips.point >= 0).sum() >= 0.95 * len(low)


@pytest.mark.parametrize("threshold", [-0.7, 0.4])
def test_labels_that_part_elsewhere(threshold: float) -> None:
    head = dataclasses.replace(drawn(0, 0.3), threshold=threshold)
    part, low = proof(head), least_margins(head, ALL.rows, 2)
    assert part.flips is not None and part.proved.any()
    assert (low[part.proved] > -NEAR).all() and (low[part.flips.point >= 0] < NEAR).all()


def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pair that flips a point is met on the way."""
    monkeypatch.setattr(search.Search, "_flip", lambda self: None)


def test_pairs_that_are_not_looked_at_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    silent(monkeypatch)
    assert not wrong()
    monkeypatch.setattr(search.Search, "_group_of", lambda self, pairs: None)
    assert wrong()


def test_far_pairs_that_are_not_looked_at_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    silent(monkeypatch)
    judge, turn = search.Search._judge, [0]

    def second(self: search.Search, pairs: Whole) -> None:
        turn[0] += 1
        if turn[0] % 2 == 0:
            judge(self, pairs)

    monkeypatch.setattr(search.Search, "_judge", second)
    assert wrong()


def test_near_pairs_that_points_have_open_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    silent(monkeypatch)
    monkeypatch.setattr(search, "opened", lambda p, near, table, point: np.zeros((0, 2), np.int64))
    assert wrong()


def test_single_labels_that_are_not_looked_at_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only pairs are: a label by itself takes more than it does with any other one."""
    silent(monkeypatch)
    change = RowChange(True, 2, (3,))  # one row alone, which has no pair
    heads = [drawn(*one) for one in HEADS]
    lows = [least_margins(head, (3,), 1) for head in heads]
    assert any((low < -NEAR).any() for low in lows)
    assert not sum(int((low[proof(head, change).proved] < -NEAR).sum()) for head, low in zip(heads, lows, strict=True))
    monkeypatch.setattr(search.Search, "_alone_open", lambda self, x, s, m: None)
    assert sum(int((low[proof(head, change).proved] < -NEAR).sum()) for head, low in zip(heads, lows, strict=True))


def test_every_far_pair_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    def look(self: search.Search, pairs: Whole) -> None:
        seen.extend(tuple(sorted(two)) for two in self.rows[pairs].tolist())

    monkeypatch.setattr(search.Search, "_group_of", look)
    monkeypatch.setattr(search.Search, "_cut", lambda self, p, table: (-1.0, 1.0))
    monkeypatch.setattr(search, "GROUP", 10)
    monkeypatch.setattr(search, "TIMES", 1)
    monkeypatch.setattr(search, "ROWS", 7)
    proof(drawn(0, 0.02))
    assert sorted(seen) == list(combinations(range(ROWS), 2))


def test_what_is_given_up_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = proof(drawn(0, 0.02)).proved
    monkeypatch.setattr(search, "FAR", (0.995,))
    monkeypatch.setattr(search.Search, "_each", lambda self: 1e9)
    some = proof(drawn(0, 0.02), seconds=1e6)
    assert some.proved.sum() < whole.sum() and not (some.proved & ~whole).any() and some.why


def test_where_no_matrix_is_found_nothing_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "matrix", lambda *given, **reach: None)
    part = proof(drawn(4, 0.02))
    assert not part.proved.any() and "curvature" in part.why


def test_labels_today_that_are_not_those_of_the_refit() -> None:
    head = drawn(1, 0.3)
    other = dataclasses.replace(head, V=-head.V)
    assert not proof(other).proved[np.abs(head.points @ head.V[0]) > 0.1].any()


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_time_that_is_up_proves_nothing(seconds: float) -> None:
    head = drawn(0, 0.02)
    part = proof(head, seconds=seconds)
    assert part.late and not part.begun and not part.proved.any()
    late = search.Search(head, ALL, head.today >= 0, Budget(seconds))
    late.run()
    assert late.late and not late.proved.any()


def test_it_ends_early_where_the_time_is_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each group of pairs takes a second, in a clock that is made by hand."""
    groups = [0]

    class Clock(Budget):
        def left(self) -> float:
            return self.seconds - groups[0]

    def look(self: search.Search, pairs: Whole) -> None:
        groups[0] += 1

    monkeypatch.setattr(search.Search, "_group_of", look)
    monkeypatch.setattr(search.Search, "_cut", lambda self, p, table: (-1.0, 1.0))
    monkeypatch.setattr(search.time, "monotonic", lambda: float(groups[0]))
    monkeypatch.setattr(search, "GROUP", 1)
    monkeypatch.setattr(search, "TIMES", 1)
    head = drawn(0, 0.02)
    late = search.Search(head, ALL, head.today >= 0, Clock(2.5))
    late.run()
    assert late.late and not late.proved.any() and groups[0] == 1


def test_steps_in_double_precision_prove_more_and_nothing_wrong() -> None:
    head, two = drawn(0, 0.3), np.array(list(combinations(range(ROWS), 2)))
    refits = all_refits(head, [tuple(one) for one in two.tolist()])
    V = refits + 0.02 * np.random.default_rng(0).standard_normal(refits.shape)
    S = head.phi * head.Y
    p = 1.0 / (1.0 + np.exp(refits.mean(axis=0) @ S.T))
    m = matrix(rows_of(head, np.arange(len(head.points))), 0.5 * p * (1.0 - p))
    assert m is not None
    H = (S.T * (p * (1.0 - p))) @ S + np.diag(np.where(head.decayed, head.mu()[0], 0.0))
    middle, live = np.linalg.inv(m.K @ H @ m.K.T), np.ones(len(head.points), dtype=bool)
    before, after = (polished(m, one, two, V, live).open for one in (None, middle))
    flips = refits @ m.rows.points.T - m.rows.level < NEAR
    assert after.sum() < 0.8 * before.sum() and not (after & ~before).any() and (flips & ~after).sum() == 0
    some = live.copy()
    some[::2] = False  # points that do not count are no reason for a step
    assert not (flips & ~polished(m, middle, two, V, some).open).any()


def test_refuses_what_it_is_not_about(monkeypatch: pytest.MonkeyPatch) -> None:
    head = drawn(0, 0.3)
    assert "seconds" in PairTable().able(head, ALL)
    monkeypatch.setattr("certify.theorems.head.rows.enumeration.QUICK", 0.0)
    assert not PairTable().able(head, ALL)
    for change in (RowChange(True, 3, ALL.rows), RowChange(True, 1, ALL.rows), RowChange(False, 2, ALL.rows)):
        assert PairTable().able(head, change)
    assert PairTable().able(dataclasses.replace(head, phi_rad=head.phi_rad + 1e-9), ALL)
    assert PairTable().able(dataclasses.replace(head, threshold=float("inf")), ALL)
    assert PairTable().able(drawn_head(np.random.default_rng(0), "squared", n=ROWS), ALL)
    few = drawn_head(np.random.default_rng(0), "logistic", n=ROWS, d=8)
    assert "columns" in PairTable().able(few, ALL)
    monkeypatch.setattr(method, "LARGEST", ROWS * ROWS - 1)
    assert "too many" in PairTable().able(head, ALL)


def test_it_goes_before_refits_of_all_pairs_where_these_take_more_steps_than_products_say(
        monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls alone: a certificate states refits, and a run that writes one makes them as before."""
    head, quick, whole = drawn(0, 0.02), Enumeration(), {"pair_table", "enumeration"}
    takes = ALL.leaves(head) * (head.n * (head.m * PRODUCT + ENTRY) + LEAF)
    # half of the labels move their own margin by so much that refits take longer than seconds, or do not
    monkeypatch.setattr("certify.theorems.head.rows.label_triples.method.TIMES", 4.0 / own_move(head))
    for quick_for, first in ((5.0 * takes, {"enumeration"}), (3.0 * takes, whole)):
        monkeypatch.setattr("certify.theorems.head.rows.enumeration.QUICK", quick_for)
        assert quick.complete(head, ALL) and bool(PairTable().able(head, ALL)) == (first != whole)
        assert leading(head, ALL, Budget(60.0), tuple(CLASSES)) & whole == first
        written = (name for name in order(head, ALL, Budget(60.0), CHECKED)
                   if not isinstance(asked_of(name, head, ALL), str))
        assert next(written) == "enumeration"
        found = survey(head, ALL, 60.0, methods=("pair_table", "enumeration"))
        assert not found.undecided.any() and ("pair_table" in found.parts) == (first == whole)
    monkeypatch.setattr("certify.theorems.head.rows.label_triples.method.MOST", 2.0)
    assert PairTable().able(head, ALL)  # never more than so many times as long


def test_that_it_goes_before_refits_takes_no_count_from_those_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.theorems.head.rows.label_triples.method.TIMES", 1e9)
    monkeypatch.setattr("certify.theorems.head.rows.label_triples.method.MOST", 1e9)
    monkeypatch.setattr(Searches, "run", lambda *_: False)
    head, four = drawn(0, 0.02), RowChange(True, 4, ALL.rows)
    assert next(order(head, ALL, Budget(600.0), ("pair_table", "enumeration"))) == "pair_table"
    monkeypatch.setattr(Enumeration, "complete", lambda self, head, change: change.count < 3)
    monkeypatch.setattr(Enumeration, "able", lambda self, head, change: "too many" if change.count > 3 else "")
    for methods in (("enumeration",), ("pair_table", "enumeration")):
        found = survey(head, four, 600.0, methods=methods)
        assert found.undecided.any() and found.fewer == 2


def test_calls_use_it_and_runs_that_write_certificates_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.theorems.head.rows.enumeration.QUICK", 0.0)
    assert "pair_table" in CLASSES and "pair_table" not in CHECKED
    head = drawn(0, 0.3)
    assert PairTable().sure(head, ALL, 60.0) and not PairTable().sure(head, ALL, 1e-6)
    takes = PairTable().seconds(head, ALL)
    for own, times, first in ((0.4, 3.0, True), (0.4, 1.0, False), (0.2, 3.0, False), (0.2, 11.0, True),
                              (0.05, 11.0, False)):
        with monkeypatch.context() as patch:
            patch.setattr(method, "own_move", lambda head, own=own: own)
            assert PairTable().sure(head, ALL, times * takes) == first
    found = survey(head, ALL, 60.0, methods=("pair_table", "pair_tree"))
    assert set(found.parts) == {"pair_table"}


def test_opposite_labels_of_one_row_at_a_margin_of_zero() -> None:
    """A referee's head: a row that takes all the curvature of its column, once with each label, at a margin of 0."""
    first = [-2.54854192813188, 0.05157710893412994, -3.9971270773639898, 1.4536138037597761, -3.267639645395347,
             -3.6241290032522255, -2.4874501333543244, -1.977282625171715, -0.5242453756137294, -0.17818760233070283,
             0.916403628895724, 0.3037850506873772, 2.0627346736281753, 4.33511958140332, 3.031140901105576, 0.0, 0.0]
    other = [0.0, -0.0767820189700254, 0.02521970917798565, -0.10794763004350917, 0.16264292502837524,
             0.05011944727761791, -0.017275846298552486, -0.02205862488099536, 0.0202214135063058, -0.14066178004804072,
             -0.02931369921606946, -0.16126284238730212, -0.04331665016685812, 0.16631207165634948,
             -0.11648982185741036, 1024.0, 1024.0]
    head, label = drawn_head(np.random.default_rng(0), "logistic", n=17, d=2, N=1), np.array(
        [1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0])
    assert head.codes is not None
    head = dataclasses.replace(
        head, phi=np.stack([first, other, [1.0] * 17], axis=1), Y=head.codes[label], label=label,
        V=np.array([[0.4993483806232879, -0.0004046399602233167, 0.4143513192686763]]), weight_decay=1e-4,
        decayed=np.ones(3, dtype=bool), threshold=16.20996717387124,
        points=np.array([[0.04296081896750994, 1037.3775091688308, 1.0]]))
    assert (least_margins(head, (0, 16), 1) > 0.1).all() and (least_margins(head, (0, 16), 2) < -0.07).all()
    assert not proof(head, RowChange(True, 2, (0, 16))).proved.any()
