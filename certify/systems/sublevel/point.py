"""What is known at weights whose training loss is at most the level: loss and gradients, in tiers of rising cost."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from certify.format.errors import EnclosureError, SpecError
from certify.format.theorems import System
from certify.format.words import Map
from certify.network.graph.graph import GraphNetwork
from certify.problem.bound import Hypothesis
from certify.problem.cost import Cost
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble
from certify.systems.interpolation.base_point import EMPTY
from certify.systems.point import Point
from certify.systems.remedies import fewer_rows
from certify.systems.sublevel.descent import Descent, descend
from certify.systems.sublevel.words import smooth_words

TIERS: Final[dict[str, Arithmetic | None]] = {
    "passes": Binary64(), "radius": Binary64(), "double-double": DoubleDouble(), "balls": None}
"""The arithmetic of every tier; None: balls of python-flint, which only graphs need."""


class SublevelPoint(Point):
    """Weights of a sublevel set."""

    system, map = System.SUBLEVEL, Map.SUBLEVEL

    def base(self) -> dict[str, Any]:
        """The weights are a member as they are."""
        return {**EMPTY, "residual": 0.0}

    def remedy(self, able: tuple[Cost, ...]) -> str:
        """What would fit into the limits, in words."""
        return fewer_rows(able, self.limits, lambda share: int(self.problem.n * share))

    def descent(self, tier: str) -> Descent:
        """Loss and gradients in the arithmetic of a tier."""
        arithmetic = TIERS[tier]
        if isinstance(self.problem.network, GraphNetwork) and self.problem.network.in_balls:
            arithmetic = None
        name = "balls" if arithmetic is None else arithmetic.name

        def work() -> Descent:
            self.progress(f"loss and gradients ({name})", 0.1)
            return descend(self.problem, arithmetic, self._stage(name))

        return self.shared(name, work)

    def _stage(self, name: str) -> Callable[[float], None]:
        """Progress of the passes of one arithmetic; may end them when the time is up."""
        def tell(fraction: float) -> None:
            self.progress(f"loss and gradients ({name})", 0.1 + 0.8 * fraction)

        return tell

    def inside(self, d: Descent) -> bool:
        """Whether the level is above the loss (interior) rather than at it (boundary).

        Raises:
            SpecError: if the level is proved to lie below the loss.
            EnclosureError: if rounding leaves it open.
        """
        level = self.problem.level
        if level is None:
            return False
        if Fraction(level) > d.loss.upper:
            return True
        if Fraction(level) < d.loss.lower:
            below = f"{level} is below the loss {float(d.loss.lower):.6g} at the given weights"
            raise SpecError("solution.level", below,
                            "the weights are then no member of S; raise the level, or leave it out")
        raise EnclosureError("solution.level", "equal to the loss up to rounding", "leave it out, or raise it slightly")

    def hypotheses(self, d: Descent, inside: bool) -> tuple[Hypothesis, ...]:
        """The hypotheses of M6 with their verified values."""
        loss = Hypothesis("loss", "the training loss at the given weights is at most", fp.up(d.loss.upper), True)
        if inside:
            statement = "the level exceeds the training loss by at least"
            gap = Fraction(self.problem.level or 0.0) - d.loss.upper
            return loss, Hypothesis("interior", statement, fp.down(gap), True)
        if d.passed.margin is None:
            smooth = Hypothesis("smooth", "the network is continuously differentiable everywhere", None, True)
        else:
            statement = f"{smooth_words(self.problem)} at the data: smallest distance from a kink"
            smooth = Hypothesis("smooth", statement, max(d.passed.margin, 0.0), d.passed.kinks[0] == 0)
        proved = d.weight_norm.lower > 0 and smooth.holds
        statement = "the loss gradient with respect to the weights is not 0: its norm is at least"
        value = fp.down(d.weight_norm.lower) if proved else None
        return loss, smooth, Hypothesis("gradient", statement, value, proved)
