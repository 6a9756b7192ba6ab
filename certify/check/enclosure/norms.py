"""The norm of the weights: the scale of the layers (S1)."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.balls import ONE, squares
from certify.check.reading.subject import Problem
from certify.format.refusal import Invalid


def layer_squares(problem: Problem) -> dict[int, arb]:
    """`s_h⁻²` of every free layer: `‖W_h‖_F²` without its biases in the relative norm, else 1.

    Raises:
        Invalid: a layer without size.
    """
    if not problem.lengths.layered:
        return {h: ONE for h in problem.free}
    found = {}
    for h in problem.free:
        if not any(problem.layers[h - 1].weights):
            raise Invalid("spec, weights.norm", "relative is stated", f"all weights of layer {h} are 0")
        found[h] = squares(arb(v) for v in problem.layers[h - 1].weights)
    return found
