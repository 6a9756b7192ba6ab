"""Each part of a bound by itself: curvature, leverage and gradient at every choice of rows of small heads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import combinations
from math import inf, nan

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.fixed_rows import sums
from certify.check.theorems.head.rows.boxes.leaves import base
from certify.check.theorems.head.rows.boxes.margins import points
from certify.check.theorems.head.rows.boxes.slabs import below
from certify.check.theorems.head.rows.boxes.stated import oriented
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.pair_tree import bound as bounds
from certify.check.theorems.head.rows.pair_tree import drops
from certify.check.theorems.head.rows.pair_tree import steps as step_of
from certify.check.theorems.head.rows.pair_tree.numbers import top
from certify.check.theorems.head.rows.pair_tree.steps import Steps, steps
from tests.families.logistic_heads import as_checked, logistic_head, refit

Array = np.ndarray
NEAR = 1.0 + 1e-7


def test_far_rows_move_margins_no_farther_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products go two rows at a time, and end where lengths allow little more: what was not formed is bounded too."""
    monkeypatch.setattr(step_of, "AT_ONCE", 2)
    formed, ended = step_of._products, 0
    for seed in range(40):
        rng = np.random.default_rng([seed, 46])
        n, p = 12, int(rng.integers(1, 4))
        S, decay = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-1, 1, (n, 1)), 10.0 ** rng.uniform(-1, 1)
        w = refit(S, np.ones(n), np.full(p, decay))
        b = base(centre(sums(S.tolist(), [arb(decay)] * p, False), [], w.tolist()))
        looked: list[int] = []
        monkeypatch.setattr(step_of, "_products", lambda b, part, pull, live, *more, looked=looked: (
            looked.append(len(live)), formed(b, part, pull, live, *more))[1])
        assert b is not None
        far, some = rng.permutation(n)[: int(rng.integers(1, n))], rng.choice([None, 1, 3])
        st = steps(b, [i for i in range(n) if i not in far] + far.tolist(), n - len(far), 0, some)
        if st is None or not np.isfinite(st.reach):
            continue
        q, X = slope(S @ w), np.linalg.inv((S.T * (slope(S @ w) * slope(-(S @ w)))) @ S + decay * np.eye(p))
        own = q * (1.0 - q) * np.einsum("ij,jk,ik->i", S, X, S)
        moved = np.abs(S @ X @ S[far].T) * (q / (1.0 - own))[far]
        assert (np.array(st.most) * NEAR >= moved.max(axis=1)).all()
        moved[far, np.arange(len(far))] = 0.0
        assert (np.array(st.across) * NEAR >= moved.max(axis=1)).all()
        ended += some is None and (len(looked) < (len(far) + 1) // 2 or min(looked) < n)
    assert ended > 5


def slope(t: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(t)))


def rows_of(rng: np.random.Generator) -> Array:
    """Rows of one or two columns; where half of them pull back the other half, margins move far in few deletions."""
    n, p = int(rng.integers(6, 10)), int(rng.integers(1, 3))
    S = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-1, 1, (n, 1))
    if rng.random() < 0.6:
        v, half = rng.standard_normal(p), n // 2
        S[:half] = v * rng.uniform(0.8, 1.2, (half, 1)) * 10.0 ** rng.uniform(-0.5, 1)
        S[half:] = -v * rng.uniform(0.1, 1.0, (n - half, 1))
    return S


def drawn(seed: int, monkeypatch: pytest.MonkeyPatch) -> bounds.Bound | None:
    """A bound at a centre that is no minimiser; few pairs are formed, some rows are far, and steps may be rough."""
    rng = np.random.default_rng([seed, 44])
    S, decay = rows_of(rng), 10.0 ** rng.uniform(-4, 1)
    (n, p), k = S.shape, int(rng.integers(1, 6))
    monkeypatch.setattr(bounds, "FORMED", int(rng.choice([0, 640, 640])))
    monkeypatch.setattr(bounds, "SMALL", float(rng.choice([0.0, 1.0, 1.0])))
    off = rng.choice([0.0, 10.0 ** rng.uniform(-8, -1)])
    w = refit(S, np.ones(n), np.full(p, decay)) + off * rng.standard_normal(p)
    b = base(centre(sums(S.tolist(), [arb(decay)] * p, False), [], w.tolist()))
    own = n if rng.random() < 0.6 else int(rng.integers(k, n + 1))
    less = np.random.default_rng([seed, 45])
    spent = (7, None) if less.random() < 0.5 else (int(less.integers(0, 3)), int(less.integers(0, 4)))
    if b is None or (st := steps(b, rng.permutation(n).tolist(), own, *spent)) is None:
        return None
    x, found = 0.02 * np.array(st.lengths), None
    for _ in range(6):
        codes = np.searchsorted(TABLE, x).tolist()
        found = bounds.Bound(st, 0, k, [TABLE[q] for q in codes])
        if found.proved or not hasattr(found, "rho"):
            break
        x = np.minimum(1.12 * (top(found.rho, found.far, k) + found.fixed) * np.array(found.long), 100.0)
    return found if found is not None and hasattr(found, "rho") else None


