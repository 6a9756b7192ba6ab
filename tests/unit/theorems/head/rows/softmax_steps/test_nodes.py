"""D35: what nodes say of sums of steps without some rows, against every refit; and versions that say too much."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.softmax.trap import hessian
from certify.theorems.head.rows.softmax_by_choice.candidates import lines_of
from certify.theorems.head.rows.softmax_steps import bound
from certify.theorems.head.rows.softmax_steps import node as nodes
from certify.theorems.head.rows.softmax_steps.bound import LOOKED, Margins, added, pairs_of, shares, top, worst
from certify.theorems.head.rows.softmax_steps.node import Node, node_of
from certify.theorems.head.rows.softmax_steps.tree import margins_of
from certify.theorems.head.rows.softmax_sums.table import AROUND, Table
from tests.families.class_heads import class_head, refits

NEAR = 1e-8


@cache
def drawn(seed: int, free: bool = False) -> Head:
    """A head of which some rows move others far, two of them the same; points lie between those of the classes."""
    rng, n, points = np.random.default_rng([seed, 83]), 12 if free else 10, 60
    head = class_head(rng, n, int(rng.integers(2, 5)), points, float(10.0 ** rng.uniform(-0.4, 0.6)), free, 1.5)
    assert head.label is not None
    same = np.r_[np.arange(n - 1), n - 2]  # two rows that are the same
    t = np.linspace(0.0, 1.0, points)[:, None]
    head = dataclasses.replace(head, phi=head.phi[same], Y=head.Y[same], label=head.label[same],
                               points=t * head.points + (1.0 - t) * head.points[::-1])
    return dataclasses.replace(head, V=refitted(head, [()])[0])


def refitted(head: Head, sets: list[tuple[int, ...]]) -> Array:
    """`(B, k, p)` the refits without rows, the last corrections with gradients in long doubles."""
    left = np.ones((len(sets), head.n))
    for b, T in enumerate(sets):
        left[b, list(T)] = 0.0
    mu = head.n * head.weight_decay
    W = refits(head.phi, np.repeat(head.Y[None], len(sets), axis=0), left, mu, head.decayed)
    X, ridge = head.phi.astype(np.longdouble), np.where(head.decayed, mu, 0.0)
    for b, here in enumerate(left):
        for _ in range(2):
            V = W[b].astype(np.longdouble)
            S = soft(X @ V.T)
            g = ((S - head.Y) * here[:, None]).T @ X + ridge * V
            s = S.astype(float)
            M = here[:, None, None] * (s[:, :, None] * (np.eye(head.k) - s[:, None]))
            H = np.einsum("nab,ni,nj->aibj", M, head.phi, head.phi).reshape(g.size, g.size)
            H += np.diag(np.tile(ridge, head.k))
            W[b] -= np.linalg.lstsq(H, g.astype(float).ravel(), rcond=1e-13)[0].reshape(g.shape)
    return W


def soft(Z: Array) -> Array:
    """The softmax."""
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return np.asarray(E / E.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Case:
    """A node, with the refits of every choice of some of its rows."""

    whole: Head
    out: tuple[int, ...]
    node: Node
    m: Margins
    at: Whole
    sets: list[tuple[int, ...]]
    W: Array

    def sum(self, T: tuple[int, ...]) -> Array:
        """The sum of some steps."""
        return np.asarray(self.node.V + (self.node.W[list(T)] - self.node.V).sum(axis=0))

    def gradient(self, T: tuple[int, ...]) -> Array:
        """At that sum, without these rows and those of the node."""
        rows = self.node.keep[self.node.rows[list(T)]]
        left, V = np.setdiff1d(np.arange(self.whole.n), [*self.out, *rows]), self.sum(T)
        u = soft(self.whole.phi[left] @ V.T) - self.whole.Y[left]
        ridge = np.where(self.whole.decayed, self.whole.n * self.whole.weight_decay, 0.0)
        return np.asarray(u.T @ self.whole.phi[left] + ridge * V)

    def margins(self, b: int) -> Array:
        """`(L, c)` of a choice."""
        lines = lines_of(self.whole, self.at)
        F = self.whole.points[self.at] @ self.W[b].T
        return np.asarray(np.take_along_axis(F, lines.own, axis=1) - np.take_along_axis(F, lines.other, axis=1))


@cache
def case(seed: int, most: int = 3, out: tuple[int, ...] = (), free: bool = False, rough: float = 0.0) -> Case:
    """A node; with `rough` its steps lead beside the refits."""
    head = drawn(seed, free)
    rows = np.setdiff1d(np.arange(head.n), out)
    rng, start = np.random.default_rng(seed), None
    if rough:
        own = refitted(head, [(*out, int(i)) for i in rows])
        start = refitted(head, [out])[0], own + rough * rng.standard_normal(own.shape)
    with np.errstate(all="ignore"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "PAIRS", 20)
        if rough:
            patch.setattr(nodes, "_near", lambda root, refitter, rows, W, check: W)
        node = node_of(head, out, rows, most, start, lambda: None)
        assert node is not None
        at = np.flatnonzero(head.today >= 0)
        m = margins_of(lines_of(head, at), node)
    sets = [T for size in range(most + 1) for T in combinations(range(len(rows)), size)]
    W = refitted(head, [(*out, *rows[list(T)].tolist()) for T in sets])
    return Case(head, out, node, m, at, sets, W)


def wrong(p: Case, node: Node | None = None) -> tuple[int, int]:
    """What is said of gradients at sums of steps and of distances to refits, and is not so; and how much is said."""
    node = p.node if node is None else node
    some, lies, said = np.arange(len(node.rows)), 0, 0
    for t in node.tables:
        H, rho = hessian(t.m.c, t.m.h), added(t, node.moves, some, node.most)
        for T, W in zip(p.sets, p.W, strict=True):
            R = rho[list(T)].sum() if T else rho[-1]
            g = p.gradient(T).ravel()
            lies += bool(np.sqrt(g @ np.linalg.solve(H, g)) > R * (1.0 + 1e-9) + 1e-11)
            away = W - p.sum(T)
            if p.whole.free_intercept:
                away[:, -1] -= away[:, -1].mean()
            far = np.sqrt(max(float(away.ravel() @ H @ away.ravel()), 0.0))
            for number in LOOKED:
                kept = t.theta[number] * (1.0 - t.few[number] - t.lost[number][list(T)].sum())
                if R < AROUND[number] * kept:
                    said += 1
                    lies += bool(far > R / kept * (1.0 + 1e-6) + NEAR)
    return lies, said


PLACES = [(0, 3, (), False), (6, 4, (2,), False), (17, 3, (0,), True), (36, 3, (), True), (9, 3, (3, 9), False)]
"""Seeds, rows that may go, rows that are gone, and whether the intercept is free."""


@pytest.mark.parametrize(("seed", "most", "out", "free"), PLACES)
def test_gradients_and_distances_of_every_choice(seed: int, most: int, out: tuple[int, ...], free: bool) -> None:
    lies, said = wrong(case(seed, most, out, free))
    assert not lies and said > 50


def test_steps_that_lead_beside_the_refits() -> None:
    lies, said = wrong(case(0, 3, (1,), False, 0.03))
    assert not lies and said > 50


@pytest.mark.parametrize(("seed", "most", "out", "free"), PLACES)
def test_margins_of_every_choice(seed: int, most: int, out: tuple[int, ...], free: bool) -> None:
    """Where numbers of the rows of a choice add up to less than 1 its margins are positive, by the first as large."""
    p, said, close = case(seed, most, out, free), 0, np.inf
    some = np.arange(len(p.node.rows))
    true = np.array([p.margins(b) for b in range(len(p.sets))])
    with np.errstate(all="ignore"):
        for each, all_ in shares(p.node, p.m, some):
            for b, T in enumerate(p.sets):
                sums = (each[..., list(T)].sum(axis=-1) if T else each[..., -1]) + all_
                known = (sums < 1.0) & (p.m.gap > 0.0)
                said += int(known.sum())
                assert (true[b][known] > -NEAR).all()
                if isinstance(all_, float) and all_ == 0.0 and known.any():
                    slack = (true[b] - p.m.gap * (1.0 - sums))[known]
                    assert (slack > -NEAR).all()
                    close = min(close, float(slack.min()))
    assert said > 100


@pytest.mark.parametrize(("seed", "most", "out", "free"), PLACES)
def test_what_is_bounded_for_all_choices(seed: int, most: int, out: tuple[int, ...], free: bool) -> None:
    """With some rows apart, too."""
    p, said = case(seed, most, out, free), 0
    true = np.array([p.margins(b).min(axis=1) for b in range(len(p.sets))])
    with np.errstate(all="ignore"):
        part = worst(p.node, p.m, np.arange(len(p.node.rows)))[1]
        order = np.argsort(-np.median(part, axis=1))
        for apart in range(0, len(order), 2):
            best, _ = worst(p.node, p.m, np.sort(order[apart:]))
            among = [not set(T) & set(order[:apart].tolist()) for T in p.sets]
            assert (true[among][:, best < 1.0] > -NEAR).all()
            said += int((best < 1.0).sum())
    assert said > 30


def weaker(p: Case, tables: tuple[Table, ...]) -> int:
    """How often the gradient grows by less than is said around sums of steps, of rows that pull in their direction."""
    rng, fewer = np.random.default_rng(0), 0
    for t in tables:
        H = hessian(t.m.c, t.m.h)
        for T in p.sets[-40:]:
            rows = p.node.keep[p.node.rows[list(T)]]
            left, V = np.setdiff1d(np.arange(p.whole.n), [*p.out, *rows]), p.sum(T)
            X, ridge = p.whole.phi[left], np.where(p.whole.decayed, p.whole.n * p.whole.weight_decay, 0.0)
            for number in LOOKED:
                u = rng.standard_normal((len(V), len(T))) @ p.whole.phi[rows] + 0.1 * rng.standard_normal(V.shape)
                v = np.linalg.solve(H, u.ravel()).reshape(V.shape)
                if p.whole.free_intercept:
                    v[:, -1] -= v[:, -1].mean()
                size = float(np.sqrt(v.ravel() @ H @ v.ravel()))
                v *= AROUND[number] / size
                grows = (soft(X @ (V + v).T) - soft(X @ V.T)).T @ X + ridge * v
                kept = t.theta[number] * (1.0 - t.few[number] - t.lost[number][list(T)].sum())
                fewer += bool(float((grows * v).sum()) < kept * AROUND[number] ** 2 * (1.0 - 1e-9))
    return fewer


@pytest.mark.parametrize(("seed", "most", "out", "free"), PLACES)
def test_what_is_lost_of_the_matrix(seed: int, most: int, out: tuple[int, ...], free: bool) -> None:
    """Nowhere more than is said; and without what single rows lose more is."""
    p = case(seed, most, out, free)
    assert not weaker(p, p.node.tables)
    assert weaker(p, tuple(dataclasses.replace(t, lost=0.0 * t.lost) for t in p.node.tables))


@pytest.mark.parametrize("name", ["single", "pair"])
def test_numbers_without_a_part_say_too_much(name: str) -> None:
    """Gradients of single steps, and what pairs add."""
    lies = 0
    for seed in range(3):
        p = case(seed, 3, (1,), False, 0.03 if name == "single" else 0.0)
        less = [dataclasses.replace(t, **{name: 1e-6 * getattr(t, name)}) for t in p.node.tables]
        lies += wrong(p, dataclasses.replace(p.node, tables=tuple(less)))[0]
    assert lies


def test_a_head_that_decays_as_its_own_rows_say_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without three of ten rows μ is still that of ten."""
    head = drawn(1)
    less, keep = nodes.without(head, (1, 4, 7))
    assert less.mu() == head.mu() and keep.tolist() == [0, 2, 3, 5, 6, 8, 9] and less.n == 7
    p = case(1, 3, (2, 3))
    right = nodes.without

    def other(head: Head, out: tuple[int, ...]) -> tuple[Head, Whole]:
        less, keep = right(head, out)
        return dataclasses.replace(less, new=0), keep

    monkeypatch.setattr(nodes, "without", other)
    with np.errstate(all="ignore"):
        node = node_of(p.whole, p.out, np.setdiff1d(np.arange(10), p.out), 3, None, lambda: None)
    assert node is not None and wrong(dataclasses.replace(p, node=node))[0]


