"""D16: every refit of small softmax heads lies where the bound says, and nothing is proved that moves."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np
import pytest

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.boxes.stated import coded
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax_pairs import tree
from certify.theorems.head.rows.softmax_pairs.bound import Bound, Bounds, Formed, bound
from certify.theorems.head.rows.softmax_pairs.judge import margins
from certify.theorems.head.rows.softmax_pairs.method import SoftmaxPairs
from certify.theorems.head.rows.softmax_pairs.steps import Steps, near, steps
from tests.effort import FULL, some
from tests.families.class_heads import class_head, refit

Array = np.ndarray


def refitted(head: Head, out: tuple[int, ...]) -> Array:
    left = np.ones(head.n, dtype=bool)
    left[list(out)] = False
    return np.asarray(refit(head.phi[left], head.Y[left], head.n * head.weight_decay, head.decayed, 40))


def drawn(seed: int, free: bool) -> tuple[Head, np.random.Generator]:
    rng = np.random.default_rng([seed, free, 15])
    head = class_head(rng, int(rng.integers(12, 18)), int(rng.integers(2, 5)), 8, float(10.0 ** rng.uniform(-0.5, 0.7)),
                      free, float(rng.uniform(1.0, 3.0)))
    return head, rng


def made(head: Head, rng: np.random.Generator, out: tuple[int, ...]) -> tuple[Steps, Array]:
    """Steps of some rows, some of them rough, at a centre that is no minimiser."""
    V = refitted(head, out) + rng.choice([0.0, 1e-4]) * rng.standard_normal((head.k, head.m))
    b = near(centre(head, V, out))
    assert b is not None
    rows = np.setdiff1d(np.arange(head.n), out)
    own = rng.permutation(rows)[: int(rng.integers(1, len(rows) + 1))]
    st = steps(b, own, None, int(rng.integers(0, 6)))
    assert st is not None
    return st, rows


def two(b: Bound) -> Array:
    assert b.pair is not None
    return b.pair


def worst_of(head: Head, W: Array) -> Array:
    """`(N, k − 1)` the margins of today's label over each other class."""
    F = head.points @ W.T
    return np.array([[F[j, a] - F[j, q] for q in range(head.k) if q != a] for j, a in enumerate(head.today)])


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_every_refit_keeps_the_margins(seed: int, free: bool) -> None:
    head, rng = drawn(seed, free)
    out = (int(rng.integers(head.n)),) if rng.random() < 0.4 else ()
    count = 1 if out else 2
    st, rows = made(head, rng, out)
    found = bound(st, rng.permutation(rows)[: int(rng.integers(3, len(rows) + 1))], count, int(rng.integers(0, 30)))
    if found is None:
        return
    m = margins(found, np.arange(len(head.points)))
    place = {int(i): a for a, i in enumerate(found.rows)}
    for size in range(count + 1):
        for T in combinations(found.rows.tolist(), size):
            at = [place[i] for i in T]
            far = found.still if not T else found.single[at[0]] if size == 1 else two(found)[at[0], at[1]]
            least = m.gap - m.push[:, at].sum(axis=1) - m.seen * far
            true = worst_of(head, refitted(head, (*out, *T))).ravel()
            assert (true >= least - 1e-9 * (1.0 + np.abs(true))).all(), (out, T)


def test_bounds_are_found_and_are_sharp() -> None:
    found, ratio = 0, []
    for seed in range(12):
        head, rng = drawn(seed, False)
        b = near(centre(head, refitted(head, ())))
        assert b is not None
        st = steps(b, np.arange(head.n))
        got = bound(st, np.arange(head.n), 2, 1000) if st is not None else None
        if st is None or got is None:
            continue
        found += 1
        for T in combinations(range(head.n), 2):
            W = head.points @ (refitted(head, T) - st.c.V).T
            single = st.delta[list(T)].sum(axis=0) @ head.points.T
            ratio.append(np.abs(W.T - single).max() / np.abs(W).max())
    assert found >= 3 and np.median(ratio) < 0.2  # sums of single steps are near refits


@pytest.mark.parametrize("seed", range(8))
def test_each_part_holds(seed: int) -> None:
    """The gradient at a sum of steps, in the norm of the inverse of A, is at most what is said of it."""
    head, rng = drawn(seed, bool(seed % 2))
    st, rows = made(head, rng, ())
    all_ = Bounds(st, rows, 2, int(rng.integers(0, 20)), Formed(st))
    for x in (0.05, 0.5):
        got = all_.found(coded(np.full(head.n, x)))
        if got is None:
            continue
        _holds(head, st, got[0])


