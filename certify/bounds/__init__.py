"""Bounds: one theorem a file, and the way from a problem to a bound with its rigour.

`bound(problem, "modulus")` and the like try cheap arithmetic first and go on to dearer tiers where the two ends do not
meet closely enough.
"""

from __future__ import annotations

from certify.bounds.base_point import base_point
from certify.bounds.interpolation import Interpolation
from certify.bounds.prover import bound, prover
from certify.bounds.sublevel import Sublevel

__all__ = ["Interpolation", "Sublevel", "base_point", "bound", "prover"]
