"""Sets as objects: distances, excess, cones, limits and derivatives of solution sets.

Sets are given by rational data (floats are the rationals they are); every number is an enclosure (:class:`Extent`),
exact where sets are polyhedral. Derivatives of solution maps are found a floor above, and are named here too.
"""

from __future__ import annotations

from typing import Any

from certify.sets.ball import Ball, Ellipsoid
from certify.sets.base import ClosedSet, ConvexSet
from certify.sets.cones import limiting_normal_cone, normal_cone, tangent_cone
from certify.sets.exact.polyhedron import Polyhedron, segment
from certify.sets.excess import distance, excess, hausdorff
from certify.sets.extent import Extent
from certify.sets.family import Aubin, PolyhedralFamily
from certify.sets.movement import Moved, Movement, moved, movement
from certify.sets.smooth.curve import Curve
from certify.sets.smooth.equations import Polynomials
from certify.sets.smooth.manifold import Manifold, Nearest, Zero
from certify.sets.truncated import integrated_distance, rho_distance, truncated_hausdorff
from certify.sets.union import FiniteUnion

__all__ = [
    "Aubin", "Ball", "ClosedSet", "Coderivative", "ConvexSet", "Curve", "Directions", "Ellipsoid", "Extent",
    "FiniteUnion", "GraphicalDerivative", "Manifold", "Moved", "Movement", "Nearest", "PolyhedralFamily", "Polyhedron",
    "Polynomials", "Zero", "distance", "excess", "hausdorff", "integrated_distance", "limiting_normal_cone", "moved",
    "movement", "normal_cone", "rho_distance", "segment", "tangent_cone", "truncated_hausdorff",
]  # fmt: skip

_ABOVE = {name: "certify.prove.derivative" for name in ("Coderivative", "Directions", "GraphicalDerivative")}


def __getattr__(name: str) -> Any:
    """Import what is built on problems on first use: no set needs it."""
    if name in _ABOVE:
        import importlib

        return getattr(importlib.import_module(_ABOVE[name]), name)
    raise AttributeError(f"module 'certify.sets' has no attribute '{name}'")
