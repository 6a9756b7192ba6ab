"""D18: gradients and what rows keep of their curvature at sums of steps, against ones of many digits."""

from __future__ import annotations

import dataclasses
from typing import Any

import mpmath
import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax_by_choice import candidates, metric, sums
from certify.theorems.head.rows.softmax_by_choice.metric import Metric
from certify.theorems.head.rows.softmax_by_choice.sums import Base, Found
from tests.families.class_heads import class_head

DIGITS = 60


def _shares(W: Array, x: Array) -> list[Any]:
    z = [sum((mpmath.mpf(float(w)) * mpmath.mpf(float(v)) for w, v in zip(row, x, strict=True)), mpmath.mpf(0))
         for row in W]
    e = [mpmath.exp(v - max(z)) for v in z]
    return [v / sum(e) for v in e]


def _gradient(head: Head, W: Array, out: tuple[int, ...]) -> list[list[Any]]:
    mid, _ = head.mu(len(out))
    total = [[mpmath.mpf(float(mid)) * mpmath.mpf(float(w)) * int(d) for w, d in zip(row, head.decayed, strict=True)]
             for row in W]
    for j in range(head.n):
        if j in out:
            continue
        for a, s in enumerate(_shares(W, head.phi[j])):
            for c in range(head.m):
                total[a][c] += (s - int(head.Y[j, a])) * mpmath.mpf(float(head.phi[j, c]))
    return total


def _far(gradient: Array, exact: list[list[Any]]) -> float:
    """The distance of a gradient in floats from one of many digits."""
    return float(mpmath.sqrt(sum(((mpmath.mpf(float(f)) - e) ** 2 for row, other in zip(gradient, exact, strict=True)
                                  for f, e in zip(row, other, strict=True)), mpmath.mpf(0))))


def _problem(seed: int, large: float) -> tuple[Head, Metric, Array, Array, Array]:
    """A head, a matrix, weights V and others near two single refits; `large` columns of weights cancel in outputs."""
    rng = np.random.default_rng([seed, 31])
    head = class_head(rng, 9, int(rng.integers(2, 5)), 6, float(10.0 ** rng.uniform(-1.5, 0.0)), False, 1.0)
    phi = np.c_[head.phi, head.phi[:, :1] + rng.standard_normal((head.n, 1)) / large]
    head = dataclasses.replace(
        head, phi=phi, points=np.c_[head.points, head.points[:, :1]], decayed=np.r_[head.decayed, True],
        V=np.c_[head.V, 0.0 * head.V[:, :1]])
    V, W = (rng.standard_normal((head.k, head.m)) for _ in range(2))
    for one in (V, W):
        push = large * rng.standard_normal(head.k)
        one[:, 0] += push
        one[:, -1] -= push
    with np.errstate(all="ignore"):
        m = metric.metric(metric.as_it_is(centre(head, 0.5 * rng.standard_normal(V.shape))), np.ones(head.n))
    assert m is not None
    return head, m, V, V + W, W


def _both(head: Head, m: Metric, V: Array, A: Array, B: Array, out: tuple[int, ...]) -> list[tuple[Found, Array]]:
    """The candidate A + (B − V) as a sum and by itself."""
    base, steps = sums.base_of(m, A), sums.steps_of(head, B[None], V)
    assert base is not None and steps.good.all()
    W, rows = (A + steps.delta[0])[None], np.array([out], dtype=np.int64).reshape(1, len(out))
    first = np.zeros(1, dtype=np.int64)
    return [(sums.at_sums(base, steps, first, rows, W), W[0]), (sums.at_weights(base, rows, W), W[0])]


def _check(seed: int, large: float) -> tuple[float, float]:
    """What is said of gradients and of what rows keep is true; how much of what is said the truth takes."""
    head, m, V, A, B = _problem(seed, large)
    out = tuple(range(seed % 3))
    near = gone = 0.0
    with mpmath.workdps(DIGITS):
        for found, W in _both(head, m, V, A, B, out):
            exact = _gradient(head, W, out)
            far = _far(found.gradient[0], exact)
            assert far <= found.error[0] < 1e-2
            near = max(near, far / float(found.error[0]))
            for j in range(head.n):
                u = _shares(np.eye(head.k), m.c.Z[j])
                least = min(s / t for s, t in zip(_shares(W, head.phi[j]), u, strict=True))
                assert found.e[j, 0] <= least * (1 + mpmath.mpf(2) ** -41)
                assert found.e[j, 0] >= least * (1 - 1e-3)
                gone = max(gone, float(found.e[j, 0] / least))
    return near, gone


