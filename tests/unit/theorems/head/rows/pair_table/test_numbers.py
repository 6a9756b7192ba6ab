"""D29: what numbers of single labels say of every pair, against gradients, curvature and refits of that pair."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.label_triples.matrix import REACH, matrix, rows_of
from certify.theorems.head.rows.pair_table import numbers as module
from certify.theorems.head.rows.pair_table.numbers import Numbers, centre, numbers
from certify.theorems.head.rows.pair_table.points import _looked_through, near_of, opened, points_of
from certify.theorems.head.rows.pair_table.table import distances
from tests.containment.heads_label_triples import refit, refits
from tests.families.heads import drawn_head

N, SEEDS, SLACK = 20, 24, 1e-9
"""Rows and heads; and what refits in floats are off by."""


def drawn(seed: int) -> tuple[np.random.Generator, Head]:
    """Heads of all kinds of decay, with rows of very different lengths; of some, weights are those of another head."""
    rng = np.random.default_rng([seed, 29])
    head = drawn_head(rng, "logistic", n=N, d=int(rng.integers(1, 4)), N=15, decay=10.0 ** rng.uniform(-3, 0.5),
                      apart=float(rng.uniform(0.5, 3.0)))
    phi = head.phi.copy()
    phi[:, :-1] *= 10.0 ** rng.uniform(-1.0, 0.7, (N, 1))
    return rng, dataclasses.replace(head, phi=phi)


@cache
def refits_of(seed: int) -> tuple[Array, Array]:
    """The refits of no label and of every single one: wrong versions below change what is said, and none of these."""
    head = drawn(seed)[1]
    V0, W = refit(head, ()), refits(head, [(i,) for i in range(N)])
    V0.setflags(write=False)
    W.setflags(write=False)
    return V0, W


def known(seed: int, far: float = 0.0, more: float = 1.0, zero: bool = False, reach: float = REACH) -> Numbers | None:
    """Numbers at weights near refits, or farther away; with more curvature than rows have, and where margins are 0."""
    rng, head = drawn(seed)
    V0 = refits_of(seed)[0][None] + far * rng.standard_normal((1, head.m))
    V0 *= not zero
    S = head.phi * head.Y
    p = 1.0 / (1.0 + np.exp(S @ V0[0]))
    rows = rows_of(head, np.arange(len(head.points)))
    m = matrix(rows, more * rng.uniform(0.1, 0.6) * p * (1.0 - p) + 2.0**-60, reach=reach)
    c = None if m is None else centre(m, V0[0])
    W = refits_of(seed)[1]
    return None if c is None else numbers(c, np.arange(N), W + far * rng.standard_normal(W.shape), lambda: None)


def truth(x: Numbers, i: int, l: int) -> tuple[float, float]:
    """What is left of the gradient at the sum, and the share of the curvature that is lost, in long doubles."""
    m, head = x.centre.m, x.centre.m.rows.head
    S, wide = (head.phi * head.Y).astype(np.longdouble), np.longdouble
    V = x.W[i].astype(wide) + x.W[l] - x.centre.V0
    p = 1.0 / (1.0 + np.exp(S @ V))
    g = np.where(head.decayed, head.mu()[0], 0.0) * V - p @ S + S[i] + S[l]
    A = (S.T * m.d) @ S + np.diag(m.rows.decay)
    A64 = np.asarray(A, np.float64)
    left = float(np.sqrt(g @ np.linalg.solve(A64, np.asarray(g, np.float64))))
    long = np.sqrt(np.einsum("ij,ji->i", np.asarray(S, np.float64), np.linalg.solve(A64, np.asarray(S.T, np.float64))))
    reach = m.reach * long
    lost = np.maximum(m.d - p * (1.0 - p) * -np.expm1(-reach) / reach, 0.0) @ (long * long)
    return left, float(lost)


def lefts(x: Numbers) -> Array:
    """`(f, f)` what the table says of gradients, at first."""
    x = dataclasses.replace(x, gone=np.zeros(N), beside=x.beside.copy())
    return np.asarray(distances(x, lambda: None), np.float64)


def lies(some: Iterable[Numbers | None]) -> tuple[int, int]:
    """How many pairs have more of a gradient left, or more curvature lost, than is said; and how many there are."""
    wrong, many = 0, 0
    for x in some:
        if x is None:
            continue
        said = lefts(x)
        for i, l in combinations(range(N), 2):
            left, lost = truth(x, i, l)
            if np.isfinite(said[i, l]) and np.isfinite(x.gone[[i, l]]).all():
                wrong += left > said[i, l] * (1.0 + SLACK) + SLACK or lost > x.gone[i] + x.gone[l] + SLACK
                many += 1
    return wrong, many


@pytest.mark.parametrize("far", [0.0, 0.05])
def test_gradients_and_curvature_of_pairs_are_within_what_is_said(far: float) -> None:
    wrong, many = lies(known(seed, far) for seed in range(SEEDS))
    assert wrong == 0 and many > 300


def nothing(name: str, value: Callable[[Any], Any]) -> Callable[[Numbers], Numbers]:
    return lambda x: dataclasses.replace(x, **{name: value(getattr(x, name))})


@pytest.mark.parametrize("left_out", ["left", "gone", "squares"])
def test_numbers_that_are_left_out_are_missed(left_out: str) -> None:
    fewer = nothing(left_out, np.zeros_like)
    assert any(lies([x and fewer(x)])[0] for x in (known(seed, 0.05) for seed in range(SEEDS)))


def slope(t: Any) -> Any:
    return 1.0 / (1.0 + np.exp(t))


def rows_of_pairs(some: Iterable[Numbers | None]) -> Array:
    """What is done by all pairs over what is said of it, the most: to the gradient, by own rows, to curvature."""
    found: list[list[float]] = [[0.0], [0.0], [0.0]]
    for x in some:
        two = [] if x is None else list(combinations(np.flatnonzero(np.isfinite(x.gone)).tolist(), 2))
        if x is None or not two:
            continue
        (i, l), on = np.array(two).T, np.arange(len(two))
        m, c = x.centre.m, x.centre
        S, wide = (m.rows.head.phi * m.rows.head.Y).astype(np.longdouble), np.longdouble
        t, T = (S @ c.V0.astype(wide))[:, None], S @ x.W.T.astype(wide)
        p = slope(T[:, i] + T[:, l] - t)
        bend = np.abs(p - slope(T[:, i]) - slope(T[:, l]) + slope(t))
        rest = np.ones(bend.shape, bool)
        rest[i, on] = rest[l, on] = False
        both = np.where(rest, (x.squares[i].astype(np.float64) * x.squares[l]).T, 0.0)
        each = np.where(rest, bend**2 / m.d[:, None], 0.0)
        found[0].append(float((each.sum(axis=0) / both.sum(axis=0)).max()))
        found[0].append(float((each / np.where(rest, both, 1.0)).max()))
        found[1] += [float((bend[a, on] * m.long[a] / x.beside[b, a]).max()) for a, b in ((i, l), (l, i))]
        lost = (m.long * m.long) @ np.maximum(m.d[:, None] - m.keeps[:, None] * p * (1.0 - p), 0.0)
        much = lost > 1e-6
        found[2] += (lost / (x.gone[i] + x.gone[l]))[much].astype(float).tolist()
    return np.array([max(one) for one in found])


def all_of_them() -> Iterator[Numbers | None]:
    yield from (known(seed, far) for seed in range(SEEDS) for far in (0.0, 0.05))
    for seed in range(SEEDS // 2):
        yield known(seed, more=4.0)
        yield known(seed, zero=True)
        yield known(seed, reach=6.0)


def test_what_is_said_of_each_row_holds_and_is_nearly_attained() -> None:
    most = rows_of_pairs(all_of_them())
    assert (most <= 1.0 + SLACK).all() and (most > [0.95, 0.9, 0.8]).all()


@pytest.mark.parametrize("wrong", ["zero", "clip"])
def test_rows_at_zero_and_rows_with_less_curvature_than_the_matrix_has(wrong: str,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """A margin of 0 has no sign, and a row that does not cross 0 loses all the same where the matrix has more."""
    def gone(c: module.Centre, at: Any, away: Array, room: float) -> Array:
        if wrong == "zero":
            away = np.where(c.t == 0.0, 0.0, away)
        beyond = -away - np.abs(c.t)
        v = np.where(away > 0.0, away, beyond if wrong == "clip" else np.maximum(beyond, 0.0)) + room - c.slack
        v = np.maximum(v, 0.0)
        return np.asarray(np.minimum(v / (1.0 + 0.5 * v), 1.0) @ c.share)

    monkeypatch.setattr(module, "_gone", gone)
    assert any(rows_of_pairs([x])[2] > 1.0 + SLACK for x in all_of_them())


@pytest.mark.parametrize("wrong", ["away", "weight", "slack", "share", "bends", "grown"])
def test_wrong_versions_of_the_lemmas_are_missed(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of each lemma that is too small by a fifth or so, or made as if the other way."""
    begun, fill, grown = module.centre, module._bends, module._grown

    def other(m: Any, V0: Array) -> module.Centre | None:
        c = begun(m, V0)
        if c is None or wrong not in ("away", "weight", "slack", "share"):
            return c
        return {"away": dataclasses.replace(c, t=np.abs(c.t)), "weight": dataclasses.replace(c, weight=0.9 * c.weight),
                "slack": dataclasses.replace(c, slack=c.slack + 0.2),
                "share": dataclasses.replace(c, share=0.7 * c.share)}[wrong]

    monkeypatch.setitem(globals(), "centre", other)
    if wrong == "bends":
        monkeypatch.setattr(module, "_bends", lambda c, rows, own: 0.8 * fill(c, rows, own))
    if wrong == "grown":
        monkeypatch.setattr(module, "_grown", lambda x: 0.8 * grown(x))
    assert any((rows_of_pairs([x]) > 1.0 + SLACK).any() for x in all_of_them())


