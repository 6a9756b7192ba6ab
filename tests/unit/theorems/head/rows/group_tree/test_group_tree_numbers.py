"""Numbers of D21 one by one, against the same by their formulas: each part of a bound that is left out is found out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from certify.finders.head.boxes import minimiser
from certify.systems.head.rows.boxes.trap import centre
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes.leaves import Base, base
from certify.theorems.head.rows.group_tree import pulls as pulling
from certify.theorems.head.rows.group_tree import steps as stepping
from certify.theorems.head.rows.group_tree.pulls import Pulls, Whole, pulls
from tests.families.group_heads import Grouped, farthest, grouped, most_room

COARSE = 2.0**-14
"""Of curvatures that are rounded far more than doubles do, so that what they are off by can be seen."""


def heads(count: int) -> list[Grouped]:
    return [grouped(np.random.default_rng([7, count, seed]), count, n=30) for seed in range(8)]


def at(one: Grouped, off: float = 0.0, unit: float = 0.0) -> tuple[Base, Pulls]:
    """The inverse and the groups at weights so far from today's refit, with curvatures rounded down to a unit."""
    s, _ = oriented(one.head, one.change.within)
    w = minimiser(s, s.whole, one.head.V[0])
    c = centre(s, s.whole, w + off * np.cos(np.arange(len(w))))
    if unit:
        rough = np.floor(c.at.D / unit) * unit
        c = replace(c, at=replace(c.at, D=rough, D_off=c.at.D - rough + c.at.D_off))
    b = base(c)
    every = None if b is None else pulls(b, np.arange(len(one.change.groups)), members(one))
    assert b is not None and every is not None
    return b, every


def members(one: Grouped) -> tuple[Whole, ...]:
    return tuple(np.array(rows, np.int64) for rows in one.change.groups)


def hessian(b: Base) -> Any:
    s = b.c.sums
    return (s.S.T * (b.c.kept * b.c.at.D)) @ s.S + np.diag(s.decay)


def test_what_is_left_of_points_is_below_their_margins_where_the_steps_miss_most() -> None:
    """Points along what the steps miss, whose margins are smaller than the steps say by all that is proved to be so."""
    seen = 0
    for one in heads(1):
        b, every = at(one)
        it = stepping.steps(b, every, 1)
        if it is None:
            continue
        for a in range(len(it.groups)):
            refit = one.without((int(it.groups[a]),))
            e = farthest(hessian(b), refit - b.c.w - it.delta[a], it.delta[a])
            left, pushes = stepping.judged(it, e[None])
            assert left[0] - pushes[0, a] < e @ refit
            seen += bool(e @ (b.c.w + it.delta[a]) > e @ refit)
    assert seen > 20


def test_what_is_left_of_points_is_below_their_margins_where_weights_are_off() -> None:
    for one in heads(1):
        b, every = at(one, 1e-2)
        it = stepping.steps(b, every.some(np.zeros(0, np.int64)), 0)
        assert it is not None
        refit = one.without(())
        e = hessian(b) @ (b.c.w - refit)
        left, _ = stepping.judged(it, e[None])
        assert left[0] < e @ refit < e @ b.c.w


def test_the_room_is_below_the_largest_by_the_formula_and_near_it() -> None:
    rng = np.random.default_rng(0)
    for lengths, shares, kept in (([0.5, 2.0, 0.0], [0.2, 0.1, 0.05], [0.9, 0.5, 1.0]),
                                  ([0.1, 9.0, 0.2, 0.3], [0.3, 0.02, 0.3, 0.1], [0.99, 0.01, 0.6, 1.0]),
                                  *(rng.uniform(0.0, 1.0, (3, 4)).tolist() for _ in range(20))):
        given = np.array(lengths), np.array(shares), np.array(kept)
        for gone, a in (((0.0, 0.0), 0.0), ((0.1, 0.02), 1.0), ((0.3, 0.0), 0.2)):
            exact = most_room(*given, gone, a)
            found = stepping._room(stepping.Rows(*given), gone, a)
            assert found <= exact and (exact < 0.05 or found > 0.9 * exact)


