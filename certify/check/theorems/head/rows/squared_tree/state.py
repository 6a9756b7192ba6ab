"""D4d in integers: rows of an order are deleted one after another.

Deleting q with `D = 1 − K_qq` and column κ adds `κκᵀ/D` to K, `κ r_q/D` to residuals and `κ c_q/D` to influences, and
takes `c_q r_q/D` from contrasts. Of K its diagonal and the columns of the order are kept; `|κ_i|/√D` bounds the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isqrt

from certify.check.theorems.head.rows.squared.node import BITS, ONE, above
from certify.check.theorems.head.rows.squared_tree.majorant import UNIT
from certify.check.theorems.head.rows.squared_tree.root import Point, Root


@dataclass(frozen=True)
class State:
    """What no evaluation row has a part in.

    Attributes:
        gone: rows deleted.
        start: places of the order before it are decided.
        dead: rows that are.
        d: diagonal of K.
        columns: of the rows of an order before any deletion.
        R: residuals of every output.
        steps: of each row gone its column when it went, 0 where rows were decided.
        divisors: of each `D`.
        rises: the steps as `|κ|/√D` in units of `2^−UNIT`, rounded up.
        eK, er: errors.
    """

    gone: tuple[int, ...]
    start: int
    dead: frozenset[int]
    d: list[int]
    columns: dict[int, list[int]]
    R: list[list[int]]
    steps: tuple[list[int], ...]
    divisors: tuple[int, ...]
    rises: tuple[list[int], ...]
    eK: int
    er: int

    @cached_property
    def top(self) -> int:
        """The largest entry of the last step, in size."""
        return max(map(abs, self.steps[-1]), default=0)

    @property
    def pair_error(self) -> int:
        """Of the difference of two residuals, or of the one there is."""
        return self.er * min(2, len(self.R))


def first(root: Root, order: Sequence[int]) -> State:
    """No row is gone."""
    return State((), 0, frozenset(), root.d, {q: root.columns[q] for q in order}, root.R, (), (), (), root.eK, root.er)


def column(state: State, q: int) -> list[int]:
    """That of a row of the order which is not decided, after the deletions; they were rounded as `eK` counts."""
    found = state.columns[q]
    for k, D in zip(state.steps, state.divisors, strict=True):
        f = (k[q] << BITS) // D
        found = [x + (f * y >> BITS) for x, y in zip(found, k, strict=True)] if f else found
    return found


def divisor(state: State, q: int) -> tuple[int, int]:
    """`1 − K_qq` as it is computed, and a lower bound."""
    D = ONE - state.d[q]
    return D, D - state.eK


def without(state: State, order: Sequence[int], place: int) -> State | None:
    """The row at a place of the order goes, those before it stay; None where `K_qq < 1` is not proved."""
    q = order[place]
    D, low = divisor(state, q)
    if low <= 0:
        return None
    dead = state.dead.union(order[state.start:place + 1])
    k = list(column(state, q))
    for i in dead:
        k[i] = 0
    top, eK = max(map(abs, k), default=0), state.eK
    R, er = [], state.er
    for r in state.R:
        f = (r[q] << BITS) // D
        R.append([x + (f * y >> BITS) for x, y in zip(r, k, strict=True)])
        er = max(er, state.er + quotient(top, eK, abs(r[q]), state.er, low, eK) + 3)
    root = isqrt(low << BITS)  # √low, rounded down
    rise = [above((abs(x) + eK) << UNIT, root) for x in k]
    d = [x + y * y // D for x, y in zip(state.d, k, strict=True)]
    return State((*state.gone, q), place + 1, dead, d, state.columns, R, (*state.steps, k), (*state.divisors, D),
                 (*state.rises, rise), eK + quotient(top, eK, top, eK, low, eK) + 3, er)


def quotient(a: int, ea: int, b: int, eb: int, low: int, eD: int) -> int:
    """Bound of the error of `ab/D` where a, b and D err by ea, eb, eD and every D is at least `low`."""
    return above(a * eb + b * ea + ea * eb, low) + above((a + ea) * (b + eb) * eD, low * low)


@dataclass(frozen=True)
class Seen:
    """What one evaluation row sees of a state.

    Attributes:
        pulls: of each row gone `c_q/D`, times `2^BITS`.
        ec: what influences err by.
        reach: at least `eᵀH⁻¹e`.
        z, ez: contrasts.
    """

    pulls: tuple[int, ...]
    ec: int
    reach: int
    z: tuple[int, ...]
    ez: tuple[int, ...]


def at_first(point: Point) -> Seen:
    """Before any deletion."""
    return Seen((), point.ec, point.reach, tuple(point.z), tuple(point.ez))


def residual(state: State, pair: tuple[int, int, int], i: int) -> int:
    """Of a contrast in a row."""
    a, b, sign = pair
    return state.R[a][i] - state.R[b][i] if b >= 0 else sign * state.R[0][i]


def influence(state: State, point: Point, seen: Seen, i: int) -> int:
    """Of a row on a point."""
    c = point.c.at(point.place, i)
    for step, pull in zip(state.steps, seen.pulls, strict=True):
        c += step[i] * pull >> BITS
    return c


def follow(state: State, child: State, point: Point, seen: Seen, pairs: Sequence[int]) -> Seen:
    """The same after the last row of the child has gone; contrasts but the given ones are left as they are."""
    q = child.gone[-1]
    D, low = divisor(state, q)
    c, eK = influence(state, point, seen, q), state.eK
    top, z, ez = child.top, list(seen.z), list(seen.ez)
    for n in pairs:
        r = residual(state, point.pairs[n], q)
        z[n] -= c * r // D
        ez[n] += quotient(abs(c), seen.ec, abs(r), state.pair_error, low, eK) + 2
    # a shift and the pull, both rounded down, and the column times the latter
    ec = seen.ec + quotient(top, eK, abs(c), seen.ec, low, eK) + 4
    reach = seen.reach + above((abs(c) + seen.ec) ** 2 << BITS, low)
    return Seen((*seen.pulls, (c << BITS) // D), ec, reach, tuple(z), tuple(ez))
