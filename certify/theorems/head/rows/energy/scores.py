"""The greatest score of a set: energy of its weights less its bound on the hyperplane, over all sets at once (D7).

With dual points for "alternative x counted k times" and the averages over M, the entropy's curvature gives back what
averaging loses:

    score(M) = base + Σ_x v_x + Σ_{x<y} P_xy,   P_xy = p_xy − Q_xy/(2k²),   M of k items, the empty item repeated.

Negative for every M: no M moves the label.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from certify.rigor.fp import RAISE, Array, U, dot_unit, row_norms
from certify.theorems.head.rows.energy.duals import Duals
from certify.theorems.head.rows.energy.primals import Family
from certify.theorems.head.rows.energy.rows import Index, Rows

LOW = -np.inf

_PRODUCTS = 2**34
"""Products that are formed before the time is looked at again."""

SHARES = (0.5, 1.0, 0.0)
"""Shares θ of what an item adds by itself that are counted with its partners."""


def spread(rows: Rows, points: Duals, chosen: Index) -> Array:
    """Lower bounds Q `(L + 1, L + 1)` of `|r_x − r_y|²/μ + Σ_i h_i (q_ix − q_iy)²`; the last point is the empty item.

    h_i bounds the entropy's curvature from below for all slopes of line i but those of alternatives of its own row,
    whose part is left out.
    """
    q, owner = points.q, rows.owner[chosen]
    own = np.zeros(q.shape, dtype=bool)
    for offset in range(rows.width):
        own[np.arange(len(chosen)), owner * rows.width + offset] = True
    high = np.where(own, -np.inf, q).max(0)
    low = np.where(own, np.inf, q).min(0)
    if rows.width == 1:
        worst = np.where(high < 0.5, high, np.where(low > 0.5, low, 0.5))
        h = 1.0 / np.maximum(worst * (1.0 - worst), 2.0**-60) * (1.0 - 2.0**-40)
    else:
        h = 1.0 / np.maximum(high, 2.0**-60) * (1.0 - 2.0**-40)
    root = np.sqrt(h) * (1.0 - 2.0**-50)
    scale = 1.0 / np.sqrt(rows.mu[1]) * (1.0 - 2.0**-50)
    tall = np.concatenate([(points.r - points.r[-1]) * scale, (q - q[-1]) * root], 1)
    norms = row_norms(tall)
    square = (tall * tall).sum(1)
    Q = square[:, None] + square[None, :]
    for start in range(0, len(tall), at_once := max(1, _PRODUCTS // tall.size)):
        rows.check()
        end = start + at_once
        Q[start:end, start:] -= 2.0 * (tall[start:end] @ tall[start:].T)
        Q[end:, start:end] = Q[start:end, end:].T
    rows.check()
    for offset in range(rows.width):  # what a row's own alternatives add at its lines
        at = owner * rows.width + offset
        mine = q[np.arange(len(chosen)), at]
        part = (q[:, at] - mine[None, :]) ** 2 * h[at][None, :] * RAISE  # (point, alternative)
        Q[:, : len(chosen)] -= part
        Q[: len(chosen), :] -= part.T
    longest = float(norms.max())
    moved = float(points.error.max()) * scale * 2.0 + 4.0 * U * longest
    Q -= (dot_unit(tall.shape[1] + 8) * 4.0 * longest * longest + 8.0 * moved * (longest + moved)) * RAISE
    np.maximum(Q, 0.0, out=Q)
    np.fill_diagonal(Q, 0.0)
    return np.asarray(Q)


@dataclass(frozen=True, eq=False)
class Scores:
    """Singles and pairs of a node, the empty item last.

    Args:
        base: upper bound of what all sets share, rounding included.
        single: `(L + 1,)`.
        pair: `(L + 1, L + 1)`, −inf on the diagonal of alternatives and for two alternatives of one row.
        k: items a set.
    """

    base: float
    single: Array
    pair: Array
    k: int
    _known: dict[tuple[float, int], Array] = field(default_factory=dict, repr=False)

    def share(self, theta: float, items: int) -> Array:
        """Bounds `(L + 1,)` R: what items of a set of that many add is at most the sum of their R.

        `Σ_y v_y + Σ_{y<z} P_yz = Σ_y ((1 − θ/2) v_y + ½ Σ_{z≠y} (P_yz + u_z))`, `u = θ v/(items − 1)`, for every θ:
        where partners are chosen by what they add, near ones that do no harm count for less.
        """
        if items < 2:
            return self.single
        if (theta, items) not in self._known:  # every child asks
            partners = self.pair + (theta / (items - 1)) * self.single[None, :] if theta else self.pair
            self._known[theta, items] = (1.0 - 0.5 * theta) * self.single + 0.5 * _top_rows(partners, items - 1)
        return self._known[theta, items]

    def sums(self) -> Array:
        """`(L + 1,)` R_x of the best bound: a set's score is at most `base` plus the R of its items."""
        best: Array = min((self.share(theta, self.k) for theta in _shares(self.k)), key=self._total)
        return best

    def _total(self, sums: Array) -> float:
        some = np.append(sums[:-1], np.repeat(sums[-1], self.k))
        return float(np.sort(some)[-self.k :].sum())

    def worst(self) -> float:
        """Upper bound of every set's score."""
        sums = self.sums()
        some = np.append(sums[:-1], np.repeat(sums[-1], self.k))
        top = np.sort(some)[-self.k :]
        return float(self.base + top.sum() + (np.abs(top).sum() + abs(self.base)) * 2.0**-45)

    def within(self, kept: Index) -> Scores:
        """The scores with some of the alternatives alone."""
        if len(kept) == len(self.single) - 1:
            return self
        kept = np.append(kept, len(self.single) - 1)
        return Scores(self.base, self.single[kept], self.pair[np.ix_(kept, kept)], self.k)

    def each(self, below: float = -np.inf, some: Index | None = None) -> Array:
        """`(L,)` upper bounds of the scores of the sets that hold alternative x.

        Args:
            below: a bound that is less is not made lesser still.
            some: alternatives that are asked for; those of others stay infinite.
        """
        k, last = self.k, len(self.single) - 1
        if k == 1:
            return self.base + self.single[:-1]
        found, rows = np.full(last, np.inf), np.arange(last) if some is None else some
        for theta in _shares(k - 1):
            # (x, y): what y adds once x is in
            top = _top_rows(self.pair[rows] + self.share(theta, k - 1)[None, :], k - 1)
            found[rows] = np.fmin(found[rows], self.base + self.single[rows] + top)
            rows = rows[~(found[rows] < below)]
            if not len(rows):
                break
        return found

    def beside(self, x: int) -> Array:
        """`(L,)` upper bounds of the scores of the sets that hold x and y, for every alternative y."""
        k, last, every = self.k, len(self.single) - 1, []
        for theta in _shares(k - 1):
            value = self.pair[x] + self.share(theta, k - 1)
            others = np.append(value[:-1], np.repeat(value[-1], k))
            every.append(value[:last] + (np.sort(others)[len(others) - (k - 2) :].sum() if k > 2 else 0.0))
        found: Array = self.base + self.single[x] + np.min(every, axis=0)
        return found


