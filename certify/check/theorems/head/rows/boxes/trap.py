"""D5 in balls: slabs that hold the margins of every row for every choice of at most k changed rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from flint import arb, arb_mat, fmpz

from certify.check.linalg.balls import ONE, ZERO, norm
from certify.check.linalg.large.products import whole
from certify.check.theorems.head.norms import total_of
from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT, Sums, forms_of, power, size
from certify.check.theorems.head.rows.boxes.largest import BACK, tops
from certify.check.theorems.head.rows.boxes.products import judged, products
from certify.check.theorems.head.rows.boxes.slabs import above, below
from certify.check.theorems.head.rows.losses.on_slabs import LOGISTIC, OnSlabs, Secants

WIDE = 48
"""Free rows whose products with all rows are formed at least; the others share one bound."""

FAINT = power(-200)
"""Least bound of a pull: a row far from where its loss bends has none, and is divided by what it pulls."""


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
    loss: OnSlabs = LOGISTIC

    def counts(self, j: int) -> arb:
        """What row j counts."""
        return ONE if self.sums.weights is None else self.sums.weights[j]


def centre(s: Sums, out: Sequence[int], w: Sequence[float], loss: OnSlabs = LOGISTIC) -> Centre:
    """The sum after the change of some rows, at w."""
    gone = set(out)
    turned = [s.relabels and j in gone for j in range(s.n)]
    kept = [s.relabels or j not in gone for j in range(s.n)]
    column = arb_mat(s.p, 1, [arb(x) for x in w])
    t = turn((s.exact * column).entries(), turned)
    both = [loss.slope(x) for x in t]
    p, D = [x for x, _ in both], [x for _, x in both]
    counted = p if s.weights is None else [c * x for c, x in zip(s.weights, p, strict=True)]
    pull = s.across * arb_mat(s.n, 1, turn([x if k else ZERO for x, k in zip(counted, kept, strict=True)], turned))
    g = [d * arb(x) - y for d, x, y in zip(s.decay, w, pull.entries(), strict=True)]
    return Centre(s, list(out), kept, turned, column, t, p, D, norm(g).upper(), loss)


def turn(values: Sequence[arb], turned: Sequence[bool]) -> list[arb]:
    """Numbers with the other sign where rows are turned."""
    return [-x if other else x for x, other in zip(values, turned, strict=True)]


@dataclass(frozen=True)
class Box:
    """What proved slabs say of the changed rows.

    Attributes:
        mean, half: A and B of D5, exact up to `off`.
        sizes, back: pulls lie in `[−back·σ, σ]`.
        spread: at least `|Σ p̂s|_B`.
        loose: at least `off·Σ|s||p̂|`.
        still: `√‖H_low⁻¹‖·√‖H_low⁻¹‖·|gradient|`, to be multiplied by the norm of a point.
        bound: at least `‖A‖`.
        root: `|s_i|_A` of the free rows.
        slabs: lo, hi, il, ih.
        low, top, top_off: the weights of `H_low` in whole numbers, its inverse, and what that is off by.
        wide: of how many rows products were formed.
        forth, backs: what single free rows pull at most, and back at most.
        beta: `|s_i|_B` of the free rows.
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
    slabs: Sequence[Sequence[float]]
    low: list[int]
    top: arb_mat
    top_off: arb
    wide: int
    forth: dict[int, arb]
    backs: dict[int, arb]
    beta: dict[int, arb]


def most(values: Iterable[arb], k: int) -> arb:
    """Upper bound of the sum of the k largest of nonnegative numbers; no number where one of them is none."""
    tops = [x.upper() for x in values]
    if not all(x.is_finite() for x in tops):  # what is no number has no place in an order, and would be left out
        return arb("nan")
    return total_of(tops, k)


