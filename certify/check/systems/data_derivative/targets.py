"""The targets of the squared loss: `C_i = −J_iᵀ/n`."""

from __future__ import annotations

from flint import arb, arb_mat

from certify.check.linalg.balls import ONE
from certify.check.systems.data_derivative.backward import ByBackward


class OfTargets(ByBackward):
    """The slope `f − y − u` of a row falls by its change."""

    def seeds(self) -> tuple[arb_mat | None, arb]:
        """Every output."""
        return None, -ONE / len(self.problem.features)


DERIVATIVE = OfTargets
