"""An operation on sequences at a node: value and adjoint of one row, entry by entry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from flint import arb

from certify.check.reading.graph import Node

Values = list[arb]
"""The entries of a value of one row, read row by row."""

FILES = {"linear": "token_linear", "layer_norm": "layer_norm", "attention": "attention", "gelu_tanh": "gelu_tanh",
         "mean_tokens": "mean_tokens", "position": "position", "prepend": "prepend", "embedding": "embedding",
         "rms_norm": "rms_norm", "multiply": "multiply", "times": "times", "shift": "position", "reshape": "copies",
         "transpose": "copies", "slice": "copies"}
"""Where each operation is defined."""


class Operation(ABC):
    """What a node does, with its numbers made balls once for a precision.

    Args:
        node: the node.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.weight = [arb(v) for v in node.tensors.get("weight", ())]
        self.bias = [arb(v) for v in node.tensors.get("bias", ())]

    @abstractmethod
    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """The value, and what the adjoint needs."""

    @abstractmethod
    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """Adjoints of the inputs; the derivatives by weight and bias, in the order of the file."""


def operation(node: Node) -> Operation:
    """The operation of a node; its file is loaded when it is asked for."""
    made: Operation = import_module(f"certify.check.enclosure.sequences.{FILES[node.op]}").OWN(node)
    return made


def parted(values: Values, width: int) -> list[Values]:
    """Rows of that length."""
    return [values[at:at + width] for at in range(0, len(values), width)]
