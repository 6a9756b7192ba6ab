"""The last linear node of a graph as the one layer that is free."""

from __future__ import annotations

from certify.check.reading.graph import Graph
from certify.check.reading.subject import Layer
from certify.format.canonical import show
from certify.format.refusal import Invalid


def last_layer(graph: Graph) -> Layer:
    """Its weights and bias.

    Raises:
        Invalid: the output is that of another node.
    """
    node = next(node for node in graph.nodes if node.name == graph.output)
    if node.op != "linear" or node.sequence:
        raise Invalid("spec, solution.layer", '"last" is stated',
                      f"a linear node as the output is needed, and {show(node.name)} is {node.op}")
    return Layer(node.shape[0], node.before[0], node.tensors["weight"], node.tensors.get("bias"))
