"""What is said of kinks where a sublevel set is looked at."""

from __future__ import annotations

from certify.network.graph.graph import GraphNetwork
from certify.network.layers.passes import Kink
from certify.problem.problem import Problem


def kink_words(kinks: tuple[int, tuple[Kink, ...]], n: int) -> str:
    """Why there is no derivative, and at which unit first; rows from n on are those of the reference."""
    first = next((kink for kink in kinks[1] if kink.twins), kinks[1][0])
    row = f"row {first.row}" if first.row < n else f"reference row {first.row - n}"
    where = f"{row}, {'layer' if isinstance(first.layer, int) else 'node'} {first.layer}, unit {first.unit}"
    if first.twins:
        return (f"entries of a maximum are equal whatever the weights ({where}), as they see equal numbers, and "
                "features that move part them, so no derivative of L is known there: ask about parameter = "
                "'sample_weights' or 'targets', where such ties do not matter, or pool by averages")
    return (f"a ReLU pre-activation could not be proved different from 0, or a maximum from a tie ({where}), so L is "
            "not differentiable: change these rows or weights slightly" if isinstance(first.layer, str) else
            f"a ReLU pre-activation could not be proved different from 0 ({where}), so L is not differentiable: change "
            "these rows or weights slightly")


def smooth_words(problem: Problem) -> str:
    """The hypothesis that the network has no kink."""
    words, net = "no ReLU pre-activation is 0", problem.network
    if isinstance(net, GraphNetwork):
        words += ", except where none of the moves can change it,"
        if "max_pool" in net.operations:
            words += " and no maximum is tied"
            words += "" if problem.moving.inputs else ", except between entries that are one function of the weights"
    return words
