"""D25: what all rows lose together, as one eigenvalue; and distances by the gradient at sums of three steps."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np
import pytest
import scipy.linalg

from certify.rigor.fp import Array
from certify.theorems.head.rows.softmax.trap import hessian
from certify.theorems.head.rows.softmax_by_choice.sums import at_sums, steps_of
from certify.theorems.head.rows.softmax_sums import nearer, operators
from certify.theorems.head.rows.softmax_sums import table as tables_
from certify.theorems.head.rows.softmax_sums.far import Far
from certify.theorems.head.rows.softmax_sums.formed import Formed
from certify.theorems.head.rows.softmax_sums.moves import moves_of
from certify.theorems.head.rows.softmax_sums.nearer import Nearer, Sums, not_near
from certify.theorems.head.rows.softmax_sums.operators import ALL, Losses
from certify.theorems.head.rows.softmax_sums.table import AROUND, NEAR, Table, left_around, table
from tests.unit.theorems.head.rows.softmax_sums.test_softmax_sums import every_choice, tables_of
from tests.unit.theorems.head.rows.softmax_sums.test_tables import Problem, lies, problem


def exact(t: Table, y: Array) -> float:
    """The largest eigenvalue of what rows lose, in floats."""
    c = t.m.c
    lost = hessian(c, t.m.h * y) - hessian(c, 0.0 * y)
    return float(scipy.linalg.eigh(lost, hessian(c, t.m.h), eigvals_only=True)[-1])


@pytest.mark.parametrize("free", [False, True])
def test_the_largest_eigenvalue(free: bool) -> None:
    """From above, and not far; of one row what its lever is; of rows that lose as much never more than that."""
    rng = np.random.default_rng(free)
    for seed in range(2):
        p = problem(seed, free)
        for t in p.tables:
            sums = Losses(t.m)
            for y in (rng.random(p.head.n), rng.random(p.head.n) ** 8, np.full(p.head.n, 0.3)):
                assert exact(t, y) * (1.0 - 1e-9) <= sums.largest(y) <= 1.35 * exact(t, y) + ALL
            assert sums.largest(np.eye(p.head.n)[3]) <= 1.05 * t.m.lever[3] + ALL
            assert sums.largest(np.full(p.head.n, 0.3)) <= 0.3 * 1.05 and sums.largest(np.full(p.head.n, ALL)) == ALL


def test_a_guess_that_is_too_low_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sums, n = Losses(problem(0).tables[0].m), problem(0).head.n
    assert np.isinf(sums.largest(np.full(n, np.nan)))
    monkeypatch.setattr(operators, "ABOVE", (0.99,))
    assert np.isinf(sums.largest(np.full(n, 0.3)))


@pytest.mark.parametrize("name", ["wrong", "unsure"])
def test_what_sums_are_off_by_counts(name: str) -> None:
    """Of the rows that lose, and of the matrix: nothing is proved where either is beyond what is left."""
    p = problem(0)
    sums, y = Losses(p.tables[0].m), np.full(p.head.n, 0.3)
    assert np.isfinite(sums.largest(y))
    setattr(sums, name, 1e3 * np.trace(sums.H) * np.ones_like(getattr(sums, name)))
    assert np.isinf(sums.largest(y))


def sharp(p: Problem, t: Table) -> Table:
    """The same table, with all steps looked at together."""
    none = Formed(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, *p.c.V.shape)), np.zeros(0))
    with np.errstate(all="ignore"):
        return table(t.m, p.s, p.W, none, 3, lambda: None, True)


def test_distances_with_what_is_lost_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against every refit; less is lost of some steps, more of none, and only up to some distance."""
    monkeypatch.setattr(tables_, "MUCH", 0.0)
    said, better, near = 0, 0, np.array(AROUND) <= NEAR
    for seed in range(3):
        p = problem(seed)
        for t in p.tables:
            other = sharp(p, t)
            assert (other.lost <= t.lost).all() and (other.few <= t.few).all()
            assert (other.lost[~near] == t.lost[~near]).all()
            better += int((other.lost[near] < 0.9 * t.lost[near]).sum())
            wrong, more = lies(p, other, 3)
            assert not wrong
            said += more
    assert said > 20 and better > 5
    monkeypatch.setattr(tables_, "PRODUCTS", 0.0)  # a head that is too large for any
    assert (sharp(p, p.tables[0]).lost == p.tables[0].lost).all()


