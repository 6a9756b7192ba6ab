"""D29: numbers of the refits after one new label each, of which those of two are made up.

What a label leaves of the gradient and takes of the curvature is found at weights near its refit; what two labels do
together is bounded row by row by products of what each does, which a table of products adds up.
proofs/heads-pair-table.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array
from certify.rigor.single.floats import Short, above, products_are_exact
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.label_triples.matrix import FINE, Matrix, Slopes, gradients, judged_at, lost, slopes
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.pair_tree.curves import EVEN, curve

SHORT, LONG = 1.0, 600.0
"""Moves up to which a polynomial stands for an exponential, and beyond which there is none."""

SURE, TINY, ROUNDED = 250.0, 2.0**-800, 2.0**-36
"""Margins and exponents up to which curvatures and exponentials are known up to `EVEN`; what pays for those beyond; and
for what is lost where margins are added or have their error taken off."""

LARGEST, WIDEST = 1e15, 2.0**16
"""Entries beyond it are none, and nothing is known of pairs with that row; margins that are too large to be added."""

AT_ONCE = 1 << 21
"""Entries of the largest array that is worked on at a time."""


@dataclass(frozen=True, eq=False)
class Centre:
    """The refit without a change, nearly.

    Attributes:
        m: the matrix.
        V0, left: `(m,)` weights, and at least what they leave of the gradient in the norm of the inverse.
        t, off: `(n,)` margins in floats, and what they are off by.
        slack: `(n,)` at most half of the logarithm of the curvature that rows keep there over what the matrix has of
            them; below 0 where the matrix has more.
        share: `(n,)` at least what the matrix has of a row, in the norm of the inverse.
        weight: `(n,)` at least the curvature over the root of what the matrix has.
    """

    m: Matrix
    V0: Array
    left: float
    t: Array
    off: float
    slack: Array
    share: Array
    weight: Array


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers of single changes.

    Attributes:
        centre: the refit without a change.
        rows, W: `(f,)` the rows, and `(f, m)` weights near the refits.
        left, gone: `(f,)` at least what is left of the gradient there, and the share of the curvature that is lost;
            infinite where nothing is known.
        squares: `(f, n)` at least the squares of what each change does to other rows, times the root of the weight.
        beside: `(f, f)` at least what a change, with the change of another row, does to that row, times its length.
        open: `(f, L)` the points that a change by itself may flip.
    """

    centre: Centre
    rows: Whole
    W: Array
    left: Array
    gone: Array
    squares: Short
    beside: Short
    open: Mask


def centre(m: Matrix, V0: Array) -> Centre | None:
    """The refit without a change; None where floats say too little of it.

    Args:
        m: a matrix below its curvature.
        V0: `(m,)` weights from anywhere.
    """
    at = slopes(m, V0[None])
    t = np.abs(at.t[0])
    if not (products_are_exact() and at.good.all() and at.off < FINE and (m.d > 0.0).all() and float(t.max()) < WIDEST):
        return None
    left = gradients(m, np.zeros((1, 0), np.int64), at)[0]
    off = at.off + ROUNDED
    weight = (curve(np.maximum(t - off, 0.0)) * EVEN * EVEN + TINY) / np.sqrt(m.d) * EVEN
    share = m.d * m.long * m.long * RAISE
    if not (np.isfinite(weight).all() and np.isfinite(share).all()):
        return None
    return Centre(m, V0, float(left[0]), at.t[0], off, _slack(m.keeps * curve(t + off) / EVEN / m.d, t), share, weight)


def _slack(more: Array, t: Array) -> Array:
    """`(n,)` at most half of the logarithm of `more`: logarithms are proposals, which a proved exponential confirms."""
    with np.errstate(divide="ignore", invalid="ignore"):
        slack = 0.5 * np.log(more) - 2.0**-30
    known = (np.abs(slack) < SURE) & (t < SURE)
    known &= exp(np.where(known, 2.0 * slack, 0.0)) * EVEN * EVEN <= more
    return np.where(known, slack, -WIDEST)


