"""D14: both ends of `e·w` against refits of every choice, and wrong versions that these catch."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from mpmath import mp

from certify.format.errors import EnclosureError
from certify.systems.head.rows.stored.rows import Held, Rows
from certify.theorems.head.rows.lengths import answered as answers
from certify.theorems.head.rows.lengths import centre as centres
from certify.theorems.head.rows.lengths import kept, reach, slopes, taken
from certify.theorems.head.rows.lengths.answered import Answered, answered
from certify.theorems.head.rows.lengths.centre import Centre, scaled, settled

Array = np.ndarray


def head(seed: int, n: int = 70, spread: float = 1.0, decay: float = 4.0, long: float = 1.0,
         ) -> tuple[Centre, Array, Array]:
    """A centre, the features with a 1, and labels; columns of different sizes."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2)) * spread * [1.0, 8.0]
    X[0] *= long
    y = np.where(X @ [1.0, 0.1] + rng.logistic(size=n) > 0.3, 1.0, -1.0)
    phi = np.c_[X, np.ones(n)]
    decayed = np.array([True, True, False])
    rows = scaled(Rows(Held(phi), np.ones(3)), decay, decayed)
    mu = np.where(decayed, decay, 0.0) * rows.scale**2
    c = settled(rows, rows.per_row(y[:, None]), mu, 0.0, np.zeros(3))
    return c, phi, y


def refits(phi: Array, y: Array, decay: float, count: int, relabels: bool) -> tuple[list[tuple[int, ...]], Array]:
    """Every choice of at most so many rows, and the minimum after it."""
    return _refits(phi.tobytes(), y.tobytes(), decay, count, relabels)


@lru_cache
def _refits(rows: bytes, labels: bytes, decay: float, count: int, relabels: bool,
            ) -> tuple[list[tuple[int, ...]], Array]:
    phi, y = np.frombuffer(rows).reshape(-1, 3), np.frombuffer(labels)
    choices = [M for k in range(count + 1) for M in combinations(range(len(y)), k)]
    S = np.tile((phi * y[:, None]).astype(np.float64), (len(choices), 1, 1))
    b = np.ones((len(choices), len(y)), np.float64)
    for t, M in enumerate(choices):
        if relabels:
            S[t, list(M)] *= -1
        else:
            b[t, list(M)] = 0
    mu, w = np.array([decay, decay, 0.0], np.float64), np.zeros((len(choices), 3), np.float64)
    for _ in range(12):
        p = 1 / (1 + np.exp(np.einsum("tnp,tp->tn", S, w)))
        g = mu * w - np.einsum("tn,tnp->tp", b * p, S)
        H = np.einsum("tn,tnp,tnq->tpq", b * p * (1 - p), S, S) + np.diag(mu)
        w = w - np.linalg.solve(H.astype(np.float64), g.astype(np.float64)[..., None])[..., 0]
    assert np.abs(g).max() < 1e-13
    return choices, w


def ends(c: Centre, points: Array, count: int, relabels: bool) -> Answered | None:
    found = reach.reach(c, count, relabels)
    return None if isinstance(found, str) else answered(c, found, points, count, relabels)


def wrong(seed: int, count: int, relabels: bool, **options: Any) -> tuple[int, int]:
    """How many ends the refits contradict, and how many there are."""
    c, phi, y = head(seed, **options)
    points = np.random.default_rng(seed + 99).standard_normal((40, 3)) * [1.0, 0.2, 1.0]
    found = ends(c, points, count, relabels)
    if found is None:
        return 0, 0
    choices, w = refits(phi, y, options.get("decay", 4.0), count, relabels)
    outputs = points @ w.T.astype(np.float64)
    place = {M: t for t, M in enumerate(choices)}
    at = np.array([place[M] for M in found.rows])
    bad = (found.least > outputs.min(axis=1) + 1e-9) | (found.most < outputs[np.arange(len(points)), at] - 1e-9)
    return int(bad.sum()), len(points)


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_no_refit_lies_beyond_the_ends(count: int, relabels: bool) -> None:
    found = [wrong(seed, count, relabels, spread=spread) for seed, spread in ((0, 1.0), (1, 0.5), (2, 1.5))]
    assert sum(bad for bad, _ in found) == 0
    assert sum(all_ for _, all_ in found) >= 40


