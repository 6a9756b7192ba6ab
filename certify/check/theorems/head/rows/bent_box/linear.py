"""D24 in balls and doubles that bound: the centre linearised, and what slabs say of pulls and of bending rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.in_doubles import raised
from certify.check.theorems.head.rows.boxes.bends import bends
from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT, Squares, forms_of, gram, power, size, squares_of
from certify.check.theorems.head.rows.boxes.products import inverse, judged
from certify.check.theorems.head.rows.boxes.slabs import below, remainder, weights
from certify.check.theorems.head.rows.boxes.trap import Centre
from certify.check.theorems.head.rows.boxes.trap import squares_of as products_of

UP = 1.0 + 2.0**-30
"""More than what sums of fewer than 2^20 nonnegative doubles round."""


@dataclass(frozen=True)
class Bent:
    """What slabs say, if motions keep to them; numbers are upper bounds where nothing else is said.

    Attributes:
        c: the centre, no row changed; `free`, `k`: rows that may change, and how many at most.
        X, off: `H_D⁻¹` up to off, of norm at most `big`; `own`: what `c_iD_i` of each row is there, exactly.
        low, low_off: `H_low`, and what it is off by; `squares`: the products of the entries of each row.
        mid, half: the middle and half the width of what `2c_ir_i/τ²` may be.
        bent: `|c_il'' − c_iD_i|` times how far slabs reach.
        first, pull, gone: of the free rows `c_ip_i`, how hard they pull, and half the square of how far they move.
        back: of the pull, how hard they pull the other way.
        rho: `|Σ_M p̂ s|² ≤ Σ_M ρ` in the norm of `H_low⁻¹`, and `rest` the length of the gradient in it.
        gradient: its own length.
    """

    c: Centre
    free: list[int]
    k: int
    X: arb_mat
    off: arb
    own: list[float]
    low: arb_mat
    low_off: arb
    squares: Squares
    mid: list[float]
    half: list[float]
    bent: list[float]
    first: list[float]
    pull: list[float]
    gone: list[float]
    back: float
    rho: list[float]
    rest: float
    gradient: float

    @cached_property
    def norms(self) -> list[float]:
        """Of the rows."""
        return [raised(r) for r in self.c.sums.norms]

    @cached_property
    def doubles(self) -> tuple[list[list[float]], float, float]:
        """`H_low` in doubles, its lower half; what these are off by as a matrix, `H_low` included; and its size."""
        middle = self.low.mid()
        near = [[float(x) for x in row[: i + 1]] for i, row in enumerate(middle.tolist())]
        whole = raised(size(middle))
        return near, (raised(self.low_off) + raised(size(self.low - middle)) + 2.0**-50 * whole) * UP, whole

    @cached_property
    def rough(self) -> list[float]:
        """What the products of the entries of a row are off by, as a matrix."""
        return [raised(x) for x in self.squares.off]


def linear(c: Centre, free: list[int], k: int, slabs: Sequence[Sequence[float]]) -> Bent | None:
    """What slabs say; None where an inverse is not proved, or a number is none.

    Args:
        c: the centre, no row changed.
        free: rows that may change, and `k` how many of them at most.
        slabs: lo, hi, il, ih of every row, positive; where labels change the last two are the first two again.
    """
    s, k = c.sums, min(k, len(free))
    lo, hi, il, ih = slabs
    counted = [c.counts(j) * c.D[j] for j in range(s.n)]
    own = [below(x) for x in counted]
    least = [min(_least(c, j, lo[j], hi[j]), own[j]) for j in range(s.n)]
    base, low = inverse(s, own), judged(s, least)
    if base is None or low is None:
        return None
    ranges = [_times(c.counts(j), bends(c.t[j], c.p[j], c.D[j], lo[j], hi[j])) for j in range(s.n)]
    mid = [0.5 * (a + b) for a, b in ranges]
    half = [max(b - m, m - a) * UP + 2.0**-900 for (a, b), m in zip(ranges, mid, strict=True)]
    rough = [(x - arb(d) * power(-WEIGHT)).abs_upper() for x, d in zip(counted, own, strict=True)]
    forth, back = _pulls(c, free, slabs, [arb(d) * power(-WEIGHT) for d in own], rough)
    sizes = {i: forth[i].max(back[i]).upper() for i in free}
    ratio = ZERO
    for i in free:
        ratio = ratio.max((back[i] / sizes[i]).upper())
    top = low.mid * (1 / (1 - low.part))
    exact = top.mid()
    top_off = (2 * low.off + size(top - exact)).upper()
    lengths = [(x + top_off * r * r).max(ZERO).upper().sqrt().upper() for x, r in zip(
        forms_of(s, [(exact, (size(exact) + top_off).upper())])[0], s.norms, strict=True)]
    each = {i: (lengths[i] * sizes[i]).upper() for i in free}
    rho = products_of(c, free, k, (exact, top_off), sizes, ratio, each, len(free))
    far = [max(row) for row in zip(*slabs, strict=True)]
    found = Bent(
        c, free, k, base[0], base[1], [d * 2.0**-WEIGHT for d in own], gram(s, least) + s.diagonal, s.unsure,
        s.squares or squares_of(s.long, s.unit, s.norms, arb(s.p).sqrt() * power(s.unit)), mid, half,
        [raised(x) * y * UP for x, y in zip(rough, far, strict=True)],
        [raised((c.counts(i) * c.p[i]).upper()) for i in free], [raised(sizes[i]) for i in free],
        [0.5 * max(il[i], ih[i]) ** 2 * UP for i in free], raised(ratio), [raised(rho[i].upper()) for i in free],
        raised((low.big * (1 + 2 * low.part)).upper().sqrt().upper() * c.gradient), raised(c.gradient))
    numbers = (*found.mid, *found.half, *found.bent, *found.pull, *found.rho, found.back, found.rest)
    return found if all(map(isfinite, numbers)) and all(0.0 < x < inf for x in found.pull) else None


def _least(c: Centre, j: int, lo: float, hi: float) -> int:
    """At most the mean curvature of a row on its slab, times what it counts."""
    least = weights(c.t[j], c.p[j], c.D[j], arb(lo), arb(hi))[0]
    return least if c.sums.weights is None else below(arb(least) * power(-WEIGHT) * c.counts(j))


def _times(count: arb, ends: tuple[float, float]) -> tuple[float, float]:
    """Bounds of numbers between two others times what a row counts, rounded outwards."""
    if count == 1:
        return ends
    low, high = float((count * ends[0]).lower()), float((count * ends[1]).upper())
    return low - abs(low) * 2.0**-50, high + abs(high) * 2.0**-50


def _pulls(c: Centre, free: list[int], slabs: Sequence[Sequence[float]], own: list[arb], rough: list[arb],
           ) -> tuple[dict[int, arb], dict[int, arb]]:
    """How hard changed rows pull forth and back: a new label by what its row counts, whatever it moves."""
    if c.sums.relabels:
        return {i: c.counts(i).upper() for i in free}, dict.fromkeys(free, ZERO)
    il, ih = slabs[2], slabs[3]
    forth = {i: (c.counts(i) * c.p[i] + own[i] * il[i]).upper() for i in free}
    # with another number than l'' what is left of the slope is off by their difference times the motion
    back = {i: (c.counts(i) * remainder(c.t[i], c.p[i], c.D[i], arb(il[i]), arb(ih[i])) + rough[i] * max(
        il[i], ih[i])).upper() for i in free}
    return forth, back
