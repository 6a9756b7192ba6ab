"""D6, the last level: which single rows may be deleted as well, all of them at once and without a box.

At a centre with Hessian H the step `−π H⁻¹s_i`, `π = p_i/(1 − D_i s_iᵀH⁻¹s_i)`, leaves of the gradient without row i
only what linearising the other rows leaves, `Σ_{j≠i} r_j s_j`; its norm in the inverse of `H_i = H − D_i s_is_iᵀ` is
at most `ρ = √(Σ_{j≠i} r_j²/D_j)`. Around there curvatures are at least `e^{−χ}` times those of the centre, so the refit
lies within a of the step if `e^χ(ρ + …) < a`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import short
from certify.theorems.head.rows.boxes.leaves import Base

ROOM = 1.0 + 2.0**-10
"""A checker has bounds of its own: what is proved is to hold with a little to spare."""

NEAR = 1.05
"""Of the proposed a."""

BENT, SMALL = 2.0**-37, 0.5
"""What a checker's curvatures may be off by, times 16; changes of margins below which one bound serves all rows."""

AT_ONCE = 1 << 23
"""Products that are held at once."""

LEVERAGE, FARTHEST = 2.0**-10, 2.0
"""Least `1 − D_i s_iᵀH⁻¹s_i`, and the largest change of a margin that is looked at."""


@dataclass(frozen=True, eq=False)
class Steps:
    """What does not depend on points, of the rows that may be deleted.

    Attributes:
        rows: the rows.
        lengths: (n,) upper bounds of `|s_j|_{H⁻¹}`.
        left: lower bounds of `1 − D_i s_iᵀH⁻¹s_i`, positive where `fine`.
        pull: upper bounds of π.
        rest: upper bounds of the gradient's norm at the centre in the inverse of `H_i`.
        off: bounds products with `H⁻¹` relative to the product of the norms.
    """

    rows: Rows
    lengths: Array
    left: Array
    fine: NDArray[np.bool_]
    pull: Array
    rest: Array
    off: float

    def take(self, at: Rows) -> Steps:
        """The steps of some of the rows."""
        return replace(self, rows=self.rows[at], left=self.left[at], fine=self.fine[at], pull=self.pull[at],
                       rest=self.rest[at])


def steps(b: Base, rows: Rows) -> Steps:
    """The steps of all rows."""
    s, at = b.c.sums, b.c.at
    p = len(b.X)
    off = (b.off + (8.0 + 4.0 * float(np.sqrt(p))) * short(p) * b.size) * RAISE  # as coarse as a checker's products
    squares = np.einsum("ij,ij->i", s.S @ b.X, s.S)
    lengths = np.sqrt(np.maximum(squares, 0.0) + off * s.norms * s.norms) * RAISE
    left = 1.0 - (at.D[rows] + at.D_off[rows]) * lengths[rows] * lengths[rows] * RAISE
    fine = left > LEVERAGE
    left = np.where(fine, left, 1.0) * (1.0 - 2.0**-50)
    pull = (at.p[rows] + at.p_off[rows]) / left * RAISE
    longest = float((lengths * b.c.kept).max())
    rest = (b.c.gradient * np.sqrt(b.size) + len(s.S) * longest * BENT) / np.sqrt(left) * RAISE
    return Steps(rows, lengths, left, fine, pull, rest, off)


def _within(b: Base, it: Steps, rho: Array, away: Array) -> Array:
    """For each row an a with `e^{away + a·(longest row)}(ρ + rest) < a`, infinite where none is found."""
    longest = float((it.lengths * b.c.kept).max()) / np.sqrt(it.left) * RAISE
    whole = (rho + it.rest) * ROOM
    a = whole
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(6):
            a = np.exp(np.minimum(away + longest * a, 50.0)) * whole
        a = a * NEAR + 2.0**-60
        power = np.minimum((away + longest * a) * RAISE, 600.0)
        ok = it.fine & (power < 50.0) & (exp(power) * (1.0 + 2.0**-40) * whole < a)
    return np.where(ok, a, np.inf)


def rough(b: Base, it: Steps) -> Array:
    """Radii a from norms alone: `|τ_j| ≤ π|s_i||s_j|` and `Σ D_jτ_j² ≤ π²|s_i|²` in the norm of `H⁻¹`."""
    moved = it.pull * it.lengths[it.rows] * RAISE
    far = moved * float((it.lengths * b.c.kept).max()) * RAISE
    good = far < FARTHEST
    far = np.where(good, far, 0.0)
    rho = 0.5 * far * moved / (1.0 - far / 3.0) * RAISE
    return np.where(good, _within(b, it, rho, far), np.inf)