def test_distances_are_sums_over_what_is_kept_and_none_beyond_reach() -> None:
    x = known(0)
    assert x is not None
    rng, many, beyond = np.random.default_rng(0), 0, 0
    for scale in (0.05, 0.3, 1.0):
        left, gone = scale * rng.random(N), 0.55 * rng.random(N)
        beside = scale * rng.random((N, N)).astype(np.float32)
        squares = rng.random(x.squares.shape).astype(np.float32) * np.float32(scale / N)
        x = dataclasses.replace(x, left=left, gone=gone, beside=beside.copy(), squares=squares)
        said = distances(x, lambda: None)
        both = np.sqrt(squares.astype(np.float64) @ squares.T) + left[:, None] + left + beside + beside.T
        kept, whole = 1.0 - gone[:, None] - gone, both + x.centre.left
        known_ = (kept > 2.0**-10) & (whole < x.centre.m.reach * kept)
        np.fill_diagonal(known_, False)
        assert (np.isfinite(said) == known_).all()
        assert (said >= whole / kept)[known_].all() and np.allclose(said[known_], (whole / kept)[known_], 1e-5)
        many, beyond = many + known_.sum(), beyond + (~known_ & (kept > 0.1)).sum() - N
    assert many > 100 and beyond > 50


def set_of(pairs: Whole) -> set[tuple[int, ...]]:
    return {tuple(two) for two in pairs.tolist()}


