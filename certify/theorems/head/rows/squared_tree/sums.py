"""What k more deletions can take from contrasts of many points at once: D4a with bounds of the hat matrix for entries.

`w_i = c_i x_i + |c_i|ξ_i`, `x = r/D`. The rows in which `√K_ii(|x_i| + ξ_i)` is largest are evaluated; in all others
`|c_i| ≤ √K_ii|e|_{H⁻¹}` is enough for most points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.theorems.head.rows.squared.contrasts import Bools, Ints
from certify.theorems.head.rows.squared.majorant import Majorant
from certify.theorems.head.rows.squared_tree.root import Influences
from certify.theorems.head.rows.squared_tree.state import Pairs, State

ROUNDS, CLOSE = 60, 1e-2
"""Steps of the iteration that proposes a comparison, and the relative change at which it ends."""

INFLATE = 1.15
"""Factor of the matrix for which it is proposed: more than a checker's, which then finds one where this is found."""

PATIENT, FASTER, LARGEST = 5, 0.9, 8.0
"""It is given up where in so many steps its change did not become smaller by this factor, or it has grown so much."""

SPARE = 1.03
"""Factor of a comparison that was proved, which a larger one is too: so much a checker's may be larger."""

EVALUATED = (64, 768, 6144)
"""Numbers of rows that are evaluated one after the other, before all are."""

AT_ONCE = 2**21
"""Numbers of a block of contrasts and rows."""


@dataclass(frozen=True, eq=False)
class Terms:
    """What the sums need at a node.

    Attributes:
        xi: `(n,)` the comparison; 0 where no row may go.
        low: the least `1 − K_ii`.
        most: the largest bound of `|x_i|`.
        rows: those that may go, those that matter most first.
        tail: for these `√K_ii(|x_i| + ξ_i)`, upper bounds.
    """

    xi: Array
    low: float
    most: float
    rows: Ints
    tail: Array


def sums_at(state: State, hat: Majorant, v: Array, s: int) -> Array:
    """Upper bounds of the sums of the s largest `|K_il|v_l`, K after the deletions (D4d)."""
    total = hat.sums(v, s)
    if s > 0:
        for rise in state.rises:
            w = rise * v
            largest = np.partition(w, len(w) - s)[len(w) - s :] if s < len(w) else w
            total = total + rise * float(largest.sum() * fp.sum_up(s))
    return np.asarray(total * RAISE)


def terms(state: State, hat: Majorant, alive: Bools, size: Array, k: int, start: Array | None = None) -> Terms | None:
    """Those for at most k of the rows that are alive; None where no comparison is found and proved.

    Args:
        state: the deletions.
        hat: bounds of K before them.
        alive: which rows may go.
        size: `(n,)` bounds of the residuals.
        k: how many.
        start: a comparison for larger residuals, which holds for these too.
    """
    low = np.where(alive, (1.0 - state.d - state.eK) * (1 - 4 * U), 1.0)
    if not (low > 1e-6).all():
        return None
    v = np.where(alive, (size + 1e-290) / low * RAISE, 0.0)
    xi = np.zeros(len(v)) if k <= 1 else comparison(state, hat, v, low, k - 1, start)
    if xi is None:
        return None
    u = np.where(alive, np.sqrt(np.maximum(state.d + state.eK, 0.0)) * (v + xi) * (RAISE * RAISE), -1.0)
    rows = np.argsort(-u, kind="stable")[: int(alive.sum())]
    return Terms(xi, float(low.min(initial=1.0)), float(v.max(initial=0.0)), rows, u[rows])


def comparison(state: State, hat: Majorant, v: Array, low: Array, s: int, start: Array | None = None) -> Array | None:
    """`ξ > 0` with `D_iξ_i > T_s(|K_il|v_l) + T_s(|K_il|ξ_l)`, strictly, where `v > 0`; None if none is found.

    Rows that may not go have v = 0, and so has their ξ.
    """
    counted = v > 0
    if not counted.any():
        return np.zeros(len(v))
    base = sums_at(state, hat, v, s)
    if start is not None:
        found = _judged(state, hat, (base, counted), np.where(counted, start, 0.0), low, s)
        if found is not None:
            return found
    xi = np.where(counted, base / low, 0.0)
    grew, limit = [np.inf], LARGEST * float(xi.max())
    for _ in range(ROUNDS):
        new = np.where(counted, (base + INFLATE * sums_at(state, hat, xi, s)) / low, 0.0)
        grew.append(float((new / np.maximum(xi, 1e-300)).max()) - 1.0)
        xi = np.maximum(xi, new)
        if not float(xi.max()) <= limit:
            return None
        if grew[-1] <= CLOSE:
            break
        if len(grew) > PATIENT and not grew[-1] < FASTER * grew[-PATIENT]:
            return None  # it grows for ever, or so slowly that it would be of no use
    return _judged(state, hat, (base, counted), np.where(counted, xi * (1 + 2 * CLOSE) + 1e-290, 0.0), low,
                   s)


