"""Which training rows a reviewer is shown when a release breaks trusted predictions: a list with proved numbers.

The trusted rows that the last release predicted right and this one does not are known, with their right labels. For
each training row both ends are proved of how far the outputs at these rows move back towards their right labels when
that row is left out and the model is trained again (`certify.leave_one_out`). The list is ordered by the lower end of
the sum. It proves nothing about labels: that somebody turned one is for the reviewer to find out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import recipe

LOOKED_UP: Final = 30


@dataclass(frozen=True)
class Suspect:
    """A training row, and how far its absence moves the broken predictions back, summed: at least, at most."""

    row: int
    least: float
    most: float


def listed(before: recipe.Release, after: recipe.Release) -> list[Suspect]:
    """Every training row, the one first without which the broken predictions are proved to move back most."""
    import certify

    *_, X, y = recipe.drawn()
    old, new = recipe.fitted(before), recipe.fitted(after)
    broken = (old.predict(X) == y) & (new.predict(X) != y)
    towards = np.where(y[broken] == 1.0, 1.0, -1.0)
    problem = certify.from_sklearn(new, after.X, after.y)
    found = certify.leave_one_out(problem, X[broken])
    today = towards * new.decision_function(X[broken])
    least = (np.where(towards > 0, found.lower[:, :, 0], -found.upper[:, :, 0]) - today).sum(axis=1)
    most = (np.where(towards > 0, found.upper[:, :, 0], -found.lower[:, :, 0]) - today).sum(axis=1)
    return [Suspect(int(row), float(least[row]), float(most[row])) for row in np.argsort(-least, kind="stable")]


def repaired(before: recipe.Release, after: recipe.Release, suspects: list[Suspect]) -> recipe.Release:
    """The release after somebody looked up the labels of the first rows of the list."""
    y = after.y.copy()
    rows = [one.row for one in suspects[:LOOKED_UP]]
    y[rows] = before.y[rows]
    return replace(after, y=y)
