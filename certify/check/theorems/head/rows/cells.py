"""D8: a cover of the hyperplane `e·w = t` by cells that hold no refit which flips, and of its faces; in balls.

`p(t) = 1/(1 + e^t)` and `D = p(1 − p)` of a margin are taken over a whole cell by `T = e^(−m)` and `e^δ`, δ how far the
margin spreads over it. The pull of a cell's u is enclosed by its slopes over the cell, or row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flint import arb, arb_mat, fmpq, fmpq_mat

from certify.check.limits.shares import shared
from certify.check.linalg.balls import ONE, ZERO, norm
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.format.refusal import Invalid

NAMES = {"points", "w0", "B", "across", "low", "high", "cuts", "tests", "cuts_counts", "tests_counts"}
AT_ONCE = 64
"""Cells whose margins are formed together."""

Parting = tuple[tuple[int, bool], ...]
"""Rows that choices agree about, and whether they change them."""


@dataclass(frozen=True)
class Cell:
    """A box of y, and `u = B̃v + κ·across` for it."""

    low: list[float]
    high: list[float]
    v: Sequence[float]
    kappa: float


@dataclass(frozen=True)
class Plane:
    """The hyperplane of one point.

    Attributes:
        e: the evaluation row, on the side of its label.
        B: `(p, q)` columns orthogonal to e; w0: a point of the hyperplane; across: a direction with `e·across > 0`.
        C, x, A: of every row the margins along the columns, at w0, and along across.
        ridge: μ of every weight.
    """

    e: list[arb]
    B: arb_mat
    w0: arb_mat
    across: arb_mat
    C: arb_mat
    x: arb_mat
    A: arb_mat
    ridge: list[arb]


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows stay: those with a cover, and those in the cone of such rows.

    Raises:
        Invalid: the arrays do not fit together, or the loss is another one.
    """
    if not head.loss.sigmoid or (head.remaining and not head.relabels) or head.m < 2:
        raise Invalid(where, "covers are stated",
                      "they are for the logistic loss, a weight decay that stays, and two inputs or more")
    parts = _Parts(head, arrays, where)
    S = arb_mat([[x if y[0] > 0 else -x for x in row] for row, y in zip(head.rows, head.targets, strict=True)])
    may = [ZERO] * head.n
    for i in head.moving:
        may[i] = ONE
    stays, edges = [False] * len(asked), head.evaluated.tolist()

    def covered(number: int) -> bool:
        j = parts.points[number]
        sign = 1 if head.today[j] == 1 else -1
        plane = _plane(head, S, [sign * x for x in edges[j]], arb(sign * head.threshold), parts, number)
        return head.today[j] >= 0 and plane is not None and _covered(head, plane, parts, number, may)

    for j, good in zip(parts.points, shared(covered, len(parts.points)), strict=True):
        stays[j] = good
    for row in parts.implied:
        j, by = row[0], [i for i in row[1:] if i != -1]
        stays[j] = (head.threshold == 0 and head.today[j] >= 0 and len(by) > 0 and all(stays[i] for i in by)
                    and _in_cone([_exact(head, i, where) for i in by], _exact(head, j, where)))
    return [yes and want for yes, want in zip(stays, asked, strict=True)]


