"""A sum with a parameter, or with constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb

from certify.check.enclosure.sequences.base import Operation, Values
from certify.check.reading.graph import Node


class Position(Operation):
    """`x + P`."""

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """As written."""
        return [x + p for x, p in zip(inputs[0], self.weight, strict=True)], None

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """The same for both."""
        return [v], v


class Shift(Operation):
    """`x + C`, C no parameter."""

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """As written."""
        return [x + arb(c) for x, c in zip(inputs[0], self.node.tensors["mean"], strict=True)], None

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """The same for x."""
        return [v], []


def own(node: Node) -> Operation:
    """The one that a node is."""
    return Shift(node) if node.op == "shift" else Position(node)


OWN = own
