"""D12 in whole numbers and doubles that bound: the single refits of a node and what they leave.

Slopes at sums of steps are `z/(1 + z)` with `z = e^{−t}e^{−τ}`, off by as much of themselves as z is.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, ldexp, sqrt
from operator import attrgetter
from types import MappingProxyType

from flint import arb, fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import (
    Sums,
    apart,
    few,
    forms,
    forms_of,
    length_above,
    short,
    together,
)
from certify.check.theorems.head.rows.boxes.leaves import Base
from certify.check.theorems.head.rows.boxes.trap import Centre
from certify.check.theorems.head.rows.pair_tree.moved import NEAR, Moved, Step
from certify.check.theorems.head.rows.pair_tree.numbers import EXPONENTS, UP, exp, up

TURNS = 7
"""Steps of Newton's method for a row at most."""

SURE = 1.0 - 2.0**-10
AT_ONCE, ENOUGH = 256, 1.02
"""Far rows at a time, those of the longest steps first; and how many times what products show lengths may allow."""


NONE: Mapping[int, Step] = MappingProxyType({})
Pair = tuple[Sequence[float], float, float]
"""A vector, its size and what it is off by."""


@dataclass(frozen=True)
class Steps:
    """The single refits of a node.

    Attributes:
        b: the inverse at the centre.
        rows: rows with a step of their own, `far` the other free rows.
        lengths: upper bounds of `|s_j|` in the norm of the inverse.
        own: the steps; margins and slopes at them are off by at most `off`, and by `blur` of themselves.
        z: `e^−t`; still: slopes at the centre.
        formed: pairs of steps that are known with their signs.
        reach: the longest step of a far row; `most`: how far one moves a margin, `across`: that of another row.
    """

    b: Base
    rows: list[int]
    far: list[int]
    lengths: list[float]
    own: list[Step]
    off: float
    z: Sequence[float]
    still: list[float]
    blur: float
    reach: float
    most: list[float]
    across: list[float]
    t: list[float]
    t_off: float
    formed: dict[tuple[int, int], Pair] = field(default_factory=dict)

    @property
    def c(self) -> Centre:
        """The centre."""
        return self.b.c


def lengths(rows: list[list[float]], norms: list[float], M: tuple[object, arb, arb]) -> list[float]:
    """Upper bounds of the lengths of rows in the norm of a matrix X up to off, of norm at most `big`."""
    X, off, big = M
    if not rows:
        return []
    balls = [arb(r) for r in norms]
    found = forms(short(rows, len(rows[0])), balls, X, (big + off).upper())  # type: ignore[arg-type]
    return [length_above(x, up(off), r) for x, r in zip(found, norms, strict=True)]


def row_lengths(s: Sums, M: tuple[object, arb, arb]) -> list[float]:
    """The same for all rows of the sum."""
    X, off, big = M
    found = forms_of(s, [(X, (big + off).upper())])[0]  # type: ignore[list-item]
    return [length_above(x, up(off), up(r)) for x, r in zip(found, s.norms, strict=True)]


def steps(b: Base, order: list[int], count: int, turns: int = TURNS, products: int | None = None,
          size: Sequence[float] = (), start: Mapping[int, Step] = NONE, near: float = NEAR) -> Steps | None:
    """The steps of the free rows, the first `count` of the order their own; None where numbers are too large.

    Args:
        b: the inverse at the centre.
        order: the free rows.
        count: how many of them have steps of their own.
        turns: of Newton's method.
        products: of how many far rows products with all rows are formed, of those that are moved most; None: of all.
        size: lengths of all rows in the norm of the inverse, where they are known.
        start: by rows, steps of another centre to begin at; elsewhere `−πH⁻¹s_i`.
        near: length of a gradient that is short enough.
    """
    try:
        return _steps(b, order, count, (turns, start, near), products, size)
    except (OverflowError, ValueError):  # stated weights may be so large that decay times weights is infinite
        return None


