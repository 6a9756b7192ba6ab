"""S14 as claims: `excess` and `hausdorff` on the window of a spec, with what lets a checker repeat both ends.

`hausdorff` is the contraction: it is never less than the expansion, for the window is centred at a solution of today's
data (S14).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final

import numpy as np

from certify.format.quantities import EXCESS, HAUSDORFF
from certify.format.theorems import S14
from certify.format.words import Rigour
from certify.problem.bound import Bound, Hypothesis
from certify.problem.cost import BASE_MEMORY, Cost
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.sets.extent import Extent
from certify.systems.interpolation.point import InterpolationPoint
from certify.theorems.excess.window import Evidence, WindowExcess, enclose_window_excess
from certify.theorems.fits import FitRule

Side = Callable[[WindowExcess], tuple[Extent, Evidence | None]]
"""One of both ways, with what proves it."""

_WINDOW: Final = (4000, 1e-6)
"""Measured, one thread: bytes of q², seconds of q³, q the inputs of the last layer."""

ROOM: Final = Fraction(1, 2**48)
"""Part of each end that is left to a checker, whose formula is another one."""


class WindowSets(FitRule):
    """S14."""

    theorem = S14

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """Both sets on the window."""
        q = problem.network.widths[-2] + 1
        return (Cost("window", BASE_MEMORY + _WINDOW[0] * q**2, 0.0, 0.5 + _WINDOW[1] * q**3,
                     "both sets on the window"),)

    def excess(self, at: InterpolationPoint) -> Bound:
        """`e(S(u) ∩ B, S(ū))`: the expansion."""
        return self._of(at, EXCESS.name, lambda found: (found.expansion, found.expanding))

    def hausdorff(self, at: InterpolationPoint) -> Bound:
        """The larger of it and `e(S(ū) ∩ B, S(u))`: the contraction."""
        return self._of(at, HAUSDORFF.name, lambda found: (found.contraction, found.contracting))

    def _of(self, at: InterpolationPoint, quantity: str, side: Side) -> Bound:
        """How far the sets of the last layer lie apart on the window, one way."""
        cost, = self.cost(at.problem)
        if refused := self.refused(at, cost):
            return self.open(at, quantity, refused, at.counting())
        found = at.shared("window", lambda: self._compared(at, cost))
        if isinstance(found, str):
            return self.open(at, quantity, found, at.counting())
        return window_bound(side(found), quantity, at.unit(quantity), at.counting())

    def _compared(self, at: InterpolationPoint, cost: Cost) -> WindowExcess | str:
        """Both excesses on the ball of the spec's window; in words why there are none."""
        spec = at.problem.spec
        assert spec is not None and spec.window is not None
        radius = spec.window.radius
        at.progress("both solution sets on the window", 0.1)
        return at.attempt(cost.name, lambda: enclose_window_excess(at.problem, radius))


def window_bound(
    side: tuple[Extent, Evidence | None], quantity: str, unit: str, hypotheses: tuple[Hypothesis, ...]
) -> Bound:
    """One of both ways as a claim.

    Args:
        side: its excess, and what proves it; None: no exact fit of the changed data lies within the window.
        quantity: which it is.
        unit: of the bound.
        hypotheses: those that hold of the problem.
    """
    words = "the layer's inputs, for today's data and for the changed, have full row rank"
    hypotheses = (*hypotheses, Hypothesis("layer_rank", words, None, True))
    extent, known = side
    if known is None:
        return Bound(quantity, S14.label, Rigour.PROVED, 0.0, 0.0, unit, hypotheses)
    lower = max(fp.down(Fraction(extent.lower) * (1 - ROOM)), 0.0)
    witness: dict[str, object] = {}
    if lower > 0:
        witness["point"] = [float(v) for v in np.asarray(known.point).ravel()]
    if known.upper is None:
        reason = "the bound by Lagrange could not be evaluated: the layer's inputs are too nearly dependent"
        return Bound(quantity, S14.label, Rigour.PROVED, lower, None, unit, hypotheses, witness, reason)
    witness["multiplier"] = known.multiplier
    upper = fp.up(known.upper * (1 + ROOM))
    return Bound(quantity, S14.label, Rigour.PROVED, lower, upper, unit, hypotheses, witness, extent.reason)
