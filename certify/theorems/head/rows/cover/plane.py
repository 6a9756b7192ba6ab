"""D8: a hyperplane in coordinates, and whether a cell of it holds a refit that flips, every rounding counted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.finders.head.cells import Frame, Margins
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.fp import RAISE, Array, U

_SIGMOID = activation("sigmoid")


@dataclass(frozen=True, eq=False)
class Plane:
    """The hyperplane of one point, in coordinates that are exact up to the errors named here.

    The true columns `B̃_l = B_l − ((e·B_l)/e_j) 1_j` are orthogonal to e, and the true origin lies on the hyperplane.

    Attributes:
        f: the floats w0, B and across.
        C, off: `(n, q)` floats of `s_i·B̃_l`, q = p − 1, and `(n,)` bounds of their errors.
        x, x_off: `(n,)` margins at the origin, and bounds.
        A, A_off: `(n,)` floats of `s_i·across`, and bounds.
        ridge, ridge_off: `(p,)` μ of every column, and a bound of its error.
        moved, shift: bounds of `|w̃0 − w0|` and `(q,)` of `|B̃_l − B_l|`.
        sizes: upper bounds of `|w̃0|`, `(q,)` of `|B̃_l|`, and of `|across|`.
    """

    f: Frame
    C: Array
    off: Array
    x: Array
    x_off: Array
    A: Array
    A_off: Array
    ridge: Array
    ridge_off: float
    moved: float
    shift: Array
    sizes: tuple[float, Array, float]


@dataclass(frozen=True, eq=False)
class Held:
    """Choices that agree about some rows: the data with what these rows become, and the hyperplane seen by it (D8c).

    A row that does not change may not; one that changes is gone, or has the other label, and one change less is left.

    Attributes:
        rows: those that all of them change.
    """

    head: Margins
    at: Plane
    rows: tuple[int, ...] = ()

    def parted(self, row: int) -> tuple[Held, Held]:
        """Those of the choices that leave a row as it is, and those that change it."""
        n, may = len(self.head.S), self.head.may.copy()
        may[row] = 0.0
        factor = np.ones(n)
        factor[row] = 0.0 if self.head.deletes else -1.0
        size, at = np.abs(factor), self.at
        changed = replace(self.head, S=self.head.S * factor[:, None], count=self.head.count - 1, may=may)
        seen = replace(at, C=at.C * factor[:, None], off=at.off * size, x=at.x * factor, x_off=at.x_off * size,
                       A=at.A * factor, A_off=at.A_off * size)
        return Held(replace(self.head, may=may), at, self.rows), Held(changed, seen, (*self.rows, row))


@dataclass(frozen=True, eq=False)
class Cell:
    """`|y − centre| ≤ radius` entry by entry, and its test vector `u = B̃v + κ·across`."""

    centre: Array
    radius: Array
    v: Array
    kappa: float


def plane_of(head: Margins, f: Frame, e: Array, level: float, ridge_off: float) -> Plane | None:
    """The hyperplane of a point; None where `e·across > 0` is not proved."""
    j, p = int(np.argmax(np.abs(e))), len(e)
    unit, length = fp.dot_unit(p), float(fp.row_norms(e[None])[0])
    across, w0 = (float(fp.row_norms(v[None])[0]) for v in (f.across, f.w0))
    if not (abs(e[j]) > 0 and float(e @ f.across) > unit * length * across * RAISE):
        return None
    rows, columns = fp.row_norms(head.S), fp.row_norms(np.ascontiguousarray(f.B.T))
    shift = (np.abs(e @ f.B) + unit * length * columns) / abs(e[j]) * RAISE
    gap = abs(float(e @ f.w0) - level) * (1 + 4 * U) + unit * length * w0 + 2 * U * abs(level)
    moved, own = gap / abs(e[j]) * RAISE, np.abs(head.S[:, j])
    return Plane(
        f, head.S @ f.B, (unit * rows * float(columns.max()) + own * float(shift.max())) * RAISE + fp.FLOOR,
        head.S @ f.w0, (unit * rows * w0 + own * moved) * RAISE + fp.FLOOR, head.S @ f.across,
        unit * rows * across * RAISE + fp.FLOOR, head.ridge, ridge_off, moved, shift,
        ((w0 + moved) * RAISE, (columns + shift) * RAISE, across))


@dataclass(frozen=True, eq=False)
class Spread:
    """Margins at the centre of a cell, how far they err there, and how far they spread over the cell."""

    x: Array
    off: Array
    spread: Array

    def curvature(self) -> tuple[Array, Array]:
        """Lower and upper bounds of σ' over the cell."""
        near = np.maximum(np.abs(self.x) - self.spread, 0.0) * (1 - 4 * U)
        far = (np.abs(self.x) + self.spread) * RAISE
        high, low = _SIGMOID.enclose(near)[1], _SIGMOID.enclose(far)[1]
        return np.maximum(low.mid - low.error, 0.0) * (1 - 4 * U), (high.mid + high.error) * RAISE


