"""D8: a logistic head with few inputs: cells of the hyperplane `e·w = t`, each shown to hold no refit that flips.

On the hyperplane of an evaluation point, `w(y) = w_0 + By`, let `g(w) = Σ p(s_i·w)s_i − μw`. A change of at most k
rows adds `d = Σ_M θ_i s_i` to the gradient, `θ_i ∈ [0, 1]` (relabelled) or `[0, p(s_i·w)]` (deleted). If for some u
with `u·e ≥ 0` the pull `u·g(w)` exceeds the largest sum of k numbers `(θ_i u·s_i)₊`, then w is no constrained minimiser
with a multiplier ≥ 0; if `u·e = 0`, it is none at all. All of a box excluded by the first, and its faces by the second:
the refits stay on their side.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.finders.head.cells import Margins
from certify.finders.head.refits import Refitter
from certify.problem.limits import OutOfTime
from certify.rigor.finder import FAILED
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.cone import combination
from certify.theorems.head.rows.cover.tree import FEW, MANY, Most, cover
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import INEXACT, Budget, Flips, Mask, Method, Part

INPUTS = 12
"""Most inputs, that of the intercept included."""


LATER = 0.5
"""Share of the time left for points that take long; the methods after this one have the rest."""


class Cells(Method):
    """Covers of the hyperplane, one a point (D8)."""

    name: ClassVar[str] = "cells"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the head is logistic, has few inputs, and they are exact."""
        if not head.loss.sigmoid:
            return f"covers are built for the logistic loss; the loss is {head.loss.name}"
        if head.m < 2:
            return "the hyperplane of a single input is a point"
        if head.m > INPUTS:
            return f"a cover of {head.m - 1} dimensions has too many cells"
        if head.phi_rad.any() or head.points_rad.any():
            return INEXACT
        if head.remaining and not change.relabels:
            return "the weight decay changes with the number of deleted rows"
        return ""

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """Points that no others imply first; a point in the cone of proved ones needs no cover (D8b)."""
        margins, ridge_off = margins_of(head, change)
        start = Refitter(head).V0[0]
        signs = np.where(head.today == 1, 1.0, -1.0)
        E, conic = head.points * signs[:, None], head.threshold == 0.0
        gap = np.abs(head.points @ start - head.threshold) / head.points_norm
        stored: dict[int, dict[str, Array]] = {}
        implied: dict[int, list[int]] = {}
        suspects: list[tuple[int, ...]] = []
        left = sorted(np.flatnonzero(todo).tolist(), key=lambda j: float(gap[j]))

        def cover_of(j: int, most: Most = FEW, budget: Budget = budget) -> dict[str, Array] | None:
            budget.check()
            try:
                return cover(margins, E[j], float(signs[j]) * head.threshold, start, ridge_off, budget, suspects, most)
            except (*FAILED, ArithmeticError):
                return None

        hard: list[int] = []
        try:
            while left:
                for j in _hull(E, left, sorted(stored)) if conic else left:
                    left.remove(j)
                    if (found := cover_of(j)) is not None:
                        stored[j] = found
                    else:
                        hard.append(j)
                known = sorted(stored)
                for j in list(left):
                    if conic and (by := combination(E[known], E[j])) is not None:
                        implied[j] = [known[i] for i in by.tolist()]
                        left.remove(j)
            flips, rest = _flips(head, change, suspects), budget.share(LATER)
            for j in sorted(hard, key=lambda j: -float(gap[j])):
                if flips.point[j] < 0 and (found := cover_of(j, MANY, rest)) is not None:
                    stored[j] = found
        except OutOfTime:
            pass
        proved = np.zeros_like(todo)
        proved[[*stored, *implied]] = True
        return Part(self.name, proved, _packed(stored, implied), _flips(head, change, suspects))


def _flips(head: Head, change: RowChange, suspects: list[tuple[int, ...]]) -> Flips:
    """Which choices that were met flip points, proved by their refits."""
    found, refitter = Found(head), Refitter(head)
    for rows in dict.fromkeys(tuple(sorted(rows)) for rows in suspects if rows):
        choices = Choices(np.array([rows], dtype=np.int64),
                          np.array([[change.alternatives(head, row)[0] for row in rows]], dtype=np.int64))
        try:
            found.prove(choices, refitter.solve(choices))
        except (*FAILED, ArithmeticError):
            continue
    return found.flips()


def _hull(E: Array, left: list[int], known: list[int]) -> list[int]:
    """Points that no others imply, those that are known to stay and those that are not; all of them if none is."""
    found, rest = [], [*known, *left]
    for j in left:
        others = [i for i in rest if i != j]
        if combination(E[others], E[j]) is None:
            found.append(j)
        elif any((E[i] == E[j]).all() for i in others):
            rest = others  # one of several equal points
    return found or list(left)


def margins_of(head: Head, change: RowChange) -> tuple[Margins, float]:
    """The rows in margins, and how far μ may be off."""
    mu, off = head.mu()
    may = np.zeros(head.n)
    may[list(change.rows)] = 1.0
    return Margins(head.phi * head.Y, np.where(head.decayed, mu, 0.0), change.count, not change.relabels, may), off


def _packed(stored: dict[int, dict[str, Array]], implied: dict[int, list[int]]) -> dict[str, Array]:
    """The covers of all points in a few arrays, point after point; and for points without one what implies them."""
    if not stored:
        return {}
    order = sorted(stored)
    arrays: dict[str, Array] = {"points": np.array(order, dtype=np.int64)}
    for name in ("w0", "B", "across", "low", "high"):
        arrays[name] = np.array([stored[j][name] for j in order])
    for name in ("cuts", "tests"):
        arrays[name] = np.concatenate([stored[j][name] for j in order])
        arrays[f"{name}_counts"] = np.array([len(stored[j][name]) for j in order], dtype=np.int64)
    if implied:
        width = max(map(len, implied.values()))
        arrays["implied"] = np.array([[j, *by, *[-1] * (width - len(by))] for j, by in sorted(implied.items())],
                                     dtype=np.int64)
    return arrays
