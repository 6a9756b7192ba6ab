"""A linear layer at every token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb_mat

from certify.check.enclosure.sequences.base import Operation, Values
from certify.check.linalg.balls import ZERO
from certify.check.reading.graph import Node


class TokenLinear(Operation):
    """`W x_t + b`: the matrix of tokens times the transposed weight."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.tokens, self.outputs = node.shape
        self.matrix = arb_mat(self.outputs, node.before[1], self.weight)

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """As written."""
        X = arb_mat(self.tokens, self.node.before[1], inputs[0])
        y = (X * self.matrix.transpose()).entries()
        if self.bias:
            y = [u + b for u, b in zip(y, self.bias * self.tokens, strict=True)]
        return y, X

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """`Wᵀv_t`, and `Σ_t v_t x_tᵀ`, `Σ_t v_t`."""
        V = arb_mat(self.tokens, self.outputs, v)
        gradient = (V.transpose() * kept).entries()
        if self.bias:
            gradient += [sum(v[a::self.outputs], ZERO) for a in range(self.outputs)]
        return [(V * self.matrix).entries()], gradient


OWN = TokenLinear
