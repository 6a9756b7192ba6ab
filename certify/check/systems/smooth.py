"""The network is differentiable at the data, and at the reference rows of a function norm (V9)."""

from __future__ import annotations

from importlib import import_module

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.kernel import Finding
from certify.check.linalg.definite import Truth
from certify.check.systems.point import Point


def smooth(point: Point, least: float) -> Finding:
    """V9: every pre-activation is proved away from a kink, by at least `least`."""
    if not ACTIVATIONS[point.problem.activation].kinked:
        return Finding(Truth.PROVED, "the network is differentiable at the data")
    found: Finding = import_module("certify.check.systems.near.kinks").away(point, least)
    return found
