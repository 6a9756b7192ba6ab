"""Sets as objects: distances, excess, cones, limits and derivatives of solution sets.

Sets are given by rational data (floats are the rationals they are); every number is an enclosure (:class:`Extent`),
exact where sets are polyhedral.
"""

from certify.prove.derivative import Coderivative, Directions, GraphicalDerivative
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