def test_curvatures_in_few_digits_count_for_what_they_are_off_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of gradients, of curvature in all and of that of single rows, by formulas in long doubles."""
    right, seen, looked = stepping._factor, list[Any](), 0

    def kept(rows: Any, gone: Any, whole: float) -> float | None:
        found = right(rows, gone, whole)
        seen.append((rows, gone, found))
        return found

    monkeypatch.setattr(stepping, "_factor", kept)
    for one in heads(1):
        b, every = at(one, unit=COARSE)
        fine = stepping.steps(*at(one), 1)
        seen.clear()
        it = stepping.steps(b, every, 1)
        if it is None or fine is None:
            continue
        looked += 1
        (rows, gone, times), S = seen[0], b.c.sums.S.astype(np.longdouble)
        lengths = np.sqrt(np.einsum("ij,ji->i", b.c.sums.S, np.linalg.solve(hessian(b), b.c.sums.S.T)))
        p = 1.0 / (1.0 + np.exp(S @ b.c.w))
        off = b.c.kept * p * (1.0 - p) - b.c.kept * b.c.at.D
        far = np.abs(S @ it.delta.T).max(axis=1)
        theta = np.minimum(1.0, np.abs(1.0 - 2.0 * p) + 0.5 * far)
        assert (off > -1e-15).all() and off.max() > COARSE / 4
        assert gone[1] >= off @ lengths**2 * (1.0 - 1e-9)
        past = np.expm1(far) - far  # ½z²h(z)
        assert it.fixed >= times * (off @ ((far + past) * lengths)) * (1.0 - 1e-9)
        assert (rows.kept <= np.exp(-theta * far)).all()
        assert it.fixed > fine.fixed and (it.push > fine.push).all()
        for choice in one.choices():
            v = one.without(choice) - b.c.w - it.delta[list(choice)].sum(axis=0)
            assert v @ hessian(b) @ v <= (it.fixed + it.push[list(choice)].sum() + 1e-9) ** 2
    assert looked > 2


@pytest.mark.parametrize("scale", [0.9, 1.1])
def test_steps_that_are_no_solutions_count_for_what_they_miss(scale: float) -> None:
    looked = 0
    for one in heads(1):
        b, every = at(one)
        it = stepping.steps(b, replace(every, delta=scale * every.delta), 1)
        if it is None:
            continue
        H = hessian(b)
        for a in range(len(it.groups)):
            v = one.without((a,)) - b.c.w - it.delta[a]
            assert v @ H @ v <= (it.fixed + it.push[a] + 1e-9) ** 2
            looked += bool(v @ H @ v > 1e-6)
    assert looked > 10


@pytest.mark.parametrize("gram", [2, 512])
def test_what_groups_hold_is_above_the_largest_eigenvalue(gram: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling, "GRAM", gram)
    for one in heads(1):
        b, every = at(one)
        for held, M in zip(every.held, every.M, strict=True):
            largest = float(np.linalg.eigvals(np.linalg.solve(hessian(b), M)).real.max())
            assert largest * (1.0 - 1e-9) <= held


def test_a_sum_over_many_rows_is_off_by_what_its_own_terms_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trace of a group of many rows has all that as many roundings may take from it."""
    b, _ = at(heads(1)[0])
    s, n = b.c.sums, 1 << 15
    many = np.resize(np.arange(len(s.S)), n)
    found = pulls(b, np.array([0]), (many,))
    assert found is not None
    own, S = (b.c.kept * b.c.at.D)[many].astype(np.longdouble), s.S[many].astype(np.longdouble)
    trace = float(own @ np.einsum("ij,ij->i", S @ b.X.astype(np.longdouble), S))
    assert found.held[0] >= trace + n * 2.0**-53 * float(np.linalg.norm(b.X)) * float(own @ (S * S).sum(axis=1))
