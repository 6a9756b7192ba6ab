"""D16 in the checker, part by part: lengths, leverages, second differences and distances against refits in doubles."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows.softmax_pairs.bound import Bound
from certify.check.theorems.head.rows.softmax_pairs.centre import Centre, centre
from certify.check.theorems.head.rows.softmax_pairs.data import data_of
from certify.check.theorems.head.rows.softmax_pairs.drops import Drops
from certify.check.theorems.head.rows.softmax_pairs.gradients import Gradients
from certify.check.theorems.head.rows.softmax_pairs.metric import metric
from certify.check.theorems.head.rows.softmax_pairs.moved import both
from certify.check.theorems.head.rows.softmax_pairs.steps import Newton
from certify.systems.head.rows.head import Head
from tests.families.class_heads import as_checked
from tests.unit.check.theorems.head.rows.softmax_pairs.proposals import Refits, drawn

ROOM = 1e-9


def node(head: Head, V: np.ndarray, out: int | None) -> Centre:
    data = data_of(as_checked(head, tuple(range(head.n)), 2, False), "claim")
    found = centre(data, V.ravel().tolist(), out)
    assert found is not None
    return found


def newton(c: Centre) -> Newton:
    X = metric(c, [1.0 if c.there(j) else 0.0 for j in range(c.data.n)], False)
    assert X is not None
    return Newton(Gradients(c), X, X.blocks(c.data.table))


def softmax(Z: np.ndarray) -> np.ndarray:
    E = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return np.asarray(E / E.sum(axis=-1, keepdims=True))


def gradient(head: Head, c: Centre, W: np.ndarray, gone: tuple[int, ...]) -> np.ndarray:
    """That of the sum without rows, with the tie around the centre's weights."""
    kept = [j for j in range(head.n) if c.there(j) and j not in gone]
    g = (softmax(head.phi[kept] @ W.T) - head.Y[kept]).T @ head.phi[kept]
    g += np.where(head.decayed, head.n * head.weight_decay, 0.0) * W
    V = np.array(c.weights).reshape(W.shape)
    g[:, -1] += c.tie * (W - V)[:, -1].sum()
    return np.asarray(g)


def below(head: Head, c: Centre, d: list[float]) -> np.ndarray:
    """A."""
    k, p = c.data.k, c.data.p
    A = np.diag(np.tile(np.where(head.decayed, head.n * head.weight_decay, 0.0), k))
    for j, x in enumerate(head.phi):
        s = np.array([column[j] for column in c.s])
        A = A + d[j] * np.kron(np.diag(s) - np.outer(s, s), np.outer(x, x))
    at = np.arange(k) * p + p - 1
    A[np.ix_(at, at)] += c.tie
    return np.asarray(A)


def curvature(c: Centre, j: int) -> np.ndarray:
    s = np.array([column[j] for column in c.s])
    return np.diag(s) - np.outer(s, s)


def cases() -> list[tuple[int, bool, int | None, float]]:
    return [(seed, free, out, noise) for seed in range(4) for free in (False, True)
            for out, noise in ((None, 0.0), (seed % 3, 0.05))]


def made(case: tuple[int, bool, int | None, float]) -> tuple[Head, Refits, Centre, Newton]:
    seed, free, out, noise = case
    head, refits = drawn(seed, free)
    rng = np.random.default_rng(seed)
    V = refits(*(() if out is None else (out,)))
    c = node(head, V + noise * rng.standard_normal(V.shape), out)
    return head, refits, c, newton(c)


@pytest.mark.parametrize("case", cases())
def test_gradients_and_moves_of_steps_hold_the_true_ones(case: tuple[int, bool, int | None, float]) -> None:
    with ctx.workprec(64):
        head, _, c, n = made(case)
        V, rows = np.array(c.weights).reshape(head.V.shape), [i for i in range(head.n) if c.there(i)]
        steps = [one for one in n.steps(rows, 2.0**-4) if one is not None]
        assert len(steps) > len(rows) // 2
        Z = head.phi @ V.T
        for one in steps:
            delta = np.array(one.cut.step).reshape(V.shape)
            tau, others = head.phi @ delta.T, [j for j in rows if j != one.row]
            S = softmax(Z + tau)
            assert (abs(np.array(one.s).T - S) <= one.blur * S + 1e-14).all()
            wide = np.ptp(tau, axis=1)
            assert (np.array(one.range)[others] >= wide[others] * (1 - ROOM) - 1e-15).all()
            assert (np.array(one.grown)[others] >= np.expm1(wide)[others] * (1 - ROOM) - 1e-15).all()
            for j in others:
                size = np.sqrt(max(tau[j] @ curvature(c, j) @ tau[j], 0.0))
                size *= np.expm1(wide[j]) / wide[j] if wide[j] > 1e-6 else 1.0
                assert one.long[j] >= size * (1 - 1e-6) - 1e-12
            g = gradient(head, c, V + delta, (one.row,)).ravel()
            assert np.linalg.norm(g - one.left) <= one.left_off + 1e-11
            assert one.grown[one.row] == one.long[one.row] == one.range[one.row] == 0.0


