"""D32 in integers: what any deletions and new labels take of a contrast by one sum, and sets of deletions exactly.

Products of influences and residuals are integers times `2^−2·BITS` and the powers of two of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from certify.check.theorems.head.rows.both_squared.base import Base, Side
from certify.check.theorems.head.rows.squared.node import BITS, ONE, above, top_sum
from certify.check.theorems.head.rows.squared_tree.root import Point

DEEPEST = 4
"""Deletions, of more of which no sets are looked at one by one: they soon are too many, and a prover looks at none."""


@dataclass
class Effort:
    """How many single sets of deletions may still be looked at; one of s rows counts as `s²/4`, if that is more."""

    left: int


@dataclass(frozen=True)
class One:
    """One contrast of an evaluation row.

    Attributes:
        c, ec: influences of the rows that may change, and what each errs by.
        side: what does not depend on the evaluation row.
        least: at most the contrast, times `2^BITS`.
        taken: at least what the worst new label of each row takes; below 0 where every one gives.
        order: places of rows, those first whose labels take most.
    """

    c: Sequence[int]
    ec: int
    side: Side
    least: int
    taken: list[int]
    order: list[int]


def stays(base: Base, j: int, effort: Effort) -> bool:
    """Whether every contrast of an evaluation row stays positive."""
    point = base.points[j]
    return all(_positive(base, point, n, effort) for n in range(len(point.pairs)))


def _positive(base: Base, point: Point, n: int, effort: Effort) -> bool:
    """The same of one contrast: all choices by one sum, and sets of deletions that this leaves open exactly."""
    side, c, least = base.side(point.pairs[n]), point.every(), point.z[n] - point.ez[n] << BITS
    taken = drops(side, c, point.ec)
    need = least - top_sum(taken, base.relabelled)
    if not need > 0:
        return False
    if not base.deleted:
        return True
    each = shares(side, c, point.ec)
    if top_sum(each, base.deleted) < need:
        return True
    if base.deleted > DEEPEST:
        return False
    by_label = sorted(range(len(each)), key=taken.__getitem__, reverse=True)
    one, order = One(c, point.ec, side, least, taken, by_label), sorted(
        range(len(each)), key=each.__getitem__, reverse=True)
    values = [each[i] for i in order]
    for size in range(1, min(base.deleted, len(each)) + 1):
        for places in reaching(values, size, need):
            effort.left -= max(1, size * size // 4)
            if effort.left < 0 or not left(base, one, [order[a] for a in places]):
                return False
    return True


def drops(side: Side, c: Sequence[int], error: int) -> list[int]:
    """At least what the worst new target of every row takes; below 0 where every one gives."""
    return [x * (h if x > 0 else g) + error * s
            for x, h, g, s in zip(c, side.high, side.low, side.size, strict=True)]


def shares(side: Side, c: Sequence[int], error: int) -> list[int]:
    """At least `c_ix_i + |c_i|ω_i`, what a deletion takes in any choice: a sum bound; 0 or more."""
    return [max(y * x + abs(y) * w + error * (abs(x) + w), 0)
            for y, x, w in zip(c, side.x, side.wide, strict=True)]


def reaching(values: Sequence[int], size: int, need: int, start: int = 0) -> Iterator[tuple[int, ...]]:
    """Places, so many, whose numbers add up to `need` or more; the numbers fall.

    >>> list(reaching([3, 2, 1], 2, 4))
    [(0, 1), (0, 2)]
    """
    if size == 0:
        yield ()
        return
    for at in range(start, len(values) - size + 1):
        if sum(values[at : at + size]) < need:
            return
        for more in reaching(values, size - 1, need - values[at], at + 1):
            yield (at, *more)


def left(base: Base, one: One, gone: Sequence[int]) -> bool:
    """Whether a contrast stays positive once rows M are gone, with the worst labels of others beside them.

    `z − y·r_M − T_{m₂}(max(c'_l high_l, c'_l low_l)₊) > 0`, `y = N⁻¹c_M`, `c' = c + K_{·M}y`, `N = I − K_MM`.
    """
    found = solved(base, one, gone)
    if found is None:
        return False
    y, away = found
    r, er, size = [one.side.r[q] for q in gone], base.pair_error, [abs(v) + away for v in y]
    taken = sum(v * x for v, x in zip(y, r, strict=True))
    taken += sum(v * er + away * abs(x) for v, x in zip(size, r, strict=True))
    rest = one.least - taken
    if top_sum(one.taken, base.relabelled) + (sum(v * base.labels[q] for v, q in zip(size, gone, strict=True))
                                              >> BITS) + 1 < rest:
        return True
    # rows of the true K are at most 1 in size: with what y errs by, and one for what is cut off
    error = one.ec + above(base.eK * sum(map(abs, y)), ONE) + len(gone) * away + 1
    return _labels_stay(base, one, gone, (y, error), rest,
                        (sum(v * base.far[q] for v, q in zip(size, gone, strict=True)) >> BITS) + 1)


def solved(base: Base, one: One, gone: Sequence[int]) -> tuple[list[int], int] | None:
    """`N⁻¹c_M` nearly, in units of influences, and what each entry errs by; None where no bound of N⁻¹ is found.

    By rows `|K_MM| ≤ κ < 1`, so `|N⁻¹ρ| ≤ max|ρ|/(1 − κ)` for `ρ = c_M − Ny`, whatever y is.
    """
    K = [[base.K[q][l] for l in gone] for q in gone]
    room = ONE - max(sum(map(abs, line)) for line in K) - len(gone) * base.eK
    if room <= 0:
        return None
    c = [one.c[q] for q in gone]
    y = _nearly(K, c)
    rest = max(abs((x << BITS) - (v << BITS) + sum(k * w for k, w in zip(line, y, strict=True)))
               for x, v, line in zip(c, y, K, strict=True))
    wrong = rest + (one.ec << BITS) + base.eK * sum(map(abs, y))
    return y, above(wrong, room)


def _nearly(K: list[list[int]], c: list[int]) -> list[int]:
    """A solution of `(1 − K)y = c` by elimination, each number cut off; what it is off by its residual tells."""
    n, y = len(c), list(c)
    A = [[(ONE if i == j else 0) - x for j, x in enumerate(line)] for i, line in enumerate(K)]
    for i in range(n):
        for j in range(i + 1, n):
            f = (A[j][i] << BITS) // max(A[i][i], 1)
            A[j] = [x - (f * z >> BITS) for x, z in zip(A[j], A[i], strict=True)]
            y[j] -= f * y[i] >> BITS
    for i in reversed(range(n)):
        y[i] = ((y[i] << BITS) - sum(A[i][j] * y[j] for j in range(i + 1, n))) // max(A[i][i], 1)
    return y


def _labels_stay(base: Base, one: One, gone: Sequence[int], after: tuple[list[int], int], rest: int, more: int) -> bool:
    """Whether any new labels beside deleted rows take less than what is left.

    Rows are looked at in the order of what their labels take before deletions, as long as later ones might matter:
    deletions add at most `more` to that.
    """
    (y, error), side, m, found = after, one.side, base.relabelled, list[int]()
    lines = [base.K[q] for q in gone]
    for l in one.order:
        if top_sum([*found, *[one.taken[l] + more] * m], m) < rest:
            return True
        if l in gone:
            continue
        c = one.c[l] + (sum(line[l] * v for line, v in zip(lines, y, strict=True)) >> BITS)
        found = sorted([*found, c * (side.high[l] if c > 0 else side.low[l]) + error * side.size[l]])[-m:]
    return top_sum(found, m) < rest
