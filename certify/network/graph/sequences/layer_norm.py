"""LayerNorm over the last axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from certify.network.graph.sequences.base import Entries, Operation, Place, Pulled, column, require_vector
from certify.network.graph.windows import Shape
from certify.rigor.fp import Array


class LayerNorm(Operation):
    """`γ(x − m)/√(s + eps) + β`, `m = (1/d)Σx_j` and `s = (1/d)Σ(x_j − m)²` over the last axis (G8)."""

    word: ClassVar[str] = "layer_norm"
    members: ClassVar[tuple[str, ...]] = ("weight", "bias", "eps")
    optional: ClassVar[tuple[str, ...]] = ("weight", "bias")
    learned: ClassVar[tuple[str, ...]] = ("weight", "bias")

    def shape(self, at: Place) -> Shape:
        """That of the input."""
        if len(at.before[0]) > 2:
            at.refuse(f"an input of shape {at.before[0]}", "it takes (tokens, channels) or a vector")
        for role in self.learned:
            require_vector(at, role, at.width)
        return at.before[0]

    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """As written."""
        x = inputs[0] - inputs[0].mean(axis=-1, keepdims=True)
        y = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + at.node.eps)
        return np.asarray(y * at.tensors.get("weight", 1.0) + at.tensors.get("bias", 0.0))

    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """As written, token by token; the squares are squares of balls, which are not negative."""
        d = at.width
        x = inputs[0].reshape(at.tokens, d)
        x = x - (x.sum(axis=1) / d)[:, None]
        inverse = np.array([(row @ row / d + at.node.eps).rsqrt() for row in x], dtype=object)
        normed = x * inverse[:, None]
        y = normed * at.balls["weight"] if "weight" in at.balls else normed
        return (y + at.balls["bias"] if "bias" in at.balls else y).ravel(), (normed, inverse)

    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """`(w − mean(w) − x̂·mean(w x̂))/√(s + eps)`, `w = γv`, x̂ the normalised token; `∂/∂γ = Σ_t v x̂`."""
        normed, inverse = kept
        d, rows = at.width, v.reshape(normed.shape)
        w = rows * at.balls["weight"] if "weight" in at.balls else rows
        along = (w * normed).sum(axis=1) / d
        back = (w - (w.sum(axis=1) / d)[:, None] - normed * along[:, None]) * inverse[:, None]
        return Pulled([back.ravel()], [column((rows * normed).sum(axis=0)) if "weight" in at.balls else None,
                                       column(rows.sum(axis=0)) if "bias" in at.balls else None])