def _shares(items: int) -> tuple[float, ...]:
    """Those that differ for sets of so many items."""
    return SHARES if items > 1 else SHARES[:1]


def _top_rows(value: Array, k: int) -> Array:
    """Sums of the k greatest entries of each line, the last column's counted up to k times."""
    last = value[:, -1]
    if k == 1:
        found: Array = value.max(1)
        return found
    left, total, lines = value.copy(), np.zeros(len(value)), np.arange(len(value))
    for _ in range(k):
        at = left.argmax(1)
        total += left[lines, at]
        left[lines, at] = LOW
        left[:, -1] = last
    return total


def halves(rows: Rows, Q: Array, chosen: Index, k: int) -> Array:
    """`(L + 1, L + 1)` what pairs add to the scores of sets of k alternatives whose weights do not follow them."""
    pair, count = Q * (-0.5 / (k * k)), len(chosen)
    if rows.width == 1:  # a row has one alternative
        pair[np.arange(count), np.arange(count)] = LOW
    else:
        pair[:count, :count][rows.owner[chosen][:, None] == rows.owner[chosen][None, :]] = LOW
    return pair


def scores(points: Duals, family: Family, pair: Array, k: int) -> Scores:
    """Scores of all sets of at most k alternatives.

    Args:
        points: dual points, of each alternative and of none.
        family: weights on the right side.
        pair: what :func:`halves` says.
        k: alternatives of a set.
    """
    count = len(pair) - 1
    single = np.append(family.single, 0.0) - points.value / k
    if family.pair is not None:
        pair = pair.copy()
        pair[:count, :count] += family.pair
    # none is above 0 but by what weights add, and two of one row are no pair
    most = -float(np.where(pair == LOW, 0.0, pair).min(initial=0.0))
    if family.pair is not None:
        most = max(most, float(pair.max(initial=0.0)))
    size = abs(family.base) + k * float(np.abs(single[np.abs(single) < 1e290]).max(initial=0.0)) + k * k * most
    base = family.base + k * (family.error if family.pair is None else k * family.error) + size * 2.0**-44
    return Scores(base, single, pair, k)


def side(family: Family, e: Array, k: int) -> float:
    """Lower bound of e·w_M over all sets of at most k alternatives."""
    at = family.moves @ e
    least = np.minimum(np.sort(at)[:k], 0.0).sum() if len(at) else 0.0
    size = float(row_norms(family.centre[None])[0]) + k * float(row_norms(family.moves).max(initial=0.0))
    return float(family.centre @ e + least - dot_unit(len(e) + 8) * size * float(row_norms(e[None])[0]) * 2.0)
