"""Numbers of D21 in the checker, against the same by their formulas: each part that is left out is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.boxes import leaves
from certify.check.theorems.head.rows.boxes.leaves import Base, base
from certify.check.theorems.head.rows.boxes.margins import points
from certify.check.theorems.head.rows.boxes.slabs import below
from certify.check.theorems.head.rows.boxes.stated import oriented
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.group_tree import steps as stepping
from certify.check.theorems.head.rows.group_tree.tree import Tree
from certify.check.theorems.head.rows.head import BITS
from certify.finders.head.boxes import minimiser
from certify.theorems.head.rows.box_tree import oriented as oriented_in_floats
from tests.families.group_heads import Grouped, farthest, grouped, most_room

COARSE = 30
"""Curvatures are rounded down to `2^(30 − 44)` where what they are off by is to be seen."""


@pytest.fixture(autouse=True)
def digits() -> Iterator[None]:
    with ctx.workprec(BITS):
        yield


def heads(count: int = 1) -> list[Grouped]:
    return [grouped(np.random.default_rng([7, count, seed]), count, n=30) for seed in range(8)]


def at(one: Grouped, off: float = 0.0) -> tuple[Base, Any, np.ndarray]:
    """The inverse at weights so far from today's refit, the sum in floats, and the weights."""
    s, _ = oriented_in_floats(one.head, one.change.within)
    w = minimiser(s, s.whole, one.head.V[0])
    w = w + off * np.cos(np.arange(len(w)))
    t, _ = oriented(one.twin, "here")
    b = base(centre(t, [], w.tolist()))
    assert b is not None
    return b, s, w


def steps(one: Grouped, b: Base, k: int) -> stepping.Steps | None:
    return stepping.steps(b, list(range(len(one.change.groups))), one.change.groups, k)


def held(b: Base, rounded: Callable[[arb], int] = below) -> np.ndarray:
    """The curvatures of rows that the norm is of."""
    return np.array([rounded(b.c.counts(j) * D) * 2.0**-44 for j, D in enumerate(b.c.D)])


def coarse(x: arb) -> int:
    return below(x) >> COARSE << COARSE


def hessian(b: Base, s: Any, rounded: Callable[[arb], int] = below) -> np.ndarray:
    return np.asarray((s.S.T * held(b, rounded)) @ s.S + np.diag(s.decay))


def floats(it: stepping.Steps) -> np.ndarray:
    return np.array([[float(x) for x in row] for row in it.delta.tolist()]).T


def judged(one: Grouped, it: stepping.Steps, e: np.ndarray) -> tuple[float, list[float]]:
    return Tree(it.b.c.sums, points([e.tolist()], len(e)), one.change.groups, 1, {})._judged(it, 0)


def test_what_is_left_of_points_is_below_their_margins_where_the_steps_miss_most() -> None:
    """Points along what the steps miss, whose margins are smaller than the steps say by all that is proved to be so."""
    seen = 0
    for one in heads():
        b, s, w = at(one)
        it = steps(one, b, 1)
        if it is None:
            continue
        for a, delta in enumerate(floats(it)):
            refit = one.without((a,))
            e = farthest(hessian(b, s), refit - w - delta, delta)
            left, pushes = judged(one, it, e)
            assert left - pushes[a] < e @ refit
            seen += bool(e @ (w + delta) > e @ refit)
    assert seen > 20


def test_what_is_left_of_points_is_below_their_margins_where_weights_are_off() -> None:
    for one in heads():
        b, s, w = at(one, 1e-2)
        it = steps(one, b, 0)
        assert it is not None
        refit = one.without(())
        e = hessian(b, s) @ (w - refit)
        assert judged(one, it, e)[0] < e @ refit < e @ w


