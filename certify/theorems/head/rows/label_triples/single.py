"""D28 in single precision: what one gradient proves, with more rounding in its bounds and at a fraction of the cost.

K times the gradient is a sum of rows in the coordinates of K, so that its rounding is bounded by lengths of rows in the
norm of the inverse. What it leaves open double precision may still decide. proofs/heads-label-triples.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.finders.head.near.turned import inverse, newton
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.single import floats as short
from certify.rigor.single.floats import UNIT, Short, above, below
from certify.rigor.single.pieces import product, terms
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.label_triples.matrix import CLOSE, FINE, KEPT, LEAST, ROOM, Matrix
from certify.theorems.head.rows.method import Mask

PART, BEYOND = 2.0**-17, 2.0**-80
"""What slopes at margins are off by, as a part of them, and where margins are cut off."""

FARTHEST = np.float32(60.0)
"""Margins beyond it, on either side, count as much."""

FEW = 2.0**-7
"""What κ may be more, so that rows which count little need not be looked at one by one."""

MANY = 0.75
"""Share of the rows from which on all are looked at."""

EVEN, LARGEST = 2.0**-18, 2.0**60
"""Pays for the last few operations, as a part of what they are about; and the largest outputs that are compared."""

SHORTEST = 2.0**-50
"""Squares of shorter gradients may underflow."""

AT_ONCE, FEWEST = 1 << 18, 128
"""Entries of the largest array that is worked on at a time, and choices: with fewer products wait for memory."""


@dataclass(frozen=True, eq=False)
class Single:
    """A matrix in single precision, its rows in an order of their own.

    Attributes:
        m: the matrix.
        place: `(n,)` where each row is in that order.
        turned: `(p, n)` the rows times their labels.
        Z: `(n, p + 1)` K times the rows, and at least their lengths in the last column.
        away: `(p, p + L)` what weights add to K times the gradient, and to the outputs of points.
        least, counts: `(q,)` at most `¼ − d/keeps` of the first rows, and what a curvature that is less by 1 counts.
        known, middle, back: `(n,)` about d, `(p, p)` inverse of a Hessian in these coordinates, and K: for steps alone.
        seen, across: `(p, L)` K times the points, and `(L,)` at least their lengths.
        exact: what a choice of the rows in `Z` is off by.
        even: at most the sum of both, multiplied.
        lengths, kept, rest: at least the sums of `long` and of `counts`, and what else may be lost.
    """

    m: Matrix
    place: Whole
    turned: Array
    Z: Short
    away: Short
    least: Short
    counts: Short
    known: Short
    middle: Short
    back: Short
    seen: Short
    across: Short
    exact: float
    even: float
    lengths: float
    kept: float
    rest: float


@dataclass(frozen=True, eq=False)
class Slopes:
    """Slopes `(B, n)` of rows at weights, off by that part of themselves and by so much beside it."""

    p: Short
    part: float
    beyond: float


@dataclass(frozen=True, eq=False)
class At:
    """Weights.

    Attributes:
        x: `(B, p)` about the weights.
        longest: at least the length of the weights, and of x.
        apart: how far x may be from them.
        good: `(B,)` which of them are weights at all.
    """

    x: Short
    longest: float
    apart: float
    good: Mask


@dataclass(frozen=True, eq=False)
class Gradients:
    """K times gradients `(B, p)`, what they are off by, and at least the lengths of gradients `(B,)`."""

    turned: Short
    error: Array
    length: Array


@dataclass(frozen=True, eq=False)
class Left:
    """What is not proved of refits near weights.

    Attributes:
        which: `(R,)` numbers of the choices that leave a point open that counts.
        open: `(R, L)` the points that they leave open.
        margin: `(R, L)` about the margins at the refits.
        nearer: `(R, p)` weights one step nearer to the refits, of which nothing is known.
    """

    which: Whole
    open: Mask
    margin: Array
    nearer: Short


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is looked at, and looked for.

    Attributes:
        live: `(L,)` the points that count.
        inner: products with a Hessian in a step towards the refits.
    """

    live: Mask
    inner: int