@pytest.mark.parametrize("case", cases())
@pytest.mark.parametrize("own", [0, 4, 12])
def test_refits_are_as_near_as_is_said(case: tuple[int, bool, int | None, float], own: int) -> None:
    with ctx.workprec(64):
        head, refits, c, n = made(case)
        rows = [i for i in range(head.n) if c.there(i)]
        steps = [one for one in n.steps(rows[:own], 2.0**-8) if one is not None]
        with_step = {one.row: one for one in steps}
        far = [i for i in rows if i not in with_step]
        b = Bound(n.gradients, steps, far, 2 if c.out is None else 1)
        if not b.prove([0.5] * head.n, set()):
            return
        A, X = below(head, c, b.d), np.linalg.inv(below(head, c, b.d))
        V, k = np.array(c.weights).reshape(head.V.shape), head.k
        for j in rows:
            out = np.kron(np.eye(k), head.phi[j][:, None])
            T = curvature(c, j) @ (out.T @ X @ out)
            most = max(np.linalg.eigvals(T).real)
            assert b.own[j] ** 2 >= most * (1 - 1e-6) - 1e-9 and b.kappa[j] >= b.d[j] * most * (1 - 1e-6) - 1e-9
            assert b.K.widest(j) ** 2 >= max((np.eye(k)[a] - np.eye(k)[q]) @ (out.T @ X @ out) @ (
                np.eye(k)[a] - np.eye(k)[q]) for a in range(k) for q in range(a)) * (1 - 1e-6)
        shares: dict[tuple[int, ...], float] = {(): b.none}
        shares |= {(one.row,): x for one, x in zip(steps, b.single, strict=True)}
        shares |= {(l,): x for l, x in zip(far, b.far_single, strict=True)}
        place = {one.row: a for a, one in enumerate(steps)}
        for i, l in combinations(rows, 2) if c.out is None else ():
            a, q = (place.get(x, -1) for x in (i, l))
            shares[i, l] = (b.shares[max(a, q)][min(a, q)] if min(a, q) >= 0 else b.two if max(a, q) < 0
                            else b.beside[max(a, q)])
        for T, share in shares.items():
            start = V + sum(np.array(with_step[i].cut.step).reshape(V.shape) for i in T if i in with_step)
            W = refits(*T, *(() if c.out is None else (c.out,)))
            if c.tie:  # of the minimisers the one that N picks
                W = W.copy()
                W[:, -1] -= (W - V)[:, -1].sum() / k
            v = (W - start).ravel()
            assert np.sqrt(v @ A @ v) <= share * (1 + 1e-7) + 1e-8


@pytest.mark.parametrize("case", [case for case in cases() if case[2] is None])
def test_pairs_hold_second_differences_and_formed_gradients(case: tuple[int, bool, int | None, float]) -> None:
    with ctx.workprec(64):
        head, _, c, n = made(case)
        steps = [one for one in n.steps(range(head.n), 2.0**-8) if one is not None]
        b = Bound(n.gradients, steps, [], 2)
        if len(steps) < 2 or not b.prove([1.0] * head.n, set()):
            return
        X, V = np.linalg.inv(below(head, c, b.d)), np.array(c.weights).reshape(head.V.shape)
        pairs = [(a, q) for a in range(len(steps)) for q in range(a)]
        crude = [b.shares[a][q] for a, q in pairs]
        b.form(pairs)
        for (a, q), before in zip(pairs, crude, strict=True):
            one, other = steps[a], steps[q]
            delta = [np.array(x.cut.step).reshape(V.shape) for x in (one, other)]
            S, blur = both(c, one, other)
            true = softmax(head.phi @ (V + sum(delta)).T)
            assert (abs(np.array(S).T - true) <= blur * true + 1e-14).all()
            g = gradient(head, c, V + sum(delta), (one.row, other.row)).ravel()
            G, size, lost = b.formed[a, q]
            assert np.linalg.norm(g - G) <= lost + 1e-11 and size >= np.linalg.norm(G) * (1 - ROOM)
            left = np.sqrt(g @ X @ g) / (1.0 - b.kappa[one.row] - b.kappa[other.row])
            assert before >= left * (1 - 1e-6) - 1e-10 and b.shares[a][q] >= left * (1 - 1e-6) - 1e-10