def spread_of(at: Plane, y: Array, r: Array) -> Spread:
    """Over the cell about y."""
    q, size = at.C.shape[1], np.abs(at.C)
    x_off = (at.x_off + at.off * float(np.abs(y).sum()) + (q + 2) * U * (size @ np.abs(y) + np.abs(at.x))) * RAISE
    return Spread(at.x + at.C @ y, x_off, ((size + at.off[:, None]) @ r) * fp.sum_up(q) + x_off)


def excluded(head: Margins, at: Plane, cell: Cell) -> bool:
    """Whether the pull along the cell's u exceeds what any change can add, everywhere in the cell (D8).

    The pull by the mean value form, or term by term, whichever is larger.
    """
    (n, q), r = at.C.shape, cell.radius
    s = spread_of(at, cell.centre, r)
    c = at.C @ cell.v + cell.kappa * at.A
    c_off = (at.off * float(np.abs(cell.v).sum()) + at.A_off * cell.kappa
             + (q + 2) * U * (np.abs(at.C) @ np.abs(cell.v) + cell.kappa * np.abs(at.A))) * RAISE
    size, total = (np.abs(c) + c_off) * RAISE, fp.sum_up(n)
    lost = _most(head, c, c_off, s)
    own, own_off, tilt, tilt_off = _decay(at, cell)
    (middle,) = _SIGMOID.enclose(-s.x, order=0)
    pull = float(middle.mid @ c) - own
    wrong = float(size @ (middle.error + 0.25 * s.off)) + float(c_off.sum()) + fp.dot_unit(n) * float(size.sum())
    wrong = (wrong + own_off + 4 * U * (abs(pull) + 2 * abs(own))) * total
    D_low, D_high = s.curvature()
    T = c[:, None] * at.C
    T_off = (size[:, None] * at.off[:, None] + c_off[:, None] * np.abs(at.C)) * RAISE + 2 * U * np.abs(T)
    plus, minus = np.maximum(T, 0.0), np.maximum(-T, 0.0)
    loose = (D_high @ T_off + 2 * fp.dot_unit(n) * (D_high @ np.abs(T))) * total
    up, down = D_high @ plus - D_low @ minus + loose, D_high @ minus - D_low @ plus + loose
    steep = np.maximum(np.abs(up + tilt), np.abs(tilt - down)) * RAISE + tilt_off
    first = pull - wrong - float(steep @ r) * fp.sum_up(q)
    (worse,) = _SIGMOID.enclose(-np.where(c >= 0, s.x + s.spread, s.x - s.spread), order=0)
    second = float(worse.mid @ c) - own
    wrong = float(size @ (worse.error + U * (np.abs(s.x) + s.spread))) + float(c_off.sum())
    wrong = (wrong + fp.dot_unit(n) * float(size.sum()) + own_off + 4 * U * (abs(second) + 2 * abs(own))) * total
    second -= wrong + float((np.abs(tilt) * RAISE + tilt_off) @ r) * fp.sum_up(q)
    found = max(first, second) if np.isfinite([first, second]).all() else -np.inf
    return bool(np.isfinite(lost) and found > lost)


def _most(head: Margins, c: Array, c_off: Array, s: Spread) -> float:
    """The largest sum of k numbers `(θ_i c_i)₊` over the cell, rounded up."""
    if not head.count:
        return 0.0
    v = np.maximum((c + c_off) * np.where(c + c_off > 0, RAISE, 1.0), 0.0) * head.may
    if head.deletes:
        lowest = (s.x - s.spread) - U * (np.abs(s.x) + s.spread)
        (theta,) = _SIGMOID.enclose(-lowest, order=0)
        v = v * np.minimum((theta.mid + theta.error) * RAISE, 1.0) * RAISE
    top = np.partition(v, len(v) - head.count)[len(v) - head.count :] if head.count < len(v) else v
    return float(top.sum()) * fp.sum_up(head.count) * RAISE