def single(m: Matrix, order: Whole, V: Array) -> Single | None:
    """A matrix in single precision; None where products in it are not what the bounds are about.

    Args:
        m: the matrix.
        order: `(n,)` numbers of the rows, those with much curvature first as a rule.
        V: `(p,)` weights that are like those of the choices, for steps alone.
    """
    rows, head = m.rows, m.rows.head
    if not short.products_are_exact() or max(head.n, head.m) > short.MOST:
        return None
    with np.errstate(all="ignore"):  # what single precision does not hold is infinite, and proves nothing
        Z = np.concatenate([(rows.S @ m.K.T).astype(np.float32), above(m.long)[:, None]], axis=1)[order]
        away = np.concatenate([m.K.T * np.where(head.decayed, head.mu()[0], 0.0)[:, None], rows.points.T], axis=1)
        keeps, squares = (m.keeps * (1.0 - LEAST))[order], (m.long * m.long * RAISE)[order]
        up, own = fp.sum_up(head.n) * RAISE, m.d[order] * squares
        after = np.append(np.cumsum(own[::-1])[::-1], 0.0) * up  # all of d that these rows have may be lost
        q = int((after > FEW).sum())
        q = q if q < MANY * head.n else head.n  # all rows are faster than nearly all
        lacks = (m.d[order] / keeps)[:q] * (1.0 + 2.0**-40)
        least, counts = below(np.maximum(0.25 - lacks, 0.0)), above((keeps * squares)[:q])
        heavy = counts.astype(np.float64)
        beyond = float(np.maximum(lacks - 0.25, 0.0) @ heavy) * up  # more than any curvature is
        even = float(least.astype(np.float64) @ heavy) * (1.0 - 2.0**-30)
        exact = fp.dot_unit(head.m) * m.size * float(head.phi_norm.sum()) * up + head.n * head.m * short.LOST
        turned, known = np.ascontiguousarray(rows.turned[:, order]), m.d[order].astype(np.float32)
        middle = inverse(Z[:, :-1], known, 1.0 / (1.0 + np.exp(np.clip(V @ turned, -60.0, 60.0))))
        return Single(m, np.argsort(order), turned, Z, away.astype(np.float32), least, counts, known, middle,
                      m.K.astype(np.float32),
                      np.ascontiguousarray(m.seen.T, np.float32), above(m.across), exact,
                      even, float(m.long.sum()) * up, float(heavy.sum()) * up, float(after[q] + beyond))


