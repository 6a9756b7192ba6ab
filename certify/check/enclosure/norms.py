"""The norm of the weights: the scale of the layers (S1), and the dual norm of a gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flint import arb

from certify.check.linalg.balls import ONE, ZERO, root, squares
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


def dual_norm(problem: Problem, gradient: Mapping[int, Sequence[Sequence[arb]]]) -> arb:
    """`|S⁻¹g|`, the dual norm of a gradient by the weights; function norm: raises `NotSmooth` at the reference rows."""
    if problem.reference:
        from certify.check.enclosure.function_norm import dual_square, reference

        return root(dual_square(problem, reference(problem), gradient))
    scale = layer_squares(problem)
    return root(sum((scale[h] * squares(row) for h, G in gradient.items() for row in G), ZERO))