def test_near_pairs_are_all_that_are_not_far_and_points_have_open_what_they_do_not_bear() -> None:
    many = 0
    for seed in range(8):
        x = known(seed)
        if x is None:
            continue
        table, i, l = distances(x, lambda: None), *np.triu_indices(N, 1)
        p, r, two = points_of(x.centre, x.W), table[i, l].astype(np.float64), np.stack([i, l], axis=1)
        for cut in np.sort(r[np.isfinite(r)])[[10, 60, -1]] if np.isfinite(r).sum() > 60 else ():
            for most in (5, 10**6):
                near = near_of(table, float(cut), most)
                assert set_of(near.pairs) == set_of(two[(near.least < r) & (r <= cut)])
                assert (np.diff(near.r) <= 0.0).all() and (most > 5 or len(near.pairs) < 60)
                for point in range(len(p.margin)):
                    e = x.centre.m.rows.points[point]
                    take = e @ x.centre.V0 - x.W @ e
                    room = p.margin[point] - take[i] - take[l] - x.centre.m.across[point] * r
                    said = set_of(opened(p, near, table, point))
                    assert set_of(two[(room < 0.0) & (r <= cut)]) <= said <= set_of(two[(room < 1e-4) & (r <= cut)])
                    many += len(said)
    assert many > 1000


