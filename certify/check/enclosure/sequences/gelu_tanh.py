"""gelu by a hyperbolic tangent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb

from certify.check.enclosure.sequences.base import Operation, Values
from certify.check.linalg.balls import ONE

CUBIC = 0.044715


class GeluTanh(Operation):
    """`x σ(2h)`, σ the logistic function and `h = √(2/π)(x + a x³)`: this is `½x(1 + tanh h)`."""

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """With the slope `σ + 2xσ(1 − σ)h'`."""
        values, slopes = [], []
        for x in inputs[0]:
            rate = 2 * (2 / arb.pi()).sqrt()
            share = ONE / (ONE + (-rate * (x + arb(CUBIC) * x**3)).exp())
            values.append(x * share)
            slopes.append(share + x * share * (ONE - share) * rate * (ONE + 3 * arb(CUBIC) * x**2))
        return values, slopes

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """Times the slopes."""
        return [[a * s for a, s in zip(v, kept, strict=True)]], []


OWN = GeluTanh
