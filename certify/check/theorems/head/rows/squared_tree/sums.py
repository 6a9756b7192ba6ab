"""D4d in integers: what k more deletions can take from the contrasts of a point, by a comparison that is found here.

`w_i = c_i x_i + |c_i|ξ_i`, `x = r/D`; rows in which `√K_ii(|x_i| + ξ_i)` is largest are evaluated, and in all others
`|c_i| ≤ √K_ii|e|_{H⁻¹}`. Comparisons are short numbers: units of `2^shift` of residuals, and of `2^−UNIT` of K.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from math import isqrt

from certify.check.theorems.head.rows.squared.node import BITS, ONE, above, top_sum
from certify.check.theorems.head.rows.squared_tree.majorant import UNIT, Majorant
from certify.check.theorems.head.rows.squared_tree.root import Point
from certify.check.theorems.head.rows.squared_tree.state import Seen, State, influence, residual

ROUNDS, PASSES, QUICK, LARGEST = 200, 12, 5, 16
"""Steps of the iteration that proposes a comparison, those for all rows, fewer of these where not all columns of the
hat matrix are formed, and the factor by which it may grow."""

MORE = 8
"""One part in so many by which K is taken larger than it is, so that the inequality is soon met strictly."""

TERMS, WHOLE, LOST, MOST, NEXT = 5, 1024, 920, 990, 64
"""Terms of a proposal; where one is at most LOST of WHOLE of the one before the rest is summed at once, and a little
more. At the last term each row's own part, at most MOST, says what is left."""

EVALUATED = (0, 8, 48, 768)
"""Numbers of rows that are evaluated one after the other, before all are."""


@dataclass(frozen=True)
class Terms:
    """What the sums need at a node, for the contrasts for which it was made.

    Attributes:
        xi: the comparison, in units of residuals.
        low: the least `1 − K_ii`, at least.
        most: the largest bound of `|x_i|`.
        rows: those that may go, those that matter most first.
        tail: for these `√K_ii(|x_i| + ξ_i)`, rounded up.
        x: by contrast `r/D` of the first rows, as far as they were asked for.
    """

    xi: list[int]
    low: int
    most: int
    rows: list[int]
    tail: list[int]
    x: dict[tuple[int, int, int], list[int]] = field(default_factory=dict)


def sums_at(state: State, hat: Majorant, v: list[int], s: int, rows: Sequence[int]) -> list[int]:
    """At least the sum of the s largest `|K_il|v_l` for some rows i, K after the deletions, times `2^UNIT`."""
    total = hat.sums(v, s, rows)
    for rise in state.rises if s > 0 else ():
        most = above(top_sum([x * y for x, y in zip(rise, v, strict=True)], s), 1 << UNIT)
        total = [a + rise[i] * most for a, i in zip(total, rows, strict=True)]
    return total


def terms(state: State, hat: Majorant, out: Iterable[int], sizes: Sequence[int], k: int) -> Terms | None:
    """Those for at most k of the rows that are not `out`; None where no comparison is found and proved."""
    n, left = len(state.d), set(out) | state.dead
    alive = [i for i in range(n) if i not in left]
    low, v = [ONE] * n, [0] * n
    for i in alive:
        low[i] = ONE - state.d[i] - state.eK
        if low[i] <= 0:
            return None
        v[i] = above((sizes[i] + state.pair_error) << BITS, low[i])
    xi = [0] * n if k <= 1 else comparison(state, hat, v, low, k - 1)
    if xi is None:
        return None
    u = [(above((isqrt(max(state.d[i] + state.eK, 0) << BITS) + 1) * (v[i] + xi[i]), ONE), i) for i in alive]
    u.sort(reverse=True)
    return Terms(xi, min((low[i] for i in alive), default=ONE), max(v, default=0), [i for _, i in u],
                 [x for x, _ in u])


