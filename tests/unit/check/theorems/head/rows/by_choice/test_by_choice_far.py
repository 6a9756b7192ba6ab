"""D17 in the checker: every number of rows with and without steps is at least what it bounds, far ones among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from unittest.mock import patch

import numpy as np
import pytest
from flint import arb, ctx
from numpy.typing import NDArray

from certify.check.theorems.head.rows.by_choice import judge, pieces, taken
from certify.check.theorems.head.rows.by_choice.pieces import Pieces
from certify.check.theorems.head.rows.by_choice.taken import shares
from certify.check.theorems.head.rows.by_choice.triples import Triples
from tests.containment import heads_by_choice_checked as contained

Array = NDArray[np.float64]
N, OWN = 10, 6
LOOSE = 1e-9
SEEDS = range(4)
LOW = (1.0, 0.0)
"""Of what rows count, the part that a matrix is said to be above."""


def slope(t: Array) -> Array:
    return 1.0 / (1.0 + np.exp(t))


def bend(t: Array) -> Array:
    return slope(t) * slope(-t)


@dataclass
class Example:
    """A head of ten rows, of which four have no step of their own, and the same in floats without any bound.

    Its matrix may be said to be above less than what rows count there.
    """

    p: Pieces
    S: Array
    decay: Array
    w: Array

    def __post_init__(self) -> None:
        st = self.p.st
        self.t, self.m, self.f = self.S @ self.w, np.array(self.p.m), len(self.p.rows)
        H = (self.S.T * bend(self.t)) @ self.S + np.diag(self.decay)
        self.inverse = np.linalg.inv((self.S.T * self.m) @ self.S + np.diag(self.decay))
        self.products = self.S @ self.inverse @ self.S.T
        lever = bend(self.t) * np.einsum("ij,ji->i", self.S, np.linalg.solve(H, self.S.T))
        self.steps = {j: -slope(self.t[j]) / (1.0 - lever[j]) * np.linalg.solve(H, self.S[j]) for j in st.far}
        self.steps |= {i: np.ldexp(np.array(one.whole, float), one.unit)
                       for i, one in zip(self.p.rows, self.p.own, strict=True)}

    def column(self, j: int) -> int:
        """Where a row is in the tables."""
        return self.p.rows.index(j) if j in self.p.rows else self.f

    def length(self, v: Array) -> float:
        return float(np.sqrt(v @ self.inverse @ v))

    def gradient(self, out: tuple[int, ...]) -> Array:
        """That of the sum without some rows, at the sum of their steps."""
        v = self.w + sum((self.steps[j] for j in out), np.zeros(len(self.w)))
        kept = np.where(np.isin(np.arange(N), out), 0.0, slope(self.S @ v))
        return self.decay * v - kept @ self.S

    def weights(self, l: int) -> Array:
        """What the step of a row takes of each row, of itself nothing."""
        return np.array([0.0 if j == l else line[self.column(l)] for j, line in enumerate(shares(self.p))])

    def largest(self, w: Array) -> float:
        """The largest eigenvalue of `Σ w_js_js_jᵀ` in the norm of M."""
        return float(np.linalg.eigvals(self.inverse @ (self.S.T * w) @ self.S).real.max())


@cache
def example(seed: int, k: int, decay: float = 4.0, seen: int = 4, low: float = 1.0) -> Example:
    rng = np.random.default_rng([seed, 31])
    S = np.c_[rng.standard_normal((N, 2)), np.ones(N)] * rng.choice([-1.0, 1.0], (N, 1))
    S[0] *= 2.0
    mu = np.full(3, decay)
    w = contained.refit(S, np.ones(N), mu)
    with ctx.workprec(64), patch.object(taken, "SEEN", seen):
        b = contained.base(contained.centre(contained.sums(S.tolist(), [arb(decay)] * 3, False), [], w.tolist()))
        assert b is not None and (st := contained.steps(b, list(range(N)), OWN)) is not None
        p = Pieces(st, 0, k, [x for x in st.lengths])
        if low < 1.0:
            below = replace(p.metric, weights=None, low=[low * x for x in p.m])
            with patch.object(pieces, "lowered", lambda *_: below):
                p = Pieces(st, 0, k, p.reach, below)
            assert p.low == below.low
    assert p.proved and len(st.far) == N - OWN
    return Example(p, S, mu, w)


@pytest.mark.parametrize("k", [2, 3])
def test_what_one_step_and_two_leave_of_the_gradient(k: int) -> None:
    for seed in SEEDS:
        e = example(seed, k)
        alone = [e.length(e.gradient((j,))) for j in range(N)]
        assert all(x <= e.p.alone[e.column(j)] + LOOSE for j, x in enumerate(alone))
        assert max(alone[OWN:]) > 1e-4
        for i, j in combinations(range(N), 2):
            two = e.length(e.gradient((i, j)) - e.gradient((i,)) - e.gradient((j,)) + e.gradient(()))
            a, b = e.column(i), e.column(j)
            assert two <= e.p.pair[a][b] + LOOSE and two <= e.p.pair[b][a] + LOOSE
            assert two > 1e-6


def test_what_three_steps_leave_of_the_gradient() -> None:
    for seed in SEEDS:
        e = example(seed, 3)
        found = Triples(e.p)
        for out in combinations(range(N), 3):
            T = tuple(sorted(map(e.column, out)))
            moves = [e.S @ e.steps[j] for j in out]
            signs = [(sum(s), (-1.0) ** (3 - len(s))) for n in range(4) for s in combinations(moves, n)]
            slopes = sum((x * slope(e.t + move) for move, x in signs), np.zeros(N))
            assert e.length(slopes @ e.S) <= found.third(*T) + LOOSE
            assert e.length(e.gradient(out)) <= e.p.left(T, found.third(*T)) + LOOSE


def test_what_two_steps_do_to_the_row_of_a_third() -> None:
    for seed in SEEDS:
        for decay in (1.0, 4.0, 20.0):
            e, B = example(seed, 3, decay), example(seed, 3, decay).p.bent
            for l in range(N):
                own = e.S[l] @ e.steps[l]
                for i, j in combinations([x for x in range(N) if x != l], 2):
                    a, b, t = e.S[l] @ e.steps[i], e.S[l] @ e.steps[j], e.t[l] + own
                    done = abs(slope(t + a + b) - slope(t + a) - slope(t + b) + slope(t)) * e.length(e.S[l])
                    at = e.column(l)
                    assert done <= B[at][e.column(i)] * B[at][e.column(j)] + 1e-13


@pytest.mark.parametrize("low", LOW)
@pytest.mark.parametrize("k", [2, 3])
def test_what_rows_and_steps_take_of_the_curvature(k: int, low: float) -> None:
    for seed in SEEDS:
        e, f = example(seed, k, low=low), OWN
        t = e.p.taken
        own = e.m * np.diag(e.products)
        assert all(x <= t.own[e.column(j)] for j, x in enumerate(own))
        assert t.own[f] <= 1.001 * max(own[OWN:])
        for l in range(N):
            w = e.weights(l)
            assert e.largest(w) <= t.share[e.column(l)]
            for i in range(N):
                there = t.there[e.column(i)][e.column(l)]
                assert e.m[i] * (w @ e.products[i] ** 2) <= there * (1.0 + LOOSE)
                across = np.sqrt(e.m[i] * e.m[l]) * abs(e.products[i, l])
                assert i == l or across <= t.across[e.column(i)][e.column(l)] * (1.0 + LOOSE)


@pytest.mark.parametrize("low", LOW)
@pytest.mark.parametrize("k", [2, 3])
def test_rows_keep_what_their_shares_leave_of_the_curvature(k: int, low: float) -> None:
    """Lemma 1: some margins are moved across 0 by one step, some by several only."""
    for seed in SEEDS:
        for decay in (1.0, 4.0, 20.0):
            e = example(seed, k, decay, low=low)
            y = [np.array(line) / m for line, m in zip(shares(e.p), e.m, strict=True)]
            for out in combinations(range(N), k):
                kept = bend(e.t + sum(e.S @ e.steps[j] for j in out)) / bend(e.t)
                for j in range(N):
                    assert kept[j] >= 1.0 - sum(y[j][e.column(l)] for l in out) - LOOSE


@pytest.mark.parametrize(("few", "low"), [(1, 1.0), (3, 1.0), (64, 1.0), (64, LOW[1])])
@pytest.mark.parametrize("k", [2, 3])
def test_what_choices_take_of_the_curvature(k: int, few: int, low: float) -> None:
    for seed in SEEDS:
        e = example(seed, k, low=low)
        some = list(combinations(range(N), k))
        found = e.p.taken.of_choices([tuple(sorted(map(e.column, out))) for out in some], few)
        for out, x in zip(some, found, strict=True):
            w = sum((e.weights(j) for j in out), np.zeros(N))
            w = np.where(np.isin(np.arange(N), out), e.m, np.minimum(w, e.m))
            assert e.largest(w) <= x * (1.0 + LOOSE)


@pytest.mark.parametrize("k", [2, 3])
def test_points_that_a_far_row_moves_are_open(k: int) -> None:
    """Points that its step alone takes across, and that hardly see how far refits lie from it."""
    for seed in SEEDS:
        e = example(seed, k, 300.0)
        for l in range(OWN, N):
            H = (e.S.T * bend(e.t)) @ e.S + np.diag(e.decay)
            u = -H @ e.steps[l]
            v = e.w + 1.01 * e.steps[l]
            point = u - (u @ v) / (v @ v) * v
            assert point @ e.w > 0.0
            found = judge.opened(e.p, contained.Drops(e.p, contained.points([point.tolist()], 3)), [OWN])
            assert found == {0}
