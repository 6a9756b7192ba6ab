"""RMSNorm over the last axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from certify.network.graph.sequences.base import Entries, Operation, Place, Pulled, column, require_vector
from certify.network.graph.windows import Shape
from certify.rigor.fp import Array


class RmsNorm(Operation):
    """`γx/√(s + eps)`, `s = (1/d)Σx_j²` over the last axis (G8)."""

    word: ClassVar[str] = "rms_norm"
    members: ClassVar[tuple[str, ...]] = ("weight", "eps")
    optional: ClassVar[tuple[str, ...]] = ("weight",)
    learned: ClassVar[tuple[str, ...]] = ("weight",)

    def shape(self, at: Place) -> Shape:
        """That of the input."""
        if len(at.before[0]) > 2:
            at.refuse(f"an input of shape {at.before[0]}", "it takes (tokens, channels) or a vector")
        require_vector(at, "weight", at.width)
        return at.before[0]

    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """As written."""
        x = inputs[0]
        y = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + at.node.eps)
        return np.asarray(y * at.tensors.get("weight", 1.0))

    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """As written, token by token."""
        x = inputs[0].reshape(at.tokens, at.width)
        inverse = np.array([(row @ row / at.width + at.node.eps).rsqrt() for row in x], dtype=object)
        normed = x * inverse[:, None]
        return (normed * at.balls["weight"] if "weight" in at.balls else normed).ravel(), (normed, inverse)

    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """`(w − x̂·mean(w x̂))/√(s + eps)`, `w = γv`, x̂ the normalised token; `∂/∂γ = Σ_t v x̂`."""
        normed, inverse = kept
        rows = v.reshape(normed.shape)
        w = rows * at.balls["weight"] if "weight" in at.balls else rows
        along = (w * normed).sum(axis=1) / at.width
        return Pulled([((w - normed * along[:, None]) * inverse[:, None]).ravel()],
                      [column((rows * normed).sum(axis=0)) if "weight" in at.balls else None, None])
