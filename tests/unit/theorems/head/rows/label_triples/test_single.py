"""D28 in single precision: never above exact refits nor double precision, whatever is given; sums; refusals."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from certify.rigor.fp import Array, row_norms
from certify.rigor.single import floats as short
from certify.rigor.single.floats import Short
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.label_triples import single as module
from certify.theorems.head.rows.label_triples.matrix import Matrix, judged, matrix, rows_of
from certify.theorems.head.rows.label_triples.single import Left, Single, Wanted, near, single
from certify.theorems.head.rows.label_triples.sums import LARGEST, MOVED, PART, Block, Sums, at_sums
from certify.theorems.head.rows.method import Mask
from tests.families.heads import drawn_head
from tests.unit.theorems.head.rows.label_triples.test_matrix import (
    TINY,
    Asked,
    asked,
    curvature,
    held,
    refit,
    refits,
    wide,
)
from tests.unit.theorems.head.rows.label_triples.test_rounding import SEEDS, exact, steep


def mask(found: Left, size: int) -> Mask:
    """`(B, L)` what is left open."""
    out = np.zeros((size, found.open.shape[1]), dtype=bool)
    out[found.which] = found.open
    return out


def of(m: Matrix, seed: int = 0) -> Single:
    """In single precision, its rows in some order."""
    s = single(m, np.random.default_rng(seed).permutation(m.rows.head.n), np.zeros(m.rows.head.m))
    assert s is not None
    return s


def opened(s: Single, changed: Whole, V: Array) -> Mask:
    return mask(near(s, changed, V, Wanted(np.ones(len(s.across), dtype=bool), 2)), len(V))


def stay(one: Asked, beyond: float, heavier: float = 1.0) -> int:
    """How many points are said to stay whose threshold is so far beyond the output at the refit."""
    long = np.maximum(1.0, row_norms(one.points))
    m = matrix(held(one.head, one.points, one.points @ one.w + beyond * long), heavier * one.D)
    return 0 if m is None else int((~opened(of(m), one.changed[None], one.V[None])).sum())


def lies(seed: int) -> int:
    return sum(stay(one, TINY) + stay(one, TINY, 10.0) for one in asked(seed))


def test_no_point_that_a_refit_loses_is_said_to_stay() -> None:
    assert not any(lies(seed) for seed in range(12))


def test_what_is_said_to_stay_is_what_double_precision_says_but_for_little() -> None:
    """Never more than it says at levels that are lower by rounding, and all of it where levels are a little lower."""
    both = many = 0
    for one in (one for seed in range(6) for one in asked(seed)):
        x = one.V.astype(np.float32).astype(np.float64)
        out = one.points @ x
        for below in (0.0, 0.1, 1.0, 10.0):
            size = 1e-4 * (1.0 + np.abs(out) + below)
            m, lower = (matrix(held(one.head, one.points, out - below - more), one.D) for more in (0.0, size))
            assert m is not None and lower is not None
            wide_, close = ~judged(m, one.changed[None], x[None]).open, ~opened(of(m), one.changed[None], x[None])
            fine, even = ~judged(lower, one.changed[None], x[None]).open, ~opened(of(lower), one.changed[None], x[None])
            assert (close <= fine).all()
            both, many = both + int((even & wide_).sum()), many + int(wide_.sum())
    assert many > 200 and both > 0.97 * many


@pytest.mark.parametrize("left_out", ["lost", "gradient", "half"])
def test_parts_that_are_left_out_are_missed(left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    left = module._left
    if left_out == "lost":
        monkeypatch.setattr(module, "_lost", lambda s, slope: np.zeros(len(slope.p)))
    elif left_out == "gradient":
        monkeypatch.setattr(module, "_left", lambda s, changed, *rest: left(s, changed[:, 1:], *rest))
    else:
        monkeypatch.setattr(module, "_reach", lambda *given, reach=module._reach: (
            0.2 * reach(*given)[0], 0.2 * reach(*given)[1]))
    assert any(lies(seed) for seed in range(12))


def beyond(seed: int, draws: int = 40) -> tuple[int, int]:
    """How many points are said to stay that a refit loses by more than its float is off, and how many stay at all.

    Weights are so near the refit that rounding is as large as the gradient, and points look along the way to it.
    """
    head, rng = steep(seed), np.random.default_rng(seed)
    changed = rng.choice(head.n, seed % 4, replace=False)
    w = np.array([float(x) for x in exact(head, changed)])
    p, wrong, many = 1.0 / (1.0 + np.exp((head.phi * head.Y) @ w)), 0, 0
    A = (head.phi.T * (p * (1.0 - p))) @ head.phi + np.diag(np.where(head.decayed, head.mu()[0], 0.0))
    for _ in range(draws):
        V = w + 10.0 ** rng.uniform(-7.0, -1.0) * np.linalg.solve(np.linalg.cholesky(A).T, rng.standard_normal(head.m))
        V = V.astype(np.float32).astype(np.float64)
        e = A @ (V - w)
        points = np.array([e, e]) / np.linalg.norm(e)
        level = points @ w + np.array([1e-2, -30.0]) * np.abs(points @ (V - w))
        m = matrix(held(head, points, level), p * (1.0 - p))
        if m is not None:
            stays = ~opened(of(m), changed[None], V[None])[0]
            wrong, many = wrong + int(stays[0]), many + int(stays[1])
    return wrong, many


def test_points_are_never_said_to_stay_where_rounding_is_as_large_as_the_gradient() -> None:
    found = [beyond(seed) for seed in range(SEEDS)]
    assert not sum(wrong for wrong, _ in found) and sum(many for _, many in found) > 20


def test_what_rounding_may_do_to_gradients_is_missed_where_it_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    left = module._left

    def exactly(*given: Any) -> module.Gradients:
        g = left(*given)
        return dataclasses.replace(g, error=0.0 * g.error, length=np.sqrt((g.turned.astype(float) ** 2).sum(axis=1)))

    monkeypatch.setattr(module, "_left", exactly)
    monkeypatch.setattr(module, "_bar", lambda s, at: s.m.rows.level.astype(np.float32))
    assert sum(wrong for wrong, _ in (beyond(seed) for seed in range(SEEDS)))


def test_nothing_is_said_of_numbers_that_are_none_or_too_large() -> None:
    head = wide(0)
    m = matrix(rows_of(head, np.arange(len(head.points))), curvature(head, head.V[0]))
    assert m is not None
    s, changed, V = of(m), np.zeros((5, 0), np.int64), np.repeat(head.V, 5, axis=0)
    for bad in (np.nan, np.inf, -np.inf, 1e3, 1e30, 1e39, 1e300):
        W = V.copy()
        W[2, 0] = bad
        assert opened(s, changed, W)[2].all()
    assert not opened(s, changed, V).all()


@pytest.mark.parametrize("scale", [1e-150, 1e-42, 1e-30, 1e30, 1e42, 1e150])
def test_points_and_rows_beyond_single_precision_are_never_said_to_stay_where_they_do_not(scale: float) -> None:
    for one in (one for seed in range(3) for one in asked(seed)):
        points = scale * one.points
        m = matrix(held(one.head, points, points @ one.w + TINY * row_norms(points)), one.D)
        assert m is not None and opened(of(m), one.changed[None], one.V[None]).all()
        far = dataclasses.replace(one.head, phi=scale * one.head.phi)
        rows = held(far, one.points, one.points @ one.w)
        with np.errstate(all="ignore"):
            beside = matrix(rows, one.D)
        if beside is not None and np.isfinite(far.phi).all() and scale > 1.0:
            assert opened(of(beside), one.changed[None], one.V[None]).all()


def test_levels_that_are_not_finite_in_single_precision() -> None:
    one = next(asked(0))
    m = matrix(held(one.head, one.points, np.full(len(one.points), 1e200)), one.D)
    assert m is not None and opened(of(m), one.changed[None], one.w[None]).all()


@pytest.mark.parametrize("decay", [1e42, 1e44])
def test_a_coordinate_beyond_single_precision_does_not_hold_a_point_above_anything(decay: float) -> None:
    """Its output would be infinite, while weights so short leave nothing else that is large: at refits below levels."""
    head = drawn_head(np.random.default_rng(1), "logistic", n=16, d=3, N=4, decay=1.0, apart=2.0, free=False)
    head = dataclasses.replace(head, weight_decay=decay)
    w = refit(head, np.zeros(0, np.int64))
    most = np.abs(w[:-1]).argmax()
    point = -np.sign(w) * 3.3e38
    point[-1], point[most] = 1.0, np.sign(w[most]) * 3.5e38
    level = np.array([point @ w + 0.1 * np.abs(point * w).sum()])
    m = matrix(held(head, point[None], level), curvature(head, w))
    assert m is not None and m.across[0] < 2.0**60 and m.rows.norms[0] * np.linalg.norm(w) < 1.0
    assert opened(of(m), np.zeros((1, 0), np.int64), w[None]).all()


def test_an_infinite_output_is_above_nothing() -> None:
    out = np.array([[np.inf, -np.inf, np.nan, 1.0, -1.0]], np.float32)
    assert module._above(out, np.zeros(5, np.float32)).tolist() == [[False, False, False, True, False]]


def test_other_products_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    head = wide(0)
    m = matrix(rows_of(head, np.arange(2)), curvature(head, head.V[0]))
    assert m is not None
    monkeypatch.setattr(short, "products_are_exact", lambda: False)
    assert single(m, np.arange(head.n), head.V[0]) is None


def smaller(head: Head, seed: int, stray: float) -> tuple[Array, Array, Short]:
    """Weights near the refits of no, one and two labels, and how far astray."""
    rng = np.random.default_rng(seed)
    every = (np.array(list(combinations(range(head.n), size)), np.int64) for size in range(3))
    V = np.concatenate([refits(head, changed) for changed in every])
    V += stray * rng.standard_normal(V.shape)
    return V[0], V[1 : head.n + 1], V[head.n + 1 :].astype(np.float32)


def blocks(sums: Sums, count: int, size: int) -> list[Block]:
    """All blocks, copied, as buffers are used again."""
    n, found = len(sums.W), []
    for a in range(n - count + 1):
        for one in (sums.of_two if count == 2 else sums.of_three)(a, size):
            found.append(dataclasses.replace(one, at=dataclasses.replace(one.at, x=one.at.x.copy()), e=one.e.copy()))
    return found


@pytest.mark.parametrize("count", [2, 3])
def test_blocks_hold_every_choice_once_and_what_its_sums_are(count: int) -> None:
    head = wide(2)
    V0, W, pairs = smaller(head, 0, 0.1)
    order = np.random.default_rng(1).permutation(head.n)
    sums = Sums(head, V0, W, pairs if count == 3 else None, order, lambda: None)
    found = blocks(sums, count, 7)
    assert [tuple(one) for block in found for one in block.members.tolist()] == list(combinations(range(head.n), count))
    number = {one: i for i, one in enumerate(combinations(range(head.n), 2))}
    S = (head.phi * head.Y)[order]
    for block in found:
        for members, x, e in zip(block.members.tolist(), block.at.x, block.e, strict=True):
            V = sum(pairs[number[two]].astype(float) for two in combinations(members, 2)) - W[members].sum(axis=0) + V0
            V = V if count == 3 else W[members].sum(axis=0) - V0
            assert np.linalg.norm(V - x) <= block.at.apart and np.linalg.norm(V) <= block.at.longest
            true = np.exp(np.clip(S @ V, -LARGEST, LARGEST))
            some = np.isfinite(e) & (np.abs(S @ V) < 40.0)
            p = 1.0 / (1.0 + true)
            assert some.any() and (np.abs(1.0 / (1.0 + e.astype(float)) - p) <= PART * p + 2.0**-28)[some].all()


@pytest.mark.parametrize(("count", "stray"), [(2, 0.0), (2, 0.3), (3, 0.0), (3, 0.1), (3, 3.0)])
def test_no_point_that_a_choice_loses_is_said_to_stay_at_sums(count: int, stray: float) -> None:
    """Whatever the smaller refits are."""
    stays = 0
    for seed in range(3):
        head = wide(seed)
        V0, W, pairs = smaller(head, seed, stray)
        if stray > 1.0:
            W[3], pairs[5], pairs[8, 0] = np.nan, np.inf, -np.inf
        today = refit(head, np.zeros(0, np.int64))
        m = matrix(rows_of(head, np.arange(len(head.points))), 0.5 * curvature(head, today))
        assert m is not None
        order = np.random.default_rng(1).permutation(head.n)
        s, sums = single(m, order, V0), Sums(head, V0, W, pairs if count == 3 else None, order, lambda: None)
        assert s is not None and sums.able
        with np.errstate(all="ignore"):
            every = blocks(sums, count, 20)
        for block in every:
            left = mask(at_sums(s, block.members, block, Wanted(np.ones(len(s.across), bool), 2)), len(block.members))
            some = ~left.all(axis=1)
            if some.any():
                margin = refits(head, block.members[some]) @ m.rows.points.T - m.rows.level
                assert (margin[~left[some]] > -TINY).all()
                stays += int((~left).sum())
    assert stays > 10 or stray > 1.0


def test_margins_that_move_too_far_are_not_judged() -> None:
    """A product of exponentials says nothing where one of them was cut off."""
    head = wide(0)
    V0, W, _ = smaller(head, 0, 0.0)
    s0 = (head.phi * head.Y)[0]
    W[1] = V0 + s0 * (2.0 * MOVED / (s0 @ s0))
    found = blocks(Sums(head, V0, W, None, np.arange(head.n), lambda: None), 2, 50)[0]
    assert np.isnan(found.e[0]).any() and not np.isnan(found.e[1:]).any()


def test_weights_so_long_that_margins_are_not_known() -> None:
    head = wide(0)
    V0, W, pairs = smaller(head, 0, 0.0)
    W[0] = 1e9
    assert not Sums(head, V0, W, pairs, np.arange(head.n), lambda: None).able


def test_sums_of_listed_pairs_are_those_of_all_pairs_of_a_first_row() -> None:
    rng = np.random.default_rng(3)
    head = drawn_head(rng, "logistic", n=12, d=4)
    W = rng.standard_normal((12, head.m))
    sums = Sums(head, rng.standard_normal(head.m), W, None, rng.permutation(12), lambda: None)
    assert sums.able
    listed = sums.of_pairs(np.array([(a, b) for a in (7, 2, 5) for b in range(a + 1, 12)]))
    for a in (2, 5, 7):
        block, mine = next(sums.of_two(a, 100)), listed.members[:, 0] == a
        assert (block.members == listed.members[mine]).all() and (block.e == listed.e[mine]).all()
        assert (block.at.x == listed.at.x[mine]).all() and block.at.apart == listed.at.apart and listed.at.good.all()