def choices(found: bounds.Bound) -> Iterator[tuple[list[int], Array]]:
    """Rows, and where their steps lead."""
    st: Steps = found.st
    S, w = np.array(st.c.sums.rows), np.array([float(x.mid()) for x in st.c.w.entries()])
    delta = {i: np.ldexp(np.array(one.whole, float), one.unit)
             for i, one in zip(st.rows, st.own, strict=True)}
    D = np.array([below(x) * 2.0**-44 for x in st.c.D])
    H = (S.T * D) @ S + np.diag([float(x.mid()) for x in st.c.sums.decay])
    for l in st.far:
        u = np.linalg.solve(H, S[l])
        delta[l] = -slope(S[l] @ w) / (1.0 - D[l] * (S[l] @ u)) * u
    for size in range(found.k + 1):
        for T in combinations([*st.rows, *st.far], size):
            yield list(T), w + sum((delta[i] for i in T), np.zeros(len(w)))


def parts(seed: int, monkeypatch: pytest.MonkeyPatch) -> Array | None:
    """What curvature, leverage and gradient take of what a bound says of them, at most."""
    with ctx.workprec(64):
        if (found := drawn(seed, monkeypatch)) is None:
            return None
        kappas = found._leverage() if found.k > 1 else found._own_leverage()
    st, low, taken = found.st, np.array(found.low), np.zeros(3)
    S, decay = np.array(st.c.sums.rows), np.array([float(x.mid()) for x in st.c.sums.decay])
    A, x = (S.T * low) @ S + np.diag(decay), np.array(found.reach)
    root, shares = np.linalg.cholesky(A), dict(zip(found.rows, found.rho, strict=True))
    a = top(found.rho, found.far, found.k) + found.fixed
    assert not found.proved or (a * np.array(found.long) < x).all()
    for T, w in choices(found):
        t, kappa = S @ w, 0.0
        for z in (x, -x):
            some = (np.abs(z) > 1e-4) & (low > 0.0)
            ratio = low[some] * z[some] / (slope(t) - slope(t + z))[some]
            taken[0] = max(taken[0], ratio.max(initial=0.0))
        if T:
            kappa = max(kappas) if found.k > 1 else kappas[found.rows.index(T[0]) if T[0] in found.rows else -1]
            block = (S[T] @ np.linalg.solve(A, S[T].T)) * np.sqrt(np.outer(low[T], low[T]))
            taken[1] = max(taken[1], np.linalg.eigvalsh(block).max() / max(kappa, 1e-300))
        there = np.where(np.isin(np.arange(len(S)), T), 0.0, 1.0)
        length = float(np.linalg.norm(np.linalg.solve(root, decay * w - (there * slope(t)) @ S)))
        allowed = (sum(shares.get(i, found.far) for i in T) + found.fixed) * (1.0 - kappa)
        taken[2] = max(taken[2], (length - 1e-12) / max(allowed, 1e-12))
    return taken


SHOW = (234, 288, 720, 997, 1664, 2233)
"""Seeds of heads where triples, bends of rows of T, far rows, or changes towards 0 are most of what is left."""


def test_every_part_holds_at_every_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [x for seed in (*range(150), *SHOW) if (x := parts(seed, monkeypatch)) is not None]
    most = np.max(found, axis=0)
    assert len(found) > 80 and (most <= NEAR).all() and (most > 0.9).all(), most


def test_weights_too_large_for_doubles_prove_nothing() -> None:
    """Along a column in which every row is 0 margins stay, and only the decay sees weights."""
    head = logistic_head(np.random.default_rng([3, 44]), 9)
    wide = dataclasses.replace(head, phi=np.c_[np.zeros(9), head.phi], V=np.c_[1e300, head.V], weight_decay=1e8,
                               decayed=np.r_[True, head.decayed], points=np.c_[np.zeros(6), head.points])
    with ctx.workprec(64):
        s, _ = oriented(as_checked(wide, tuple(range(9)), 2), "claim")
        b = base(centre(s, [], wide.V[0].tolist()))
        assert b is not None and steps(b, list(range(9)), 9) is None