def sharp(b: Base, it: Steps) -> Array:
    """Radii a from every margin's own change."""
    s, at, rows = b.c.sums, b.c.at, it.rows
    K = (s.S @ b.X) @ s.S[rows].T
    far = (np.abs(K) + it.off * np.outer(s.norms, s.norms[rows])) * it.pull * RAISE
    far *= b.c.kept[:, None]
    far[rows, np.arange(len(rows))] = 0.0
    slack = (2.0 * it.off * np.outer(s.norms, s.norms[rows]) * it.pull + 2.0 * at.off[:, None]) * RAISE
    back = (K > 0.0) == (at.t > 0.0)[:, None]  # towards the peak of l'': curvature falls beyond it only
    away = np.maximum(np.where(back, far - 2.0 * np.abs(at.t)[:, None], far) + slack, 0.0)
    away[rows, np.arange(len(rows))] = 0.0
    away = (away * b.c.kept[:, None]).max(axis=0) * RAISE
    # |(ln l'')'| = |1 − 2p| ≤ 1, and it changes by at most half of what the margin does
    most = far.max(axis=0)
    good = most < FARTHEST
    far = np.minimum(far, FARTHEST)
    level = np.where(most < SMALL, SMALL, far)
    bend = np.minimum((np.abs(1.0 - 2.0 * at.p) + 2.0 * at.p_off)[:, None] + 0.5 * level, 1.0) * RAISE
    part = 0.5 * bend * far * far / (1.0 - np.where(most < SMALL, SMALL, bend * far) / 3.0)
    rho = np.sqrt(((at.D + at.D_off) * b.c.kept) @ (part * part) * fp.sum_up(len(s.S))) * RAISE
    return np.where(good, _within(b, it, rho, away), np.inf)


def hot_rows(b: Base, it: Steps, radii: Array, points: Array) -> Rows:
    """The rows whose whole step may be longer than the margin of a point, all in the norm of `H⁻¹`."""
    norms = fp.row_norms(points)
    lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", points @ b.X, points), 0.0) + it.off * norms * norms) * RAISE
    margin = b.c.sums.margins(points, norms, b.c.w)
    tight = float((margin / np.maximum(lengths, 2.0**-500)).min(initial=np.inf))
    reach = (it.pull * it.lengths[it.rows] + radii / np.sqrt(it.left)) * ROOM * RAISE
    return np.flatnonzero(~(it.fine & (reach < tight)))


def open_rows(b: Base, it: Steps, radii: Array, points: Array) -> NDArray[np.bool_]:
    """`(N, f)`: the rows without which a point is not proved to stay."""
    s, norms = b.c.sums, fp.row_norms(points)
    E = points @ b.X
    squares = np.einsum("ij,ij->i", E, points)
    lengths = (np.maximum(squares, 0.0) + it.off * norms * norms) * RAISE
    C = E @ s.S[it.rows].T
    error = it.off * np.outer(norms, s.norms[it.rows])
    bent = (b.c.at.D[it.rows] + b.c.at.D_off[it.rows]) / it.left * RAISE
    C_up = (np.abs(C) + error) * RAISE
    size = np.sqrt(lengths[:, None] + C_up * C_up * bent) * RAISE
    with np.errstate(invalid="ignore"):
        drop = (np.maximum(C + error, 0.0) * it.pull + size * radii) * ROOM * RAISE
    margin = s.margins(points, norms, b.c.w)
    return np.asarray(~(drop < margin[:, None]))


def left_open(b: Base, it: Steps, points: Array, left: Callable[[], float]) -> tuple[Rows, NDArray[np.bool_]]:
    """Rows whose deletion leaves a point open, and which points, `(N, f)`: by norms first, then by every margin.

    A few rows at a time; when the time is up what is known by norms stands.
    """
    n, N = len(b.c.sums.S), len(points)
    kept: list[Rows] = []
    found: list[NDArray[np.bool_]] = []
    for many, radii in ((max(1, AT_ONCE // max(n, N)), rough), (max(1, AT_ONCE // n), sharp)):
        if radii is sharp and left() <= 0.0:
            break
        kept, found = [it.rows[:0]], [np.zeros((N, 0), bool)]
        for start in range(0, len(it.rows), many):
            some = it.take(np.arange(start, min(start + many, len(it.rows))))
            open_ = open_rows(b, some, radii(b, some), points)
            needed = np.flatnonzero(open_.any(axis=0))
            kept.append(some.rows[needed])
            found.append(open_[:, needed])
        rows = np.concatenate(kept)
        it = it.take(np.flatnonzero(np.isin(it.rows, rows)))
    return np.concatenate(kept), np.concatenate(found, axis=1)
