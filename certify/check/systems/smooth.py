"""The network is differentiable at the data, and at the reference rows of a function norm (V9)."""

from __future__ import annotations

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.kernel import DIGITS, Finding, judged
from certify.check.linalg.definite import Truth
from certify.check.systems.point import Point


def smooth(point: Point, least: float) -> Finding:
    """V9: every pre-activation is proved away from a kink, by at least `least`."""
    if ACTIVATIONS[point.problem.activation].kinked:
        _ = point.backward  # raises NotSmooth
        from certify.check.systems.near.reference import reference

        seen = point.of(reference)
        layers = [*point.forward.before, *(() if seen is None else seen.passed.before)]
        sizes = [abs(z).lower() for layer in layers for z in layer]
        if not all(x >= least for x in sizes):  # false of what is no number
            below = any(abs(z) < least for layer in layers for z in layer)
            return judged(False, below, f"one pre-activation is {min(sizes).str(DIGITS, radius=False)} in size")
    return Finding(Truth.PROVED, "the network is differentiable at the data")