def test_what_is_lost_together_is_no_less_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every step, its own row with it, and of what all choices lose: the eigenvalues of the sums as they stand."""
    monkeypatch.setattr(tables_, "MUCH", 0.0)
    monkeypatch.setattr(operators, "ALL", 0.0)  # without the room that would hide what is missing
    monkeypatch.setattr(operators, "ABOVE", (1.0 + 1e-7, *operators.ABOVE))
    for seed in range(2):
        p = problem(seed)
        for t in p.tables:
            other = sharp(p, t)
            for number, a in enumerate(AROUND):
                q, _ = left_around(t.m, a)
                assert other.few[number] >= exact(t, np.maximum(1.0 - q, 0.0)) * (1.0 - 1e-9)
                for i, keeps in enumerate(p.s.keeps[::3]):
                    y = np.maximum(1.0 - keeps * np.maximum(q, 1.0) ** (1.0 / 3.0), 0.0)
                    y[p.s.rows[3 * i]] = 1.0
                    assert other.lost[number, 3 * i] >= exact(t, y) * (1.0 - 1e-9)


def test_distances_around_sums_by_hand() -> None:
    """What all lose counts with what each step does, and how far is looked bounds what is found."""
    t, most = problem(0).tables[0], len(AROUND)
    lost, few = np.full((most, 3), 0.4), np.full(most, 0.125)
    lost[0] = 0.0
    t = dataclasses.replace(t, lost=lost, theta=np.full(most, 0.5), few=few)
    T, R = np.array([[0, 1]] * 4), np.array([0.02, 0.05, 0.2, np.nan])
    assert np.allclose(t.around(T, R), [0.02 / 0.4375, 0.05 / 0.0375, np.inf, np.inf], rtol=1e-9)


def test_tables_of_steps_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of a step is not that of its row: each has the numbers that it has in the order of rows."""
    monkeypatch.setattr(tables_, "MUCH", 0.0)
    p, order = problem(0), np.array([7, 2, 9, 0, 5, 10])
    part = dataclasses.replace(p, W=p.W[order], s=moves_of(p.c, p.s.rows[order], p.W[order] - p.c.V, 3))
    one, all_ = sharp(part, p.tables[1]), sharp(p, p.tables[1])
    assert np.isfinite(one.lost).any() and np.allclose(one.lost[:, :-1], all_.lost[:, order], rtol=1e-9)
    for name in ("single", "third"):
        assert np.allclose(getattr(one, name)[:-1], getattr(all_, name)[order], rtol=1e-9)
    assert np.allclose(one.pair[:-1, :-1], all_.pair[np.ix_(order, order)], rtol=1e-9)


def sums_of(p: Problem) -> Sums:
    """The steps of a problem."""
    return Sums(p.s.rows, p.W, steps_of(p.head, p.W, p.c.V))


def test_gradients_at_sums_of_three_steps() -> None:
    """Distances are no less than those of refits, hardly more than by exact gradients, and less than by bounds."""
    better = 0
    for seed in range(2):
        p, tables = problem(seed), dataclasses.replace(tables_of(seed), sharp=(1,))
        t, scale = tables.each[1], tables.scale[1]
        every = np.array(list(combinations(range(p.head.n), 3)))
        r = sums_of(p).distances(tables, every[::-1], lambda: None)[::-1] / scale
        H = hessian(t.m.c, t.m.h)
        left = [p.gradient(p.sum(tuple(T)), tuple(T)).ravel() for T in every.tolist()]
        exactly = t.around(every, np.array([np.sqrt(g @ np.linalg.solve(H, g)) for g in left]))
        assert (np.isinf(r) == np.isinf(exactly)).all() and np.isfinite(r).sum() > 20
        known = np.isfinite(r)
        assert (exactly[known] * (1.0 - 1e-9) <= r[known]).all() and np.allclose(r[known], exactly[known], rtol=1e-6)
        better += int((r < 0.8 * t.distances(every)).sum())
    assert better > 20