def test_refits_lie_as_near_as_the_table_says_and_points_keep_what_is_left_of_them() -> None:
    many, met = 0, 0
    for seed in range(SEEDS):
        x = known(seed)
        if x is None:
            continue
        head, table = x.centre.m.rows.head, distances(x, lambda: None)
        p = points_of(x.centre, x.W)
        A = (x.centre.m.rows.S.T * x.centre.m.d) @ x.centre.m.rows.S + np.diag(x.centre.m.rows.decay)
        every = list(combinations(range(N), 2))
        of_pairs = dict(zip(every, refits(head, every), strict=True))
        for (i, l), w in of_pairs.items():
            away = w - (x.W[i] + x.W[l] - x.centre.V0)
            if np.isfinite(table[i, l]):
                many += 1
                assert np.sqrt(away @ A @ away) <= table[i, l] * (1.0 + SLACK) + 1e-6
        for cut, most in ((0.5, 1000), (1.99, 5)):
            near = near_of(table, cut, most)
            for point in range(len(head.points)):
                left = {tuple(two) for two in opened(p, near, table, point).tolist()}
                for two, w in of_pairs.items():
                    if table[two] <= cut and two not in left:
                        met += 1
                        assert x.centre.m.rows.points[point] @ w - x.centre.m.rows.level[point] > -1e-6
                    if table[two] <= cut and float(p.bears[point]) > cut:
                        assert two not in left
    assert many > 300 and met > 5000


def test_weights_that_are_none_and_margins_beyond_floats_say_nothing() -> None:
    _, head = drawn(0)
    V0 = refit(head, ())
    p = 1.0 / (1.0 + np.exp(head.phi * head.Y @ V0))
    m = matrix(rows_of(head, np.arange(15)), 0.4 * p * (1.0 - p) + 2.0**-60)
    assert m is not None and centre(m, np.full(head.m, np.nan)) is None and centre(m, 1e9 * V0) is None
    c = centre(m, V0)
    assert c is not None
    W = np.stack([refit(head, (i,)) for i in range(N)])
    W[3] = np.inf
    x = numbers(c, np.arange(N), W, lambda: None)
    assert x is not None and np.isfinite(x.W).all() and x.open[3].any() | (x.left[3] > 0.1)
    W[3] = 1e12
    assert numbers(c, np.arange(N), W, lambda: None) is None
    W[3] = V0 + 40.0 * (W[4] - V0) / np.abs(W[4] - V0).max()
    x = numbers(c, np.arange(N), W, lambda: None)
    assert x is not None and np.isinf(distances(x, lambda: None)[3]).all()


def test_pairs_next_to_what_there_is_room_for_are_open() -> None:
    """Sums in single precision are off by as much as the next number is away."""
    rng, i, l = np.random.default_rng(0), *np.triu_indices(60, 1)
    for size in (0.1, 1.0, 300.0):
        room = size * rng.standard_normal(60)
        both = room[:, None] + room
        table = np.nextafter(both.astype(np.float32), np.float32(np.inf))
        some = both[i, l] > 0.0
        found = set_of(_looked_through(table, room, size, 1e4))
        assert set_of(np.stack([i, l], axis=1)[some]) <= found
        below = (both - 1e-4 * (size + 1e4)).astype(np.float32)
        assert not len(_looked_through(below, room, size, 1e4))