@pytest.mark.parametrize("most", [3, 4, 5])
def test_sums_over_rows_are_no_less_than_over_pairs_and_triples(most: int) -> None:
    """Numbers of rows with half of their largest pairs, and a third of their largest triples, by every choice."""
    rng = np.random.default_rng(most)
    for _ in range(20):
        f = 8
        pair = rng.random((f, f)) ** 6
        pair = pair + pair.T
        pair[np.diag_indices(f)] = 0.0
        n = rng.random(f) ** 4
        half = 0.5 * top(pair, most - 1) + n * (pairs_of(np.sort(n)[::-1][: most - 1]) / 3.0)
        for T in combinations(range(f), most):
            exact = sum(pair[i, l] for i, l in combinations(T, 2))
            exact += sum(np.prod(n[list(x)]) for x in combinations(T, 3))
            assert exact <= half[list(T)].sum() * (1.0 + 1e-12)


def test_what_is_no_number_proves_nothing() -> None:
    """Of a step, and of a point; and a margin that is gone."""
    p = case(0)
    some = np.arange(len(p.node.rows))
    with np.errstate(all="ignore"):
        best, _ = worst(p.node, p.m, some[2:])
        assert np.isfinite(best).any()
        for bad in (np.nan, np.inf):
            for name in ("single", "pair", "third"):
                tables = tuple(dataclasses.replace(t, **{name: getattr(t, name) * bad}) for t in p.node.tables)
                if name != "third":
                    assert not (worst(dataclasses.replace(p.node, tables=tables), p.m, some[2:])[0] < 1.0).any()
            m = Margins(p.m.takes * np.where(np.arange(len(best)) == 3, bad, 1.0)[:, None], p.m.gap, p.m.lengths)
            assert not worst(p.node, m, some[2:])[0][3] < 1.0
        m = Margins(p.m.takes, -p.m.gap, p.m.lengths)
        assert np.isinf(worst(p.node, m, some[2:])[0]).all()


def test_choices_that_may_lie_farther_than_is_looked_are_not_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    p = case(0)
    monkeypatch.setattr(bound, "AROUND", (1e-9,) * len(AROUND))
    with np.errstate(all="ignore"):
        assert np.isinf(worst(p.node, p.m, np.arange(2, 10))[0]).all()


def test_what_outputs_of_the_centre_are_off_by_counts() -> None:
    """In what steps do; only the matrix takes the outputs as floats have them."""
    node = case(6, 4, (2,)).node
    assert (node.moves.c.off > 0.0).all() and all((t.m.c.off == 0.0).all() for t in node.tables)