def _holds(head: Head, st: Steps, b: Bound) -> None:
    X = b.X.reshape(head.k * head.m, -1).astype(np.longdouble)
    full = np.zeros((head.n, head.k, head.m))
    full[st.rows] = st.delta
    place = {int(i): a for a, i in enumerate(b.rows)}
    decay = np.where(head.decayed, head.n * head.weight_decay, 0.0)
    for T in combinations(b.rows.tolist(), 2):
        D = full[list(T)].sum(axis=0)
        W = (st.c.V + D).astype(np.longdouble)
        Z = head.phi @ W.T
        S = np.exp(Z - Z.max(axis=1, keepdims=True))
        S /= S.sum(axis=1, keepdims=True)
        R = (S - head.Y)
        R[list(T)] = 0.0
        g = R.T @ head.phi + decay * W
        g[:, -1] += st.c.tie * D[:, -1].sum()
        size = float(np.sqrt(g.ravel() @ X @ g.ravel()))
        assert size <= two(b)[place[T[0]], place[T[1]]] * (1 + 1e-9)


@pytest.mark.parametrize("free", [False, True])
def test_the_method_says_nothing_that_is_not_so(free: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "HOT", (0, 1, 2, 4, 6))
    monkeypatch.setattr(tree, "LEAVES", 3)
    proved = stays = flips = 0
    for seed in range(8):
        if min(proved, flips) > 5 and proved > 0.6 * stays and not FULL:
            break
        head, _ = drawn(seed, free)
        if free and np.bincount(np.asarray(head.label)).min() <= 2:  # a class may vanish: the survey does not ask
            continue
        rows = tuple(range(head.n)) if seed % 2 else tuple(range(2, head.n - 2))
        least = np.full(len(head.points), np.inf)
        for size in range(3):
            for T in combinations(rows, size):
                least = np.minimum(least, worst_of(head, refitted(head, T)).min(axis=1))
        todo = head.today >= 0
        part = SoftmaxPairs().prove(head, RowChange(False, 2, rows), todo, Budget())
        assert part is not None and part.flips is not None
        assert (least[part.proved] > -1e-9).all() and (least[part.flips.point >= 0] < 1e-9).all()
        proved, stays = proved + int(part.proved.sum()), stays + int((least[todo] > 1e-6).sum())
        flips += int((part.flips.point >= 0).sum())
    assert proved > 0.6 * stays, (proved, stays)


def test_more_refits_than_a_certificate_holds_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the root, and where slabs of hot rows make them."""
    class Refitting(tree.Slab):
        def open(self) -> np.ndarray:
            found = super().open()
            self.refits = {(self.row, int(l)): self.s.W[self.a] for l in self.after}
            return found

    monkeypatch.setattr(tree, "HOT", (6,))
    head, rng = drawn(3, False)
    whole = tree.Tree(head, RowChange(False, 2, tuple(range(head.n))), lambda: 1e9)
    assert whole.run(head.today >= 0).any() and len(whole.hot) >= 6
    monkeypatch.setattr(tree, "Slab", Refitting)
    for most in (1000, 20):
        monkeypatch.setattr(tree, "MOST_LEAVES", most)
        some = tree.Tree(head, RowChange(False, 2, tuple(range(head.n))), lambda: 1e9)
        assert some.run(head.today >= 0).any() == (most == 1000) == (not some.why)
        assert len(set(some.leaf)) == len(some.leaf) == len(some.leaf_weights)


def test_what_it_is_not_for() -> None:
    head, _ = drawn(0, False)
    rows = tuple(range(head.n))
    method = SoftmaxPairs()
    assert not method.able(head, RowChange(False, 2, rows))
    for change, why in ((RowChange(True, 2, rows), "labels change"), (RowChange(False, 3, rows), "are for 2"),
                        (RowChange(False, 1, rows), "are for 2")):
        assert why in method.able(head, change)
    assert "exactly" in method.able(dataclasses.replace(head, phi_rad=np.full(head.n, 1e-9)), RowChange(False, 2, rows))


def test_no_time_proves_nothing() -> None:
    head, _ = drawn(1, False)
    part = SoftmaxPairs().prove(head, RowChange(False, 2, tuple(range(head.n))), head.today >= 0, Budget(0.0))
    assert part is not None and not part.proved.any() and not part.arrays


def test_what_is_not_finite_has_no_step() -> None:
    head, _ = drawn(2, False)
    assert near(centre(head, np.full((head.k, head.m), np.nan))) is None
    b = near(centre(head, refitted(head, ())))
    assert b is not None
    far: Array = np.full((3, head.k, head.m), 1e6) * np.arange(float(head.k))[:, None]
    assert steps(b, np.arange(3), far, 0) is None
    assert steps(b, np.arange(3), np.full((3, head.k, head.m), np.inf), 0) is not None  # a step of 0 is one


def _softmax(Z: Array) -> Array:
    E = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return np.asarray(E / E.sum(axis=-1, keepdims=True))


def _curvature(head: Head, W: Array, rows: list[int]) -> Array:
    """That of the rows' losses."""
    S = _softmax(head.phi[rows] @ W.T)
    A = np.einsum("ja,ab->jab", S, np.eye(head.k)) - S[:, :, None] * S[:, None, :]
    return np.asarray(np.einsum("jab,jp,jq->apbq", A, head.phi[rows], head.phi[rows]).reshape(head.k * head.m, -1))


