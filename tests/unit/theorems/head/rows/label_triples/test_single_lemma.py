"""What the lemma of D28 in single precision says of errors, against long double; and every term where it alone counts.

A term that is left out goes unnoticed where others pay for it: so there are cases in which nearly nothing else is lost.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.rigor.single import pieces
from certify.rigor.single.floats import UNIT, Short
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.label_triples import single as module
from certify.theorems.head.rows.label_triples.matrix import matrix
from certify.theorems.head.rows.label_triples.single import At, Gradients, Single, Slopes, Wanted, near, single
from certify.theorems.head.rows.label_triples.sums import Sums, at_sums
from tests.families.heads import drawn_head
from tests.unit.theorems.head.rows.label_triples.test_matrix import curvature, held
from tests.unit.theorems.head.rows.label_triples.test_single import blocks

LONG = np.longdouble
POINTS = 12


def slopes_of(s: Single, V: Any) -> Any:
    """`(B, n)` slopes in long double, in the order of the head."""
    return np.exp(-np.logaddexp(LONG(0.0), V @ s.m.rows.S.astype(LONG).T))


def gradients(s: Single, V: Any, changed: Whole) -> Any:
    """`(B, p)` K times gradients in long double."""
    head, new = s.m.rows.head, np.zeros((len(V), s.m.rows.head.n), LONG)
    np.put_along_axis(new, changed, LONG(1.0), axis=1)
    linear = np.where(head.decayed, LONG(head.weight_decay) * head.n, LONG(0.0)) * V
    return (linear + (new - slopes_of(s, V)) @ s.m.rows.S.astype(LONG)) @ s.m.K.astype(LONG).T


def lacking(s: Single, V: Any) -> Any:
    """`(B,)` the share of A that the curvature lacks, in long double."""
    p, long = slopes_of(s, V), s.m.long.astype(LONG)
    keeps = -np.expm1(-2.0 * long) / (2.0 * long)
    return (np.maximum(s.m.d - keeps * p * (1.0 - p), 0.0) * long**2).sum(axis=1)


def length(x: Any) -> Any:
    return np.sqrt((x.astype(LONG) ** 2).sum(axis=-1))


@dataclasses.dataclass(eq=False)
class Seen:
    """What the theorem found on its way, with slopes before they are written over."""

    p: Short
    slope: Slopes
    at: At
    changed: Whole
    g: Gradients
    lost: Array


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Seen]:
    """Filled by whatever is judged."""
    found: list[Seen] = []
    left = module._left

    def watched(s: Single, changed: Whole, linear: Short, slope: Slopes, at: At) -> Gradients:
        lost, p = module._lost(s, slope), slope.p.copy()
        g = left(s, changed, linear, slope, at)
        found.append(Seen(p, slope, dataclasses.replace(at, x=at.x.copy()), changed.copy(), g, lost))
        return g

    monkeypatch.setattr(module, "_left", watched)
    return found


def hold(s: Single, one: Seen, V: Any) -> int:
    """Asserts that errors at the real weights V are within all bounds; how many weights were looked at."""
    known = np.isfinite(one.g.length) & one.at.good
    V, x, g = V[known], one.at.x[known], gradients(s, V[known], one.changed[known])
    assert (length(V - x) <= one.at.apart).all() and (length(V) <= one.at.longest * (1.0 + 1e-15)).all()
    assert (length(one.g.turned[known] - g) <= one.g.error[known]).all()
    assert (length(g) <= one.g.length[known]).all()
    p = slopes_of(s, V)[:, np.argsort(s.place)]
    assert (np.abs(one.p[known] - p) <= one.slope.part * p + one.slope.beyond).all()
    some = np.isfinite(one.lost[known])
    assert (lacking(s, V) <= one.lost[known])[some].all()
    rows = s.m.rows
    off = np.abs((x @ s.away)[:, rows.head.m :] - V @ rows.points.astype(LONG).T)
    assert (off <= module._bar(s, one.at) - rows.level).all()
    return int(known.sum())


def drawn(rng: np.random.Generator) -> Head:
    """Few rows, of any scale, some far longer than others, some columns nearly alike."""
    d, scale = int(rng.integers(1, 9)), float(10.0 ** rng.uniform(-3.0, 3.0))
    head = drawn_head(rng, "logistic", n=int(rng.integers(5, 40)), d=d, N=2, scale=scale,
                      apart=float(rng.uniform(0.0, 4.0)),
                      decay=float(10.0 ** rng.uniform(-6.0, 1.0)) * (scale**2 if rng.random() < 0.5 else 1.0))
    phi = head.phi.copy()
    if rng.random() < 0.3:
        phi[rng.integers(head.n), :-1] *= 10.0 ** rng.uniform(0.0, 3.0)
    if d > 1 and rng.random() < 0.3:
        phi[:, 1] = phi[:, 0] * (1.0 + 10.0 ** rng.uniform(-5.0, -1.0) * rng.standard_normal(head.n))
    return dataclasses.replace(head, phi=phi)


def matrices() -> Iterator[tuple[np.random.Generator, Single, Array]]:
    """With the weights that they are about."""
    for seed in range(60):
        rng = np.random.default_rng([seed, 282])
        head = drawn(rng)
        w = head.V[0]
        points = rng.standard_normal((POINTS, head.m)) * 10.0 ** rng.uniform(-3.0, 3.0, (POINTS, 1))
        with np.errstate(all="ignore"):
            m = matrix(held(head, points, np.zeros(POINTS)), curvature(head, w) * rng.uniform(0.3, 1.3, head.n))
        s = None if m is None else single(m, rng.permutation(head.n), w)
        if s is not None:
            yield rng, s, w


@pytest.mark.parametrize("in_parts", [False, True])
def test_errors_at_given_weights_are_within_their_bounds(in_parts: bool, seen: list[Seen],
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    """Next to the refits of no label and as far as anything."""
    if in_parts:  # as products of many rows are
        monkeypatch.setattr(pieces, "WHOLE", 4)
        monkeypatch.setattr(pieces, "PIECE", 4)
    many = 0
    for rng, s, w in matrices():
        head = s.m.rows.head
        count = int(rng.integers(4))
        changed = np.stack([rng.choice(head.n, count, replace=False) for _ in range(30)])
        V = w + 10.0 ** rng.uniform(-7.0, 2.0, (30, 1)) * rng.standard_normal((30, head.m)) @ s.m.K
        V[0] = 10.0 ** rng.uniform(-3.0, 3.0) * rng.standard_normal(head.m)
        near(s, changed, V, Wanted(np.ones(POINTS, bool), 1))
        many += sum(hold(s, one, one.at.x.astype(LONG)) for one in seen)
        seen.clear()
    assert many > 1000


@pytest.mark.parametrize("count", [2, 3])
def test_errors_at_sums_are_within_their_bounds(count: int, seen: list[Seen]) -> None:
    """Of weights that are near refits and of any."""
    many, f = 0, 5
    number = {one: i for i, one in enumerate(combinations(range(f), 2))}
    for rng, s, w in matrices():
        head, stray = s.m.rows.head, 10.0 ** rng.uniform(-6.0, 1.5)
        V0, W, P = (w + (stray * rng.standard_normal((k, head.m))) @ s.m.K for k in (1, f, len(number)))
        pairs = P.astype(np.float32)
        sums = Sums(head, V0[0], W, pairs if count == 3 else None, np.argsort(s.place), lambda: None)
        rows = rng.choice(head.n, f, replace=False)
        if not sums.able:
            continue
        with np.errstate(all="ignore"):
            every = blocks(sums, count, 4)
        for block in every:
            of, w0 = W.astype(LONG)[block.members].sum(axis=1), V0.astype(LONG)
            if count == 3:
                two = [[number[i, j], number[i, k], number[j, k]] for i, j, k in block.members.tolist()]
                of, w0 = pairs.astype(LONG)[two].sum(axis=1) - of, -w0
            at_sums(s, rows[block.members], block, Wanted(np.ones(POINTS, bool), 1))
            many += hold(s, seen.pop(), of - w0)
    assert many > 300


def alike(n: int, phi: Array, decay: float, curve: Array | float, points: Array | None = None,
          Y: Array | float = 1.0) -> Single:
    """Rows as given, all of one label as a rule, in their own order; the intercept has decay as well."""
    head = drawn_head(np.random.default_rng(0), "logistic", n=n, d=phi.shape[-1] - 1, free=False, decay=decay / n)
    labels = np.array(np.broadcast_to(Y, (n,)))[:, None]
    head = dataclasses.replace(head, phi=np.array(np.broadcast_to(phi, head.phi.shape)), Y=labels)
    points = np.eye(head.m) if points is None else points
    m = matrix(held(head, points, np.zeros(len(points))), np.broadcast_to(curve, (n,)).copy())
    assert m is not None
    s = single(m, np.arange(n), np.zeros(head.m))
    assert s is not None
    return s


def off_by(s: Single, x: Short, slope: Slopes, V: Any, changed: Whole) -> tuple[Array, Array, Array]:
    """What K times the gradient is off by, its bound, and the bound if slopes were as they are by chance."""
    at = At(x, float(length(V).max()) * (1.0 + 1e-9), float(length(V - x).max()), np.ones(len(x), bool))
    exactly = Slopes(slope.p.copy(), 0.0, 0.0)
    linear = (x @ s.away)[:, : s.m.rows.head.m]
    without = module._left(s, changed, linear, exactly, dataclasses.replace(at, apart=0.0)).error
    g = module._left(s, changed, linear, slope, at)
    return np.asarray(length(g.turned - gradients(s, V, changed)), float), g.error, without


NONE, ONE_ROW, SPREAD = np.zeros((4, 0), np.int64), np.array([3.0, 1.0]), np.array([100.0, *6 * [0.0], 1.0])


@pytest.mark.parametrize(("part", "beyond"), [(2.0**-10, 0.0), (0.0, 2.0**-12)])
def test_slopes_that_are_all_too_small_are_paid_for(part: float, beyond: float) -> None:
    """Rows are all one row, so that nothing cancels."""
    s = alike(20, ONE_ROW, 1.0, 0.25)
    x = np.zeros((4, 2), np.float32)
    p = np.full((4, 20), 0.5 * (1.0 - part) - beyond, np.float32)
    off, bound, without = off_by(s, x, Slopes(p, part, beyond), x.astype(LONG), NONE)
    assert (off <= bound).all() and (off > 0.8 * bound).all() and (off > 10.0 * without).all()


def loses() -> bool:
    """Whether products on this machine add terms one after the other, so that small ones are lost beside the first."""
    p = np.full((4, 200), 0.99 * UNIT, np.float32)
    p[:, 0] = 1.0
    return bool((p @ np.ones((200, 9), np.float32) < 1.0 + 10.0 * UNIT).all())


in_turn = pytest.mark.skipif(not loses(), reason="products are added up in another order, in which less is lost")


@in_turn
def test_small_slopes_that_are_lost_beside_a_large_one_are_paid_for() -> None:
    """One slope is 1, all others are below half of its last digit, and every one of them is lost or rounded up."""
    shares, first = [], np.where(np.arange(200) == 0, -1.0, 1.0)
    s = alike(200, SPREAD, 1.0, 0.25, Y=first)
    for t in np.linspace(16.3, 18.0, 30):
        x = np.repeat(np.array([[t / 100.0, *7 * [0.0]]], np.float32), 4, axis=0)
        slope = Slopes(slopes_of(s, x.astype(LONG)).astype(np.float32), 2.0**-24, 0.0)
        off, bound, _ = off_by(s, x, slope, x.astype(LONG), NONE)
        assert (off <= bound).all()
        shares.append(float((off / bound).max()))
    assert max(shares) > 0.55  # so that half of the bound is too little


@in_turn
def test_new_labels_count_in_what_is_added_to_them(seen: list[Seen]) -> None:
    """A new label adds 1 less a slope, beside which the slopes of others are lost."""
    worst, changed = 0.0, np.zeros((4, 1), np.int64)
    s = alike(200, SPREAD, 1.0, 0.25)
    for t in np.linspace(16.3, 18.0, 30):
        V = np.repeat(np.array([[t / 100.0, *7 * [0.0]]]), 4, axis=0)
        near(s, changed, V, Wanted(np.ones(8, bool), 1))
        one = seen.pop()
        x = one.at.x.astype(LONG)
        hold(s, one, x)
        worst = max(worst, float((length(one.g.turned - gradients(s, x, changed)) / s.m.long[0]).max()))
    assert worst > 100.0 * UNIT  # far more than what is added for new labels by themselves


def test_weights_that_are_not_quite_those_that_are_meant_are_paid_for() -> None:
    """In gradients by the decay, and in outputs."""
    s = alike(20, np.array([1e-3, 1.0]), 1e3, 0.25, np.array([[1.0, 0.0], [3e5, 4e5]]))
    x = np.zeros((4, 2), np.float32)
    V = x.astype(LONG) + np.array([1.0, 0.0], LONG)
    p = slopes_of(s, V).astype(np.float32)
    off, bound, without = off_by(s, x, Slopes(p, 2.0**-23, 0.0), V, NONE)
    assert (off <= bound).all() and (off > 0.5 * bound).all() and (off > 10.0 * without).all()
    bar = module._bar(s, At(x, 1.0, 1.0, np.ones(4, bool)))
    out = np.abs((x @ s.away)[:, 2:] - V @ s.m.rows.points.T)
    assert (out <= bar).all() and (out[:, 0] > 0.9 * bar[0]).all()
    assert (module._bar(s, At(x, 1.0, 0.0, np.ones(4, bool))) < 1e-4 * bar).all()


def test_curvature_of_rows_that_are_not_looked_at_is_paid_for(seen: list[Seen]) -> None:
    """Many rows that count little in the matrix, and nothing where their margins are: all that they have is lost."""
    phi = np.zeros((20, 3))
    phi[:5, 0], phi[5:, 1], phi[:, 2] = 1.0, 30.0, 1.0
    m = alike(20, phi, 1.0, np.where(np.arange(20) < 5, 0.1, 1e-6)).m
    light = 0.9 * module.FEW / float((m.d[5:] * m.long[5:] ** 2).sum()) * 1e-6
    s = alike(20, phi, 1.0, np.where(np.arange(20) < 5, 0.1, light))
    assert len(s.least) < 10
    x = np.repeat(np.array([[0.0, 1.0, 0.0]], np.float32), 4, axis=0)
    near(s, NONE, x, Wanted(np.ones(3, bool), 1))
    lost, lacks = seen[0].lost, lacking(s, x.astype(LONG))
    assert (lacks <= lost).all() and (lost - s.rest < 0.1 * lacks).all()


def test_more_curvature_than_any_row_has_is_paid_for(seen: list[Seen]) -> None:
    s = alike(5, ONE_ROW, 1.0, 0.4)
    x = np.zeros((4, 2), np.float32)
    near(s, NONE, x, Wanted(np.ones(2, bool), 1))
    lost, lacks = seen[0].lost, lacking(s, x.astype(LONG))
    assert (lacks <= lost).all() and (lost - s.rest < 0.1 * lacks).all()


@pytest.mark.parametrize("large", ["longest", "across", "norms", "level", "less"])
def test_nothing_is_compared_with_points_that_are_too_large(large: str) -> None:
    """Whichever of the sizes it is, and although all others are small."""
    s, longest, huge = alike(5, ONE_ROW, 1.0, 0.2), 1.0, 2.0**61
    rows, sizes = s.m.rows, np.array([huge, 1.0])
    if large == "longest":
        rows, longest = dataclasses.replace(rows, norms=np.array([huge, 1.0]) / 2.0**31), 2.0**31
    elif large == "norms":
        rows, longest = dataclasses.replace(rows, norms=sizes), 2.0**-20
    elif large in ("level", "less"):
        rows = dataclasses.replace(rows, level=sizes if large == "level" else -sizes)
    m = dataclasses.replace(s.m, rows=rows, across=sizes if large == "across" else s.m.across)
    at = At(np.zeros((1, 2), np.float32), longest, 0.0, np.ones(1, bool))
    assert np.isfinite(module._bar(dataclasses.replace(s, m=m), at)).tolist() == [False, True]


def test_thresholds_are_not_rounded_down() -> None:
    level = np.random.default_rng(0).standard_normal(50) * 10.0 ** np.linspace(-6.0, 6.0, 50)
    s = alike(5, ONE_ROW, 1.0, 0.2, np.repeat(np.eye(2), 25, axis=0))
    m = dataclasses.replace(s.m, rows=dataclasses.replace(s.m.rows, level=level))
    bar = module._bar(dataclasses.replace(s, m=m), At(np.zeros((1, 2), np.float32), 0.0, 0.0, np.ones(1, bool)))
    assert (bar >= level).all() and (bar <= level + 1e-6 * np.abs(level) + 1e-30).all()


def test_weights_that_may_be_read_as_0_are_paid_for() -> None:
    """Whether or not this machine does: in outputs of long points, and in gradients with a large decay."""
    s, x = alike(5, ONE_ROW, 1e60, 0.2, 2.0**50 * np.eye(2)), np.zeros((4, 2), np.float32)
    at, slope = At(x, 0.0, 0.0, np.ones(4, bool)), Slopes(np.full((4, 5), 0.5, np.float32), 0.0, 0.0)
    assert (module._bar(s, at) >= 2.0**-126 * s.m.rows.norms).all()
    linear = (x @ s.away)[:, :2]
    assert (module._left(s, NONE, linear, slope, at).error >= 2.0**-126 * s.m.size * s.m.rows.head.mu()[0]).all()
