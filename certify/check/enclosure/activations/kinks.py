"""Derivatives of an activation with a kink at the inputs of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flint import arb

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.kernel import NotSmooth

if TYPE_CHECKING:
    from certify.check.reading.subject import Problem


def slopes(problem: Problem, h: int, before: Sequence[arb], kinks: bool) -> list[arb]:
    """`φ'` at these inputs of hidden layer h, row-major; at a kink, if that is let, the midpoint of both sides.

    Raises:
        NotSmooth: one of them is not proved away from a kink, and that is not let.
    """
    phi, wide = ACTIVATIONS[problem.activation], problem.layers[h - 1].outputs
    if not kinks:
        for at, z in enumerate(before):
            if not (z > 0 or z < 0):
                raise NotSmooth(f"the input of unit {at % wide} of layer {h} at row {problem.kept[at // wide]}", z == 0)
    return [phi.slope(z) if z > 0 or z < 0 else phi.slope(z).mid() for z in before]