def box(c: Centre, free: list[int], k: int, slabs: Sequence[Sequence[float]], wide: int = WIDE) -> Box | None:
    """The box, if it is proved: every inequality of D5 strict; else None.

    Args:
        c: the centre.
        free: rows of which at most k change, none of them changed at the centre.
        k: at least 1.
        slabs: lo, hi for all rows, il, ih for the free ones, positive.
        wide: of how many free rows products are formed.
    """
    s = c.sums
    lo, hi, il, ih = slabs
    least, greatest = [0] * s.n, [0] * s.n
    for j in range(s.n):
        if c.kept[j]:
            least[j], greatest[j] = _secants(c, j, arb(lo[j]), arb(hi[j]))
    low, high = judged(s, greatest), judged(s, least)
    if low is None or high is None:
        return None
    top, bottom = high.mid * (1 / (1 - high.part)), low.mid * (1 / (1 + low.part))
    mean, half = (top + bottom) * arb(0.5), (top - bottom) * arb(0.5)
    off = (2 * high.off.max(low.off) + size(mean - mean.mid()) + size(half - half.mid())).upper()
    mean, half = mean.mid(), half.mid()
    forth, backs = {}, {}
    for i in free:
        inner = arb(il[i]), arb(ih[i])
        if s.relabels:
            pull, own = c.loss.turned(c.t[i], c.p[i], c.D[i], *inner)
            up, backs[i] = _past(_counted(c, i, own), least[i], greatest[i], *inner)
            forth[i] = c.counts(i) * pull + up
        else:
            forth[i] = c.counts(i) * (c.p[i] + c.D[i] * inner[0])
            backs[i] = c.counts(i) * c.loss.remainder(c.t[i], c.p[i], c.D[i], *inner)
    if not all(x.is_finite() for x in (c.gradient, *forth.values(), *backs.values())):  # as of a margin that cancels
        return None
    sizes = {i: forth[i].max(backs[i] * c.loss.least).max(FAINT).upper() for i in free}
    back = ZERO
    for i in free:
        back = back.max((backs[i] / sizes[i]).upper())
    big = (high.big * (1 + 2 * high.part)).upper()
    proof = _proved(c, free, min(k, len(free)), (lo, hi, il, ih), (mean, half, off, big), (sizes, forth, backs, back),
                    wide)
    return proof and replace(proof, low=least, top=top, top_off=(2 * high.off).upper())


def _secants(c: Centre, j: int, lo: arb, hi: arb) -> Secants:
    """Bounds of the mean curvature of a row on a slab, times what it counts, in `2^−WEIGHT`."""
    return _counted(c, j, c.loss.weights(c.t[j], c.p[j], c.D[j], lo, hi))


def _counted(c: Centre, j: int, secants: Secants) -> Secants:
    """Secants times what a row counts."""
    if c.sums.weights is None:
        return secants
    own = c.sums.weights[j] * power(-WEIGHT)
    return below(secants[0] * own), above(secants[1] * own)


def _past(own: Secants, least: int, greatest: int, il: arb, ih: arb) -> tuple[arb, arb]:
    """How far `(D̃ − D)τ` reaches up and down for a row with another label.

    D is the number from `least` to `greatest` nearest to D̃, the row's secant, which is one of `own` where τ is in its
    slab: below `least` the product is positive where τ is negative, above `greatest` where τ is positive.
    """
    less, more = (arb(max(x, 0)) * power(-WEIGHT) for x in (least - own[0], own[1] - greatest))
    return (less * il).max(more * ih), (less * ih).max(more * il)


def _proved(c: Centre, free: list[int], k: int, slabs: Sequence[Sequence[float]],
            matrices: tuple[arb_mat, arb_mat, arb, arb],
            pulls: tuple[dict[int, arb], dict[int, arb], dict[int, arb], arb], wide: int) -> Box | None:
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
    some = order[: max(wide, 2 * k)]
    others = ZERO
    for i in order[len(some):]:
        others = others.max((root[i] * sizes[i]).upper())
    formed = products(s, mean, some, sizes)
    spread = _spread(c, free, k, half, off, sizes, back, beta, wide)
    loose = (off * most([s.norms[i] * sizes[i] for i in free], k) + k * formed.zeta).upper()
    still = (big * c.gradient).upper()
    every = (loose + still).upper()
    extra = [b * spread + r * every for b, r in zip(beta, s.norms, strict=True)]
    place, ratio = {i: a for a, i in enumerate(some)}, above_ratio(back)
    for j, row, exponent in formed.rows([j for j in range(s.n) if c.kept[j]]):
        if j in place:
            row[place[j]] = fmpz(0)
        unit = power(exponent)
        X, X1, Y, Y1 = tops(row, k, ratio, whole_above(root[j] * others, exponent))
        if c.turned[j]:  # such a row is not free, and its products have the other sign
            X, Y = Y, X
        if not (arb(lo[j]) > X * unit + extra[j] and arb(hi[j]) > Y * unit + extra[j]):
            return None
        if j in sizes:
            own_c = c.counts(j)
            left, first = (arb(1), forth[j]) if s.relabels else (1 - own[j] * own_c * c.D[j], own_c * c.p[j])
            if not (left > 0 and own[j] > 0 and arb(il[j]) * left > own[j] * first + X1 * unit + extra[j]
                    and arb(ih[j]) > own[j] * backs[j] + Y1 * unit + extra[j]):
                return None
    return Box(c, free, k, mean, half, off, sizes, back, spread, loose, still, bound, {i: root[i] for i in free},
               slabs, [], mean, off, wide, forth, backs, {i: beta[i] for i in free})


