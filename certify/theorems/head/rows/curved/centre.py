"""A logistic regression on all its rows: weights near the minimum, the curvature there, and a proof of how near."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.ridge import Ridge, ridge, unit_of
from certify.systems.head.rows.stored.curved import LOSS, Slopes, SlopesFound
from certify.systems.head.rows.stored.rows import Readers, Source

STEPS = 6
"""Newton steps at most with one curvature."""

FAR = 0.01
"""How far outputs may have moved since the curvature was formed, before it is formed anew, once."""

BETTER = 0.5
"""What is left of the gradient after a step that is worth another one."""


@dataclass(frozen=True, eq=False)
class Centre:
    """Weights, and what is known there; everything for scaled columns.

    Attributes:
        system: the curvature at `ref`.
        ref, V: `(p,)`.
        gradient: bound of `|∇G(V)|` in the norm of the inverse of the system.
        longest: bound of the length of a row.
        slope: what a slope at V is off, as floats find it.
        output: what an output at V or ref is off.
        drift: what outputs at V differ from those at ref, at most.
    """

    system: Ridge
    ref: Array
    V: Array
    gradient: float
    longest: float
    slope: float
    output: float
    drift: float


def centre(source: Source, Y: Array, penalty: float, decayed: NDArray[np.bool_], V: Array, readers: Readers | None,
           ) -> Centre | str:
    """Go on from given weights by Newton's method, or say why there is no curvature.

    Args:
        source: of the rows.
        Y: `(n, 1)` labels, 1 or −1.
        penalty: μ, off by u of itself at most.
        decayed: `(p,)` which columns carry it.
        V: `(p,)` weights.
        readers: of the rows.
    """
    for last in (False, True):
        system = ridge(source, (penalty, U * penalty), decayed, readers=readers, curved=V)
        if isinstance(system, str):
            return system
        found = _stepped(system, Y, np.where(decayed, penalty, 0.0) * system.scale * system.scale, V / system.scale)
        if last or found.drift <= FAR:
            break
        V = found.V * system.scale
    return found


def _stepped(system: Ridge, Y: Array, pull: Array, ref: Array) -> Centre:
    """The best of some steps with one curvature."""
    V, best, rows = ref, None, system.rows
    for _ in range(STEPS):
        found = rows.tallied(Slopes(V, ref, rows.per_row(Y)))
        g = found.sums() + pull * V
        here = _judged(system, found, g, pull, (ref, V))
        if best is not None and not here.gradient < best.gradient:
            break
        worth = best is None or here.gradient < BETTER * best.gradient
        best = here
        if not worth:
            break
        V = V - (g @ system.R.T) @ system.R
    assert best is not None
    return best


def _judged(system: Ridge, found: SlopesFound, g: Array, pull: Array, weights: tuple[Array, Array]) -> Centre:
    """How long the gradient is (D1h, rounding)."""
    (ref, V), n, p = weights, system.n, system.p
    long = float(fp.row_norms(np.stack([V, ref])).max())
    output = fp.dot_unit(p) * found.longest * long * RAISE
    slope = (found.error + LOSS.lipschitz * output) * RAISE
    columns = float(fp.row_norms(found.columns()[None])[0]) * math.sqrt(n) * RAISE
    pulled, size = (float(x) for x in fp.row_norms(np.stack([pull * V, g])))
    wrong = (slope + unit_of(system.rows) * LOSS.steepest) * columns + 8 * U * (pulled + size)
    length = float(fp.row_norms(fp.require_finite(system.R @ g, "gradient")[None])[0])
    length += system.size_R * (fp.dot_unit(p) * size + wrong)
    gap = V - ref
    drift = found.drift + (fp.dot_unit(p) + 2 * U) * found.longest * float(fp.row_norms(gap[None])[0])
    return Centre(system, ref, V, length / math.sqrt(1 - system.delta) * RAISE * RAISE, found.longest, slope, output,
                  drift * RAISE)
