"""Base `nearby`: how far the exact solution may lie from the given weights before its claims say too little of them.

Beside a symmetry of the network exact solutions lie everywhere, and the moduli at two of them may differ by any factor:
a claim about a far one is true, and no claim about the given weights.
"""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from certify.format.digits import at_most
from certify.network.network import Network
from certify.rigor import fp

if TYPE_CHECKING:
    from certify.problem.problem import Problem

WITHIN: Final = 1e-6
"""`solution.within` where the spec gives none: a share of the length of the free weights."""


def within(problem: Problem) -> float | None:
    """The share of the length of the free weights that the distance may be; None: any, there is one solution only."""
    stated = None if problem.spec is None else problem.spec.solution.within
    return stated if stated is not None or only_one(problem) else WITHIN


def only_one(problem: Problem) -> bool:
    """Whether the loss is strongly convex in the free weights: of the last layer alone, with weight decay."""
    network = problem.network
    last = (network.layers(problem.layer) == (network.depth,) if isinstance(network, Network)
            else problem.layer == "last")
    return problem.solutions.stationary and problem.weight_decay > 0 and last


def weights_length(problem: Problem) -> float:
    """The greatest float that is no larger than the Euclidean norm of the free weights."""
    net = problem.network
    if isinstance(net, Network):
        free = [net.weights[h - 1] for h in net.layers(problem.layer)]
        free += [b for h in net.layers(problem.layer) if (b := net.biases[h - 1]) is not None]
    else:  # of a graph base `nearby` moves the last layer alone
        free = list(net.last_arrays)
    own = np.concatenate([part.ravel() for part in free])
    return root_below(fp.inner(own, own))


def too_far(problem: Problem, distance: float | None) -> str:
    """Why a solution at this distance counts for nothing, and what to do; empty where it counts, or there is none.

    Args:
        problem: the problem.
        distance: from the given weights, as proved; None where no solution was proved.
    """
    share = within(problem) if problem.nearby else None
    if share is None or distance is None:
        return ""
    length = weights_length(problem)
    if Fraction(distance) <= Fraction(share) * Fraction(length):
        return ""
    part = "and they are all 0"
    if length:  # one float up, since the quotient is rounded
        part = f"{at_most(math.nextafter(distance / length, math.inf), 3)} of their length"
    kind = problem.solutions.solution
    return (f"the exact {kind} is proved only within {at_most(distance, 3)} of the given weights ({part}), and "
            f"solution.within = {share!r} is the most that counts: the ends are about that {kind}, not about these "
            "weights. Train on until an exact one is nearer (`certify polish SPEC` does), or set solution.within in "
            "the spec")


def root_below(square: Fraction) -> float:
    """The greatest float whose square is no larger.

    >>> root_below(Fraction(4)), root_below(Fraction(2)) ** 2 <= 2.0, root_below(Fraction(0))
    (2.0, True, 0.0)
    """
    largest = sys.float_info.max
    if square >= Fraction(largest) ** 2:
        return largest
    root = float(fp.sqrt_down(square))
    while Fraction(root) ** 2 > square:
        root = math.nextafter(root, 0.0)
    while (above := math.nextafter(root, math.inf)) < math.inf and Fraction(above) ** 2 <= square:
        root = above
    return root
