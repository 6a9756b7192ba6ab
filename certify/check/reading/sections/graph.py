"""What the network of a graph file goes with."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from certify.check.reading.optional.parts import check_consistent
from certify.check.reading.sections.demands import Goes, judged
from certify.check.reading.sections.whole_rows import WHOLE
from certify.check.words.parameters import PARAMETERS
from certify.format.canonical import show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.graph import Graph
    from certify.check.reading.spec import Spec


def graph_spec(spec: Spec, graph: Graph) -> Spec:
    """The same with the shape of a row and the number of outputs, once the graph is read.

    Raises:
        Invalid: they have no meaning together with the rest.
    """
    shape, outputs = graph.shape, graph.outputs
    if PARAMETERS[spec.parameter].inputs and any(node.op == "embedding" for node in graph.nodes):
        raise Invalid("spec, perturbation.parameter", show(spec.parameter),
                      "another one, as the rows of an embedding are whole numbers that do not move")
    known = replace(spec, widths=(math.prod(shape), outputs), shape=shape)
    check_consistent(known)
    return known


RULES = (
    Goes({"graph": True}, {"weights": "euclidean"}, "weights.norm", "weight_norm", "euclidean, with a graph"),
    Goes({"graph": True, "whole": True}, {"map": "sublevel"}, "solution.map", "map", "sublevel, with a graph"),
    Goes({"graph": True, "whole": False}, {"map": "critical", "base": "nearby", "finite": True}, "solution.layer",
         "layer", "all, but for finite changes with the critical map and base nearby,"),
    Goes({"graph": True, "whole": False}, {"parameter": WHOLE, "set": ("sparse", "given")}, "solution.layer", "layer",
         "all, but where rows are left out or get other labels,"),
    Goes({"graph": True, "kind": "fresh"}, None, "perturbation.fresh", "kind", "no new row, with a graph,"),
    Goes({"graph": True, "parameter": "features", "quantity": "persistence_radius"}, None, "gate", "quantity",
         "another quantity, where features of a graph move"),
)
demands = partial(judged, RULES)
"""With what it goes: wrong or not, where, what is stated, what is needed."""
