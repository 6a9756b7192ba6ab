"""D25: what each single step does to every row, whatever matrix it is measured in.

Of row j: `e^ρ − 1` and `((e^ρ − 1)/ρ)|τ|_j` of the range ρ and the length of what the step adds to its outputs, and the
share of its curvature that is kept, so that shares of up to m steps may be multiplied (Lemma 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.softmax.centre import Centre, mean_most

WIDEST = 200.0
"""Largest range of what a step adds to outputs; beyond it nothing is known of the step."""

LESS = 1.0 - 2.0**-36
"""Factor on shares of curvature, for what exponentials, sums and roots of :func:`shares` are rounded by."""

UP = 1.0 + 2.0**-40


@dataclass(frozen=True, eq=False)
class Moves:
    """Single steps around the centre.

    Attributes:
        c: the centre.
        rows: `(f,)` the rows that each leaves out.
        ranges: `(f, n)` at least ρ, the ranges of moves.
        grown: `(f, n)` at least `e^ρ − 1`; 0 at the row itself.
        pulled: `(f, n)` at least `((e^ρ − 1)/ρ)|τ|_j`; 0 at the row itself.
        keeps: `(f, n)` at most the share that is kept; 1 at the row itself.
    """

    c: Centre
    rows: Whole
    ranges: Array
    grown: Array
    pulled: Array
    keeps: Array


def moves_of(c: Centre, rows: Whole, delta: Array, most: int, check: Callable[[], None] = lambda: None) -> Moves:
    """What steps do.

    Args:
        c: the centre, with the errors of its outputs.
        rows: `(f,)` the row that each step leaves out.
        delta: `(f, k, p)` the steps, each entry rounded once.
        most: how many steps may be added.
        check: raises when the time is up.
    """
    head, (n, k) = c.head, c.S.shape
    size = np.sqrt(np.einsum("fkp,fkp->f", delta, delta)) * fp.sum_up(delta[0].size) + fp.FLOOR
    high = (c.S + c.s_off[:, None]).T
    ranges, pulled, keeps = (np.empty((len(rows), n)) for _ in range(3))
    for i, step in enumerate(delta):
        check()
        T = step @ head.phi.T
        off = (fp.dot_unit(head.m) + 2.0 * U) * size[i] * head.phi_norm * RAISE
        top, low = T.max(axis=0), T.min(axis=0)
        ranges[i] = (top - low + 2.0 * off) * RAISE
        keeps[i] = shares(T - top, high, most) * (1.0 - 4.0 * off)
        large = np.maximum(np.abs(top), np.abs(low))
        T -= (T * c.S.T).sum(axis=0)
        pulled[i] = (np.sqrt((T * T * high).sum(axis=0)) * RAISE + off + 4.0 * U * (k + 2.0) * large) * RAISE
    known = ranges <= WIDEST
    mean = mean_most(ranges)
    grown = np.where(known, ranges * mean * RAISE, np.inf)
    pulled = np.where(known, pulled * mean * RAISE, np.inf)
    keeps = np.where(known, np.maximum(keeps, 0.0), 0.0)
    own = np.arange(len(rows)), rows
    grown[own], pulled[own], keeps[own] = 0.0, 0.0, 1.0
    return Moves(c, rows, ranges, grown, pulled, keeps)


def shares(T: Array, high: Array, m: int) -> Array:
    """`(n,)` at most `e^(min τ)/(Σ_c σ_c e^(mτ_c))^(1/m)`, the share of a row's curvature that a step leaves.

    Args:
        T: `(k, n)` what it adds to outputs, the largest of each row 0.
        high: `(k, n)` at least the probabilities.
        m: most steps that are added.

    >>> bool(shares(np.array([[0.0], [-1.0]]), np.array([[1.0], [0.0]]), 2)[0] < np.exp(-1.0))
    True
    """
    T = np.maximum(T, -WIDEST)
    x = exp(T)
    power = x.copy()
    for _ in range(m - 1):
        power *= x
    return np.asarray(x.min(axis=0) / root_up((high * power).sum(axis=0) * RAISE, m) * LESS)


def root_up(v: Array, m: int) -> Array:
    """At least the m-th roots of numbers ≥ 0, whatever a library's powers err by; infinite where that is not seen.

    >>> [float(root_up(np.array([8.0]), 3)[0]) >= 2.0, float(root_up(np.array([np.nan]), 3)[0])]
    [True, inf]
    """
    v = v + fp.FLOOR
    r = np.power(v, 1.0 / m) * UP
    power = r.copy()
    for _ in range(m - 1):
        power *= r
    return np.asarray(np.where(power > v * (1.0 + 2.0 * m * U), r, np.inf))
