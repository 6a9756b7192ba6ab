"""What the network of a graph file goes with."""

from __future__ import annotations

from functools import partial

from certify.check.reading.sections.demands import Goes, judged

RULES = (
    Goes({"graph": True}, {"weights": "euclidean"}, "weights.norm", "weight_norm", "euclidean, with a graph"),
    Goes({"graph": True}, {"map": "sublevel"}, "solution.map", "map", "sublevel, with a graph"),
    Goes({"graph": True, "parameter": "features", "quantity": "persistence_radius"}, None, "gate", "quantity",
         "another quantity, where features of a graph move"),
)
demands = partial(judged, RULES)
"""With what it goes: wrong or not, where, what is stated, what is needed."""