def test_a_point_is_open_where_a_refit_turns_it() -> None:
    turned = 0
    with ctx.workprec(64):
        for seed in range(6):
            head, refits, c, n = made((seed, False, None, 0.0))
            steps = [one for one in n.steps(range(head.n), 2.0**-12) if one is not None]
            rest = [i for i in range(head.n) if i not in {one.row for one in steps}]
            b = Bound(n.gradients, steps, rest, 2)
            if not b.prove([0.5] * head.n, set()):
                continue
            open_ = dict(Drops(b, c.data.points, c.data.today, range(len(head.points))).open())
            for size in range(3):
                for T in combinations(range(head.n), size):
                    labels = (head.points @ refits(*T).T).argmax(axis=1)
                    for j in np.flatnonzero(labels != head.today):
                        turned += 1
                        some = open_[int(j)]
                        assert some is None or T in some
    assert turned > 20


def test_the_inverse_of_what_is_singular_is_none() -> None:
    with ctx.workprec(64):
        head, _, c, _ = made((0, True, None, 0.0))
        assert metric(c, [0.0] * head.n) is None  # nothing holds the intercepts but their tie
        assert metric(c, [1.0] * head.n) is not None


@pytest.mark.parametrize("case", [case for case in cases() if case[2] is None])
def test_second_differences_are_no_longer_than_is_said(case: tuple[int, bool, int | None, float]) -> None:
    with ctx.workprec(64):
        head, _, c, n = made(case)
        steps = [one for one in n.steps(range(head.n), 2.0**-20) if one is not None]
        b = Bound(n.gradients, steps, [], 2)
        if not b.prove([1.0] * head.n, set()):
            return
        X, V = np.linalg.inv(below(head, c, b.d)), np.array(c.weights).reshape(head.V.shape)
        delta = [np.array(one.cut.step).reshape(V.shape) for one in steps]
        for a, q in combinations(range(len(steps)), 2):
            D = [softmax(head.phi @ W.T) for W in (V + delta[a] + delta[q], V + delta[a], V + delta[q], V)]
            second = D[0] - D[1] - D[2] + D[3]
            second[[steps[a].row, steps[q].row]] = 0.0
            g = (second.T @ head.phi).ravel()
            assert b.bent[q][a] >= np.sqrt(g @ X @ g) * (1 - 1e-6) - 1e-10


@pytest.mark.parametrize("reach", [1e-6, 2.0])
def test_what_rows_keep_of_their_curvature_is_there_at_every_sum_of_steps(reach: float) -> None:
    """d_j with a small χ is no more than what steps leave, with a large one than what a move of it leaves."""
    with ctx.workprec(64):
        for case in (case for case in cases() if case[2] is None):
            head, _, c, n = made(case)
            steps = [one for one in n.steps(range(head.n), 2.0**-8) if one is not None]
            b = Bound(n.gradients, steps, [], 2)
            if not b._with([reach] * head.n, None):
                continue
            V = np.array(c.weights).reshape(head.V.shape)
            for T in [(), *combinations(steps, 2)]:
                Z = head.phi @ (V + sum(np.array(one.cut.step).reshape(V.shape) for one in T)).T
                for j in (i for i in range(head.n) if i not in {one.row for one in T}):
                    for u in (sign * reach * e for e in np.eye(head.k) for sign in (1.0, -1.0)):
                        there = (softmax(Z[j] + u) - softmax(Z[j])) @ u
                        assert there >= b.d[j] * (u @ curvature(c, j) @ u) * (1 - 1e-6) - 1e-17
