"""Slopes of losses row by row in balls of python-flint, as pairs of floats: where doubles round too much."""

from __future__ import annotations

import flint
import numpy as np

from certify.rigor.arithmetic import DoubleDouble, Pair, two_sum
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.losses.base import HeadLoss

PRECISION = 160
LEAST = 2.0**-900
"""Pays for what underflows."""


def enclosed_slopes(loss: HeadLoss, outputs: Balls, Y: Array, exact: DoubleDouble) -> Balls:
    """`∇ℓ` of every row at all outputs of its ball.

    Args:
        loss: one that knows its slopes in balls.
        outputs: `(n, k)` balls.
        Y: `(n, k)` targets as the loss takes them.
        exact: the arithmetic of what follows.

    Raises:
        EnclosureError: slopes that are not finite.
    """
    hi, rad = outputs.mid.hi.tolist(), outputs.rad.tolist()
    lo = np.zeros(outputs.mid.shape).tolist() if outputs.mid.lo is None else outputs.mid.lo.tolist()
    first, second, off = (np.empty(outputs.mid.shape) for _ in range(3))
    precision, flint.ctx.prec = flint.ctx.prec, PRECISION
    try:
        for i, y in enumerate(Y.tolist()):
            z = [flint.arb(a) + flint.arb(b, rad[i]) for a, b in zip(hi[i], lo[i], strict=True)]
            for a, g in enumerate(loss.ball(z, y)):
                first[i, a] = float(g.mid())
                rest = g - flint.arb(first[i, a]) if np.isfinite(first[i, a]) else flint.arb("inf")
                second[i, a] = float(rest.mid())
                off[i, a] = float(abs(rest - flint.arb(second[i, a])).upper()) if rest.is_finite() else np.inf
    finally:
        flint.ctx.prec = precision
    rad_of = np.sqrt(np.einsum("ik,ik->i", off, off)) * RAISE + LEAST
    return Balls.make(Pair(*two_sum(first, second)), rad_of, exact)
