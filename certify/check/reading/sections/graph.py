"""What the network of a graph file goes with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certify.check.reading.spec import Demand, Spec


def demands(spec: Spec, quantities: set[str]) -> tuple[Demand, ...]:
    """With what it goes: wrong or not, where, what is stated, what is needed."""
    return (
        (spec.graph is not None and spec.weight_norm != "euclidean", "weights.norm", spec.weight_norm,
         "euclidean, with a graph"),
        (spec.graph is not None and spec.map != "sublevel", "solution.map", spec.map, "sublevel, with a graph"),
        (spec.graph is not None and spec.parameter == "features" and "persistence_radius" in quantities, "gate",
         "persistence_radius", "another quantity, where features of a graph move"),
    )