def above_ratio(back: arb) -> int:
    """The ratio in `2^−BACK`, rounded up."""
    return int(float(back.upper()) * 2**BACK) + 2


def integer(x: arb) -> int:
    """An exact integer."""
    return int(whole(x))


def whole_above(x: arb, unit: int) -> int:
    """A whole number of `2^unit` not below a nonnegative number."""
    return integer((x.upper() * power(-unit)).ceil())  # an exact number times a power of two


def _spread(c: Centre, free: list[int], k: int, half: arb_mat, off: arb, sizes: dict[int, arb],
            back: arb, beta: list[arb], wide: int) -> arb:
    """At least `|Σ_M p̂s|_B`: the k largest of `|s|_B|p̂|`, or the root of the k largest row sums of k products."""
    each = {i: (beta[i] * sizes[i]).upper() for i in free}
    plain = most(each.values(), k)
    if k == 1:
        return plain
    rho = squares_of(c, free, k, (half, off), sizes, back, each, wide)
    return plain.min(most(rho.values(), k).sqrt().upper())


def squares_of(c: Centre, free: list[int], k: int, matrix: tuple[arb_mat, arb], sizes: dict[int, arb], back: arb,
               each: dict[int, arb], wide: int) -> dict[int, arb]:
    """ρ with `|Σ_M p̂s|² ≤ Σ_M ρ` in the norm of a matrix, from the norms of the pulls of single rows."""
    s = c.sums
    some = sorted(free, key=lambda i: -float(each[i]))[: max(wide, 2 * k)]
    largest, narrow = ZERO, ZERO
    for i in free:
        largest = largest.max(each[i])
    for i in set(free) - set(some):
        narrow = narrow.max(each[i])
    rho = {i: each[i] * (each[i] + (k - 1) * largest) for i in free}
    partners = _partners_in_numbers if len(some) > max(WIDE, 2 * k) else _partners
    length = {i: s.norms[i] * sizes[i] for i in some}
    for i, sum_of in partners(c, some, k, matrix, sizes, back, length, {i: each[i] * narrow for i in some}):
        rho[i] = each[i] * each[i] + sum_of
    return rho


Sums_of_partners = Iterator[tuple[int, arb]]


def _partners(c: Centre, some: list[int], k: int, matrix: tuple[arb_mat, arb], sizes: dict[int, arb], back: arb,
              length: dict[int, arb], floors: dict[int, arb]) -> Sums_of_partners:
    """For each of some rows the k − 1 largest products of its pull with those of others, each above its floor."""
    M, off = matrix
    scaled = arb_mat([[arb(x) * sizes[i] for x in c.sums.rows[i]] for i in some])
    for a, (i, row) in enumerate(zip(some, (scaled * M * scaled.transpose()).tolist(), strict=True)):
        near = [(x.max(-x * back) + off * length[i] * length[some[b]]).max(floors[i])
                for b, x in enumerate(row) if b != a]
        near += [floors[i]] * max(0, k - 1 - len(near))
        yield i, most(near, k - 1)


def _partners_in_numbers(c: Centre, some: list[int], k: int, matrix: tuple[arb_mat, arb], sizes: dict[int, arb],
                         back: arb, length: dict[int, arb], floors: dict[int, arb]) -> Sums_of_partners:
    """The same for many rows, with products in whole numbers: of each `|s_i|σ_iζ` is lost."""
    M, off = matrix
    formed, place = products(c.sums, M, some, sizes), {i: a for a, i in enumerate(some)}
    ratio, apart = above_ratio(back), off * most(length.values(), k - 1)
    for i, row, exponent in formed.rows(some) if k > 1 else ():
        row[place[i]] = fmpz(0)
        floor = whole_above(floors[i] / sizes[i], exponent)
        above = tops(row, k - 1, ratio, floor)[0]
        yield i, (sizes[i] * above * power(exponent) + length[i] * ((k - 1) * formed.zeta + apart)).upper()
