"""The reference rows of a function norm at a point."""

from __future__ import annotations

from certify.check.enclosure import function_norm
from certify.check.systems.point import Point


def reference(point: Point) -> function_norm.Reference | None:
    """The passes over the reference rows of the function norm; raises `NotSmooth`."""
    if not point.problem.reference:
        return None
    return function_norm.reference(point.problem)
