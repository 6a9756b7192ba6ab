"""D18, Lemma 2: what is said of sums of two steps without a look at them, against every refit without two rows."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.softmax.centre import Centre, centre
from certify.theorems.head.rows.softmax.trap import hessian
from certify.theorems.head.rows.softmax_by_choice import candidates, metric, pairs, slab, sums
from certify.theorems.head.rows.softmax_by_choice.metric import Metric
from certify.theorems.head.rows.softmax_by_choice.pairs import Pairs
from tests.containment import heads_softmax_by_choice as attack
from tests.families.class_heads import class_head

NEAR = 1e-7


def _problem(seed: int, free: bool = False, rough: float = 0.0) -> tuple[Head, Centre, Metric, Array, Pairs]:
    """A head of rows that move others by ranges up to 1 or so, and its single steps, not all of them to refits."""
    rng = np.random.default_rng([seed, 41])
    decay = float(10.0 ** rng.uniform(-0.5, 1.0))
    n, k = int(rng.integers(10, 14)), int(rng.integers(2, 5))
    head = class_head(rng, n, k, 60, decay, free, float(rng.uniform(0.5, 2.0)))
    V = attack.without(head, ())
    c = centre(head, V + rough * rng.standard_normal(V.shape))
    with np.errstate(all="ignore"):
        m = metric.root_metric(metric.as_it_is(c))
    assert m is not None
    W = np.array([attack.without(head, (i,)) for i in range(head.n)])
    W += 10.0 ** rng.uniform(-5.0, -2.0, head.n)[:, None, None] * rng.standard_normal(W.shape)
    W[rng.random(head.n) < 0.2] = c.V
    found = pairs.pairs_of(m, c, np.arange(head.n), W, lambda: None)
    assert found is not None
    return head, c, m, W, found


def _exact(head: Head, c: Centre, H: Array, V: Array, T: tuple[int, ...]) -> float:
    """The distance of a candidate from the refit without T in the norm of H, the nearest of all with its outputs."""
    v = attack.without(head, T) - V
    if head.free_intercept:
        v[:, -1] -= v[:, -1].mean()
    return float(np.sqrt(max(v.ravel() @ H @ v.ravel(), 0.0)))


def _check(seeds: range, free: bool = False, rough: float = 0.0) -> tuple[int, int]:
    """Distances that are said of pairs hold; how many are said, and how many pairs there are."""
    said = every = 0
    for seed in seeds:
        head, c, m, W, found = _problem(seed, free, rough)
        H = hessian(m.c, m.h)
        for i, l in combinations(range(head.n), 2):
            r = float(found.distances(i, np.array([l]))[0])
            every += 1
            if np.isfinite(r):
                said += 1
                assert _exact(head, c, H, W[i] + (W[l] - c.V), (i, l)) <= r * (1.0 + 1e-6) + NEAR
            assert found.distances(l, np.array([i]))[0] == pytest.approx(r, rel=1e-9)
    return said, every


@pytest.mark.parametrize(("free", "share"), [(False, 0.2), (True, 0.02)])
def test_distances_of_every_pair(free: bool, share: float) -> None:
    """Of an intercept without decay few rows have much of the curvature each."""
    said, every = _check(range(6), free)
    assert said > share * every


def test_a_centre_beside_the_minimiser() -> None:
    said, _every = _check(range(6), rough=0.01)
    assert said > 20


@pytest.mark.parametrize("seed", range(4))
def test_each_part_is_above_the_exact_one(seed: int) -> None:
    _parts(seed)


def _parts(seed: int) -> None:
    """Gradients of pairs term by term, lengths of steps, and the share of H that a pair takes."""
    head, c, m, W, found = _problem(seed, rough=0.003)
    H = hessian(m.c, m.h)
    back = np.linalg.inv(H)
    delta = (W - c.V).reshape(head.n, -1)
    exact = np.sqrt(np.einsum("fi,ij,fj->f", delta, H, delta))
    assert (exact <= found.far * (1.0 + 1e-9)).all() and (found.far <= exact * 1.01 + 1e-9).all()

    def gradient(V: Array, T: tuple[int, ...]) -> Array:
        left = np.setdiff1d(np.arange(head.n), T)
        u = attack.shares(head.phi[left] @ V.T) - head.Y[left]
        return np.asarray((u.T @ head.phi[left] + m.c.decay * V).ravel())

    def long(g: Array) -> float:
        return float(np.sqrt(max(g @ back @ g, 0.0)))

    still = long(gradient(c.V, ()))
    for i in range(head.n):
        assert long(gradient(W[i], (i,))) + 0.5 * still <= found.left[i] * (1.0 + 1e-9)
    tight = np.inf
    for i, l in combinations(range(head.n), 2):
        V = W[i] + (W[l] - c.V)
        seconds = long(gradient(V, (i, l)) - gradient(W[i], (i,)) - gradient(W[l], (l,)) + gradient(c.V, ()))
        Q = min(found.grown[i] @ found.moved[l], found.grown[l] @ found.moved[i])
        own = found.least[i] * np.sqrt(found.moved[l, i]) + found.least[l] * np.sqrt(found.moved[i, l])
        assert seconds <= (np.sqrt(Q) + own) * (1.0 + 1e-6) + 1e-12
        tight = min(tight, (np.sqrt(Q) + own) / seconds if seconds > 1e-9 else np.inf)
        there = dataclasses.replace(m.c, S=attack.shares(head.phi @ V.T))
        rest = hessian(there, m.h * ~np.isin(np.arange(head.n), (i, l)))
        share = 1.0 - float(np.linalg.eigvals(np.linalg.solve(H, rest)).real.min())
        assert share <= (found.lost[i] + found.lost[l]) * (1.0 + 1e-9)
    assert tight < 30.0


def _changed(name: str, value: Any) -> Any:
    old = pairs.pairs_of

    def wrong(*given: Any) -> Pairs | None:
        found = old(*given)
        return dataclasses.replace(found, **{name: value * getattr(found, name)}) if found else None

    return wrong


@pytest.mark.parametrize(("name", "value"), [
    ("left", 0.9), ("grown", 1e-6), ("moved", 1e-6), ("lost", 0.5), ("far", 0.9), ("least", 0.0),
])
def test_what_is_left_out_is_missed(monkeypatch: pytest.MonkeyPatch, name: str, value: float) -> None:
    """Each part of the bound is needed, in one of many problems."""
    monkeypatch.setattr(pairs, "pairs_of", _changed(name, value))
    with pytest.raises(AssertionError):  # noqa: PT012
        for seed in range(12):
            _parts(seed)


def test_masks_are_those_of_refits() -> None:
    """What pairs clear stays, of points whose margins are nearly gone, too; and some of these are cleared."""
    cleared = 0
    for seed in range(6):
        head, c, m, W, found = _problem(seed)
        rng = np.random.default_rng(seed)
        t, at = rng.random((300, 1)), rng.integers(len(head.points), size=(2, 300))
        head = dataclasses.replace(head, points=head.points[at[0]] * t + head.points[at[1]] * (1.0 - t),
                                   points_rad=np.zeros(300))
        lines = candidates.lines_of(head, np.flatnonzero(head.today >= 0))
        every = candidates.lines_of(head, np.arange(300))
        order = np.arange(head.n)
        steps = sums.steps_of(head, W, c.V)
        gaps = every.gaps(steps.delta).min(axis=-1)
        s = slab.Singles(head, m, Refitter(head), order, order, W, steps, every.lengths(m), gaps, found)
        for a in (0, 1):
            one = slab.Slab(s, a, lines, Found(head), lambda: None)
            wanted = np.ones((head.n - a - 1, len(lines.at)), dtype=bool)
            after = one._paired(found, wanted)
            assert wanted.all()
            for b, l in enumerate(one.after):
                least = attack.worst(head, attack.without(head, (a, int(l))))[lines.at]
                assert (least[~after[b]] > -NEAR).all()
                cleared += int((~after[b] & (least < 0.3)).sum())
    assert cleared > 20


@pytest.mark.parametrize("wrong", ["distances", "far"])
def test_masks_that_forget_a_distance_are_wrong(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    if wrong == "distances":
        monkeypatch.setattr(Pairs, "distances", lambda self, i, others: np.full(len(others), 1e-9))
    else:
        monkeypatch.setattr(pairs, "_lengths", lambda m, delta, size, data: np.zeros(len(delta)))
    with pytest.raises(AssertionError):
        test_masks_are_those_of_refits()


def test_what_is_not_known_is_not_said() -> None:
    head, c, m, W, found = _problem(0)
    rows, none = np.arange(head.n), lambda: None
    assert pairs.pairs_of(m, dataclasses.replace(c, off=np.full(head.n, 1e-6)), rows, W, none) is None
    assert pairs.pairs_of(dataclasses.replace(m, h=np.where(rows == 3, 0.0, m.h)), c, rows, W, none) is None
    far = np.where(rows[:, None, None] == 2, 1e6 * W, W)
    with np.errstate(all="ignore"):
        wide = pairs.pairs_of(m, c, rows, far, none)
        assert wide is not None and np.isinf(wide.distances(2, rows[3:])).all()
        assert np.isinf(wide.distances(5, rows[2:3])).all()
        for name in ("left", "lost", "grown", "moved"):
            bad = dataclasses.replace(found, **{name: getattr(found, name) * np.nan})
            assert np.isinf(bad.distances(0, rows[1:])).all()
