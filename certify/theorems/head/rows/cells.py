"""D8: a logistic head with few inputs: cells of the hyperplane `e·w = t`, each shown to hold no refit that flips.

On the hyperplane of an evaluation point, `w(y) = w_0 + By`, let `g(w) = Σ p(s_i·w)s_i − μw`. A change of at most k
rows adds `d = Σ_M θ_i s_i` to the gradient, `θ_i ∈ [0, 1]` (relabelled) or `[0, p(s_i·w)]` (deleted). If for some u
with `u·e ≥ 0` the pull `u·g(w)` exceeds the largest sum of k numbers `(θ_i u·s_i)₊`, then w is no constrained minimiser
with a multiplier ≥ 0; if `u·e = 0`, it is none at all. All of a box excluded by the first, and its faces by the second:
the refits stay on their side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from certify.finders.head.cells import Frame, Margins, coordinates, frame, separators
from certify.finders.head.refits import Refitter
from certify.problem.limits import OutOfTime
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.finder import FAILED
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.cone import combination
from certify.theorems.head.rows.method import Budget, Mask, Method, Part

INPUTS = 12
"""Most inputs, that of the intercept included."""

CELLS, GROWN, WIDER = 3000, 6, 1.25
"""Most nodes of one cover; how many boxes are tried, and how much wider the next is on a side that was reached."""

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


class Cells(Method):
    """Covers of the hyperplane, one a point (D8)."""

    name: ClassVar[str] = "cells"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the head is logistic, has few inputs, and they are exact."""
        if not head.loss.sigmoid:
            return f"covers are built for the logistic loss; the loss is {head.loss.name}"
        if head.m < 2:
            return "the hyperplane of a single input is a point"
        if head.m > INPUTS:
            return f"a cover of {head.m - 1} dimensions has too many cells"
        if head.phi_rad.any() or head.points_rad.any():
            return "the inputs of the head are known up to rounding of the layers before it"
        if head.remaining and not change.relabels:
            return "the weight decay changes with the number of deleted rows"
        return ""

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """Points that no others imply first; a point in the cone of proved ones needs no cover (D8b)."""
        margins, ridge_off = margins_of(head, change)
        start = Refitter(head).V0[0]
        signs = np.where(head.today == 1, 1.0, -1.0)
        E, conic = head.points * signs[:, None], head.threshold == 0.0
        gap = np.abs(head.points @ start - head.threshold) / head.points_norm
        stored: dict[int, dict[str, Array]] = {}
        implied: dict[int, list[int]] = {}
        left = sorted(np.flatnonzero(todo).tolist(), key=lambda j: float(gap[j]))

        def cover_of(j: int) -> dict[str, Array] | None:
            budget.check()
            try:
                return cover(margins, E[j], float(signs[j]) * head.threshold, start, ridge_off, budget)
            except (*FAILED, ArithmeticError):
                return None

        try:
            while left:
                for j in _hull(E, left, sorted(stored)) if conic else left:
                    left.remove(j)
                    if (found := cover_of(j)) is not None:
                        stored[j] = found
                known = sorted(stored)
                for j in list(left):
                    if conic and (by := combination(E[known], E[j])) is not None:
                        implied[j] = [known[i] for i in by.tolist()]
                        left.remove(j)
        except OutOfTime:
            pass
        proved = np.zeros_like(todo)
        proved[[*stored, *implied]] = True
        return Part(self.name, proved, _packed(stored, implied))


def _hull(E: Array, left: list[int], known: list[int]) -> list[int]:
    """Points that no others imply, those that are known to stay and those that are not; all of them if none is."""
    found, rest = [], [*known, *left]
    for j in left:
        others = [i for i in rest if i != j]
        if combination(E[others], E[j]) is None:
            found.append(j)
        elif any((E[i] == E[j]).all() for i in others):
            rest = others  # one of several equal points
    return found or list(left)


def margins_of(head: Head, change: RowChange) -> tuple[Margins, float]:
    """The rows in margins, and how far μ may be off."""
    mu, off = head.mu()
    may = np.zeros(head.n)
    may[list(change.rows)] = 1.0
    return Margins(head.phi * head.Y, np.where(head.decayed, mu, 0.0), change.count, not change.relabels, may), off


