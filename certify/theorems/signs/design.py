"""A regression with its controls partialled out, every number within a proved error (O1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import FLOOR, RAISE, Array, U

Groups = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class Design:
    """`a`, `b`, `W`: column, response and controls without what the groups and the controls explain of them, nearly.

    True values: `a = E(x·scale) − Wλ`, `b = ±E(y·scale) − Wγ`, `W = EZR`, with E the projection that takes from each
    row the mean of its group (nothing where there are no groups), and λ, γ, R whatever floats were proposed. The
    arrays are within `a_off`, `b_off` (each entry) and `w_off` (each row) of them.

    Attributes:
        a, b: `(n,)`; `a·b` is positive.
        W: `(n, p)`.
        groups: `(n,)` numbers from 0, sorted; or None.
        order: `(n,)` which rows of the data these are.
        a_off, b_off, w_off: largest errors.
        a_left, b_left: bounds of `|Wᵀa|` and `|Wᵀb|`.
        defect: `‖WᵀW − I‖` is at most this.
        sign: of the coefficient times that of `a·b`.
    """

    a: Array
    b: Array
    W: Array
    groups: Groups | None
    order: Groups
    a_off: float
    b_off: float
    w_off: float
    a_left: float
    b_left: float
    defect: float
    sign: int

    @property
    def longest(self) -> float:
        """No row of W is longer."""
        return float(fp.row_norms(self.W).max() + self.w_off) * RAISE

    def covariance(self) -> tuple[float, float]:
        """Both ends of `aᵀPb`, P the projection off the controls; its sign is the coefficient's (times `sign`)."""
        n, (a, b) = len(self.a), (_norm(self.a), _norm(self.b))
        mid, root = float(self.a @ self.b), float(np.sqrt(n)) * RAISE
        off = fp.dot_unit(n) * a * b + root * (self.a_off * b + self.b_off * a) + n * self.a_off * self.b_off
        rest = self.a_left * self.b_left / (1 - self.defect) if self.defect < 1 else float("inf")
        return mid - off * RAISE - rest * RAISE, mid + off * RAISE + rest * RAISE


def enclosed(x: Array, y: Array, Z: Array, groups: Groups | None) -> Design | None:
    """The design of `y` on `x` with controls Z (and an intercept for each group), or None where nothing is proved.

    None: the controls depend on each other (after the means of groups are taken from them), or x on them, to rounding.
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(Z).all()):
        return None
    order = np.arange(len(x)) if groups is None else np.argsort(groups, kind="stable")
    x, y, Z = x[order], y[order], Z[order]
    g = None if groups is None else groups[order]
    with np.errstate(all="ignore"):
        x0, x_off = _centred(_scaled(x)[:, None], g)
        y0, y_off = _centred(_scaled(y)[:, None], g)
        Z0, z_off = _centred(_columns_scaled(Z), g)
        R = _orthonormalising(Z0)
        if R is None or len(x) <= Z.shape[1] + 1:
            return None
        size = _frobenius(R)
        W = Z0 @ R
        rows = float(fp.row_norms(Z0).max(initial=FLOOR))
        w_off = (fp.dot_unit(R.shape[0]) * rows * size + float(np.linalg.norm(z_off)) * size) * RAISE + FLOOR
        a, a_off = _partialled(x0[:, 0], float(x_off[0]), W, w_off)
        b, b_off = _partialled(y0[:, 0], float(y_off[0]), W, w_off)
        sign = 1 if float(a @ b) >= 0 else -1
        b = b * sign
        (a, a_off), (b, b_off) = _unit(a, a_off), _unit(b, b_off)
        n, whole, root = len(x), _frobenius(W), float(np.sqrt(len(x))) * RAISE
        defect = (_frobenius(W.T @ W - np.eye(W.shape[1])) + fp.dot_unit(n) * whole * whole
                  + 2 * whole * root * w_off + n * w_off * w_off) * RAISE
        left = [(float(_norm(W.T @ v)) + fp.dot_unit(n) * whole * _norm(v) + root * w_off * (_norm(v) + root * off)
                 + whole * root * off) * RAISE for v, off in ((a, a_off), (b, b_off))]
    numbers = (a_off, b_off, w_off, *left, defect)
    if not (np.isfinite(numbers).all() and np.isfinite(a).all() and np.isfinite(b).all() and np.isfinite(W).all()):
        return None
    if not a.any() or max(a_off, b_off) > 2.0**-20 or defect > 2.0**-20:  # the column follows from controls, nearly
        return None
    return Design(a, b, W, g, order.astype(np.int64), a_off, b_off, w_off, left[0], left[1], defect, sign)


def _frobenius(A: Array) -> float:
    return float(fp.frobenius(A)) if A.size else FLOOR


def _norm(v: Array) -> float:
    return float(fp.row_norms(v[None, :])[0]) if v.size else FLOOR


def _scaled(v: Array) -> Array:
    """Times a power of two, exact: no entry above 1."""
    top = float(np.abs(v).max(initial=0.0))
    return np.asarray(np.ldexp(v, -int(np.frexp(top)[1]))) if top > 0 else v


def _columns_scaled(Z: Array) -> Array:
    tops = np.frexp(np.abs(Z).max(axis=0, initial=0.0))[1]
    return np.asarray(np.ldexp(Z, -tops[None, :]))


def _centred(V: Array, groups: Groups | None) -> tuple[Array, Array]:
    """Columns without the means of the groups, and what an entry of each errs by at most."""
    if groups is None:
        return V, np.zeros(V.shape[1])
    count = np.bincount(groups)
    starts = np.concatenate([[0], np.cumsum(count)[:-1]])
    means = np.add.reduceat(V, starts, axis=0) / count[:, None]
    tops = np.abs(V).max(axis=0, initial=0.0)
    return V - means[groups], (int(count.max()) + 8) * U * 2 * tops * RAISE + FLOOR


def _orthonormalising(Z: Array) -> Array | None:
    """Some R with ZR nearly orthonormal; None where the columns depend on each other."""
    if Z.shape[1] == 0:
        return np.zeros((0, 0))
    if not np.isfinite(Z).all() or len(Z) < Z.shape[1]:
        return None
    _, upper = np.linalg.qr(Z)
    diagonal = np.abs(np.diag(upper))
    lengths = np.sqrt((Z * Z).sum(axis=0))
    if (diagonal <= 1e-9 * lengths).any() or (lengths <= 1e-12).any():
        return None
    R = np.linalg.inv(upper)
    _, again = np.linalg.qr(Z @ R)  # once more: as orthonormal as rounding allows
    return np.asarray(R @ np.linalg.inv(again))


def _partialled(v: Array, off: float, W: Array, w_off: float) -> tuple[Array, float]:
    """`v − Wλ` for the λ of least squares, and what an entry errs by."""
    weights = W.T @ v
    weights = weights + W.T @ (v - W @ weights)
    size, longest = _norm(weights), float(fp.row_norms(W).max(initial=FLOOR))
    out = v - W @ weights
    error = off + (w_off + (fp.dot_unit(len(weights)) + 2 * U) * longest) * size + 2 * U * float(np.abs(v).max())
    return np.asarray(out), error * RAISE


def _unit(v: Array, off: float) -> tuple[Array, float]:
    """Times a power of two: a length between ½ and 1."""
    shift = -int(np.frexp(float(np.sqrt((v * v).sum())))[1])
    return np.asarray(np.ldexp(v, shift)), float(np.ldexp(off, shift))
