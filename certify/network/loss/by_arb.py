"""Losses evaluated in ball arithmetic at the midpoints of the outputs, widened for their radii (L1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flint
import numpy as np

from certify.format.errors import EnclosureError
from certify.network.loss.base import LossTerms
from certify.rigor import fp
from certify.rigor.arithmetic import Pair, two_sum
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array

_PRECISION = 160
_ERROR = 2.0**-95
"""Relative error (to 1 + size) within which Arb's values are accepted as pairs of floats."""

Row = Callable[[list[flint.arb], Any], tuple[flint.arb, list[flint.arb]]]
"""`ℓ` and `∂ℓ/∂f` of outputs and a target."""


def enclose_by_arb(
    output: Balls, targets: list[Any], one: Row, lipschitz: Array, factor: Array
) -> LossTerms:
    """Evaluate at the midpoints in balls, and widen for the output's radius r.

    By a Lipschitz constant, or, where it is less, by `factor·|c|·r(1 + factor·r(1 + factor·r))`, as slopes and
    curvatures of a row that is fitted well are small (L1).
    """
    n, k = output.mid.shape
    hi = output.mid.hi.tolist()
    lo = np.zeros((n, k)).tolist() if output.mid.lo is None else output.mid.lo.tolist()
    value, first, second = np.empty(n), np.empty((n, k)), np.empty((n, k))
    precision, flint.ctx.prec = flint.ctx.prec, _PRECISION
    try:
        for i in range(n):
            ball, slopes = one([flint.arb(a) + flint.arb(b) for a, b in zip(hi[i], lo[i], strict=True)], targets[i])
            size = float(ball)  # of its midpoint, the nearest
            _accept(ball - size, 2.0**-52 * (1 + abs(size)))
            value[i] = size
            for a, c in enumerate(slopes):
                leading = float(c)
                rest = c - leading
                following = float(rest)
                _accept(rest - following, _ERROR)
                first[i, a], second[i, a] = leading, following
    finally:
        flint.ctx.prec = precision
    double = output.mid.lo is not None
    known = (fp.row_norms(first) + 2.0**-50) * RAISE
    rad = _spread(output.rad, known, lipschitz, factor)
    rad = rad + _ERROR * np.sqrt(k) * 2 + (0.0 if double else fp.row_norms(second))
    mid = Pair(*two_sum(first, second)) if double else Pair(first)
    norm = (fp.row_norms(first) + rad) * RAISE
    slopes_ball = Balls(mid, fp.require_finite(rad * RAISE, "loss"), norm * RAISE)
    error = (2.0**-52 * (1 + np.abs(value)) + norm * output.rad) * RAISE
    return LossTerms(value, error, slopes_ball, lipschitz)


def _spread(r: Array, slope: Array, lipschitz: Array, factor: Array) -> Array:
    """How far slopes of at most that size at the midpoints can differ within r of them (L1)."""
    wide = np.where(np.isfinite(factor), factor, 0.0)
    near = np.isfinite(factor) & (wide * r <= 1.0)
    reach = np.where(near, r, 0.0)
    local = wide * slope * reach * (1.0 + wide * reach * (1.0 + wide * reach))
    return np.where(near, np.minimum(lipschitz * r, local), lipschitz * r)


def _accept(rest: flint.arb, bound: float) -> None:
    if not abs(rest) < bound:
        raise EnclosureError("loss", "a value that ball arithmetic cannot pin down", "look for huge outputs")
