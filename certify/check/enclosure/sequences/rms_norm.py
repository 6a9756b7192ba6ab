"""RMSNorm: every token over the root of its mean square plus eps, then scaled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb

from certify.check.enclosure.sequences.base import Operation, Values, parted
from certify.check.linalg.balls import ONE, ZERO, squares


class RmsNorm(Operation):
    """`γ_j x_j/ρ`, `ρ² = (1/d)Σx_j² + eps`, token by token."""

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """As written."""
        d, kept, values = self.node.before[-1], [], Values()
        for token in parted(inputs[0], d):
            length = (squares(token) / d + arb(self.node.eps)).sqrt()
            normed = [x / length for x in token]
            kept.append((normed, length))
            values += [g * x for g, x in zip(self.weight, normed, strict=True)] if self.weight else normed
        return values, kept

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """With `a_j = γ_j v_j`: `∂/∂x_k = (a_k − (1/d)x̂_k Σ_j a_j x̂_j)/ρ`."""
        d, back = self.node.before[-1], Values()
        by_weight = [ZERO] * d
        for token, (normed, length) in zip(parted(v, d), kept, strict=True):
            by_weight = [s + a * x for s, a, x in zip(by_weight, token, normed, strict=True)]
            of = [g * a for g, a in zip(self.weight or [ONE] * d, token, strict=True)]
            along = sum((a * x for a, x in zip(of, normed, strict=True)), ZERO) / d
            back += [(a - x * along) / length for a, x in zip(of, normed, strict=True)]
        return [back], by_weight if self.weight else []


OWN = RmsNorm
