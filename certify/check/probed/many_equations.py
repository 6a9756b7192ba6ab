"""The tangent kernel of many equations by what it is a sum of: it is not formed where products with vectors do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from flint import arb, arb_mat

from certify.check.enclosure.norms import layer_squares
from certify.check.linalg.balls import ONE
from certify.check.probed.hadamard import Factored, Factors, energy, factored
from certify.check.systems.point import Point


class ManyEquations:
    """Of an interpolation system at a point."""

    def __init__(self, point: Point) -> None:
        self._point = point

    @cached_property
    def _layers(self) -> list[Factors]:
        problem, at, layers = self._point.problem, self._point, list[Factors]()
        for h, square in layer_squares(problem).items():
            B, A = at.backward.adjoints[h - 1], at.forward.inputs[h - 1]
            biased = problem.layers[h - 1].biases is not None
            layers.append((B if square == 1 else B * square, B,
                           arb_mat([[*row, ONE] for row in A.tolist()]) if biased else A))
        return layers

    @cached_property
    def factored(self) -> Factored:
        """In fixed point."""
        return factored(self._layers)

    def energy(self, z: Sequence[arb]) -> arb:
        """`zᵀKz`."""
        return energy(self._layers, z)
