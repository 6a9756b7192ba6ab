"""D16: this program's own steps: Newton's method with the inverse at a node's centre, the row's curvature taken out.

All of it is proposals; a step is looked at in the end as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from math import exp as plain
from math import inf, isfinite, sqrt
from operator import mul, neg

from flint import arb, arb_mat

from certify.check.limits.shares import shared
from certify.check.theorems.head.rows.softmax_pairs.gradients import Gradients
from certify.check.theorems.head.rows.softmax_pairs.metric import Blocks, Metric
from certify.check.theorems.head.rows.softmax_pairs.moved import Cut, Step, changes, cut, grown, looked

TURNS, AT_ONCE = 7, 16
"""Steps of Newton's method, and rows at a time."""
REFITTED, ENOUGH = 24, 2.0**-40
"""The same for a refit that is judged by itself, and how short a gradient is that is not made shorter."""
SLOW, LESS = 1.0, 0.5
"""A correction after which more than this part of a gradient is left is taken back, and tried so much shorter."""
LONGEST = 250.0


@dataclass
class Newton:
    """The steps of a node while they are found.

    Attributes:
        gradients: the node.
        X: an inverse at the centre, a proposal; `K`: its blocks.
        found: steps by row; `reached`: how near to the refit they were to be; `seen`: about how long points are.
    """

    gradients: Gradients
    X: Metric
    K: Blocks
    found: dict[int, Step] = field(default_factory=dict)
    reached: dict[int, float] = field(default_factory=dict)
    seen: dict[int, float] = field(default_factory=dict)

    @cached_property
    def wide(self) -> list[float]:
        """About the largest `|x ⊗ (e_a − e_b)|` of each row."""
        return [self.K.widest(j) for j in range(self.gradients.c.data.n)]

    def steps(self, rows: Sequence[int], near: float) -> list[Step | None]:
        """The steps of some rows that leave gradients of such a length, if they can; those that are known are not."""
        new = [i for i in rows if not self.reached.get(i, inf) <= near]
        parts = [new[at : at + AT_ONCE] for at in range(0, len(new), AT_ONCE)]
        made = shared(lambda at: looked(self.gradients, parts[at], self._refits(parts[at], near)), len(parts))
        for i, one in zip(new, chain.from_iterable(made), strict=True):
            self.reached[i] = near
            if one is not None:
                self.found[i] = one
        return [self.found.get(i) for i in rows]

    def _refits(self, rows: Sequence[int], near: float) -> list[Cut]:
        """Near the refits without each row alone, from where the last steps are."""
        c = self.gradients.c
        inner = [self._inner(i) for i in rows]
        still = [self._still(i) for i in rows]
        first = self._turned(rows, inner, still)
        tried = [self.found[i].cut if i in self.found else cut([-x for x in fix])
                 for i, fix in zip(rows, first, strict=True)]
        best, least, share, fixes = list(tried), [inf] * len(rows), [1.0] * len(rows), list(first)
        # what a first step leaves is about the square of its length
        at = [a for a, (i, g) in enumerate(zip(rows, still, strict=True))
              if i in self.found or not sum(map(mul, first[a], g)) < near]
        for turn in range(TURNS):
            if not at:
                break
            slopes = [grown(c, tau, _exp) for tau in changes(c, [tried[a] for a in at])]
            left = self.gradients.at([tried[a].step for a in at], slopes, [[rows[a]] for a in at])
            turned = self._turned([rows[a] for a in at], [inner[a] for a in at], left)
            for a, g, fix in zip(at, left, turned, strict=True):
                length = sqrt(max(sum(map(mul, fix, g)), 0.0)) if all(map(isfinite, fix)) else inf
                if length < SLOW * least[a] or not turn:
                    best[a], least[a], fixes[a] = tried[a], length, fix
                else:
                    share[a] *= LESS
                tried[a] = cut([x - share[a] * y for x, y in zip(best[a].step, fixes[a], strict=True)])
                if length * length < near < length:  # the next one is near enough, and is not looked at here
                    best[a], least[a] = tried[a], 0.0
            at = [a for a in at if least[a] > near]
        return best

    def corrections(self, rows: Sequence[int], left: Sequence[list[float]]) -> list[list[float]]:
        """What Newton's method would take off steps of some rows where such gradients are left."""
        return self._turned(rows, [self._inner(i) for i in rows], left) if rows else []

    def refit(self, gone: Sequence[int]) -> list[float]:
        """Weights near the refit without some rows, from the sum of their steps: a proposal."""
        c = self.gradients.c
        size = c.data.size
        steps = [self.found[i].cut.step for i in gone if i in self.found]
        step = [sum(x) for x in zip(*steps, strict=True)] if steps else [0.0] * size
        best, least, share, fix = step, inf, 1.0, [0.0] * size
        for _ in range(REFITTED):
            s = grown(c, changes(c, [cut(step)])[0], _exp)
            g = self.gradients.at([step], [s], [gone])[0]
            found = self.X.times([g])[0]
            length = sqrt(max(sum(map(mul, found, g)), 0.0)) if all(map(isfinite, found)) else inf
            if length < least:
                best, least, fix = step, length, found
            else:
                share *= LESS
            if least < ENOUGH:
                break
            step = [x - share * y for x, y in zip(best, fix, strict=True)]
        return [x + y for x, y in zip(c.weights, best, strict=True)]

    def _still(self, i: int) -> list[float]:
        """About the gradient at the centre without a row."""
        c = self.gradients.c
        x, p = c.data.table.rows[i], c.data.p
        pull = [column[i] - (a == c.data.labels[i]) for a, column in enumerate(c.s)]
        return [u - pull[a // p] * x[a % p] for a, u in enumerate(c.g)]

    def _inner(self, i: int) -> list[list[float]]:
        """`EᵀME` with `M = (1 − EKEᵀ)⁻¹`, by which the inverse without the row's own curvature is made."""
        c, k = self.gradients.c, self.gradients.c.data.k
        s = [column[i] for column in c.s]
        E = arb_mat([[arb(sqrt(x)) * ((a == b) - arb(y)) for b, y in enumerate(s)] for a, x in enumerate(s)])
        left = arb_mat([[arb(a == b) for b in range(k)] for a in range(k)]) - E * arb_mat(self.K.K[i]) * E.transpose()
        try:
            M = E.transpose() * left.inv() * E
        except ZeroDivisionError:
            return [[0.0] * k for _ in range(k)]
        return [[float(x) if x.is_finite() else 0.0 for x in row] for row in M.tolist()]

    def _turned(self, rows: Sequence[int], inner: Sequence[list[list[float]]], left: Sequence[list[float]],
                ) -> list[list[float]]:
        """`H_{i}⁻¹g`: with `H_{i} = H − A_i ⊗ x_ix_iᵀ` it is `X(g + w ⊗ x_i)`, `w = EᵀME(Xg)x_i`."""
        data = self.gradients.c.data
        p, k, more = data.p, data.k, []
        for i, M, g, y in zip(rows, inner, left, self.X.times(left), strict=True):
            x = data.table.rows[i]
            seen = [sum(map(mul, y[a * p : (a + 1) * p], x)) for a in range(k)]
            w = [sum(map(mul, line, seen)) for line in M]
            more.append([u + w[a // p] * x[a % p] for a, u in enumerate(g)])
        return self.X.times(more)


def _exp(row: Iterable[float]) -> list[float]:
    """`e^−x` of a proposal."""
    line = list(row)
    if max(line) > LONGEST or min(line) < -LONGEST:
        line = [max(min(x, LONGEST), -LONGEST) for x in line]
    return list(map(plain, map(neg, line)))