def cover(
    head: Margins, e: Array, level: float, start: Array, ridge_off: float, budget: Budget,
) -> dict[str, Array] | None:
    """A cover of a box in the hyperplane `e·w = level` and of its faces; None where none was found."""
    f = frame(head, e, level, start)
    at = plane_of(head, f, e, level, ridge_off)
    if at is None:
        return None
    low, high = f.low.copy(), f.high.copy()
    for _ in range(GROWN):
        trees = [_tree(head, at, e, low, high, None, budget)]
        if trees[0] is None:
            return None
        faces = [(k, side) for k in range(len(low)) for side in (0, 1)]
        trees += [_tree(head, at, e, low, high, face, budget) for face in faces]
        bad = [face for face, tree in zip(faces, trees[1:], strict=True) if tree is None]
        if not bad:
            return _stored(f, low, high, trees) if starts_inside(at, low, high) else None
        for k, side in bad:
            (high if side else low)[k] *= WIDER
    return None


@dataclass(frozen=True, eq=False)
class Tree:
    """A cover by halving: in preorder the direction in which a box is cut, −1 for a cell, and the cells' `(v, κ)`."""

    cuts: list[int]
    tests: list[Array]


def _stored(f: Frame, low: Array, high: Array, trees: list[Tree | None]) -> dict[str, Array]:
    cuts = [cut for tree in trees if tree is not None for cut in tree.cuts]
    tests = [test for tree in trees if tree is not None for test in tree.tests]
    return {"w0": f.w0, "B": f.B.ravel(), "across": f.across, "low": low, "high": high,
            "cuts": np.array(cuts, dtype=np.int64), "tests": np.array(tests)}


def _tree(
    head: Margins, at: Plane, e: Array, low: Array, high: Array, face: tuple[int, int] | None, budget: Budget,
) -> Tree | None:
    """A cover of the box, or of one of its faces, depth first; None where a centre is reachable or cells are many."""
    low, high = low.copy(), high.copy()
    if face is not None:
        low[face[0]] = high[face[0]] = (low, high)[face[1]][face[0]]
    stack: list[tuple[Array, Array]] = [(low, high)]
    cuts: list[int] = []
    tests: list[Array] = []
    scale = np.sqrt((at.C * at.C).sum(axis=0))
    while stack:
        budget.check()
        if len(cuts) > CELLS:
            return None
        low, high = stack.pop()
        y, r = about(low, high)
        tried = 0
        for cell in _tests(head, at, e, y, r, face is not None):
            tried += 1
            if excluded(head, at, cell):
                cuts.append(-1)
                tests.append(np.r_[cell.v, cell.kappa])
                break
        else:
            if not tried:
                return None
            k = int(np.argmax(r * scale))
            middle = (low[k] + high[k]) / 2
            on = np.arange(len(low)) == k
            cuts.append(k)
            stack += [(np.where(on, middle, low), high), (low, np.where(on, middle, high))]
    return Tree(cuts, tests)


def about(low: Array, high: Array) -> tuple[Array, Array]:
    """Centre and radii of a cell that holds the box."""
    y = (low + high) / 2
    return y, np.maximum(high - y, y - low) * (1 + 4 * U)


def _tests(head: Margins, at: Plane, e: Array, y: Array, r: Array, face: bool) -> Iterator[Cell]:
    for u in separators(head, at.f, y, e, face):
        v, kappa = coordinates(at.f, e, u)
        if np.isfinite(v).all() and np.isfinite(kappa):
            yield Cell(y, r, v, 0.0 if face else kappa)


def _packed(stored: dict[int, dict[str, Array]], implied: dict[int, list[int]]) -> dict[str, Array]:
    """The covers of all points in a few arrays, point after point; and for points without one what implies them."""
    if not stored:
        return {}
    order = sorted(stored)
    arrays: dict[str, Array] = {"points": np.array(order, dtype=np.int64)}
    for name in ("w0", "B", "across", "low", "high"):
        arrays[name] = np.array([stored[j][name] for j in order])
    for name in ("cuts", "tests"):
        arrays[name] = np.concatenate([stored[j][name] for j in order])
        arrays[f"{name}_counts"] = np.array([len(stored[j][name]) for j in order], dtype=np.int64)
    if implied:
        width = max(map(len, implied.values()))
        arrays["implied"] = np.array([[j, *by, *[-1] * (width - len(by))] for j, by in sorted(implied.items())],
                                     dtype=np.int64)
    return arrays
