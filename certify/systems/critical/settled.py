"""What was enclosed at the base point of the critical map, and which case of M5 holds there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from certify.network.layers.objective import Objective
from certify.network.layers.passes import Forward, Weights
from certify.problem.bound import Hypothesis
from certify.rigor.inverse import Inverse, Matrix
from certify.systems.critical.function_norm import Seen
from certify.systems.critical.nearby import low_parts
from certify.systems.critical.symmetry import Fields
from certify.systems.critical.tilt import Shift
from certify.systems.interpolation.nearby import Solution
from certify.systems.interpolation.point import InterpolationPoint

CRITICAL_EMPTY: Mapping[str, Any] = {
    "residual": None, "distance": None, "radius": None, "shift_worst": None, "shift_worst_row": None,
    "tilt": None, "shift_norm": None, "shift_loss": None,
}
"""Members of a certificate's base, of the critical map."""


@dataclass(frozen=True, eq=False)
class Enclosed:
    """What was enclosed at the base point.

    Attributes:
        weights: the given ones, or a ball that holds the exact ones.
        H, A: Hessian of the tilted loss, and completed by the fields; in the coordinates in which the norm of the
            weights is Euclidean.
        inverse: of A; None where A was not proved nonsingular (M5d).
        fields: the symmetry fields used.
        dimension: of their span.
        passed: forward pass.
        seen: F of the function norm, else None.
        reached: function norm: the inverse of A, completed as the reference rows see it, and `FA⁻¹` as
            :func:`certify.systems.critical.function_norm.measured` has it; None where an upper end was not proved.
    """

    weights: Weights
    H: Matrix
    A: Matrix
    inverse: Inverse | None
    fields: Fields
    dimension: int
    passed: Forward
    seen: Seen | None = None
    reached: tuple[Inverse, Inverse] | None = None


@dataclass(frozen=True, eq=False)
class Settled:
    """A base point at which the (tilted) gradient is exactly 0, and the case of M5 that holds there.

    Attributes:
        theorem: ``"M5a"`` to ``"M5d"``.
        objective: the loss with its tilt.
        base: members of the certificate's base.
        interpolation: M5a: what bounds it.
        point: the other cases: what was enclosed.
        solution: base `nearby`: the ball.
        shift: base `given`: the tilt's size.
        reason: M5d: what of the rank is unexplained.
        hypotheses: what M5a adds to those of the interpolation problem.
    """

    theorem: str
    objective: Objective
    base: Mapping[str, Any]
    interpolation: InterpolationPoint | None = None
    point: Enclosed | None = None
    solution: Solution | None = None
    shift: Shift | None = None
    reason: str = ""
    hypotheses: tuple[Hypothesis, ...] = ()

    @property
    def from_fields(self) -> Fraction:
        """How far the base point may be from the parameters that the symmetry fields are made of."""
        at = self.solution
        return Fraction(0) if at is None else Fraction(at.radius) + low_parts(at.parameters)


@dataclass(frozen=True, eq=False)
class Unsettled:
    """No exact base point was proved: nothing is claimed.

    Attributes:
        reason: what blocked it, and what would help.
        base: members of the certificate's base.
    """

    reason: str
    base: Mapping[str, Any] = field(default_factory=dict)
    theorem: str = "M5"
    solution: None = None
