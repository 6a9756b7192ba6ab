"""How far no finite claim about exact fits can reach: to where two rows with different outputs meet."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.ball import Balls, rounded

CANDIDATES = 1000
"""Pairs looked at, nearest first; pairs with equal outputs are rare."""


@dataclass(frozen=True)
class Limit:
    """From a budget of this size on some change leaves no exact fit, so no `(κ, r_u, r_w)` and no distance is proved.

    Attributes:
        size: upper bound of `|x_i − x_j|/√m` for a budget in total, `/m` for one of every row; m = 2 where both rows
            may move at once, else 1.
        pair: the rows.
    """

    size: float
    pair: tuple[int, int]


def enclose_limit(problem: Problem, outputs: Balls) -> Limit | None:
    """The nearest pair, by floats, of rows with outputs proved different; None: targets move, or no pair was found.

    Moving i and j onto one another leaves no solution, while `w̄` is one for the data as they are.

    Args:
        problem: interpolation, base `given`, a budget with norm 2, features in their own unit, no rows merged.
        outputs: of every row.
    """
    plain = problem.scale is None and problem.norm == 2 and len(problem.kept) == problem.n
    if not problem.moving.inputs or not plain:
        return None
    X, n, outputs = problem.X, problem.n, rounded(outputs)
    moves = np.isin(np.arange(n), np.array(problem.rows))
    i, j = np.triu_indices(n, 1)
    free = moves[i].astype(int) + moves[j]
    i, j, free = (v[free > 0] for v in (i, j, free))
    free = problem.budget.meeting(free, problem.count)
    sizes = np.array([np.linalg.norm(X[a] - X[b]) for a, b in zip(i, j, strict=True)]) / np.sqrt(free)
    for at in np.argsort(sizes)[:CANDIDATES]:
        a, b = int(i[at]), int(j[at])
        gap = max(abs(Fraction(s) - Fraction(t)) for s, t in zip(outputs.mid.hi[a].tolist(), outputs.mid.hi[b].tolist(),
                                                                 strict=True))
        if gap > Fraction(float(outputs.rad[a])) + Fraction(float(outputs.rad[b])):
            square = sum(((Fraction(s) - Fraction(t)) ** 2 for s, t in zip(X[a].tolist(), X[b].tolist(), strict=True)),
                         Fraction(0))
            size = fp.up(fp.sqrt_up(square / int(free[at])))
            return Limit(size, (a, b)) if size > 0 else None
    return None
