"""What each hypothesis says, in words of this version: those of a certificate are stated by whoever wrote it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

AT_MOST, AT_LEAST = "at most", "at least"

HYPOTHESES: Final = MappingProxyType({
    "counting": ("free parameters beyond the number of equations", ""),
    "solution": ("an exact solution near the given weights exists; its distance from them", AT_MOST),
    "smooth": ("the network is smooth enough at the data; distance of its pre-activations from a kink", AT_LEAST),
    "rank": ("the matrix of the linear system is nonsingular (or of full row rank); smallest singular value", AT_LEAST),
    "layer_rank": ("the inputs of the layer have full row rank, on today's and on the changed data", ""),
    "contraction": ("what a right inverse leaves of the identity within both radii, less than 1", AT_MOST),
    "evaluation": ("the network is differentiable at every evaluation row", ""),
    "agreement": ("evaluation rows at which every solution nearby changes the outputs alike", AT_LEAST),
    "freedom": ("evaluation rows at which the first-order change takes every value, by the solution", AT_LEAST),
    "symmetry": ("symmetries explain the kernel of the Hessian; number of independent ones", ""),
    "tilt": ("the loss is tilted so that the given weights are critical; length of the shift", AT_MOST),
    "convex": ("the training loss is strongly convex in the weights that carry decay; weight decay", ""),
    "weights": ("length of the weights of the last layer", AT_LEAST),
    "bias": ("the gradient is the weight decay times the biases; distance", AT_MOST),
    "loss": ("training loss at the given weights", AT_MOST),
    "interior": ("the level exceeds the training loss by", AT_LEAST),
    "gradient": ("the gradient of the loss by the weights is not 0; its norm", AT_LEAST),
    "descent": ("the loss falls along the witness throughout both balls; mean slope", AT_LEAST),
})
"""By name: what it says, and which side of its value was proved (none: the value is exact, or there is none)."""