def _judged(state: State, hat: Majorant, of: tuple[Array, Bools], xi: Array, low: Array, s: int) -> Array | None:
    """A comparison for the rows that count, made as small as its own sums say; None where it does not hold."""
    base, counted = of
    right = (base + sums_at(state, hat, xi, s)) * (RAISE * RAISE)
    if not (~counted | (low * xi * (1 - 4 * U) > right)).all():
        return None
    needed = right / low * (1 + 8 * U) * RAISE + 1e-290  # is enough, and strictly: sums of less are no larger
    return np.where(counted, np.minimum(xi, needed) * SPARE, 0.0)


def holds(state: State, found: Terms, C: Influences, pairs: Pairs, at: Ints, k: int) -> Bools:
    """Which of some contrasts stay positive whatever k of the rows go.

    Args:
        state: the deletions.
        found: the terms.
        C: influences before any deletion.
        pairs: the contrasts.
        at: which of them.
        k: how many.
    """
    good, lost = np.zeros(len(at), dtype=bool), np.zeros(len(at), dtype=bool)
    for some in (*EVALUATED, len(found.rows)):
        left = np.flatnonzero(~good & ~lost)
        if not len(left):
            break
        left = left[np.argsort(pairs.point[at[left]], kind="stable")]  # influences of a point are formed once
        step, part = max(1, AT_ONCE // max(1, min(some, len(found.rows)))), C.of(found.rows[:some])
        for start in range(0, len(left), step):
            here = left[start : start + step]
            good[here], lost[here] = _holds(state, found, part, pairs, at[here], k, min(some, len(found.rows)))
        if some >= len(found.rows):
            break
    return good


def _holds(state: State, found: Terms, C: Influences, pairs: Pairs, at: Ints, k: int, some: int,
           ) -> tuple[Bools, Bools]:
    """Which hold by some rows, whose influences C are, and a tail; and which do not, whatever other rows do."""
    total, least, _ = _taken(state, found, C, pairs, at, k, some)
    good = np.asarray(total < state.least[at] * (1 - 4 * U))
    return good, np.asarray(least >= state.least[at])


def taken(state: State, found: Terms, C: Influences, pairs: Pairs, at: Ints, k: int) -> Array:
    """Upper bounds of what k of the rows that may go take from some contrasts, beside what is lost.

    Args:
        state: the deletions.
        found: the terms.
        C: influences before any deletion.
        pairs: the contrasts.
        at: which of them.
        k: how many.
    """
    sums, left = np.full(len(at), np.inf), np.arange(len(at))
    for some in (*EVALUATED, len(found.rows)):
        some, further = min(some, len(found.rows)), []
        left = left[np.argsort(pairs.point[at[left]], kind="stable")]  # influences of a point are formed once
        step, part = max(1, AT_ONCE // max(1, some)), C.of(found.rows[:some])
        for start in range(0, len(left), step):
            here = left[start : start + step]
            total, _, ended = _taken(state, found, part, pairs, at[here], k, some)
            sums[here] = np.minimum(sums[here], total)
            further.append(here[~ended])
        left = np.concatenate(further) if further else left[:0]
        if some >= len(found.rows) or not len(left):
            break
    return sums


def _taken(state: State, found: Terms, C: Influences, pairs: Pairs, at: Ints, k: int, some: int,
           ) -> tuple[Array, Array, Bools]:
    """Upper bounds of what goes by some rows and a tail; what the rows alone make of it; where the tail has no part."""
    rows, points = found.rows[:some], pairs.point[at]
    c = C.at(points)
    for step, pull in zip(state.steps, state.pulls, strict=True):
        c += np.outer(pull[points], step[rows])
    ec, reach = state.ec[points], np.sqrt(state.reach[points]) * RAISE
    first = c * (pairs.of(state.R[rows], at) / (1.0 - state.d[rows]))
    w = first + (np.abs(c) + ec[:, None]) * found.xi[rows] * RAISE
    tail = reach[:, None] * found.tail[some : some + k]
    w = _top(np.maximum(w, 0.0), k)
    least = w.sum(axis=1)
    full = w.shape[1] == k or not tail.shape[1]
    ended = full & (tail[:, :1] <= w.min(axis=1, keepdims=True, initial=np.inf)).all(axis=1)
    w = _top(np.concatenate([w, tail], axis=1), k)
    total = w.sum(axis=1) * fp.sum_up(max(w.shape[1], 1))
    ex = ((state.pair_error + found.most * state.eK) / found.low + 8 * U * found.most) * RAISE
    slack = k * (ec * (found.most + ex) + reach * (ex + 4 * U * found.most)) + 4 * U * total
    return np.asarray((total + slack) * RAISE + fp.FLOOR), least, np.asarray(ended)


def _top(w: Array, k: int) -> Array:
    """The k largest numbers of each row."""
    return np.partition(w, w.shape[1] - k, axis=1)[:, w.shape[1] - k :] if k < w.shape[1] else w
