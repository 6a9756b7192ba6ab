"""D32: what some deleted rows take of a contrast exactly, and the worst new labels of others beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.theorems.head.rows.both_squared.base import Base
from certify.theorems.head.rows.squared.contrasts import Ints, Swing

ROOM = 2.0**-20
"""Least bound below `1 − ‖K_MM‖`."""


@dataclass(frozen=True, eq=False)
class One:
    """One contrast.

    Attributes:
        c: `(n,)` influences of the rows, every one within `ec`.
        r: `(n,)` residuals.
        z, ez: its value and error.
        swing: what new targets take.
    """

    c: Array
    ec: float
    r: Array
    z: float
    ez: float
    swing: Swing

    def drops(self, c: Array, error: Array | float) -> Array:
        """At least what the worst new target of every row takes where influences are c up to an error, 0 or more."""
        size = np.maximum(np.abs(self.swing.high), np.abs(self.swing.low))
        v = np.maximum(c * self.swing.high, c * self.swing.low)
        wrong = error * (size + self.swing.coarse) + np.abs(c) * (self.swing.coarse + 4 * U * size)
        return np.asarray(np.maximum(v + wrong * RAISE, 0.0))


def one_of(base: Base, contrast: int) -> One:
    """A contrast of a base."""
    root, at = base.root, np.array([contrast])
    t = int(root.pairs.point[contrast])
    return One(root.C.at(np.array([t]))[0], float(root.ec[t]), root.pairs.of(root.R, at)[0],
               float(root.z[contrast]), float(root.ez[contrast]), base.swing_of(contrast))


def shares(base: Base, one: One) -> Array:
    """`(n,)` at least `c_ix_i + |c_i|ω_i`, what a deletion takes in any choice: a sum bound; 0 or more."""
    assert base.omega is not None
    x = one.r / (1.0 - np.diagonal(base.K))
    wide = base.omega + base.x_error
    size = np.abs(one.c)
    total = one.c * x + (size + one.ec) * wide + one.ec * np.abs(x) + 8 * U * size * (np.abs(x) + wide)
    return np.asarray(np.maximum(total * (1 + 8 * U) + fp.FLOOR, 0.0))


def taken(base: Base, one: One, sets: Ints) -> tuple[Array, Array]:
    """`(B,)` at least what some sets of deleted rows take with the worst labels beside them; and influences `(B, n)`.

    `c_M·N⁻¹r_M + T_{m₂}(max(c'_l·high_l, c'_l·low_l))`, `c' = c + K_{·M}N⁻¹c_M` over rows outside M, `N = I − K_MM`.
    Infinite where N is not proved to be nonsingular.

    Args:
        base: the decay.
        one: the contrast.
        sets: `(B, s)` places of rows.
    """
    B, s = sets.shape
    eK, er = base.root.factor.error, base.pair_error
    if not s:
        v = one.drops(one.c, one.ec)
        return np.full(B, worst(v[None], base.relabelled)[0]), np.repeat(one.c[None], B, axis=0)
    K = base.K[sets[:, :, None], sets[:, None, :]]
    rows = np.abs(K).sum(axis=2).max(axis=1)
    room = 1.0 - (rows * fp.sum_up(s) + s * eK) * RAISE
    good = room > ROOM
    N = np.eye(s) - np.where(good[:, None, None], K, 0.0)
    both = np.stack([one.r[sets], one.c[sets]], axis=2)
    solved = np.linalg.solve(N, both)
    rest = np.abs(both - N @ solved) + fp.dot_unit(s + 4) * (np.abs(both) + (np.abs(N) + np.eye(s)) @ np.abs(solved))
    size, long = _lengths(solved), _lengths(both)
    root = np.sqrt(s) * RAISE
    away = (_lengths(rest) + root * np.array([er, one.ec]) + s * eK * size) / np.where(good, room, 1.0)[:, None]
    away = away * (RAISE * RAISE)
    gone = np.einsum("bs,bs->b", one.c[sets], solved[:, :, 0])
    wrong = long[:, 1] * away[:, 0] + root * one.ec * (size[:, 0] + away[:, 0])
    wrong += fp.dot_unit(s + 2) * long[:, 1] * size[:, 0]
    after = one.c + np.einsum("bs,bsn->bn", solved[:, :, 1], base.K[sets])
    largest = np.abs(one.c).max(initial=0.0)
    off = one.ec + away[:, 1] + root * eK * size[:, 1]
    off += fp.dot_unit(s + 2) * (largest + size[:, 1] * (1.0 + root * eK)) * RAISE  # rows of K are at most 1 long
    v = one.drops(after, (off * (RAISE * RAISE))[:, None])
    np.put_along_axis(v, sets, 0.0, axis=1)
    total = gone + wrong * RAISE + worst(v, base.relabelled)
    found = total + (4 * U * (np.abs(gone) + np.abs(total)) + fp.FLOOR)
    return np.where(good & np.isfinite(found), found, np.inf), after


def worst(v: Array, m: int) -> Array:
    """`(B,)` at least the sums of the m largest of nonnegative numbers."""
    if m <= 0:
        return np.zeros(len(v))
    if m >= v.shape[1]:
        return np.asarray(v.sum(axis=1) * fp.sum_up(max(v.shape[1], 1)))
    return np.asarray(np.partition(v, v.shape[1] - m, axis=1)[:, v.shape[1] - m :].sum(axis=1) * fp.sum_up(m))


def _lengths(X: np.ndarray) -> Array:
    """`(B, q)` upper bounds of the lengths of the columns of `(B, s, q)`."""
    return np.asarray(np.sqrt(np.einsum("bsq,bsq->bq", X, X)) * fp.sum_up(X.shape[1]) + fp.FLOOR)