@pytest.mark.parametrize("seed", range(8))
def test_second_differences_are_no_longer_than_is_said(seed: int) -> None:
    head, rng = drawn(seed, False)
    st, rows = made(head, rng, ())
    all_ = Bounds(st, rows, 2, 0, Formed(st))
    V, delta = st.c.V, st.delta[all_.place]
    decay = np.diag(np.tile(np.where(head.decayed, head.n * head.weight_decay, 0.0), head.k))
    X, said = np.linalg.inv(_curvature(head, V, list(range(head.n))) + decay), all_.crude(np.ones(head.n))
    for a, q in combinations(range(len(delta)), 2):
        D = [_softmax(head.phi @ W.T) for W in (V + delta[a] + delta[q], V + delta[a], V + delta[q], V)]
        second = D[0] - D[1] - D[2] + D[3]
        second[all_.rows[[a, q]]] = 0.0
        g = (second.T @ head.phi).ravel()
        assert said[a, q] >= np.sqrt(max(g @ X @ g, 0.0)) * (1 - 1e-6) - 1e-10


@pytest.mark.parametrize("x", [1e-3, 2.0])
@pytest.mark.parametrize("seed", some(range(8), 2))
def test_the_matrix_lies_below_the_curvature_at_every_sum_of_steps(seed: int, x: float) -> None:
    """With a small χ what steps leave of it, with a large one what moves of that range leave."""
    head, rng = drawn(seed, False)
    st, rows = made(head, rng, ())
    got = Bounds(st, rows, 2, 0, Formed(st)).found(coded(np.full(head.n, x)))
    if got is None:
        return
    b = got[0]
    A, full = np.linalg.inv(b.X.reshape(head.k * head.m, -1)), np.zeros((head.n, head.k, head.m))
    decay = np.diag(np.tile(np.where(head.decayed, head.n * head.weight_decay, 0.0), head.k))
    full[st.rows] = st.delta
    for T in [(), *combinations(b.rows.tolist(), 2)]:
        W, rest = st.c.V + full[list(T)].sum(axis=0), [j for j in range(head.n) if j not in T]
        more = _curvature(head, st.c.V, list(T))  # what the rows that go are counted with is no more than theirs
        v = rng.standard_normal((20, head.k, head.m))
        v *= x / np.ptp(np.einsum("bkm,jm->bjk", v, head.phi), axis=2).max(axis=1)[:, None, None]
        if x < 0.1:  # all directions, as the moves are short
            assert np.linalg.eigvalsh(_curvature(head, W, rest) + more + decay - A).min() > -1e-3 * x * head.n - 1e-9
        for u in (*v, *-v):
            moved = (_softmax(head.phi[rest] @ (W + u).T) - _softmax(head.phi[rest] @ W.T)).T @ head.phi[rest]
            there = float((moved * u).sum() + u.ravel() @ (more + decay) @ u.ravel())
            assert there >= u.ravel() @ A @ u.ravel() * (1 - 1e-6) - 1e-12
