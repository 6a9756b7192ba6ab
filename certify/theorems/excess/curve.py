"""S14 along multiples of one change: how expansion and contraction grow with `|u|`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from certify.format.errors import InputError
from certify.problem.problem import Problem
from certify.sets.movement import Moved, Movement
from certify.theorems.excess.window import enclose_window_excess


def window_movement(problem: Problem, radius: float, factors: Sequence[float]) -> Movement:
    """Expansion and contraction of a last layer's solution set after multiples of the problem's change, each proved.

    A point's parameter is `|u|`, the Euclidean norm of that multiple (rounded to a float, which is no part of what is
    proved; the change itself is the multiple rounded entry by entry).

    Args:
        problem: as of :func:`certify.theorems.excess.window.enclose_window_excess`.
        radius: of the window around the weights in the file.
        factors: of the problem's change; 0 for none.

    Raises:
        InputError: no factors, one that is not finite, or a multiple for which nothing is proved.

    >>> from certify.network.network import Network
    >>> net = Network((np.array([[1.0, 1.0]]),), (None,), "identity")
    >>> X, u = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> found = window_movement(Problem(net, X, None, "features", (0,), set="given", change=u), 1.0, [0.5, 1.0])
    >>> [round(p.contraction.upper, 6) for p in found.points]  # (1 + 1)t/√(1 + t²) at (1, 2)
    [0.894427, 1.414214]
    """
    if not len(factors) or not np.isfinite(factors).all():
        raise InputError("factors", f"{list(factors)}", "give finite numbers")
    if problem.change is None:
        raise InputError("window", "no change", 'use set "given"')
    points = []
    for factor in factors:
        change = problem.change * factor
        found = enclose_window_excess(replace(problem, change=change), radius)
        if isinstance(found, str):
            raise InputError("window", f"factor {factor}: {found}", "use smaller factors, or fewer rows")
        points.append(Moved(Fraction(float(np.linalg.norm(change))), found.expansion, found.contraction))
    return Movement(Fraction(0), tuple(points))
