"""The sample weights: `C_i = J_iᵀg_i/n`, one column a row."""

from __future__ import annotations

from flint import arb, arb_mat

from certify.check.linalg.balls import ONE
from certify.check.systems.data_derivative.backward import ByBackward


class OfSampleWeights(ByBackward):
    """The loss of a row counts `1 + u_i` times."""

    def seeds(self) -> tuple[arb_mat | None, arb]:
        """The rows' own slopes; the tilt carries no sample weight."""
        return self.curvature.objective.plain, ONE


DERIVATIVE = OfSampleWeights
