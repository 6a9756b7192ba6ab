"""The label of a point after some rows are deleted, by the change of rank m at the root (the identity of D4)."""

from __future__ import annotations

import math

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.theorems.head.rows.squared.contrasts import Ints
from certify.theorems.head.rows.squared_tree.root import Root

UNKNOWN = -1


def label_without(root: Root, t: int, rows: Ints, today: int) -> int:
    """The label that is proved of the t-th point of a root once some rows are gone; −1 where none is.

    Args:
        root: with the weight decay after these deletions.
        t: which of its points.
        rows: places of the rows among those that may go.
        today: the label of the point.
    """
    mine = np.flatnonzero(root.pairs.point == t)
    z, wrong = contrasts_without(root, t, rows, mine)
    return _label(root, mine, z, wrong, today) if np.isfinite(wrong).all() else UNKNOWN


def contrasts_without(root: Root, t: int, rows: Ints, mine: Ints) -> tuple[Array, Array]:
    """Contrasts of the t-th point of a root once some rows are gone, and their errors; infinite where none is proved.

    `z_M = z − c·x`, `(I − K_MM)x = r`. For any x̂, `|x − x̂|₂ ≤ |r − (I − K_MM)x̂|/(1 − κ)`, κ the largest row sum of
    `|K_MM|`; K, c and r are within the errors that the root has for them.

    Args:
        root: with the weight decay after these deletions.
        t: which of its points.
        rows: places of the rows among those that may go.
        mine: the contrasts, all of that point.
    """
    m, A = len(rows), root.factor.A[rows]
    K, c = A @ A.T, root.C.of(rows).at(np.array([t]))[0]
    r = root.pairs.of(root.R[rows], mine).T
    unknown = root.z[mine], np.full(len(mine), np.inf)
    room = 1.0 - (float(np.abs(K).sum(axis=1).max()) * fp.sum_up(m) + m * root.factor.error) * RAISE
    if not room > 2.0**-20:
        return unknown
    x: Array = np.asarray(np.linalg.solve(np.eye(m) - K, r), dtype=np.float64)
    N = np.eye(m) - K
    if not (np.isfinite(x).all() and np.isfinite(r).all()):
        return unknown
    er = root.er if root.R.shape[1] == 1 else (2 * root.er + 4 * fp.U * float(np.abs(root.R).max())) * RAISE
    size = _lengths(x)
    # N is rounded once on its diagonal, the residual as a sum of m + 1 terms
    rounded = fp.dot_unit(m + 4) * (np.abs(r) + (np.abs(N) + np.eye(m)) @ np.abs(x))
    away = _lengths(np.abs(r - N @ x) + rounded) + math.sqrt(m) * RAISE * er + m * root.factor.error * size
    away = away / room * (RAISE * RAISE)
    ec, long = float(root.ec[t]), float(fp.row_norms(c[None, :])[0])
    wrong = fp.dot_unit(m) * long * size + long * away + math.sqrt(m) * RAISE * ec * (size + away) + root.ez[mine]
    z = root.z[mine] - c @ x
    return z, (wrong + 4 * fp.U * (np.abs(root.z[mine]) + np.abs(z))) * (RAISE * RAISE)


def _label(root: Root, mine: Ints, z: Array, wrong: Array, today: int) -> int:
    """The output that is surely above today's and above all others."""
    if root.R.shape[1] == 1:
        return 1 - today if z[0] + wrong[0] < 0 else today if z[0] - wrong[0] > 0 else UNKNOWN
    if (z - wrong > 0).all():
        return today
    best = int(np.argmin(z))
    others = np.arange(len(z)) != best
    surely = z[best] + wrong[best] < 0 and (z[best] + wrong[best] < (z - wrong)[others]).all()
    return int(root.pairs.b[mine[best]]) if surely else UNKNOWN


def _lengths(X: Array) -> Array:
    return fp.row_norms(np.ascontiguousarray(X.T))