def numbers(c: Centre, rows: Whole, W: Array, check: Callable[[], None]) -> Numbers | None:
    """Numbers of single changes; None where floats say too little of them.

    Args:
        c: the refit without a change.
        rows: `(f,)` rows that get their other label, one each.
        W: `(f, m)` weights from anywhere.
        check: raises when the time is up.
    """
    head, f = c.m.rows.head, len(rows)
    W = np.where(np.isfinite(W).all(axis=1, keepdims=True), W, c.V0)
    longest = float(fp.row_norms(W).max(initial=0.0))
    off = fp.dot_unit(head.m) * float(head.phi_norm.max()) * longest * RAISE
    own = np.einsum("ij,ij->i", W, c.m.rows.S[rows])
    if not off < FINE or not float(np.abs(own).max(initial=0.0)) < WIDEST:
        return None
    found = Numbers(c, rows, W, np.empty(f), np.empty(f), np.empty((f, head.n), np.float32),
                    np.empty((f, f), np.float32), np.empty((f, len(c.m.rows.points)), dtype=bool))
    bends = _bends(c, rows, own)
    step = max(1, AT_ONCE // head.n)
    for at in range(0, f, step):
        check()
        some = slice(at, at + step)
        _fill(found, some, bends)
    return found


def _bends(c: Centre, rows: Whole, own: Array) -> Array:
    """`(f,)` at least the curvature of rows before and after their own change."""
    near = np.maximum(np.minimum(np.abs(c.t[rows]), np.abs(own)) - 2.0**-28, 0.0)  # a curvature falls away from 0
    return curve(near) * EVEN + TINY


def _fill(found: Numbers, some: slice, bends: Array) -> None:
    """The numbers of some changes."""
    c, rows = found.centre, found.rows[some]
    at = slopes(c.m, found.W[some])
    left = gradients(c.m, rows[:, None], at)
    found.open[some] = judged_at(c.m, at, left, lost(c.m, at.p)).open
    move = at.t - c.t
    room = 2.0 * (at.off + c.off) + 2.0**-50 * WIDEST  # what moves are off by
    size = np.abs(move) + room
    away = move * np.where(c.t < 0.0, -1.0, 1.0)  # from 0 every way leads away
    sure = (away > 2.0 * room) & (np.abs(c.t) > c.off)  # away from 0 the curvature falls, and differences are less
    grown = _grown(size)
    beside = np.minimum((size * (1.0 + grown))[:, found.rows] * bends, 1.0)  # slopes are between 0 and 1
    found.beside[some] = above(beside * c.m.long[found.rows])
    does = np.where(sure, size, grown)
    does *= does
    does *= c.weight * EVEN
    small = (does < LARGEST).all(axis=1) & (np.abs(at.t) < WIDEST).all(axis=1) & at.good
    found.left[some], found.gone[some] = left[0], np.where(small, _gone(c, at, away, room), np.inf)
    found.squares[some] = above(np.minimum(does, LARGEST))
    found.squares[some][np.arange(len(rows)), rows] = 0.0


def _grown(x: Array) -> Array:
    """At least `e^x − 1` for x ≥ 0; infinite beyond `LONG`."""
    found = x * (1.0 + x * (0.5 + 0.25 * x)) * (1.0 + 2.0**-40)  # e^x − 1 ≤ x + x²/2 + x³/4 for x ≤ 1
    far = x > SHORT
    y = x[far]
    found[far] = np.where(y < LONG, exp(np.minimum(y, LONG)) * EVEN - 1.0, np.inf)
    return found


def _gone(c: Centre, at: Slopes, away: Array, room: float) -> Array:
    """`(B,)` at least the share of the matrix that a change takes beside another one."""
    v = np.where(away > 0.0, away, np.maximum(-away - np.abs(c.t), 0.0))
    v += room - c.slack
    np.clip(v, 0.0, WIDEST, out=v)
    v /= 1.0 + 0.5 * v  # 1 − e^−v is no more
    np.minimum(v, 1.0, out=v)
    return np.asarray((v @ c.share) * (fp.sum_up(len(c.t)) * RAISE))