def _steps(b: Base, order: list[int], count: int, way: tuple[int, Mapping[int, Step], float],
           products: int | None, size: Sequence[float]) -> Steps | None:
    c, s, (turns, start, near) = b.c, b.c.sums, way
    rows, far = order[:count], order[count:]
    size = list(size or row_lengths(s, (b.X, b.off, b.big)))
    t = [float(x.mid()) for x in c.t]
    t_off = max((up(x - float(x.mid())) for x in c.t), default=0.0)
    if not all(abs(x) < EXPONENTS for x in t):
        return None
    own = [0.0 if s.relabels else min(up(c.D[i]) * size[i] * size[i] * UP, SURE) for i in range(s.n)]
    z = array("d", map(exp, [-x for x in t]))
    moved = Moved(b, rows, t, t_off, z, start)
    for _ in range(turns):
        if not moved.correct(turns >= TURNS and not s.relabels, near):
            break
    own_steps = [one for one in moved.best if one is not None and isfinite(one.left_off)]
    if len(own_steps) < len(rows):
        return None
    reach, most, across = _far(b, far, size, own, products)
    kept = [1.0 if there else 0.0 for there in c.kept]
    off, blur = (max((x(one) for one in own_steps), default=0.0) for x in (attrgetter("off"), attrgetter("blur")))
    still = [x / (1.0 + x) * there for x, there in zip(z, kept, strict=True)]
    return Steps(b, rows, far, size, own_steps, off, z, still, blur, reach, most, across, t, t_off)


def _far(b: Base, far: list[int], size: list[float], own: list[float], products: int | None,
         ) -> tuple[float, list[float], list[float]]:
    """The longest `πH⁻¹s_l` of the far rows, how far one of them moves each margin, and how far another one does.

    Of those without products `|s_j·πH⁻¹s_l| ≤ |s_j|·π|s_l|`, in the norm of H⁻¹: a row for which the longest of them
    allow little more than what products have shown needs no further ones.
    """
    c, s = b.c, b.c.sums
    if any(own[l] >= SURE for l in far):
        return inf, [0.0] * s.n, [0.0] * s.n
    pull = {l: up(c.p[l]) / (1.0 - own[l]) * UP for l in far}
    heat = {l: pull[l] * size[l] * UP for l in far}
    reach = max(heat.values(), default=0.0)
    order = sorted(far, key=heat.__getitem__, reverse=True)
    some = len(far) if products is None else min(products, len(far))
    most, across, rest = ([0.0] * s.n for _ in range(3))
    live, loose = list(range(s.n)), 0.0
    for start in range(0, some, AT_ONCE):
        longest, still = heat[order[start]] * UP, list[int]()
        for j in live:
            if longest * size[j] > ENOUGH * across[j]:
                still.append(j)
            else:
                rest[j] = longest * size[j]
        if live := still:
            more = _products(b, order[start : min(start + AT_ONCE, some)], pull, live, most, across)
            loose = max(loose, more) if more < inf else inf
    longest = max((heat[l] for l in order[some:]), default=0.0) * UP
    for j in live:
        rest[j] = longest * size[j]
    off = [loose * up(r) for r in s.norms]
    return reach, [max(x + y, z) * UP for x, y, z in zip(most, off, rest, strict=True)], [
        max(x + y, z) * UP for x, y, z in zip(across, off, rest, strict=True)]


def _products(b: Base, part: list[int], pull: dict[int, float], live: list[int], most: list[float],
              across: list[float]) -> float:
    """Raise both to the products of some far rows with live rows; what a product is off by for a row of length 1."""
    s = b.c.sums
    big = (b.big + b.off).upper()
    bits, coarse = short([[x * pull[l] for x in s.rows[l]] for l in part], s.p), few(b.X, s.p)
    wide = (bits.mat * coarse.mat).tolist()
    shift = max((int(abs(x)).bit_length() for row in wide for x in row), default=0)
    shift = max(shift - (61 - s.p.bit_length()) // 2, 0)
    top_unit = max(bits.unit)
    columns = zip(*([int(x) >> (shift + top_unit - u) for x in row]
                    for row, u in zip(wide, bits.unit, strict=True)), strict=True)
    exponent = top_unit + coarse.unit + shift
    longest = max(pull[l] * up(s.norms[l]) for l in part) * UP
    # the row in few bits, H⁻¹ in few bits and its own error, whole numbers cut off, and the other row in few bits
    error = (up(big) * (up(bits.epsilon) + 2.0**-52) + up(coarse.off) * (1.0 + up(bits.epsilon)) + up(b.off)
             + up(s.short.epsilon) * up(big)) * longest + 2.0 * sqrt(s.p) * ldexp(1.0, exponent)
    place = {l: at for at, l in enumerate(part)}
    rows = s.short.mat if len(live) == s.n else fmpz_mat([s.short.rows[j] for j in live])
    for j, packed in zip(live, (rows * together(columns, 1)).entries(), strict=True):
        one, row = ldexp(1.0, s.short.unit[j] + exponent), apart(packed, len(part), 1)
        own_change = float(abs(row.pop(place[j]))) * one if j in place else 0.0
        others = float(max(max(row), -min(row))) * one if row else 0.0
        most[j], across[j] = max(most[j], own_change, others), max(across[j], others)
    return error * UP * UP