def near(s: Single, changed: Whole, V: Array | Short, wanted: Wanted) -> Left:
    """What is not proved of the refits after rows get their other label.

    Args:
        s: the matrix.
        changed: `(B, r)` the rows, all different.
        V: `(B, p)` weights from anywhere, which are rounded to single precision first.
        wanted: what is looked for.
    """
    step = max(FEWEST, AT_ONCE // s.m.rows.head.n)
    with np.errstate(all="ignore"):
        parts = [_near(s, changed[at : at + step], V[at : at + step], wanted) for at in range(0, len(V), step)]
    which = np.concatenate([one.which + step * at for at, one in enumerate(parts)])
    return Left(which, np.concatenate([one.open for one in parts]), np.concatenate([one.margin for one in parts]),
                np.concatenate([one.nearer for one in parts]))


def _near(s: Single, changed: Whole, V: Array | Short, wanted: Wanted) -> Left:
    head = s.m.rows.head
    x: Short = V.astype(np.float32)
    good = np.asarray(np.isfinite(x).all(axis=1))
    x[~good] = 0.0
    W = x.astype(np.float64)
    longest = float(fp.row_norms(W).max(initial=0.0))
    if not fp.dot_unit(head.m) * float(head.phi_norm.max()) * longest * RAISE < FINE:
        open_ = np.ones((len(x), len(s.across)), dtype=bool)  # margins are not known well enough
        return Left(np.arange(len(x)), open_, np.zeros(open_.shape), x)
    t = (W @ s.turned).astype(np.float32)
    np.clip(t, -FARTHEST, FARTHEST, out=t)
    return opened(s, changed, At(x, longest, 0.0, good), slopes(short.exp(t), PART, BEYOND), wanted)


def slopes(e: Short, part: float, beyond: float) -> Slopes:
    """From exponentials of margins, which are written over."""
    e += np.float32(1.0)
    np.divide(np.float32(1.0), e, out=e)  # a reciprocal is not rounded to nearest on every machine
    return Slopes(e, part, beyond)


def opened(s: Single, changed: Whole, at: At, slope: Slopes, wanted: Wanted) -> Left:
    """What is not proved of refits near weights of which slopes are known.

    Args:
        s: the matrix.
        changed: `(B, r)` the rows that get their other label.
        at: the weights.
        slope: slopes at the weights, which are written over.
        wanted: what is looked for.
    """
    m = s.m.rows.head.m
    out, lost = at.x @ s.away, _lost(s, slope)  # before slopes are written over
    g, low = _left(s, changed, out[:, :m], slope, at), _bar(s, at)
    out = out[:, m:]
    half, far = _reach(s, g, lost, at.good)
    bar = above(2.0 * far)[:, None] * s.across  # what refits move along the direction that is known is not more
    bar += low
    rest = np.flatnonzero(~_above(out, bar).all(axis=1))
    out = out[rest] - (g.turned[rest] * half.astype(np.float32)[rest, None]) @ s.seen
    bar = above(far[rest])[:, None] * s.across
    bar += low
    open_ = ~_above(out, bar)
    still = (open_ & wanted.live).any(axis=1)
    rest, out = rest[still], out[still]
    p = np.abs(slope.p[rest])  # where labels are new, what is left to 1: as much curvature
    step = newton(s.Z[:, :m], s.known, s.middle, p, g.turned[rest], wanted.inner)
    step[~np.isfinite(step).all(axis=1)] = 0.0  # slopes at sums may be no numbers
    return Left(rest, open_[still], out - s.m.rows.level, at.x[rest] + step @ s.back)


def _above(out: Short | Array, bar: Short | Array) -> Mask:
    """Where outputs are above bars; one that overflowed is not known to be above anything."""
    return np.asarray((out > bar) & np.isfinite(out))


def _bar(s: Single, at: At) -> Short:
    """`(L,)` what outputs have to be above, with all that they are off by."""
    rows, m = s.m.rows, s.m.rows.head.m
    size = (short.dot_unit(m + 6) * at.longest + at.apart) * rows.norms + 8.0 * UNIT * np.abs(rows.level)
    tiny = m * short.LOST * (1.0 + at.longest + rows.norms)  # floats next to 0 may be read as 0, on either side
    bar = rows.level + (size + tiny) * (1.0 + EVEN)
    # points are held in single precision, where a coordinate beyond it would make an output infinite
    held = (rows.norms < LARGEST) & (np.abs(rows.level) < LARGEST)
    held &= (rows.norms * at.longest < LARGEST) & (s.m.across < LARGEST)
    return np.where(held, bar, np.inf).astype(np.float32)


def _reach(s: Single, g: Gradients, lost: Array, good: Mask) -> tuple[Array, Array]:
    """`(B,)` what gradients are multiplied by, and how far refits are from there; infinite where nothing is known."""
    kept = (1.0 - lost) * (1.0 - 4.0 * U)
    half = 0.5 / np.maximum(kept, KEPT)
    far = half * (g.length * (1.0 + ROOM + 2.0 * short.dot_unit(s.m.rows.head.m + 14)) + 2.0 * g.error) * (1.0 + EVEN)
    good = good & (kept > KEPT) & (g.length * RAISE < s.m.reach * kept) & (far < LARGEST)
    return half, np.where(good, far, np.inf)


def _left(s: Single, changed: Whole, linear: Short, slope: Slopes, at: At) -> Gradients:
    """K times gradients; slopes are written over."""
    head = s.m.rows.head
    mid, wrong = head.mu()
    every, new = np.arange(len(changed)), np.zeros(len(changed))
    for column in s.place[changed].T:
        slope.p[every, column] -= np.float32(1.0)  # what a new label adds
        new += s.Z[column, -1]
    sums, rounded = product(slope.p, s.Z, head.n), short.dot_unit(terms(head.n) + 8)
    turned = linear - sums[:, :-1]
    mass = (sums[:, -1] + 2.0 * new) * (1.0 + 2.0 * rounded)
    error = mass * (slope.part + rounded) * (1.0 + 2.0**-6)
    most = changed.shape[1] * float(s.m.long.max()) * (8.0 * UNIT)
    linearly = mid * (short.dot_unit(head.m + 10) * at.longest + at.apart) + (wrong + 16.0 * U * mid) * at.longest
    fixed = (5.0 * s.exact + slope.beyond * s.lengths + most + s.m.size * linearly
             + head.m * short.LOST * (1.0 + at.longest + s.m.size * mid))  # either factor may be read as 0
    error = np.asarray((error + fixed * (1.0 + 2.0**-6)) * RAISE)
    length = np.sqrt(np.einsum("bm,bm->b", turned, turned), dtype=np.float64) * (1.0 + 2.0 * short.dot_unit(head.m + 6))
    return Gradients(turned, error, (length + SHORTEST + error) * ((1.0 + CLOSE) * RAISE))


def _lost(s: Single, slope: Slopes) -> Array:
    """`(B,)` at least the share of A that the curvature lacks, from slopes."""
    # d/keeps − p(1 − p) is (p − ½)² − h, and where it is above 0 the larger of (p − ½)² and h is that more than h
    n = s.m.rows.head.n
    y = slope.p[:, : len(s.least)] - np.float32(0.5)
    y *= y
    np.maximum(y, s.least, out=y)
    more = (slope.part + slope.beyond + short.dot_unit(terms(n) + 10)) * s.kept
    lacks = product(y, s.counts, n).astype(np.float64) - s.even
    return np.asarray((lacks + more + s.rest + n * short.LOST) * (1.0 + 2.0**-40))
