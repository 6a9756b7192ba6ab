"""H5 in balls: slabs that hold the margins of every row for every choice of at most k changed rows."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.fixed import whole
from certify.check.theorems.head.rows.boxes.fixed_rows import (
    Few,
    Short,
    Sums,
    few,
    forms,
    forms_of,
    inverse,
    lengths,
    power,
    short,
    size,
)
from certify.check.theorems.head.rows.boxes.slabs import gain, remainder, slope, weights

WIDE = 48
"""Free rows whose products with all rows are formed; the others share one bound."""

BACK = 20
"""Bits of the ratio of pulls back to pulls forth."""


@dataclass(frozen=True)
class Centre:
    """Weights, the rows that are changed, and margin, negative slope and curvature of every row there.

    Attributes:
        out: the changed rows.
        kept: whether a row is in the sum; `turned`: whether it is there as −s, with the margin −s·w.
    """

    sums: Sums
    out: list[int]
    kept: list[bool]
    turned: list[bool]
    w: arb_mat
    t: list[arb]
    p: list[arb]
    D: list[arb]
    gradient: arb


def centre(s: Sums, out: Sequence[int], w: Sequence[float]) -> Centre:
    """The sum after the change of some rows, at w."""
    gone = set(out)
    turned = [s.relabels and j in gone for j in range(s.n)]
    kept = [s.relabels or j not in gone for j in range(s.n)]
    column = arb_mat(s.p, 1, [arb(x) for x in w])
    t = turn((s.exact * column).entries(), turned)
    both = [slope(x) for x in t]
    p, D = [x for x, _ in both], [x for _, x in both]
    pull = s.across * arb_mat(s.n, 1, turn([x if k else ZERO for x, k in zip(p, kept, strict=True)], turned))
    g = [d * arb(x) - y for d, x, y in zip(s.decay, w, pull.entries(), strict=True)]
    return Centre(s, list(out), kept, turned, column, t, p, D, norm(g).upper())


def turn(values: Sequence[arb], turned: Sequence[bool]) -> list[arb]:
    """Numbers with the other sign where rows are turned."""
    return [-x if other else x for x, other in zip(values, turned, strict=True)]


@dataclass(frozen=True)
class Box:
    """What proved slabs say of the changed rows.

    Attributes:
        mean, half: A and B of H5, exact up to `off`.
        sizes, back: pulls lie in `[−back·σ, σ]`.
        spread: at least `|Σ p̂s|_B`.
        loose: at least `off·Σ|s||p̂|`.
        still: `√‖H_low⁻¹‖·√‖H_low⁻¹‖·|gradient|`, to be multiplied by the norm of a point.
        bound: at least `‖A‖`.
        root: `|s_i|_A` of the free rows.
    """

    c: Centre
    free: list[int]
    k: int
    mean: arb_mat
    half: arb_mat
    off: arb
    sizes: dict[int, arb]
    back: arb
    spread: arb
    loose: arb
    still: arb
    bound: arb
    root: dict[int, arb]


def most(values: Iterable[arb], k: int) -> arb:
    """Upper bound of the sum of the k largest of nonnegative numbers."""
    tops = sorted((x.upper() for x in values), key=float, reverse=True)
    # a double of an upper bound orders up to rounding: what is left out exceeds what is taken by 2^-52 of it at most
    return sum(tops[:k], ZERO) * (1 + power(-50)) if k else ZERO


def box(c: Centre, free: list[int], k: int, slabs: Sequence[Sequence[float]]) -> Box | None:
    """The box, if it is proved: every inequality of H5 strict; else None.

    Args:
        c: the centre.
        free: rows of which at most k change, none of them changed at the centre.
        k: at least 1.
        slabs: lo, hi for all rows, il, ih for the free ones, positive.
    """
    s = c.sums
    lo, hi, il, ih = slabs
    least, greatest = [0] * s.n, [0] * s.n
    for j in range(s.n):
        if c.kept[j]:
            least[j], greatest[j] = weights(c.t[j], c.p[j], c.D[j], arb(lo[j]), arb(hi[j]))
    low, high = inverse(s, greatest), inverse(s, least)
    if low is None or high is None:
        return None
    mean, half = (high[0] + low[0]) * arb(0.5), (high[0] - low[0]) * arb(0.5)
    off = (high[1].max(low[1]) + size(mean - mean.mid()) + size(half - half.mid())).upper()
    mean, half = mean.mid(), half.mid()
    forth, backs = {}, {}
    for i in free:
        if s.relabels:
            forth[i] = 1 + gain(c.t[i], c.p[i], c.D[i], arb(il[i]), arb(ih[i]))
        else:
            forth[i] = c.p[i] + c.D[i] * arb(il[i])
        backs[i] = remainder(c.t[i], c.p[i], c.D[i], arb(il[i]), arb(ih[i]))
    sizes = {i: forth[i].max(backs[i]).upper() for i in free}
    back = ZERO
    for i in free:
        back = back.max((backs[i] / sizes[i]).upper())
    return _proved(c, free, min(k, len(free)), (lo, hi, il, ih), (mean, half, off, high[2]),
                   (sizes, forth, backs, back))


def _proved(c: Centre, free: list[int], k: int, slabs: Sequence[Sequence[float]],
            matrices: tuple[arb_mat, arb_mat, arb, arb],
            pulls: tuple[dict[int, arb], dict[int, arb], dict[int, arb], arb]) -> Box | None:
    """The inequalities."""
    s = c.sums
    lo, hi, il, ih = slabs
    mean, half, off, big = matrices
    sizes, forth, backs, back = pulls
    bound = (size(mean) + off).upper()
    own, beta = forms_of(s, [(mean, bound), (half, (size(half) + off).upper())])
    own = [x + off * r * r for x, r in zip(own, s.norms, strict=True)]
    beta = [(x + off * r * r).max(ZERO).upper().sqrt() for x, r in zip(beta, s.norms, strict=True)]
    root = [x.max(ZERO).upper().sqrt() for x in own]
    order = sorted(free, key=lambda i: -float(root[i] * sizes[i]))
    wide = order[: max(WIDE, 2 * k)]
    others = ZERO
    for i in order[len(wide):]:
        others = others.max((root[i] * sizes[i]).upper())
    Z = mean * arb_mat([[arb(x) * sizes[i] for x in s.rows[i]] for i in wide]).transpose()
    coarse = few(Z.mid(), s.p)
    zeta = _rounding(s.short, Z, coarse)
    flat = [int(x) for x in (s.short.mat * coarse.mat).entries()]
    spread = _spread(c, free, wide, k, half, off, sizes, back, beta)
    loose = (off * most([s.norms[i] * sizes[i] for i in free], k) + k * zeta).upper()
    still = (big * c.gradient).upper()
    every = (loose + still).upper()
    extra = [b * spread + r * every for b, r in zip(beta, s.norms, strict=True)]
    width, place, ratio = len(wide), {i: a for a, i in enumerate(wide)}, above_ratio(back)
    for j in range(s.n):
        if not c.kept[j]:
            continue
        row = flat[j * width : (j + 1) * width]
        if j in place:
            row[place[j]] = 0
        unit = power(s.short.unit[j] + coarse.unit)
        X, X1, Y, Y1 = _tops(row, k, ratio, _whole(root[j] * others, s.short.unit[j] + coarse.unit))
        if c.turned[j]:  # such a row is not free, and its products have the other sign
            X, Y = Y, X
        if not (arb(lo[j]) > X * unit + extra[j] and arb(hi[j]) > Y * unit + extra[j]):
            return None
        if j in sizes:
            left, first = (arb(1), forth[j]) if s.relabels else (1 - own[j] * c.D[j], c.p[j])
            if not (left > 0 and own[j] > 0 and arb(il[j]) * left > own[j] * first + X1 * unit + extra[j]
                    and arb(ih[j]) > own[j] * backs[j] + Y1 * unit + extra[j]):
                return None
    return Box(c, free, k, mean, half, off, sizes, back, spread, loose, still, bound, {i: root[i] for i in free})


def _rounding(rows: Short, Z: arb_mat, short: Few) -> arb:
    """ζ with `|s·z − ŝ·ẑ| ≤ |s|ζ` for every row s and every column z: `ε|z| + (1 + ε)|z − ẑ|`."""
    longest = ZERO
    for column in Z.transpose().tolist():
        longest = longest.max(norm(column).upper())
    error = short.column + size(Z - Z.mid())
    return (rows.epsilon * longest + (1 + rows.epsilon) * error).upper()


def above_ratio(back: arb) -> int:
    """The ratio in `2^−BACK`, rounded up."""
    return int(float(back.upper()) * 2**BACK) + 2


def _integer(x: arb) -> int:
    """An exact integer."""
    return int(whole(x))


def _whole(x: arb, unit: int) -> int:
    """A whole number of `2^unit` not below a nonnegative number."""
    return _integer((x.upper() * power(-unit)).ceil())  # an exact number times a power of two


def _tops(row: list[int], k: int, ratio: int, floor: int) -> tuple[int, int, int, int]:
    """Sums of the k and the k − 1 largest of `max(f, −ratio·f, floor)`, and the same for `−f`."""
    if k == 1:
        top, bottom = max(row), min(row)
        return (max(top, floor, (-bottom * ratio >> BACK) + 1), 0,
                max(-bottom, floor, (top * ratio >> BACK) + 1), 0)
    order = sorted(row)
    heads, tails = order[-k:], [-x for x in order[:k]]
    X = _first(heads, tails, k, ratio, floor)
    Y = _first(tails, heads, k, ratio, floor)
    return sum(X), sum(X[1:]), sum(Y), sum(Y[1:])


def _first(forth: list[int], back: list[int], k: int, ratio: int, floor: int) -> list[int]:
    """The k largest in ascending order, each at least `floor`."""
    best = sorted(forth)
    for x in back:
        if x > 0:
            insort(best, (x * ratio >> BACK) + 1)
    best = [max(x, floor) for x in best[-k:]]
    return [floor] * (k - len(best)) + best


def _spread(c: Centre, free: list[int], wide: list[int], k: int, half: arb_mat, off: arb, sizes: dict[int, arb],
            back: arb, beta: list[arb]) -> arb:
    """At least `|Σ_M p̂s|_B`: the k largest of `|s|_B|p̂|`, or the root of the k largest row sums of k products."""
    s = c.sums
    each = {i: (beta[i] * sizes[i]).upper() for i in free}
    plain = most(each.values(), k)
    if k == 1:
        return plain
    scaled = arb_mat([[arb(x) * sizes[i] for x in s.rows[i]] for i in wide])
    B = (scaled * half * scaled.transpose()).tolist()
    largest, narrow = ZERO, ZERO
    for i in free:
        largest = largest.max(each[i])
    for i in set(free) - set(wide):
        narrow = narrow.max(each[i])
    rho = {i: each[i] * (each[i] + (k - 1) * largest) for i in free}
    length = [s.norms[i] * sizes[i] for i in wide]
    for a, i in enumerate(wide):
        near = [(x.max(-x * back) + off * length[a] * length[b]).max(each[i] * narrow)
                for b, x in enumerate(B[a]) if b != a]
        near += [each[i] * narrow] * max(0, k - 1 - len(near))
        rho[i] = each[i] * each[i] + most(near, k - 1)
    return plain.min(most(rho.values(), k).sqrt().upper())


@dataclass(frozen=True)
class Points:
    """Oriented evaluation rows."""

    rows: list[list[float]]
    norms: list[arb]
    short: Short
    exact: arb_mat

    def some(self, at: list[int]) -> Points:
        """Some of them."""
        if len(at) == len(self.rows):
            return self
        p, rows, whole_rows = self.exact.ncols(), [self.rows[j] for j in at], [self.short.rows[j] for j in at]
        few_bits = Short(fmpz_mat(len(at), p, [x for row in whole_rows for x in row]), whole_rows,
                         [self.short.unit[j] for j in at], self.short.epsilon)
        return Points(rows, [self.norms[j] for j in at], few_bits,
                      arb_mat(len(at), p, [arb(x) for row in rows for x in row]))


def points(rows: list[list[float]], p: int) -> Points:
    """Rows e of which `e·w > 0` is in question."""
    return Points(rows, lengths(rows), short(rows, p), arb_mat(len(rows), p, [arb(x) for row in rows for x in row]))


class Margins:
    """What a box leaves of the margins of points: `e·w − (the k largest pushes) − fixed`.

    Attributes:
        margin: `e·w` at the centre.
        fixed: what does not depend on the rows.
    """

    def __init__(self, found: Box, e: Points) -> None:
        self.found, self.e = found, e
        c = found.c
        self.margin = (e.exact * c.w).entries()
        beta = forms(e.short, e.norms, found.half, (size(found.half) + found.off).upper())
        seen = forms(e.short, e.norms, found.mean, found.bound)
        self.seen = [(x + found.off * r * r).max(ZERO).upper().sqrt() for x, r in zip(seen, e.norms, strict=True)]
        self.fixed = [(x + found.off * r * r).max(ZERO).upper().sqrt() * found.spread + r * (found.loose + found.still)
                      for x, r in zip(beta, e.norms, strict=True)]
        order = sorted(found.free, key=lambda i: -float(found.root[i] * found.sizes[i]))
        self.order = order
        self.ratio = above_ratio(found.back)
        wide = max(WIDE, 2 * found.k)
        self._some = _Pushes(self, order[:wide], order[wide:])
        self._rows: dict[int, dict[int, arb]] = {}

    def _all(self, at: int) -> dict[int, arb]:
        """Upper bounds of the pushes of all free rows at a point: with `u = Ae`, `|s·u − ŝ·û| ≤ |s|ζ`."""
        if at not in self._rows:
            found, s = self.found, self.found.c.sums
            u = found.mean * arb_mat(s.p, 1, [arb(x) for x in self.e.rows[at]])
            coarse = few(u.mid(), s.p)
            zeta = _rounding(s.short, u, coarse)
            x = (s.short.mat * coarse.mat).entries()
            pushes = {}
            for i in found.free:
                c = arb(x[i]) * power(s.short.unit[i] + coarse.unit)
                pushes[i] = (c.max(-c * found.back) + s.norms[i] * zeta) * found.sizes[i]
            self._rows[at] = pushes
        return self._rows[at]

    def holds(self, at: int, without: set[int]) -> bool:
        """Whether the margin of a point is proved to stay positive if none of some rows changes."""
        if self._some.holds(at, without):
            return True
        push = most([x for i, x in self._all(at).items() if i not in without], self.found.k)
        return bool(self.margin[at] - self.fixed[at] > push)

    def blocking(self, at: int) -> list[int]:
        """Free rows whose change alone is not proved to leave the margin positive (for boxes with k = 1)."""
        found = self._some.blocking(at)
        if found is None:
            room = self.margin[at] - self.fixed[at]
            found = [i for i, x in self._all(at).items() if not room > x]
        return found


class _Pushes:
    """Products of points with some rows; the others share the bound `|e|_A·max |s|_Aσ`."""

    def __init__(self, margins: Margins, cols: list[int], left: list[int]) -> None:
        found, e = margins.found, margins.e
        self.margins, self.cols, self.left = margins, cols, left
        s = found.c.sums
        Z = found.mean * arb_mat([[arb(x) * found.sizes[i] for x in s.rows[i]] for i in cols]).transpose()
        coarse = few(Z.mid(), s.p)
        self.unit = coarse.unit
        self.flat = [int(x) for x in (e.short.mat * coarse.mat).entries()]
        self.zeta = _rounding(e.short, Z, coarse)
        self.others = ZERO
        for i in left:
            self.others = self.others.max((found.root[i] * found.sizes[i]).upper())

    def _room(self, at: int) -> arb:
        m = self.margins
        return m.margin[at] - m.fixed[at] - m.found.k * self.zeta * m.e.norms[at]

    def _row(self, at: int) -> tuple[list[int], int, int]:
        """Pushes of a point in whole numbers, the bound of the other rows, and the unit."""
        m, width = self.margins, len(self.cols)
        unit = m.e.short.unit[at] + self.unit
        row = self.flat[at * width : (at + 1) * width]
        values = [x if x > 0 else (-x * m.ratio >> BACK) + 1 for x in row]
        return values, (_whole(m.seen[at] * self.others, unit) if self.left else 0), unit

    def holds(self, at: int, without: set[int]) -> bool:
        k = self.margins.found.k
        values, floor, unit = self._row(at)
        if without:
            values = [x for x, i in zip(values, self.cols, strict=True) if i not in without]
        if self.left:
            values = [max(x, floor) for x in values] + [floor] * k
        top = sum(sorted(values)[-k:])
        return bool(self._room(at) > top * power(unit))

    def blocking(self, at: int) -> list[int] | None:
        values, floor, unit = self._row(at)
        room = self._room(at)
        if not room > 0:
            return list(self.margins.found.free)
        most_allowed = _integer((room.lower() * power(-unit)).floor())
        if floor >= most_allowed and self.left:
            return None
        return [i for x, i in zip(values, self.cols, strict=True) if x >= most_allowed]
