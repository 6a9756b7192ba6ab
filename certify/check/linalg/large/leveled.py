"""Balls whose middles are multiples of one unit: products of such matrices take half as long."""

from __future__ import annotations

import math

from flint import arb, arb_mat, ctx


def leveled(M: arb_mat) -> arb_mat:
    """The same numbers: one so large that its last bit is the unit is added to each, and taken away again.

    >>> leveled(arb_mat([[1, arb(2) ** -999]])).contains(arb_mat([[1, arb(2) ** -999]]))
    True
    """
    most, (m, n) = max(map(abs, map(float, M.entries())), default=0.0), (M.nrows(), M.ncols())
    if not 0 < most < math.inf:
        return M
    high = arb_mat(m, n, [arb(2) ** (math.frexp(most)[1] + 2)] * (m * n))
    lifted = M + high
    with ctx.workprec(ctx.prec + 4):
        return lifted - high
