"""What the network of a graph file goes with."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from certify.check.reading.spec import check_consistent

if TYPE_CHECKING:
    from certify.check.reading.spec import Demand, Spec


def graph_spec(spec: Spec, shape: tuple[int, ...], outputs: int) -> Spec:
    """The same with the shape of a row and the number of outputs, once the graph is read.

    Raises:
        Invalid: they have no meaning together with the rest.
    """
    known = replace(spec, widths=(math.prod(shape), outputs), shape=shape)
    check_consistent(known)
    return known


def demands(spec: Spec, quantities: set[str]) -> tuple[Demand, ...]:
    """With what it goes: wrong or not, where, what is stated, what is needed."""
    return (
        (spec.graph is not None and spec.weight_norm != "euclidean", "weights.norm", spec.weight_norm,
         "euclidean, with a graph"),
        (spec.graph is not None and spec.map != "sublevel", "solution.map", spec.map, "sublevel, with a graph"),
        (spec.graph is not None and spec.parameter == "features" and "persistence_radius" in quantities, "gate",
         "persistence_radius", "another quantity, where features of a graph move"),
    )
