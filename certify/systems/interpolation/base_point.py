"""The base point: how far the certified solution is from the weights in the file, or the targets from its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from certify.network.layers.passes import forward, known_weights
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64
from certify.systems.interpolation.nearby import Solution

EMPTY: Mapping[str, Any] = {
    "residual": None, "distance": 0.0, "radius": None, "shift_worst": None, "shift_worst_row": None}
"""Members of a certificate's base, of solutions at the given weights."""


def base_point(problem: Problem, solution: Solution | str | None = None) -> dict[str, Any]:
    """Where the certified solution lies, as upper bounds.

    Interpolation, base `given`: the claim is about targets `f(x_i, w̄)`; the shift from the targets in the file is
    `f(x_i, w̄) − y_i`, over the kept rows. Base `nearby`: the targets are those in the file, the solution is
    proved within ``distance`` of the weights.

    Args:
        problem: the problem.
        solution: base `nearby`: what :func:`certify.systems.interpolation.nearby.prove_nearby` gave.

    Returns:
        ``residual`` (`|G(ū, w̄)|` unshifted), ``distance``, ``radius`` (nearby: of the ball that holds the solution),
        ``shift_worst`` and ``shift_worst_row`` (given: largest shift of one row, and that row); None where undefined.
    """
    empty = dict(EMPTY)
    if problem.y is None:
        return empty
    kept = np.array(problem.kept)
    assert isinstance(problem.network, Network)  # a graph has the sublevel map alone
    output = forward(problem.network, known_weights(problem.network), problem.X[kept], Binary64()).output
    y = problem.y[kept]
    size = fp.row_norms(output.mid.hi) + fp.row_norms(y)
    gap = (fp.row_norms(output.mid.hi - y) + output.rad + fp.U * size) * fp.RAISE
    residual = fp.sqrt_up(sum((fp.exact(g) ** 2 for g in gap.tolist()), Fraction(0)))
    worst = int(np.argmax(gap))
    if problem.nearby:
        if not isinstance(solution, Solution):
            return empty | {"residual": fp.up(residual), "distance": None}
        return empty | {"residual": fp.up(residual), "distance": solution.distance, "radius": solution.radius}
    return empty | {
        "residual": fp.up(residual), "shift_worst": float(gap[worst]), "shift_worst_row": int(kept[worst]),
    }