def test_far_rows_count_what_balls_of_curvatures_are_wide() -> None:
    """The step of a far row rests on curvatures rounded down from the lower ends of their balls."""
    rng, wide = np.random.default_rng(46), 0.02
    S, decay, n = 0.05 * rng.standard_normal((8, 2)), 0.1, 8
    w = refit(S, np.ones(n), np.full(2, decay))
    with ctx.workprec(64):
        c = centre(sums(S.tolist(), [arb(decay)] * 2, False), [], w.tolist())
        b = base(dataclasses.replace(c, D=[arb(float(x.mid()) - wide, wide) for x in c.D]))
        assert b is not None and (st := steps(b, list(range(n)), 1)) is not None
        found = bounds.Bound(st, 0, 1, [1.0] * n)
    assert found.proved and len(st.far) == n - 1
    A, g = (S.T * np.array(found.low)) @ S + decay * np.eye(2), decay * w - slope(S @ w) @ S
    for T, v in choices(found):
        for l in set(T) & set(st.far):
            left = decay * v - (np.where(np.arange(n) == l, 0.0, 1.0) * slope(S @ v)) @ S - g
            assert np.sqrt(left @ np.linalg.solve(A, left)) <= found.far


def test_the_way_to_a_refit_may_lead_far_away() -> None:
    """Four rows of which one pulls against three: the curvature of the centre sends the first corrections 10⁴ away."""
    S = [[0.358, 0.166, -1.0], [2.202, 1.22, 1.0], [-0.559, 2.302, 1.0], [0.465, 1.007, 1.0], [1.787, 1.885, 1.0]]
    decay = 5 * 2.092297262387699e-9
    w = refit(np.array(S), np.array([0.0, 1.0, 1.0, 1.0, 1.0]), np.full(3, decay))
    b = base(centre(sums(S, [arb(decay)] * 3, False), [0], w.tolist()))
    assert b is not None
    st = steps(b, [1, 2, 3, 4], 4)
    assert st is not None
    long = st.own[2]
    assert long.size > 10.0 and max(map(abs, long.left)) < 1e-5  # 0.57 where the method stays near


def small(relabels: bool = False) -> Steps:
    """Steps of six rows of two columns."""
    rng = np.random.default_rng(47)
    S = 0.3 * rng.standard_normal((6, 2))
    b = base(centre(sums(S.tolist(), [arb(1.0)] * 2, relabels), [], refit(S, np.ones(6), np.ones(2)).tolist()))
    assert b is not None and (st := steps(b, list(range(6)), 6)) is not None
    return st


@pytest.mark.parametrize(("k", "which"), [(2, "_leverage"), (1, "_own_leverage")])
def test_a_leverage_that_is_no_number_proves_nothing(monkeypatch: pytest.MonkeyPatch, k: int, which: str) -> None:
    with ctx.workprec(64):
        st = small()
        assert bounds.Bound(st, 0, k, [1.0] * 6).proved
        real = getattr(bounds.Bound, which)
        monkeypatch.setattr(bounds.Bound, which, lambda self: [*real(self)[:-1], nan])  # a largest one is the first
        assert not bounds.Bound(st, 0, k, [1.0] * 6).proved


@pytest.mark.parametrize("relabels", [False, True])
def test_what_pairs_do_that_is_no_number_leaves_them_open(relabels: bool) -> None:
    with ctx.workprec(64):
        st = small(relabels)
        found = bounds.Bound(st, 0, 2, [2.0] * 6)
        assert found.proved
        seen = drops.Drops(found, points([[1.0, 0.5]], 2))
        seen._share()
        assert all(x < inf for line in seen.shares for x in line)
        found.C[3][1] = nan
        if found.kappa:
            found.kappa[4][2] = found.kappa[5][5] = nan
        seen._share()
    open_ = {(a, b) for a, line in enumerate(seen.shares) for b, x in enumerate(line) if not x < inf}
    assert open_ == ({(3, 1)} if relabels else {(3, 1), (4, 2), *((5, b) for b in range(5))})
    assert all(x == inf for a, b in open_ for x in (seen.shares[a][b], seen.most[a], seen.most[b]))
