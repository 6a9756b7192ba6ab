"""Sample weights that move: `s_i = 1 + u_i`."""

from __future__ import annotations

from certify.problem.perturbations.moving import Moving


class SampleWeights(Moving):
    """The one weight of a row may change."""

    word, reweighs = "sample_weights", True

    def width(self, inputs: int, outputs: int) -> int:
        """One."""
        return 1