class _Parts:
    """The arrays, point by point."""

    def __init__(self, head: Head, arrays: Mapping[str, Array], where: str) -> None:
        if set(arrays) - {"implied"} != NAMES:
            raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}",
                          f"{', '.join(sorted(NAMES))} are needed")
        self.where, self.arrays, self.p, self.q, self.count = where, arrays, head.m, head.m - 1, head.count
        N, self.points = len(head.today), self._whole("points")
        P = len(self.points)
        shapes = {"w0": (P, self.p), "B": (P, self.p * self.q), "across": (P, self.p), "low": (P, self.q),
                  "high": (P, self.q), "cuts_counts": (P,), "tests_counts": (P,)}
        self.cuts_counts, self.tests_counts = self._whole("cuts_counts"), self._whole("tests_counts")
        if any(x < 0 for x in (*self.cuts_counts, *self.tests_counts)):
            raise Invalid(f"{where}.cuts_counts", "one is below 0", "numbers from 0 on are needed")
        shapes |= {"cuts": (sum(self.cuts_counts),), "tests": (sum(self.tests_counts), self.p)}
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise Invalid(f"{where}.{name}", f"its shape is {arrays[name].shape}", f"{shape} is needed")
        if len(set(self.points)) != P or not all(0 <= j < N for j in self.points):
            raise Invalid(f"{where}.points", f"they are {self.points[:5]}", f"distinct rows below {N} are needed")
        self.cuts = self._whole("cuts")
        self.implied: list[list[int]] = []
        if "implied" in arrays:
            flat, shape = self._whole("implied"), arrays["implied"].shape
            if len(shape) != 2 or not flat or not all(-1 <= i < N for i in flat) or min(flat[:: shape[1]]) < 0:
                raise Invalid(f"{where}.implied", f"its shape is {shape}",
                              f"rows below {N}, each behind the one that they prove, are needed")
            self.implied = [flat[a * shape[1] : (a + 1) * shape[1]] for a in range(shape[0])]

    def _whole(self, name: str) -> list[int]:
        array = self.arrays[name]
        if array.kind != "i":
            raise Invalid(f"{self.where}.{name}", f"its type is {array.kind}", "whole numbers are needed")
        return [int(v) for v in array.values]

    def row(self, name: str, number: int) -> list[float]:
        """One point's row of an array."""
        width = self.arrays[name].shape[1]
        return list(self.arrays[name].values[number * width : (number + 1) * width])

    def leaves(self, number: int, may: Sequence[arb]) -> Iterator[tuple[int | None, Parting, Cell]]:
        """The cells of the box and of its faces in turn, with the number of the face; the parting is done again here.

        Raises:
            Invalid: there are too few or too many cells.
        """
        cut, test = sum(self.cuts_counts[:number]), sum(self.tests_counts[:number])
        last, low, high = cut + self.cuts_counts[number], self.row("low", number), self.row("high", number)
        for face in (None, *range(2 * self.q)):
            a, b = list(low), list(high)
            if face is not None:
                a[face // 2] = b[face // 2] = (low, high)[face % 2][face // 2]
            stack: list[tuple[list[float], list[float], Parting]] = [(a, b, ())]
            while stack:
                a, b, rows = stack.pop()
                if cut == last:
                    raise Invalid(f"{self.where}.cuts", f"there are {last} numbers", "the boxes are not covered")
                k, cut = self.cuts[cut], cut + 1
                if not -1 <= k < self.q and (face is not None or not self._splits(-2 - k, rows, may)):
                    raise Invalid(f"{self.where}.cuts", f"{k} is stated", f"-1, a direction below {self.q}, or off "
                                  "faces -2 less a row that may change, while changes are left, is needed")
                if k < -1:
                    stack += [(a, b, (*rows, (-2 - k, False))), (a, b, (*rows, (-2 - k, True)))]
                    continue
                if k >= 0:
                    middle = (a[k] + b[k]) / 2
                    stack += [(_with(a, k, middle), b, rows), (a, _with(b, k, middle), rows)]
                    continue
                values = self.arrays["tests"].values[test * self.p : (test + 1) * self.p]
                test += 1
                yield face, rows, Cell(a, b, values[:-1], values[-1])
        if cut != last or test != sum(self.tests_counts[: number + 1]):
            raise Invalid(f"{self.where}.tests", "numbers are left over", "one test a cell is needed")


    def _splits(self, row: int, rows: Parting, may: Sequence[arb]) -> bool:
        """Whether choices can be parted by a row: it may change, is not decided yet, and changes are left."""
        return (0 <= row < len(may) and bool(may[row] > 0) and all(i != row for i, _ in rows)
                and sum(changed for _, changed in rows) < self.count)


def _with(a: list[float], k: int, value: float) -> list[float]:
    return [*a[:k], value, *a[k + 1 :]]


def _plane(head: Head, S: arb_mat, e: list[arb], t: arb, parts: _Parts, number: int) -> Plane | None:
    """Coordinates whose columns are orthogonal to e, by a correction along its largest entry."""
    p, q, flat = parts.p, parts.q, parts.row("B", number)
    j = max(range(p), key=lambda a: abs(float(e[a].mid())))
    if not (e[j] > 0 or e[j] < 0):
        return None
    columns = [[arb(flat[a * q + k]) for a in range(p)] for k in range(q)]
    for column in columns:
        column[j] -= _dot(e, column) / e[j]
    w0 = [arb(x) for x in parts.row("w0", number)]
    w0[j] -= (_dot(e, w0) - t) / e[j]
    across = [arb(x) for x in parts.row("across", number)]
    if not _dot(e, across) > 0:
        return None
    B, at, over = arb_mat(columns).transpose(), arb_mat([[x] for x in w0]), arb_mat([[x] for x in across])
    mu = head.mu()
    ridge = [ZERO if head.free_intercept and a == p - 1 else mu for a in range(p)]
    return Plane(e, B, at, over, S * B, S * at, S * over, ridge)


def _dot(a: Sequence[arb], b: Sequence[arb]) -> arb:
    return sum((x * y for x, y in zip(a, b, strict=True)), ZERO)


def _covered(head: Head, plane: Plane, parts: _Parts, number: int, may: list[arb]) -> bool:
    """Whether the refit of the unchanged data lies inside the box, and every cell is excluded by its test."""
    low, high = parts.row("low", number), parts.row("high", number)
    if not _starts_inside(plane, low, high):
        return False
    batch: list[Cell] = []
    told: Parting = ()
    for face, rows, cell in parts.leaves(number, may):
        if not cell.kappa >= 0 or (face is not None and cell.kappa != 0):
            return False
        if len(batch) == AT_ONCE or rows != told:
            if batch and not _excluded(head, plane, batch, may, told):
                return False
            batch, told = [], rows
        batch.append(cell)
    return not batch or _excluded(head, plane, batch, may, told)


def _agreed(head: Head, plane: Plane, may: list[arb], rows: Parting) -> tuple[Plane, list[arb], int]:
    """The hyperplane seen by the data in which rows are as choices agree; which may change yet, how many (D8c)."""
    if not rows:
        return plane, may, head.count
    C, x, A, may = plane.C.tolist(), plane.x.tolist(), plane.A.tolist(), list(may)
    factor = arb(-1 if head.relabels else 0)
    for i, changed in rows:
        may[i] = ZERO
        if changed:
            C[i], x[i], A[i] = ([factor * v for v in row] for row in (C[i], x[i], A[i]))
    return (replace(plane, C=arb_mat(C), x=arb_mat(x), A=arb_mat(A)), may,
            head.count - sum(changed for _, changed in rows))


def _excluded(head: Head, plane: Plane, cells: list[Cell], may: list[arb], rows: Parting) -> bool:
    """Whether in every cell the pull of its u exceeds what any change that agrees about these rows can add."""
    plane, may, left = _agreed(head, plane, may, rows)
    sizes = arb_mat([[abs(x) for x in row] for row in plane.C.tolist()])
    middles = [[(arb(a) + arb(b)) / 2 for a, b in zip(c.low, c.high, strict=True)] for c in cells]
    radii = [[((arb(b) - arb(a)) / 2).upper() for a, b in zip(c.low, c.high, strict=True)] for c in cells]
    Y, R = arb_mat(middles).transpose(), arb_mat(radii).transpose()
    V = arb_mat([[arb(x) for x in c.v] for c in cells]).transpose()
    kappas = arb_mat([[arb(c.kappa) for c in cells]])
    X, spread = (plane.C * Y).transpose().tolist(), (sizes * R).transpose().tolist()
    slopes = (plane.C * V + plane.A * kappas).transpose().tolist()
    start = plane.x.entries()
    for number, cell in enumerate(cells):
        w = plane.w0 + plane.B * arb_mat([[y] for y in middles[number]])
        u = plane.B * arb_mat([[arb(x)] for x in cell.v]) + plane.across * arb(cell.kappa)
        margins = [a + b for a, b in zip(X[number], start, strict=True)]
        if not _exceeds(head, plane, margins, spread[number], slopes[number], w, u, radii[number], may, left):
            return False
    return True


def _exceeds(
    head: Head, plane: Plane, margins: list[arb], spread: list[arb], c: list[arb], w: arb_mat, u: arb_mat,
    radii: list[arb], may: list[arb], left: int,
) -> bool:
    """Whether `u·g(w) > T(u, w)` all over one cell."""
    middle, over, curved, most = [], [], [], []
    for m, d, x, yes in zip(margins, spread, c, may, strict=True):
        t, f = (-m).exp(), d.upper().exp()
        near, far = t * f, t / f
        q_high, q_low = near / (1 + near), far / (1 + far)
        middle.append(t / (1 + t))
        over.append(q_low.union(q_high))
        ends = (q_low * (1 - q_low)).union(q_high * (1 - q_high))
        curved.append(x * (ends if near < 1 or far > 1 else ends.union(ONE / 4)))
        if yes > 0 and not x < 0:
            most.append(x * q_high.min(ONE) if not head.relabels else x)
    pulled = [r * y for r, y in zip(plane.ridge, u.entries(), strict=True)]
    own = _dot(w.entries(), pulled)
    tilt = (arb_mat([pulled]) * plane.B).entries()
    steep = (arb_mat([curved]) * plane.C).entries()
    column = arb_mat([[x] for x in c])
    first = (arb_mat([middle]) * column)[0, 0] - own
    second = (arb_mat([over]) * column)[0, 0] - own
    for s, z, r in zip(steep, tilt, radii, strict=True):
        first -= abs(s + z).upper() * r
        second -= abs(z).upper() * r
    lost = _top(most, left)
    return bool(first > lost) or bool(second > lost)


def _top(values: list[arb], k: int) -> arb:
    """An upper bound of the sum of the k largest positive parts: `kθ + Σ (v − θ)₊` for any θ ≥ 0."""
    if k == 0:
        return ZERO
    if len(values) <= k:
        return sum((v.max(ZERO) for v in values), ZERO)
    floats = sorted((float(v.mid()) for v in values), reverse=True)
    theta = arb(max(floats[k - 1], 0.0))
    return k * theta + sum(((v - theta).max(ZERO) for v in values if not v < theta), ZERO)


def _starts_inside(plane: Plane, low: list[float], high: list[float]) -> bool:
    """Whether the minimiser of the unchanged data on the hyperplane lies in the interior of the box.

    On the box `|y_l| ≤ ρ` inside it the curvature is at least `1 − η` in every direction, and `|∇h(0)| < (1 − η)ρ`.
    """
    room = min(min(-a, b) for a, b in zip(low, high, strict=True)) / 2
    if not room > 0:
        return False
    n, q, C = plane.C.nrows(), plane.C.ncols(), plane.C.tolist()
    ridge = arb_mat([[r * x for x in row] for r, row in zip(plane.ridge, plane.B.tolist(), strict=True)])
    held = plane.B.transpose() * ridge
    pulled = arb_mat([[r * x for r, x in zip(plane.ridge, plane.w0.entries(), strict=True)]]) * plane.B
    p = [1 / (1 + m.exp()) for m in plane.x.entries()]
    g = [a - b for a, b in zip(pulled.entries(), (arb_mat([p]) * plane.C).entries(), strict=True)]
    size = norm(g)
    for rho in (2.0**-20, 2.0**-8, 0.5):
        rho = min(rho, room)
        D = [(x * (1 - x)) * (-(sum((abs(v) for v in row), ZERO) * rho)).exp() for x, row in zip(p, C, strict=True)]
        scaled = arb_mat([[d.lower() * v for v in row] for d, row in zip(D, C, strict=True)])
        H = plane.C.transpose() * scaled + held
        off = [H[a, b] - (1 if a == b else 0) for a in range(q) for b in range(q)]
        eta = norm(off)
        if n and bool(size < (1 - eta) * rho):
            return True
    return False


def _exact(head: Head, j: int, where: str) -> list[fmpq]:
    """An evaluation row on the side of its label, which has to be known exactly."""
    sign, found = (1 if head.today[j] == 1 else -1), []
    for x in head.evaluated.tolist()[j]:
        if not x.is_exact():
            raise Invalid(f"{where}.implied", f"evaluation row {j} is stated", "rows of one layer are known exactly")
        man, exp = x.man_exp()
        found.append(fmpq(sign * int(man)) * fmpq(2) ** int(exp))
    return found


def _in_cone(generators: list[list[fmpq]], e: list[fmpq]) -> bool:
    """Whether `e = Σ λ_i g_i` with independent g_i and all `λ_i ≥ 0`, not all 0."""
    p, s = len(e), len(generators)
    form, rank = fmpq_mat(p, s + 1, [x for a in range(p) for x in (*(g[a] for g in generators), e[a])]).rref()
    if s > p or rank != s or any(form[i, i] != 1 for i in range(s)):
        return False
    weights = [form[i, s] for i in range(s)]
    return all(w >= 0 for w in weights) and any(w > 0 for w in weights)


