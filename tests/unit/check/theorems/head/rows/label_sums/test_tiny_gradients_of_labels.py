"""A gradient whose length underflows is not 0 where labels change, either: by sums of steps, and at a last level.

Pulls along the first input cancel at weights 0. Along the second one rows of 2^-1062 and less pull alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import combinations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.base import row_loss
from tests.families.logistic_heads import stored

MU, POINT = 2.0**30, 2.0**520
ONE = int(np.searchsorted(TABLE, 1.0))


def head(rows: Sequence[Sequence[float]], point: Sequence[float], level: float, moving: tuple[int, ...]) -> Head:
    """Two inputs, no intercept; any two of the labels of some rows may change."""
    phi, points, targets = arb_mat([list(row) for row in rows]), arb_mat([list(point)]), [[1.0]] * len(rows)
    return Head(phi, phi.tolist(), [norm(r).upper() for r in phi.tolist()], targets,
                Codes([[-1.0], [1.0]], [1] * len(rows), targets), row_loss("logistic"), 1, 2, False, False,
                arb(MU) / len(rows), False, points, [norm(points.entries())], level, [1], moving, 2, True)


def refit(rows: Sequence[Sequence[float]], turned: tuple[int, ...]) -> list[arb]:
    """The refit with some labels turned: each row has one input, so each weight is a sum of its own."""
    found = []
    for a in range(2):
        w, own = arb(0), [arb(row[a]) * (-1 if i in turned else 1) for i, row in enumerate(rows)]
        for _ in range(12):
            p = [1 / (1 + (s * w).exp()) for s in own]
            g = MU * w - sum((x * s for x, s in zip(p, own, strict=True)), arb(0))
            w = (w - g / (MU + sum((x * (1 - x) * s * s for x, s in zip(p, own, strict=True)), arb(0)))).mid()
        found.append(w)
    return found


def stays(one: Head) -> bool:
    """Whether the output lies above the level at every refit."""
    rows, (point,) = [[float(x) for x in row] for row in one.rows], one.evaluated.tolist()
    with ctx.workprec(3000):
        every = [refit(rows, out) for size in range(3) for out in combinations(one.moving, size)]
        return all(bool(sum(x * y for x, y in zip(point, w, strict=True)) > one.threshold) for w in every)


@pytest.mark.parametrize("level", [-(2.0**40), -(2.0**-576)])
def test_a_refit_of_no_change_beyond_the_level_is_not_passed_by(level: float) -> None:
    """Any change moves the point far up; the refit of all labels is below the second level, weights 0 are above it."""
    pull, rest = 2.0**-380, 2.0**-1062
    one = head([[-pull, 0.0], [-pull, 0.0], [2.0 * pull, 0.0], [0.0, -rest]], [POINT, POINT], level, (0, 1))
    proved = import_module("certify.check.theorems.head.rows.label_sums").proved
    with ctx.workprec(64):
        found = proved(one, stored({"weights": np.zeros(2)}), "claim", [True])
    assert found == [stays(one)] == [level < -1.0]


@pytest.mark.parametrize("times", [1, 4])
def test_a_gradient_beside_a_step_at_the_last_level_is_not_passed_by(times: int) -> None:
    """At the refit without the first label a second change and the gradient each leave the margin, and both do not."""
    pull, room = 2.0**-940, 2.0**-1064
    step, level = 0.9 * room, -times * room * POINT / MU
    rows = [[-pull, 0.0], [-pull, 0.0], [0.0, step], [0.0, -step - 0.8 * room]]
    one = head(rows, [-POINT / 1024, POINT], level, (0, 2))
    with ctx.workprec(3000):
        own, other = ([float(x) for x in refit(rows, out)] for out in ((), (2,)))
    tree = {"parent": [-1, 0, 0], "branch": [0, 0, 1], "weights": [own, [0.0, 0.0], other], "hot_count": [2, 0, 0],
            "hot": [0, 2], "numbers": [[2]], "box_count": [0, 1, 0], "box": [0], "slabs": [[ONE] * 4],
            "leaf_count": [0, 0, 0], "leaf": [], "leaf_weights": np.zeros((0, 2))}
    arrays = stored({name: np.array(x, float if "weights" in name else int) for name, x in tree.items()})
    proved = import_module("certify.check.theorems.head.rows.pair_tree").proved
    with ctx.workprec(64):
        found = proved(one, arrays, "claim", [True])
    assert not found[0] or stays(one)
    assert stays(one) == (times > 1)