def test_what_gradients_at_sums_are_off_by_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What products round, and what sums of steps do: nothing is known where either is large."""
    p, tables = problem(0), dataclasses.replace(tables_of(0), sharp=(1,))
    T = np.array(list(combinations(range(6), 3)))
    assert np.isfinite(sums_of(p).distances(tables, T, lambda: None)).any()
    with monkeypatch.context() as patch:
        patch.setattr(nearer, "U", 1.0)
        assert np.isinf(sums_of(p).distances(tables, T, lambda: None)).all()
    large = np.full(len(T), 1e6)
    monkeypatch.setattr(nearer, "at_sums", lambda *of: dataclasses.replace(at_sums(*of), error=large[: len(of[2])]))
    assert np.isinf(sums_of(p).distances(tables, T, lambda: None)).all()


def test_steps_that_leave_out_rows_in_any_order() -> None:
    """The number of a step is not that of its row."""
    p, tables = problem(0), dataclasses.replace(tables_of(0), sharp=(1,))
    order, t = np.array([7, 2, 9, 0, 5, 10]), tables.each[1]
    rows = p.s.rows[order]
    other = dataclasses.replace(t, lost=t.lost[:, [*order, p.head.n]])
    part = dataclasses.replace(tables, each=(tables.each[0], other))
    T = np.array(list(combinations(range(len(order)), 3)))
    r = Sums(rows, p.W[order], steps_of(p.head, p.W[order], p.c.V)).distances(part, T, lambda: None)
    same = sums_of(p).distances(tables, np.sort(order[T], axis=1), lambda: None)
    assert np.isfinite(same).any() and np.allclose(r, same, rtol=1e-6)


def test_the_farthest_come_first_and_none_is_lost() -> None:
    """Choices of fewer rows stay as they are, and those that are not as far as is asked for."""
    p, tables = problem(0), tables_of(0)
    every = every_choice(p.head.n)
    r = tables.far(every)
    order = np.argsort(-r, kind="stable")
    far = Far(every[order], r[order], 0.0)
    near = Nearer(tables, sums_of(p), lambda: None)
    same = near.brought(far, float("inf"))
    assert {tuple(T) for T in same.T[np.isfinite(same.r)]} >= {tuple(T) for T in far.T[np.isfinite(far.r)]}
    found = near.brought(far, 0.0)
    before = dict(zip(map(tuple, far.T.tolist()), far.r.tolist(), strict=True))
    after = dict(zip(map(tuple, found.T.tolist()), found.r.tolist(), strict=True))
    assert before.keys() == after.keys() and not (np.diff(found.r[np.isfinite(found.r)]) > 0.0).any()
    assert all(after[T] <= r for T, r in before.items())
    assert all(after[T] == r for T, r in before.items() if p.head.n in T)
    assert sum(after[T] < 0.8 * r for T, r in before.items()) > 20
    late = near.brought(far, 0.0, lambda: False)  # where there is no time they stay as they are
    assert np.array_equal(late.T, far.T) and np.array_equal(late.r, far.r)
    again = np.array([after[tuple(T)] for T in far.T.tolist()])
    assert np.array_equal(np.fmin(near.distances(far.T), far.r), again)  # in whatever order they are asked for


def test_what_a_distance_does_not_prove() -> None:
    """Of two contrasts either may fail; a distance that is no number proves nothing."""
    takes, gap = np.array([[0.5, 0.0], [0.25, 0.5], [0.125, 0.25], [0.0, 0.0]]), np.array([1.0, 1.0])
    T, r = np.array([[0, 1, 2], [1, 2, 3], [0, 3, 3], [3, 3, 3]]), np.array([0.1, 0.2, 0.6, np.nan])
    assert not_near(T, r, takes, gap, np.array([1.0, 1.0])).tolist() == [2, 3]
    assert not_near(T, r, takes, gap, np.array([2.0, 1.0])).tolist() == [0, 2, 3]
    assert not_near(T, r, takes, gap, np.array([1.0, 4.0])).tolist() == [0, 1, 2, 3]
    assert not_near(T, np.full(4, 0.05), takes, gap, np.array([1.0, 1.0])).tolist() == []