def test_one_change_is_held_tightly() -> None:
    c, phi, y = head(3, n=400)
    points = np.random.default_rng(5).standard_normal((30, 3)) * [1.0, 0.2, 1.0]
    for relabels in (False, True):
        found = ends(c, points, 1, relabels)
        assert found is not None
        _, w = refits(phi, y, 4.0, 1, relabels)
        exact = (points @ w.T.astype(np.float64)).min(axis=1)
        today = points @ w[0].astype(np.float64)
        assert np.median((today - found.least) / (today - exact)) < 1.35


def test_rows_that_pull_too_hard_are_said() -> None:
    c, _, _ = head(0)
    assert "leverages add up" in str(reach.reach(c, 60, False))
    assert "pull too hard" in str(reach.reach(c, 60, True))


def test_nothing_rests_on_where_the_centre_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centres, "SETTLED", 0.1)  # a centre far from the minimum
    assert wrong(0, 1, True)[0] == 0
    assert wrong(0, 2, False)[0] == 0


@pytest.mark.parametrize("times", [-40.0, -20.0, 20.0, 40.0])
def test_weights_that_are_far_off_settle(times: float) -> None:
    """Newton's first step from there leads away."""
    c, _, _ = head(0)
    again = settled(c.rows, c.Y, c.mu, 0.0, times * c.w)
    assert again.residual < 1e-6
    assert np.allclose(again.w, c.w, atol=1e-6)


def test_weights_that_do_not_settle_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centres, "TURNS", 1)
    with pytest.raises(EnclosureError, match="do not reach the minimum"):
        head(0)


def test_the_distance_holds_every_refit() -> None:
    def beyond() -> float:
        """How far the farthest refit without one row lies, over what is said, where one row is long."""
        c, phi, y = head(4, n=200, long=12.0)
        found = reach.reach(c, 1, False)
        assert isinstance(found, reach.Reach)
        _, w = refits(phi, y, 4.0, 1, False)
        off = w.astype(np.float64) / c.rows.scale - c.w
        p = 1 / (1 + np.exp(y * (phi @ (c.w * c.rows.scale))))
        scaled_rows = phi * c.rows.scale
        H = (scaled_rows.T * (p * (1 - p))) @ scaled_rows + np.diag(c.mu)
        return float(np.sqrt(np.einsum("ta,ab,tb->t", off, H, off)).max()) / found.distance

    assert 0.8 < beyond() <= 1.0


def test_rows_that_go_pull_within_their_bounds() -> None:
    rng = np.random.default_rng(0)
    t = rng.uniform(-6, 6, 4000)
    p = 1 / (1 + np.exp(t))
    at = slopes.Slopes(np.ones(len(t)), np.ones(len(t)), p, 0.0 * t, p * (1 - p), 0.0 * t)
    moved = rng.choice([1e-6, 0.01, 0.3, 2.0], len(t))
    low, high = taken.pulls(at, moved, 0.0)
    for share in (-1.0, -0.5, 0.5, 1.0):
        there = 1 / (1 + np.exp(t + share * moved))
        assert ((low <= there + 1e-15) & (there <= high + 1e-15)).all()
    assert (high - p < 1.3 * (1 / (1 + np.exp(t - moved)) - p) + 1e-12)[(moved < 0.1) & (abs(t) > 2)].all()