def test_the_room_is_below_the_largest_by_the_formula_and_near_it() -> None:
    rng = np.random.default_rng(0)
    for lengths, shares, kept in (([0.5, 2.0, 0.0], [0.2, 0.1, 0.05], [0.9, 0.5, 1.0]),
                                  ([0.1, 9.0, 0.2, 0.3], [0.3, 0.02, 0.3, 0.1], [0.99, 0.01, 0.6, 1.0]),
                                  *(rng.uniform(0.0, 1.0, (3, 4)).tolist() for _ in range(20))):
        for gone, a in (((0.0, 0.0), 0.0), ((0.1, 0.02), 1.0), ((0.3, 0.0), 0.2)):
            exact = most_room(np.array(lengths), np.array(shares), np.array(kept), gone, a)
            found = stepping._room(list(zip(lengths, shares, kept, strict=True)), gone, a)
            assert found <= exact and (exact < 0.05 or found > 0.9 * exact)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_moves_and_bends_are_above_what_they_are(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each number that is a sum over rows, against the same in long doubles."""
    right, seen, looked = stepping._moved, list[Any](), 0

    def kept(*given: Any) -> stepping.Moves:
        found = right(*given)
        seen.append((found, given[1]))
        return found

    monkeypatch.setattr(stepping, "_moved", kept)
    for one in heads(count):
        b, s, w = at(one)
        steps(one, b, count)
        found, delta = seen.pop()
        if not max(found.far) < stepping.FARTHEST:
            continue
        looked += 1
        T = np.abs(s.S.astype(np.longdouble) @ np.array([[float(x) for x in row] for row in delta.tolist()]))
        far = np.sort(T, axis=1)[:, ::-1][:, :count].sum(axis=1)
        theta = np.minimum(1.0, np.abs(np.tanh(0.5 * (s.S @ w))) + 0.5 * far)
        bend, own = theta * 2.0 * (np.expm1(theta * far) - theta * far) / (theta * far) ** 2, held(b)
        assert (far <= found.far).all() and (theta * far <= found.bent).all()
        assert ((own * bend * bend @ T**4) ** 0.25 <= found.bends).all()
        if count > 1:
            assert all((np.sqrt(own[list(rows)] @ T[list(rows)] ** 2) <= found.shares[a]).all()
                       for a, rows in enumerate(one.change.groups))
    assert looked > 2


def test_curvatures_in_few_digits_count_for_what_they_are_off_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of gradients, of curvature in all and of that of single rows, by formulas in long doubles."""
    fine = [steps(one, at(one)[0], 1) for one in heads()]
    right, seen, looked = stepping._factor, list[Any](), 0

    def kept(rows: Any, gone: Any, whole: float) -> float | None:
        found = right(rows, gone, whole)
        seen.append((rows, gone, found))
        return found

    monkeypatch.setattr(stepping, "_factor", kept)
    for where in (stepping, leaves):
        monkeypatch.setattr(where, "below", coarse)
    for one, before in zip(heads(), fine, strict=True):
        b, s, w = at(one)
        seen.clear()
        it = steps(one, b, 1)
        if it is None or before is None:
            continue
        looked += 1
        (rows, gone, times), S, H, delta = seen[0], s.S.astype(np.longdouble), hessian(b, s, coarse), floats(it)
        lengths = np.sqrt(np.einsum("ij,ji->i", s.S, np.linalg.solve(H, s.S.T)))
        p = 1.0 / (1.0 + np.exp(S @ w))
        off, far = p * (1.0 - p) - held(b, coarse), np.abs(S @ delta.T).max(axis=1)
        theta = np.minimum(1.0, np.abs(1.0 - 2.0 * p) + 0.5 * far)
        assert (off > -1e-12).all() and off.max() > 2.0 ** (COARSE - 46)
        assert gone[1] >= off @ lengths**2 * (1.0 - 1e-9)
        past = np.expm1(far) - far  # ½z²h(z)
        assert it.fixed >= times * (off @ ((far + past) * lengths)) * (1.0 - 1e-9)
        assert (np.array([row[2] for row in rows]) <= np.exp(-theta * far)).all()
        assert it.fixed > before.fixed
        for a in range(len(delta)):
            v = one.without((a,)) - w - delta[a]
            assert v @ H @ v <= (it.fixed + it.push[a] + 1e-9) ** 2
    assert looked > 2
