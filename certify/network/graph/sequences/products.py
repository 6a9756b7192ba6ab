"""Products entry by entry: of two values, as gates are, and of a value and a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from certify.network.graph.sequences.base import Entries, Operation, Place, Pulled
from certify.network.graph.windows import Shape
from certify.rigor.fp import Array


class Multiply(Operation):
    """`xy` of two values of one shape."""

    word: ClassVar[str] = "multiply"
    arity: ClassVar[int] = 2

    def shape(self, at: Place) -> Shape:
        """That of both."""
        if at.before[0] != at.before[1]:
            at.refuse(f"inputs of shapes {at.before[0]} and {at.before[1]}", "multiply equal shapes")
        return at.before[0]

    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """As written."""
        return np.asarray(inputs[0] * inputs[1])

    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """As written."""
        x, y = inputs[0].ravel(), inputs[1].ravel()
        return x * y, (x, y)

    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """`vy` and `vx`."""
        return Pulled([v * kept[1], v * kept[0]])


class Times(Operation):
    """`cx`, c the float `factor`."""

    word: ClassVar[str] = "times"
    members: ClassVar[tuple[str, ...]] = ("factor",)

    def shape(self, at: Place) -> Shape:
        """That of the input."""
        if not math.isfinite(at.node.factor):
            at.refuse(f"factor {at.node.factor}", "give a finite number")
        return at.before[0]

    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """As written."""
        return np.asarray(at.node.factor * inputs[0])

    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """As written."""
        return inputs[0].ravel() * at.node.factor, None

    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """`cv`."""
        return Pulled([v * at.node.factor])