def test_shares_hold_the_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    c, phi, y = head(1)
    for a in (0.1, 0.5, 2.0):
        F, Phi = reach._shares(c, a)
        S = phi * c.rows.scale
        p = 1 / (1 + np.exp(y * (S @ c.w)))
        r = p * (1 - p)
        H = (S.T * r) @ S + np.diag(c.mu)
        L = np.linalg.inv(np.linalg.cholesky(H))
        x = a * np.sqrt(np.einsum("ni,ij,nj->n", S, np.linalg.inv(H), S))
        A = (S.T * (r * -np.expm1(-x) / x)) @ S + np.diag(c.mu)
        B = (S.T * (r * (np.expm1(x) / x - 1) ** 2)) @ S
        least, most = np.linalg.eigvalsh(L @ A @ L.T)[0], np.sqrt(np.linalg.eigvalsh(L @ B @ L.T)[-1])
        assert 0.8 * least < F <= least
        assert most <= Phi < (1.2 if a < 1.0 else 3.0) * most + 1e-9


def test_what_linearising_leaves_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def beyond() -> float:
        """By how much a refit with one label turned, where all rows are alike, lies below the end."""
        y = np.where(np.arange(60) < 56, 1.0, -1.0)
        rows = scaled(Rows(Held(np.ones((60, 1))), np.ones(1)), 0.5, np.array([True]))
        c = settled(rows, rows.per_row(y[:, None]), 0.5 * rows.scale**2, 0.0, np.zeros(1))
        found = reach.reach(c, 1, True)
        assert isinstance(found, reach.Reach)
        w = 0.0
        for _ in range(60):  # 57 rows of 60
            p = 1 / (1 + np.exp(-w))
            w -= (0.5 * w + 60 * p - 57) / (0.5 + 60 * p * (1 - p))
        return float(answered(c, found, np.array([[-1.0]]), 1, True).least[0]) + w

    assert -0.1 < beyond() <= 0.0
    monkeypatch.setattr(taken, "bend_over", lambda x: 0.0 * x)
    monkeypatch.setattr(answers, "bend_over", lambda x: 0.0 * x)
    assert beyond() > 0.0


def test_the_bend_of_a_slope() -> None:
    mp.dps = 50
    x = np.array([1e-4, 0.01, 0.5, 1.0, 3.0])
    exact = np.array([float((mp.e ** mp.mpf(v) - 1 - mp.mpf(v)) / mp.mpf(v) ** 2) for v in x])
    assert (kept.bend_over(x) >= exact).all()
    assert (kept.bend_over(x) < 1.001 * exact).all()


@pytest.mark.parametrize("broken", ["curvature", "gradient", "reach"])
def test_wrong_versions_are_caught(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if broken == "gradient":  # the centre is taken for the minimum
        monkeypatch.setattr(centres, "SETTLED", 0.5)
        real = centres.centre
        monkeypatch.setattr(centres, "centre", lambda *given: replace(real(*given), residual=1e-9))
    elif broken == "curvature":
        monkeypatch.setattr(kept, "kept_part", lambda least, moved: 4.0 * least)
    else:
        monkeypatch.setattr(reach, "RAISE", 0.02)
    assert any(wrong(seed, 2, relabels, spread=2.0, decay=1.0)[0] for seed in range(5) for relabels in (False, True))


def test_curvatures_of_rows_far_from_the_boundary() -> None:
    mp.dps = 60
    t = np.array([0.0, 0.3, -7.0, 28.9, 60.0, -333.0, 599.0])
    off = np.array([0.0, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-3])
    D, error = slopes.curvatures(t, off)
    for share in (-1, 1):
        for value, at, wide, bound in zip(D.tolist(), t.tolist(), off.tolist(), error.tolist(), strict=True):
            z = abs(mp.mpf(at) + share * mp.mpf(wide))
            assert abs(mp.exp(-z) / (1 + mp.exp(-z)) ** 2 - mp.mpf(value)) <= mp.mpf(bound)
    assert (error[:6] < 1e-10 * D[:6]).all()
    assert np.isinf(slopes.curvatures(np.array([601.0]), np.array([0.0]))[1]).all()
    assert np.isinf(slopes.curvatures(np.array([1.0]), np.array([1.5]))[1]).all()