def comparison(state: State, hat: Majorant, v: list[int], low: list[int], s: int) -> list[int] | None:
    """ξ with `D_iξ_i > T_s(|K_il|v_l) + T_s(|K_il|ξ_l)` where `v > 0`, and 0 elsewhere; None if none is found."""
    shift = max(max((x.bit_length() for x in v), default=0) - UNIT, 0)
    short = [above(x, 1 << shift) for x in v]
    D = [x >> (BITS - UNIT) for x in low]
    counted = [i for i, x in enumerate(v) if x]
    if any(D[i] <= 0 for i in counted):
        return None
    first = sums_at(state, hat, short, s, counted)
    xi = _proposed(state, hat, first, D, s, counted) if hat.apart else _over(first, D, counted)
    if xi is None:
        return None
    base, most = _spread(first, counted, len(v)), QUICK if hat.apart else PASSES
    rows, passes, limit = counted, 0, LARGEST * (max(xi, default=0) + 1)
    for _ in range(ROUNDS):  # rows that fall short are raised; if none is left, all are asked again
        passes += rows is counted
        again, totals = [], sums_at(state, hat, xi, s, rows)
        for i, total in zip(rows, totals, strict=True):
            if not D[i] * xi[i] > base[i] + total:
                xi[i] = (base[i] + total + total // MORE) // D[i] + 1
                again.append(i)
        if not again and rows is counted:
            for i, total in zip(rows, totals, strict=True):  # what it needs is enough: sums of less are no larger
                xi[i] = min(xi[i], (base[i] + total) // D[i] + 1)
            return [x << shift for x in xi]
        if passes > most or max((xi[i] for i in again), default=0) > limit:
            return None
        rows = again or counted
    return None


def _proposed(state: State, hat: Majorant, base: list[int], D: list[int], s: int, rows: list[int]) -> list[int] | None:
    """About the sum of `base/D` and what sums make of it again and again; None if that grows. Nothing is proved of it.

    Sums are monotone, homogeneous and sublinear: where each term is at most a part of the one before, so are all later.
    """
    term, total = base, base
    for turn in range(TERMS):
        xi = _over(term, D, rows)
        after = sums_at(state, hat, xi, s, rows)
        parts = [min(above(y * WHOLE, x), 2 * WHOLE) if x else WHOLE for x, y in zip(term, after, strict=True)]
        order = sorted(parts)
        if turn and order[len(order) // 10] > WHOLE:
            return None
        if order[-1] < LOST or turn == TERMS - 1:
            more = [y * WHOLE // (WHOLE - min(part, MOST)) for y, part in zip(after, parts, strict=True)]
            if order[-1] < LOST:
                more = [max(x, y * WHOLE // (WHOLE - order[-1])) for x, y in zip(more, after, strict=True)]
            total = [x + y + y // NEXT for x, y in zip(total, more, strict=True)]
            break
        term, total = after, [x + y for x, y in zip(total, after, strict=True)]
    return _over(total, D, rows)


def _over(values: list[int], D: list[int], rows: list[int]) -> list[int]:
    return _spread([x // D[i] + 1 for x, i in zip(values, rows, strict=True)], rows, len(D))


def _spread(values: list[int], rows: list[int], n: int) -> list[int]:
    """Values at their rows, 0 elsewhere."""
    found = [0] * n
    for i, x in zip(rows, values, strict=True):
        found[i] = x
    return found


def holds(state: State, found: Terms, point: Point, seen: Seen, n: int, k: int) -> bool:
    """Whether contrast n of a point stays positive whatever k of the rows go."""
    return any(_holds(state, found, point, seen, n, k, some)
               for some in (*(e for e in EVALUATED if e < len(found.rows)), len(found.rows)))


def _holds(state: State, found: Terms, point: Point, seen: Seen, n: int, k: int, some: int) -> bool:
    pair, reach = point.pairs[n], isqrt(seen.reach) + 1
    x = found.x.setdefault(pair, [])
    for i in found.rows[len(x):some]:
        x.append((residual(state, pair, i) << BITS) // (ONE - state.d[i]))
    if some > EVALUATED[-1]:
        point.c.form_all(point.place)
    else:
        point.c.form(found.rows[:some])
    w = []
    for i, y in zip(found.rows[:some], x, strict=False):
        c = influence(state, point, seen, i)
        w.append((c * y + (abs(c) + seen.ec) * found.xi[i] >> BITS) + 1)
    w += [above(reach * t, ONE) for t in found.tail[some:some + k]]
    largest = sum(value for value in nlargest(k, w) if value > 0)
    ex = above((state.pair_error << BITS) + (found.most + 1) * state.eK, found.low) + 1
    slack = above(seen.ec * (found.most + ex) + reach * ex, ONE) + 1
    return largest + k * slack < seen.z[n] - seen.ez[n]
