"""LayerNorm: every token less its mean, over the root of its variance plus eps, then scaled and shifted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb

from certify.check.enclosure.sequences.base import Operation, Values, parted
from certify.check.linalg.balls import ONE, ZERO, squares


class LayerNorm(Operation):
    """`γ_j(x_j − m)/σ + β_j`, `σ² = (1/d)Σ(x_j − m)² + eps`, token by token."""

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """As written."""
        d, kept, values = self.node.before[-1], [], Values()
        for token in parted(inputs[0], d):
            mean = sum(token, ZERO) / d
            centred = [x - mean for x in token]
            deviation = (squares(centred) / d + arb(self.node.eps)).sqrt()
            normed = [x / deviation for x in centred]
            kept.append((normed, deviation))
            scaled = [g * x for g, x in zip(self.weight, normed, strict=True)] if self.weight else normed
            values += [x + b for x, b in zip(scaled, self.bias, strict=True)] if self.bias else scaled
        return values, kept

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """With `a_j = γ_j v_j`: `∂/∂x_k = (a_k − (1/d)Σ_j a_j(1 + x̂_j x̂_k))/σ`."""
        d, back = self.node.before[-1], Values()
        by_weight, by_bias = [ZERO] * d, [ZERO] * d
        for token, (normed, deviation) in zip(parted(v, d), kept, strict=True):
            by_weight = [s + a * x for s, a, x in zip(by_weight, token, normed, strict=True)]
            by_bias = [s + a for s, a in zip(by_bias, token, strict=True)]
            of = [g * a for g, a in zip(self.weight or [ONE] * d, token, strict=True)]
            total, along = sum(of, ZERO), sum((a * x for a, x in zip(of, normed, strict=True)), ZERO)
            back += [(a - (total + x * along) / d) / deviation for a, x in zip(of, normed, strict=True)]
        return [back], (by_weight if self.weight else []) + (by_bias if self.bias else [])


OWN = LayerNorm
