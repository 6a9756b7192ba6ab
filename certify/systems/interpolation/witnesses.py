"""Arrays too large for a certificate: what was found by search and has to be seen to repeat a proof."""

from __future__ import annotations

from certify.rigor.fp import Array
from certify.systems.interpolation.nearby import Solution


def solution_arrays(solution: Solution) -> dict[str, Array]:
    """The centre of the ball that holds an exact solution: `weight.h.hi`, `.lo`, `bias.h.hi`, `.lo`, h from 1."""
    arrays: dict[str, Array] = {}
    parameters = solution.parameters
    for h, ((W, low), b) in enumerate(zip(parameters.weights, parameters.biases, strict=True), 1):
        arrays |= {f"weight.{h}.hi": W, f"weight.{h}.lo": low}
        if b is not None:
            arrays |= {f"bias.{h}.hi": b[0], f"bias.{h}.lo": b[1]}
    return arrays
