"""The last linear node of a graph as the one layer that is free, on the features that the rest makes."""

from __future__ import annotations

from dataclasses import replace

from certify.check.reading.graph import Graph
from certify.check.reading.subject import Layer, Problem
from certify.check.theorems.head.frozen_part import FrozenPart
from certify.format.canonical import show
from certify.format.refusal import Invalid


def of_last(problem: Problem, graph: Graph) -> Problem:
    """The problem with that layer.

    Raises:
        Invalid: the output is that of another node.
    """
    node = next(node for node in graph.nodes if node.name == graph.output)
    if node.op != "linear" or node.sequence:
        raise Invalid("spec, solution.layer", '"last" is stated',
                      f"a linear node as the output is needed, and {show(node.name)} is {node.op}")
    layer = Layer(node.shape[0], node.before[0], node.tensors["weight"], node.tensors.get("bias"))
    return replace(problem, layers=(layer,), free=(1,), activation="identity", enter=FrozenPart(graph))
