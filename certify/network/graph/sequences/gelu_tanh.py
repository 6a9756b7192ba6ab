"""gelu by a hyperbolic tangent: torch's `approximate="tanh"`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from certify.network.graph.sequences.base import Entries, Operation, Place, Pulled
from certify.network.graph.windows import Shape
from certify.rigor.fp import Array

CUBIC = 0.044715


class GeluTanh(Operation):
    """`½x(1 + tanh(√(2/π)(x + a x³)))` entry by entry, a the double nearest 0.044715."""

    word: ClassVar[str] = "gelu_tanh"

    def shape(self, at: Place) -> Shape:
        """That of the input."""
        return at.before[0]

    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """As written."""
        x = inputs[0]
        return np.asarray(0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + CUBIC * x**3))))

    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """`φ = ½x(1 + T)`, `φ' = ½(1 + T) + ½x(1 − T²)√(2/π)(1 + 3ax²)`."""
        from flint import arb

        c, a = (2 / arb.pi()).sqrt(), arb(CUBIC)
        x = inputs[0].ravel()
        t = np.array([(c * (z + a * z * z * z)).tanh() for z in x.tolist()], dtype=object)
        return x * (t + 1) / 2, (t + 1) / 2 + x * (1 - t * t) * c * (1 + 3 * a * x * x) / 2

    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """v times the slopes."""
        return Pulled([v * kept])
