"""How far the pre-activations of a network with kinks are from them (V9)."""

from __future__ import annotations

from certify.check.kernel import DIGITS, Finding, judged
from certify.check.linalg.definite import Truth
from certify.check.systems.near.reference import reference
from certify.check.systems.point import Point


def away(point: Point, least: float) -> Finding:
    """Every one, at the data and the reference rows, by at least `least`; raises `NotSmooth` where one may be at 0."""
    _ = point.backward  # raises NotSmooth
    seen = point.of(reference)
    layers = [*point.forward.before, *(() if seen is None else seen.passed.before)]
    sizes = [abs(z).lower() for layer in layers for z in layer]
    if all(x >= least for x in sizes):  # false of what is no number
        return Finding(Truth.PROVED, "the network is differentiable at the data")
    below = any(abs(z) < least for layer in layers for z in layer)
    return judged(False, below, f"one pre-activation is {min(sizes).str(DIGITS, radius=False)} in size")