def _decay(at: Plane, cell: Cell) -> tuple[float, float, Array, float]:
    """`w·(ridge u)` at the centre and its slopes in y, each with a bound of its error."""
    f, y, v, p = at.f, cell.centre, cell.v, len(at.f.w0)
    w, u = f.w0 + f.B @ y, f.B @ v + cell.kappa * f.across
    w0, columns, across = at.sizes
    w_size = (w0 + float(columns @ np.abs(y))) * RAISE
    u_size = (float(columns @ np.abs(v)) + cell.kappa * across) * RAISE
    w_off = (at.moved + float(at.shift @ np.abs(y)) + fp.dot_unit(p + 1) * w_size) * RAISE
    u_off = (float(at.shift @ np.abs(v)) + fp.dot_unit(p + 1) * u_size) * RAISE
    ridge = float(at.ridge.max(initial=0.0))
    unit = (at.ridge_off + fp.dot_unit(p + 2) * ridge) * RAISE
    own_off = (ridge * (w_off * u_size + w_size * u_off) + unit * w_size * u_size) * RAISE + fp.FLOOR
    widest, moved = float(columns.max(initial=0.0)), float(at.shift.max(initial=0.0))
    tilt_off = (ridge * (moved * u_size + widest * u_off) + unit * widest * u_size) * RAISE + fp.FLOOR
    return float(w @ (at.ridge * u)), own_off, np.asarray(f.B.T @ (at.ridge * u)), tilt_off


def starts_inside(at: Plane, low: Array, high: Array) -> bool:
    """Whether the minimiser on the hyperplane of the unchanged data is proved to lie inside the box.

    On the ball `|y| ≤ ρ` about the origin, inside the box, `∇²h ⪰ (1 − η)I`, and `|∇h(0)| < (1 − η)ρ`.
    """
    (n, q), reach = at.C.shape, 0.5 * float(np.minimum(-low, high).min())
    if not reach > 0:
        return False
    zero = np.zeros(q)
    for rho in (2.0**-20, 2.0**-8, 0.5):
        rho = min(rho, reach)
        s = spread_of(at, zero, np.full(q, rho))
        D, _ = s.curvature()
        H = (at.C.T * D) @ at.C + at.f.B.T @ (at.ridge[:, None] * at.f.B)
        size = float(np.sqrt((at.C * at.C).sum(axis=1) @ D)) if n else 0.0
        rows = np.sqrt((at.C * at.C).sum(axis=1)) * RAISE
        columns, ridge = float((at.sizes[1] ** 2).sum()), float(at.ridge.max(initial=0.0)) + at.ridge_off
        off = 2 * float((D * (2 * np.sqrt(q) * at.off * rows + q * at.off**2)).sum())
        off += (fp.dot_unit(n) + 4 * U) * 2 * size**2 + 2 * ridge * columns * fp.dot_unit(len(at.f.w0) + 4)
        off += 4 * ridge * float(np.sqrt(columns * (at.shift**2).sum())) + at.ridge_off * columns
        eta = (fp.frobenius(H - np.eye(q)) + off) * fp.sum_up(n)
        if not eta < 1:
            continue
        (p,) = _SIGMOID.enclose(-at.x, order=0)
        g = -(at.C.T @ p.mid) + at.f.B.T @ (at.ridge * at.f.w0)
        wrong = float(rows @ (p.error + 0.25 * at.x_off)) + np.sqrt(q) * float(at.off.sum())
        wrong += (fp.dot_unit(n) + 4 * U) * float(rows.sum())
        unit = fp.dot_unit(len(at.f.w0) + 4)
        wrong += ridge * (at.sizes[0] + at.moved) * float((at.shift + unit * at.sizes[1]).sum())
        wrong += (ridge * at.moved + at.ridge_off * at.sizes[0]) * float(at.sizes[1].sum())
        if (fp.frobenius(g[None]) + wrong) * fp.sum_up(n) < (1 - eta) * rho * (1 - 4 * U):
            return True
    return False
