"""D18: a matrix `H = Σ h_jA_j ⊗ x_jx_jᵀ + decay + tie`, distances from candidates in it, and labels that they keep."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from math import ceil, inf, log2
from operator import gt, mul

from certify.check.theorems.head.rows.pair_tree.curves import kept_part
from certify.check.theorems.head.rows.pair_tree.numbers import UP
from certify.check.theorems.head.rows.softmax_labels.candidates import Candidate, Candidates
from certify.check.theorems.head.rows.softmax_pairs.centre import Centre
from certify.check.theorems.head.rows.softmax_pairs.metric import Metric, metric

FIRST, GROW, TURNS, GRID = 2.0, 1.2, 3, 4
"""Times what is left of the gradient: how far around a candidate is looked first; what that grows by; attempts; and
parts of the exponent of powers of two, which it is one of. Any of them will do."""
NEARLY_ALL, LEAST, FARTHEST = 0.99, 2.0**-10, 500.0
"""Part of the rows that keep as much as θ; what of H has to be kept; and how far is looked at most."""
DOWN, TINY = 1.0 - 2.0**-40, 2.0**-30
"""Less than what roundings leave; and more than what they take from a share."""
SMALL = 2.0**-500
"""Parts of curvatures up to which nothing is said to be kept: quotients by smaller ones may be infinite."""


@dataclass
class Matrix:
    """One matrix.

    Attributes:
        c: the centre.
        h: parts of the rows' curvature, 0 to 1.
        M: its inverse.
        long: by row at least `w_j`; `lever`: at least `ℓ_j`.
        wide: lengths up to which rows keep as much as θ.
        seen: by class, of each evaluation row in question at least `|x ⊗ (e_own − e_a)|_*`.
        known: by how far is looked θ, and `f(aw_j)/(θh_j)`, at most; 0 where `θh_j` is tiny.
    """

    c: Centre
    h: list[float]
    M: Metric
    long: list[float]
    lever: list[float]
    wide: float
    seen: list[array[float]]
    known: dict[float, tuple[float, list[float]]] = field(default_factory=dict)

    def open(self, some: Candidates, wanted: Sequence[set[int]]) -> list[set[int]]:
        """By choice which of the points in question are not proved to keep their label."""
        found = [set(one) for one in wanted]
        known = [one for one in some.known if wanted[one.at]]
        for one, length in zip(known, self.M.lengths([x.g for x in known], [x.size for x in known]), strict=True):
            r = self.distance(one, (length + self.M.root * one.off) * UP)
            if r < inf:
                left = some.left(one)
                taken = [map(mul, line, repeat(r * UP)) for line in self.seen]
                good = [list(map(gt, x, y)) for x, y in zip(left, taken, strict=True)]
                found[one.at] -= {j for j, *all_of in zip(some.margins.live, *good, strict=True) if all(all_of)}
        return found

    def distance(self, one: Candidate, left: float) -> float:
        """At least how far the refit is from a candidate that leaves so much of the gradient; infinite if unknown."""
        a = FIRST * left
        for _ in range(TURNS):
            if not a < FARTHEST:
                return inf
            a = 2.0 ** (ceil(GRID * log2(max(a, 2.0**-100))) / GRID)
            kept = self.kept(one.kept, a)
            r = left / kept * UP if kept > LEAST else inf
            if r * UP < a:
                return r
            a = GROW * max(r, a)
        return inf

    def kept(self, e: Sequence[float], a: float) -> float:
        """At most `θ(1 − κ)`: `κ = t + Σ (y_j − t)₊ℓ_j`, `y_j = 1 − e_jf(aw_j)/(θh_j)`, for the best of all t."""
        if a not in self.known:
            theta = fading(self.wide * a * UP)
            keeps = [fading(w * a * UP) * DOWN / (theta * x) if theta * x > SMALL else 0.0
                     for w, x in zip(self.long, self.h, strict=True)]
            self.known[a] = theta, keeps
        theta, keeps = self.known[a]
        y = [1.0 - x for x in map(mul, e, keeps)]
        if not all(x == x for x in y):  # no number: nothing is kept
            return 0.0
        lost = sorted([(x + TINY, l) for x, l, h in zip(y, self.lever, self.h, strict=True) if h > 0.0 and x > -TINY],
                      reverse=True)
        weight = total = t = 0.0
        for x, l in lost:
            if weight + l > 1.0:
                t = x
                break
            weight, total = weight + l, total + x * l
        kappa = (t * (1.0 - weight) + total) * UP if weight < 1.0 else inf
        return theta * (1.0 - kappa) * DOWN


def fading(x: float) -> float:
    """At most `(1 − e^−x)/x`, which falls: 1 at 0, and 0 for what is no number.

    >>> 0.6321 < fading(1.0) < 0.63213, 0.999999 < fading(0.0) < 1.0, fading(float("nan"))
    (True, True, 0.0)
    """
    return kept_part(1.0, max(x, TINY)) if x < inf else 0.0


def matrix(c: Centre, h: Sequence[float], live: Sequence[int]) -> Matrix | None:
    """The matrix with so much of each row's curvature, for some points; None where it is not proved to be one."""
    data = c.data
    found = metric(c, h)
    if found is None:
        return None
    K, lines = found.blocks(data.table), [[column[j] for column in c.s] for j in range(data.n)]
    long = [K.widest(j) for j in range(data.n)]
    lever = [x * K.own(j, s, c.blur) ** 2 * UP * UP if x > 0.0 else 0.0
             for j, (s, x) in enumerate(zip(lines, h, strict=True))]
    if not all(x < inf for x in [*long, *lever]):
        return None
    wide = sorted(map(mul, h, long))[int(NEARLY_ALL * (data.n - 1))]
    at = found.blocks(data.points)
    seen = [array("d", [at.seen(j, data.today[j], a) if a != data.today[j] else 0.0 for j in live])
            for a in range(data.k)]
    return Matrix(c, list(h), found, long, lever, wide, seen)
