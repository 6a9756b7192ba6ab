"""Base `given`: how far the network's own outputs lie from the targets in the file (theory.md §0)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from certify.network.passes import forward, known_weights
from certify.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64


def base_point(problem: Problem) -> dict[str, Any]:
    """Upper bounds of the shift of the targets that makes w̄ an exact interpolating solution.

    The claim is about targets `f(x_i, w̄)`; the shift from the targets in the file is `f(x_i, w̄) − y_i`.

    Returns:
        ``residual`` (norm of the whole shift), ``distance`` (0: the solution is the weights in the file),
        ``shift_worst`` and ``shift_worst_row`` (largest shift of one row, and that row); None where the targets
        are class labels.
    """
    if problem.y is None:
        return {"residual": None, "distance": 0.0, "shift_worst": None, "shift_worst_row": None}
    kept = np.array(problem.kept)
    output = forward(problem.network, known_weights(problem.network), problem.X[kept], Binary64()).output
    y = problem.y[kept]
    size = fp.row_norms(output.mid.hi) + fp.row_norms(y)
    gap = (fp.row_norms(output.mid.hi - y) + output.rad + fp.U * size) * fp.RAISE
    residual = fp.sqrt_up(sum((fp.exact(g) ** 2 for g in gap.tolist()), Fraction(0)))
    worst = int(np.argmax(gap))
    return {
        "residual": fp.up(residual),
        "distance": 0.0,
        "shift_worst": float(gap[worst]),
        "shift_worst_row": int(kept[worst]),
    }
