"""A linear layer applied to every token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from certify.network.graph.sequences.base import (
    Entries,
    Operation,
    Place,
    Pulled,
    column,
    entries,
    matrix,
    require_vector,
)
from certify.network.graph.windows import Shape
from certify.rigor.fp import Array


class TokenLinear(Operation):
    """`y_t = W x_t + b` for every token t; of a graph file this is `linear` after a sequence."""

    word: ClassVar[str] = "linear"
    members: ClassVar[tuple[str, ...]] = ("weight", "bias")
    optional: ClassVar[tuple[str, ...]] = ("bias",)
    learned: ClassVar[tuple[str, ...]] = ("weight", "bias")

    def shape(self, at: Place) -> Shape:
        """`(tokens, outputs)`."""
        W = at.tensors["weight"]
        if len(at.before[0]) != 2 or W.ndim != 2 or W.shape[1] != at.width:
            at.refuse(f"weight of shape {W.shape} after {at.before[0]}", f"give (outputs, {at.width})")
        require_vector(at, "bias", W.shape[0])
        return (at.before[0][0], W.shape[0])

    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """By one product."""
        return np.asarray(inputs[0] @ at.tensors["weight"].T + at.tensors.get("bias", 0.0))

    def products(self, at: Place) -> int:
        """One for each token and weight."""
        return at.tokens * at.tensors["weight"].size

    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """By one product."""
        X = matrix(inputs[0])
        y = entries(X * at.kernels[1])
        return (y + at.balls["bias"] if "bias" in at.balls else y).ravel(), X

    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """`Wᵀv_t`; `∂/∂W = Σ_t v_t x_tᵀ`, `∂/∂b = Σ_t v_t`."""
        rows = v.reshape(at.before[0][0], -1)
        V = matrix(rows)
        return Pulled([entries(V * at.kernels[0]).ravel()],
                      [V.transpose() * kept, column(rows.sum(axis=0)) if "bias" in at.balls else None])
