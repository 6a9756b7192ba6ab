"""D17 in doubles that bound: of what the distance from a sum of steps is made, in one matrix for all choices.

`M = Σ m_js_js_jᵀ + diag μ`, `m_j ≤ D(t_j)(1 − e^{−x_j})/x_j`. The last column of every table stands for any far row,
and for none.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from heapq import nlargest
from itertools import combinations
from math import inf, ldexp, sqrt

from certify.check.theorems.head.rows.boxes.fixed_rows import LOST, WEIGHT
from certify.check.theorems.head.rows.boxes.products import inverse
from certify.check.theorems.head.rows.boxes.slabs import below
from certify.check.theorems.head.rows.by_choice.lowered import Metric, lowered
from certify.check.theorems.head.rows.by_choice.products import Table
from certify.check.theorems.head.rows.by_choice.taken import Taken, Weighed
from certify.check.theorems.head.rows.pair_tree.bound import LARGEST
from certify.check.theorems.head.rows.pair_tree.curves import THIRD, kept_part, most_between
from certify.check.theorems.head.rows.pair_tree.numbers import UP, both_tops, up
from certify.check.theorems.head.rows.pair_tree.steps import Steps, row_lengths

LARGE, MOST = 0.05, 12_000
"""What a pair may do by lengths without being formed with its signs, where three rows may follow; and most that are.
Where two follow a pair is a choice, and is formed if it is hard."""

NONE = 2.0**-10
"""Share of the curvature below which a choice is open."""


class Pieces(Weighed):
    """The numbers of rows, pairs and triples of the steps after the first h, k of which may follow.

    What single steps and pairs leave of the gradient is what D12 has of it, in the norm of another matrix.

    Args:
        st, h, k, reach: as a :class:`Bound` has them.
        known: a matrix of another node; that of this one is then below it.

    Attributes:
        metric: M.
        radius: an a with `a|s_j| ≤ x_j` for all rows of the sum.
        taken: shares of the curvature.
        alone, pair: what single steps leave of the gradient, and what pairs add to it, far rows last.
        bent: roots: what two steps do to the row of a third is the product of two of its numbers.
    """

    def __init__(self, st: Steps, h: int, k: int, reach: Sequence[float], known: Metric | None = None) -> None:
        self.known = known
        super().__init__(st, h, k, reach)

    def _metric(self) -> Metric | None:
        s, c = self.st.c.sums, self.st.c
        least = [ldexp(float(below(D)), -WEIGHT) if kept else 0.0 for D, kept in zip(c.D, c.kept, strict=True)]
        weights = [int(kept_part(x, y) * 2.0**WEIGHT) for x, y in zip(least, self.reach, strict=True)]
        if self.known is not None:
            return lowered(s, self.known, weights)
        found = inverse(s, weights)
        m = [ldexp(w, -WEIGHT) for w in weights]
        return None if found is None else Metric(weights, found, m, m, row_lengths(s, found))

    def _needed(self) -> float:
        """Below 1 where all numbers are proved; infinite where they are not."""
        st, s, c = self.st, self.st.c.sums, self.st.c
        metric = self._metric()
        if metric is None:
            return inf
        self.metric, self.M, self.m, self.low, self.long = metric, metric.inverse, metric.m, metric.low, metric.long
        found, sizes = self.M, (one.size for one in st.own)
        if not all(x < LARGEST for x in (*self.long, *st.lengths, *sizes, up(found[2]), up(found[1]),
                                         up(s.short.epsilon), *map(up, s.norms))):
            return inf
        self.root = sqrt(up(found[2])) * UP
        self.radius = min((x / y for x, y, kept in zip(self.reach, self.long, c.kept, strict=True) if kept),
                          default=inf) / UP
        self._shares()
        self.fixed = (self.k + 2.0) * up(c.gradient) * self.root * UP * UP + LOST  # the product may underflow
        self.alone = [*self.single, self.rest]
        self.pair = [*(array("d", [*row, x]) for row, x in zip(self.C, self.C_far, strict=True)),
                     array("d", [*self.C_far, self.C_two])]
        try:
            self.taken = Taken(self)
        except (OverflowError, ValueError):  # a product is infinite, or no number
            return inf
        self.bent = self._bent() if self.k > 2 else []
        tables: tuple[Table, ...] = (self.pair, self.bent, self.taken.across, self.taken.there)
        numbers = (self.fixed, *self.alone, *self.taken.own, *self.taken.share)
        fine = all(x < inf for x in numbers) and all(x < inf for table in tables for row in table for x in row)
        return 0.5 if fine and 0.0 < self.radius < inf else inf

    def _pairs(self, C: list[array[float]]) -> None:
        """Form with their signs the pairs that lengths leave large, the largest of them if there are too many."""
        if self.k < 3:
            return
        large = [(x, a, b) for b, row in enumerate(C) for a, x in enumerate(row[:b]) if x > LARGE]
        self.form(C, [(a, b) for _, a, b in nlargest(MOST, large)])

    def _triples(self) -> tuple[list[float], float]:
        """Triples are looked at one by one, and no row has a share in them."""
        return [0.0] * len(self.rows), 0.0

    def _bent(self) -> list[array[float]]:
        """Roots of what two steps do to the row of a third beyond what each does: `|p''| ≤ β` where they lead."""
        st, k, f = self.st, self.k, len(self.rows)
        found = []
        for a, i in enumerate(self.rows):
            changes, other = [one.tau[i] for one in self.own], st.most[i]
            base, changes[a] = st.t[i] + changes[a], 0.0
            base_off = (st.t_off + 2.0 * st.off + 2.0**-50 * abs(base)) * UP
            forth, back = (x + k * st.off for x in both_tops(changes, other, k - 1))
            reach = max(abs(base - back), abs(base + forth)) + base_off
            bend = min(most_between(base, back, forth, base_off) * min(0.5 * reach, 1.0) * UP, THIRD)
            root = sqrt(bend * self.long[i] * UP) * UP
            line = array("d", [(abs(x) + st.off) * root * UP for x in changes])
            line[a] = 0.0
            line.append(root * other * UP)
            found.append(line)
        far = [(l, sqrt(min(THIRD, self.most[l]) * self.long[l] * UP) * UP) for l in st.far]
        last = [max((root * (abs(one.tau[l]) + st.off) for l, root in far), default=0.0) * UP for one in self.own]
        last.append(max((root * st.across[l] for l, root in far), default=0.0) * UP)
        return [*found, array("d", last)] if f else []

    def distance(self, left: float, lever: float, most: float, both: float) -> float:
        """`R_T/(1 − κ_T)` from what is left of the gradient and the parts of κ_T (Lemma 2); infinite if not proved."""
        half = 0.5 * (lever - most)
        kept = 1.0 - (0.5 * (lever + most) + sqrt(half * half + both)) * UP
        if not kept > NONE:
            return inf
        r = left / kept * UP
        return r if r < self.radius else inf

    def pairs_of(self, i: int, others: Sequence[int]) -> list[float]:
        """Distances of the choices of column i and one other each."""
        t, A, P, O = self.taken, self.alone, self.pair[i], self.taken.across[i]
        base, own, share, here = A[i] + self.fixed, t.own[i], t.share[i], t.there[i]
        return [self.distance((base + A[j] + P[j]) * UP, (max(own, t.own[j]) + O[j]) * UP, (share + t.share[j]) * UP,
                              (here[i] + t.there[j][j] + here[j] + t.there[j][i]) * UP) for j in others]

    def left(self, T: Sequence[int], third: float) -> float:
        """What the gradient is at most at the sum of steps of a choice; `third` is what three of them do together."""
        A, P, B = self.alone, self.pair, self.bent
        found = self.fixed + third + sum([A[i] for i in T]) + sum([P[i][j] for i, j in combinations(T, 2)])
        if len(T) > 2:
            i, j, l = T
            found += B[i][j] * B[i][l] + B[j][i] * B[j][l] + B[l][i] * B[l][j]
        return found * UP

    def closer(self, left: float, taken: float) -> float:
        """The distance by a bound of κ_T itself; infinite where nothing is proved."""
        return self.distance(left, taken, 0.0, 0.0)