@pytest.mark.parametrize("seed", range(6))
def test_gradients_and_what_rows_keep(seed: int) -> None:
    _check(seed, 1.0)


@pytest.mark.parametrize("seed", range(6))
def test_where_large_columns_cancel(seed: int) -> None:
    _check(seed, 1e5)


def _exactly(part: str) -> Any:
    old = sums._found

    def wrong(base: Base, g: Array, e: Array, W: Array, size: Array, widest: Array, gone: int) -> Found:
        kept = e.copy()
        found = old(base, g, e, W, size, widest, gone)
        if part == "e":
            return dataclasses.replace(found, e=kept.T)
        return dataclasses.replace(found, error=0.0 * found.error)

    return wrong


@pytest.mark.parametrize("part", ["outputs", "e", "error"])
def test_roundings_that_are_left_out_are_seen(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    if part == "outputs":  # neither gradients nor curvatures know that they round
        monkeypatch.setattr(sums, "lengths", lambda W: np.zeros(len(W)))
    else:
        monkeypatch.setattr(sums, "_found", _exactly(part))
    with pytest.raises(AssertionError):  # noqa: PT012
        for seed in range(12):
            _check(seed, 1e8)


def test_what_rows_keep_where_the_centre_is_the_base() -> None:
    """There the least exponential of the step is taken, which is formed once."""
    head, m, V, _, B = _problem(1, 1.0)
    base, steps = sums.base_of(m, m.c.V), sums.steps_of(head, B[None], V)
    assert base is not None and base.turn is None
    none = np.zeros((1, 0), dtype=np.int64)
    W = (m.c.V + steps.delta[0])[None]
    found = sums.at_sums(base, steps, np.zeros(1, dtype=np.int64), none, W)
    for j in range(head.n):
        with mpmath.workdps(DIGITS):
            u = _shares(np.eye(head.k), m.c.Z[j])
            least = min(s / t for s, t in zip(_shares(W[0], head.phi[j]), u, strict=True))
        assert least * (1 - 1e-9) <= found.e[j, 0] <= least * (1 + 2.0**-41)


@pytest.mark.parametrize("seed", range(4))
def test_what_rows_keep_is_below_their_curvature(seed: int) -> None:
    """`A(Wx_j) ⪰ e_jA(u_j)`, and some rows keep little more."""
    head, m, V, A, B = _problem(seed, 1.0)
    nearest = np.inf
    for found, W in _both(head, m, V, A, B, ()):
        for j in range(head.n):
            z, u = W @ head.phi[j], m.c.Z[j]
            s, t = (np.exp(v - v.max()) / np.exp(v - v.max()).sum() for v in (z, u))
            D = np.diag(s) - np.outer(s, s) - found.e[j, 0] * (np.diag(t) - np.outer(t, t))
            low = np.linalg.eigvalsh(D)
            assert low[0] >= -1e-12
            nearest = min(nearest, float(low[1 if head.k > 1 else 0]))
    assert nearest < 0.05


def test_outputs_too_far_apart_are_known_nothing_of() -> None:
    head, m, V, A, B = _problem(2, 1.0)
    far = np.array([V * 1e3, B])
    steps, base = sums.steps_of(head, far, V), sums.base_of(m, A)
    assert steps.good.tolist() == [False, True] and base is not None and sums.base_of(m, V * 1e3) is None
    rows = np.zeros((2, 1), dtype=np.int64)
    found = sums.at_sums(base, steps, np.arange(2), rows, A + steps.delta)
    assert np.isinf(found.error[0]) and np.isfinite(found.error[1])
    found = sums.at_weights(base, rows, np.array([V * 1e3, B]))
    assert np.isinf(found.error[0]) and np.isfinite(found.error[1])
    lines = candidates.lines_of(head, np.arange(6))
    assert candidates.look(m, found, rows, far, lines, lines.lengths(m)).open[0].all()
