"""D17 in the checker: no more than the truth at every choice of small heads, and wrong versions are caught."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import whole_norm
from certify.check.theorems.head.rows.by_choice import judge, taken, triples
from certify.check.theorems.head.rows.by_choice.pieces import Pieces
from certify.check.theorems.head.rows.by_choice.products import rounded, times
from certify.check.theorems.head.rows.by_choice.taken import Taken
from certify.check.theorems.head.rows.by_choice.triples import Triples
from tests.containment import heads_by_choice_checked as contained
from tests.containment.rigor import Violation

Wrong = list[tuple[object, str, Any]]
_distance, _of_choices, _needed, _pushes = Pieces.distance, Taken.of_choices, Pieces._needed, judge._stays


def _forgetting(name: str, what: Any) -> Any:
    """All numbers, some of them 0."""
    def needed(self: Pieces) -> float:
        found = _needed(self)
        old = getattr(self, name)
        setattr(self, name, what(old) if found < 1.0 else old)
        return found
    return needed


def _none(table: Any) -> Any:
    return [[0.0] * len(row) for row in table]


_unseen = (Taken, "of_choices", lambda self, choices, few: [np.inf for _ in choices])
WRONG: dict[str, Wrong] = {
    "pairs do nothing": [(Pieces, "_needed", _forgetting("pair", _none))],
    "steps are refits": [(Pieces, "_needed", _forgetting("alone", lambda old: [0.0] * len(old)))],
    "the centre is a minimiser": [(Pieces, "_needed", _forgetting("fixed", lambda old: 0.0))],
    "half of the gradient": [(Pieces, "distance", lambda self, left, *rest: _distance(self, 0.5 * left, *rest))],
    "no curvature is lost": [(Pieces, "distance", lambda self, left, *rest: _distance(self, left, 0.0, 0.0, 0.0))],
    "rows that are out take none": [(Pieces, "distance", lambda self, left, lever, most, both: _distance(
        self, left, 0.0, most, 0.0)), _unseen],
    "moves take none": [(Pieces, "distance", lambda self, left, lever, most, both: _distance(
        self, left, lever, 0.0, 0.0)), _unseen],
    "moves take none, looked at closer or not": [(taken, "shares", lambda p: [
        [0.0] * (len(p.rows) + 1) for _ in p.low])],
    "points move with the steps alone": [(judge, "_stays", lambda drops, at, V, T, r: _pushes(drops, at, V, T, 0.0))],
    "one step takes all": [(judge, "_stays", lambda drops, at, V, T, r: _pushes(drops, at, V, T[:1], r))],
    "all that follow two columns are passed over": [(Triples, "below", lambda self, i, j, least: True)],
    "margins move as far as they like": [(Pieces, "_needed", _forgetting("radius", lambda old: 1e9))],
}
SEEDS = {"steps are refits": (10, 30), "moves take none": (10, 17), "one step takes all": (75,),
         "moves take none, looked at closer or not": (10, 17), "margins move as far as they like": (10, 47)}
"""Of those that few heads show."""


def three(seed: int, own: int) -> Pieces:
    """The numbers of a head of nine rows, so many of them with steps of their own, of which three may follow."""
    head = contained.logistic_head(np.random.default_rng([seed, 5]), 9, decay=200.0)
    S = (head.phi * head.Y).tolist()
    with ctx.workprec(64):
        b = contained.base(contained.centre(contained.sums(S, [arb(200.0)] * head.m, False), [], head.V[0].tolist()))
        assert b is not None and (st := contained.steps(b, list(range(9)), own)) is not None
        found = Pieces(st, 0, 3, [2.0] * 9)
    assert found.proved
    return found


def test_drawn_heads_are_held() -> None:
    found = [contained.changed_rows_by_choice_checked(np.random.default_rng([17, i])) for i in range(20)]
    assert found.count("decided") > 8


@pytest.mark.parametrize(("what", "wrong"), WRONG.items())
def test_wrong_versions_are_caught(monkeypatch: pytest.MonkeyPatch, what: str, wrong: Wrong) -> None:
    for of, name, value in wrong:
        monkeypatch.setattr(of, name, value)
    for seed in SEEDS.get(what, range(12)):
        try:
            contained.changed_rows_by_choice_checked(np.random.default_rng([18, seed]))
        except Violation:
            return
    pytest.fail(what)


@pytest.mark.parametrize("each", [1, 3, 64])
def test_choices_that_are_passed_over_are_all_below_what_is_borne(monkeypatch: pytest.MonkeyPatch, each: int) -> None:
    monkeypatch.setattr(triples, "EACH", each)
    monkeypatch.setattr(triples, "TOGETHER", 2)
    passed = 0
    for seed in range(4):
        p = three(seed, 9 - seed % 2)
        found = Triples(p)
        for i in range(len(p.rows) + 1):
            for j in range(min(i + 1, len(p.rows)), len(p.rows) + 1):
                most = max(found.with_two(i, j)[1])
                over = [x for x in (0.5 * most, most, 1.01 * most, 2.0 * most, 9.0 * most) if found.below(i, j, x)]
                assert all(most < x for x in over)
                passed += len(over)
                assert not found.below(i, j, nan)
    assert passed > 100


@pytest.mark.parametrize("seed", range(3))
def test_the_bend_of_a_row_holds_wherever_two_others_lead_it(seed: int) -> None:
    """The third derivative of the loss on a grid between all falls and all rises, most across 0 and far beyond."""
    p, across = three(seed, 9), 0
    for a, i in enumerate(p.rows):
        moves = [one.tau[i] for one in p.own]
        base, others = p.st.t[i] + moves.pop(a), sorted(moves)
        t = np.linspace(base + sum(min(x, 0.0) for x in others[:2]), base + sum(max(x, 0.0) for x in others[-2:]), 300)
        slope = 1.0 / (1.0 + np.exp(t))
        bend = (p.bent[a][int(a == 0)] / moves[0]) ** 2 / p.long[i]
        assert np.abs(slope * (1.0 - slope) * (1.0 - 2.0 * slope)).max() <= bend
        across += t[0] < -2.0 * abs(base) or 2.0 * abs(base) < t[-1]
    assert across > 4


@pytest.mark.parametrize("error", [OverflowError, ValueError])
def test_products_that_fail_leave_all_choices_open(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def fails(*_: object) -> None:
        raise error

    p = three(1, 8)
    monkeypatch.setattr(triples, "products", fails)
    found, f = Triples(p), len(p.rows)
    for i, j in ((0, 1), (0, f), (f, f)):
        assert not found.below(i, j, 1e300) and set(found.with_two(i, j)[1]) == {inf}
        assert found.third(i, j, f) == inf


def test_a_step_that_moves_a_margin_by_a_hundred() -> None:
    """Squares of what it does elsewhere are beyond doubles, and weights are 0: no traceback."""
    S = np.c_[0.5 + 0.1 * np.random.default_rng(0).standard_normal(8), np.full(8, -0.3)]
    S[0] = 0.0, 120.0
    w = contained.refit(S, np.ones(8), np.ones(2))
    with ctx.workprec(64):
        b = contained.base(contained.centre(contained.sums(S.tolist(), [arb(1), arb(1)], False), [], w.tolist()))
        assert b is not None and (st := contained.steps(b, list(range(8)), 8)) is not None
        assert max(abs(x) for one in st.own for x in one.tau) > 80.0
        p = Pieces(st, 0, 3, [0.3 * x for x in st.lengths])
        assert p.proved
        found = Triples(p)
        for i in range(8):
            for j in range(i + 1, 9):
                start, line = found.with_two(i, j)
                assert all(0.0 <= found.third(i, j, l) < inf for l in range(start, 9))
                assert all(r > 0.0 for r in line)
        assert not judge.opened(p, contained.Drops(p, contained.points([[1.0, 0.0]], 2)), [7])


def test_products_are_never_less_than_the_exact_ones() -> None:
    for seed in range(20):
        rng = np.random.default_rng([19, seed])
        A, B = (rng.random(shape) * 10.0 ** rng.uniform(-30, 3, shape) * (rng.random(shape) < 0.8)
                for shape in ((4, 5), (5, 3)))
        exact = [[sum(Fraction(x) * Fraction(y) for x, y in zip(row, column, strict=True)) for column in B.T.tolist()]
                 for row in A.tolist()]
        found = times(rounded(A.tolist()), B.tolist())
        assert all(Fraction(x) >= y for one, other in zip(found, exact, strict=True)
                   for x, y in zip(one, other, strict=True))
        assert (np.array(found) <= np.array(exact, float) + 2.0**-20 * np.outer(A.max(axis=1), B.max(axis=0))).all()


@pytest.mark.parametrize("squarings", [0, 1, 3])
def test_norms_of_whole_numbers_are_never_less(squarings: int) -> None:
    for seed in range(20):
        rng = np.random.default_rng([20, seed])
        M = rng.integers(-(1 << 24), 1 << 24, (6, 6))
        M = M + M.T if seed % 2 else M
        found, true = whole_norm(fmpz_mat(M.tolist()), squarings), float(np.linalg.norm(M.astype(float), 2))
        assert true * (1.0 - 1e-12) <= found <= true * 6.0 ** (0.5 / 2**squarings) * (1.0 + 1e-5)


def test_what_is_no_number_is_infinite() -> None:
    head = contained.logistic_head(np.random.default_rng(3), 9, decay=30.0)
    S = (head.phi * head.Y).tolist()
    with ctx.workprec(64):
        b = contained.base(contained.centre(contained.sums(S, [arb(3.0)] * head.m, False), [], head.V[0].tolist()))
        assert b is not None and (st := contained.steps(b, list(range(9)), 9)) is not None
        p = Pieces(st, 0, 2, [2.0] * 9)
    assert p.proved and p.distance(0.1, 0.1, 0.1, 0.0) < 1.0
    for numbers in ((nan, 0.1, 0.1, 0.0), (0.1, nan, 0.1, 0.0), (0.1, 0.1, nan, 0.0), (0.1, 0.1, 0.1, nan),
                    (inf, 0.1, 0.1, 0.0), (0.1, 1.0, 0.1, 0.0), (0.1, inf, 0.1, 0.0),
                    (1e-12, 1.0 - 2.0**-12, 0.0, 0.0)):
        assert p.distance(*numbers) == inf


@pytest.mark.parametrize("name", ["share", "there", "own", "across"])
def test_numbers_that_are_none_prove_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    head = contained.logistic_head(np.random.default_rng(3), 9, decay=30.0)
    S, real = (head.phi * head.Y).tolist(), Taken.__init__

    def made(self: Taken, p: Pieces) -> None:
        real(self, p)
        table = getattr(self, name)
        if isinstance(table[4], float):
            table[4] = nan
        else:
            table[4][2] = nan

    with ctx.workprec(64):
        b = contained.base(contained.centre(contained.sums(S, [arb(3.0)] * head.m, False), [], head.V[0].tolist()))
        assert b is not None and (st := contained.steps(b, list(range(9)), 9)) is not None
        monkeypatch.setattr(Taken, "__init__", made)
        assert not Pieces(st, 0, 3, [2.0] * 9).proved
