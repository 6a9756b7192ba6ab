"""D18: each number that distances and margins rest on, against the exact one; and masks where points are near them."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.losses.squared import SquaredHead
from certify.systems.head.rows.refit import enclose_slopes
from certify.theorems.head.rows import softmax_box
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.softmax.below import inverse_below
from certify.theorems.head.rows.softmax.centre import centre, mean_least
from certify.theorems.head.rows.softmax.trap import hessian
from certify.theorems.head.rows.softmax_by_choice import candidates, method, metric, search, slab
from certify.theorems.head.rows.softmax_by_choice.metric import AROUND, Metric
from certify.theorems.head.rows.softmax_by_choice.sums import at_weights, base_of, steps_of
from tests.containment import heads_softmax_by_choice as attack
from tests.containment.rigor import Violation
from tests.families.class_heads import class_head

NEAR = 1e-8


def _head(seed: int, n: int = 12, k: int = 3, decay: float = 0.3) -> Head:
    return class_head(np.random.default_rng([seed, 7]), n, k, 8, decay, False, 1.0)


def _root(head: Head, V: Array) -> Metric:
    m = metric.root_metric(metric.as_it_is(centre(head, V)))
    assert m is not None
    return m


def _lengths(m: Metric, vectors: Array) -> Array:
    """Exact lengths in the norm of the inverse, but for floats."""
    H = hessian(m.c, m.h * m.c.kept)
    return np.asarray(np.sqrt(np.einsum("bi,bi->b", vectors, np.linalg.solve(H, vectors.T).T)))


def _pair(head: Head, x: Array, q: int, r: int) -> Array:
    e = np.eye(head.k)
    return np.kron(e[q] - e[r], x)


def _pulls(head: Head, V: Array, rows: Whole) -> Array:
    """`(r, kp)` the slopes of rows times their inputs."""
    u = attack.shares(head.phi[rows] @ V.T) - head.Y[rows]
    return np.asarray(np.einsum("rk,rp->rkp", u, head.phi[rows]).reshape(len(rows), -1))


def _gradient(head: Head, V: Array, out: tuple[int, ...]) -> Array:
    left = np.setdiff1d(np.arange(head.n), out)
    pull = np.where(head.decayed, head.n * head.weight_decay, 0.0) * V
    return np.asarray(_pulls(head, V, left).sum(axis=0) + pull.ravel())



def _singles(head: Head, m: Metric, order: Whole, place: Whole, W: Array) -> slab.Singles:
    refitter, lines = Refitter(head), candidates.lines_of(head, np.arange(len(head.points)))
    steps = steps_of(head, W, refitter.V0)
    gaps = lines.gaps(steps.delta).min(axis=-1)
    return slab.Singles(head, m, refitter, order, place, W, steps, lines.lengths(m), gaps)


def _farthest(m: Metric, Z: Array, off: Array) -> Array:
    return np.asarray(np.abs(Z - m.c.Z[:, None, :]).max(axis=-1) + 2.0 * off)


@pytest.mark.parametrize(("name", "wrong"), [
    ("ranges", _farthest),
    ("mean_least", lambda r: mean_least(0.5 * r if r.ndim == 2 else r)),
    ("mean_least", lambda r: mean_least(r) if r.ndim == 1 else mean_least(r) / mean_least(r.max(axis=0))),
    ("level", lambda y, lever: 0.8 * np.min([t + np.maximum(y - t, 0.0).T @ lever for t in
                                                               np.linspace(0.0, 1.0, 9)], axis=0)),
])
def test_more_than_is_kept_of_the_curvature_is_seen(monkeypatch: pytest.MonkeyPatch, name: str, wrong: Any) -> None:
    monkeypatch.setattr(metric, name, wrong)
    with pytest.raises(Violation, match="less of the curvature is kept"):
        _steep(60)


def _steep(times: int) -> None:
    for seed in range(times):
        rng = np.random.default_rng([seed, 21])
        head = class_head(rng, int(rng.integers(5, 10)), int(rng.integers(2, 5)), 1,
                                 float(10.0 ** rng.uniform(-6.0, -1.0)), False, None)
        V = head.V * rng.uniform(0.1, 1.0)
        if seed % 4 == 0:  # all rows are sure, and alike: here the theorem takes no more than it has to
            x = np.where(np.arange(8) % 2, 1.0, -1.0)
            head = class_head(rng, 8, 2, 1, 1e-5, False, 1.0)
            head = dataclasses.replace(head, phi=np.c_[x, np.ones(8)], points=np.ones((1, 2)), decayed=np.ones(2, bool),
                                       Y=np.eye(2)[(x > 0.0).astype(int)], V=np.array([[-2.0, 0.0], [2.0, 0.0]]))
            V = head.V
        h = [np.ones(head.n), rng.uniform(0.1, 3.0, head.n), np.exp(-rng.uniform(0.0, 6.0, head.n))][seed // 4 % 3]
        with np.errstate(all="ignore"):
            m = metric.metric(metric.as_it_is(centre(head, V)), h)
        if m is None:
            continue
        for _ in range(6):
            out = tuple(rng.choice(head.n, int(rng.integers(0, 3)), replace=False).tolist())
            W = V + rng.choice([0.0, 0.1, 0.6]) * rng.standard_normal(V.shape)
            if rng.random() < 0.5:
                out, W = (), V * rng.uniform(1.0, 2.0)
            rows = np.array([out], dtype=np.int64).reshape(1, len(out))
            slopes, a = enclose_slopes(head, candidates.deletions(rows), W[None]), float(10.0 ** rng.uniform(-2.0, 0.8))
            with np.errstate(all="ignore"):
                part = metric.kept(m, metric.left_at(metric.ranges(m, slopes.Z, slopes.off)), np.array([a]), rows)
            if part[0] > 0.0:
                attack.steep(rng, head, m, hessian(m.c, m.h), W, out, float(part[0]), a)


def test_what_is_kept_of_the_curvature() -> None:
    _steep(60)


@pytest.mark.parametrize("seed", range(4))
def test_lengths_of_every_pair_and_of_the_curvature(seed: int) -> None:
    head = _head(seed, k=4)
    m = _root(head, attack.without(head, ()))
    lines = candidates.lines_of(head, np.arange(8))
    seen = lines.lengths(m)
    for i, x in enumerate(head.points):
        exact = [_lengths(m, _pair(head, x, int(head.today[i]), int(r))[None])[0] for r in lines.other[i]]
        assert (seen[i] >= np.array(exact) * (1.0 - NEAR)).all() and (seen[i] <= np.array(exact) * 1.001).all()
    H = hessian(m.c, m.h)
    for j, x in enumerate(head.phi):
        exact = [_lengths(m, _pair(head, x, q, r)[None])[0] for q in range(4) for r in range(q)]
        assert max(exact) * (1.0 - NEAR) <= m.long[j] <= max(exact) * 1.001
        S = m.c.S[j]
        own = np.kron(np.diag(S) - np.outer(S, S), np.outer(x, x)) * m.h[j]
        largest = float(np.linalg.eigvals(np.linalg.solve(H, own)).real.max())
        assert largest * (1.0 - NEAR) <= m.lever[j] <= largest * 1.1


@pytest.mark.parametrize("seed", range(4))
def test_a_centre_beside_the_minimiser(seed: int) -> None:
    """What the centre leaves of the gradient counts in the tail: without it distances of few rows are too short."""
    head = _head(seed)
    V = attack.without(head, ())
    c = centre(head, V + 0.002 * np.random.default_rng(seed).standard_normal(V.shape))
    m = _root(head, c.V)
    order, pull = np.arange(12), search.pulls(m, c)
    found, v = search.tail(m, c, order, pull), (V - c.V).ravel()
    left = _lengths(m, _gradient(head, c.V, ())[None])[0]  # at most all of the curvature is left
    assert left < found[-1] < 10.0 * left and np.sqrt(v @ hessian(m.c, m.h) @ v) <= found[-1]
    both = search.tail(m, c, order, 1e-3 * pull)
    assert np.isfinite(both[-3:]).all() and both[-3] > found[-1] + 1e-3 * (pull[-1] + pull[-2])


@pytest.mark.parametrize("seed", range(4))
def test_all_of_the_gradient_counts(seed: int) -> None:
    """Also its part that floats do not see, which may have any direction."""
    head = _head(seed, decay=0.01)
    V = attack.without(head, ())
    m = _root(head, V)
    rng = np.random.default_rng(seed)
    W = V + 1e-3 * rng.standard_normal((6, *V.shape))
    rows = rng.integers(12, size=(6, 1))
    slopes = enclose_slopes(head, candidates.deletions(rows), W)
    exact = _lengths(m, np.array([_gradient(head, one, (int(i),)) for one, i in zip(W, rows[:, 0], strict=True)]))
    assert (candidates.left_of(m, slopes) >= exact * (1.0 - NEAR)).all()
    assert (candidates.left_of(m, slopes) <= exact * 1.001).all()
    values, axes = np.linalg.eigh(np.linalg.inv(hessian(m.c, m.h)))
    unseen = slopes.size[:, None] * axes[:, -1]
    nothing = dataclasses.replace(slopes, gradient=0.0 * slopes.gradient)
    assert (candidates.left_of(m, nothing) >= _lengths(m, unseen) * (1.0 - NEAR)).all()
    sizes = np.sqrt(np.square(slopes.gradient).sum(axis=(1, 2)))
    wider = dataclasses.replace(slopes, size=2.0 * sizes)
    more = slopes.gradient.reshape(6, -1) + np.sign(slopes.gradient.reshape(6, -1) @ axes[:, -1])[:, None] * (
        sizes[:, None] * axes[:, -1])
    assert (candidates.left_of(m, wider) >= _lengths(m, more) * (1.0 - NEAR)).all()


def test_margins_of_large_columns_that_cancel() -> None:
    """Floats find the half of them too large; what is said is below each exactly."""
    head = _head(3)
    assert head.m > 1
    rng = np.random.default_rng(9)
    points = rng.standard_normal((60, head.m)) * 1e8
    W = rng.standard_normal((3, head.k, head.m))
    W[:, 1:] = W[:, :1] + rng.standard_normal((3, 1, 1)) * 1e-14
    some = dataclasses.replace(head, points=points, points_rad=np.zeros(60))
    lines = candidates.lines_of(dataclasses.replace(some, V=W[0]), np.arange(60))
    low = lines.gaps(W)
    above = 0
    for b in range(3):
        F = points @ W[b].T
        for i in range(60):
            for at, r in enumerate(lines.other[i]):
                q, x = int(lines.own[i, 0]), [Fraction(float(one)) for one in points[i]]
                exact = sum((Fraction(float(W[b, q, c])) - Fraction(float(W[b, r, c]))) * x[c] for c in range(head.m))
                assert Fraction(float(low[b, i, at])) <= exact
                above += Fraction(float(F[i, q] - F[i, r])) > exact
    assert above > 20


def _added(part: float) -> tuple[int, int]:
    """Margins of both summands, added up, are below all margins at the sum, exactly; columns of points cancel."""
    near = above = 0
    for seed in range(6):
        head, rng = _head(seed, k=2 + seed % 3), np.random.default_rng([seed, 12])
        points = rng.standard_normal((12, head.m)) * 1e6
        W = rng.standard_normal((head.n, head.k, head.m))
        W[:, 1:] = W[:, :1] + rng.standard_normal((head.n, 1, 1)) * 1e-12
        head = dataclasses.replace(head, points=points, points_rad=np.zeros(12))
        V = attack.without(head, ())
        order = np.arange(head.n)
        s = _singles(head, _root(head, V), order, order, W)
        s = dataclasses.replace(s, gaps=part * s.gaps)
        one = slab.Slab(s, 0, candidates.lines_of(head, np.arange(12)), Found(head), lambda: None)
        base, others, some = base_of(s.root, W[0]), np.arange(1, head.n), np.arange(0, 12, 2)
        assert base is not None
        low = one._least(base, others, some)
        for b, l in enumerate(others):
            at = W[0] + s.steps.delta[l]
            for i, e in enumerate(some):
                x = [Fraction(float(one)) for one in points[e]]
                z = [sum(Fraction(float(w)) * v for w, v in zip(row, x, strict=True)) for row in at]
                own = int(head.today[e])
                exact = min(z[own] - y for a, y in enumerate(z) if a != own)
                above += Fraction(float(low[b, i])) > exact
                near += exact - Fraction(float(low[b, i])) < 1e-3
    return above, near


def test_margins_of_sums() -> None:
    above, near = _added(1.0)
    assert not above and near > 20


def test_margins_of_sums_that_forget_a_step_are_too_large() -> None:
    assert _added(0.99)[0] > 0


@pytest.mark.parametrize("seed", range(4))
def test_what_is_unsure_of_the_curvature_counts_in_its_inverse(seed: int) -> None:
    """Of probabilities, of the decay: every matrix within these errors has its inverse within what is said."""
    head = _head(seed)
    c = metric.as_it_is(centre(head, attack.without(head, ())))
    rng, d = np.random.default_rng(seed), np.ones(12)
    for size in (1e-4, 1e-6):
        moved = c.S + size * rng.uniform(-1.0, 1.0, c.S.shape)
        decay = c.decay * (1.0 + size)
        for other, said in ((dataclasses.replace(c, S=moved), dataclasses.replace(c, s_off=np.full(12, size))),
                            (dataclasses.replace(c, decay=decay),
                             dataclasses.replace(c, decay_off=float((decay - c.decay).max())))):
            found = inverse_below(said, d)
            assert found is not None
            flat, off, root = found
            exact = np.linalg.inv(hessian(other, d))
            assert np.linalg.norm(flat - exact, 2) <= off < 1e4 * np.linalg.norm(flat - exact, 2)
            assert np.linalg.norm(exact, 2) <= root * root


def _thin(head: Head, rng: np.random.Generator, n: int) -> Head:
    """The head with points on lines between others: their margins fall to nothing."""
    t, at = rng.random((n, 1)), rng.integers(len(head.points), size=(2, n))
    points = head.points[at[0]] * t + head.points[at[1]] * (1.0 - t)
    return dataclasses.replace(head, points=points, points_rad=np.zeros(n))


def _bear(m: Metric, head: Head, W: Array) -> Array:
    """`(N,)` distances from weights at which the first margin may be gone, exactly but for floats."""
    F, own = head.points @ W.T, head.today
    found = np.full(len(F), np.inf)
    for r in range(head.k):
        vectors = np.array([_pair(head, x, int(q), r) for x, q in zip(head.points, own, strict=True)])
        gap, far = F[np.arange(len(F)), own] - F[:, r], _lengths(m, vectors)
        found = np.where(own == r, found, np.minimum(found, gap / np.maximum(far, 1e-300)))
    return np.asarray(found)


def _agrees(wanted: Mask, bear: Array, r: float) -> tuple[int, int]:
    """What is not wanted any more bears more than r; and points are as near to it as masks have to be."""
    assert (bear[~wanted] > r * (1.0 - NEAR)).all() and (bear[wanted] < r * 1.01).all()
    return int(((0.8 * r < bear) & (bear < r)).sum()), int(((r < bear) & (bear < 1.25 * r)).sum())


def test_masks_of_looks_are_those_of_exact_margins() -> None:
    near = np.zeros(2, dtype=np.int64)
    for seed in range(4):
        rng = np.random.default_rng([seed, 8])
        head = _thin(_head(seed, decay=0.1), rng, 300)
        V = attack.without(head, ())
        m, rows = _root(head, V), np.array([[0, 1], [2, 5], [7, 3]])
        lines = candidates.lines_of(head, np.flatnonzero(head.today >= 0))
        W = np.array([attack.without(head, tuple(T)) for T in rows.tolist()])
        W += 3e-3 * rng.standard_normal(W.shape)
        base = base_of(m, V)
        assert base is not None
        left = at_weights(base, rows, W)
        r = metric.distances(m, left.e, candidates.long_of(m, left.gradient, left.error), rows)
        found = candidates.look(m, left, rows, W, lines, lines.lengths(m))
        for b in np.flatnonzero(np.isfinite(r)):
            near += _agrees(found.open[b], _bear(m, head, W[b])[lines.at], float(r[b]))
    assert (near > 10).all()


def _least(m: Metric, rho: Array, left: float, out: tuple[int, ...], more: float) -> float:
    """The least distance that the theorem says, of those that are looked around."""
    near, e, rows = np.inf, metric.left_at(rho[:, None]), np.array([out], dtype=np.int64)
    for a in AROUND:
        part = float(metric.kept(m, e, np.array([a]), rows)[0]) - more
        if part > 0.0 and left / part < a:
            near = min(near, left / part)
    return near


def _shrunk(*given: Any) -> Any:
    """Slopes that err towards 0 by as much as they say."""
    found = enclose_slopes(*given)
    return dataclasses.replace(found, g=found.g - np.clip(found.g, -0.02, 0.02), error=0.02)


@pytest.mark.parametrize("slopes", [enclose_slopes, _shrunk])
def test_masks_of_rows_without_a_step_are_those_of_exact_margins(monkeypatch: pytest.MonkeyPatch, slopes: Any) -> None:
    """A refit without a row, for itself and for one more deleted row: gradients, levers, the row that is out."""
    monkeypatch.setattr(slab, "enclose_slopes", slopes)
    near = np.zeros(2, dtype=np.int64)
    for seed in range(3):
        rng = np.random.default_rng([seed, 9])
        head = _thin(_head(seed, n=20, decay=0.3), rng, 300)
        V = attack.without(head, ())
        m, order = _root(head, V), rng.permutation(20)
        place = np.argsort(order)
        W = np.array([attack.without(head, (int(i),)) for i in order])
        W += 5e-3 * rng.standard_normal(W.shape)
        s = _singles(head, m, order, place, W)
        lines = candidates.lines_of(head, np.flatnonzero(head.today >= 0))
        for a in (0, 4):
            one = slab.Slab(s, a, lines, Found(head), lambda: None)
            alone, wanted = one._without_steps(m)
            out, bear = (one.row,), _bear(m, head, W[a])[lines.at]
            D = head.phi @ W[a].T - m.c.Z
            rho, g = D.max(axis=1) - D.min(axis=1), _gradient(head, W[a], out)
            left, own = _lengths(m, g[None])[0], _lengths(m, _pulls(head, W[a], one.after))
            for mask, pull, lever in ((alone, 0.0, 0.0), *zip(wanted, own, m.lever[one.after], strict=True)):
                r = _least(m, rho, float(left + pull), out, float(lever))
                assert np.isfinite(r) or mask.all()
                if np.isfinite(r) and slopes is enclose_slopes:
                    near += _agrees(mask, bear, r)
                elif np.isfinite(r):
                    assert (bear[~mask] > r * (1.0 - NEAR)).all()
                    near += 1
    assert (near > 10).all()


def test_refits_that_are_not_known_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    head = _head(2)
    V = attack.without(head, ())
    W = np.array([attack.without(head, (i,)) for i in range(12)])
    s = _singles(head, _root(head, V), np.arange(12), np.arange(12), W)
    one = slab.Slab(s, 0, candidates.lines_of(head, np.flatnonzero(head.today >= 0)), Found(head), lambda: None)
    sets, wanted = np.array([[0, 1], [0, 2]]), np.ones((2, len(one.lines.at)), dtype=bool)
    both = np.array([attack.without(head, tuple(T)) for T in sets.tolist()])
    assert not one._proved(sets, both, wanted).all()
    monkeypatch.setattr(slab, "enclose_refits", lambda *given: np.full(2, np.inf))
    assert one._proved(sets, both, wanted).all() and not one.found.flipped.all()


def test_a_point_that_rows_flip_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is said of it, and whenever it is found."""
    head = _head(4)

    class Stub:
        def __init__(self, s: Any, a: int, lines: candidates.Lines, found: Found, check: Any) -> None:
            self.found, self.lines = found, lines

        def open(self) -> Mask:
            self.found.point[5] = len(self.found._kept)
            self.found._kept.append((candidates.deletions(np.array([[0]])), head.V))
            return np.zeros(len(self.lines.at), dtype=bool)

    monkeypatch.setattr(search, "Slab", Stub)
    monkeypatch.setattr(search, "needed", lambda tails, bear: np.where(np.arange(len(bear)) < 6, 0, 1))
    s = search.Search(head, RowChange(False, 2, tuple(range(12))), lambda: 1e9)
    with np.errstate(all="ignore"):
        good = s.run(head.today >= 0)
    assert not good[5] and good.any()


def test_the_method_has_hypotheses_and_limits_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "LEAST", 0)
    able, head, two = method.SoftmaxByChoice().able, _head(4), RowChange(False, 2, tuple(range(12)))
    assert able(head, two) == ""
    inexact = dataclasses.replace(head, points_rad=np.full(8, 1e-3))
    assert "exactly" in able(inexact, two) and "exactly" in able(dataclasses.replace(head, phi_rad=np.ones(12)), two)
    assert "weight decay" in able(dataclasses.replace(head, remaining=True), two)
    assert "cross-entropy" in able(dataclasses.replace(head, loss=SquaredHead()), two)
    assert "no row" in able(head, RowChange(False, 2, ()))
    assert "every row" in able(_head(4, n=2, k=2), RowChange(False, 2, (0, 1)))
    for name, words in (("HELD", "too many together"), ("PASSES", "so many rows")):
        with monkeypatch.context() as small:
            small.setattr(softmax_box, name, 1)
            assert words in able(head, two)
    monkeypatch.setattr(softmax_box, "MOST", 1)
    assert able(head, two) == ""  # what a checker of D9 forms is nothing to it
